"""The library with a session and lanes of its own, without the analyses that a controller runs on what is shown."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QObject, Signal
from pytestqt.qtbot import QtBot

from cvstudio.media import Media
from cvstudio.session.session import Session
from ui.base.settings import Settings
from ui.control.library import Library
from ui.control.pipeline import Pipeline
from ui.control.window_requests import WindowRequests
from ui.panels.base import PanelContext
from ui.panels.media import MediaPanel
from ui.views.canvas import Canvas


class Stand(QObject):
    """What the library and the media panel need of a controller."""

    state_changed = Signal(object, object)
    notice = Signal(str, str)

    def __init__(self) -> None:
        super().__init__()
        self.session = Session()
        self.pipeline = Pipeline(self)
        self.library = Library(self.session, self.pipeline, self)
        self.told: list[tuple[str, str]] = []
        self.library.notice.connect(self.notice)
        self.notice.connect(lambda level, text: self.told.append((level, text)))
        self.session.listen(self.library.state_changed)
        self.session.listen(self.state_changed.emit)

    @property
    def shown(self) -> str:
        """Name of the medium on the canvas."""
        media = self.session.state.active_media
        return media.path.name if media is not None else ""


@pytest.fixture
def stand(qapp: Any) -> Iterator[Stand]:
    made = Stand()
    yield made
    made.library.close()
    assert made.pipeline.close()
    made.deleteLater()


@pytest.fixture
def library(stand: Stand) -> Library:
    return stand.library


@pytest.fixture
def panel(stand: Stand, qtbot: QtBot) -> Iterator[MediaPanel]:
    # Nothing of what it stands on here draws on a canvas.
    made = MediaPanel(PanelContext(stand, WindowRequests(stand), Settings(), Canvas))  # type: ignore[arg-type]
    made.complete()
    made.resize(230, 500)
    made.show()
    with qtbot.waitExposed(made):
        pass
    yield made
    made.close()
    made.deleteLater()


@pytest.fixture
def still(qtbot: QtBot, stand: Stand) -> Callable[[], None]:
    """Wait until no job runs and what they brought has arrived."""

    def wait() -> None:
        qtbot.waitUntil(lambda: stand.pipeline.lanes.idle, timeout=20_000)
        qtbot.wait(20)
        qtbot.waitUntil(lambda: stand.pipeline.lanes.idle, timeout=20_000)

    return wait


@pytest.fixture
def pictures() -> Callable[..., Path]:
    """`pictures(folder, *names)` writes small pictures that differ; returns the folder."""

    def write(folder: Path, *names: str) -> Path:
        for number, name in enumerate(names):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            picture = np.full((12, 16, 3), number * 7 % 256, np.uint8)
            _, encoded = cv2.imencode(".png", picture)
            # What follows the end of a PNG is no part of it, and makes each a file of its own.
            path.write_bytes(encoded.tobytes() + name.encode())
        return folder

    return write


class Gate:
    """Lets a test hold up `open_media` and see what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[Path] = []
        self.open = threading.Event()
        self.open.set()

    def __call__(self, path: Path) -> Media:
        from cvstudio.media import open_media

        self.asked.append(Path(path))
        assert self.open.wait(20)
        return open_media(path)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    made = Gate()
    monkeypatch.setattr("ui.control.opening_jobs.open_media", made)
    yield made
    made.open.set()


_watches: list[SimpleNamespace] = []
_hooked: list[bool] = []


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if _watches and event == "open":
        for watch in _watches:
            if str(arguments[0]).startswith(watch.folder):
                watch.opened.append(Path(str(arguments[0])))


@pytest.fixture
def opened_below() -> Iterator[Callable[[Path], list[Path]]]:
    """`opened_below(folder)` gives a list that grows by every file below `folder` that Python opens, on any thread."""
    # An audit hook stays for good: one for all tests, which sees nothing while nobody watches.
    if not _hooked:
        sys.addaudithook(_hook)
        _hooked.append(True)

    def watch(folder: Path) -> list[Path]:
        made = SimpleNamespace(folder=str(folder), opened=[])
        _watches.append(made)
        return made.opened  # type: ignore[no-any-return]

    yield watch
    _watches.clear()
