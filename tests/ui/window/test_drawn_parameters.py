"""Parameters of every new kind in the window: control, canvas, session, undo, project."""

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

from cvstudio.foundation.shapes import Stroke
from cvstudio.results.picture import Picture
from cvstudio.session.project import load_project, save_project
from cvstudio.session.session import State
from ui.panels.analysis import AnalysisPanel
from ui.tour.input_events import move_mouse
from ui.window.main_window import MainWindow

LEFT, NO_KEYS = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


@pytest.fixture
def sketching(window: MainWindow, qtbot: QtBot, sketch: Any, tmp_path: Path) -> Iterator[MainWindow]:
    """A grey picture with the analysis that paints what it is given."""
    controller = window.controller
    for name in ("grey", "other"):
        Pillow.fromarray(np.full((80, 120, 3), 90, np.uint8)).save(tmp_path / f"{name}.png")
    controller.open_paths([tmp_path / "grey.png"])
    qtbot.waitUntil(lambda: bool(controller.session.state.media), timeout=30_000)
    controller.use_analysis("sketch")
    qtbot.waitUntil(lambda: settled(window), timeout=30_000)
    yield window
    # What is registered goes after the window, which would ask for it.
    controller.session.load(State())


def settled(window: MainWindow) -> bool:
    controller = window.controller
    return isinstance(controller.current_result(), Picture) and not controller.pipeline.busy


def row(window: MainWindow, name: str) -> Any:
    panel = window.docks["analysis"].widget()
    assert isinstance(panel, AnalysisPanel)
    return panel.form.row(name)


def value(window: MainWindow, name: str) -> Any:
    instance = window.controller.session.state.instance
    assert instance is not None
    return instance.value(name)


def at(window: MainWindow, x: float, y: float) -> QPoint:
    return window.workspace.canvas.widget_position(x, y).toPoint()


def place(window: MainWindow, point: QPoint) -> tuple[float, float]:
    found = window.workspace.canvas.image_position(point)
    assert found is not None
    return found


def draw(window: MainWindow, *places: tuple[float, float]) -> list[tuple[float, float]]:
    """Drag over the canvas; where that was in image pixels."""
    editor = window.workspace.shapes.editor
    points = [at(window, *each) for each in places]
    QTest.mousePress(editor, LEFT, NO_KEYS, points[0])
    for point in points[1:]:
        move_mouse(editor, point, LEFT)
    QTest.mouseRelease(editor, LEFT, NO_KEYS, points[-1])
    return [place(window, point) for point in points]


def pixel(window: MainWindow, x: int, y: int) -> list[int]:
    result = window.controller.current_result()
    return list(map(int, result.pixels[y, x]))


def test_a_box_goes_from_the_row_over_the_canvas_to_the_picture_and_back(sketching: MainWindow, qtbot: QtBot) -> None:
    controller = sketching.controller
    seen: list[Any] = []
    controller.state_changed.connect(lambda old, new: seen.append(new))
    QTest.mouseClick(row(sketching, "frame").button, LEFT)
    (x0, y0), _, (x1, y1) = draw(sketching, (20, 10), (40, 30), (60, 50))
    assert len(seen) == 2, "each move of the mouse is seen"
    assert value(sketching, "frame") == pytest.approx((x0, y0, x1, y1))
    qtbot.waitUntil(lambda: settled(sketching) and pixel(sketching, 40, 30) == [0xFF, 0x88, 0], timeout=30_000)
    assert row(sketching, "frame").label.marked
    assert "×" in row(sketching, "frame").button.text()
    draw(sketching, (40, 30), (50, 35))
    assert controller.session.undo_title == "Change frame"
    controller.undo()
    assert value(sketching, "frame") == pytest.approx((x0, y0, x1, y1))
    assert sketching.workspace.shapes.editor.tool.value == value(sketching, "frame")
    controller.undo()
    assert value(sketching, "frame") is None
    qtbot.waitUntil(lambda: settled(sketching) and pixel(sketching, 40, 30) == [90, 90, 90], timeout=30_000)
    controller.redo()
    assert value(sketching, "frame") == pytest.approx((x0, y0, x1, y1))


def test_a_drag_that_is_called_off_is_no_step(sketching: MainWindow) -> None:
    controller = sketching.controller
    before = controller.session.undo_title
    QTest.mouseClick(row(sketching, "frame").button, LEFT)
    editor = sketching.workspace.shapes.editor
    QTest.mousePress(editor, LEFT, NO_KEYS, at(sketching, 20, 10))
    move_mouse(editor, at(sketching, 60, 50), LEFT)
    assert value(sketching, "frame") is not None
    QTest.keyClick(editor, Qt.Key.Key_Escape)
    assert value(sketching, "frame") is None
    assert controller.session.undo_title == before
    QTest.mouseRelease(editor, LEFT, NO_KEYS, at(sketching, 60, 50))
    QTest.keyClick(editor, Qt.Key.Key_Escape)
    assert not editor.isVisible()


def test_arrows_and_delete_act_on_the_shape_and_not_on_the_window(sketching: MainWindow, qtbot: QtBot) -> None:
    sketching.controller.set_value("frame", (20.0, 10.0, 60.0, 50.0))
    QTest.mouseClick(row(sketching, "frame").button, LEFT)
    editor = sketching.workspace.shapes.editor
    qtbot.waitUntil(editor.hasFocus)
    window = sketching.windowHandle()
    QTest.keyClick(window, Qt.Key.Key_Right)
    QTest.keyClick(window, Qt.Key.Key_Right)
    assert value(sketching, "frame") == (22, 10, 62, 50)
    sketching.controller.undo()
    assert value(sketching, "frame") == (21, 10, 61, 50)
    QTest.keyClick(window, Qt.Key.Key_Delete)
    assert value(sketching, "frame") is None
    QTest.keyClick(window, Qt.Key.Key_Escape)
    assert not editor.isVisible()
    assert sketching.workspace.canvas.hasFocus()


def test_a_copy_of_the_view_is_without_handles_and_hint(sketching: MainWindow, qtbot: QtBot) -> None:
    sketching.controller.set_value("frame", (20.0, 10.0, 60.0, 50.0))
    qtbot.waitUntil(lambda: settled(sketching), timeout=30_000)
    plain = sketching.workspace.picture()
    QTest.mouseClick(row(sketching, "frame").button, LEFT)
    assert sketching.workspace.picture() == plain
    assert sketching.workspace.shapes.editor.isVisible()


def test_a_polygon_and_strokes_are_drawn_and_undone_one_by_one(sketching: MainWindow, qtbot: QtBot) -> None:
    controller = sketching.controller
    QTest.mouseClick(row(sketching, "region").button, LEFT)
    editor = sketching.workspace.shapes.editor
    corners = [at(sketching, *corner) for corner in ((70, 10), (110, 10), (110, 60))]
    for corner in corners:
        QTest.mouseClick(editor, LEFT, NO_KEYS, corner)
    assert value(sketching, "region") is None
    QTest.keyClick(editor, Qt.Key.Key_Return)
    assert value(sketching, "region") == tuple(place(sketching, corner) for corner in corners)
    QTest.mouseClick(row(sketching, "marks").button, LEFT)
    QTest.keyClick(editor, Qt.Key.Key_2)
    draw(sketching, (10, 65), (40, 65))
    draw(sketching, (10, 75), (40, 75))
    assert [stroke.label for stroke in value(sketching, "marks")] == ["thing", "thing"]
    qtbot.waitUntil(lambda: settled(sketching) and pixel(sketching, 25, 65) == [0xFF, 0x88, 0], timeout=30_000)
    assert pixel(sketching, 105, 20) == [0xFF, 0x88, 0]
    assert row(sketching, "marks").button.text() == "2 strokes"
    controller.undo()
    assert len(value(sketching, "marks")) == 1
    controller.undo()
    assert value(sketching, "marks") == ()
    controller.undo()
    assert value(sketching, "region") is None


def test_texts_colours_and_lists_reach_the_session(sketching: MainWindow, qtbot: QtBot) -> None:
    controller = sketching.controller
    for name, text, wanted in (("caption", "a cat", "a cat"), ("names", 'a,"b, c"', ("a", "b, c"))):
        editor = row(sketching, name).editor
        editor.setFocus()
        editor.selectAll()
        QTest.keyClicks(editor, text)
        QTest.keyClick(editor, Qt.Key.Key_Return)
        assert value(sketching, name) == wanted
        assert controller.session.undo_title == f"Change {name}"
    tint = row(sketching, "tint")
    QTest.mouseClick(tint.button, LEFT)
    tint.dialog.setCurrentColor("#00c0ff")
    tint.dialog.accept()
    assert value(sketching, "tint") == "#00c0ff"
    controller.undo()
    assert value(sketching, "tint") == "#ff8800"
    assert tint.value() == "#ff8800"
    controller.undo()
    assert row(sketching, "names").editor.text() == ""


def test_the_tool_goes_with_its_row_its_picture_and_its_analysis(sketching: MainWindow, qtbot: QtBot) -> None:
    controller, shapes = sketching.controller, sketching.workspace.shapes
    button = row(sketching, "frame").button
    QTest.mouseClick(button, LEFT)
    assert shapes.editor.isVisible()
    QTest.mouseClick(button, LEFT)
    assert not shapes.editor.isVisible()
    QTest.mouseClick(button, LEFT)
    first = controller.session.state.active_media
    controller.open_paths([first.path.with_name("other.png")])
    qtbot.waitUntil(lambda: controller.session.state.active_media.name == "other.png", timeout=30_000)
    assert not shapes.editor.isVisible()
    QTest.mouseClick(button, LEFT)
    assert shapes.editor.isVisible()
    controller.use_analysis("hog")
    assert not shapes.editor.isVisible()


def test_a_project_saved_in_the_window_brings_all_of_it_back(sketching: MainWindow, tmp_path: Path) -> None:
    controller = sketching.controller
    values = {
        "frame": (20.0, 10.0, 60.0, 50.0),
        "region": ((70.0, 10.0), (110.0, 10.0), (110.0, 60.0)),
        "marks": (Stroke(((10.0, 65.0), (40.0, 65.0)), 4.0, "thing"),),
        "names": ("a", "b, c"),
        "story": "one\ntwo",
    }
    for name, wanted in values.items():
        controller.set_value(name, wanted)
    path = tmp_path / "it.cvsproj"
    save_project(path, controller.session.state)
    state, _ = load_project(path)
    controller.load(state, 0.0)
    assert state == controller.session.state
    for name, wanted in values.items():
        assert value(sketching, name) == wanted
        assert row(sketching, name).value() == wanted
