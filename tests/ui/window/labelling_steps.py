"""Steps of the tests that edit labels in the window."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from cvstudio.data.labels import Annotation
from ui.panels.labels import LabelsPanel
from ui.tour.input_events import move_mouse
from ui.views.labels.editor import LabelEditor
from ui.window.main_window import MainWindow

LEFT, NO_KEYS = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


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
