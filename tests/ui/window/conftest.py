"""Fixtures of the window's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from pytestqt.qtbot import QtBot

from cvstudio.session.session import State
from tests.core.media.conftest import write_media
from ui.window.main_window import MainWindow


@pytest.fixture
def labelling(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    """Two grey pictures of a folder, the first on the canvas, without labels."""
    controller = window.controller
    for name in ("one", "two"):
        Pillow.fromarray(np.full((80, 120, 3), 90, np.uint8)).save(tmp_path / f"{name}.png")
    controller.open_paths([tmp_path / "one.png", tmp_path / "two.png"])
    qtbot.waitUntil(lambda: len(controller.session.state.media) == 2, timeout=30_000)
    window.show_panel("labels")
    qtbot.waitUntil(lambda: window.workspace.canvas.content_size is not None, timeout=30_000)
    yield window
    # What is registered goes after the window, which would ask for it.
    controller.session.load(State())


@pytest.fixture
def settle(qtbot: QtBot, window: MainWindow) -> Callable[..., None]:
    """Waits until the canvas shows what was asked for last, whose result is of a type where one is given."""

    def wait(kind: type | None = None) -> None:
        controller = window.controller
        qtbot.waitUntil(
            lambda: (
                not controller.pipeline.busy
                and bool(controller.shown.layers)
                and not any(layer.stale for layer in controller.shown.layers)
                and (kind is None or isinstance(controller.current_result(), kind))
            ),
            timeout=60_000,
        )

    return wait


@pytest.fixture
def uneven_clip(tmp_path: Path) -> Path:
    """A video of 8 frames of one grey each, 20 times the number of the frame: 25 a second, but frame 5 lasts 2.8 s."""

    def picture(number: int) -> Any:
        return np.full((48, 64, 3), 20 * number, np.uint8)

    times = [0, 40, 80, 120, 160, 200, 3000, 3040]
    return write_media(tmp_path / "uneven.mp4", times, pictures=picture)
