"""Long lists are searched, short ones are what they always were."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest

from cvstudio.foundation.params import Choices, Doc, Field
from cvstudio.models import MODELS, models_for
from cvstudio.models.terms import Place, terms
from ui.models.model_chooser import ModelChooser
from ui.widgets.rows.choice_rows import ChoiceRow
from ui.widgets.search_combo import MANY, SearchCombo


@pytest.fixture
def chooser(qtbot: Any) -> ModelChooser:
    made = ModelChooser(models_for("classify"))
    qtbot.addWidget(made)
    made.show()
    with qtbot.waitExposed(made):
        pass
    return made


def opened(combo: SearchCombo) -> Any:
    combo.showPopup()
    assert combo.searched is not None
    return combo.searched


def type_in(found: Any, text: str) -> None:
    if text.isascii():
        QTest.keyClicks(found.search, text)
    else:
        found.search.setText(text)


def test_all_models_are_listed_under_their_families_the_usable_ones_first(chooser):
    found = opened(chooser)
    texts = found.texts()
    assert texts[:2] == ["Ready to use", "EfficientNet-Lite0"]
    assert {model.title for model in models_for("classify")} <= set(texts)
    families = {model.family for model in models_for("classify") if terms(model).place is Place.ABSENT}
    headings = [
        text for row, text in enumerate(texts) if not found.model.index(row, 0).flags() & Qt.ItemFlag.ItemIsEnabled
    ]
    assert set(headings) == families | {"Ready to use"}
    assert len(headings) == len(set(headings))
    # The oldest first, as a course does.
    assert headings.index("AlexNet") < headings.index("ResNet") < headings.index("ConvNeXt")
    vgg = texts.index("VGG")
    assert texts[vgg + 1 : vgg + 5] == ["VGG-11", "VGG-13", "VGG-16", "VGG-19"]
    chooser.hidePopup()


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("vgg-16", "VGG-16"),
        ("fire module", "SqueezeNet 1.0"),
        ("resnet50", "ResNet-50"),
        ("skip connection", "Small residual network"),
        ("vision transformer", "ViT-B/16"),
        ("스퀴즈넷", "SqueezeNet 1.0"),
        ("mobilnet", "MobileNet v2"),
    ],
)
def test_typing_finds_a_model_and_enter_takes_it(typed, first, chooser, qtbot):
    found = opened(chooser)
    type_in(found, typed)
    assert found.texts()[0] == first
    with qtbot.waitSignal(chooser.activated):
        QTest.keyClick(found.search, Qt.Key.Key_Return)
    assert MODELS[chooser.currentData()].title == first
    qtbot.waitUntil(lambda: chooser.searched is None)


def test_the_arrows_pass_headings_by(chooser, qtbot):
    chooser.setCurrentIndex(chooser.findData("alexnet"))
    found = opened(chooser)
    assert found.list.currentIndex().data() == "AlexNet"
    QTest.keyClick(found.search, Qt.Key.Key_Down)
    assert found.list.currentIndex().data() == "GoogLeNet"
    QTest.keyClick(found.search, Qt.Key.Key_Up)
    assert found.list.currentIndex().data() == "AlexNet"
    for _ in range(60):
        QTest.keyClick(found.search, Qt.Key.Key_PageUp)
    assert found.list.currentIndex().data() == "EfficientNet-Lite0"
    QTest.keyClick(found.search, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: chooser.searched is None)
    assert chooser.currentData() == "alexnet"


def test_where_nothing_fits_it_says_so_and_enter_takes_nothing(chooser):
    found = opened(chooser)
    type_in(found, "qqqq")
    assert found.texts() == ["No match; try another word."]
    before = chooser.currentIndex()
    QTest.keyClick(found.search, Qt.Key.Key_Return)
    assert chooser.currentIndex() == before
    chooser.hidePopup()


def test_a_click_takes_a_row_and_none_on_a_heading(chooser, qtbot):
    found = opened(chooser)
    place = found.list.visualRect(found.model.index(0, 0)).center()
    QTest.mouseClick(found.list.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    assert found.isVisible()
    type_in(found, "squeezenet 1.1")
    place = found.list.visualRect(found.model.index(0, 0)).center()
    with qtbot.waitSignal(chooser.activated):
        QTest.mouseClick(found.list.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    assert chooser.currentData() == "squeezenet1-1"


def test_actions_are_buttons_under_the_list(chooser, qtbot):
    action = QAction("More …", chooser)
    chooser.addAction(action)
    found = opened(chooser)
    from PySide6.QtWidgets import QPushButton

    (button,) = found.findChildren(QPushButton)
    with qtbot.waitSignal(action.triggered):
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: chooser.searched is None)


def test_a_short_list_is_the_usual_one(qtbot):
    combo = SearchCombo()
    qtbot.addWidget(combo)
    combo.addItems([str(number) for number in range(MANY)])
    combo.show()
    combo.showPopup()
    assert combo.searched is None
    assert combo.view().isVisible()
    combo.hidePopup()


def test_a_short_list_opens_where_it_did_after_keys_and_escape(qtbot):
    combo = SearchCombo()
    qtbot.addWidget(combo)
    combo.addItems(["Picture", "Depth map", "Labels"])
    combo.show()
    with qtbot.waitExposed(combo):
        pass
    places = []
    for _ in range(2):
        combo.showPopup()
        qtbot.waitUntil(combo.view().isVisible)
        places.append(combo.view().window().geometry())
        assert combo.view().currentIndex().row() == 0
        QTest.keyClick(combo.view(), Qt.Key.Key_Down)
        QTest.keyClick(combo.view(), Qt.Key.Key_Down)
        assert combo.view().currentIndex().row() == 2
        QTest.keyClick(combo.view(), Qt.Key.Key_Escape)
        qtbot.waitUntil(lambda: not combo.view().isVisible())
    assert combo.currentText() == "Picture"
    assert places[0] == places[1]


@pytest.mark.parametrize("count", [8, 60])
def test_a_list_of_choices_begins_with_those_that_fit_best(qtbot: Any, count: int) -> None:
    field = Field("target", "choice", "", Doc("Class"), choices=Choices(from_model="labels", empty="most likely class"))
    row = ChoiceRow(field)
    qtbot.addWidget(row)
    row.show()
    names = tuple(f"class {number}" for number in range(count))
    row.configure(bounds=None, options=names, histogram=None)
    row.suggest(("class 5", "class 2"))
    found = opened(row.combo)
    rest = [name for name in names if name not in ("class 5", "class 2")]
    assert found.texts() == ["most likely class", "Most likely here", "class 5", "class 2", "All", *rest]
    row.combo.hidePopup()
    # The next picture has others; the choice stays.
    row.show_value("class 2")
    row.suggest(("class 7",))
    assert opened(row.combo).texts()[:4] == ["most likely class", "Most likely here", "class 7", "All"]
    assert row.value() == "class 2"
    row.combo.hidePopup()
