"""Views of pictures for the detector: boxes stay on what they mark."""

from __future__ import annotations

import numpy as np
import pytest

from cvstudio.training import detector_views
from cvstudio.training.augment import GREY
from cvstudio.training.detector_data import LabelledPicture, MaskCutOut

SIZE = 160
RED, BLUE = (250, 10, 10), (10, 10, 250)
BOXES = np.array([[30, 40, 60, 100], [150, 20, 190, 50]], np.float32)


@pytest.fixture
def sample() -> LabelledPicture:
    """Grey with a red upright thing of class 0, which has a mask, and a blue lying one of class 1."""
    pixels = np.full((120, 200, 3), GREY, np.uint8)
    for box, colour in zip(BOXES.astype(int), (RED, BLUE), strict=True):
        pixels[box[1] : box[3], box[0] : box[2]] = colour
    mask = MaskCutOut(30, 40, np.ones((60, 30), np.uint8))
    return LabelledPicture(
        pixels,
        BOXES,
        np.array([0, 1]),
        np.ones(2, np.float32),
        {0: mask},
        np.array([1, 0], np.float32),
    )


def is_colour(pixels: np.ndarray, channel: int) -> np.ndarray:
    """Where one channel stands out, whatever brightness and saturation became."""
    signed = pixels.astype(int)
    others = np.delete(signed, channel, axis=2).max(axis=2)
    return np.asarray(signed[..., channel] - others > 40)


def colourful(make, rounds: int = 60):
    """Views that kept their colours."""
    for seed in range(rounds):
        pixels, target = make(np.random.default_rng(seed))
        if np.ptp(pixels.astype(int), axis=2).max() > 80:
            yield pixels, target


@pytest.mark.parametrize(("wanted", "channel"), [(0, 0), (1, 2)])
def test_zoom_fills_the_view_with_what_is_wanted(sample, wanted, channel):
    sides, seen = [], 0
    for pixels, target in colourful(lambda rng: detector_views.zoom(rng, sample, SIZE, wanted)):
        rows = np.flatnonzero(target.classes == wanted)
        if not len(rows) or target.weights[rows[0]] == 0:
            continue
        seen += 1
        x1, y1, x2, y2 = target.boxes[rows[0]]
        sides.append(max(x2 - x1, y2 - y1))
        inside = is_colour(pixels, channel)
        found = np.argwhere(inside)
        assert found.min(axis=0) == pytest.approx([y1, x1], abs=2.5)
        assert found.max(axis=0) + 1 == pytest.approx([y2, x2], abs=2.5)
    assert seen > 30
    # As it is, the longer side is half or a fifth of the picture.
    assert np.median(sides) > 0.5 * SIZE
    assert max(sides) <= SIZE


def test_zoom_takes_another_thing_where_there_is_none_of_the_class(sample):
    _, target = detector_views.zoom(np.random.default_rng(0), sample, SIZE, 4)
    assert len(target.boxes)


def test_zoom_keeps_masks_on_their_boxes(sample):
    for seed in range(20):
        _, target = detector_views.zoom(np.random.default_rng(seed), sample, SIZE, 0)
        for row in np.flatnonzero(target.mask_weights > 0):
            x1, y1, x2, y2 = target.boxes[row] / detector_views.MASK_STRIDE
            assert target.masks[row].sum() == pytest.approx((x2 - x1) * (y2 - y1), rel=0.25)


def test_a_small_thing_is_not_enlarged_to_nothing_but_blur():
    tiny = LabelledPicture(
        np.full((100, 100, 3), GREY, np.uint8),
        np.array([[50, 50, 55, 56]], np.float32),
        np.array([0]),
        np.ones(1, np.float32),
        {},
        np.zeros(1, np.float32),
    )
    for seed in range(20):
        _, target = detector_views.zoom(np.random.default_rng(seed), tiny, 416, 0)
        if len(target.boxes):
            assert (target.boxes[0, 2:] - target.boxes[0, :2]).max() <= 6 * detector_views.MOST_ZOOM * 1.1 + 1e-3


def test_what_only_waits_to_be_ignored_is_not_zoomed_at(sample):
    doubtful = LabelledPicture(
        sample.pixels, BOXES, sample.classes, np.zeros(2, np.float32), {}, np.zeros(2, np.float32)
    )
    with pytest.raises(ValueError, match="found none"):
        detector_views.zoom(np.random.default_rng(0), doubtful, SIZE, 0)
