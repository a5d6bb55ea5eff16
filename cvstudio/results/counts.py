"""Counts over the time of a video, and their CSV files."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import readonly
from cvstudio.results.tables import csv_text
from cvstudio.results.tallies import Tallies


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
    lines, zones : names of counting lines and zones
    passed : int64 (lines, 2, n)
        Crossings of each line up to each frame: in and out.
    stayed : int64 (zones, 3, n)
        Objects inside of each zone in each frame, and its entries and exits up to it.
    """

    times: NDArray[np.float64]
    labels: tuple[str, ...]
    boxes: NDArray[np.int64]
    identities: NDArray[np.int64]
    known_labels: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    passed: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2, 0), np.int64))
    zones: tuple[str, ...] = ()
    stayed: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 3, 0), np.int64))

    def __post_init__(self) -> None:
        for name in ("times", "boxes", "identities", "passed", "stayed"):
            object.__setattr__(self, name, readonly(getattr(self, name)))


def write_counts(path: Path, counts: Counts) -> None:
    """Write `counts` as CSV: a row for each frame with its time, boxes and identities of each class, crossings of each
    line and objects in each zone.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    head = [f"{label} {what}" for label in counts.labels for what in ("boxes", "identities")]
    head += [f"{line} {direction}" for line in counts.lines for direction in ("in", "out")]
    head += [f"{zone} {what}" for zone in counts.zones for what in ("inside", "entries", "exits")]
    frames = len(counts.times)
    # Columns alternate between boxes and identities of a class.
    columns = np.concatenate(
        [
            np.stack((counts.boxes, counts.identities), axis=1).reshape(-1, frames),
            counts.passed.reshape(-1, frames) if counts.lines else np.zeros((0, frames), np.int64),
            counts.stayed.reshape(-1, frames) if counts.zones else np.zeros((0, frames), np.int64),
        ]
    )
    # The byte order mark makes Excel read Hangul as UTF-8.
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow(["time_secs", *map(csv_text, head)])
        for number, time in enumerate(counts.times):
            writer.writerow([f"{time:.6f}", *columns[:, number].tolist()])


CROSSING_COLUMNS = (
    *("time_secs", "kind", "name", "event", "track_id", "class"),
    *("until_secs", "dwell_secs", "entered", "left"),
)


def write_crossings(path: Path, tallies: Tallies) -> None:
    """Write every crossing of a line and every stay in a zone as CSV, in the order of their times.

    The event of a line is "in" or "out", that of a zone "stay", with its end and duration, whether the object was seen
    to enter, and whether it was seen to leave.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    rows = [
        (item.time_secs, "line", csv_text(item.line), item.direction, item.track_id, csv_text(item.label), *[""] * 4)
        for item in tallies.crossings
    ]
    rows += [
        (
            *(item.since_secs, "zone", csv_text(item.zone), "stay", item.track_id, csv_text(item.label)),
            *(f"{item.until_secs:.6f}", f"{item.dwell_secs:.6f}"),
            *(str(item.entered).lower(), str(item.left).lower()),
        )
        for item in tallies.stays
    ]
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow(CROSSING_COLUMNS)
        for time, *cells in sorted(rows, key=lambda row: (row[0], row[4])):
            writer.writerow([f"{time:.6f}", *cells])
