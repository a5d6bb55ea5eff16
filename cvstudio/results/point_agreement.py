"""How far two results of key point detection on the same picture say the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cvstudio.results.agreement import SAME, Agreement, ComparedRow, match

NEAR = 0.1
"""Of the longer side of a thing, within which a point is at the same place: PCK at 0.1 of Yang and Ramanan,
"Articulated Human Detection with Flexible Mixtures of Parts", PAMI 2013."""


@dataclass(frozen=True)
class PointAgreement(Agreement):
    """Key points of the same names.

    pairs : things that both found, paired by the distance of their points; only_left, only_right : how many only one
    side found; near : how many points, of those that one of both believes, both have at the same place (within `NEAR`
    of the thing's longer side); total : of how many; mean_px : the mean distance of the points that both believe, in
    pixels; None where there are none; compared : a row for each point of the pairs, the first thing first
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
    """What is compared of key points: places float32 (n, k, 2), whether each is believed (n, k), k names, n ids."""

    places: NDArray[np.float32]
    believed: NDArray[np.bool_]
    names: tuple[str, ...]
    ids: NDArray[np.int64]

    def named(self, names: Sequence[str]) -> Points:
        """The points of these names, in that order."""
        index = [self.names.index(name) for name in names]
        return Points(self.places[:, index], self.believed[:, index], tuple(names), self.ids)

    def extents(self) -> NDArray[np.float64]:
        """The longer side of what the believed points of each thing span, in pixels, float64 (n,); at least 1."""
        shown = self.believed[..., None]
        low = np.where(shown, self.places, np.inf).min(axis=1, initial=np.inf)
        high = np.where(shown, self.places, -np.inf).max(axis=1, initial=-np.inf)
        sides = np.where(np.isfinite(low), high - low, 0.0)
        found: NDArray[np.float64] = np.maximum(sides.max(axis=1, initial=0.0), 1.0).astype(np.float64)
        return found


def compare_points(left: Points, right: Points) -> PointAgreement | None:
    """Compare the points that both know by name; None where there are none.

    Two things are the same where half of the points that both believe are near each other; of all pairings the one
    with the most such pairs is taken.
    """
    names = [name for name in left.names if name in right.names]
    if not names:
        return None
    one, other = left.named(names), right.named(names)
    away = np.linalg.norm(one.places[:, None].astype(np.float64) - other.places[None], axis=3)
    sizes = np.maximum(one.extents()[:, None], other.extents()[None])[..., None]
    both: NDArray[np.bool_] = one.believed[:, None] & other.believed[None]
    near: NDArray[np.bool_] = both & (away <= NEAR * sizes)
    shares = near.sum(axis=2) / np.maximum(both.sum(axis=2), 1)
    # Things without a single point that is believed have nothing to be told apart by but their order.
    silent = np.asarray(~(one.believed.any(axis=1, keepdims=True) | other.believed.any(axis=1)), bool)
    pairs = match(np.where(silent, 1.0, shares), (shares >= SAME) | silent)
    first, second = pairs[:, 0], pairs[:, 1]
    single = [np.delete(side.believed, rows, axis=0) for side, rows in ((one, first), (other, second))]
    total = int((one.believed[first] | other.believed[second]).sum()) + sum(int(side.sum()) for side in single)
    distances = away[first, second][both[first, second]]
    rows = tuple(
        ComparedRow(
            name,
            _place(one.places[a, index]) if one.believed[a, index] else None,
            _place(other.places[b, index]) if other.believed[b, index] else None,
            ids=(int(one.ids[a]), int(other.ids[b])),
        )
        for a, b in pairs.tolist()
        for index, name in enumerate(names)
        if one.believed[a, index] or other.believed[b, index]
    )
    return PointAgreement(
        len(pairs),
        len(one.places) - len(pairs),
        len(other.places) - len(pairs),
        int(near[first, second].sum()),
        total,
        float(distances.mean()) if distances.size else None,
        rows,
    )


def _place(point: NDArray[np.float32]) -> str:
    return f"{point[0]:.0f}, {point[1]:.0f}"
