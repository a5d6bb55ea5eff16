"""Slices in the window: offered for large pictures in one click, and a cancel ends what says that it computes."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from pytestqt.qtbot import QtBot

from cvstudio.data.adjustments import Adjustments
from cvstudio.models import MODELS
from cvstudio.session.session import State
from ui.window.main_window import MainWindow


@pytest.fixture
def large(tmp_path: Path) -> Path:
    pixels = np.full((3000, 4000, 3), 60, np.uint8)
    pixels[100:140, 50:90] = (230, 20, 20)
    path = tmp_path / "large.png"
    Pillow.fromarray(pixels).save(path, compress_level=1)
    return path


def test_slices_are_offered_above_ten_megapixels_and_end_with_a_cancel(
    window: MainWindow, qtbot: QtBot, blob_finder: Any, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, predict = threading.Event(), blob_finder.BlobFinder.predict

    def waiting(self: Any, image: Any, params: Any, progress: Any) -> Any:
        if len(blob_finder.SEEN) >= 3:
            while not go_on.wait(0.02):
                progress.check()
        return predict(self, image, params, progress)

    monkeypatch.setattr(blob_finder.BlobFinder, "predict", waiting)
    controller, panel = window.controller, window.docks["analysis"].widget()
    with MODELS.lend(blob_finder.SPEC):
        controller.open_paths([large])
        qtbot.waitUntil(lambda: controller.shown.sample is not None, timeout=60_000)
        controller.set_model("blobs")
        controller.pipeline.cancel_instance(controller.session.state.current)
        controller.refresh()
        qtbot.waitUntil(lambda: not controller.pipeline.busy, timeout=60_000)
        assert panel.slices.text.text() == "This picture has 12 megapixels: analyse it in slices of 1024 px?"
        # What the analysis is given counts.
        controller.set_adjustments(Adjustments(crop=(0, 0, 1000, 1000)))
        assert panel.slices.isHidden()
        controller.undo()
        assert not panel.slices.isHidden()
        blob_finder.SEEN.clear()
        panel.slices.button.click()
        assert controller.session.state.instance.value("tile") == 1024
        assert panel.slices.isHidden()
        qtbot.waitUntil(lambda: len(blob_finder.SEEN) == 3, timeout=60_000)
        canvas = window.workspace.canvas
        assert canvas._stale
        results = window.docks["results"].widget()
        assert results.stopped.isHidden()
        window.status.cancel.click()
        qtbot.waitUntil(lambda: not canvas._stale and not controller.pipeline.busy, timeout=60_000)
        qtbot.waitUntil(lambda: not results.stopped.isHidden(), timeout=60_000)
        assert results.stopped.text.text() == "Stopped. This is what was found by then."
        # Nothing begins it anew but the wish that it goes on, from where it was.
        go_on.set()
        canvas.actual_size()
        controller.set_value("score", 0.31)
        controller.refresh()
        qtbot.wait(100)
        assert not controller.pipeline.busy
        assert len(blob_finder.SEEN) == 3
        results.stopped.button.click()
        qtbot.waitUntil(lambda: not controller.pipeline.busy and not canvas._stale, timeout=60_000)
        assert blob_finder.SEEN[3:] == [(1024, 1024)] * (len(blob_finder.SEEN) - 3)
        assert len(controller.current_result()) == 1
        qtbot.waitUntil(results.stopped.isHidden, timeout=60_000)
        controller.undo()
        controller.undo()
        assert not panel.slices.isHidden()
        controller.session.load(State())
        assert panel.slices.isHidden()
