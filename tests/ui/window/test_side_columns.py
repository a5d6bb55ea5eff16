"""Columns beside the picture fold to icons and come back as they were."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from ui.panels import PANELS
from ui.tour.input_events import pause
from ui.window.main_window import MainWindow
from ui.window.side_columns import SIDES, Side

KEYS = {"left": ("media", "layers"), "right": ("analysis", "results")}


def sizes(window: MainWindow, side: Side) -> list[tuple[int, int]]:
    return [window.docks[key].size().toTuple() for key in KEYS[side]]  # type: ignore[misc]


@pytest.mark.parametrize("side", SIDES)
def test_a_column_folds_to_icons_and_gives_its_room_to_the_picture(
    window: MainWindow, side: Side, qtbot: QtBot
) -> None:
    pause(100)
    before, centre = sizes(window, side), window.centre.width()
    QTest.mouseClick(window.top.folds[side], Qt.MouseButton.LeftButton)
    pause(100)
    strip = window.dock_layout.columns.strips[side]
    assert all(window.docks[key].isHidden() for key in KEYS[side])
    assert strip.isVisible()
    assert strip.width() < 48
    assert window.centre.width() > centre + before[0][0] - 60
    assert not window.top.folds[side].isChecked()
    titles = [action.text() for action in strip.actions()]
    assert titles[1] == window.docks[KEYS[side][0]].windowTitle()
    # Each icon brings the column back.
    strip.actions()[1].trigger()
    qtbot.waitUntil(lambda: sizes(window, side) == before)
    assert not strip.isVisible()
    assert window.top.folds[side].isChecked()


def test_a_tab_that_was_behind_comes_to_the_front_by_its_icon(window: MainWindow, qtbot: QtBot) -> None:
    pause(50)
    columns = window.dock_layout.columns
    columns.fold("right")
    (medium,) = [action for action in columns.strips["right"].actions() if action.text() == "File info"]
    medium.trigger()
    qtbot.waitUntil(lambda: not window.docks["medium"].visibleRegion().isEmpty())
    columns.fold("right")
    columns.unfold("right")
    qtbot.waitUntil(lambda: not window.docks["medium"].visibleRegion().isEmpty())
    # A panel that is asked for unfolds its column.
    columns.fold("right")
    window.show_panel("results")
    qtbot.waitUntil(lambda: not window.docks["results"].visibleRegion().isEmpty())
    assert not columns.folded("right")


def test_a_folded_column_is_folded_in_the_next_session(qtbot: QtBot) -> None:
    first = MainWindow()
    first.show()
    pause(100)
    before = sizes(first, "left")
    first.dock_layout.columns.fold("left")
    first.close()
    second = MainWindow()
    second.show()
    pause(100)
    assert second.dock_layout.columns.strips["left"].isVisible()
    assert not second.dock_layout.columns.strips["right"].isVisible()
    assert all(second.docks[key].isHidden() for key in KEYS["left"])
    second.dock_layout.columns.unfold("left")
    qtbot.waitUntil(
        lambda: (
            [
                abs(a - b) <= 4
                for pair in zip(sizes(second, "left"), before, strict=True)
                for a, b in zip(*pair, strict=True)
            ]
            == [True] * 4
        )
    )
    second.close()
    for window in (first, second):
        window.deleteLater()


@pytest.mark.parametrize("text", ["left", "left:x:media=1:media", "top:1:media=1:media", "left:200:gone=3:gone", ";;"])
def test_a_damaged_setting_folds_nothing(window: MainWindow, text: str) -> None:
    window.dock_layout.columns.restore(text)
    assert not any(window.dock_layout.columns.folded(side) for side in SIDES)


def test_resetting_and_hiding_all_panels_know_the_strips(window: MainWindow) -> None:
    pause(50)
    columns = window.dock_layout.columns
    columns.fold("left")
    window.toggle_all_panels()
    assert not columns.strips["left"].isVisible()
    window.toggle_all_panels()
    assert columns.strips["left"].isVisible()
    assert window.docks["media"].isHidden()
    window.reset_layout()
    pause(100)
    assert not columns.strips["left"].isVisible()
    assert window.docks["media"].isVisible()


def test_every_panel_has_an_icon_of_its_own_column() -> None:
    from ui.base.icons import icon

    for panel in PANELS:
        icon(panel.icon)
    for area in {panel.area for panel in PANELS if panel.area != Qt.DockWidgetArea.BottomDockWidgetArea}:
        icons = [panel.icon for panel in PANELS if panel.area == area]
        assert len(set(icons)) == len(icons)
