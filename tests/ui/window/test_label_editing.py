"""Labels corrected in the window: canvas, panel, session, undo, project, export."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from cvstudio.data.labels import Annotation
from cvstudio.session.session import State
from ui.panels.labels import LabelsPanel
from ui.tour.input_events import move_mouse
from ui.views.labels.editor import LabelEditor
from ui.window.main_window import MainWindow

LEFT, NO_KEYS = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


@pytest.fixture
def labelling(window: MainWindow, qtbot: QtBot, tmp_path: Path, labelled_boxes: Any) -> Iterator[MainWindow]:
    """Two grey pictures of a folder, the first on the canvas, without labels."""
    controller = window.controller
    for name in ("one", "two"):
        Pillow.fromarray(np.full((80, 120, 3), 90, np.uint8)).save(tmp_path / f"{name}.png")
    controller.open_paths([tmp_path / "one.png", tmp_path / "two.png"])
    qtbot.waitUntil(lambda: len(controller.session.state.media) == 2, timeout=30_000)
    window.show_panel("labels")
    qtbot.waitUntil(lambda: window.workspace.canvas.content_size is not None, timeout=30_000)
    yield window
    # What is registered goes after the window, which would ask for it.
    controller.session.load(State())


def panel(window: MainWindow) -> LabelsPanel:
    return window.dock_layout.content(LabelsPanel)


def editor(window: MainWindow) -> LabelEditor:
    found = window.workspace.labels.editor
    assert found is not None
    return found


def settled(window: MainWindow) -> bool:
    labels = window.controller.labelling.labels
    result = window.controller.detections()
    return result is not None and len(result) == len(labels.annotations) and not window.controller.pipeline.busy


def begin(window: MainWindow, qtbot: QtBot, classes: str = "car, dog") -> None:
    shown = panel(window)
    qtbot.waitUntil(lambda: shown.stack.currentIndex() == 1)
    shown.class_names.setText(classes)
    QTest.mouseClick(shown.begin, LEFT)
    qtbot.waitUntil(lambda: window.workspace.labels.editor is not None and editor(window).tool is not None)


def at(window: MainWindow, x: float, y: float) -> QPoint:
    return window.workspace.canvas.widget_position(x, y).toPoint()


def draw(window: MainWindow, *places: tuple[float, float]) -> list[tuple[float, float]]:
    """Drag over the canvas; where that was in image pixels."""
    points = [at(window, *each) for each in places]
    QTest.mousePress(editor(window), LEFT, NO_KEYS, points[0])
    for point in points[1:]:
        move_mouse(editor(window), point, LEFT)
    QTest.mouseRelease(editor(window), LEFT, NO_KEYS, points[-1])
    found = [window.workspace.canvas.image_position(point.toPointF()) for point in points]
    return [place for place in found if place is not None]


def key(window: MainWindow, key: Qt.Key) -> None:
    QTest.keyClick(window.focusWidget() or window, key)


def annotations(window: MainWindow) -> tuple[Annotation, ...]:
    return window.controller.labelling.labels.annotations


def test_a_box_is_drawn_relabelled_moved_and_undone_step_by_step(labelling: MainWindow, qtbot: QtBot) -> None:
    controller = labelling.controller
    begin(labelling, qtbot)
    assert editor(labelling).hasFocus()
    key(labelling, Qt.Key.Key_B)
    key(labelling, Qt.Key.Key_2)
    (x0, y0), _, (x1, y1) = draw(labelling, (20, 10), (40, 30), (60, 50))
    assert annotations(labelling)[0].box == pytest.approx((x0, y0, x1, y1))
    assert annotations(labelling)[0].category == 1
    qtbot.waitUntil(lambda: settled(labelling), timeout=30_000)
    key(labelling, Qt.Key.Key_1)
    assert annotations(labelling)[0].category == 0
    key(labelling, Qt.Key.Key_Escape)
    states: list[Any] = []
    controller.state_changed.connect(lambda old, new: states.append(new))
    (x2, y2), *_, (x3, y3) = draw(labelling, (40, 30), (42, 31), (50, 35), (60, 40))
    assert len(states) == 1, "a drag is one change of the session"
    moved = (x0 + x3 - x2, y0 + y3 - y2, x1 + x3 - x2, y1 + y3 - y2)
    assert annotations(labelling)[0].box == pytest.approx(moved)
    titles = []
    while controller.session.undo_title != "New labels":
        titles.append(controller.session.undo_title)
        controller.undo()
    assert titles == ["Move label", "Change the class", "Draw label"]
    assert annotations(labelling) == ()
    for _ in titles:
        controller.redo()
    assert annotations(labelling)[0].box == pytest.approx(moved)
    qtbot.waitUntil(lambda: settled(labelling), timeout=30_000)
    result = controller.detections()
    assert result is not None
    assert result.boxes[0] == pytest.approx(np.array(moved), abs=1e-3)


def test_the_next_picture_has_labels_of_its_own(labelling: MainWindow, qtbot: QtBot) -> None:
    controller = labelling.controller
    begin(labelling, qtbot)
    key(labelling, Qt.Key.Key_B)
    draw(labelling, (20, 10), (60, 50))
    key(labelling, Qt.Key.Key_D)
    qtbot.waitUntil(lambda: controller.session.state.active_media.name == "two.png", timeout=30_000)
    qtbot.waitUntil(lambda: editor(labelling).tool is not None, timeout=30_000)
    assert annotations(labelling) == ()
    tool = editor(labelling).tool
    assert tool is not None
    assert tool.mode == "box", "drawing goes on"
    draw(labelling, (30, 20), (50, 40))
    assert len(annotations(labelling)) == 1
    key(labelling, Qt.Key.Key_A)
    qtbot.waitUntil(lambda: controller.session.state.active_media.name == "one.png", timeout=30_000)
    qtbot.waitUntil(lambda: editor(labelling).tool is not None, timeout=30_000)
    assert annotations(labelling)[0].box[0] == pytest.approx(20, abs=0.5)
    edits = controller.labelling.annotations
    assert edits is not None
    assert sorted(edits.edits) == ["one.png", "two.png"]
