"""Stages that analyses or frames have in common, in the window."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from ui.window.main_window import MainWindow

TIMEOUT = 60_000


@pytest.fixture(autouse=True)
def analyses(shared_stages: ModuleType) -> ModuleType:
    return shared_stages


def results(window: MainWindow) -> dict[str, Any]:
    """What is on screen and final, by analysis."""
    layers = window.controller.shown.layers
    return {item.layer.instance.analysis: item.result for item in layers if item.result is not None and not item.stale}


def test_two_layers_on_one_trunk_run_it_once(window, qtbot, analyses, pictures):
    controller = window.controller
    controller.open_paths([pictures / "1.png"])
    qtbot.waitUntil(lambda: controller.shown.sample is not None, timeout=TIMEOUT)
    controller.pipeline.set_device("cpu")
    controller.use_analysis("colour")
    controller.layers.add("light")
    qtbot.waitUntil(lambda: {"colour", "light"} <= set(results(window)), timeout=TIMEOUT)
    assert (results(window)["colour"].label(0), results(window)["light"].label(0)) == ("red", "dark")
    assert len(analyses.RUNS) == 1
    # The next picture, asked for by both at once.
    controller.open_paths([pictures / "10.png"])
    qtbot.waitUntil(lambda: "blue" in {item.label(0) for item in results(window).values()}, timeout=TIMEOUT)
    qtbot.waitUntil(lambda: not controller.pipeline.busy, timeout=TIMEOUT)
    assert len(results(window)) == 2
    assert len(analyses.RUNS) == 2


def test_a_frame_stands_on_its_key_frame_after_seeks_and_while_playing(window, qtbot, analyses, numbered_clip):
    controller = window.controller
    playback = controller.playback
    controller.open_paths([numbered_clip])
    qtbot.waitUntil(lambda: controller.shown.sample is not None, timeout=TIMEOUT)
    controller.pipeline.set_device("cpu")
    controller.use_analysis("since")

    def at(number: int) -> bool:
        pts, found = controller.shown.pts, results(window).get("since")
        return pts is not None and round(pts * 12) == number and found is not None and found.source.pts == pts

    for number in (13, 4, 21, 9):
        playback.seek(number / 12)
        qtbot.waitUntil(lambda number=number: at(number), timeout=TIMEOUT)
        assert results(window)["since"].label(0) == f"{number} after {number - number % 5}"
    shown: list[str] = []
    controller.view_changed.connect(lambda frame: shown.extend(item.label(0) for item in results(window).values()))
    playback.set_speed(0.0)
    playback.seek(0.0)
    qtbot.waitUntil(lambda: at(0), timeout=TIMEOUT)
    shown.clear()
    playback.play()
    qtbot.waitUntil(lambda: bool(shown) and shown[-1] == "23 after 20", timeout=TIMEOUT)
    assert set(shown) == {f"{number} after {number - number % 5}" for number in range(24)}
    # Once for each key frame, though several frames ask at once while every frame is wanted.
    qtbot.waitUntil(lambda: not controller.pipeline.busy, timeout=TIMEOUT)
    assert sorted(round(grey / 10) for _, grey in analyses.KEYS.of) == [0, 5, 10, 15, 20]
