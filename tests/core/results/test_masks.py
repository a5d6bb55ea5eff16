"""Masks of instances against SciPy's interpolation and COCO's own run-length code."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco
from scipy.ndimage import gaussian_filter, map_coordinates

from cvstudio.data.geometry import Size
from cvstudio.results.detections import Detections
from cvstudio.results.masks import PrototypeMasks, run_lengths

# pycocotools hands NumPy an array class of its own, of before NumPy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SIZE = Size(160, 96)
CELLS = (0.13, 0.17)
"""Cells of the prototypes for each pixel of the picture: a map of 24 x 18 cells, a little more than the picture."""


def prototypes(seed: int = 0, n: int = 6) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(n, 18, 24))
    return gaussian_filter(noise, (0, 1.5, 1.5)).astype(np.float32)


@pytest.fixture
def masks() -> PrototypeMasks:
    mixing = np.random.default_rng(1).normal(size=(5, 6)).astype(np.float32)
    return PrototypeMasks(prototypes(), mixing, CELLS)


BOX = np.array([12.4, 7.6, 130.2, 88.5], np.float32)


def by_hand(masks: PrototypeMasks, row: int, box: np.ndarray, scale: float, width: int, height: int) -> np.ndarray:
    """Logits at the centres of output pixels, float64, -inf outside of the box."""
    logits = np.tensordot(masks.coefficients[row].astype(float), masks.prototypes.astype(float), axes=1)
    across, down = masks.cells_per_pixel
    y = (np.arange(height) + 0.5) / scale * down - 0.5
    x = (np.arange(width) + 0.5) / scale * across - 0.5
    found = map_coordinates(logits, np.meshgrid(y, x, indexing="ij"), order=1, mode="nearest")
    x1, y1, x2, y2 = np.rint(box.astype(float) * scale).astype(int)
    inside = np.zeros((height, width), bool)
    inside[max(y1, 0) : max(y2, 0), max(x1, 0) : max(x2, 0)] = True
    return np.where(inside, found, -np.inf)


def assert_equal_but_for_rounding(mask: np.ndarray, logits: np.ndarray) -> None:
    np.testing.assert_array_equal(mask | (np.abs(logits) < 1e-5), (logits > 0) | (np.abs(logits) < 1e-5))


@pytest.mark.parametrize("scale", [1.0, 0.31, 2.7])
@pytest.mark.parametrize("row", range(5))
def test_a_mask_is_the_mixture_interpolated_and_cut_by_its_box(masks, row, scale):
    width, height = round(SIZE.width * scale), round(SIZE.height * scale)
    mask = masks.window(row, BOX, scale, 0, 0, width, height)
    assert mask.dtype == bool
    logits = by_hand(masks, row, BOX, scale, width, height)
    assert_equal_but_for_rounding(mask, logits)
    assert 0.02 < mask.mean() < 0.9


def test_full_is_the_whole_picture_pixel_for_pixel(masks):
    for row in range(5):
        whole = masks.full(row, BOX, SIZE)
        assert whole.shape == (SIZE.height, SIZE.width)
        assert_equal_but_for_rounding(whole, by_hand(masks, row, BOX, 1.0, *SIZE))


@settings(deadline=None, max_examples=80)
@given(st.integers(0, 4), st.sampled_from([0.5, 1.0, 1.37, 6.0]), st.tuples(*[st.floats(0, 1)] * 4))
def test_any_part_is_a_crop_of_the_whole(row, scale, where):
    masks = PrototypeMasks(prototypes(), np.random.default_rng(1).normal(size=(5, 6)).astype(np.float32), CELLS)
    width, height = round(SIZE.width * scale), round(SIZE.height * scale)
    left, right = sorted(round(at * (width + 20)) - 10 for at in where[:2])
    top, bottom = sorted(round(at * (height + 20)) - 10 for at in where[2:])
    whole = np.pad(masks.window(row, BOX, scale, 0, 0, width, height), 10)
    part = masks.window(row, BOX, scale, left, top, right, bottom)
    np.testing.assert_array_equal(part, whole[top + 10 : bottom + 10, left + 10 : right + 10])


@pytest.mark.parametrize(
    "box",
    [
        (-20.0, -5.0, 30.0, 40.0),
        (150.0, 80.0, 400.0, 300.0),
        (400.0, 300.0, 500.0, 320.0),
        (-90.0, -50.0, -20.0, -10.0),
        (30.0, 30.0, 30.0, 60.0),
        (50.2, 40.3, 51.4, 41.4),
        (-1e6, -1e6, 1e6, 1e6),
    ],
)
def test_boxes_at_and_beyond_the_border(masks, box):
    found = np.array(box, np.float32)
    assert_equal_but_for_rounding(masks.full(2, found, SIZE), by_hand(masks, 2, found, 1.0, *SIZE))


def test_one_cell_is_one_answer():
    masks = PrototypeMasks(np.array([[[1.0]]], np.float32), np.array([[2.0], [-2.0]], np.float32), (0.01, 0.01))
    box = np.array([2, 3, 5, 7], np.float32)
    wanted = np.zeros((10, 10), bool)
    wanted[3:7, 2:5] = True
    np.testing.assert_array_equal(masks.full(0, box, Size(10, 10)), wanted)
    assert not masks.full(1, box, Size(10, 10)).any()


def test_take_keeps_masks_and_boxes_together(masks):
    boxes = np.stack([BOX + 3 * row for row in range(5)]).astype(np.float32)
    scores = np.linspace(0.9, 0.1, 5, dtype=np.float32)
    found = Detections(boxes, scores, np.zeros(5, np.int64), ("cat",), np.arange(5), SIZE, masks=masks)
    for rows in ([3, 1], np.array([True, False, False, True, True]), np.array([4]), []):
        taken = found.take(rows)
        assert taken.masks is not None
        assert len(taken.masks) == len(taken)
        assert taken.masks.token is masks.token
        for row, number in enumerate(taken.ids.tolist()):
            np.testing.assert_array_equal(
                taken.masks.full(row, taken.boxes[row], SIZE), masks.full(number, boxes[number], SIZE)
            )
    assert np.shares_memory(found.take([1]).masks.prototypes, masks.prototypes)


def test_another_prediction_has_another_token(masks):
    assert PrototypeMasks(masks.prototypes, masks.coefficients, CELLS).token is not masks.token


def test_what_is_frozen_stays(masks):
    before = masks.prototypes.copy(), masks.coefficients.copy()
    masks.full(0, BOX, SIZE)
    for array, old in zip((masks.prototypes, masks.coefficients), before, strict=True):
        assert not array.flags.writeable
        np.testing.assert_array_equal(array, old)


@pytest.mark.parametrize(
    ("given_prototypes", "coefficients", "cells", "words"),
    [
        (np.zeros((6, 4, 4)), np.zeros((2, 6), np.float32), CELLS, "prototypes as float32"),
        (np.zeros((6, 4), np.float32), np.zeros((2, 6), np.float32), CELLS, "prototypes as float32"),
        (np.zeros((6, 0, 4), np.float32), np.zeros((2, 6), np.float32), CELLS, "none of them 0"),
        (np.zeros((6, 4, 4), np.float32), np.zeros((2, 5), np.float32), CELLS, r"coefficients as float32 \(n, 6\)"),
        (np.zeros((6, 4, 4), np.float32), np.zeros((2, 6)), CELLS, "coefficients as float32"),
        (np.zeros((6, 4, 4), np.float32), np.zeros((2, 6), np.float32), (0.0, 1.0), "above 0"),
    ],
)
def test_other_shapes_are_refused(given_prototypes, coefficients, cells, words):
    with pytest.raises(ValueError, match=words):
        PrototypeMasks(given_prototypes, coefficients, cells)


def test_detections_want_a_mask_for_each_box(masks):
    with pytest.raises(ValueError, match="expected 1 masks, found 5"):
        Detections(BOX[None], np.ones(1, np.float32), np.zeros(1, np.int64), ("cat",), np.arange(1), SIZE, masks=masks)


def decoded(counts: list[int], size: Size) -> np.ndarray:
    """By COCO's own library."""
    code = coco.frPyObjects({"size": [size.height, size.width], "counts": counts}, size.height, size.width)
    return coco.decode(code).astype(bool)


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_run_lengths_are_cocos(data):
    size = Size(data.draw(st.integers(1, 7)), data.draw(st.integers(1, 7)))
    left, top = data.draw(st.integers(0, size.width)), data.draw(st.integers(0, size.height))
    width, height = data.draw(st.integers(0, size.width - left)), data.draw(st.integers(0, size.height - top))
    bits = data.draw(st.lists(st.booleans(), min_size=width * height, max_size=width * height))
    part = np.array(bits, bool).reshape(height, width)
    counts = run_lengths(part, left, top, size)
    whole = np.zeros((size.height, size.width), bool)
    whole[top : top + height, left : left + width] = part
    np.testing.assert_array_equal(decoded(counts, size), whole)
    # As short as COCO's own encoder writes it: no run is empty but the first 0s.
    assert sum(counts) == size.width * size.height
    assert all(length > 0 for length in counts[1:])
    code = coco.encode(np.asfortranarray(whole.astype(np.uint8)))
    assert coco.frPyObjects({"size": [size.height, size.width], "counts": counts}, *size[::-1]) == code


def test_counts_are_those_of_the_full_mask(masks):
    for row in range(5):
        for box in (BOX, np.array([-20, -5, 400, 40], np.float32), np.array([300, 5, 400, 40], np.float32)):
            np.testing.assert_array_equal(decoded(masks.counts(row, box, SIZE), SIZE), masks.full(row, box, SIZE))
