"""Which triangulated points their pictures support.

A wrong match that lies on its epipolar line has no error in pixels, yet its surroundings look different there, or more
alike at another depth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses.space._structure import Structure, Tracks

Floats = NDArray[np.float32]

_HALF = 7
"""Half the side in pixels of the patches that are compared."""
_ALIKE = 0.5
"""Least correlation of a point's patch in the pictures in which it was matched, and in one in which it was not."""
_DEPTHS = np.geomspace(0.5, 2, 65)
"""Multiples of a point's depth at which it might lie, too."""
_SAME = 1.07
"""Multiples up to this are the same depth: a patch looks alike a little before and behind it."""


class _Patches:
    """The surroundings of points in the first picture, which are looked for in the others."""

    def __init__(
        self, structure: Structure, pictures: Sequence[NDArray[np.uint8]], matrix: NDArray[np.float64]
    ) -> None:
        import cv2

        self._structure, self._matrix = structure, matrix
        self._grey = [
            np.asarray(cv2.cvtColor(np.ascontiguousarray(item), cv2.COLOR_RGB2GRAY), np.float32) for item in pictures
        ]
        steps = np.arange(-_HALF, _HALF + 1)
        around = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
        places = structure.tracks.places[0][:, None] + around
        self._rays = np.concatenate([places, np.ones((*places.shape[:2], 1))], axis=2) @ np.linalg.inv(matrix).T
        self._first = _sampled(self._grey[0], places)

    def correlations(self, depth: float = 1.0) -> NDArray[np.float64]:
        """Normalised correlation of each patch with what is seen of it in each other picture.

        float64 (pictures - 1, n), NaN where it is not in the picture.

        A patch is taken to lie parallel to the first picture, at `depth` times the depth of its point.
        """
        points = self._rays * (self._structure.points[:, 2] * depth)[:, None, None]
        found = []
        for picture, pose in zip(self._grey[1:], self._structure.poses[1:], strict=True):
            local = points @ pose[:3, :3].T + pose[:3, 3]
            away = np.where(local[..., 2:] > 1e-9, local[..., 2:], np.nan)
            found.append(_correlation(self._first, _sampled(picture, ((local / away) @ self._matrix.T)[..., :2])))
        return np.stack(found)


def _sampled(picture: Floats, places: NDArray[np.float64]) -> Floats:
    """Values (n, k) of a picture at places (n, k, 2); NaN beyond its border."""
    import cv2

    height, width = picture.shape
    within = (places > 0.5) & (places < np.array([width - 0.5, height - 0.5]))
    inside = np.asarray(within.all(axis=2))
    at = np.where(inside[..., None], places - 0.5, 0).astype(np.float32)
    values = np.empty(inside.shape, np.float32)
    for start in range(0, len(at), 30_000):  # OpenCV takes no larger maps
        part = slice(start, start + 30_000)
        values[part] = cv2.remap(picture, at[part, :, 0], at[part, :, 1], cv2.INTER_LINEAR)
    values[~inside] = np.nan
    return values


def _correlation(one: Floats, other: Floats) -> NDArray[np.float64]:
    one = (one - one.mean(axis=1, keepdims=True)).astype(np.float64)
    other = (other - other.mean(axis=1, keepdims=True)).astype(np.float64)
    scale = np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((one * other).sum(axis=1) / scale)


def supported(
    structure: Structure, pictures: Sequence[NDArray[np.uint8]], matrix: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Which points (n,) look alike in the pictures that they were matched in; where they were matched in one alone and
    there are more, also in another one that shows their place; and nowhere along their ray more alike.
    """
    if not len(structure.points):
        return np.zeros(0, bool)
    patches = _Patches(structure, pictures, matrix)
    alike, seen = patches.correlations(), structure.tracks.seen[1:]
    with np.errstate(invalid="ignore"):
        matched = np.where(seen, alike, np.inf).min(axis=0)
        further = np.where(~seen & np.isfinite(alike), alike, -np.inf).max(axis=0)
    alone = (seen.sum(axis=0) == 1) & np.isfinite(further)
    kept = (matched >= _ALIKE) & (~alone | (further >= _ALIKE))
    own, other = _mean(alike), np.full(len(kept), -np.inf)
    for depth in _DEPTHS.tolist():
        mean = _mean(patches.correlations(depth))
        if max(depth, 1 / depth) <= _SAME:
            own = np.maximum(own, mean)
        else:
            other = np.maximum(other, mean)
    return np.asarray(kept & (own >= other))


def _mean(alike: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean correlation over the pictures that show a point, (n,); what is unlike counts as 0."""
    known = np.isfinite(alike)
    return np.asarray(np.where(known, alike, 0).clip(0, 1).sum(axis=0) / np.maximum(known.sum(axis=0), 1))


def with_support(
    structure: Structure, pictures: Sequence[NDArray[np.uint8]], matrix: NDArray[np.float64], least: int
) -> Structure:
    """The points that their pictures support; all where these are fewer than `least`, as of pictures in different
    light."""
    kept = supported(structure, pictures, matrix)
    if kept.sum() < least:
        return structure
    return replace(
        structure,
        tracks=Tracks(structure.tracks.places[:, kept]),
        points=structure.points[kept],
        errors=structure.errors[kept],
        angles_deg=structure.angles_deg[kept],
    )
