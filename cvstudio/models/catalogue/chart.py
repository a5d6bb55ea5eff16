"""What the summary chart shows: how good models are against what they cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from cvstudio.models.catalogue.entries import CatalogueEntry

LEAST = 2
"""Models that a metric needs before there is something to compare."""


class Cost(Enum):
    """What the horizontal axis is; the value is how it is told."""

    MACS = "Multiply-adds"
    PARAMETERS = "Parameters"
    MS = "Milliseconds here"


@dataclass(frozen=True)
class Bubble:
    """A model on the chart: `cost` (see `Cost`), `score` in percent, and `size_bytes` of its weights as the area."""

    entry: CatalogueEntry
    cost: float
    score: float
    size_bytes: float


def metrics(entries: Iterable[CatalogueEntry]) -> tuple[str, ...]:
    """The metrics by which at least `LEAST` models can be compared, the most frequent first."""
    counts = Counter(name for entry in entries for name in entry.scores)
    return tuple(name for name, count in counts.most_common() if count >= LEAST)


def bubbles(
    entries: Iterable[CatalogueEntry], metric: str, cost: Cost
) -> tuple[tuple[Bubble, ...], tuple[CatalogueEntry, ...]]:
    """The models of the metric's tasks that have all figures, the largest first, and those that lack one."""
    known = tuple(entries)
    tasks = {entry.spec.task for entry in known if metric in entry.scores}
    found, without = [], []
    for entry in known:
        if entry.spec.task not in tasks:
            continue
        price, score = cost_of(entry, cost), entry.scores.get(metric)
        if price and score is not None:
            found.append(Bubble(entry, price, score, _size(entry)))
        else:
            without.append(entry)
    return tuple(sorted(found, key=lambda bubble: -bubble.size_bytes)), tuple(without)


def cost_of(entry: CatalogueEntry, cost: Cost) -> float | None:
    """What a model costs; None where it is not known."""
    if cost is Cost.MS:
        return entry.speed.ms if entry.speed else None
    if entry.figures is None:
        return None
    return float(entry.figures.macs if cost is Cost.MACS else entry.figures.parameters)


def _size(entry: CatalogueEntry) -> float:
    # Four bytes for each parameter, where there is no file.
    return float(entry.terms.size_bytes or 4 * (entry.figures.parameters if entry.figures else 0))
