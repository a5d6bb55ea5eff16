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


def test_the_open_folder_is_offered_as_the_source(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    folder, other = tmp_path / "R&D", tmp_path / "other"
    for place in (folder, other):
        place.mkdir()
        shutil.copy(sample_path("cat"), place / "cat.jpg")
    window.show_panel("batch")
    content = window.docks["batch"].widget().make()
    assert content.take_first.isHidden()
    window.open_paths([folder])
    qtbot.waitUntil(content.take_first.isVisible, timeout=60_000)
    assert content.take_first.text() == "Use the open folder R&&D"
    content.take_first.click()
    assert content.source.toolTip() == str(folder)
    assert content.out.toolTip() == str(tmp_path / "R&D results")
    assert content.take.isHidden()
    # Also where another folder was chosen before.
    window.open_paths([other])
    qtbot.waitUntil(content.take.isVisible, timeout=60_000)
    content.take.click()
    assert content.source.toolTip() == str(other)
    # And where all of a folder is exported.
    qtbot.waitUntil(lambda: window.controller.current_result() is not None, timeout=60_000)
    dialog = window.exporting.ask()
    assert dialog.source.text() == str(other)
    dialog.reject()
