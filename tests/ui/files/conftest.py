"""What the tests of exports share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image as Pillow
from pytestqt.qtbot import QtBot

from cvstudio.media.examples.files import sample_path
from ui.panels.batch import BatchContent, BatchPanel
from ui.window.main_window import MainWindow


@pytest.fixture
def show(qtbot: QtBot, window: MainWindow) -> Callable[..., None]:
    """`show(path, …)`: open files and wait until the faces of the first one are found."""

    def run(*paths: Path) -> None:
        controller = window.controller
        window.open_paths(list(paths))
        qtbot.waitUntil(lambda: len(controller.session.state.media) == len(paths), timeout=60_000)
        controller.set_model("haar-face")
        qtbot.waitUntil(
            lambda: (
                not controller.pipeline.busy
                and controller.current_result() is not None
                and not any(layer.stale for layer in controller.shown.layers)
            ),
            timeout=60_000,
        )

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "사진"
    made.mkdir()
    with Pillow.open(sample_path("astronaut")) as portrait:
        face = portrait.convert("RGB").resize((256, 256))
    for number in range(5):
        face.save(made / f"{number}.png")
    (made / "broken.png").write_bytes((made / "0.png").read_bytes()[:900])
    return made


@pytest.fixture
def batch(window: MainWindow, show: Callable[..., None], folder: Path, tmp_path: Path) -> BatchContent:
    """The panel, ready to take the folder through a face detector."""
    show(folder / "0.png")
    window.toggle_panel("batch")
    panel = window.docks["batch"].widget()
    assert isinstance(panel, BatchPanel)
    assert panel.content is not None
    assert panel.content.empty.isVisible()
    panel.content.set_folders(folder, tmp_path / "results")
    panel.content.set_formats({"coco", "png"})
    return panel.content


@pytest.fixture
def merge_answers(monkeypatch):
    """`answers, asked`: what the question about a folder of files is answered with, and the folders it named."""
    from ui.files import folder_question

    answers, asked = [], []

    def answer(parent, folder):
        asked.append(folder)
        return answers.pop(0)

    monkeypatch.setattr(folder_question, "ask_merge", answer)
    return answers, asked
