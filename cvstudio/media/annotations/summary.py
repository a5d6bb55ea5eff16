"""What a labelled set holds, in numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from cvstudio.data.labels import NO_CLASS, LabelledSet, LeftOut
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.progress import Progress

EXAMPLES = 3
"""Pictures that are named with a reason."""


@dataclass(frozen=True)
class LabelSummary:
    """Contents of a labelled set.

    Parameters
    ----------
    pictures : number of pictures that are named
    missing : number of those without a file
    unlabelled : number of pictures without any label
    objects : number of objects
    counts : name of each class with its number of objects, of whole pictures, and of pictures with pixels of it
    left_out : see `LabelledSet.check`
    """

    pictures: int
    missing: int
    unlabelled: int
    objects: int
    counts: tuple[tuple[str, int, int, int], ...]
    left_out: tuple[LeftOut, ...]


def summarise(labelled: LabelledSet, progress: Progress) -> LabelSummary:
    """Read all labels and count them. Raises Cancelled."""
    counts = np.zeros((len(labelled.categories), 3), np.int64)
    unlabelled = objects = 0
    for index, name in enumerate(labelled.names):
        progress(index / len(labelled.names), name)
        try:
            labels = labelled.labels(name)
        except MediaError:  # told among what is left out
            continue
        objects += len(labels.annotations)
        for annotation in labels.annotations:
            counts[annotation.category, 0] += 1
        for category in labels.classes:
            counts[category, 1] += 1
        if labels.label_map is not None:
            there = np.unique(labels.label_map.classes)
            counts[there[there != NO_CLASS], 2] += 1
        unlabelled += not (labels.annotations or labels.classes or labels.label_map is not None)
    names = [item.name for item in labelled.categories]
    return LabelSummary(
        len(labelled.names),
        len(labelled.names) - len(labelled.pictures.keys() & set(labelled.names)),
        unlabelled,
        objects,
        tuple((name, int(row[0]), int(row[1]), int(row[2])) for name, row in zip(names, counts, strict=True)),
        labelled.check(progress),
    )


@dataclass(frozen=True)
class Reason:
    """A reason for which labels were left out: how many, and some of the pictures that it is about."""

    text: str
    count: int
    examples: tuple[str, ...]
    more: int


def by_reason(left_out: Iterable[LeftOut]) -> list[Reason]:
    """What was left out by its reason, the most frequent first."""
    counts: dict[str, int] = {}
    places: dict[str, list[str]] = {}
    for item in left_out:
        counts[item.reason] = counts.get(item.reason, 0) + item.count
        if item.where:
            places.setdefault(item.reason, []).append(item.where)
    order = sorted(counts, key=lambda reason: -counts[reason])
    return [
        Reason(
            reason,
            counts[reason],
            tuple(places.get(reason, ())[:EXAMPLES]),
            max(0, len(places.get(reason, ())) - EXAMPLES),
        )
        for reason in order
    ]


def left_out_text(left_out: Iterable[LeftOut]) -> str:
    """What was left out as text: each reason with its number and all places below it, the most frequent first."""
    places: dict[str, list[LeftOut]] = {}
    for item in left_out:
        places.setdefault(item.reason, []).append(item)
    lines = []
    for reason, items in sorted(places.items(), key=lambda entry: -sum(item.count for item in entry[1])):
        lines.append(f"{sum(item.count for item in items):,} x {reason}")
        lines += [
            f"    {item.where}" + (f" ({item.count:,})" if item.count > 1 else "") for item in items if item.where
        ]
    return "".join(f"{line}\n" for line in lines)
