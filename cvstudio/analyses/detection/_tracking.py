"""Identities over frames: ByteTrack (Zhang et al., "ByteTrack: Multi-Object Tracking by Associating Every Detection
Box", ECCV 2022) and C-BIoU (Yang et al., "Hard to Track Objects with Irregular Motions and Similar Appearances? Make It
Easier by Buffering the Matching Space", WACV 2023) as the `trackers` library implements them.

The tracker is given every box that non-maximum suppression left, whatever is shown: what falls below the score slider
is just what its second association needs, and moving the slider changes no identity. Of boxes on the same thing, which
a crowd has many of, it is given the best: a number that jumps between two boxes of one thing is a number lost.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses.temporal import Temporal
from cvstudio.data.boxes import nms
from cvstudio.data.geometry import readonly
from cvstudio.foundation.params import Choices, Doc, Range
from cvstudio.results.detections import Detections, Trails

FLOOR = 0.05
"""Boxes that a model is less sure of are not remembered."""
MAX_BOXES = 200
"""So many of a frame, the best, are remembered and followed."""
TRAIL_REACH = 4
"""Points on either side that smooth a trail."""
LIBRARY_RATE = 30.0
"""The library counts its buffer in frames of this rate, whatever the video's own is."""


@dataclass(frozen=True)
class TrackParams:
    """How identities are kept over the frames of a video."""

    track: Annotated[
        bool,
        Doc(
            "Follow over frames",
            "Gives each thing a number that it keeps from frame to frame.",
            "Switch it off to see each frame for itself.",
        ),
    ] = True
    trail_secs: Annotated[
        float,
        Range(0, 10, step=0.5, unit="s"),
        Doc("Trail", "Draws where each thing was in the last seconds.", "0 draws none."),
    ] = 2.0
    tracker: Annotated[
        str,
        Choices(("ByteTrack", "C-BIoU")),
        Doc(
            "Method",
            "Both follow sure boxes first and then the others; C-BIoU looks a little around each box.",
            "Try ByteTrack where neighbours exchange their numbers.",
            more=True,
        ),
    ] = "C-BIoU"
    track_high: Annotated[
        float,
        Range(0, 1, step=0.01),
        Doc(
            "Threshold",
            "A thing gets a number where the model is at least so sure of it.",
            "Lower it where things stay without a number.",
            more=True,
        ),
    ] = 0.4
    track_low: Annotated[
        float,
        Range(FLOOR, 1, step=0.01),
        Doc(
            "Kept down to",
            "A thing that has a number keeps it while the model is at least so sure.",
            "Lower it where numbers are lost behind something.",
            more=True,
        ),
    ] = 0.1
    lost_secs: Annotated[
        float,
        Range(0, 5, step=0.1, unit="s"),
        Doc(
            "Lost after",
            "A thing that is not seen for longer comes back with another number.",
            "Raise it where things pass behind others.",
            more=True,
        ),
    ] = 1.0
    min_hits: Annotated[
        int,
        Range(1, 10, step=1, unit="frames"),
        Doc("Seen first", "In so many frames a thing is seen before it gets a number.", "Try 5 for noise.", more=True),
    ] = 2
    track_iou: Annotated[
        float,
        Range(0.05, 0.9, step=0.01),
        Doc(
            "Overlap over time",
            "ByteTrack: a box continues a thing where it shares at least this part with where the thing is expected.",
            "Lower it for fast things or few frames a second.",
            more=True,
        ),
    ] = 0.2
    track_apart: Annotated[
        float,
        Range(0, 1, step=0.01),
        Doc(
            "Same thing from",
            "Of boxes of a class that share more than this the best is followed; the others get no number.",
            "Raise it where neighbours stay without a number.",
            more=True,
        ),
    ] = 0.4


@dataclass(frozen=True, eq=False)
class Sighting:
    """What is remembered of one frame.

    boxes : float32 (n, 4), image pixels; scores : float32 (n,), as the model gives them; classes : int64 (n,);
    ids : int64 (n,) of the raw candidates; track_ids : int64 (n,) from 1, -1 where there is none; None before the step
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    classes: NDArray[np.int64]
    ids: NDArray[np.int64]
    confidences: NDArray[np.float32]
    track_ids: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value is not None:
                object.__setattr__(self, name, readonly(value))


def confidences(found: Detections) -> NDArray[np.float32]:
    """The scores as something between 0 and 1, float32 (n,).

    A margin goes through the logistic function; of a cascade's neighbours four are about as good as .63 (1 - 1/e).
    """
    if found.score_kind == "margin":
        return (1 / (1 + np.exp(-found.scores.astype(np.float64)))).astype(np.float32)
    if found.score_kind == "neighbours":
        return (1 - np.exp(-found.scores.astype(np.float64) / 4)).astype(np.float32)
    return found.scores


class Tracker:
    """One of the library's trackers, for boxes of all classes at once; a deep copy is a snapshot.

    Importing the library takes a fifth of a second, so it is loaded with the first tracker.
    """

    def __init__(self, params: TrackParams, rate: float) -> None:
        from trackers import ByteTrackTracker, CBIoUTracker

        self._low = params.track_low
        self._apart = params.track_apart
        common: dict[str, Any] = {
            "lost_track_buffer": round(params.lost_secs * LIBRARY_RATE),
            "frame_rate": rate,
            "track_activation_threshold": params.track_high,
            "high_conf_det_threshold": params.track_high,
            "minimum_consecutive_frames": params.min_hits,
        }
        self._tracker = (
            CBIoUTracker(instant_first_frame_activation=False, **common)
            if params.tracker == "C-BIoU"
            else ByteTrackTracker(minimum_iou_threshold=params.track_iou, **common)
        )

    def step(self, seen: Sighting, pts: float) -> Sighting:
        """`seen` with the identities of its boxes. `pts` has to be later than that of the step before."""
        import supervision

        rows = np.flatnonzero(seen.confidences >= self._low)
        rows = np.sort(rows[nms(seen.boxes[rows], seen.confidences[rows], seen.classes[rows], self._apart)])
        track_ids = np.full(len(seen.boxes), -1, np.int64)
        boxes = seen.boxes[rows].astype(np.float64)
        # Each class lies in a field of its own, far from the others: a box never continues a thing of another class.
        boxes += (seen.classes[rows] * _FIELD)[:, None]
        given = supervision.Detections(
            xyxy=boxes, confidence=seen.confidences[rows].astype(np.float64), data={"row": rows}
        )
        found = self._tracker.update(given, timestamp=pts)
        if len(found):
            numbers = np.asarray(found.tracker_id, np.int64)
            track_ids[found.data["row"]] = np.where(numbers >= 0, numbers + 1, -1)
        return dataclasses.replace(seen, track_ids=track_ids)


_FIELD = 1e6


def _trails(
    notes: Sequence[tuple[float, Sighting]], wanted: NDArray[np.int64], pts: float, secs: float
) -> Trails | None:
    """The ways of the identities in `wanted` over the last `secs`, of the middle of each box."""
    wanted = wanted[wanted >= 0]
    if secs <= 0 or not len(wanted):
        return None
    recent = [(time, note) for time, note in notes if time >= pts - secs]
    ids = np.concatenate([note.track_ids for _, note in recent])
    rows = np.flatnonzero(np.isin(ids, wanted))
    boxes = np.concatenate([note.boxes for _, note in recent])[rows]
    ages = np.repeat(np.array([pts - time for time, _ in recent], np.float32), [len(note.ids) for _, note in recent])
    every, age = ids[rows], ages[rows]
    order = np.lexsort((-age, every))
    places, owners = ((boxes[:, :2] + boxes[:, 2:]) / 2)[order], every[order]
    for start, stop in zip(*_runs(owners), strict=True):
        places[start:stop] = _smoothed(places[start:stop])
    return Trails(places.astype(np.float32), age[order], owners)


def _runs(values: NDArray[np.int64]) -> tuple[list[int], list[int]]:
    """Where runs of equal values begin and end."""
    starts = np.flatnonzero(np.diff(values, prepend=-1)).tolist()
    return starts, [*starts[1:], len(values)]


def _smoothed(way: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """The mean of each point and up to `TRAIL_REACH` neighbours on either side, as many on one as on the other: a
    detector's boxes tremble, and the last point stays where the box is."""
    sums = np.concatenate((np.zeros((1, 2)), np.cumsum(way, axis=0, dtype=np.float64)))
    at = np.arange(len(way))
    reach = np.minimum(np.minimum(at, len(way) - 1 - at), TRAIL_REACH)
    return np.asarray((sums[at + reach + 1] - sums[at - reach]) / (2 * reach + 1)[:, None])


class Tracking(Temporal):
    """The identities of an analysis whose boxes come from the stage `after`."""

    params = TrackParams

    def active(self, params: TrackParams) -> bool:
        """As switched."""
        return params.track

    def identity(self, params: TrackParams) -> Hashable:
        """The length of the trails changes nothing of what is followed."""
        return dataclasses.replace(params, trail_secs=0.0)

    def reach_secs(self, params: TrackParams) -> float:
        """As far as the trails go."""
        return params.trail_secs

    def observe(self, result: Detections, params: TrackParams) -> Sighting:
        """What is followed of a frame: the candidates of `result`, or itself where it has none."""
        found = result.candidates if result.candidates is not None else result
        sure = confidences(found)
        # Scores descend, and so do confidences.
        rows = np.flatnonzero(sure >= FLOOR)[:MAX_BOXES]
        return Sighting(found.boxes[rows], found.scores[rows], found.classes[rows], found.ids[rows], sure[rows])

    def start(self, params: TrackParams, rate: float) -> Tracker:
        """A tracker that has seen nothing."""
        return Tracker(params, rate)

    def step(self, state: Tracker, seen: Sighting, pts: float) -> Sighting:
        """See `Tracker.step`."""
        return state.step(seen, pts)

    def finish(self, result: Detections, notes: Sequence[tuple[float, Sighting]], params: TrackParams) -> Detections:
        """`result` with the identity of each row, and where the identities were in the last seconds."""
        pts, now = notes[-1]
        assert now.track_ids is not None
        track_ids = np.full(len(result), -1, np.int64)
        by_candidate = dict(zip(now.ids.tolist(), now.track_ids.tolist(), strict=True))
        for row, number in enumerate(result.ids.tolist()):
            track_ids[row] = by_candidate.get(number, -1)
        return dataclasses.replace(
            result, track_ids=track_ids, trails=_trails(notes, track_ids, pts, params.trail_secs), candidates=None
        )
