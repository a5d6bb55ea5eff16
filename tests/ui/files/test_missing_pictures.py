"""A labelled set whose pictures are elsewhere: listed, and opened once they are found; what was left out is kept."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from cvstudio.session.project import load_project, save_project
from cvstudio.session.session import State
from tests.ui.window.labelling_steps import annotations, panel
from ui.files.left_out import LeftOutDialog
from ui.window.main_window import MainWindow

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def apart(tmp_path: Path) -> tuple[Path, Path]:
    """Labels of two pictures, and the folder far from them in which they are; one of its labels lies outside."""
    labels, pictures = tmp_path / "labels" / "deep" / "deeper" / "down", tmp_path / "elsewhere" / "photos"
    labels.mkdir(parents=True)
    pictures.mkdir(parents=True)
    for number in (1, 2):
        Image.fromarray(np.full((30, 40, 3), 60 * number, np.uint8)).save(pictures / f"{number}.PNG")
    content = {
        "images": [{"id": n, "file_name": f"set/{n}.png", "width": 40, "height": 30} for n in (1, 2)],
        "annotations": [
            {"id": n, "image_id": n, "category_id": 1, "bbox": box}
            for n, box in ((1, [1, 2, 8, 9]), (2, [2, 3, 8, 9]), (2, [90, 0, 5, 5]))
        ],
        "categories": [{"id": 1, "name": "cat"}],
    }
    (labels / "labels.json").write_text(json.dumps(content))
    return labels / "labels.json", pictures


def test_a_set_without_its_pictures_is_listed_and_they_are_found(
    window: MainWindow, qtbot: QtBot, apart: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, pictures = apart
    controller = window.controller
    posted: list[tuple[str, str, str]] = []
    monkeypatch.setattr(
        window.notices, "post", lambda level, text, action="", run=None, **more: posted.append((level, text, action))
    )
    window.open_paths([path])
    qtbot.waitUntil(lambda: bool(posted), timeout=30_000)
    told = "None of the 2 pictures of labels.json was found; choose the folder that holds them."
    assert posted == [("error", told, "Find pictures …")], "an error stays until it is dismissed"
    assert [row.name for row in controller.library.rows] == ["set/1.png", "set/2.png"]
    assert controller.session.state.active_media is None
    checked = window.left_out.last[path]
    begun: list[str] = []
    monkeypatch.setattr(
        QFileDialog, "getExistingDirectory", lambda _, title, start: begun.append(start) or str(pictures.parent)
    )
    window.left_out.ask_pictures(checked.annotations)
    assert begun == [str(path.parent)]
    qtbot.waitUntil(lambda: controller.labelling.ready and len(annotations(window)) == 1, timeout=30_000)
    assert annotations(window)[0].box == (1, 2, 9, 11)
    assert [row.name for row in controller.library.rows] == ["1.PNG", "2.PNG"]
    assert len(controller.session.state.sets) == 1
    qtbot.waitUntil(lambda: window.left_out.last[path].missing == 0, timeout=30_000)
    controller.library.refresh()
    controller.library.step(1)
    qtbot.waitUntil(lambda: bool(annotations(window)) and annotations(window)[0].box == (2, 3, 10, 12), timeout=30_000)
    assert [row.name for row in controller.library.rows] == ["1.PNG", "2.PNG"]
    save_project(tmp_path / "found.cvstudio", controller.session.state)
    controller.session.load(State())
    state, _ = load_project(tmp_path / "found.cvstudio")
    controller.load(state, 0.0)
    qtbot.waitUntil(lambda: controller.labelling.ready and len(annotations(window)) == 1, timeout=30_000)
    controller.session.load(State())


def test_what_was_left_out_is_opened_again_in_the_panel_and_saved(
    window: MainWindow, qtbot: QtBot, apart: tuple[Path, Path], tmp_path: Path
) -> None:
    path, pictures = apart
    for picture in pictures.iterdir():
        (path.parent / picture.name.lower()).write_bytes(picture.read_bytes())
    (path.parent / "2.png").unlink()
    window.open_paths([path])
    window.show_panel("labels")
    qtbot.waitUntil(lambda: path in window.left_out.last, timeout=30_000)
    shown = panel(window)
    qtbot.waitUntil(lambda: shown.left_out.isVisible(), timeout=30_000)
    assert shown.left_out.text() == "2 left out …"
    QTest.mouseClick(shown.left_out, LEFT)
    dialog = window.findChild(LeftOutDialog)
    assert dialog is not None
    assert [button.text() for button in dialog.buttons.buttons()].count("Find pictures …") == 1
    dialog.save(tmp_path / "left.txt")
    assert (tmp_path / "left.txt").read_text() == (
        "1 x The picture is not there.\n    set/2.png\n1 x The box lies outside of the picture.\n    set/2.png\n"
    )
    dialog.close()
    window.controller.session.load(State())
