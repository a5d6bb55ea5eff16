"""The result of semantic segmentation: logits, and the class map derived from them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Rect, Size, readonly
from cvstudio.data.pixel_map import PixelMap
from cvstudio.foundation.names import counted
from cvstudio.results.agreements.agreement import RegionAgreement, compare_regions
from cvstudio.results.result import Placement, Result, Tolerance
from cvstudio.results.source import Source
from cvstudio.results.tables import Column, Table

BACKGROUND = ("background", "unlabeled", "unlabelled", "void")
"""Names of the background class."""


def background_of(labels: tuple[str, ...]) -> int:
    """Index of the background class; -1 for none."""
    return next((index for index, name in enumerate(labels) if name.casefold() in BACKGROUND), -1)


@dataclass(frozen=True, eq=False)
class ClassMaps(Result):
    """The raw output of a segmentation network.

    Parameters
    ----------
    logits : float32 (classes, h, w), or int64 (h, w) where the network returns class indices directly
    labels : names of the classes by index
    window : left, top, right, bottom of the picture in cells of the maps; the rest is padding
    size : size of the picture
    """

    placement: ClassVar[Placement] = Placement.INTERMEDIATE

    logits: NDArray[np.float32] | NDArray[np.int64]
    labels: tuple[str, ...]
    window: tuple[float, float, float, float]
    size: Size
    source: Source = field(default_factory=Source)

    def __post_init__(self) -> None:
        dtype = {3: np.float32, 2: np.int64}.get(self.logits.ndim)
        if self.logits.dtype != dtype or (self.logits.ndim == 3 and len(self.logits) != len(self.labels)):
            expected = f"float32 ({len(self.labels)}, h, w) or int64 (h, w)"
            raise ValueError(f"expected logits as {expected}, found {self.logits.dtype} {self.logits.shape}")
        object.__setattr__(self, "logits", readonly(self.logits))

    def classes(self) -> NDArray[np.int64]:
        """The most probable class of each cell, int64 (h, w)."""
        best = self.logits if self.logits.ndim == 2 else self.logits.argmax(axis=0)
        return np.asarray(best, np.int64)

    def headline(self) -> str:
        return counted(len(np.unique(self.classes())), "class")

    def differs_from(self, other: Self, tolerance: Tolerance) -> str:
        """The most probable class differs in at most a fraction `area` of the cells."""
        ours, theirs = self.classes(), other.classes()
        if ours.shape != theirs.shape:
            return "the map of classes is of another shape"
        change = float((ours != theirs).mean())
        return f"{change:.1%} of the picture become another class" if change > tolerance.area else ""


@dataclass(frozen=True, eq=False)
class Segmentation(Result):
    """A class map: the class of each pixel.

    Parameters
    ----------
    classes : int16 (h, w)
        Index into `labels`, -1 below the threshold; the map covers the whole picture, possibly at a lower resolution.
    labels : names of all classes that the model knows
    size : size of the picture
    background : index of the class that is not drawn; -1 for none
    """

    classes: NDArray[np.int16]
    labels: tuple[str, ...]
    size: Size
    background: int = -1
    source: Source = field(default_factory=Source)

    def __post_init__(self) -> None:
        if self.classes.dtype != np.int16 or self.classes.ndim != 2 or 0 in self.classes.shape:
            raise ValueError(f"expected classes as int16 (h, w), found {self.classes.dtype} {self.classes.shape}")
        object.__setattr__(self, "classes", readonly(self.classes))

    def placed(self, pixel_map: PixelMap) -> Self:
        whole = Rect(0, 0, *pixel_map.target)
        if pixel_map.rect(Rect(0, 0, *pixel_map.source)) == whole:
            classes = pixel_map.turned(self.classes)
        else:
            # In pixels: a part of the picture need not begin where a place of the map does.
            rows, columns = (
                (np.arange(count) + 0.5) * length // count
                for count, length in zip(pixel_map.source[::-1], self.classes.shape, strict=True)
            )
            pixels = self.classes[rows.astype(np.intp)[:, None], columns.astype(np.intp)]
            classes = pixel_map.placed(pixels, -1)
        return dataclasses.replace(self, classes=classes, size=pixel_map.target)

    def area_fractions(self) -> list[tuple[int, float]]:
        """Class index and area fraction 0..1 of each class that occurs, the largest first."""
        counts = np.bincount(self.classes.ravel().astype(np.int64) + 1, minlength=len(self.labels) + 1)[1:]
        order = np.argsort(-counts, kind="stable")
        return [(int(number), float(counts[number] / self.classes.size)) for number in order if counts[number]]

    def headline(self) -> str:
        return counted(len(self.area_fractions()), "class")

    def table(self) -> Table:
        """One row for each class that occurs, the largest first: class index, label, area fraction 0..1."""
        columns = (
            Column("class", "Number", shown=False),
            Column("label", "Class", kind="label", among=self.labels),
            Column("share", "Area", "%", kind="fraction"),
        )
        fractions = self.area_fractions()
        rows = [(number, self.labels[number], fraction) for number, fraction in fractions]
        ids = [number for number, _ in fractions]
        quiet = frozenset(row for row, number in enumerate(ids) if number == self.background)
        return Table("cvstudio-regions", "classes", columns, rows, ids, quiet)

    def part_at(self, x: float, y: float) -> int | None:
        """Class index at (x, y); None outside the picture, below the threshold and for the background."""
        if not (0 <= x < self.size.width and 0 <= y < self.size.height):
            return None
        rows, columns = self.classes.shape
        number = int(self.classes[int(y * rows / self.size.height), int(x * columns / self.size.width)])
        return None if number < 0 or number == self.background else number

    def agreement(self, other: Self) -> RegionAgreement:
        return compare_regions(self.classes, self.labels, other.classes, other.labels)

    def differs_from(self, other: Self, tolerance: Tolerance) -> str:
        """The class differs in at most a fraction `area` of the picture."""
        if self.classes.shape != other.classes.shape:
            return "the map of classes is of another shape"
        change = float((self.classes != other.classes).mean())
        return f"{change:.1%} of the picture become another class" if change > tolerance.area else ""
