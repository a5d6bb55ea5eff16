"""The result of image classification: logits, and the classes derived from them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size, readonly
from cvstudio.data.pixel_map import PixelMap
from cvstudio.results.agreements.agreement import (
    LabelAgreement,
    compare_labels,
)
from cvstudio.results.result import Placement, Result, Tolerance
from cvstudio.results.source import Source
from cvstudio.results.tables import Column, Table, number

NO_CLASS_YET = "no class yet"
"""Headline of a picture that can be labelled with a class, and is not."""


@dataclass(frozen=True, eq=False)
class Logits(Result):
    """The raw output of a classifier.

    Parameters
    ----------
    values : float32 (classes,), logits by index into `labels`
    labels : names of all classes
    size : size of the picture
    """

    placement: ClassVar[Placement] = Placement.INTERMEDIATE

    values: NDArray[np.float32]
    labels: tuple[str, ...]
    size: Size
    source: Source = Source()

    def __post_init__(self) -> None:
        if self.values.dtype != np.float32 or self.values.shape != (len(self.labels),):
            declared = f"float32 ({len(self.labels)},)"
            raise ValueError(f"expected values as {declared}, found {self.values.dtype} {self.values.shape}")
        object.__setattr__(self, "values", readonly(self.values))

    def probabilities(self, temperature: float = 1.0) -> NDArray[np.float32]:
        """Softmax of the logits divided by `temperature`, float32 (classes,)."""
        from scipy.special import softmax

        probabilities: NDArray[np.float32] = softmax(self.values.astype(np.float64) / temperature).astype(np.float32)
        return probabilities

    def headline(self) -> str:
        return self.labels[int(self.values.argmax())] if self.labels else ""

    def differs_from(self, other: Self, tolerance: Tolerance) -> str:
        """The most probable class is the same, and no probability changes by more than `score_change`."""
        ours, theirs = self.probabilities(), other.probabilities()
        if ours.argmax() != theirs.argmax():
            return f"{self.labels[int(ours.argmax())]} becomes {other.labels[int(theirs.argmax())]}"
        change = float(np.abs(ours - theirs).max())
        return f"a probability changes by {change:.2f}" if change > tolerance.score_change else ""


@dataclass(frozen=True, eq=False)
class Classification(Result):
    """The most probable classes of a whole picture.

    Parameters
    ----------
    classes : int64 (k,)
        Index into `class_names`, the most probable first; none where a picture has no label yet.
    probabilities : float32 (k,)
        0..1, descending, with a sum of at most 1.
    class_names : names of all classes that the model knows
    size : size of the picture
    threshold : minimum probability; where even the first class is below it, the picture is `unknown`
    logits : the logits of all classes, divided by the temperature; None where they are not available
    """

    classes: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    class_names: tuple[str, ...]
    size: Size
    threshold: float = 0.0
    source: Source = Source()
    logits: Logits | None = None

    def __post_init__(self) -> None:
        if self.classes.dtype != np.int64 or self.classes.ndim != 1:
            raise ValueError(f"expected classes as int64 (k,), found {self.classes.dtype} {self.classes.shape}")
        if self.probabilities.dtype != np.float32 or self.probabilities.shape != self.classes.shape:
            form = f"{self.probabilities.dtype} {self.probabilities.shape}"
            raise ValueError(f"expected probabilities as float32 {self.classes.shape}, found {form}")
        object.__setattr__(self, "classes", readonly(self.classes))
        object.__setattr__(self, "probabilities", readonly(self.probabilities))

    def __len__(self) -> int:
        return len(self.classes)

    def placed(self, pixel_map: PixelMap) -> Self:
        return dataclasses.replace(self, size=pixel_map.target)

    @property
    def unknown(self) -> bool:
        """Whether even the most probable class is below the threshold."""
        return bool((self.probabilities[:1] < self.threshold).any())

    def label(self, row: int) -> str:
        return self.class_names[int(self.classes[row])]

    def headline(self) -> str:
        if not len(self):
            return NO_CLASS_YET
        return "unknown" if self.unknown else f"{self.label(0)} {self.probabilities[0]:.0%}"

    def table(self) -> Table:
        """One row for each class, the most probable first."""
        columns = (
            Column("label", "Class", kind="label", among=self.class_names),
            Column("probability", "Probability", "%", kind="fraction"),
            Column("believed", "Believed", kind="flag"),
        )
        above_threshold = (self.probabilities >= self.threshold).tolist()
        rows = [(self.label(row), number(self.probabilities[row]), above_threshold[row]) for row in range(len(self))]
        quiet = frozenset(row for row in range(len(self)) if not above_threshold[row])
        return Table("cvstudio-labels", "labels", columns, rows, quiet=quiet)

    def agreement(self, other: Self) -> LabelAgreement:
        sides = [
            {side.label(row): float(side.probabilities[row]) for row in range(len(side))} for side in (self, other)
        ]
        return compare_labels(sides[0], sides[1], (self.logits, other.logits))
