"""A project opens on a worker, which tells how far it is and can be stopped; the window goes on meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from cvstudio.foundation.lanes import Event
from cvstudio.media import Media, open_media
from cvstudio.session.project import save_project
from cvstudio.session.session import State
from ui.files.project_files import OWNER
from ui.window.main_window import MainWindow

WAIT_MS = 30_000


class Drive:
    """A drive that answers when it is told to."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.asked: list[tuple[str, threading.Thread]] = []

    def open_media(self, path: Any, **options: Any) -> Media:
        self.asked.append((Path(path).name, threading.current_thread()))
        assert self.gate.wait(20)
        return open_media(path, **options)


@pytest.fixture
def drive(monkeypatch: pytest.MonkeyPatch) -> Iterator[Drive]:
    made = Drive()
    monkeypatch.setattr("cvstudio.running.recipe.open_media", made.open_media)
    yield made
    made.gate.set()


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """`write(name, count)` saves a project of that many pictures; returns its path."""

    def make(name: str, count: int = 3) -> Path:
        media = []
        for number in range(count):
            path = tmp_path / f"{name}-{number}.png"
            cv2.imwrite(str(path), np.full((8, 12, 3), number, np.uint8))
            media.append(open_media(path))
        state = State(media=tuple(media), active=media[0].id)
        save_project(tmp_path / f"{name}.cvstudio", state)
        return tmp_path / f"{name}.cvstudio"

    return make


def names(window: MainWindow) -> list[str]:
    return [media.name for media in window.controller.session.state.media]


@pytest.fixture
def told(window: MainWindow) -> list[Event]:
    """What jobs that open projects tell."""
    events: list[Event] = []
    window.controller.pipeline.job_event.connect(lambda event: event.job.owner == OWNER and events.append(event))
    return events


def ended(told: list[Event]) -> list[str]:
    return [event.kind for event in told if event.kind in ("finished", "failed", "cancelled")]


def test_the_window_lives_while_the_files_of_a_project_are_slow(
    window: MainWindow, drive: Drive, write: Callable[..., Path], told: list[Event], qtbot: QtBot
) -> None:
    window.open_paths([write("p")])
    qtbot.waitUntil(lambda: bool(drive.asked), timeout=WAIT_MS)
    ticks: list[None] = []
    timer = QTimer(window, interval=5)
    timer.timeout.connect(lambda: ticks.append(None))
    timer.start()
    qtbot.waitUntil(lambda: len(ticks) >= 20, timeout=WAIT_MS)
    timer.stop()
    assert names(window) == []
    drive.gate.set()
    qtbot.waitUntil(lambda: len(names(window)) == 3, timeout=WAIT_MS)
    assert all(thread is not threading.main_thread() for _, thread in drive.asked)
    qtbot.waitUntil(lambda: ended(told) == ["finished"], timeout=WAIT_MS)
    fractions = [event.value[0] for event in told if event.kind == "progress"]
    assert fractions == pytest.approx([0, 1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6])
    assert window.project.path is not None
    assert window.project.path.name == "p.cvstudio"
    assert not window.controller.session.modified


def test_it_can_be_cancelled_and_what_is_open_stays(
    window: MainWindow, drive: Drive, write: Callable[..., Path], told: list[Event], tmp_path: Path, qtbot: QtBot
) -> None:
    project, kept = write("p"), tmp_path / "kept.png"
    cv2.imwrite(str(kept), np.zeros((8, 12, 3), np.uint8))
    window.open_paths([kept])
    qtbot.waitUntil(lambda: names(window) == ["kept.png"], timeout=WAIT_MS)
    window.open_paths([project])
    qtbot.waitUntil(lambda: bool(drive.asked), timeout=WAIT_MS)
    window.controller.pipeline.lanes.cancel(OWNER)
    drive.gate.set()
    qtbot.waitUntil(lambda: ended(told) == ["cancelled"], timeout=WAIT_MS)
    assert names(window) == ["kept.png"]
    assert window.project.path is None
    # It stopped at the file that it was on.
    assert len(drive.asked) == 1


def test_of_two_projects_the_last_one_counts_and_need_not_wait_for_the_first(
    window: MainWindow, drive: Drive, write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    first, second = write("first"), write("second")
    window.open_paths([first])
    qtbot.waitUntil(lambda: bool(drive.asked), timeout=WAIT_MS)
    monkeypatch.setattr("cvstudio.running.recipe.open_media", open_media)
    window.open_paths([second])
    qtbot.waitUntil(lambda: names(window) == [f"second-{number}.png" for number in range(3)], timeout=WAIT_MS)
    drive.gate.set()
    qtbot.waitUntil(lambda: window.controller.pipeline.lanes.idle, timeout=WAIT_MS)
    qtbot.wait(50)
    assert names(window)[0] == "second-0.png"


@pytest.mark.parametrize("damaged", [False, True])
def test_what_came_with_a_project_joins_it_whatever_comes_of_it(
    window: MainWindow, write: Callable[..., Path], damaged: bool, tmp_path: Path, qtbot: QtBot
) -> None:
    project, other = write("p", 1), tmp_path / "other.png"
    cv2.imwrite(str(other), np.zeros((8, 12, 3), np.uint8))
    if damaged:
        project.write_text('{"format": "cvstudio-project", "version": 1, "media": 3}', encoding="utf-8")
    window.open_paths([other, project])
    expected = ["other.png"] if damaged else ["p-0.png", "other.png"]
    qtbot.waitUntil(lambda: names(window) == expected, timeout=WAIT_MS)
    texts = [notice.text for notice in window.notices.shown]
    assert len(texts) == damaged
    assert all("p.cvstudio" in text for text in texts)


def test_a_file_that_has_moved_is_asked_for(
    window: MainWindow, write: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    project = write("p", 2)
    new = tmp_path / "elsewhere" / "renamed.png"
    new.parent.mkdir()
    (tmp_path / "p-1.png").rename(new)
    asked: list[str] = []

    def choose(_: object, title: str, *rest: object) -> tuple[str, str]:
        asked.append(title)
        return str(new), ""

    monkeypatch.setattr(QFileDialog, "getOpenFileName", choose)
    window.open_paths([project])
    qtbot.waitUntil(lambda: names(window) == ["p-0.png", "renamed.png"], timeout=WAIT_MS)
    assert asked == ["Where is p-1.png now?"]


@pytest.mark.parametrize("unreadable", [False, True])
def test_a_file_that_is_not_found_or_read_is_left_out_and_not_lost(
    unreadable: bool,
    window: MainWindow,
    write: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    qtbot: QtBot,
) -> None:
    project = write("p", 3)
    if unreadable:
        (tmp_path / "p-1.png").write_bytes(b"nonsense" * 20)
    else:
        (tmp_path / "p-1.png").unlink()
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
    window.open_paths([project])
    qtbot.waitUntil(lambda: names(window) == ["p-0.png", "p-2.png"], timeout=WAIT_MS)
    qtbot.waitUntil(lambda: any("p-1.png" in notice.text for notice in window.notices.shown), timeout=WAIT_MS)
    # Saving asks for another file.
    assert window.project.path is None
