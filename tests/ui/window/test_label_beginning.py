"""Labels begun on a picture that has none: the keys and commands that lead to the field of their classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from cvstudio.media.examples.files import sample_path
from cvstudio.session.session import State
from tests.ui.window.labelling_steps import annotations, begin
from ui.panels.labels import LabelsPanel
from ui.panels.results import ResultsPanel
from ui.window.main_window import MainWindow


@pytest.mark.parametrize("way", ["labels-edit", "labels-new"])
def test_a_picture_without_labels_is_asked_for_classes(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, way: str
) -> None:
    controller, canvas = window.controller, window.workspace.canvas
    Pillow.fromarray(np.full((80, 120, 3), 90, np.uint8)).save(tmp_path / "one.png")
    controller.open_paths([tmp_path / "one.png"])
    qtbot.waitUntil(lambda: canvas.content_size is not None, timeout=30_000)
    notices: list[str] = []
    controller.notice.connect(lambda level, text: notices.append(text))
    window.docks["labels"].hide()
    canvas.setFocus()
    if way == "labels-edit":
        QTest.keyClick(canvas, Qt.Key.Key_L)
    else:
        window.actions_by_key[way].trigger()
    field = window.dock_layout.content(LabelsPanel).class_names
    qtbot.waitUntil(lambda: field.isVisible() and window.focusWidget() is field, timeout=10_000)
    assert notices == []
    QTest.keyClicks(field, "car, bus")
    QTest.keyClick(field, Qt.Key.Key_Return)
    known = controller.labelling
    qtbot.waitUntil(lambda: [category.name for category in known.categories] == ["car", "bus"], timeout=30_000)
    qtbot.waitUntil(lambda: not controller.pipeline.busy, timeout=30_000)
    # What is registered goes after the window, which would ask for it.
    controller.session.load(State())


def test_a_panel_without_labels_takes_the_height_of_what_it_says(window: MainWindow, qtbot: QtBot) -> None:
    window.resize(1100, 620)
    window.show_panel("labels")
    panel = window.dock_layout.content(LabelsPanel)
    dock = window.docks["labels"]

    def fits(page: QWidget) -> bool:
        return panel.stack.currentWidget() is page and abs(page.height() - page.heightForWidth(page.width())) <= 2

    qtbot.waitUntil(lambda: fits(panel.nothing), timeout=10_000)
    assert dock.height() < 220
    window.open_paths([sample_path("cat")])
    qtbot.waitUntil(lambda: fits(panel.beginning), timeout=30_000)
    assert dock.height() < 240
    panel.class_names.setText("cat")
    panel.begin.click()
    qtbot.waitUntil(lambda: dock.height() >= 420, timeout=30_000)
    # What is registered goes with the window, which would ask for it.
    window.controller.session.load(State())


def test_delete_on_a_detection_says_what_to_do_and_offers_it(window: MainWindow, qtbot: QtBot) -> None:
    controller = window.controller
    window.open_paths([sample_path("astronaut")])
    qtbot.waitUntil(lambda: controller.session.state.instance is not None, timeout=60_000)
    controller.use_analysis("detect")
    controller.set_model("haar-face")
    controller.set_value("min_neighbors", 1)
    qtbot.waitUntil(lambda: len(controller.detections() or ()) > 1 and not controller.pipeline.busy, timeout=60_000)
    detections = controller.detections()
    assert detections is not None
    table = window.dock_layout.content(ResultsPanel).table
    for widget in (window.workspace.canvas, table):
        controller.select(frozenset({int(detections.ids[0])}))
        QTest.keyClick(widget, Qt.Key.Key_Delete)
        (notice,) = window.notices.shown
        assert notice.text.startswith("What a model found cannot be deleted. Begin labels")
        assert controller.detections() is detections
        assert notice.action is not None
        notice.action.click()
        qtbot.waitUntil(window.docks["labels"].isVisible)
    begin(window, qtbot, "face")
    controller.labelling.set_active(False)
    instance = next(item for item in controller.session.state.instances if item.analysis == "detect")
    controller.layers.select(instance.id)
    qtbot.waitUntil(lambda: len(controller.detections() or ()) == len(detections), timeout=60_000)
    controller.select(frozenset({int(detections.ids[0])}))
    QTest.keyClick(window.workspace.canvas, Qt.Key.Key_Delete)
    (notice,) = window.notices.shown
    assert notice.action is not None
    assert notice.action.text() == "Accept the Others"
    notice.action.click()
    assert len(annotations(window)) == len(detections) - 1
    controller.undo()
    assert annotations(window) == ()
    # Nothing is chosen: Delete is silent.
    controller.select(frozenset())
    QTest.keyClick(window.workspace.canvas, Qt.Key.Key_Delete)
    assert window.notices.shown == ()
