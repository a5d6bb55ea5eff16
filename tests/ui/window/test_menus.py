"""Context menus of picture, results, layers and files, and keys in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QContextMenuEvent, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QWidget
from pytestqt.qtbot import QtBot

from cvstudio.media.examples.files import sample_path
from cvstudio.results.detections import Detections
from ui.tour.input_events import pause
from ui.views.results.detections import ResultsTable
from ui.window.main_window import MainWindow

Open = Callable[..., QMenu]


@pytest.fixture
def found(window: MainWindow, qtbot: QtBot) -> Detections:
    """Boxes of two classes on the cat."""
    controller = window.controller
    window.open_paths([sample_path("cat")])
    qtbot.waitUntil(lambda: isinstance(controller.current_result(), Detections), timeout=60_000)
    controller.set_value("score", 0.02)

    def several() -> bool:
        detections = controller.detections()
        return detections is not None and len(set(map(int, detections.classes))) > 1

    qtbot.waitUntil(several, timeout=60_000)
    detections = controller.detections()
    assert detections is not None
    return detections


@pytest.fixture
def open_menu(qtbot: QtBot) -> Open:
    """`open_menu(widget, place)`: the menu that a right click opens there."""

    def act(widget: QWidget, place: QPoint) -> QMenu:
        event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, place, widget.mapToGlobal(place))
        QApplication.sendEvent(widget, event)
        qtbot.waitUntil(lambda: isinstance(QApplication.activePopupWidget(), QMenu))
        menu = QApplication.activePopupWidget()
        assert isinstance(menu, QMenu)
        return menu

    return act


def titles(menu: QMenu) -> list[str]:
    return [action.text().split("\t")[0].replace("&", "") for action in menu.actions() if not action.isSeparator()]


def take(menu: QMenu, title: str) -> None:
    """Trigger the line of a menu and close it."""
    (action,) = [action for action in menu.actions() if action.text().split("\t")[0].replace("&", "") == title]
    menu.close()
    action.trigger()


@pytest.fixture
def table(window: MainWindow, found: Detections, qtbot: QtBot) -> ResultsTable:
    panel = window.docks["results"].widget()
    qtbot.waitUntil(lambda: isinstance(panel.table, ResultsTable) and panel.table.row_ids() == tuple(found.ids))
    return panel.table  # type: ignore[no-any-return]


def test_the_picture_offers_what_can_be_done_with_it_and_with_what_is_under_the_cursor(
    window: MainWindow, found: Detections, open_menu: Open, qtbot: QtBot
) -> None:
    canvas = window.workspace.canvas
    x1, y1, x2, y2 = found.boxes[0]
    place = canvas.widget_position(float(x1 + x2) / 2, float(y1 + y2) / 2).toPoint()
    number = window.workspace.part_at(*canvas.image_position(place))
    row = list(found.ids).index(number)
    menu = open_menu(canvas, place)
    only = f"Show Only “{found.label(row)}”"
    lines = titles(menu)
    assert only in lines
    assert {"Zoom to Fit", "Zoom to 100%", "Show or Hide Results", "Add Layer", "Copy View", "Export …"} <= set(lines)
    assert window.controller.session.state.selection == {number}
    take(menu, only)
    assert window.controller.session.state.instance.value("classes") == (found.label(row),)
    qtbot.waitUntil(lambda: len({int(number) for number in window.controller.detections().classes}) == 1)


def test_a_row_can_be_hidden_by_its_class_copied_and_looked_at(
    window: MainWindow, found: Detections, table: ResultsTable, open_menu: Open, qtbot: QtBot
) -> None:
    first = table.visualRect(table.model().index(0, 0)).center()
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=first)
    (number,) = window.controller.session.state.selection
    name = found.label(list(found.ids).index(number))
    menu = open_menu(table.viewport(), first)
    take(menu, "Copy Row")
    header, line = QGuiApplication.clipboard().text().split("\n")
    assert "score" in header.split("\t")
    assert name in line.split("\t")
    scale = window.workspace.canvas.view().scale
    take(open_menu(table.viewport(), first), "Zoom to Selection")
    assert window.workspace.canvas.view().scale != scale
    take(open_menu(table.viewport(), first), f"Hide “{name}”")
    assert name not in window.controller.session.state.instance.value("classes")
    qtbot.waitUntil(
        lambda: (
            name
            not in {window.controller.detections().label(row) for row in range(len(window.controller.detections()))}
        )
    )


def test_enter_looks_at_a_row_arrows_move_and_the_copy_key_copies_rows(
    window: MainWindow, found: Detections, table: ResultsTable
) -> None:
    canvas = window.workspace.canvas
    table.setFocus()
    table.selectRow(0)
    QTest.keyClick(table, Qt.Key.Key_Down)
    second = table.row_ids()[1]
    assert window.controller.session.state.selection == {second}
    QTest.keyClick(table, Qt.Key.Key_Return)
    x1, y1, x2, y2 = found.boxes[list(found.ids).index(second)]
    middle = canvas.image_position(canvas.rect().center())
    assert middle == pytest.approx(((x1 + x2) / 2, (y1 + y2) / 2), abs=3)
    QTest.keyClick(table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert len(QGuiApplication.clipboard().text().split("\n")) == 2
    QTest.keyClick(window, Qt.Key.Key_Escape)
    QTest.keyClick(window, Qt.Key.Key_Escape)
    assert window.controller.session.state.selection == frozenset()


def test_layers_and_files_say_their_keys_in_their_menus(window: MainWindow, found: Detections, open_menu: Open) -> None:
    layers = window.docks["layers"].widget().list
    menu = open_menu(layers.viewport(), layers.visualItemRect(layers.item(0)).center())
    assert titles(menu) == ["Hide", "Duplicate", "Move Up", "Move Down", "Remove"]
    take(menu, "Hide")
    assert not window.controller.layers.stack()[0].visible
    view = window.docks["media"].widget().view
    view.follow(0)
    menu = open_menu(view.viewport(), view.visualRect(view.currentIndex()).center())
    assert {"Close", "Copy Path", "Show in Folder"} <= set(titles(menu))
    menu.close()


def test_arrows_step_through_pictures_as_in_a_viewer(window: MainWindow, tmp_path: Path, qtbot: QtBot) -> None:
    for name in "abc":
        Pillow.fromarray(np.zeros((20, 30, 3), np.uint8)).save(tmp_path / f"{name}.png")
    window.open_paths([tmp_path / f"{name}.png" for name in "abc"])
    state = lambda: window.controller.session.state  # noqa: E731
    qtbot.waitUntil(lambda: len(state().media) == 3 and state().active_media is not None, timeout=60_000)
    window.controller.library.go(0)
    qtbot.waitUntil(lambda: state().active_media.name == "a.png")
    window.workspace.canvas.setFocus()
    pause(50)
    QTest.keyClick(window.workspace.canvas, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: state().active_media.name == "b.png")
    QTest.keyClick(window.workspace.canvas, Qt.Key.Key_Left)
    qtbot.waitUntil(lambda: state().active_media.name == "a.png")


def test_every_menu_of_the_bar_is_lower_than_a_small_screen(window: MainWindow) -> None:
    menus = [action.menu() for action in window.top.menus.actions()]
    assert [menu.title() for menu in menus] == ["&File", "&Edit", "&View", "&Playback", "&Help"]
    tall = {menu.title(): menu.sizeHint().height() for menu in menus if menu.sizeHint().height() > 590}
    assert not tall
    within = {action.menu().title(): action.menu() for action in menus[2].actions() if action.menu() is not None}
    assert titles(within["Panels"]) == sorted((dock.windowTitle() for dock in window.docks.values()), key=str.casefold)
    assert "Next File" in titles(within["Files"])
    assert titles(within["Theme"]) == ["Dark Theme", "Light Theme", "System Theme"]


def test_menus_tell_what_is_in_view_and_what_is_on(window: MainWindow, qtbot: QtBot) -> None:
    view = window.top.menus.actions()[2].menu()
    within = {action.menu().title(): action.menu() for action in view.actions() if action.menu() is not None}

    def marked(menu: QMenu) -> set[str]:
        menu.aboutToShow.emit()
        return {action.text() for action in menu.actions() if action.isChecked()}

    panels = within["Panels"]
    assert marked(panels) == {"Analysis", "Media", "Layers", "Results"}
    actions = {action.text(): action for action in panels.actions()}
    actions["File info"].trigger()
    actions["Layers"].trigger()
    assert marked(panels) == {"Analysis", "Media", "File info", "Results"}
    window.toggle_all_panels()
    assert marked(panels) == set()
    window.toggle_all_panels()
    window.set_theme("light")
    assert marked(within["Theme"]) == {"Light Theme"}
    window.set_theme("dark")
    assert marked(within["Theme"]) == {"Dark Theme"}
    window.dock_layout.columns.fold("left")
    assert marked(view) == {"Fold the Left Column"}
    window.dock_layout.columns.unfold("left")
    assert marked(view) == set()
