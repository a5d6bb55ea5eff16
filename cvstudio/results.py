"""Results: what an analysis returns. Frozen, arrays read-only, in the pixels of the medium they came from."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cvstudio.agreement import BoxAgreement, HeatAgreement, LabelAgreement, compare_boxes, compare_heat, compare_labels
from cvstudio.masks import Masks
from cvstudio.nms import nms, overlaps, smallest_at
from cvstudio.result import Placement, Result, Tolerance
from cvstudio.table import ABSENT, Column, Table, number
from cvstudio.types import Rect, Size, check_arrays, readonly


@dataclass(frozen=True)
class Source:
    """Where a result came from: a medium and, for video, the presentation time in seconds."""

    media_id: str = ""
    pts: float | None = None


@dataclass(frozen=True, eq=False)
class Trails:
    """Where identities were lately.

    Parameters
    ----------
    points : float32 (m, 2)
        x, y in image pixels, by identity, of each the oldest first.
    ages : float32 (m,)
        Seconds before the frame that the result is of.
    track_ids : int64 (m,)
        Whose point it is.
    """

    points: NDArray[np.float32]
    ages: NDArray[np.float32]
    track_ids: NDArray[np.int64]

    def __post_init__(self) -> None:
        m = len(self.points)
        if self.points.shape != (m, 2) or self.ages.shape != (m,) or self.track_ids.shape != (m,):
            found = f"{self.points.shape}, {self.ages.shape}, {self.track_ids.shape}"
            raise ValueError(f"expected points (m, 2), ages (m,) and track_ids (m,), found {found}")
        for name in ("points", "ages", "track_ids"):
            object.__setattr__(self, name, readonly(getattr(self, name)))


@dataclass(frozen=True, eq=False)
class Detections(Result):
    """Boxes with scores.

    Parameters
    ----------
    boxes : float32 (n, 4)
        x1, y1, x2, y2 in image pixels; (0, 0) is the outer corner of the top left pixel.
    scores : float32 (n,)
        Descending; their meaning is the model's (`score_kind`).
    classes : int64 (n,)
        Index into `labels`.
    labels : names of all classes that the model knows
    ids : int64 (n,)
        Index of the raw candidate, so that a row keeps its id whatever the sliders say.
    size : of the picture
    score_kind : "probability", "margin" (of an SVM) or "neighbours" (of a cascade)
    masks : which pixels of each box belong to the thing, by row; None where the model does not tell
    track_ids : int64 (n,)
        Identity over the frames of a video, by row; -1 where there is none yet. None where nothing is followed.
    trails : where the identities were lately; None where nothing is followed
    candidates : what these were chosen from by score, class and count, where somebody needs the others too

    Raises
    ------
    ValueError
        A shape or dtype is another.
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
        )

    def label(self, row: int) -> str:
        return self.labels[int(self.classes[row])]

    def identity(self, row: int) -> int | None:
        """The number of the thing in `row`; None where it has none (yet)."""
        if self.track_ids is None or self.track_ids[row] < 0:
            return None
        return int(self.track_ids[row])

    def headline(self) -> str:
        return f"{len(self)} found"

    def table(self) -> Table:
        """One row for each box, the best first.

        The track is None for a box that has no identity yet. The mask is COCO's uncompressed run-length code: size
        [height, width], counts.
        """
        columns = (
            Column("id", "Id", shown=False),
            Column("label", "Class", kind="label"),
            Column("score", "Score", kind="fraction" if self.score_kind == "probability" else "number"),
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
        return compare_boxes(self, other)

    def differs_from(self, other: Self, tolerance: Tolerance) -> str:
        """Each box needs its like: the same class, an overlap above `min_iou`, a score within `score_change`."""
        kept = [
            item.take(nms(item.boxes, item.scores, item.classes, tolerance.suppression_iou)) for item in (self, other)
        ]
        # Whatever is above the threshold on one side needs its like on the other, which may be a little below it.
        for here, there in (kept, kept[::-1]):
            for row in np.flatnonzero(here.scores >= tolerance.score):
                same = np.flatnonzero(there.classes == here.classes[row])
                near = same[overlaps(here.boxes[row], there.boxes[same]) > tolerance.min_iou]
                if not near.size:
                    return f"a {here.label(int(row))} is missing or moved"
                change = float(np.abs(there.scores[near] - here.scores[row]).min())
                if change > tolerance.score_change:
                    return f"a score changes by {change:.2f}"
        return ""

    def is_conclusive(self, tolerance: Tolerance) -> bool:
        return bool((self.scores >= tolerance.score).any())


@dataclass(frozen=True, eq=False)
class Picture(Result):
    """A picture computed from a picture.

    `pixels` is uint8 RGB (h, w, 3) and shows `rect` (image pixels) of a source of `size`; `scale` is output
    pixels for each image pixel. `mask` bool (h, w), optional, marks the pixels that are in focus.
    """

    placement: ClassVar[Placement] = Placement.BASE

    pixels: NDArray[np.uint8]
    rect: Rect
    scale: float
    size: Size
    mask: NDArray[np.bool_] | None = None
    source: Source = Source()

    def __post_init__(self) -> None:
        if self.pixels.ndim != 3 or self.pixels.shape[2] != 3 or self.pixels.dtype != np.uint8:
            raise ValueError(f"expected uint8 (h, w, 3), found {self.pixels.dtype} {self.pixels.shape}")
        object.__setattr__(self, "pixels", readonly(self.pixels))
        if self.mask is not None:
            object.__setattr__(self, "mask", readonly(self.mask))

    def headline(self) -> str:
        return f"{self.size.width} × {self.size.height}"


@dataclass(frozen=True, eq=False)
class Spectrogram(Result):
    """Loudness over time and frequency.

    Parameters
    ----------
    levels : uint8 (bins, columns)
        0 is `low_db`, 255 is `high_db` (dB relative to full scale); row 0 is 0 Hz. The one array that may still
        grow: while a sound streams, all results share it and the columns from `columns_done` on are written later.
    rate_hz, hop, window : samples per second, between columns, in a window
    columns_done : columns that are computed and stay as they are; the rest is still to come
    show_low_db, show_high_db : what is drawn darkest and brightest; the levels stay as they are
    """

    placement: ClassVar[Placement] = Placement.OWN_VIEW

    levels: NDArray[np.uint8]
    rate_hz: int
    hop: int
    window: int
    low_db: float
    high_db: float
    columns_done: int
    source: Source = Source()
    show_low_db: float = -90.0
    show_high_db: float = 0.0

    def __post_init__(self) -> None:
        if self.levels.ndim != 2 or self.levels.dtype != np.uint8:
            raise ValueError(f"expected uint8 (bins, columns), found {self.levels.dtype} {self.levels.shape}")
        view = self.levels.view()
        view.flags.writeable = False
        object.__setattr__(self, "levels", view)

    @property
    def size(self) -> Size:
        """Columns and bins: of the picture that is one pixel for each."""
        return Size(self.levels.shape[1], self.levels.shape[0])

    def headline(self) -> str:
        return f"{self.duration_secs:.2f} s"

    @property
    def duration_secs(self) -> float:
        return float(self.levels.shape[1] * self.hop / self.rate_hz)

    @property
    def nyquist_hz(self) -> float:
        return self.rate_hz / 2


@dataclass(frozen=True, eq=False)
class Logits(Result):
    """What a classifier says before anything is decided.

    values : float32 (classes,), by index into `labels`; size : of the picture
    """

    placement: ClassVar[Placement] = Placement.INTERMEDIATE

    values: NDArray[np.float32]
    labels: tuple[str, ...]
    size: Size
    source: Source = Source()

    def __post_init__(self) -> None:
        if self.values.dtype != np.float32 or self.values.shape != (len(self.labels),):
            wanted = f"float32 ({len(self.labels)},)"
            raise ValueError(f"expected values as {wanted}, found {self.values.dtype} {self.values.shape}")
        object.__setattr__(self, "values", readonly(self.values))

    def probabilities(self, temperature: float = 1.0) -> NDArray[np.float32]:
        """Float32 (classes,) that sum to 1: the softmax of the logits divided by `temperature`."""
        from scipy.special import softmax

        found: NDArray[np.float32] = softmax(self.values.astype(np.float64) / temperature).astype(np.float32)
        return found

    def headline(self) -> str:
        return self.labels[int(self.values.argmax())] if self.labels else ""

    def differs_from(self, other: Self, tolerance: Tolerance) -> str:
        """The likeliest class is the same, and no probability changes by more than `score_change`."""
        ours, theirs = self.probabilities(), other.probabilities()
        if ours.argmax() != theirs.argmax():
            return f"{self.labels[int(ours.argmax())]} becomes {other.labels[int(theirs.argmax())]}"
        change = float(np.abs(ours - theirs).max())
        return f"a probability changes by {change:.2f}" if change > tolerance.score_change else ""


@dataclass(frozen=True, eq=False)
class Labels(Result):
    """What a whole picture shows, by a classifier.

    Parameters
    ----------
    classes : int64 (k,)
        Index into `labels`, the likeliest first.
    probabilities : float32 (k,)
        0..1, descending, of all classes together at most 1.
    labels : names of all classes that the model knows
    size : of the picture
    threshold : the likeliest is believed from this probability on
    logits : what this was decided from, divided by the temperature; None where it is not known
    """

    classes: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    labels: tuple[str, ...]
    size: Size
    threshold: float = 0.0
    source: Source = Source()
    logits: Logits | None = None

    def __post_init__(self) -> None:
        if self.classes.dtype != np.int64 or self.classes.ndim != 1 or not len(self.classes):
            raise ValueError(f"expected classes as int64 (k,), found {self.classes.dtype} {self.classes.shape}")
        if self.probabilities.dtype != np.float32 or self.probabilities.shape != self.classes.shape:
            found = f"{self.probabilities.dtype} {self.probabilities.shape}"
            raise ValueError(f"expected probabilities as float32 {self.classes.shape}, found {found}")
        object.__setattr__(self, "classes", readonly(self.classes))
        object.__setattr__(self, "probabilities", readonly(self.probabilities))

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def unknown(self) -> bool:
        """Whether even the likeliest class is not believed."""
        return bool(self.probabilities[0] < self.threshold)

    def label(self, row: int) -> str:
        return self.labels[int(self.classes[row])]

    def headline(self) -> str:
        return "unknown" if self.unknown else f"{self.label(0)} {self.probabilities[0]:.0%}"

    def table(self) -> Table:
        """One row for each class, the likeliest first."""
        columns = (
            Column("label", "Class", kind="label"),
            Column("probability", "Probability", "%", kind="fraction"),
            Column("believed", "Believed", kind="flag"),
        )
        believed = (self.probabilities >= self.threshold).tolist()
        rows = [(self.label(row), number(self.probabilities[row]), believed[row]) for row in range(len(self))]
        quiet = frozenset(row for row in range(len(self)) if not believed[row])
        return Table("cvstudio-labels", "labels", columns, rows, quiet=quiet)

    def agreement(self, other: Self) -> LabelAgreement:
        sides = [
            {found.label(row): float(found.probabilities[row]) for row in range(len(found))} for found in (self, other)
        ]
        return compare_labels(sides[0], sides[1], (self.logits, other.logits))


@dataclass(frozen=True, eq=False)
class HeatMap(Result):
    """How much each place of a picture matters for an answer.

    Parameters
    ----------
    values : float32 (h, w)
        Finite, of any range; they lie evenly over `rect`, each in the middle of its place.
    rect : the part of the picture that they are of, in image pixels
    size : of the picture
    low, high : values that are drawn darkest and brightest
    label, probability : of the answer; empty and NaN where there is none
    about : how it was made, in a few words
    things : boxes that are drawn with it; None where there are none
    chosen : id of the one among them that the map is of
    place : x, y of the place that the map is of, in image pixels; None where it is of none

    Raises
    ------
    ValueError
        A shape or dtype is another, or a value is not finite.
    """

    values: NDArray[np.float32]
    rect: Rect
    size: Size
    low: float
    high: float
    label: str = ""
    probability: float = float("nan")
    about: str = ""
    source: Source = Source()
    things: Detections | None = None
    chosen: int | None = None
    place: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.values.dtype != np.float32 or self.values.ndim != 2 or 0 in self.values.shape:
            raise ValueError(f"expected values as float32 (h, w), found {self.values.dtype} {self.values.shape}")
        if not np.isfinite(self.values).all():
            raise ValueError("expected finite values, found some that are not")
        object.__setattr__(self, "values", readonly(self.values))

    def headline(self) -> str:
        return f"{self.label} {self.probability:.1%}" if np.isfinite(self.probability) else self.label

    def part_at(self, x: float, y: float) -> int | None:
        """The id of the smallest of `things` around (x, y)."""
        return self.things.part_at(x, y) if self.things is not None else None

    def agreement(self, other: Self) -> HeatAgreement | None:
        return compare_heat(self.values, other.values) if self.rect == other.rect else None
