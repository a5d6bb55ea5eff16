"""Ctrl+E on a 3D file saves a copy of it, as no analysis reads it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from cvstudio.data.samples import PointCloud, TriangleMesh
from cvstudio.media import open_media, open_reader
from ui.files import export_wish
from ui.files.export_wish import KEEP, REPLACE
from ui.window.main_window import MainWindow

WAIT_MS = 60_000


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    path = tmp_path / "part.obj"
    path.write_text("v 0 0 0 1 0 0\nv 1 0 0 0 1 0\nv 0 1 0.5 0 0 1\nf 1 2 3\n")
    return path


def open_and_wait(window: MainWindow, path: Path, qtbot: QtBot) -> None:
    window.open_paths([path])
    qtbot.waitUntil(lambda: isinstance(window.controller.shown.sample, TriangleMesh | PointCloud), timeout=WAIT_MS)


def answer(monkeypatch: pytest.MonkeyPatch, path: Path | None) -> list[str]:
    asked: list[str] = []

    def ask(parent: object, title: str, proposed: str, filters: str, chosen: str) -> tuple[str, str]:
        asked.extend((proposed, filters))
        return (str(path), chosen) if path is not None else ("", "")

    monkeypatch.setattr(QFileDialog, "getSaveFileName", ask)
    return asked


@pytest.mark.parametrize("name", ["copy.ply", "copy.glb", "copy.stl", "copy"])
def test_a_copy_is_saved(
    window: MainWindow, mesh: Path, name: str, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_and_wait(window, mesh, qtbot)
    qtbot.waitUntil(window.actions_by_key["export"].isEnabled, timeout=WAIT_MS)
    assert not window.actions_by_key["export-again"].isEnabled()
    asked = answer(monkeypatch, mesh.parent / name)
    window.actions_by_key["export"].trigger()
    assert asked[0] == str(mesh.parent / "part-copy.ply")
    assert ".obj" in asked[1]
    assert ".xyz" not in asked[1]
    qtbot.waitUntil(lambda: bool(window.notices.shown), timeout=WAIT_MS)
    path = mesh.parent / (name if "." in name else "copy.ply")
    notice = window.notices.shown[-1]
    assert notice.text == (
        f"Saved {path.name} without colours, which its format does not hold."
        if name.endswith("stl")
        else f"Saved {path.name}."
    )
    with open_reader(open_media(path)) as reader:
        copy = reader.read()
    np.testing.assert_allclose(copy.vertices, [[0, 0, 0], [1, 0, 0], [0, 1, 0.5]])


@pytest.mark.parametrize(("said", "written"), [(None, None), (KEEP, "other 2.ply"), (REPLACE, "other.ply")])
def test_a_file_that_is_there_is_asked_about_where_its_ending_was_left_out(
    window: MainWindow,
    mesh: Path,
    said: str | None,
    written: str | None,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    open_and_wait(window, mesh, qtbot)
    (mesh.parent / "other.ply").write_text("precious")
    answer(monkeypatch, mesh.parent / "other")
    asked: list[Path] = []
    monkeypatch.setattr(export_wish, "ask_existing", lambda parent, path: asked.append(path) or said)
    copied: list[Path] = []
    monkeypatch.setattr(window.exporting.copies, "write", lambda media, path: copied.append(path))
    window.exporting.ask()
    assert asked == [mesh.parent / "other.ply"]
    assert [path.name for path in copied] == ([written] if written is not None else [])


def test_the_open_file_is_spared(window: MainWindow, mesh: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    open_and_wait(window, mesh, qtbot)
    before = mesh.read_bytes()
    os.link(mesh, mesh.parent / "link.obj")
    for target in (mesh, mesh.parent / "link.obj"):
        answer(monkeypatch, target)
        window.exporting.ask()
        qtbot.waitUntil(lambda: bool(window.notices.shown), timeout=WAIT_MS)
        assert "is an input file" in window.notices.shown[-1].text
        assert mesh.read_bytes() == before
        while window.notices.dismiss_newest():
            pass


def test_nothing_is_saved_without_a_name(
    window: MainWindow, mesh: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_and_wait(window, mesh, qtbot)
    answer(monkeypatch, None)
    window.exporting.ask()
    assert sorted(path.name for path in mesh.parent.iterdir() if path.suffix) == ["part.obj"]
