"""The result of object detection: boxes with scores, and optionally masks and tracks."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from cvstudio.data.boxes import iou_with, nms, smallest_at
from cvstudio.data.geometry import Size, check_arrays, readonly
from cvstudio.data.pixel_map import PixelMap
from cvstudio.results.masks import Masks, PlacedMasks
from cvstudio.results.result import Result, Tolerance
from cvstudio.results.source import Source
from cvstudio.results.tables import ABSENT, Column, Table, number
from cvstudio.results.tallies import Tallies

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from cvstudio.results.agreements.agreement import BoxAgreement


@dataclass(frozen=True, eq=False)
class Trails:
    """Recent positions of the tracked objects.

    Parameters
    ----------
    points : float32 (m, 2)
        x, y in image pixels, grouped by track, the oldest first.
    ages : float32 (m,)
        Age of each point, in seconds before the frame of the result.
    track_ids : int64 (m,)
        Track of each point.
    """

    points: NDArray[np.float32]
    ages: NDArray[np.float32]
    track_ids: NDArray[np.int64]

    def __post_init__(self) -> None:
        m = len(self.points)
        if self.points.shape != (m, 2) or self.ages.shape != (m,) or self.track_ids.shape != (m,):
            shapes = f"{self.points.shape}, {self.ages.shape}, {self.track_ids.shape}"
            raise ValueError(f"expected points (m, 2), ages (m,) and track_ids (m,), found {shapes}")
        for name in ("points", "ages", "track_ids"):
            object.__setattr__(self, name, readonly(getattr(self, name)))


@dataclass(frozen=True, eq=False)
class Detections(Result):
    """Detected objects: boxes with scores and classes.

    Parameters
    ----------
    boxes : float32 (n, 4)
        x1, y1, x2, y2 in image pixels; (0, 0) is the outer corner of the top left pixel.
    scores : float32 (n,)
        Descending; `score_kind` states their meaning.
    classes : int64 (n,)
        Index into `labels`.
    labels : names of all classes that the model knows
    ids : int64 (n,)
        Index of the raw candidate, so that ids do not depend on thresholds.
    size : size of the picture
    score_kind : "probability", "margin" (of an SVM), "neighbours" (of a cascade), "share" (of the evidence in a heat
        map) or "certain" (of labels, all 1)
    masks : instance masks by row; None where the model has none
    track_ids : int64 (n,)
        Track of each row over the frames of a video; -1 where there is none yet. None without tracking.
    trails : recent positions of the tracks; None without tracking
    candidates : the detections before selection by score, class and count, where an analysis needs them
    tallies : what passed lines and was inside of zones up to this frame; None where there are none

    Raises
    ------
    ValueError
        A shape or dtype differs.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    classes: NDArray[np.int64]
    labels: tuple[str, ...]
    ids: NDArray[np.int64]
    size: Size
    score_kind: str = "probability"
    source: Source = Source()
    masks: Masks | None = None
    track_ids: NDArray[np.int64] | None = None
    trails: Trails | None = None
    candidates: Detections | None = None
    tallies: Tallies | None = None

    def __post_init__(self) -> None:
        n = len(self.boxes)
        if self.masks is not None and len(self.masks) != n:
            raise ValueError(f"expected {n} masks, found {len(self.masks)}")
        expected: dict[str, tuple[DTypeLike, tuple[int, ...]]] = {
            "boxes": (np.float32, (n, 4)),
            "scores": (np.float32, (n,)),
            "classes": (np.int64, (n,)),
            "ids": (np.int64, (n,)),
        }
        if self.track_ids is not None:
            expected["track_ids"] = (np.int64, (n,))
        check_arrays(self, expected)

    def __len__(self) -> int:
        return len(self.boxes)

    def take(self, rows: NDArray[Any] | Sequence[int]) -> Detections:
        """The detections at `rows` (indices or a boolean mask), in that order."""
        rows = np.asarray(rows, dtype=np.int64) if len(rows) == 0 else np.asarray(rows)
        return Detections(
            self.boxes[rows],
            self.scores[rows],
            self.classes[rows],
            self.labels,
            self.ids[rows],
            self.size,
            self.score_kind,
            self.source,
            None if self.masks is None else self.masks.take(rows),
            None if self.track_ids is None else self.track_ids[rows],
            self.trails,
            self.candidates,
            self.tallies,
        )

    @property
    def certain(self) -> bool:
        """Whether these are labels (ground truth), not predictions."""
        return self.score_kind == "certain"

    def label(self, row: int) -> str:
        return self.labels[int(self.classes[row])]

    def placed(self, pixel_map: PixelMap) -> Self:
        trails = self.trails
        return dataclasses.replace(
            self,
            boxes=pixel_map.boxes(self.boxes),
            size=pixel_map.target,
            masks=PlacedMasks(self.masks, pixel_map) if self.masks is not None else None,
            trails=dataclasses.replace(trails, points=pixel_map.points(trails.points)) if trails is not None else None,
            candidates=self.candidates.placed(pixel_map) if self.candidates is not None else None,
            tallies=self.tallies.placed(pixel_map) if self.tallies is not None else None,
        )

    def identity(self, row: int) -> int | None:
        """Track number of `row`; None where it has none (yet)."""
        if self.track_ids is None or self.track_ids[row] < 0:
            return None
        return int(self.track_ids[row])

    def headline(self) -> str:
        return f"{len(self)} found"

    def table(self) -> Table:
        """One row for each box, the best first.

        The track is None for a box that has none yet. The mask is COCO's uncompressed run-length encoding: size
        [height, width], counts.
        """
        columns = (
            Column("id", "Id", shown=False),
            Column("label", "Class", kind="label", among=self.labels),
            Column(
                "score",
                "Score",
                kind="fraction" if self.score_kind == "probability" else "number",
                shown=not self.certain,
            ),
            Column("box", "Box", "px", kind="box", csv=("x1", "y1", "x2", "y2")),
            Column("track_id", "Track", shown=self.track_ids is not None),
            Column("mask", "Mask", kind="data", csv=(), shown=False),
        )
        rows = [
            (
                int(self.ids[row]),
                self.label(row),
                number(self.scores[row]),
                [number(value) for value in self.boxes[row]],
                ABSENT if self.track_ids is None else self.identity(row),
                ABSENT if self.masks is None else functools.partial(self._mask_code, row),
            )
            for row in range(len(self))
        ]
        return Table("cvstudio-detections", "detections", columns, rows, self.ids.tolist())

    def _mask_code(self, row: int) -> dict[str, Any]:
        assert self.masks is not None
        counts = self.masks.counts(row, self.boxes[row], self.size)
        return {"size": [self.size.height, self.size.width], "counts": counts}

    def part_at(self, x: float, y: float) -> int | None:
        row = smallest_at(self.boxes, x, y)
        return None if row is None else int(self.ids[row])

    def agreement(self, other: Self) -> BoxAgreement:
        # The window starts without it: what is compared comes later.
        from cvstudio.results.agreements.agreement import compare_boxes

        return compare_boxes(self, other)

    def differs_from(self, other: Self, tolerance: Tolerance) -> str:
        """Every box has a counterpart: the same class, an IoU above `min_iou`, a score within `score_change`."""
        survivors = [
            detections.take(nms(detections.boxes, detections.scores, detections.classes, tolerance.suppression_iou))
            for detections in (self, other)
        ]
        # The counterpart of a detection above the threshold may be slightly below it.
        for ours, theirs in (survivors, survivors[::-1]):
            for row in np.flatnonzero(ours.scores >= tolerance.score):
                same_class = np.flatnonzero(theirs.classes == ours.classes[row])
                overlapping = same_class[iou_with(ours.boxes[row], theirs.boxes[same_class]) > tolerance.min_iou]
                if not overlapping.size:
                    return f"a {ours.label(int(row))} is missing or moved"
                change = float(np.abs(theirs.scores[overlapping] - ours.scores[row]).min())
                if change > tolerance.score_change:
                    return f"a score changes by {change:.2f}"
        return ""

    def is_conclusive(self, tolerance: Tolerance) -> bool:
        return bool((self.scores >= tolerance.score).any())
