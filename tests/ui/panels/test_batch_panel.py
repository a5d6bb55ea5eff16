"""The batch panel in windows of different sizes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QRect
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from cvstudio.media.examples.files import sample_path
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


def test_the_source_is_first_looked_for_where_the_pictures_are(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts: list[str] = []

    def ask(parent: object, title: str, start: str) -> str:
        starts.append(start)
        return ""

    monkeypatch.setattr(QFileDialog, "getExistingDirectory", ask)
    window.show_panel("batch")
    content = window.docks["batch"].widget().make()
    content.choose_source()
    shutil.copy(sample_path("cat"), tmp_path / "cat.jpg")
    window.open_paths([tmp_path])
    qtbot.waitUntil(lambda: window.controller.library.current is not None, timeout=60_000)
    content.choose_source()
    content.set_folders(sample_path("cat").parent, tmp_path / "out")
    content.choose_source()
    assert starts == [str(Path.home()), str(tmp_path), str(tmp_path)]  # never among the program's own files
