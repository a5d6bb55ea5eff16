"""Boxes around the evidence in a heat map, against boxes worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from cvstudio.analyses.explain.localise import evidence_boxes
from cvstudio.data.geometry import Rect, Size
from cvstudio.media.examples.files import sample_path
from cvstudio.results.heat_map import HeatMap
from cvstudio.running.runner import Runner, make_instance

WHOLE, SIZE = Rect(0, 0, 512, 512), Size(512, 512)


def heat(values: np.ndarray, rect: Rect = WHOLE, size: Size = SIZE) -> HeatMap:
    return HeatMap(values.astype(np.float32), rect, size, 0.0, float(values.max()), "cat", 0.5)


def test_two_squares_the_one_with_more_evidence_first() -> None:
    values = np.zeros((512, 512))
    values[100:150, 300:380] = 1.0
    values[200:300, 20:120] = 0.5
    boxes, shares = evidence_boxes(heat(values), 0.2)
    np.testing.assert_array_equal(boxes, [[20, 200, 120, 300], [300, 100, 380, 150]])
    np.testing.assert_allclose(shares, [5000 / 9000, 4000 / 9000], rtol=1e-5)
    boxes, shares = evidence_boxes(heat(values), 0.6)
    np.testing.assert_array_equal(boxes, [[300, 100, 380, 150]])
    assert shares == pytest.approx([4000 / 9000], rel=1e-5)


def test_a_map_of_a_part_of_the_picture_is_put_where_it_belongs() -> None:
    values = np.zeros((512, 512))
    values[0:256, 256:512] = 1.0
    boxes, _ = evidence_boxes(heat(values, Rect(100, 40, 200, 100), Size(400, 200)), 0.2)
    np.testing.assert_allclose(boxes, [[200, 40, 300, 90]])


def test_a_coarse_map_is_interpolated() -> None:
    """One of 7 x 7 places: the box ends where the linear slope to its neighbours passes the share."""
    values = np.zeros((7, 7))
    values[3, 3] = 1.0
    boxes, _ = evidence_boxes(heat(values, Rect(0, 0, 700, 700), Size(700, 700)), 0.25)
    x1, y1, x2, y2 = boxes[0]
    assert (x1, y1) == pytest.approx((275, 275), abs=3)
    assert (x2, y2) == pytest.approx((425, 425), abs=3)


@pytest.mark.parametrize("values", [np.zeros((5, 5)), -np.ones((5, 5))])
def test_without_positive_evidence_there_is_no_box(values: np.ndarray) -> None:
    boxes, shares = evidence_boxes(heat(values), 0.2)
    assert boxes.shape == (0, 4)
    assert shares.shape == (0,)


def test_behind_grad_cam_it_boxes_the_cat() -> None:
    picture = sample_path("cat")
    upstream = make_instance("grad-cam", {"picture": picture}, model="residual-60")
    with Runner() as runner:
        found = runner.result(make_instance("localise", {"picture": picture, "map": upstream}))
        heat_map = runner.result(upstream)
    assert found.labels == (heat_map.label,)
    assert found.score_kind == "share"
    assert len(found) == 1
    x1, y1, x2, y2 = found.boxes[0]
    assert 0 <= x1 < x2 <= found.size.width
    assert 0 <= y1 < y2 <= found.size.height
    row, column = np.unravel_index(heat_map.values.argmax(), heat_map.values.shape)
    height, width = heat_map.values.shape
    x = heat_map.rect.x + (column + 0.5) / width * heat_map.rect.width
    y = heat_map.rect.y + (row + 0.5) / height * heat_map.rect.height
    assert x1 < x < x2
    assert y1 < y < y2


def test_there_are_no_more_boxes_than_asked_for() -> None:
    picture = sample_path("cat")
    upstream = make_instance("saliency", {"picture": picture}, model="residual-60", values={"method": "Gradient"})
    with Runner() as runner:
        counts = [
            len(runner.result(make_instance("localise", {"picture": picture, "map": upstream}, values={"boxes": n})))
            for n in (1, 3)
        ]
    assert counts == [1, 3]
