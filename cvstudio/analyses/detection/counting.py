"""Object counts per class over the time of a video, from its tracked frames."""

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
"""x and y of the points of a curve."""


@dataclass(frozen=True, eq=False)
class Counts:
    """Counts of all classes that occur.

    Parameters
    ----------
    times : float64 (n,)
        Presentation times in seconds, ascending.
    labels : names of the k classes, the most frequent first
    boxes : int64 (k, n)
        Number of shown boxes in each frame.
    identities : int64 (k, n)
        Number of distinct identities shown up to each frame.
    known_labels : names of all classes of the model, which its colours follow from
    """

    times: NDArray[np.float64]
    labels: tuple[str, ...]
    boxes: NDArray[np.int64]
    identities: NDArray[np.int64]
    known_labels: tuple[str, ...] = ()

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


def write_counts(path: Path, counts: Counts) -> None:
    """Write `counts` as CSV: the time, then boxes and identities of each class.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    head = [f"{label} {what}" for label in counts.labels for what in ("boxes", "identities")]
    # Columns alternate between boxes and identities of a class.
    columns = np.stack((counts.boxes, counts.identities), axis=1).reshape(-1, len(counts.times))
    # The byte order mark makes Excel read Hangul as UTF-8.
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow(["time_secs", *head])
        for number, time in enumerate(counts.times):
            writer.writerow([f"{time:.6f}", *columns[:, number].tolist()])
