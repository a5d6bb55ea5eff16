"""What a labelled set holds, in numbers."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from cvstudio.data.labels import NO_CLASS, LabelledSet, LeftOut, PictureLabels
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


class _Tally:
    """Counts of objects, of whole pictures and of pictures with pixels of each class."""

    def __init__(self, n_classes: int) -> None:
        self.objects, self.pictures, self.maps = ([0] * n_classes for _ in range(3))
        self.unlabelled = 0

    def add(self, labels: PictureLabels) -> None:
        for annotation in labels.annotations:
            self.objects[annotation.category] += 1
        for category in labels.classes:
            self.pictures[category] += 1
        if labels.label_map is not None:
            for category in np.unique(labels.label_map.classes):
                if category != NO_CLASS:
                    self.maps[category] += 1
        self.unlabelled += not (labels.annotations or labels.classes or labels.label_map is not None)


def summarise(labelled: LabelledSet, progress: Progress) -> LabelSummary:
    """Read all labels and count them. Raises Cancelled."""
    tally = _Tally(len(labelled.categories))
    read: set[str] = set()

    def seen(name: str, labels: PictureLabels) -> None:
        if name not in labelled.edited:
            read.add(name)
            tally.add(labels)

    left_out = labelled.check(progress, seen)
    for name in labelled.names:
        if name not in read:
            with suppress(MediaError):  # told among what is left out
                tally.add(labelled.labels(name))
    names = [item.name for item in labelled.categories]
    return LabelSummary(
        len(labelled.names),
        len(labelled.names) - len(labelled.pictures.keys() & set(labelled.names)),
        tally.unlabelled,
        sum(tally.objects),
        tuple(zip(names, tally.objects, tally.pictures, tally.maps, strict=True)),
        left_out,
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
