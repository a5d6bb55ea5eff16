"""The canvas under real mouse and key events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from cvstudio.data.geometry import Rect, Size, View
from ui.base import theme
from ui.views.canvas import Canvas

SIZE = Size(64, 48)


def coded(view: View) -> NDArray[np.uint8]:
    """Each pixel tells which image pixel it shows: red its column, green its row."""
    height, width = view.size.height, view.size.width
    columns = np.floor(view.rect.x + (np.arange(width) + 0.5) / view.scale).astype(np.uint8)
    rows = np.floor(view.rect.y + (np.arange(height) + 0.5) / view.scale).astype(np.uint8)
    made = np.zeros((height, width, 3), np.uint8)
    made[..., 0], made[..., 1], made[..., 2] = columns[None], rows[:, None], 200
    return made


@pytest.fixture
def canvas(shown: Callable[..., Any]) -> Canvas:
    made = Canvas()
    made.set_renderer(coded)
    made.set_content_size(SIZE)
    return shown(made, 640, 400)


def pixel(canvas: Canvas, x: int, y: int) -> tuple[int, int, int]:
    return canvas.grab().toImage().pixelColor(x, y).getRgb()[:3]  # type: ignore[return-value]


def wheel(canvas: Canvas, point: QPoint, notches: int) -> None:
    where = QPointF(point)
    event = QWheelEvent(
        where,
        QPointF(canvas.mapToGlobal(point)),
        QPoint(),
        QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(canvas, event)


def test_it_fits_at_first_and_while_its_size_changes(canvas: Canvas) -> None:
    assert canvas.view() == View(Rect(0, 0, 64, 48), 400 / 48)
    canvas.resize(320, 400)
    assert canvas.view() == View(Rect(0, 0, 64, 48), 5.0)


def test_after_zooming_it_fits_no_more_until_told(canvas: Canvas) -> None:
    wheel(canvas, QPoint(320, 200), 3)
    scale = canvas.view().scale
    canvas.resize(500, 300)
    assert canvas.view().scale == scale
    canvas.fit()
    assert canvas.view().rect == Rect(0, 0, 64, 48)


@pytest.mark.parametrize("point", [QPoint(200, 150), QPoint(400, 310), QPoint(321, 77)])
def test_the_wheel_keeps_the_pixel_under_the_cursor(canvas: Canvas, point: QPoint) -> None:
    before = pixel(canvas, point.x(), point.y())
    for notches in (1, 2, 3):
        wheel(canvas, point, notches)
        assert pixel(canvas, point.x(), point.y()) == before
    assert canvas.view().scale == pytest.approx(400 / 48 * 1.25**6)


def test_what_is_painted_is_what_was_rendered(canvas: Canvas) -> None:
    canvas.bar.hide()
    canvas.zoom_to(7.3, QPointF(100, 100))
    view = canvas.view()
    picture = canvas.grab().toImage()
    place = canvas.image_position(QPointF(300, 200))
    assert place is not None
    assert picture.pixelColor(300, 200).getRgb()[:2] == (int(place[0] + 0.5 / 7.3), int(place[1] + 0.5 / 7.3))
    assert view.scale == 7.3


def test_actual_size_is_one_to_one(canvas: Canvas) -> None:
    canvas.actual_size()
    assert canvas.view() == View(Rect(0, 0, 64, 48), 1.0)


@pytest.mark.parametrize("button", [Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton])
def test_dragging_pans_and_is_no_click(canvas: Canvas, drag: Callable[..., None], qtbot: Any, button: Any) -> None:
    canvas.zoom_to(20, QPointF(320, 200))
    before = pixel(canvas, 300, 200)
    with qtbot.assertNotEmitted(canvas.clicked):
        drag(canvas, QPoint(300, 200), QPoint(330, 220), QPoint(340, 240), button=button)
    assert pixel(canvas, 340, 240) == before


def test_space_and_drag_pans_also_with_a_tool(canvas: Canvas, drag: Callable[..., None], qtbot: Any) -> None:
    canvas.setFocus()
    canvas.set_tool("point")
    canvas.zoom_to(20, QPointF(320, 200))
    start = canvas.view()
    QTest.keyPress(canvas, Qt.Key.Key_Space)
    with qtbot.assertNotEmitted(canvas.clicked), qtbot.assertNotEmitted(canvas.space_tapped):
        drag(canvas, QPoint(300, 200), QPoint(340, 200))
        QTest.keyRelease(canvas, Qt.Key.Key_Space)
    assert canvas.view().rect.x == pytest.approx(start.rect.x - 2)
    with qtbot.waitSignal(canvas.space_tapped):
        QTest.keyClick(canvas, Qt.Key.Key_Space)


def test_a_click_tells_the_image_pixel(canvas: Canvas, qtbot: Any) -> None:
    red, green, _ = pixel(canvas, 250, 170)
    with qtbot.waitSignal(canvas.clicked) as click:
        QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier, QPoint(250, 170))
    x, y, modifiers = click.args
    assert (int(x), int(y)) == (red, green)
    assert modifiers == Qt.KeyboardModifier.ShiftModifier


def test_hovering_tells_where_and_when_the_picture_is_left(canvas: Canvas, qtbot: Any) -> None:
    with qtbot.waitSignal(canvas.hovered) as hover:
        QTest.mouseMove(canvas, QPoint(320, 200))
    assert hover.args == pytest.approx([32, 24], abs=0.2)
    with qtbot.waitSignal(canvas.left):
        QTest.mouseMove(canvas, QPoint(5, 200))  # beside the picture


def test_the_point_tool_goes_with_escape(canvas: Canvas, qtbot: Any, drag: Callable[..., None]) -> None:
    canvas.set_tool("point")
    with qtbot.waitSignal(canvas.clicked):
        drag(canvas, QPoint(300, 200), QPoint(330, 200))  # a shaky hand still places the point
    with qtbot.waitSignal(canvas.tool_cancelled):
        QTest.keyClick(canvas, Qt.Key.Key_Escape)
    assert canvas.tool is None


def test_view_changes_are_told_once_and_only_when_there_are_any(canvas: Canvas) -> None:
    told: list[View] = []
    canvas.view_changed.connect(lambda: told.append(canvas.view()))
    canvas.fit()
    canvas.set_content_size(SIZE)
    canvas.refresh()
    assert told == []
    canvas.zoom_to(3.0)
    assert [view.scale for view in told] == [3.0]


def test_many_refreshes_render_once(canvas: Canvas, qtbot: Any) -> None:
    calls: list[View] = []
    canvas.set_renderer(lambda view: calls.append(view) or coded(view))  # type: ignore[func-returns-value]
    QApplication.processEvents()
    calls.clear()
    for _ in range(20):
        canvas.refresh()
    qtbot.waitUntil(lambda: bool(calls))
    QApplication.processEvents()
    assert len(calls) == 1


def test_a_read_only_or_cut_out_array_is_painted(canvas: Canvas) -> None:
    whole = np.zeros((900, 1200, 3), np.uint8)
    whole[..., 1] = 77
    whole.flags.writeable = False
    canvas.set_renderer(lambda view: whole[: view.size.height, : view.size.width])
    assert pixel(canvas, 320, 100) == (0, 77, 0)


def test_stale_is_dimmed_and_its_timer_runs_only_while_it_is_seen(canvas: Canvas, qtbot: Any) -> None:
    blue = pixel(canvas, 320, 100)[2]
    canvas.set_stale(True)
    assert pixel(canvas, 320, 100)[2] < blue
    assert canvas._timer.isActive()
    canvas.hide()
    assert not canvas._timer.isActive()
    canvas.show()
    assert canvas._timer.isActive()
    lines = [canvas.grab().toImage().pixelColor(320, 0).name()]
    qtbot.waitUntil(
        lambda: lines.append(canvas.grab().toImage().pixelColor(320, 0).name()) or theme.current().accent in lines,
        timeout=3000,
    )
    canvas.set_stale(False)
    assert not canvas._timer.isActive()
    assert pixel(canvas, 320, 100)[2] == blue


def test_the_floating_controls_emit(canvas: Canvas, qtbot: Any) -> None:
    from PySide6.QtWidgets import QToolButton

    buttons = canvas.bar.findChildren(QToolButton)
    assert all(button.accessibleName() and button.toolTip() for button in buttons)
    fit, full, compare, overlay = buttons
    qtbot.mouseClick(full, Qt.MouseButton.LeftButton)
    assert canvas.view().scale == 1.0
    qtbot.mouseClick(fit, Qt.MouseButton.LeftButton)
    assert canvas.view().scale == pytest.approx(400 / 48)
    held: list[bool] = []
    canvas.compare_changed.connect(held.append)
    qtbot.mousePress(compare, Qt.MouseButton.LeftButton)
    assert held == [True]
    qtbot.mouseRelease(compare, Qt.MouseButton.LeftButton)
    assert held == [True, False]
    with qtbot.waitSignal(canvas.overlay_toggled):
        qtbot.mouseClick(overlay, Qt.MouseButton.LeftButton)
    corner = canvas.bar.geometry().bottomRight()
    assert canvas.rect().contains(corner)


def test_without_a_picture_there_is_nothing_to_do(shown: Callable[..., Any], qtbot: Any) -> None:
    canvas = shown(Canvas(), 300, 200)
    wheel(canvas, QPoint(100, 100), 1)
    with qtbot.assertNotEmitted(canvas.clicked):
        QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(50, 50))
    assert canvas.grab().toImage().pixelColor(10, 10).name() == theme.current().window
    assert not canvas.bar.isVisible()
