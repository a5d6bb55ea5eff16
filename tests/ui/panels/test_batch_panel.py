"""The batch panel in windows of different sizes."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QRect
from pytestqt.qtbot import QtBot

from ui.panels.batch import LEAST_TABLE_WIDTH
from ui.window.main_window import MainWindow


@pytest.mark.parametrize(("width", "height"), [(1024, 700), (1280, 800), (1920, 1080)])
def test_the_table_stands_within_the_window(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, width: int, height: int
) -> None:
    (tmp_path / "in").mkdir()
    window.resize(width, height)
    window.dock_layout.divide()
    window.controller.use_analysis("hog")
    window.show_panel("batch")
    content = window.docks["batch"].widget().make()
    content.set_folders(tmp_path / "in", tmp_path / "out")
    content.set_formats({"png", "mp4"})
    qtbot.waitUntil(content.options.isVisible)
    dock = window.docks["batch"]
    qtbot.waitUntil(lambda: content.table.width() >= LEAST_TABLE_WIDTH)
    table = QRect(content.table.mapTo(dock, QPoint(0, 0)), content.table.size())
    assert dock.rect().contains(table)
    options = QRect(content.options.mapTo(dock, QPoint(0, 0)), content.options.size())
    assert options.right() < table.left()
    beside = options.left() > content.start_button.mapTo(dock, content.start_button.rect().topRight()).x()
    assert beside == (width > 1024)
