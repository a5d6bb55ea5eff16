"""What is left out of labels, and the geometry by which it is, with that of turned shapes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.frame_names import frame_number
from cvstudio.data.geometry import Size
from cvstudio.data.label_masks import box_of as mask_box
from cvstudio.data.labels import Annotation, Category, LabelledMask, LabelledSet, LeftOut, PictureLabels, Seen
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.progress import Progress
from cvstudio.foundation.shapes import LEAST_CORNERS, Box, Point, Polygon
from cvstudio.media.annotations._pictures import picture_size
from cvstudio.media.annotations._recent import RecentLabels

Report = Callable[[str], None]
"""Callable (reason): a label of the picture at hand was left out."""

NO_PICTURE = "The picture is not there."
OTHER_SIZE = "The picture has another size than its labels state; they are taken as they are."
TWICE = "Two files hold labels of this picture; the first is taken."
MORE_POINTS = "An object has more key points than its class declares; further ones are left out."
NO_PLACE = "The size of the picture is not known, or another has the same name but for its ending."


def ignore(reason: str) -> None:
    """The `Report` of who only wants the labels."""


class Collector:
    """Collects reasons, counted by picture."""

    def __init__(self, before: Iterable[LeftOut] = ()) -> None:
        self._counts: dict[tuple[str, str], int] = {}
        for item in before:
            self.add(item.reason, item.where, item.count)

    def add(self, reason: str, where: str = "", count: int = 1) -> None:
        """Count a reason."""
        self._counts[reason, where] = self._counts.get((reason, where), 0) + count

    def at(self, where: str) -> Report:
        """The `Report` for one picture."""
        return lambda reason: self.add(reason, where)

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """What was collected, in the order in which it came."""
        return tuple(LeftOut(reason, where, count) for (reason, where), count in self._counts.items())


def readable(
    labelled: LabelledSet, collector: Collector, progress: Progress
) -> Iterator[tuple[int, str, PictureLabels]]:
    """Index, name and labels of each picture, for who writes them; one whose labels cannot be read is left out.

    Raises
    ------
    MediaError
        The labels of no picture can be read.
    Cancelled
        Through `progress`.
    """
    unreadable: MediaError | None = None
    n_readable = 0
    for index, name in enumerate(labelled.names):
        progress(index / len(labelled.names), name)
        try:
            labels = labelled.labels(name)
        except MediaError as error:
            collector.add(str(error), name)
            unreadable = error
            continue
        n_readable += 1
        yield index, name, labels
    if unreadable is not None and not n_readable:
        raise unreadable


def lazy_set(
    path: Path,
    key: str,
    categories: Sequence[Category],
    pictures: Mapping[str, Path | None],
    read: Callable[[str, Report], PictureLabels],
    before: Iterable[LeftOut] = (),
    *,
    file_ids: Mapping[str, int | str] | None = None,
    videos: Mapping[str, Path] | None = None,
) -> LabelledSet:
    """A set whose labels are read picture by picture.

    Parameters
    ----------
    path, key, categories : see `LabelledSet`
    pictures : file of each labelled picture by name, in order; None for one that has no file
    read : callable (name, report) -> the labels of one picture. Raises MediaError
    before : what was left out already
    file_ids, videos : see `LabelledSet`
    """
    prefixes = tuple(videos or ())
    files = {name: file for name, file in pictures.items() if file is not None}
    found = tuple(before)

    recent = RecentLabels(lambda name: read(name, ignore))

    def load(name: str) -> PictureLabels:
        if name not in pictures:
            raise KeyError(name)
        return recent(name)

    def check(progress: Progress | None = None, seen: Seen | None = None) -> tuple[LeftOut, ...]:
        collector = Collector(found)
        for number, name in enumerate(pictures):
            if progress is not None:
                progress(number / len(pictures), name)
            if name not in files and all(frame_number(name, prefix) is None for prefix in prefixes):
                collector.add(NO_PICTURE, name)
            try:
                labels = read(name, collector.at(name))
            except MediaError as error:
                collector.add(str(error), name)
                continue
            if seen is not None:
                seen(name, labels)
            size = picture_size(files.get(name)) if labels.size is not None else None
            if size is not None and size != labels.size:
                collector.add(OTHER_SIZE, name)
        return collector.left_out

    names, ids = tuple(pictures), file_ids or {}
    return LabelledSet(path, key, tuple(categories), names, files, load, check, file_ids=ids, videos=videos or {})


def checked(annotation: Annotation, size: Size | None, report: Report) -> Annotation | None:
    """`annotation` without outlines of fewer than three corners; None where its box has no area, or none of it lies in
    the picture. What reaches beyond the picture stays as it is, and is told."""
    if annotation.polygons and min(map(len, annotation.polygons)) < LEAST_CORNERS:
        polygons = tuple(polygon for polygon in annotation.polygons if len(polygon) >= LEAST_CORNERS)
        for _ in range(len(annotation.polygons) - len(polygons)):
            report("A polygon has fewer than three corners.")
        annotation = dataclasses.replace(annotation, polygons=polygons)
    x1, y1, x2, y2 = annotation.box
    if not (x2 > x1 and y2 > y1):
        report("The box has no area.")
        return None
    if size is not None:
        if x1 >= size.width or y1 >= size.height or x2 <= 0 or y2 <= 0:
            report("The box lies outside of the picture.")
            return None
        if x1 < -1 or y1 < -1 or x2 > size.width + 1 or y2 > size.height + 1:
            report("The box reaches beyond the picture; what is outside is not drawn.")
    return annotation


def without_duplicates(annotations: Iterable[Annotation], report: Report) -> tuple[Annotation, ...]:
    """`annotations` without those that equal one before: the same class, box and shape."""
    unique: list[Annotation] = []
    first: dict[tuple[int, Box], tuple[object, ...]] = {}
    others: set[tuple[object, ...]] = set()
    for item in annotations:
        place = (item.category, item.box)
        content = (item.polygons, item.mask, item.keypoints, item.crowd, item.track_id)
        # Outlines are long: they are looked at only where there are two of the same box.
        if first.setdefault(place, content) is content:
            unique.append(item)
        elif content == first[place] or (place, content) in others:
            report("The same label is there twice.")
        else:
            others.add((place, content))
            unique.append(item)
    return tuple(unique)


def box_of_points(points: Iterable[Point]) -> Box | None:
    """The smallest box around points; None without any."""
    x, y = zip(*points, strict=True) if (points := tuple(points)) else ((), ())
    return (min(x), min(y), max(x), max(y)) if x else None


def box_of(polygons: Iterable[Polygon], mask: LabelledMask | None) -> Box | None:
    """The box around outlines or a mask; None without either."""
    return mask_box(mask) if mask is not None else box_of_points(point for part in polygons for point in part)


def turned(offsets: NDArray[np.float64], middle: Sequence[float], degrees: float) -> Polygon:
    """Corners at `offsets` (n, 2) from the middle, turned clockwise as they are seen; empty where they are too far
    away to be numbers."""
    turn = np.deg2rad(degrees)
    matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    with np.errstate(over="ignore", invalid="ignore"):
        corners = offsets @ matrix + middle
    return tuple((float(x), float(y)) for x, y in corners) if np.isfinite(corners).all() else ()


def turned_box(box: Box, degrees: float) -> Polygon:
    """Corners of a box, see `turned`."""
    x1, y1, x2, y2 = box
    half = np.array([[x1 - x2, y1 - y2], [x2 - x1, y1 - y2], [x2 - x1, y2 - y1], [x1 - x2, y2 - y1]]) / 2
    return turned(half, ((x1 + x2) / 2, (y1 + y2) / 2), degrees)
