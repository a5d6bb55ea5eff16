"""Counts over the frames of a video, and crossings and stays of its objects, as CSV."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from cvstudio.exporters import EXPORTERS
from cvstudio.exporters.base import Exporter, ExportItem, of
from cvstudio.foundation.errors import ExportError
from cvstudio.foundation.progress import Progress
from cvstudio.results.counts import Counts, write_counts, write_crossings
from cvstudio.results.detections import Detections
from cvstudio.results.tallies import Crossing, Stay, Tallies


def _write_counts(path: Path, item: ExportItem, progress: Progress) -> None:
    """Write a row for each frame: see `write_counts`."""
    write_counts(path, _counts(item, progress))


def _counts(item: ExportItem, progress: Progress) -> Counts:
    times: list[float] = []
    boxes, firsts, passed, stayed = [], [], [], []
    labels: tuple[str, ...] = ()
    seen: set[int] = set()
    tallies = Tallies()
    for moment in item.moments(progress):
        detections: Detections = moment.result
        assert moment.pts is not None
        times.append(moment.pts)
        labels, tallies = detections.labels, detections.tallies or tallies
        boxes.append(np.bincount(detections.classes, minlength=len(labels)))
        first = np.zeros(len(labels), np.int64)
        for row in range(len(detections)):
            identity = detections.identity(row)
            if identity is not None and identity not in seen:
                seen.add(identity)
                first[detections.classes[row]] += 1
        firsts.append(first)
        passed.append([(line.ins, line.outs) for line in tallies.lines])
        stayed.append([(zone.inside, zone.entries, zone.exits) for zone in tallies.zones])
    by_class = np.array(boxes, np.int64).reshape(len(times), len(labels)).T
    identities = np.cumsum(np.array(firsts, np.int64).reshape(len(times), len(labels)), axis=0).T
    totals = by_class.sum(axis=1)
    order = [int(index) for index in np.argsort(-totals, kind="stable") if totals[index]]
    lines, zones = (len(shapes) for shapes in (tallies.lines, tallies.zones))
    return Counts(
        np.array(times, np.float64),
        tuple(labels[index] for index in order),
        by_class[order],
        identities[order],
        labels,
        tuple(line.line.name for line in tallies.lines),
        np.moveaxis(np.array(passed, np.int64).reshape(len(times), lines, 2), 0, 2),
        tuple(zone.zone.name for zone in tallies.zones),
        np.moveaxis(np.array(stayed, np.int64).reshape(len(times), zones, 3), 0, 2),
    )


def _write_crossings(path: Path, item: ExportItem, progress: Progress) -> None:
    """Write a row for each crossing and stay: see `write_crossings`.

    Raises
    ------
    ExportError
        There are no lines and zones.
    """
    tallies: Tallies | None = None
    crossings: list[Crossing] = []
    stays: list[Stay] = []
    for moment in item.moments(progress):
        now: Tallies | None = moment.result.tallies
        if now is not None and tallies is not None:
            # What is no longer listed was in the frame before.
            crossings += tallies.crossings[: now.earlier[0] - tallies.earlier[0]]
            stays += tallies.stays[: now.earlier[1] - tallies.earlier[1]]
        tallies = now
    if tallies is None:
        raise ExportError(
            "Crossings and stays expects tracking and a counting line or zone, found none; draw one and export again."
        )
    everything = (*crossings, *tallies.crossings), (*stays, *tallies.stays)
    write_crossings(path, dataclasses.replace(tallies, crossings=everything[0], stays=everything[1]))


EXPORTERS.register(
    Exporter(
        "counts",
        "Counts (CSV)",
        ".counts.csv",
        of(Detections),
        _write_counts,
        "A row for each frame: objects of each class, crossings of each line, objects in each zone.",
        video=True,
        keywords=("counting", "count", "people counter", "traffic", "개수", "계수"),
    )
)
EXPORTERS.register(
    Exporter(
        "crossings",
        "Crossings and stays (CSV)",
        ".crossings.csv",
        of(Detections),
        _write_crossings,
        "A row for each object that passed a counting line or stayed in a zone, with direction and dwell time.",
        video=True,
        keywords=("line crossing", "dwell time", "zone", "people counter", "traffic", "체류 시간"),
    )
)
