"""The licence of a model is in sight before it is used, and its card tells the rest."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QToolButton

from cvstudio.foundation.errors import WeightsError
from cvstudio.models import MODELS
from cvstudio.models.terms import Place, terms
from cvstudio.weights.embedded import card
from ui.models.licence_line import LicenceLine
from ui.models.model_card import CardPopup, ModelCardView
from ui.models.model_chooser import LICENCE, PLACE, ModelChooser
from ui.window.main_window import MainWindow

EMBEDDED = [model.key for model in MODELS if terms(model).place is Place.EMBEDDED]


@pytest.fixture
def window(window: MainWindow) -> MainWindow:
    """The window with the detectors to choose from."""
    window.controller.use_analysis("detect")
    return window


def test_some_models_are_embedded():
    assert EMBEDDED


@pytest.mark.parametrize("key", EMBEDDED)
def test_the_card_of_an_embedded_model_tells_all_that_is_known(key, qtbot):
    view = ModelCardView(MODELS[key])
    qtbot.addWidget(view)
    known = card(key)
    told = "\n".join(view.texts())
    assert ("non-commercial" in view.texts()) is known.non_commercial
    for word in (MODELS[key].title, MODELS[key].paper, known.licence, known.date, f"{known.hours:g} h", known.command):
        assert word in told
    for source in known.sources:
        assert source.name in told
        assert source.licence in told
    for metric in known.metrics:
        assert metric.value in told
        assert metric.split in told
    for sentence in known.not_for:
        assert sentence in told


def test_a_published_model_shows_the_facts_of_its_weights(qtbot):
    view = ModelCardView(MODELS["ssdlite"])
    qtbot.addWidget(view)
    (weights,) = MODELS["ssdlite"].weights
    told = "\n".join(view.texts())
    for word in (
        weights.licence,
        weights.trained_on,
        weights.metrics,
        weights.file_name,
        weights.url,
        "not downloaded",
    ):
        assert word in told
    assert "non-commercial" not in view.texts()


def test_a_model_of_a_library_says_that_nothing_is_downloaded(qtbot):
    view = ModelCardView(MODELS["hog"])
    qtbot.addWidget(view)
    assert any("nothing is downloaded" in text for text in view.texts())


def test_a_card_says_that_a_local_file_is_another_matter(qtbot, tmp_path):
    view = ModelCardView(MODELS["ssdlite"], local=tmp_path / "mine.pth")
    qtbot.addWidget(view)
    assert str(tmp_path / "mine.pth") in view.texts()
    assert any("not of this file" in text for text in view.texts())


def test_a_damaged_card_is_one_sentence_on_the_card(qtbot, monkeypatch):
    def broken(key: str) -> None:
        raise WeightsError("Expected a model card, but found none; install again.")

    monkeypatch.setattr("ui.models.model_card.card", broken)
    view = ModelCardView(MODELS["hog"])
    qtbot.addWidget(view)
    assert "Expected a model card, but found none; install again." in view.texts()


def test_the_chooser_tells_licence_size_and_place_of_every_model(qtbot):
    chooser = ModelChooser(MODELS)
    qtbot.addWidget(chooser)
    rows = {chooser.itemData(row): row for row in range(chooser.count())}
    assert set(rows) == {model.key for model in MODELS}
    for model in MODELS:
        licence, place = (chooser.itemData(rows[model.key], role) for role in (LICENCE, PLACE))
        assert licence == (model.weights[0].licence if model.weights else "")
        assert ("MB" in place) is bool(model.weights)
    assert chooser.itemData(rows["ssdlite"], PLACE).endswith("not downloaded")
    read_out = chooser.itemData(rows["ssdlite"], Qt.ItemDataRole.AccessibleTextRole)
    assert read_out == "SSDlite320, BSD-3-Clause, 14.1 MB · not downloaded"


def test_the_list_has_room_for_the_second_line(qtbot):
    chooser = ModelChooser(MODELS)
    qtbot.addWidget(chooser)
    chooser.show()
    chooser.showPopup()
    view = chooser.searched.list
    indexes = [view.model().index(row, 0) for row in range(view.model().rowCount())]
    heights = {index.data(Qt.ItemDataRole.UserRole): view.visualRect(index).height() for index in indexes}
    chooser.hidePopup()
    line = view.fontMetrics().height()
    assert heights["ssdlite"] >= 2 * line
    assert line <= heights["hog"] < heights["ssdlite"]


def test_the_licence_stands_under_the_chooser_and_changes_with_the_model(window, tmp_path):
    panel = window.docks["analysis"].widget()
    for key in EMBEDDED:
        if MODELS[key].task == "detect":
            window.controller.set_model(key)
            assert panel.licence.text.text() == MODELS[key].weights[0].licence
            assert panel.licence.badge.isVisible() is card(key).non_commercial
    window.controller.set_model("ssdlite")
    assert panel.licence.text.text() == "BSD-3-Clause · not downloaded"
    assert panel.licence.badge.isHidden()
    local = tmp_path / "mine.pth"
    local.touch()
    window.controller.set_model("ssdlite", local)
    assert panel.licence.text.text() == "Checkpoint mine.pth: licence not stated"


def test_the_line_is_away_where_there_is_nothing_to_say(qtbot):
    line = LicenceLine()
    qtbot.addWidget(line)
    line.show_terms(None)
    assert line.isHidden()


def test_the_button_beside_the_chooser_opens_the_card_and_escape_closes_it(window, qtbot):
    panel = window.docks["analysis"].widget()
    window.controller.set_model("ssdlite")
    button = panel.findChild(QToolButton, "about-model-button")
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    (popup,) = button.findChildren(CardPopup)
    assert "BSD-3-Clause" in popup.view.texts()
    assert button.screen().availableGeometry().contains(popup.geometry())
    QTest.keyClick(popup, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not button.findChildren(CardPopup))


def test_cards_are_read_at_any_path(tmp_path: Path, digits, qtbot):
    """A run's own card, beside its weights, is shown with the model that it belongs to."""
    from cvstudio.cli.main import main
    from cvstudio.training.runs import run_folder
    from cvstudio.weights.embedded import load_card

    assert main(["train", "digits", "-q", "--data", str(digits)]) == 0
    known = load_card(run_folder("digits") / "linear-digits.json")
    view = ModelCardView(MODELS["linear-digits"], trained=known)
    qtbot.addWidget(view)
    assert "CC BY 4.0" in view.texts()
    assert known.metrics[0].value in view.texts()
    assert "non-commercial" not in view.texts()
