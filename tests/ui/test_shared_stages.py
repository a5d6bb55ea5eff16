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
