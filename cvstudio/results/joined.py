"""Detections of the tiles of a picture, joined to those of the whole.

What the border of a tile cuts is found twice: a part of it in one tile, all of it, or another part, in the next. A cut
box that lies in a box of another tile is left out; parts of one object that no tile holds as a whole become one box.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.boxes import nms, pairwise_iou
from cvstudio.data.geometry import Size
from cvstudio.data.tiles import Tile
from cvstudio.results.detections import Detections
from cvstudio.results.masks import Grid, Masks, PlacedMasks, edges

SAME = 0.7
"""IoU above which boxes of a class in one tile are the same."""
INSIDE = 0.7
"""Fraction of the area of a cut box inside of a box of another tile from which it is a part of that."""
SAME_CUT = 0.5
"""IoU, within the overlap of two tiles, of two parts of one object."""
AS_SURE = 0.5
"""A box takes the place of a part of it whose score is at most this fraction of it higher."""
BORDER = 0.01
"""A box is cut where it comes nearer to the border of its tile than this fraction of its side."""
MAX_OF_TILE = 300
"""Largest number of boxes of a tile, the best ones."""
MAX_JOINED = 8_000
"""Largest number of candidates of all tiles."""


class Piece(NamedTuple):
    """Part of a mask: its tile, row and box (x1, y1, x2, y2) in pixels of the picture."""

    part: int
    row: int
    box: tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class JoinedMasks(Masks):
    """Masks of the tiles of a picture: each is the union of its pieces.

    Parameters
    ----------
    parts : masks of each tile in pixels of the picture
    pieces : of each mask
    token : see `Masks`
    """

    parts: tuple[Masks, ...]
    pieces: tuple[tuple[Piece, ...], ...]
    token: object = field(default_factory=object, repr=False)

    def __len__(self) -> int:
        return len(self.pieces)

    def take(self, rows: NDArray[Any] | Sequence[int]) -> JoinedMasks:
        index = np.arange(len(self.pieces))[np.asarray(rows)] if len(rows) else np.zeros(0, np.int64)
        return JoinedMasks(self.parts, tuple(self.pieces[row] for row in index.tolist()), self.token)

    def grid(self, row: int, box: NDArray[np.floating]) -> Grid:
        pieces = self.pieces[row]
        if len(pieces) == 1:
            return self.parts[pieces[0].part].grid(pieces[0].row, np.array(pieces[0].box))
        left, top, right, bottom = edges(box, 1.0)
        inside = self.window(row, box, 1.0, left, top, max(right, left + 1), max(bottom, top + 1))
        return Grid(np.where(inside, 1.0, -1.0).astype(np.float32), (1.0, 1.0), (left, top))

    def window(
        self, row: int, box: NDArray[np.floating], scale: float, left: int, top: int, right: int, bottom: int
    ) -> NDArray[np.bool_]:
        if len(self.pieces[row]) == 1:
            return super().window(row, box, scale, left, top, right, bottom)
        mask = np.zeros((max(0, bottom - top), max(0, right - left)), bool)
        for part, part_row, part_box in self.pieces[row]:
            mask |= self.parts[part].window(part_row, np.array(part_box), scale, left, top, right, bottom)
        return mask


@dataclass(frozen=True, eq=False)
class _Rows:
    """Boxes of all tiles in pixels of the picture, with the number of the tile, the row in it, and for each side (left,
    top, right, bottom) whether the border of the tile cuts it, bool (n, 4)."""

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    classes: NDArray[np.int64]
    parts: NDArray[np.int64]
    rows: NDArray[np.int64]
    cut: NDArray[np.bool_]


def join_detections(found: Sequence[tuple[Tile, Detections]], size: Size) -> Detections:
    """Detections of a picture of `size` from those of its tiles, which may be one with the whole picture among others.

    Of boxes of one class in one tile that overlap by more than `SAME` the best is kept, of those of one tile the
    best `MAX_OF_TILE`, and of all the best `MAX_JOINED`. Raises ValueError without a tile.
    """
    if not found:
        raise ValueError("expected at least one tile, found none")
    first = found[0][1]
    rows = _rows(found, size)
    kept = ~_within_others(rows, [tile for tile, _ in found])
    groups = _joined_parts(rows, kept, [tile for tile, _ in found])
    boxes, scores, classes, members = [], [], [], []
    for group in groups:
        low, high = rows.boxes[group, :2].min(axis=0), rows.boxes[group, 2:].max(axis=0)
        boxes.append(np.concatenate((low, high)))
        scores.append(rows.scores[group].max())
        classes.append(rows.classes[group[0]])
        members.append(group)
    order = np.argsort(-np.array(scores, np.float32), kind="stable")[:MAX_JOINED]
    masks = None
    if all(part.masks is not None for _, part in found):
        placed = tuple(PlacedMasks(part.masks, tile.onto(size)) for tile, part in found if part.masks is not None)
        pieces = tuple(
            tuple(Piece(int(rows.parts[row]), int(rows.rows[row]), _box(rows.boxes[row])) for row in members[group])
            for group in order.tolist()
        )
        masks = JoinedMasks(placed, pieces)
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4)[order],
        np.array(scores, np.float32)[order],
        np.array(classes, np.int64)[order],
        first.labels,
        np.arange(len(order), dtype=np.int64),
        size,
        first.score_kind,
        masks=masks,
    )


def _box(box: NDArray[np.float32]) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = box.tolist()
    return x1, y1, x2, y2


def _rows(found: Sequence[tuple[Tile, Detections]], size: Size) -> _Rows:
    boxes, scores, classes, parts, rows, cut = [], [], [], [], [], []
    for number, (tile, detections) in enumerate(found):
        kept = nms(detections.boxes, detections.scores, detections.classes, SAME)[:MAX_OF_TILE]
        placed = detections.boxes[kept] + np.array([tile.left, tile.top] * 2, np.float32)
        near = BORDER * np.array([*tile.size] * 2)
        inner = np.array([tile.left > 0, tile.top > 0, tile.right < size.width, tile.bottom < size.height])
        cut.append((np.abs(placed - np.array(tile)) <= near) & inner)
        boxes.append(placed)
        scores.append(detections.scores[kept])
        classes.append(detections.classes[kept])
        parts.append(np.full(len(kept), number))
        rows.append(kept)
    return _Rows(
        np.concatenate(boxes).astype(np.float32),
        np.concatenate(scores),
        np.concatenate(classes),
        np.concatenate(parts),
        np.concatenate(rows),
        np.concatenate(cut),
    )


def _meeting(tiles: Sequence[Tile], number: int) -> list[int]:
    """Numbers of the other tiles that overlap with that one."""
    tile = tiles[number]
    return [
        index
        for index, other in enumerate(tiles)
        if index != number
        and max(tile.left, other.left) < min(tile.right, other.right)
        and max(tile.top, other.top) < min(tile.bottom, other.bottom)
    ]


def _within_others(rows: _Rows, tiles: Sequence[Tile]) -> NDArray[np.bool_]:
    """Rows that a border cuts and that lie in a box of another tile which that border does not cut, bool (n,)."""
    dropped = np.zeros(len(rows.boxes), bool)
    for number in range(len(tiles)):
        ours = np.flatnonzero((rows.parts == number) & rows.cut.any(axis=1))
        if not len(ours):
            continue
        others = np.flatnonzero(np.isin(rows.parts, _meeting(tiles, number)))
        if not len(others):
            continue
        small, large = rows.boxes[ours].astype(np.float64), rows.boxes[others].astype(np.float64)
        widths = np.minimum(small[:, None, 2], large[None, :, 2]) - np.maximum(small[:, None, 0], large[None, :, 0])
        heights = np.minimum(small[:, None, 3], large[None, :, 3]) - np.maximum(small[:, None, 1], large[None, :, 1])
        areas = np.maximum((small[:, 2] - small[:, 0]) * (small[:, 3] - small[:, 1]), 1e-9)
        inside = widths.clip(0) * heights.clip(0) / areas[:, None] >= INSIDE
        inside &= rows.classes[ours][:, None] == rows.classes[others][None]
        least = rows.scores[ours] - AS_SURE * np.abs(rows.scores[ours])
        inside &= rows.scores[others][None] >= least[:, None]
        # The other reaches beyond each border that cuts ours, so that it shows more of the object.
        border = np.array(tiles[number], np.float64)
        beyond = np.concatenate((large[:, :2] < border[:2], large[:, 2:] > border[2:]), axis=1)
        inside &= (beyond[None] | ~rows.cut[ours][:, None]).all(axis=2)
        dropped[ours] = inside.any(axis=1)
    return dropped


def _joined_parts(rows: _Rows, kept: NDArray[np.bool_], tiles: Sequence[Tile]) -> list[NDArray[np.int64]]:
    """Groups of rows that are parts of one object, cut by a border into pieces; most are alone."""
    leader = np.arange(len(rows.boxes))

    def first(row: int) -> int:
        while leader[row] != row:
            leader[row] = leader[leader[row]]
            row = int(leader[row])
        return row

    cut = kept & rows.cut.any(axis=1)
    for number in range(len(tiles)):
        ours = np.flatnonzero((rows.parts == number) & cut)
        for other in _meeting(tiles, number) if len(ours) else ():
            theirs = np.flatnonzero((rows.parts == other) & cut) if other > number else np.zeros(0, np.int64)
            if not len(theirs):
                continue
            for row, their_row in _same_object(rows, ours, theirs, tiles[number], tiles[other]):
                leader[first(their_row)] = first(row)
    groups: dict[int, list[int]] = {}
    for row in np.flatnonzero(kept).tolist():
        groups.setdefault(first(row), []).append(row)
    return [np.array(group) for group in groups.values()]


def _same_object(
    rows: _Rows, ours: NDArray[np.int64], theirs: NDArray[np.int64], tile: Tile, other: Tile
) -> list[tuple[int, int]]:
    """Pairs of boxes of two tiles, of one class, that agree in the overlap of the tiles and are cut where it ends."""
    low = np.maximum(tile[:2], other[:2])
    high = np.minimum(tile[2:], other[2:])
    shared = np.array([*low, *high], np.float64)
    clipped = [
        np.concatenate((np.maximum(boxes[:, :2], low), np.minimum(boxes[:, 2:], high)), axis=1)
        for boxes in (rows.boxes[ours].astype(np.float64), rows.boxes[theirs].astype(np.float64))
    ]
    valid = [(boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1]) for boxes in clipped]
    agree = pairwise_iou(clipped[0], clipped[1]) >= SAME_CUT
    agree &= valid[0][:, None] & valid[1][None]
    agree &= rows.classes[ours][:, None] == rows.classes[theirs][None]
    # The border of our tile cuts ours where the overlap ends, and that of the other tile cuts theirs where it begins.
    ends = [(np.array(borders) == shared) for borders in (tile, other)]
    agree &= (rows.cut[ours] & ends[0]).any(axis=1)[:, None] & (rows.cut[theirs] & ends[1]).any(axis=1)[None]
    return [(int(ours[i]), int(theirs[j])) for i, j in zip(*np.nonzero(agree), strict=True)]
