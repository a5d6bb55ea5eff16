from __future__ import annotations

import cv2
import numpy as np
import pytest

from cvstudio.analyses.depth.stereo import StereoParams, check_pair, run_depth, run_match
from cvstudio.analyses.stages import Inputs
from cvstudio.data.depth.stereo import Disparity, filled_from_behind, row_agreement, stereo_disparity
from cvstudio.data.samples import Image
from cvstudio.foundation.errors import BindingError
from cvstudio.foundation.params import NoParams
from cvstudio.foundation.progress import Progress


def texture(height: int = 160, width: int = 300, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 1.5)


def two_planes(far: int = 6, near: int = 21) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A near square before a far plane: left and right picture, and the disparity of the left one."""
    back, front = texture(), texture(seed=1)
    disparity = np.full(back.shape[:2], far)
    left, right = back.copy(), np.roll(back, -far, 1)
    left[40:120, 110:190], disparity[40:120, 110:190] = front[40:120, 110:190], near
    right[40:120, 110 - near : 190 - near] = front[40:120, 110:190]
    return left, right, disparity


def depth_of(left: np.ndarray, right: np.ndarray, **params):
    inputs = Inputs({"left": Image(left), "right": Image(right)})
    (pair,) = run_match(inputs, NoParams(), Progress())
    (depth,) = run_depth(Inputs({}, pair), StereoParams(**params), Progress())
    return depth.map


def test_two_planes_have_their_disparities():
    left, right, expected = two_planes()
    disparity = stereo_disparity(left, right)
    # Left of the square the right picture sees less, and at the left edge nothing of what is there.
    seen = np.ones(expected.shape, bool)
    seen[:, :10], seen[40:120, 94:112], seen[:, 185:194] = False, False, False
    assert (np.abs(disparity.values - expected) <= 1)[seen].mean() > 0.98
    filled = depth_of(left, right).values
    assert (np.abs(filled - expected) <= 1)[40:120, 95:110].mean() > 0.9


def test_a_hole_takes_what_is_behind():
    values = np.array([[5, 5, 9, 9, 2, 2]], np.float32)
    consistent = np.array([[True, True, False, False, True, False]])
    np.testing.assert_array_equal(filled_from_behind(Disparity(values, consistent)), [[5, 5, 2, 2, 2, 2]])
    nothing = Disparity(values, np.zeros((1, 6), bool))
    np.testing.assert_array_equal(filled_from_behind(nothing), values)


def test_metres_follow_from_baseline_and_focal_length():
    left, right, _ = two_planes()
    disparity, metres = depth_of(left, right), depth_of(left, right, baseline_m=0.1, focal_px=420.0)
    assert (disparity.unit, disparity.near_is_large) == ("px", True)
    assert (metres.unit, metres.near_is_large) == ("m", False)
    assert metres.values[80, 150] == pytest.approx(0.1 * 420 / 21, rel=0.05)
    assert metres.values[20, 250] == pytest.approx(0.1 * 420 / 6, rel=0.15)
    with_holes = depth_of(left, right, fill_holes=False)
    assert 0 < with_holes.invalid.mean() < 0.2
    assert not disparity.invalid.any()


def test_a_middlebury_pair_is_right(data):
    left, right, truth, mask = (
        cv2.imread(str(data("stereo", f"cones_{name}.png"))) for name in ("left", "right", "gt", "mask")
    )
    truth, mask = truth[..., 0].astype(float), mask[..., 0]
    known = (mask > 0) & (truth > 0)
    depth = depth_of(left[..., ::-1].copy(), right[..., ::-1].copy())
    wrong = (np.abs(depth.values - truth) > 2) | depth.invalid
    print(f"cones: {wrong[known].mean():.2%} of {known.sum()} known pixels are more than 2 px off")
    assert wrong[known].mean() <= 0.05


def test_a_pair_that_is_none_is_refused_in_one_sentence():
    left, right, _ = two_planes()
    with pytest.raises(BindingError, match="two pictures of one size, found 300 x 160 and 290 x 160"):
        check_pair(Image(left), Image(right[:, 10:].copy()))
    # Turned by four degrees: not rectified.
    large = texture(400, 600)
    turn = cv2.getRotationMatrix2D((300, 200), 4, 1)
    turned = cv2.warpAffine(large, turn, (600, 400), borderMode=cv2.BORDER_REFLECT)
    with pytest.raises(BindingError, match="rectify the pictures first"):
        check_pair(Image(large), Image(turned))
    assert row_agreement(large, np.roll(large, -9, 1)) == pytest.approx(1, abs=0.05)
    check_pair(Image(large), Image(np.roll(large, -9, 1)))
    with pytest.raises(BindingError, match="exchange the left and the right picture"):
        depth_of(right, left)


def test_pictures_without_any_texture_have_a_depth_or_none_but_no_error():
    grey = np.full((80, 120, 3), 128, np.uint8)
    assert depth_of(grey, grey).values.shape == (80, 120)
