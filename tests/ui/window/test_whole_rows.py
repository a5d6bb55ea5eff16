"""The selected row is whole, no button comes up under another, and the title says each thing once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from PySide6.QtCore import QRect
from PySide6.QtWidgets import QAbstractItemView
from pytestqt.qtbot import QtBot

from cvstudio.media.examples.files import sample_path
from ui.tour.input_events import pause
from ui.widgets.rows_table import Cell, RowsTable, TableRow
from ui.window.main_window import MainWindow


def whole(view: QAbstractItemView) -> bool:
    """Whether the selected row is whole in the visible part of the view."""
    rect = view.visualRect(view.selectionModel().selection().at(0).topLeft())
    return view.viewport().rect().contains(QRect(0, rect.y(), 1, rect.height()))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(12):
        Pillow.fromarray(np.zeros((20, 30, 3), np.uint8)).save(tmp_path / f"{number:02}.png")
    return tmp_path


def test_the_current_file_is_whole_when_the_panel_becomes_smaller(
    window: MainWindow, folder: Path, qtbot: QtBot
) -> None:
    view = window.docks["media"].widget().view
    window.open_paths([folder])
    qtbot.waitUntil(lambda: view.model().rowCount() == 12, timeout=60_000)
    # The last row that is whole now is cut when the panel loses a bit of height.
    row = max(
        row for row in view.visible_rows() if view.visualRect(view.model().index(row, 0)).bottom() < view.height()
    )
    window.controller.library.go(row)
    qtbot.waitUntil(lambda: view.selected_rows() == [row])
    for height in (620, 560, 480):
        window.resize(1280, height)
        qtbot.waitUntil(lambda height=height: window.height() == height)
        pause(60)
        assert whole(view)


def test_the_current_layer_is_whole(window: MainWindow, qtbot: QtBot) -> None:
    controller = window.controller
    window.open_paths([sample_path("cat")])
    qtbot.waitUntil(lambda: controller.session.state.instance is not None, timeout=60_000)
    for _ in range(4):
        controller.layers.add("hog")
    layers = window.docks["layers"].widget().list
    for height in (800, 560, 480):
        window.resize(1280, height)
        qtbot.waitUntil(lambda height=height: window.height() == height)
        for number in layers.numbers():
            controller.layers.select(number)
            pause(30)
            assert whole(layers)


def test_a_selected_result_is_whole_in_a_smaller_table(qtbot: QtBot) -> None:
    table = RowsTable(["Name"])
    qtbot.addWidget(table)
    table.set_rows([TableRow(number, (Cell(str(number)),)) for number in range(30)])
    table.resize(200, 400)
    table.show()
    qtbot.waitExposed(table)
    table.set_selected({9})
    assert whole(table)
    table.resize(200, 200)
    qtbot.waitUntil(lambda: whole(table))
    # Also where it becomes smaller while nobody sees it.
    table.hide()
    table.resize(200, 120)
    table.show()
    qtbot.waitUntil(lambda: whole(table))


def test_the_button_that_closes_a_folder_has_a_place_of_its_own(window: MainWindow, folder: Path, qtbot: QtBot) -> None:
    panel = window.docks["media"].widget()
    window.open_paths([sample_path("cat")])
    qtbot.waitUntil(lambda: panel.entries.rowCount() == 1, timeout=60_000)
    others = [panel.source, panel._layout_button]
    before = [QRect(button.mapTo(panel, button.rect().topLeft()), button.size()) for button in others]
    window.open_paths([folder])
    qtbot.waitUntil(lambda: panel._close_button.isVisible(), timeout=60_000)
    pause(50)
    place = QRect(panel._close_button.mapTo(panel, panel._close_button.rect().topLeft()), panel._close_button.size())
    assert not any(place.intersects(rect) for rect in before)


def test_the_title_says_each_thing_once(window: MainWindow, tmp_path: Path, qtbot: QtBot) -> None:
    assert window.windowTitle().replace("[*]", "") == "cvstudio"
    window.open_paths([sample_path("cat")])
    qtbot.waitUntil(lambda: window.controller.session.state.instance is not None, timeout=60_000)
    media = window.controller.session.state.active_media
    for name, shown in ((media.path.stem, media.name), ("study", f"{media.name} — study")):
        window.project.path = tmp_path / f"{name}.cvstudio"
        assert window.project.save()
        assert window.windowTitle() == f"{shown}[*] — cvstudio"
        assert not window.isWindowModified()
    window.controller.set_value("score", 0.3)
    assert window.isWindowModified()
    assert window.windowTitle().count("[*]") == window.windowTitle().count("cvstudio") == 1
