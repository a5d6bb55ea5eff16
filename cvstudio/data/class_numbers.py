"""Numbers of classes in edited labels, where the file of the labels has come to count its classes differently."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cvstudio.data.labels import Category, LabelMap, PictureLabels, Skeleton


@dataclass(frozen=True)
class MovedClasses:
    """Edits that count the classes as a file does now; see the fields of `AnnotationSet` with these names."""

    edits: Mapping[str, PictureLabels]
    categories: tuple[Category, ...]
    renamed: Mapping[int, str]
    skeletons: Mapping[int, Skeleton]


def moved_classes(
    old: Sequence[str],
    new: Sequence[str],
    categories: Sequence[Category],
    renamed: Mapping[int, str],
    edits: Mapping[str, PictureLabels],
    skeletons: Mapping[int, Skeleton],
) -> MovedClasses:
    """Edits of a file whose classes were `old`, for the same file when they are `new`.

    A class keeps its name. One that is gone becomes an added one where the edits name it; an added one that the file
    has by now is that of the file.

    Parameters
    ----------
    categories, renamed, edits, skeletons : as they belong to `old`
    """
    places = {key: place for place, key in enumerate(_distinct(new))}
    targets = [places.get(key) for key in _distinct(old)]
    renamed_now = {
        target: renamed[number] for number, target in enumerate(targets) if target is not None and number in renamed
    }
    skeletons_now = {
        target: skeletons[number] for number, target in enumerate(targets) if target is not None and number in skeletons
    }
    used = set[int]().union(*(class_numbers(labels) for labels in edits.values()))
    shown = [renamed_now.get(number, name) for number, name in enumerate(new)]
    place_of = {name: number for number, name in reversed([*enumerate(shown)])}
    added: list[Category] = []

    def place(category: Category) -> int:
        if category.name not in place_of:
            place_of[category.name] = len(new) + len(added)
            added.append(category)
        return place_of[category.name]

    numbers: dict[int, int] = {}
    for number, target in enumerate(targets):
        if target is not None:
            numbers[number] = target
        elif number in used:
            gone = Category(renamed.get(number, old[number]))
            numbers[number] = place(skeletons[number].on(gone) if number in skeletons else gone)
    numbers.update((len(old) + number, place(category)) for number, category in enumerate(categories))
    # What was no class stays none.
    total = len(old) + len(categories)
    beyond = (number for number in used if number >= total)
    numbers.update((number, len(new) + len(added) + number - total) for number in beyond)
    changed = {name: renumbered(labels, numbers) for name, labels in edits.items()}
    return MovedClasses(changed, tuple(added), renamed_now, skeletons_now)


def _distinct(names: Sequence[str]) -> list[tuple[str, int]]:
    """Each name with how many of the same came before: some files have two classes of one name."""
    before = Counter[str]()
    keys = []
    for name in names:
        keys.append((name, before[name]))
        before[name] += 1
    return keys


def class_numbers(labels: PictureLabels) -> set[int]:
    """Numbers of the classes that the labels of a picture name, `NO_CLASS` of a map among them."""
    numbers = {item.category for item in labels.annotations} | {*labels.classes}
    return numbers | set(np.unique(labels.label_map.classes).tolist()) if labels.label_map is not None else numbers


def renumbered(labels: PictureLabels, numbers: Mapping[int, int]) -> PictureLabels:
    """`labels` with other numbers for their classes; one that is not in `numbers` stays."""
    if all(numbers.get(number, number) == number for number in class_numbers(labels)):
        return labels
    label_map = labels.label_map
    if label_map is not None:
        values, inverse = np.unique(label_map.classes, return_inverse=True)
        moved = np.array([numbers.get(value, value) for value in values.tolist()], np.int32)
        label_map = LabelMap(moved[inverse].reshape(label_map.classes.shape))
    annotations = tuple(
        dataclasses.replace(item, category=numbers.get(item.category, item.category)) for item in labels.annotations
    )
    classes = tuple(numbers.get(number, number) for number in labels.classes)
    return dataclasses.replace(labels, annotations=annotations, classes=classes, label_map=label_map)
