"""Tab goes through the whole window as it is seen, and hides the panels on the canvas alone."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from cvstudio.media.examples.files import sample_path
from ui.panels import PANELS
from ui.panels.analysis import AnalysisPanel
from ui.tour.input_events import pause
from ui.window.main_window import MainWindow

MOST = 150
"""More controls than the window shows at once."""


def settled(window: MainWindow, qtbot: QtBot) -> None:
    controller = window.controller
    qtbot.waitUntil(lambda: controller.current_result() is not None and not controller.pipeline.busy, timeout=60_000)


@pytest.fixture
def open_sample(window: MainWindow, qtbot: QtBot) -> Callable[[str, str], None]:
    """`open_sample(name, analysis)`: open a sample, and wait for the result of an analysis of it."""

    def act(name: str, analysis: str) -> None:
        window.open_paths([sample_path(name)])
        settled(window, qtbot)
        window.controller.use_analysis(analysis)
        settled(window, qtbot)
        pause(100)

    return act


def round_trip(window: MainWindow, key: Qt.Key, start: QWidget) -> list[QWidget]:
    """The widgets that have the focus one after the other, from `start` until it has it again."""
    start.setFocus(Qt.FocusReason.TabFocusReason)
    visited = [start]
    modifier = Qt.KeyboardModifier.ShiftModifier if key == Qt.Key.Key_Backtab else Qt.KeyboardModifier.NoModifier
    for _ in range(MOST):
        focused = QApplication.focusWidget()
        assert focused is not None
        QTest.keyClick(focused, key, modifier)
        focused = QApplication.focusWidget()
        assert focused is not None
        if focused is start:
            return visited
        if focused is not visited[-1]:  # a range has two handles
            visited.append(focused)
    raise AssertionError([item.accessibleName() or item.objectName() or type(item).__name__ for item in visited])


def places(window: MainWindow, visited: list[QWidget]) -> list[str]:
    """The parts of the window that the widgets stand in, each once where it comes several times in a row."""
    parts: dict[str, QWidget] = {"top": window.top, "canvas": window.workspace, "status": window.status}
    parts |= window.docks
    names = [next((key for key, part in parts.items() if part.isAncestorOf(item)), "?") for item in visited]
    return [name for name, before in zip(names, ["", *names], strict=False) if name != before]


def shown(window: MainWindow) -> list[str]:
    return [key for key, dock in window.docks.items() if not dock.isHidden()]


def test_tab_goes_round_the_window_as_it_is_seen(
    window: MainWindow, open_sample: Callable[[str, str], None], qtbot: QtBot
) -> None:
    open_sample("cat", "grad-cam")
    window.controller.use_analysis("detect")  # its rows are made anew
    settled(window, qtbot)
    window.show_panel("look")
    window.dock_layout.column.fold("results", True)
    pause(100)
    docks = shown(window)
    start = window.top.open
    forwards = round_trip(window, Qt.Key.Key_Tab, start)
    assert shown(window) == docks
    visited = places(window, forwards)
    assert visited[:4] == ["top", "media", "layers", "canvas"]
    right = [key for key in visited if key in ("analysis", "results", "medium", "look")]
    tops = [window.docks[key].mapTo(window, QPoint()).y() for key in right]
    assert right == ["analysis", "results", "medium", "look"]
    assert tops == sorted(tops)
    # Of a folded section the title alone.
    results = window.docks["results"].content
    assert results is not None
    assert not any(results.isAncestorOf(item) for item in forwards)
    # Each control is in view when it has the focus, and none is hidden.
    assert all(item.isVisible() for item in forwards)
    backwards = round_trip(window, Qt.Key.Key_Backtab, start)
    assert shown(window) == docks
    assert backwards[1:] == forwards[:0:-1]


def test_no_panel_keeps_the_focus(window: MainWindow, open_sample: Callable[[str, str], None]) -> None:
    open_sample("cat", "detect")
    for panel in PANELS:
        if not panel.floats:
            window.show_panel(panel.key)
    pause(200)
    for key in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
        round_trip(window, key, window.top.open)


def test_the_sliders_of_an_analysis_follow_its_model(
    window: MainWindow, open_sample: Callable[[str, str], None]
) -> None:
    for analysis in ("grad-cam", "detect"):
        open_sample("cat", analysis)
        panel = window.docks["analysis"].content
        assert isinstance(panel, AnalysisPanel)
        inside = [item for item in round_trip(window, Qt.Key.Key_Tab, panel.analysis) if panel.isAncestorOf(item)]
        heights = [item.mapTo(panel, QPoint(0, item.height() // 2)).y() for item in inside]
        assert len(inside) > 6
        assert all(below >= above - 14 for above, below in pairwise(heights))


def test_tab_hides_the_panels_on_a_picture_that_was_clicked_and_goes_through_it_otherwise(
    window: MainWindow, open_sample: Callable[[str, str], None]
) -> None:
    open_sample("cat", "detect")
    canvas, docks = window.workspace.canvas, shown(window)
    canvas.setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(canvas, Qt.Key.Key_Tab)
    assert QApplication.focusWidget() is not canvas
    assert shown(window) == docks
    # Back on it, a click makes it the picture that one works on.
    canvas.setFocus(Qt.FocusReason.BacktabFocusReason)
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=QPoint(3, 3))
    QTest.keyClick(canvas, Qt.Key.Key_Tab)
    assert shown(window) == []
    # However the focus came, Tab brings them back.
    canvas.clearFocus()
    canvas.setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(canvas, Qt.Key.Key_Tab)
    assert shown(window) == docks


def test_the_panels_stay_where_the_picture_with_the_focus_goes(
    window: MainWindow, open_sample: Callable[[str, str], None]
) -> None:
    open_sample("cat", "detect")
    canvas, docks = window.workspace.canvas, shown(window)
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=QPoint(3, 3))
    assert QApplication.focusWidget() is canvas
    window.controller.library.close_files(list(window.controller.session.state.media))
    assert not canvas.isVisible()
    assert shown(window) == docks


def test_a_panel_of_its_own_window_goes_round_in_itself(
    window: MainWindow, open_sample: Callable[[str, str], None], qtbot: QtBot
) -> None:
    open_sample("cat", "detect")
    dock = window.docks["analysis"]
    panel = dock.content
    assert isinstance(panel, AnalysisPanel)
    dock.setFloating(True)

    def has_focus() -> bool:
        # The window manager may give it to the main window once more.
        dock.activateWindow()
        panel.analysis.setFocus()
        return QApplication.focusWidget() is panel.analysis

    qtbot.waitUntil(has_focus)
    pause(200)
    qtbot.waitUntil(has_focus)
    visited = round_trip(window, Qt.Key.Key_Tab, panel.analysis)
    assert all(dock.isAncestorOf(item) for item in visited)
    assert panel.form.row("score").isAncestorOf(next(item for item in visited if "Minimum" in item.accessibleName()))


def test_the_search_box_is_opened_by_the_keyboard(window: MainWindow, qtbot: QtBot) -> None:
    window.top.search.setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(window.top.search, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: QApplication.activePopupWidget() is not None)
    palette = QApplication.activePopupWidget()
    assert palette is not None
    palette.close()
