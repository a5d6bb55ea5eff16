"""Files with odd names, and projects whose files are missing, in the window: lists, settings and the way back."""

from __future__ import annotations

import os
import sys
import unicodedata
from pathlib import Path

import cv2
import numpy as np
import pytest
from PySide6.QtWidgets import QFileDialog, QMessageBox
from pytestqt.qtbot import QtBot

from cvstudio.exporters import EXPORTERS
from ui.base.settings import Settings
from ui.panels.media import MediaPanel
from ui.window.main_window import MainWindow

WAIT_MS = 30_000
NAMES = {
    "not UTF-8": b"caf\xe9.png",
    "trailing space": b"end .png ",
    "leading space and dot": b" .hidden.png",
    "new line": b"two\nlines.png",
    "carriage return and tab": b"a\r\tb.png",
    "very long": b"x" * 250 + b".png",
    "emoji": "👩‍🚀🏳️‍🌈.png".encode(),
    "composed": unicodedata.normalize("NFC", "한글é.png").encode(),
    "decomposed": unicodedata.normalize("NFD", "다른é.png").encode(),
    "right to left": "‮gnp.exe.png".encode(),
    "markup": b"<b>bold&amp;<i>.png",
    "percent": b"100%20%s%d{name}.png",
    "quotes": b'it\'s "so".png',
}

pytestmark = pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="such names cannot be made there")


@pytest.fixture(params=NAMES)
def odd(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / os.fsdecode(NAMES[request.param])
    path.write_bytes(cv2.imencode(".png", np.full((30, 40, 3), 90, np.uint8))[1].tobytes())
    return path


def open_and_wait(window: MainWindow, path: Path, qtbot: QtBot) -> None:
    window.open_paths([path])
    qtbot.waitUntil(lambda: path in [media.path for media in window.controller.session.state.media], timeout=WAIT_MS)


def test_an_odd_name_is_listed_remembered_and_comes_back(
    window: MainWindow, odd: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    from cvstudio.media import open_media

    open_and_wait(window, odd, qtbot)
    assert [media.path for media in window.controller.session.state.media] == [odd]
    qtbot.waitUntil(lambda: window.windowTitle() != "cvstudio[*]", timeout=WAIT_MS)
    media = window.controller.session.state.media[0]
    for shown in (window.windowTitle(), media.name, window.dock_layout.content(MediaPanel).entries.title(0)):
        assert not any(unicodedata.category(character) == "Cc" or character in "\u202e\u2028" for character in shown)
    project = tmp_path / "p.cvstudio"
    window.project.path = project
    assert window.project.save()
    # As a later start reads it from the file.
    window.settings.set("export-folder", str(odd))
    window.settings._store.sync()
    for settings in (window.settings, Settings()):
        assert settings.recent == [str(project), str(odd)]
        assert settings.text("export-folder", "") == str(odd)
    window.project.path = None
    window.controller.close_media(media)
    assert not window.controller.session.state.media
    window.open_paths([project])
    qtbot.waitUntil(lambda: bool(window.controller.session.state.media), timeout=WAIT_MS)
    (again,) = window.controller.session.state.media
    assert again.path == odd
    assert again.id == open_media(odd).id
    assert not window.controller.session.modified
    assert not [notice.text for notice in window.notices.shown if notice.level == "error"]


@pytest.mark.parametrize("way", ["itself", "symbolic", "hard", "relative"])
def test_an_export_of_the_window_spares_what_is_open(
    window: MainWindow, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8))
    before = path.read_bytes()
    open_and_wait(window, path, qtbot)
    window.controller.set_model("haar-face")
    qtbot.waitUntil(
        lambda: not window.controller.pipeline.busy and window.controller.current_result() is not None, timeout=WAIT_MS
    )
    target = path
    if way == "symbolic":
        (target := tmp_path / "link.png").symlink_to(path)
    elif way == "hard":
        os.link(path, target := tmp_path / "link.png")
    elif way == "relative":
        monkeypatch.chdir(tmp_path)
        target = Path("photo.png")
    window.exporting.export(EXPORTERS["png"], target)
    qtbot.waitUntil(lambda: bool(window.notices.shown), timeout=WAIT_MS)
    assert "is an input file" in window.notices.shown[-1].text
    assert path.read_bytes() == before
    assert window.exporting.written == []


def project_of(window: MainWindow, folder: Path, qtbot: QtBot) -> Path:
    """A saved project of two pictures, of which one is then gone."""
    for name in ("kept.png", "gone.png"):
        cv2.imwrite(str(folder / name), np.full((30, 40, 3), 90, np.uint8))
        open_and_wait(window, folder / name, qtbot)
        qtbot.waitUntil(lambda: window.controller.pipeline.lanes.idle, timeout=WAIT_MS)
    window.project.path = folder / "p.cvstudio"
    assert window.project.save()
    window.project.path = None
    for media in window.controller.session.state.media:
        window.controller.close_media(media)
    (folder / "elsewhere").mkdir()
    (folder / "gone.png").rename(folder / "elsewhere" / "gone.png")
    return folder / "p.cvstudio"


def test_a_project_without_its_files_is_not_modified(
    window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    project = project_of(window, tmp_path, qtbot)
    saved = project.read_bytes()
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
    monkeypatch.setattr(QMessageBox, "question", lambda *_: pytest.fail("nothing was changed"))
    window.open_paths([project])
    qtbot.waitUntil(lambda: len(window.controller.session.state.media) == 1, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: window.controller.pipeline.lanes.idle, timeout=WAIT_MS)
    assert not window.controller.session.modified
    assert not window.isWindowModified()
    assert window.project.may_close()
    assert project.read_bytes() == saved


def test_a_project_whose_files_were_found_elsewhere_has_changes(
    window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    """The new places are not in its file yet: they would be asked for again."""
    project = project_of(window, tmp_path, qtbot)
    moved = tmp_path / "elsewhere" / "gone.png"
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(moved), ""))
    window.open_paths([project])
    qtbot.waitUntil(lambda: len(window.controller.session.state.media) == 2, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: window.controller.pipeline.lanes.idle, timeout=WAIT_MS)
    assert window.controller.session.modified
    assert window.isWindowModified()
    assert window.project.save()
    assert not window.controller.session.modified
    assert "elsewhere" in project.read_text("utf-8")


def test_a_folder_of_odd_names_is_listed_and_leafed_through(window: MainWindow, tmp_path: Path, qtbot: QtBot) -> None:
    folder = tmp_path / os.fsdecode(b"Stra\xdfe\n1")
    folder.mkdir()
    picture = cv2.imencode(".png", np.full((30, 40, 3), 90, np.uint8))[1].tobytes()
    for name in NAMES.values():
        (folder / os.fsdecode(name)).write_bytes(picture)
    entries = window.dock_layout.content(MediaPanel).entries
    window.open_paths([folder])
    listed = len([name for name in NAMES.values() if not name.endswith(b" ")])
    qtbot.waitUntil(lambda: entries.rowCount() >= listed, timeout=WAIT_MS)
    for row in range(entries.rowCount()):
        assert not any(unicodedata.category(character) == "Cc" for character in entries.title(row))
        assert entries.path(row).is_file()
        assert entries.row_of(entries.path(row)) == row
