"""Agreement of two results of keypoint detection for the same picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cvstudio.results.agreements.agreement import SAME, Agreement, ComparedRow, match

NEAR = 0.1
"""Distance within which two keypoints coincide, as a fraction of the object's longer side: PCK at 0.1 of Yang and
Ramanan, "Articulated Human Detection with Flexible Mixtures of Parts", PAMI 2013."""


@dataclass(frozen=True)
class PointAgreement(Agreement):
    """Agreement of keypoints with the same names.

    Parameters
    ----------
    pairs : number of matched objects
    only_left, only_right : number of unmatched objects
    near : number of keypoints that coincide, within `NEAR` of the object's longer side
    total : number of keypoints that at least one side has above its threshold
    mean_px : mean distance in pixels of the keypoints that both sides have above their thresholds; None without any
    compared : a row for each keypoint of the matched objects, object by object
    """

    pairs: int
    only_left: int
    only_right: int
    near: int
    total: int
    mean_px: float | None
    compared: tuple[ComparedRow, ...] = field(default=(), compare=False)

    @property
    def degree(self) -> float:
        return self.near / self.total if self.total else 1.0

    def summary_lines(self) -> list[tuple[str, str]]:
        mean = "–" if self.mean_px is None else f"{self.mean_px:.1f} px"
        return [
            ("Found by both", str(self.pairs)),
            ("Points at the same place", f"{self.degree:.0%}"),
            ("Mean distance", mean),
        ]

    def side_lines(self) -> list[tuple[str, str, str]]:
        return [
            ("Found", str(self.pairs + self.only_left), str(self.pairs + self.only_right)),
            ("Only here", str(self.only_left), str(self.only_right)),
        ]

    def rows(self) -> Sequence[ComparedRow]:
        return self.compared


@dataclass(frozen=True, eq=False)
class Points:
    """Keypoints to be compared: x, y float32 (n, k, 2), whether above the threshold (n, k), k names, ids int64 (n,)."""

    places: NDArray[np.float32]
    confident: NDArray[np.bool_]
    names: tuple[str, ...]
    ids: NDArray[np.int64]

    def named(self, names: Sequence[str]) -> Points:
        """The keypoints called `names`, in that order."""
        index = [self.names.index(name) for name in names]
        return Points(self.places[:, index], self.confident[:, index], tuple(names), self.ids)

    def extents(self) -> NDArray[np.float64]:
        """Longer side of the bounding box of each object's keypoints above the threshold, px, float64 (n,), >= 1."""
        confident = self.confident[..., None]
        low = np.where(confident, self.places, np.inf).min(axis=1, initial=np.inf)
        high = np.where(confident, self.places, -np.inf).max(axis=1, initial=-np.inf)
        sides = np.where(np.isfinite(low), high - low, 0.0)
        longer: NDArray[np.float64] = np.maximum(sides.max(axis=1, initial=0.0), 1.0).astype(np.float64)
        return longer


def compare_points(left: Points, right: Points) -> PointAgreement | None:
    """Compare the keypoints whose names both have; None where there are none.

    Two objects may be matched where at least half of the keypoints that both have above their thresholds coincide; the
    matching with the most pairs is used.
    """
    names = [name for name in left.names if name in right.names]
    if not names:
        return None
    one, other = left.named(names), right.named(names)
    distances_px = np.linalg.norm(one.places[:, None].astype(np.float64) - other.places[None], axis=3)
    extents = np.maximum(one.extents()[:, None], other.extents()[None])[..., None]
    both_confident: NDArray[np.bool_] = one.confident[:, None] & other.confident[None]
    coinciding: NDArray[np.bool_] = both_confident & (distances_px <= NEAR * extents)
    fractions = coinciding.sum(axis=2) / np.maximum(both_confident.sum(axis=2), 1)
    # Objects without any keypoint above the threshold can only be matched by their order.
    without_points = np.asarray(~(one.confident.any(axis=1, keepdims=True) | other.confident.any(axis=1)), bool)
    pairs = match(np.where(without_points, 1.0, fractions), (fractions >= SAME) | without_points)
    first, second = pairs[:, 0], pairs[:, 1]
    unmatched = [np.delete(side.confident, rows, axis=0) for side, rows in ((one, first), (other, second))]
    total = int((one.confident[first] | other.confident[second]).sum()) + sum(int(side.sum()) for side in unmatched)
    distances = distances_px[first, second][both_confident[first, second]]
    rows = tuple(
        ComparedRow(
            name,
            _place(one.places[a, index]) if one.confident[a, index] else None,
            _place(other.places[b, index]) if other.confident[b, index] else None,
            ids=(int(one.ids[a]), int(other.ids[b])),
        )
        for a, b in pairs.tolist()
        for index, name in enumerate(names)
        if one.confident[a, index] or other.confident[b, index]
    )
    return PointAgreement(
        len(pairs),
        len(one.places) - len(pairs),
        len(other.places) - len(pairs),
        int(coinciding[first, second].sum()),
        total,
        float(distances.mean()) if distances.size else None,
        rows,
    )


def _place(point: NDArray[np.float32]) -> str:
    return f"{point[0]:.0f}, {point[1]:.0f}"
