"""The measure panel: labels and models chosen, figures at any score, worst pictures opened, mapping changed, export."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from cvstudio.cli.main import main
from cvstudio.data.labels import PictureLabels
from cvstudio.evaluation.tables import class_table
from cvstudio.models import MODELS
from cvstudio.session.session import State
from tests.ui.panels.measuring_steps import measure, set_score, texts
from ui.panels._measure.confusion_page import ConfusionPage
from ui.panels._measure.confusion_view import NAMES_WIDTH
from ui.panels._measure.content import CONTROLS_WIDTH, MeasureContent
from ui.panels._measure.curve_page import CurvePlot, ReliabilityPlot
from ui.panels._measure.tables import ResultTable
from ui.panels.measure import MeasurePanel
from ui.window.main_window import MainWindow

FIGURES, CLASSES, CURVES, CONFUSION, ERRORS, WORST, MAPPING, LEFT_OUT = range(8)


def test_a_model_is_measured_and_every_page_says_so(content: MeasureContent, qtbot: QtBot) -> None:
    assert not content.export_button.isEnabled()
    measure(content, qtbot)
    assert "3 pictures, 3 of 3 classes" in content.message.text()
    figures = dict(texts(content.figures))
    # Of red and green one of two is found; before the one blue box a wrong one is as sure of itself.
    assert figures["Boxes AP50"] == f"{(51 / 101 + 51 / 101 + 0.5) / 3:.3f}"
    content.tabs.turn(CLASSES)
    assert [row[0] for row in texts(content.classes)] == ["red", "green", "blue"]
    content.tabs.turn(ERRORS)
    assert {row[0]: row[1] for row in texts(content.errors)}["Place"] == "1"
    content.tabs.turn(WORST)
    assert texts(content.worst) == [["001.png", "2", "2", "0"]]
    content.tabs.turn(LEFT_OUT)
    assert texts(content.left_out) == []
    content.tabs.turn(CONFUSION)
    assert content.confusion.view.text_at(1, 2) == "green taken for blue: 1, 50% of the row"
    content.confusion.view.grab()


def test_the_labels_on_screen_are_measured_first(window: MainWindow, labels: Path, qtbot: QtBot) -> None:
    labelling, session = window.controller.labelling, window.controller.session
    window.open_paths([labels.parent / "000.png"])
    qtbot.waitUntil(lambda: labelling.media is not None, timeout=30_000)
    labelling.begin(["car"])
    window.open_paths([labels])
    qtbot.waitUntil(lambda: labelling.annotations is not None and labelling.annotations.path == labels, timeout=30_000)
    window.show_panel("measure")
    content = window.dock_layout.content(MeasurePanel).make()
    assert content.source.count() == 2
    assert content.source.currentData() == labelling.annotations
    # What is registered goes after the window, which would ask for it.
    session.load(State())


def test_a_long_name_of_a_set_cuts_nothing_off(content: MeasureContent, qtbot: QtBot, tmp_path: Path) -> None:
    content.set_source(tmp_path / ("instance_segmentation" * 4))
    content.cancel_button.window().show()
    column = content.source.parentWidget()
    qtbot.waitUntil(lambda: content.source.currentText().startswith("instance"), timeout=5_000)
    assert column.minimumSizeHint().width() <= CONTROLS_WIDTH


def test_every_page_is_named_however_narrow_the_panel_is(content: MeasureContent, qtbot: QtBot) -> None:
    tabs = content.tabs
    titles = [tabs.bar.tabText(index) for index in range(tabs.bar.count())]
    assert len(titles) == len(range(LEFT_OUT + 1))
    content.window().resize(1900, 900)
    qtbot.waitUntil(lambda: not tabs.folded, timeout=5_000)
    last = tabs.bar.tabRect(LEFT_OUT)
    assert tabs.bar.rect().contains(last)
    content.window().resize(1024, 700)
    qtbot.waitUntil(lambda: tabs.folded, timeout=5_000)
    assert tabs.list.isVisible()
    assert not tabs.bar.isVisible()
    assert [tabs.list.itemText(row) for row in range(tabs.list.count())] == titles
    tabs.list.setCurrentIndex(WORST)
    assert content.pages.currentWidget() is content.worst


def test_an_unmeasured_page_says_what_to_do(content: MeasureContent, qtbot: QtBot) -> None:
    assert not content.figures.before.isHidden()
    assert content.figures.before.text() == "Choose labels and a model, and press Measure."
    measure(content, qtbot)
    assert content.figures.before.isHidden()


def test_class_names_have_room_in_a_narrow_panel(content: MeasureContent, qtbot: QtBot) -> None:
    measure(content, qtbot)
    assert content.measured is not None
    narrow = ResultTable("")
    qtbot.addWidget(narrow)
    narrow.resize(300, 200)
    narrow.show_table(class_table(content.measured.evaluations))
    narrow.show()
    table = narrow.table
    assert table is not None
    needed = table.sizeHintForColumn(0)
    qtbot.waitUntil(lambda: table.columnWidth(0) >= needed, timeout=5_000)
    assert needed > table.horizontalHeader().minimumSectionSize()


def test_the_point_follows_the_score(content: MeasureContent, qtbot: QtBot) -> None:
    measure(content, qtbot)
    content.tabs.turn(CURVES)
    assert isinstance(content.curves.plot, CurvePlot)
    assert content.curves.plot.points[0].recall == 0.6
    set_score(content, 0.9, qtbot)
    assert content.curves.plot.points[0].recall == 0.4
    assert "at 0.90" in content.curves.plot.legend.text().replace("&nbsp;", " ")
    content.thresholds.kinds.setCurrentIndex(content.thresholds.kinds.findText("blue"))
    qtbot.waitUntil(
        lambda: content.curves.plot is not None and content.curves.plot.points[0].recall == 1.0, timeout=5000
    )
    content.tabs.turn(FIGURES)
    assert dict(texts(content.figures))["Boxes recall"] == "0.400"


def test_measuring_again_keeps_the_score(content: MeasureContent, qtbot: QtBot) -> None:
    measure(content, qtbot)
    assert content.thresholds.score == pytest.approx(0.3)
    set_score(content, 0.62, qtbot)
    before = content.measured
    content.mapping.changed.emit(0, "Red", None)
    qtbot.waitUntil(lambda: content.state == "done" and content.measured is not before, timeout=60_000)
    assert content.thresholds.score == pytest.approx(0.62)
    measure(content, qtbot)
    assert content.thresholds.score == pytest.approx(0.62)
    # The scores of another model may have another meaning.
    content.set_model("colour-masks")
    measure(content, qtbot)
    assert content.thresholds.score == pytest.approx(0.3)


def test_another_overlap_is_matched_on_a_worker(content: MeasureContent, qtbot: QtBot) -> None:
    measure(content, qtbot)
    content.tabs.turn(WORST)
    # What is moved by 16 of 30 pixels overlaps by 14 of 46.
    content.thresholds.iou_row.changed.emit(0.3, False)
    qtbot.waitUntil(lambda: texts(content.worst) == [["001.png", "1", "1", "1"]], timeout=10_000)


def test_two_models_stand_side_by_side(content: MeasureContent, qtbot: QtBot) -> None:
    content.set_model("colour-masks", 1)
    measure(content, qtbot)
    rows = {row[0]: row[1:] for row in texts(content.figures)}
    assert rows["Boxes AP"][0] == rows["Boxes AP"][1]
    assert rows["Masks AP"][0] == "–"
    assert content.thresholds.models.isVisibleTo(content)
    assert content.thresholds.forms.count() == 2
    content.tabs.turn(CURVES)
    assert isinstance(content.curves.plot, CurvePlot)
    assert len(content.curves.plot.points) == 2


def test_models_of_the_same_task_stand_beside_each_other(content: MeasureContent) -> None:
    first, second = content.models

    def offered() -> set[str]:
        return {MODELS[key].task for row in range(1, second.count()) if (key := second.itemData(row))}

    assert (second.itemText(0), second.itemData(0)) == ("No other model", "")
    assert offered() == {"detect"}
    content.set_model("colour-masks", 1)
    content._tell_terms()
    row = second.currentIndex()
    spoken = second.itemData(row, Qt.ItemDataRole.AccessibleTextRole)
    assert spoken.startswith("Colour Masks")
    assert second.itemData(0, Qt.ItemDataRole.AccessibleTextRole) is None
    content.set_model("pyramid-lite0")
    assert second.currentData() == "colour-masks"
    content.set_model("colour-classes")
    assert offered() == {"classify"}
    assert second.currentData() == ""
    assert first.currentData() == "colour-classes"


def click(page: ConfusionPage, true: int, predicted: int) -> None:
    """Click on the cell of two of the shown classes."""
    view = page.view
    side = view._cell_size()
    place = QPoint(*(round(NAMES_WIDTH + (place + 0.5) * side) for place in (predicted, true)))
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)


def test_a_click_on_a_cell_lists_its_pictures_and_a_click_opens_one(
    content: MeasureContent, window: MainWindow, qtbot: QtBot
) -> None:
    measure(content, qtbot)
    content.tabs.turn(CONFUSION)
    page = content.confusion
    assert not page.pictures.isVisibleTo(page)
    click(page, 1, 2)
    assert page.title.text() == "green taken for blue"
    assert texts(page.pictures) == [["001.png", "1"]]
    click(page, 0, 0)
    assert texts(page.pictures) == [["000.png", "1"]]
    # A red object is missed where it is moved; the last column is what is missed.
    click(page, 0, 3)
    assert (page.title.text(), texts(page.pictures)) == ("red taken for background", [["001.png", "1"]])
    click(page, 2, 0)  # an empty cell
    assert page.cell == (0, -1)
    page.pictures.table.selected.emit((page.pictures.table.rows.table_rows[0].number,))
    state = window.controller.session
    qtbot.waitUntil(
        lambda: state.state.active_media is not None and state.state.active_media.name == "001.png", timeout=60_000
    )


def test_a_classifier_has_its_reliability(content: MeasureContent, qtbot: QtBot) -> None:
    content.set_model("colour-classes")
    measure(content, qtbot)
    content.tabs.turn(CURVES)
    assert isinstance(content.curves.plot, ReliabilityPlot)
    assert "calibration error" in content.curves.plot.legend.text().replace("&nbsp;", " ")
    content.tabs.turn(CONFUSION)
    content.confusion.view.grab()


def test_a_label_is_mapped_and_all_is_measured_again(
    content: MeasureContent, colour_models: Any, qtbot: QtBot, tmp_path: Path
) -> None:
    measure(content, qtbot)
    colour_models.CALLS.clear()
    content.tabs.turn(MAPPING)
    before = content.measured
    content.mapping.changed.emit(0, "Red", None)
    qtbot.waitUntil(lambda: content.state == "done" and content.measured is not before, timeout=60_000)
    assert "1 class of the set has no label" in content.mapping.rest.text()
    assert colour_models.CALLS == []
    path = tmp_path / "map.json"
    path.write_text('{"Red": "red"}', encoding="utf-8")
    before = content.measured
    content.mapping.load(path)
    qtbot.waitUntil(lambda: content.state == "done" and content.measured is not before, timeout=60_000)
    assert not content.mapping.rest.isVisibleTo(content)


def test_a_mapping_holds_for_its_set_alone(content: MeasureContent, labels: Path, qtbot: QtBot) -> None:
    measure(content, qtbot)
    before = content.measured
    content.mapping.changed.emit(0, "Red", "green")
    qtbot.waitUntil(lambda: content.state == "done" and content.measured is not before, timeout=60_000)
    other = labels.with_name("other.json")
    other.write_text(labels.read_text(encoding="utf-8").replace('"green"', '"lime"'), encoding="utf-8")
    content.set_source(other)
    measure(content, qtbot)
    assert content.evaluation is not None
    assert content.evaluation.category_names == ("red", "lime", "blue")
    assert content.evaluation.mapping.pairs["Red"] == "red"


def test_what_was_stopped_leaves_the_pictures_with_their_model(content: MeasureContent, qtbot: QtBot) -> None:
    measure(content, qtbot)
    shown: list[str] = []
    content._pictures.show = lambda path, annotations, models, secs: shown.extend(item.model for item in models)  # type: ignore[method-assign]
    content.set_model("colour-classes")
    content.start()
    content._open_picture(1)
    qtbot.waitUntil(lambda: content.state == "done", timeout=60_000)
    assert shown == ["colour-boxes"]


def test_a_wrong_mapping_is_told_and_changes_nothing(content: MeasureContent, qtbot: QtBot, tmp_path: Path) -> None:
    measure(content, qtbot)
    content.tabs.turn(MAPPING)
    told: list[tuple[str, str]] = []
    content.mapping.notice.connect(lambda level, text: told.append((level, text)))
    path = tmp_path / "map.json"
    path.write_text('{"lion": "red"}', encoding="utf-8")
    content.mapping.load(path)
    assert "'lion'" in told[0][1]
    assert content.state == "done"


def test_a_click_opens_the_picture_with_the_prediction(
    content: MeasureContent, window: MainWindow, qtbot: QtBot
) -> None:
    measure(content, qtbot)
    content.tabs.turn(WORST)
    content.worst.picked.emit(1)
    controller = window.controller
    qtbot.waitUntil(lambda: controller.session.state.active_media is not None, timeout=30_000)
    qtbot.waitUntil(lambda: controller.detections() is not None, timeout=30_000)
    state = controller.session.state
    assert state.active_media is not None
    assert state.active_media.name == "001.png"
    assert state.instance is not None
    assert state.instance.model == "colour-boxes"
    assert state.instance.value("score") == pytest.approx(0.3)
    detections = controller.detections()
    assert detections is not None
    assert len(detections) == 2
    # Another picture goes into the same layers.
    content.worst.picked.emit(0)
    qtbot.waitUntil(lambda: controller.session.state.active_media.name == "000.png", timeout=30_000)
    assert [item.model for item in controller.session.state.instances].count("colour-boxes") == 1


def test_the_model_whose_pictures_are_listed_is_current_on_the_one_that_is_opened(
    content: MeasureContent, window: MainWindow, qtbot: QtBot
) -> None:
    content.set_model("colour-masks", 1)
    measure(content, qtbot)
    for number, expected in enumerate(("colour-boxes", "colour-masks")):
        content.thresholds.models.setCurrentIndex(number)
        content.worst.picked.emit(number)
        opened = content.evaluation.pictures[content.evaluation.names[number]]

        def current(path: Path = opened) -> str:
            state = window.controller.session.state
            there = state.active_media is not None and state.active_media.path == path
            return state.instance.model if there and state.instance is not None else ""

        qtbot.waitUntil(lambda current=current, expected=expected: current() == expected, timeout=60_000)
    assert {item.model for item in window.controller.session.state.instances} >= {"colour-boxes", "colour-masks"}


def test_a_classifier_s_picture_is_not_covered_by_what_nobody_asked_for(
    content: MeasureContent, window: MainWindow, qtbot: QtBot
) -> None:
    content.set_model("colour-classes")
    measure(content, qtbot)
    content.tabs.turn(WORST)
    content.worst.picked.emit(1)
    session = window.controller.session
    qtbot.waitUntil(lambda: any(item.model == "colour-classes" for item in session.state.instances), timeout=60_000)
    assert "detect" not in [item.analysis for item in session.state.instances]


def test_what_failed_later_does_not_change_whose_predictions_a_click_shows(
    content: MeasureContent, window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    measure(content, qtbot)
    before = content.measured
    content.set_source(tmp_path / "gone.json")
    content.set_model("colour-masks")
    content.start()
    qtbot.waitUntil(lambda: content.state == "done", timeout=30_000)
    assert content.measured is before
    content.worst.picked.emit(1)
    controller = window.controller
    qtbot.waitUntil(lambda: controller.detections() is not None, timeout=30_000)
    instance = controller.session.state.instance
    assert instance is not None
    assert instance.model == "colour-boxes"


def test_a_click_shows_the_labels_too(content: MeasureContent, window: MainWindow, qtbot: QtBot) -> None:
    measure(content, qtbot)
    content.worst.picked.emit(1)
    controller = window.controller
    qtbot.waitUntil(lambda: len(controller.session.state.instances) > 1, timeout=30_000)
    kinds = {item.analysis for item in controller.session.state.instances}
    assert {"detect", "labelled-boxes"} <= kinds
    qtbot.waitUntil(lambda: content.source.count() == 2, timeout=5000)
    controller.session.load(State())


def test_labels_that_were_edited_since_are_not_shown_twice(
    content: MeasureContent, window: MainWindow, labels: Path, qtbot: QtBot
) -> None:
    controller, labelling = window.controller, window.controller.labelling
    window.open_paths([labels])
    qtbot.waitUntil(lambda: labelling.ready, timeout=30_000)
    measure(content, qtbot)
    labelling.edit("Delete label", PictureLabels(labelling.labels.size))
    edited = labelling.annotations
    content.worst.picked.emit(1)
    qtbot.waitUntil(
        lambda: any(item.model == "colour-boxes" for item in controller.session.state.instances), timeout=30_000
    )
    state = controller.session.state
    assert [item.analysis for item in state.instances].count("labelled-boxes") == 1
    assert labelling.annotations == edited, "and what is edited next is the same set"
    controller.session.load(State())


def test_a_click_opens_the_picture_at_its_place_in_the_open_set(
    content: MeasureContent, window: MainWindow, labels: Path, qtbot: QtBot
) -> None:
    library, session = window.controller.library, window.controller.session
    folder = next(labels.parent.rglob("001.png")).parent
    window.controller.open_paths([folder])
    qtbot.waitUntil(lambda: library.place[1] == 3 and session.state.active_media is not None, timeout=30_000)
    measure(content, qtbot)
    content.worst.picked.emit(1)
    qtbot.waitUntil(lambda: any(item.model == "colour-boxes" for item in session.state.instances), timeout=30_000)
    assert session.state.active_media.name == "001.png"
    assert library.current.path == folder
    assert library.place == (1, 3)
    assert library.files == ()
    # Also from the list of open files, and the next picture is one step away.
    library.show_set(None)
    content.worst.picked.emit(0)
    qtbot.waitUntil(lambda: session.state.active_media.name == "000.png", timeout=30_000)
    assert library.place == (0, 3)
    library.step(1)
    qtbot.waitUntil(lambda: session.state.active_media.name == "001.png", timeout=30_000)


def test_it_is_exported(content: MeasureContent, qtbot: QtBot, tmp_path: Path) -> None:
    measure(content, qtbot)
    content.export(tmp_path / "out.json")
    qtbot.waitUntil(lambda: (tmp_path / "out.json").is_file(), timeout=30_000)
    assert json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["models"][0]["score"] == pytest.approx(0.3)
    qtbot.waitUntil(lambda: not content._controller.pipeline.busy, timeout=30_000)


def test_what_cannot_be_measured_is_told(
    content: MeasureContent, window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    told: list[str] = []
    window.controller.notice.connect(lambda level, text: told.append(text))
    content.set_source(tmp_path)
    content.start()
    qtbot.waitUntil(lambda: content.state == "done", timeout=30_000)
    assert told
    assert "could not be measured" in content.message.text()
    assert content.start_button.isEnabled()


def test_the_numbers_are_those_of_the_command_line(content: MeasureContent, labels: Path, qtbot: QtBot) -> None:
    import cvstudio

    measure(content, qtbot)
    figures = dict(texts(content.figures))
    for name, value in cvstudio.evaluate("colour-boxes", labels).summary().items():
        assert figures[name] == ("–" if np.isnan(value) else f"{value:.3f}")


def test_two_models_have_the_numbers_of_the_command_line(
    content: MeasureContent,
    labels: Path,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setitem(MODELS["colour-masks"].defaults, "score", 0.95)
    monkeypatch.setitem(content._changes, (labels, "colour-masks"), {"green": None})
    (tmp_path / "none.json").write_text("{}")
    (tmp_path / "map.json").write_text('{"green": null}')
    content.set_model("colour-masks", 1)
    measure(content, qtbot)
    maps = [str(part) for name in ("none", "map") for part in ("--map", tmp_path / f"{name}.json")]
    capsys.readouterr()
    assert main(["evaluate", "colour-boxes", "colour-masks", "--data", str(labels), *maps, "--json", "-q"]) == 0
    printed = json.loads(capsys.readouterr().out)
    figures = {row["figure"]: row for row in printed["figures"]}
    assert figures["Boxes recall"]["colour-boxes"] != figures["Boxes recall"]["colour-masks"]

    def rows(name: str) -> list[list[str]]:
        cells = [row.values() for row in printed[name]]
        return [
            ["–" if item is None else f"{item:.3f}" if isinstance(item, float) else str(item) for item in row]
            for row in cells
        ]

    assert texts(content.figures) == rows("figures")
    content.tabs.turn(CLASSES)
    assert texts(content.classes) == rows("classes")
    # The slider is that of the model whose pages are shown.
    assert content.thresholds.score_row.value() == pytest.approx(0.3)
    content.thresholds.models.setCurrentIndex(1)
    assert content.thresholds.score_row.value() == pytest.approx(0.95)
    set_score(content, 0.4, qtbot)
    assert content.thresholds.scores == (0.3, 0.4)
    content.export(tmp_path / "out.json")
    qtbot.waitUntil(lambda: not content._controller.pipeline.busy, timeout=30_000)
    models = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["models"]
    assert [item["score"] for item in models] == [0.3, 0.4]
