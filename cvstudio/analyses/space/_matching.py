"""Points that two pictures have in common: key points, their descriptors, and matches in both directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import readonly

Detector = Literal["SIFT", "ORB"]
MOST_FEATURES = 4000
_WINDOW, _FARTHEST_PX = (11, 11), 2.0
"""Pixels around a place by which it is refined, and how far it moves at most."""


@dataclass(frozen=True, eq=False)
class Features:
    """Key points of a picture.

    Parameters
    ----------
    places : float64 (n, 2), x and y in pixels; (0, 0) is the outer corner of the top left pixel
    descriptors : float32 (n, 128) of SIFT, or uint8 (n, 32) of ORB
    """

    places: NDArray[np.float64]
    descriptors: NDArray[Any]

    def __post_init__(self) -> None:
        object.__setattr__(self, "places", readonly(self.places))
        object.__setattr__(self, "descriptors", readonly(self.descriptors))


def features_of(pixels: NDArray[np.uint8], detector: Detector = "SIFT", most: int = MOST_FEATURES) -> Features:
    """Key points of an RGB picture by SIFT (Lowe, 2004) or ORB (Rublee et al., 2011), the strongest `most`."""
    import cv2

    grey = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY)
    maker: Any = (
        cv2.SIFT_create(most, contrastThreshold=0.02)  # type: ignore[attr-defined]
        if detector == "SIFT"
        else cv2.ORB_create(most)  # type: ignore[attr-defined]
    )
    keypoints, descriptors = maker.detectAndCompute(grey, None)
    if not keypoints:
        width, dtype = (128, np.float32) if detector == "SIFT" else (32, np.uint8)
        return Features(np.zeros((0, 2)), np.zeros((0, width), dtype))
    # OpenCV counts from the centre of the first pixel.
    places = np.array([keypoint.pt for keypoint in keypoints], np.float64) + 0.5
    return Features(places, descriptors)


def matches_between(first: Features, second: Features, ratio: float = 0.8) -> NDArray[np.int64]:
    """Pairs of key points that are each other's best match, int64 (k, 2), indices into both.

    A match that is not clearly better than the second best is left out (Lowe's ratio test), and so is a place that
    another pair of the same places has already.
    """
    import cv2

    if min(len(first.places), len(second.places)) < 2:
        return np.zeros((0, 2), np.int64)
    norm = cv2.NORM_L2 if first.descriptors.dtype == np.float32 else cv2.NORM_HAMMING
    matcher = cv2.BFMatcher(norm)
    forth = _clear(matcher.knnMatch(first.descriptors, second.descriptors, 2), ratio)
    back = _clear(matcher.knnMatch(second.descriptors, first.descriptors, 2), ratio)
    pairs = np.array([(a, b) for a, b in forth.items() if back.get(b) == a], np.int64).reshape(-1, 2)
    # SIFT gives one place several directions.
    rows = np.column_stack([first.places[pairs[:, 0]], second.places[pairs[:, 1]]])
    _, kept = np.unique(np.round(rows, 1), axis=0, return_index=True)
    return pairs[np.sort(kept)]


def _clear(found: Any, ratio: float) -> dict[int, int]:
    return {
        best.queryIdx: best.trainIdx
        for best, *others in (pair for pair in found if pair)
        if not others or best.distance < ratio * others[0].distance
    }


def refined(
    first: NDArray[np.uint8], second: NDArray[np.uint8], places: NDArray[np.float64], matched: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Matched places (n, 2) of the second picture, moved to where it looks most like the first one around `places`
    (n, 2): key points are found to a few tenths of a pixel, alone in each picture, and pairs to less (Lucas and Kanade,
    1981). A place that would go far stays.
    """
    import cv2

    if not len(places):
        return matched
    start, end = ((at - 0.5).astype(np.float32)[:, None] for at in (places, matched))
    before, after = (cv2.cvtColor(np.ascontiguousarray(item), cv2.COLOR_RGB2GRAY) for item in (first, second))
    ends = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 50, 0.001)
    found, status, _ = cv2.calcOpticalFlowPyrLK(
        before, after, start, end.copy(), winSize=_WINDOW, maxLevel=0, flags=cv2.OPTFLOW_USE_INITIAL_FLOW, criteria=ends
    )
    moved = np.linalg.norm((found - end)[:, 0], axis=1)
    near = (status.ravel() > 0) & (moved < _FARTHEST_PX)
    return np.where(near[:, None], found[:, 0].astype(np.float64) + 0.5, matched)
