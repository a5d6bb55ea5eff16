"""Multi-object tracking: ByteTrack (Zhang et al., "ByteTrack: Multi-Object Tracking by Associating Every Detection
Box", ECCV 2022) and C-BIoU (Yang et al., "Hard to Track Objects with Irregular Motions and Similar Appearances? Make It
Easier by Buffering the Matching Space", WACV 2023) as the `trackers` library implements them.

The tracker gets every box after non-maximum suppression, also those below the score threshold: its second association
needs them, and moving the slider changes no identity. Of overlapping boxes of a class it gets the best one only: in a
crowd an identity would jump between two boxes of one object and be lost.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses.detection.crossings import PLACES, CrossingCounter, Rules
from cvstudio.analyses.temporal import Chain, Temporal
from cvstudio.data.boxes import nms
from cvstudio.data.geometry import readonly
from cvstudio.foundation.params import Choices, Doc, Pick, Range
from cvstudio.foundation.shapes import NamedShapes
from cvstudio.results.detections import Detections, Trails

FLOOR = 0.05
"""Minimum confidence of the boxes that are stored."""
MAX_BOXES = 200
"""Maximum number of boxes of a frame that are stored and tracked, the best ones."""
TRAIL_REACH = 4
"""Points on either side that are averaged to smooth a trail."""
LIBRARY_RATE = 30.0
"""Frames a second in which the library counts its buffer, whatever the rate of the video."""


@dataclass(frozen=True)
class TrackParams:
    """Parameters of the tracker."""

    track: Annotated[
        bool,
        Doc(
            "Track across frames",
            "Gives each object a number that it keeps from frame to frame.",
            "Switch it off to see each frame for itself.",
        ),
    ] = True
    trail_secs: Annotated[
        float,
        Range(0, 10, step=0.5, unit="s"),
        Doc("Trail", "Draws where each object was in the last seconds.", "0 draws none."),
    ] = 2.0
    tracker: Annotated[
        str,
        Choices(("ByteTrack", "C-BIoU")),
        Doc(
            "Method",
            "Both match confident boxes first and then the others; C-BIoU also searches around each box.",
            "Try ByteTrack where neighbouring objects swap their numbers.",
            more=True,
        ),
    ] = "C-BIoU"
    track_high: Annotated[
        float,
        Range(0, 1, step=0.01),
        Doc(
            "Threshold",
            "An object gets a number at this confidence or above.",
            "Lower it where objects stay without a number.",
            more=True,
        ),
    ] = 0.4
    track_low: Annotated[
        float,
        Range(FLOOR, 1, step=0.01),
        Doc(
            "Low threshold",
            "An object keeps its number down to this confidence.",
            "Lower it where numbers are lost during occlusions.",
            more=True,
        ),
    ] = 0.1
    lost_secs: Annotated[
        float,
        Range(0, 5, step=0.1, unit="s"),
        Doc(
            "Lost after",
            "An object that is not seen for longer than this gets a new number.",
            "Raise it where objects pass behind others.",
            more=True,
        ),
    ] = 1.0
    min_hits: Annotated[
        int,
        Range(1, 10, step=1, unit="frames"),
        Doc(
            "Minimum hits",
            "The number of frames in which an object is seen before it gets a number.",
            "Try 5 for noise.",
            more=True,
        ),
    ] = 2
    track_iou: Annotated[
        float,
        Range(0.05, 0.9, step=0.01),
        Doc(
            "Matching IoU",
            "ByteTrack: the least overlap of a box with the predicted position of an object.",
            "Lower it for fast objects or low frame rates.",
            more=True,
        ),
    ] = 0.2
    track_apart: Annotated[
        float,
        Range(0, 1, step=0.01),
        Doc(
            "Duplicate IoU",
            "Of boxes of one class that overlap more than this, only the best is tracked.",
            "Raise it where neighbouring objects stay without a number.",
            more=True,
        ),
    ] = 0.4
    lines: Annotated[
        NamedShapes,
        Pick("lines"),
        Doc(
            "Counting lines",
            "Counts the objects that pass each line, to its right (in) and to its left (out).",
            "Draw one across a road or a door; R turns it round.",
            later=True,
        ),
    ] = ()
    zones: Annotated[
        NamedShapes,
        Pick("zones"),
        Doc(
            "Counting zones",
            "Counts the objects inside of each zone, those that enter and leave it, and how long they stay; what "
            "passes through a whole zone between two frames is in it on none of them, and does not count.",
            "Draw one around a crossing or a queue; for fast objects draw a line, which counts every passage.",
            later=True,
        ),
    ] = ()
    counted_at: Annotated[
        str,
        Choices(PLACES, ("foot of the box", "centre of the box", "top of the box")),
        Doc(
            "Counted at",
            "The point of a box that passes lines and is inside of zones.",
            "The foot is where an object stands on the ground; try the centre for a view from above.",
            more=True,
            later=True,
        ),
    ] = "bottom"
    count_tolerance: Annotated[
        float,
        Range(0, 100, step=1, unit="px"),
        Doc(
            "Counting tolerance",
            "An object has passed once it lies beyond the line by more than this.",
            "Raise it where an object that stands on a line is counted several times.",
            more=True,
            later=True,
        ),
    ] = 4.0


@dataclass(frozen=True, eq=False)
class Sighting:
    """Stored detections of one frame.

    Parameters
    ----------
    boxes : float32 (n, 4), image pixels
    scores : float32 (n,), as returned by the model
    classes : int64 (n,)
    ids : int64 (n,), of the raw candidates
    confidences : float32 (n,), 0..1, see `confidences`
    track_ids : int64 (n,), identities from 1, -1 for none; None before the step
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


def confidences(detections: Detections) -> NDArray[np.float32]:
    """Scores mapped to 0..1, float32 (n,).

    Margins by the logistic function; the neighbours n of a cascade by 1 - exp(-n / 4), so that 4 give 0.63.
    """
    if detections.score_kind == "margin":
        return (1 / (1 + np.exp(-detections.scores.astype(np.float64)))).astype(np.float32)
    if detections.score_kind == "neighbours":
        return (1 - np.exp(-detections.scores.astype(np.float64) / 4)).astype(np.float32)
    return detections.scores


class Tracker:
    """A tracker of the library, for boxes of all classes at once; a deep copy is a snapshot.

    Importing the library takes a fifth of a second, so it is imported with the first tracker.
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

    def step(self, sighting: Sighting, pts: float) -> Sighting:
        """Assign identities to the boxes of `sighting`. `pts` must be later than that of the previous step."""
        import supervision

        rows = np.flatnonzero(sighting.confidences >= self._low)
        rows = np.sort(rows[nms(sighting.boxes[rows], sighting.confidences[rows], sighting.classes[rows], self._apart)])
        track_ids = np.full(len(sighting.boxes), -1, np.int64)
        boxes = sighting.boxes[rows].astype(np.float64)
        # Boxes of each class are shifted far from the others: a track never continues in a box of another class.
        boxes += (sighting.classes[rows] * _CLASS_OFFSET)[:, None]
        detections = supervision.Detections(
            xyxy=boxes, confidence=sighting.confidences[rows].astype(np.float64), data={"row": rows}
        )
        tracked = self._tracker.update(detections, timestamp=pts)
        if len(tracked):
            tracker_ids = np.asarray(tracked.tracker_id, np.int64)
            track_ids[tracked.data["row"]] = np.where(tracker_ids >= 0, tracker_ids + 1, -1)
        return dataclasses.replace(sighting, track_ids=track_ids)


_CLASS_OFFSET = 1e6


def _trails(
    notes: Sequence[tuple[float, Sighting]], track_ids: NDArray[np.int64], pts: float, secs: float
) -> Trails | None:
    """Trails of the identities `track_ids` over the last `secs`: centres of their boxes. None where there are none."""
    track_ids = track_ids[track_ids >= 0]
    if secs <= 0 or not len(track_ids):
        return None
    recent = [(time, note) for time, note in notes if time >= pts - secs]
    ids = np.concatenate([note.track_ids for _, note in recent])
    rows = np.flatnonzero(np.isin(ids, track_ids))
    boxes = np.concatenate([note.boxes for _, note in recent])[rows]
    ages = np.repeat(np.array([pts - time for time, _ in recent], np.float32), [len(note.ids) for _, note in recent])
    trail_ids, point_ages = ids[rows], ages[rows]
    order = np.lexsort((-point_ages, trail_ids))
    points, point_ids = ((boxes[:, :2] + boxes[:, 2:]) / 2)[order], trail_ids[order]
    for start, stop in zip(*_runs(point_ids), strict=True):
        points[start:stop] = _smoothed(points[start:stop])
    return Trails(points.astype(np.float32), point_ages[order], point_ids)


def _runs(values: NDArray[np.int64]) -> tuple[list[int], list[int]]:
    """Starts and stops of runs of equal values."""
    starts = np.flatnonzero(np.diff(values, prepend=-1)).tolist()
    return starts, [*starts[1:], len(values)]


def _smoothed(points: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Moving average of points (n, 2) over up to `TRAIL_REACH` neighbours on either side, the same number on both.

    It removes the jitter of a detector's boxes; the last point stays at the centre of its box.
    """
    sums = np.concatenate((np.zeros((1, 2)), np.cumsum(points, axis=0, dtype=np.float64)))
    index = np.arange(len(points))
    reach = np.minimum(np.minimum(index, len(points) - 1 - index), TRAIL_REACH)
    return np.asarray((sums[index + reach + 1] - sums[index - reach]) / (2 * reach + 1)[:, None])


class Tracking(Temporal):
    """Tracking of the boxes that the stage `after` returns."""

    params = TrackParams

    def active(self, params: TrackParams) -> bool:
        """See `TrackParams.track`."""
        return params.track

    def identity(self, params: TrackParams) -> Hashable:
        """The parameters of the tracker: all but those of trails and counting."""
        usual = TrackParams()
        return dataclasses.replace(
            params,
            trail_secs=0.0,
            lines=usual.lines,
            zones=usual.zones,
            counted_at=usual.counted_at,
            count_tolerance=usual.count_tolerance,
        )

    def reach_secs(self, params: TrackParams) -> float:
        """Duration of the trails."""
        return params.trail_secs

    def observe(self, result: Detections, params: TrackParams) -> Sighting:
        """The best boxes of the candidates of `result`, or of itself where it has none."""
        candidates = result.candidates if result.candidates is not None else result
        certainties = confidences(candidates)
        # Scores descend, and so do confidences.
        rows = np.flatnonzero(certainties >= FLOOR)[:MAX_BOXES]
        return Sighting(
            candidates.boxes[rows],
            candidates.scores[rows],
            candidates.classes[rows],
            candidates.ids[rows],
            certainties[rows],
        )

    def start(self, params: TrackParams, rate: float) -> Tracker:
        """A new tracker."""
        return Tracker(params, rate)

    def step(self, state: Tracker, observation: Sighting, pts: float) -> Sighting:
        """See `Tracker.step`."""
        return state.step(observation, pts)

    def finish(self, result: Detections, notes: Sequence[tuple[float, Sighting]], params: TrackParams) -> Detections:
        """Add the identity of each row to `result`, and the trails of the last seconds."""
        pts, sighting = notes[-1]
        assert sighting.track_ids is not None
        track_ids = np.full(len(result), -1, np.int64)
        id_to_track = dict(zip(sighting.ids.tolist(), sighting.track_ids.tolist(), strict=True))
        for row, candidate_id in enumerate(result.ids.tolist()):
            track_ids[row] = id_to_track.get(candidate_id, -1)
        return dataclasses.replace(
            result, track_ids=track_ids, trails=_trails(notes, track_ids, pts, params.trail_secs), candidates=None
        )

    def add_up(
        self, result: Detections, chain: Chain, pts: float, params: TrackParams, stage_params: Mapping[str, Any]
    ) -> Detections:
        """Add the tallies of lines and zones, where there are any."""
        if not params.lines and not params.zones:
            return result
        select = stage_params["select"]
        counter = crossing_counter(chain, params, result.labels, select.score, select.classes)
        return dataclasses.replace(result, tallies=counter.at(pts))


def crossing_counter(
    chain: Chain, params: TrackParams, labels: Sequence[str], score: float, classes: Sequence[str]
) -> CrossingCounter:
    """The counter of all frames of `chain`: lines, zones and how they count as in `params`."""
    rules = Rules(
        params.lines, params.zones, params.counted_at, params.count_tolerance, score, tuple(classes), tuple(labels)
    )
    return chain.total(rules, lambda: CrossingCounter(rules))
