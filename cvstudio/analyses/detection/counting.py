"""How many things of each class there are over the time of a video, from the frames in which they were followed."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses.temporal import ChainEntry
from cvstudio.data.geometry import readonly
from cvstudio.foundation.atomic_files import atomic_path

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Counts:
    """Counts of the classes that occur.

    Parameters
    ----------
    times : float64 (n,)
        Presentation times in seconds, ascending.
    labels : names of the k classes, the most frequent first
    boxes : int64 (k, n)
        Boxes that are shown in each frame.
    identities : int64 (k, n)
        Different identities that were shown up to each frame.
    """

    times: NDArray[np.float64]
    labels: tuple[str, ...]
    boxes: NDArray[np.int64]
    identities: NDArray[np.int64]

    def __post_init__(self) -> None:
        for name in ("times", "boxes", "identities"):
            object.__setattr__(self, name, readonly(getattr(self, name)))


def count(
    entries: Sequence[ChainEntry],
    labels: Sequence[str],
    *,
    score: float = 0.0,
    classes: Sequence[str] = (),
    max_count: int | None = None,
) -> Counts:
    """Count what is shown of the followed frames, in the same way as `detect.select` chooses it.

    Parameters
    ----------
    entries : of a chain of `tracking`, in order
    labels : names of all classes by index
    score, classes, max_count : of what is shown; no class shows all
    """
    times = np.array([entry.pts for entry in entries], np.float64)
    notes = [entry.note or entry.seen for entry in entries]
    sizes = np.array([len(note.scores) for note in notes], np.int64)
    if not sizes.sum():
        empty = np.zeros((0, len(times)), np.int64)
        return Counts(times, (), empty, empty)
    frame = np.repeat(np.arange(len(notes)), sizes)
    found = np.concatenate([note.classes for note in notes])
    none = [np.full(len(note.scores), -1, np.int64) if note.track_ids is None else note.track_ids for note in notes]
    tracks = np.concatenate(none)
    shown = np.concatenate([note.scores for note in notes]) >= score
    if classes:
        shown &= np.isin(found, [index for index, name in enumerate(labels) if name in classes])
    if max_count is not None:
        before: NDArray[np.int64] = np.cumsum(shown) - shown
        first = np.searchsorted(frame, frame)
        shown &= before - before[first] < max_count
    frame, found, tracks = frame[shown], found[shown], tracks[shown]
    boxes = np.zeros((len(labels), len(times)), np.int64)
    np.add.at(boxes, (found, frame), 1)
    fresh = np.zeros_like(boxes)
    # The rows are in the order of time, so that the first one of an identity is where it is new.
    known, place = np.unique(tracks, return_index=True)
    place = place[known >= 0]
    np.add.at(fresh, (found[place], frame[place]), 1)
    totals = boxes.sum(axis=1)
    order = [int(index) for index in np.argsort(-totals, kind="stable") if totals[index]]
    return Counts(times, tuple(labels[index] for index in order), boxes[order], np.cumsum(fresh[order], axis=1))


def with_gaps(times: NDArray[np.float64], values: NDArray[np.int64], gap_secs: float) -> Curve:
    """A curve that breaks off where two frames are further than `gap_secs` apart: float64 (m,) each, NaN in gaps."""
    breaks = np.flatnonzero(np.diff(times) > gap_secs) + 1
    return (
        np.insert(times, breaks, times[breaks] if len(breaks) else 0.0),
        np.insert(values.astype(np.float64), breaks, np.nan),
    )


def write_counts(path: Path, counts: Counts) -> None:
    """Write `counts` as CSV: the time, then boxes and identities of each class.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    head = [f"{label} {what}" for label in counts.labels for what in ("boxes", "identities")]
    # Boxes and identities of a class stand beside each other.
    columns = np.stack((counts.boxes, counts.identities), axis=1).reshape(-1, len(counts.times))
    # The byte order mark makes Excel read Hangul as UTF-8.
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow(["time_secs", *head])
        for number, time in enumerate(counts.times):
            writer.writerow([f"{time:.6f}", *columns[:, number].tolist()])
