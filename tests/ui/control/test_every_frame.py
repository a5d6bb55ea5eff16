"""Every frame of a video in the window, with a real network: two of them side by side, and what one alone finds."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from cvstudio.foundation.progress import Progress
from cvstudio.media.examples.files import sample_path
from cvstudio.results.detections import Detections
from cvstudio.running.runner import Runner, make_instance
from ui.control.pipeline import BESIDE
from ui.window.main_window import MainWindow

FRAMES = 24


def played(window: MainWindow, qtbot: QtBot) -> list[tuple[float, Detections]]:
    """The first frames in the order in which they are shown, each with what was found in it."""
    controller, playback = window.controller, window.controller.playback
    controller.open_paths([sample_path("clip")])
    qtbot.waitUntil(lambda: controller.detections() is not None, timeout=60_000)
    shown: list[tuple[float, Detections]] = []

    def keep(now: object) -> None:
        found = controller.detections()
        if found is not None and (not shown or shown[-1][0] != controller.shown.pts):
            shown.append((controller.shown.pts or 0.0, found))

    playback.set_muted(True)
    playback.set_speed(0.0)
    controller.view_changed.connect(keep)
    playback.play()
    qtbot.waitUntil(lambda: len(shown) >= FRAMES, timeout=60_000)
    playback.pause()
    return shown[:FRAMES]


def test_two_networks_side_by_side_find_what_one_finds_in_the_same_order(window: MainWindow, qtbot: QtBot) -> None:
    began: list[str] = []
    window.controller.pipeline.host.use("cpu")
    lane = window.controller.pipeline.lanes[BESIDE]
    submit = lane.submit
    lane.submit = lambda job: (began.append(job.title), submit(job))  # type: ignore[method-assign, assignment]
    shown = played(window, qtbot)
    assert len(began) >= FRAMES // 4
    times = [pts for pts, _ in shown]
    assert times == sorted(times)
    with Runner(device="cpu") as runner:
        instance = make_instance("detect", {"picture": sample_path("clip")})
        alone = list(itertools.islice(runner.frames(instance, Progress(), streams=1), FRAMES))
    for (pts, found), (frame, expected) in zip(shown, alone, strict=True):
        assert pts == pytest.approx(frame.pts)
        np.testing.assert_array_equal(found.track_ids, expected.track_ids)
        np.testing.assert_allclose(found.boxes, expected.boxes, atol=0.05)
        np.testing.assert_allclose(found.scores, expected.scores, atol=1e-4)
