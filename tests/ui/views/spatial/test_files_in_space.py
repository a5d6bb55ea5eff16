"""What files hold that are not as one would wish: each is shown in the 3D view, or refused in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh
from pytestqt.qtbot import QtBot

from ui.window.main_window import MainWindow

WAIT_MS = 30_000

BOWTIE = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 1 1 0\nv .5 .5 1\nf 1 2 5\nf 2 3 5\nf 1 2 4\nf 1 2 3\n"
QUADS = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nv 0 0 1\nv 1 0 1\nv 1 1 1\nv 0 1 1\nf 1 2 3 4\nf 5 6 7 8\nf 1 2 6 5\n"
PENTAGON = "v 0 0 0\nv 2 0 0\nv 3 2 0\nv 1 3 0\nv -1 2 0\nf 1 2 3 4 5\n"
NAN = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv nan nan nan\nf 1 2 3\nf 2 3 4\n"
ONE_PLACE = "v 1 1 1\nv 1 1 1\nv 1 1 1\nf 1 2 3\n"


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


SHOWN: dict[str, Callable[[Path], Path]] = {
    "open": lambda folder: _export(folder / "open.ply", trimesh.creation.icosphere(subdivisions=2), slice(40, None)),
    "non-manifold": lambda folder: write(folder / "bowtie.obj", BOWTIE),
    "quads": lambda folder: write(folder / "quads.obj", QUADS),
    "polygon": lambda folder: write(folder / "pentagon.obj", PENTAGON),
    "not measured": lambda folder: write(folder / "nan.obj", NAN),
    "one place": lambda folder: write(folder / "place.obj", ONE_PLACE),
    "vertices alone": lambda folder: write(folder / "points.obj", "v 0 0 0\nv 1 2 3\n"),
}
REFUSED: dict[str, Callable[[Path], Path]] = {
    "empty": lambda folder: write(folder / "empty.obj", "# nothing\nv nan nan nan\nf 1 1 1\n"),
    "a missing vertex": lambda folder: write(folder / "missing.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n"),
    "cut off": lambda folder: _cut(folder),
}


def _export(path: Path, mesh: trimesh.Trimesh, faces: slice) -> Path:
    trimesh.Trimesh(mesh.vertices, np.array(mesh.faces)[faces], process=False).export(path)
    return path


def _cut(folder: Path) -> Path:
    path = _export(folder / "cut.ply", trimesh.creation.icosphere(subdivisions=2), slice(None))
    path.write_bytes(path.read_bytes()[:-200])
    return path


def test_what_is_odd_is_shown(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    notices: list[str] = []
    window.controller.notice.connect(lambda level, text: notices.append(text))
    for name, make in SHOWN.items():
        path = make(tmp_path)
        window.open_paths([path])

        def open_now(path: Path = path) -> bool:
            media = window.controller.session.state.active_media
            return media is not None and media.path == path and window.workspace.space is not None

        qtbot.waitUntil(open_now, timeout=WAIT_MS)
        assert window.workspace.space is not None
        view = window.workspace.space.view
        qtbot.waitUntil(lambda view=view: bool(view.scene.visible) and view.at_rest, timeout=WAIT_MS)
        assert [text for text in notices if path.name in text] == [], name
        for style in ("wireframe", "flat", "points", "smooth"):
            window.controller.spatial.set_look("style", style)
        qtbot.waitUntil(lambda view=view: view.at_rest, timeout=WAIT_MS)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_broken_is_refused_in_one_sentence(name: str, qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    notices: list[str] = []
    window.controller.notice.connect(lambda level, text: notices.append(text))
    path = REFUSED[name](tmp_path)
    window.open_paths([path])
    qtbot.waitUntil(lambda: any(path.name in text for text in notices), timeout=WAIT_MS)
    assert all("Traceback" not in text and text.count("\n") == 0 for text in notices)
    if window.workspace.space is not None:
        qtbot.waitUntil(lambda: not window.workspace.space.view.waiting, timeout=WAIT_MS)
