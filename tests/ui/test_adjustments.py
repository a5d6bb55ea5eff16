"""Adjustments in the window: what the intent sets is seen at once, in the pixels of the file, and undone in a step."""

from __future__ import annotations

import numpy as np
import pytest

from cvstudio.data.adjustments import Adjustments
from cvstudio.results.detections import Detections
from ui.window.main_window import MainWindow

TIMEOUT = 60_000


@pytest.fixture
def finding(window, qtbot, patch_finder, patch_picture) -> MainWindow:
    """The patch is looked for on the picture."""
    controller = window.controller
    controller.open_paths([patch_picture])
    qtbot.waitUntil(lambda: controller.shown.sample is not None, timeout=TIMEOUT)
    controller.use_analysis(patch_finder.FIND.key)
    qtbot.waitUntil(lambda: boxes(window) == [list(map(float, patch_finder.PATCH))], timeout=TIMEOUT)
    return window


def boxes(window: MainWindow) -> list[list[float]]:
    result = window.controller.current_result()
    stale = any(layer.stale for layer in window.controller.shown.layers)
    return result.boxes.tolist() if isinstance(result, Detections) and not stale else []


@pytest.mark.parametrize("text", ["crop=10,12,70,50 rotate=90 flip=h", "levels=0.1,0.9,1.2 channel=red", "rotate=180"])
def test_what_is_set_is_seen_at_once_and_undone_in_one_step(text, finding, qtbot, patch_finder):
    controller, shown = finding.controller, finding.controller.shown
    patch_finder.SEEN.clear()
    controller.set_adjustments(Adjustments.from_text(text))
    qtbot.waitUntil(lambda: bool(patch_finder.SEEN) and bool(boxes(finding)), timeout=TIMEOUT)
    assert boxes(finding) == [list(map(float, patch_finder.PATCH))]
    assert controller.current_result().size == shown.sample.size
    # The canvas shows the file as it is.
    np.testing.assert_array_equal(controller.shown.sample.pixels, shown.sample.pixels)
    assert len(patch_finder.SEEN) == 1
    controller.undo()
    assert controller.session.state.instance.adjustments == {}
    controller.redo()
    assert controller.session.state.instance.adjustments == {"picture": Adjustments.from_text(text)}


def test_a_drag_is_one_step_and_what_leaves_the_patch_out_does_not_find_it(finding, qtbot, patch_finder):
    controller = finding.controller
    for left in (44, 50, 55):
        controller.set_adjustments(Adjustments(crop=(left, 10, 40, 60)), dragging=True)
    controller.session.end_merge()
    qtbot.waitUntil(lambda: bool(boxes(finding)) and boxes(finding)[0][0] >= 55, timeout=TIMEOUT)
    controller.undo()
    qtbot.waitUntil(lambda: boxes(finding) == [list(map(float, patch_finder.PATCH))], timeout=TIMEOUT)


def test_a_crop_beside_the_picture_is_told_and_changes_nothing(finding, qtbot):
    told: list[str] = []
    finding.controller.notice.connect(lambda level, text: told.append(text))
    finding.controller.set_adjustments(Adjustments(crop=(500, 0, 5, 5)))
    assert len(told) == 1
    assert "lies outside of the picture of 100 x 80 pixels" in told[0]
    assert finding.controller.session.state.instance.adjustments == {}
