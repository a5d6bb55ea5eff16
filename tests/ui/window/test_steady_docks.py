"""Docks and picture keep their sizes whatever their contents show: only the user's hand changes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QProgressBar, QScrollArea
from pytestqt.qtbot import QtBot

from cvstudio.foundation.lanes import Job
from cvstudio.foundation.progress import Progress
from cvstudio.media.examples.files import sample_path
from cvstudio.results.detections import Detections
from ui.panels import PANELS
from ui.tour.input_events import pause
from ui.window.main_window import MainWindow

Places = dict[str, QRect]


def places(window: MainWindow) -> Places:
    """Where the visible docks, the column of those on the right, and the centre stand. A section of the column is as
    high as its content."""
    shown = {
        key: dock.geometry()
        for key, dock in window.docks.items()
        if dock.isVisible() and not dock.isFloating() and not dock.in_column
    }
    return {**shown, "column": window.dock_layout.column.dock.geometry(), "centre": window.centre.geometry()}


@pytest.fixture(params=[(1280, 800), (1024, 660)])
def small(window: MainWindow, request: pytest.FixtureRequest, qtbot: QtBot) -> MainWindow:
    """The window at a size of a small screen."""
    width, height = request.param
    window.resize(width, height)
    window.dock_layout.divide()
    qtbot.waitUntil(lambda: window.width() == width)
    pause(100)
    return window


def test_no_content_moves_another_dock_or_the_picture(small: MainWindow) -> None:
    for key in ("batch", "medium", "look", "results"):
        small.show_panel(key)
    pause(300)
    before = places(small)
    fillers = []
    for dock in small.docks.values():
        content = dock.widget()
        # A scroll area of its own has a body inside, which may be as large as it likes.
        if isinstance(content, QScrollArea) or content.layout() is None:
            continue
        filler = QLabel("x")
        filler.setMinimumSize(900, 700)
        content.layout().addWidget(filler)
        fillers.append(filler)
    assert len(fillers) > 5
    pause(200)
    assert places(small) == before


@pytest.mark.parametrize("panel", [panel for panel in PANELS if not panel.floats], ids=lambda panel: panel.key)
def test_a_panel_can_be_made_small_and_then_scrolls(window: MainWindow, panel: Any) -> None:
    window.show_panel(panel.key)
    pause(100)
    dock = window.docks[panel.key]
    if dock.in_column:
        dock.setFloating(True)  # as a section it has the height of its content
        pause(100)
    assert dock.minimumSizeHint().height() <= 120
    assert dock.minimumSizeHint().width() <= 330


@pytest.fixture
def long_jobs(window: MainWindow) -> Iterator[Callable[[int], None]]:
    """`long_jobs(count)`: run so many jobs with a long message until the test ends."""
    end = Event()

    def start(count: int) -> None:
        def work(progress: Progress) -> Iterator[Any]:
            progress(0.3, "a long message of what is being done now, and to which of the many files")
            yield end.wait(30)

        for number in range(count):
            window.controller.pipeline.submit(f"test-{number}", Job(("test", number), f"Job {number}", work))

    yield start
    end.set()


def test_jobs_move_neither_picture_nor_docks(small: MainWindow, long_jobs: Callable[[int], None], qtbot: QtBot) -> None:
    small.show_panel("jobs")
    small.open_paths([sample_path("cat")])
    qtbot.waitUntil(lambda: isinstance(small.controller.current_result(), Detections), timeout=60_000)
    qtbot.waitUntil(lambda: not small.controller.pipeline.busy, timeout=60_000)
    pause(300)
    before, canvas = places(small), small.workspace.canvas.size()
    long_jobs(6)
    pause(700)
    assert small.status.cancel.isVisible()
    assert places(small) == before
    assert small.workspace.canvas.size() == canvas


def test_what_is_opened_and_found_moves_no_dock(small: MainWindow, qtbot: QtBot) -> None:
    before = places(small)
    controller = small.controller
    for analysis in ("spectrogram", "hog", "refocus", "classify"):
        controller.open_sample(analysis)
        qtbot.waitUntil(
            lambda analysis=analysis: (
                controller.session.state.instance is not None
                and controller.session.state.instance.analysis == analysis
                and controller.current_result() is not None
                and not controller.pipeline.busy
            ),
            timeout=60_000,
        )
        pause(150)
        assert places(small) == before


def test_the_status_line_tells_what_runs_and_opens_the_list_of_jobs(
    window: MainWindow, long_jobs: Callable[[int], None], qtbot: QtBot
) -> None:
    assert window.docks["jobs"].isHidden()
    long_jobs(1)
    label = window.status.findChild(QProgressBar)
    qtbot.waitUntil(lambda: label is not None and label.isVisible(), timeout=20_000)
    assert any(text.text() == "Job 0" and text.isVisible() for text in window.status.findChildren(QLabel))
    assert window.docks["jobs"].isHidden()
    QTest.mouseClick(label, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(window.docks["jobs"].isVisible)


def test_a_video_that_plays_moves_no_dock(small: MainWindow, numbered_clip: Path, qtbot: QtBot) -> None:
    controller = small.controller
    small.show_panel("jobs")
    small.open_paths([numbered_clip])
    qtbot.waitUntil(lambda: controller.current_result() is not None, timeout=60_000)
    qtbot.waitUntil(lambda: not controller.pipeline.busy, timeout=60_000)
    before, canvas = places(small), small.workspace.canvas.geometry()
    controller.playback.play()
    for _ in range(20):
        pause(50)
        assert places(small) == before
        assert small.workspace.canvas.geometry() == canvas
    assert controller.playback.position_secs > 0
    controller.playback.pause()
