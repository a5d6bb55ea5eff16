"""Object counts per class, line and zone over the time of a video, from its tracked frames."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses.detection._tracking import crossing_counter
from cvstudio.analyses.detection.crossings import CrossingCounter
from cvstudio.analyses.temporal import ChainEntry
from cvstudio.results.counts import Counts

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]
"""x and y of the points of a curve."""


def count(
    entries: Sequence[ChainEntry],
    labels: Sequence[str],
    *,
    score: float = 0.0,
    classes: Sequence[str] = (),
    max_count: int | None = None,
) -> Counts:
    """Count the boxes and identities that `detect.select` would show in tracked frames.

    Parameters
    ----------
    entries : of a chain of `Tracking`, in order
    labels : names of all classes by index
    score, classes, max_count : see `detect.SelectParams`; no class shows all
    """
    times = np.array([entry.pts for entry in entries], np.float64)
    notes = [entry.note or entry.observation for entry in entries]
    sizes = np.array([len(note.scores) for note in notes], np.int64)
    if not sizes.sum():
        empty = np.zeros((0, len(times)), np.int64)
        return Counts(times, (), empty, empty, tuple(labels))
    frames = np.repeat(np.arange(len(notes)), sizes)
    class_ids = np.concatenate([note.classes for note in notes])
    track_ids = [
        np.full(len(note.scores), -1, np.int64) if note.track_ids is None else note.track_ids for note in notes
    ]
    tracks = np.concatenate(track_ids)
    shown = np.concatenate([note.scores for note in notes]) >= score
    if classes:
        shown &= np.isin(class_ids, [index for index, name in enumerate(labels) if name in classes])
    if max_count is not None:
        before: NDArray[np.int64] = np.cumsum(shown) - shown
        first = np.searchsorted(frames, frames)
        shown &= before - before[first] < max_count
    frames, class_ids, tracks = frames[shown], class_ids[shown], tracks[shown]
    boxes = np.zeros((len(labels), len(times)), np.int64)
    np.add.at(boxes, (class_ids, frames), 1)
    first_seen = np.zeros_like(boxes)
    # Rows are in the order of time: the first row of an identity is where it appears.
    identities, first_rows = np.unique(tracks, return_index=True)
    first_rows = first_rows[identities >= 0]
    np.add.at(first_seen, (class_ids[first_rows], frames[first_rows]), 1)
    totals = boxes.sum(axis=1)
    order = [int(index) for index in np.argsort(-totals, kind="stable") if totals[index]]
    names = tuple(labels[index] for index in order)
    return Counts(times, names, boxes[order], np.cumsum(first_seen[order], axis=1), tuple(labels))


def steps(times: NDArray[np.float64], values: NDArray[np.int64], gap_secs: float) -> Curve:
    """Curve in steps: a count holds until the next frame; float64 (m,) each, NaN in gaps.

    Where two frames are more than `gap_secs` apart, and at the end, it holds for the usual time between two frames.
    """
    apart = np.diff(times)
    known = apart <= gap_secs
    usual_secs = float(np.median(apart[known])) if known.any() else gap_secs
    ends = times + usual_secs
    ends[:-1][known] = times[1:][known]
    breaks = 2 * (np.flatnonzero(~known) + 1)
    x = np.stack((times, ends), axis=1).ravel()
    return np.insert(x, breaks, x[breaks]), np.insert(np.repeat(values.astype(np.float64), 2), breaks, np.nan)


def with_crossings(counts: Counts, counter: CrossingCounter) -> Counts:
    """`counts` with the lines and zones of `counter` at the same times."""
    times, lines, zones = counter.series()
    # Before the first frame that was counted, and so in frames without one, nothing has passed.
    rows = np.searchsorted(times, counts.times, side="right")
    lines, zones = (
        np.concatenate((np.zeros_like(array[:1]), array)) if len(array) else array for array in (lines, zones)
    )
    rules = counter.rules
    if not len(times):
        return counts
    return dataclasses.replace(
        counts,
        lines=tuple(line.name for line in rules.lines),
        passed=np.moveaxis(lines[rows], 0, 2),
        zones=tuple(zone.name for zone in rules.zones),
        stayed=np.moveaxis(zones[rows], 0, 2),
    )


__all__ = ["count", "crossing_counter", "steps", "with_crossings"]
