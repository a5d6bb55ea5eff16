"""Disparity of a rectified stereo pair.

Semi-global block matching (Hirschmüller, "Stereo Processing by Semiglobal Matching and Mutual Information", PAMI 2008)
both ways: a pixel whose match in the other picture does not lead back is hidden there or mistaken. The range of
disparities is found on a small copy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cvstudio.data.geometry import readonly

if TYPE_CHECKING:
    from numpy.typing import NDArray

LARGEST_PIXELS = 3_000_000
"""Pairs of more pixels are matched on smaller copies."""
_COARSEST_WIDTH = 256
_BLOCK = 3
_BACK_PX = 1.0
"""A match may come back this far from where it began."""
_SPECK_PIXELS, _SPECK_STEP_PX = 150, 1
"""Patches of fewer pixels, more than this many pixels of disparity apart from their neighbours, are left out."""
_STEADY_PX = 2.0
_ROW_PX = 2.0
"""Rows of one point in both pictures of a rectified pair, at most `_FEATURE_SIDE` long, differ by no more."""
_FEATURE_SIDE = 1000
_LEAST_MATCHES = 30


@dataclass(frozen=True, eq=False)
class Disparity:
    """Horizontal displacement between the pictures of a pair.

    Parameters
    ----------
    values : float32 (H, W), in pixels; what is at x in the left picture is at x - value in the right one
    consistent : bool (H, W), whether the match leads back
    """

    values: NDArray[np.float32]
    consistent: NDArray[np.bool_]

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", readonly(self.values))
        object.__setattr__(self, "consistent", readonly(self.consistent))


def row_agreement(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> float | None:
    """The share of points found in both pictures (ORB) that lie in the same row, 0..1; None where there are too few.

    Parameters
    ----------
    left, right : uint8 RGB (H, W, 3), of the same size
    """
    import cv2

    scale = min(1.0, _FEATURE_SIDE / max(left.shape[:2]))
    finder = cv2.ORB.create(2000)
    found = []
    for picture in (left, right):
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else grey
        found.append(finder.detectAndCompute(small, None))
    (left_points, left_words), (right_points, right_words) = found
    if left_words is None or right_words is None:
        return None
    pairs = cv2.BFMatcher(cv2.NORM_HAMMING).knnMatch(left_words, right_words, k=2)
    # Lowe's ratio test: the best must be clearly better than the second.
    sure = [pair[0] for pair in pairs if len(pair) == 2 and pair[0].distance < 0.8 * pair[1].distance]
    if len(sure) < _LEAST_MATCHES:
        return None
    rows = [right_points[item.trainIdx].pt[1] - left_points[item.queryIdx].pt[1] for item in sure]
    return float((np.abs(rows) <= _ROW_PX).mean())


def stereo_disparity(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> Disparity:
    """Disparity of the left picture of a rectified pair.

    From coarse to fine: the coarse copy is searched over all disparities that are likely, each finer one over what the
    coarser has found; where it is not sure, as on even surfaces, the coarser one counts.

    Parameters
    ----------
    left, right : uint8 RGB (H, W, 3), of the same size
    """
    import cv2

    height, width = left.shape[:2]
    if width <= _COARSEST_WIDTH:
        return _matched_both_ways(left, right, -(width // 8), width // 2)
    size = (-(-width // 2), -(-height // 2))
    small = [np.asarray(cv2.resize(item, size, interpolation=cv2.INTER_AREA), np.uint8) for item in (left, right)]
    coarse = stereo_disparity(small[0], small[1])
    values = cv2.resize(coarse.values, (width, height), interpolation=cv2.INTER_NEAREST) * np.float32(width / size[0])
    sure = cv2.resize(_steady(coarse).view(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
    if height * width > LARGEST_PIXELS:
        return Disparity(values, sure)
    lowest, highest = _range_of(values[sure], width)
    fine = _matched_both_ways(left, right, lowest, highest)
    return Disparity(np.where(fine.consistent | ~sure, fine.values, values), fine.consistent | sure)


def _steady(coarse: Disparity) -> NDArray[np.bool_]:
    """Consistent disparities away from steps: along a step a coarse one reaches over what is behind."""
    import cv2

    around = np.ones((5, 5), np.uint8)
    step = cv2.dilate(coarse.values, around) - cv2.erode(coarse.values, around)
    return np.asarray(coarse.consistent & (step <= _STEADY_PX))


def _range_of(values: NDArray[np.float32], width: int) -> tuple[int, int]:
    """Smallest and largest disparity in whole pixels, with a margin."""
    if values.size < 20:
        return 0, max(16, width // 4)
    low, high = np.quantile(values, [0.005, 0.995]).tolist()
    margin = 3 + 0.1 * (high - low)
    return math.floor(low - margin), math.ceil(high + margin)


def _matched_both_ways(left: NDArray[np.uint8], right: NDArray[np.uint8], lowest: int, highest: int) -> Disparity:
    values = _matched(left, right, lowest, highest)
    # Seen from the right everything is mirrored.
    mirrored_right, mirrored_left = (np.ascontiguousarray(item[:, ::-1]) for item in (right, left))
    back = _matched(mirrored_right, mirrored_left, lowest, highest)[:, ::-1]
    columns = np.arange(values.shape[1])[None]
    target = np.rint(columns - values).astype(np.int64)
    inside = (target >= 0) & (target < values.shape[1])
    found = np.take_along_axis(back, np.clip(target, 0, values.shape[1] - 1), 1)
    consistent = inside & (np.abs(found - values) <= _BACK_PX)
    return Disparity(values, consistent & ~_specks(values, consistent))


def _specks(values: NDArray[np.float32], consistent: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Small patches apart in depth from all around them: they are mistakes that happen to lead back."""
    import cv2

    none = -16_000
    fixed = np.where(consistent, np.rint(values * 16), none).astype(np.int16)
    kept = fixed.copy()
    cv2.filterSpeckles(kept, none, _SPECK_PIXELS, 16 * _SPECK_STEP_PX)
    return np.asarray(kept != fixed)


def _matched(left: NDArray[np.uint8], right: NDArray[np.uint8], lowest: int, highest: int) -> NDArray[np.float32]:
    import cv2

    count = -(-max(highest - lowest, 1) // 16) * 16
    matcher = cv2.StereoSGBM.create(
        lowest,
        count,
        _BLOCK,
        # Penalties of OpenCV's documentation, for three channels.
        8 * 3 * _BLOCK**2,
        32 * 3 * _BLOCK**2,
        disp12MaxDiff=-1,
        preFilterCap=31,
        mode=cv2.STEREO_SGBM_MODE_SGBM_3WAY,
    )
    # Without room on either side, columns at the edge whose match may lie outside would be left out.
    before, after = max(lowest + count, 0), max(-lowest, 0)
    padded = [cv2.copyMakeBorder(item, 0, 0, before, after, cv2.BORDER_REPLICATE) for item in (left, right)]
    fixed = matcher.compute(*padded)[:, before : before + left.shape[1]]
    return np.asarray(fixed, np.float32) / np.float32(16)


def filled_from_behind(disparity: Disparity) -> NDArray[np.float32]:
    """Disparities where inconsistent ones take the smaller of their neighbours in the row: what one eye does not see
    belongs to the background."""
    columns = np.arange(disparity.values.shape[1])[None].repeat(disparity.values.shape[0], 0)
    width = columns.shape[1]
    before = np.maximum.accumulate(np.where(disparity.consistent, columns, -1), 1)
    after = np.minimum.accumulate(np.where(disparity.consistent, columns, width)[:, ::-1], 1)[:, ::-1]
    sides = []
    for source in (before, after):
        values = np.take_along_axis(disparity.values, np.clip(source, 0, width - 1), 1)
        sides.append(np.where((source >= 0) & (source < width), values, np.float32(np.inf)))
    smaller = np.minimum(*sides)
    # A row without any match keeps what was found.
    return np.where(disparity.consistent | ~np.isfinite(smaller), disparity.values, smaller).astype(np.float32)
