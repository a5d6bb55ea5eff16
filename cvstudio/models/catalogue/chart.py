"""Data of the summary chart: score of each model against its cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from cvstudio.models.catalogue.entries import CatalogueEntry

LEAST = 2
"""Fewest models with a metric for which a chart is worth drawing."""


class Cost(Enum):
    """Quantity of the horizontal axis; the value is its title."""

    MACS = "Multiply-adds"
    PARAMETERS = "Parameters"
    MS = "Milliseconds here"


@dataclass(frozen=True)
class Bubble:
    """A model on the chart: `cost` in the axis' unit, `score` in percent, `size_bytes` of its weights as the area."""

    entry: CatalogueEntry
    cost: float
    score: float
    size_bytes: float


def metrics(entries: Iterable[CatalogueEntry]) -> tuple[str, ...]:
    """Metrics that at least `LEAST` models state, the most frequent first."""
    counts = Counter(name for entry in entries for name in entry.scores)
    return tuple(name for name, count in counts.most_common() if count >= LEAST)


def bubbles(
    entries: Iterable[CatalogueEntry], metric: str, cost: Cost
) -> tuple[tuple[Bubble, ...], tuple[CatalogueEntry, ...]]:
    """Models of the metric's tasks with score and cost, the largest first, and those that lack one of them."""
    candidates = tuple(entries)
    tasks = {entry.spec.task for entry in candidates if metric in entry.scores}
    drawn, incomplete = [], []
    for entry in candidates:
        if entry.spec.task not in tasks:
            continue
        model_cost, score = cost_of(entry, cost), entry.scores.get(metric)
        if model_cost and score is not None:
            drawn.append(Bubble(entry, model_cost, score, _size(entry)))
        else:
            incomplete.append(entry)
    return tuple(sorted(drawn, key=lambda bubble: -bubble.size_bytes)), tuple(incomplete)


def cost_of(entry: CatalogueEntry, cost: Cost) -> float | None:
    """Cost of a model; None where it is unknown."""
    if cost is Cost.MS:
        return entry.speed.ms if entry.speed else None
    if entry.figures is None:
        return None
    return float(entry.figures.macs if cost is Cost.MACS else entry.figures.parameters)


def _size(entry: CatalogueEntry) -> float:
    # Four bytes per parameter where there is no weights file.
    return float(entry.terms.size_bytes or 4 * (entry.figures.parameters if entry.figures else 0))
