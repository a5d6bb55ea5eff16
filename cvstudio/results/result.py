"""The contract of results: `Result` is the base class of everything that an analysis returns.

A new result type is one frozen dataclass that derives from `Result` and one painter in `cvstudio.draw`. Canvas,
results panel, layers, comparison, exports and the choice of a precision use only the methods declared here, never a
concrete type.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from cvstudio.data.geometry import Size
from cvstudio.data.pixel_map import PixelMap
from cvstudio.results.tables import Table

if TYPE_CHECKING:
    from cvstudio.results.agreements.agreement import Agreement
    from cvstudio.results.source import Source


class Placement(StrEnum):
    """Where a result is shown.

    OVERLAY lies on the picture, BASE replaces the picture beneath the overlays, OWN_VIEW has a view beside the canvas.
    INTERMEDIATE is the raw output of a network, such as logits, which is not shown.
    """

    OVERLAY = "overlay"
    BASE = "base"
    OWN_VIEW = "own view"
    INTERMEDIATE = "intermediate"


@dataclass(frozen=True)
class Tolerance:
    """Differences between the outputs of one network in two precisions that count as equal.

    Parameters
    ----------
    score : minimum score of the detections and points that are compared
    suppression_iou : IoU threshold of the non-maximum suppression that is applied before the comparison
    min_iou : IoU from which two boxes count as equal
    score_change : largest difference of a score or probability, 0..1
    moved : largest displacement of a point, as a fraction of the picture's longer side
    area : largest fraction of the picture whose class differs
    value_change : largest difference of any other number, as a fraction of the value range of its array
    """

    score: float = 0.25
    suppression_iou: float = 0.5
    min_iou: float = 0.9
    score_change: float = 0.05
    moved: float = 0.01
    area: float = 0.01
    value_change: float = 0.05


class Result(ABC):
    """Base class of what an analysis returns for one picture, frame or sound; subclasses are frozen dataclasses.

    Attributes
    ----------
    source : the medium it was computed from, and the time
    size : size in pixels of the picture that it belongs to
    """

    placement: ClassVar[Placement] = Placement.OVERLAY

    if TYPE_CHECKING:

        @property
        def source(self) -> Source: ...

        @property
        def size(self) -> Size: ...

    @abstractmethod
    def headline(self) -> str:
        """Summary in a few English words: "12 found", "tabby 81%"."""

    def canvas_size(self, picture: Size) -> Size:
        """Size in pixels of the canvas that it is drawn on, for a source picture of size `picture`."""
        return picture

    def placed(self, pixel_map: PixelMap) -> Self:
        """The same on the picture that `pixel_map` leads to: an analysis that was given a part of a picture, turned and
        mirrored, answers in the pixels of the file.

        A type that does not say how cannot be asked for with such an input.
        """
        raise NotImplementedError(f"{type(self).__name__} cannot be moved to another picture")

    def table(self) -> Table | None:
        """The table for JSON, CSV and the results panel; None where the type has none."""
        return None

    def part_at(self, x: float, y: float) -> int | None:
        """Number of the part at (x, y) in image pixels, the smallest of several; None where there is none."""
        return None

    def value_at(self, x: float, y: float) -> str:
        """What the result says of the place (x, y) in image pixels, for the status line: "2.41 m"; empty where that is
        nothing."""
        return ""

    def agreement(self, other: Self) -> Agreement | None:
        """Agreement with `other`, of the same type and for a picture of the same size; None where it cannot be
        measured. The function `agreement` accepts results of any two types."""
        return None

    def differs_from(self, other: Self, tolerance: Tolerance) -> str:
        """The first difference to `other`, the output of the same network in another precision, as part of a
        sentence; empty where both are equal within `tolerance`.

        By default every field is compared: arrays within `Tolerance.value_change`, everything else exactly.
        """
        names: dict[str, Any] = getattr(type(self), "__dataclass_fields__", {})
        for name in names:
            value, other_value = getattr(self, name), getattr(other, name)
            if isinstance(value, Result) and type(value) is type(other_value):
                change = value.differs_from(other_value, tolerance)
            else:
                change = _difference(name, value, other_value, tolerance)
            if change:
                return change
        return ""

    def is_conclusive(self, tolerance: Tolerance) -> bool:
        """Whether it has content, such as a detection, in which an error of another precision would be visible."""
        return True


def can_be_placed(result_type: type[Any]) -> bool:
    """Whether results of this type say how they lie on another picture (`Result.placed`)."""
    return issubclass(result_type, Result) and result_type.placed is not Result.placed


def agreement(left: Result, right: Result) -> Agreement | None:
    """Agreement of two results; None where their types or sizes differ, or where they cannot be compared."""
    if type(left) is not type(right) or left.size != right.size:
        return None
    return left.agreement(right)


def result_types(base: type[Result] = Result) -> Iterator[type[Result]]:
    """All subclasses of `base` that are imported, direct and indirect."""
    for result_type in base.__subclasses__():
        yield result_type
        yield from result_types(result_type)


def _compared_by_fields(value: Any) -> bool:
    """Whether a value is a dataclass that does not say by itself what it is equal to, as arrays have no one answer."""
    return dataclasses.is_dataclass(value) and not isinstance(value, type) and type(value).__eq__ is object.__eq__


def _difference(name: str, value: Any, other_value: Any, tolerance: Tolerance) -> str:
    """The difference between two values of the field `name`, as part of a sentence; empty where they are equal."""
    if isinstance(value, np.ndarray) and isinstance(other_value, np.ndarray):
        if value.shape != other_value.shape:
            return f"{name} is of another shape"
        if not np.issubdtype(value.dtype, np.floating):
            return "" if np.array_equal(value, other_value) else f"{name} changes"
        is_finite = np.isfinite(value)
        if not np.array_equal(is_finite, np.isfinite(other_value)):
            return f"{name} changes"
        values, other_values = value[is_finite].astype(np.float64), other_value[is_finite].astype(np.float64)
        change = float(np.abs(values - other_values).max(initial=0.0))
        value_range = float(np.ptp(values)) if values.size else 0.0
        # In a constant array the scale is the value itself.
        value_range = value_range or float(np.abs(values).max(initial=0.0))
        if change <= tolerance.value_change * value_range:
            return ""
        return f"{name} changes by {change / value_range:.0%}" if value_range else f"{name} changes"
    if _compared_by_fields(value) and type(value) is type(other_value):
        changes = (
            _difference(f"{name}.{field.name}", getattr(value, field.name), getattr(other_value, field.name), tolerance)
            for field in dataclasses.fields(value)
        )
        return next(filter(None, changes), "")
    try:
        return "" if value is other_value or bool(value == other_value) else f"{name} changes"
    except ValueError:  # such as a tuple of arrays
        return f"{name} cannot be compared"
