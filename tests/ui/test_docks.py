"""Where panels stand at the first start."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from cvstudio.samples import sample_path
from ui.driving import pause
from ui.main_window import MainWindow


def test_results_are_in_front_of_the_panels_that_share_their_place(window: MainWindow) -> None:
    results, medium = window.docks["results"], window.docks["medium"]
    assert medium in window.tabifiedDockWidgets(results)
    assert not results.visibleRegion().isEmpty()
    assert medium.visibleRegion().isEmpty()


@pytest.mark.parametrize("key", ["performance", "comparison"])
def test_results_come_to_the_front_when_the_one_before_them_goes(window: MainWindow, key: str) -> None:
    window.show_panel("medium")
    window.show_panel(key)
    pause(100)
    assert window.docks["results"].visibleRegion().isEmpty()
    window.toggle_panel(key)
    pause(100)
    assert window.docks[key].isHidden()
    assert not window.docks["results"].visibleRegion().isEmpty()


def test_the_right_column_has_its_heights_again_when_a_panel_under_the_picture_goes(window: MainWindow) -> None:
    column = [window.docks["analysis"], window.docks["results"]]
    before = [dock.height() for dock in column]
    window.show_panel("counts")
    pause(100)
    assert column[0].height() < before[0]
    # What comes into the column meanwhile takes more of it.
    window.resizeDocks(column, [100, 400], Qt.Orientation.Vertical)
    pause(100)
    window.toggle_panel("counts")
    pause(200)
    for dock, height in zip(column, before, strict=True):
        assert abs(dock.height() - height) <= 4


def test_the_comparison_goes_with_what_was_compared(window: MainWindow, qtbot: QtBot) -> None:
    controller = window.controller
    window.open_paths([sample_path("cat")])
    qtbot.waitUntil(lambda: controller.current_result() is not None and not controller.pipeline.busy, timeout=60_000)
    controller.comparing.start_settings()
    window.show_panel("comparison")
    pause(100)
    assert window.docks["comparison"].isVisible()
    QTest.keyClick(window, Qt.Key.Key_Escape)
    pause(100)
    assert window.docks["comparison"].isHidden()
    assert not window.docks["results"].visibleRegion().isEmpty()
