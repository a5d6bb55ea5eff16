"""The contract of a result: what an analysis returns, and all that the program has to know of it.

A new type of result is one frozen dataclass that derives from `Result` and one painter in `cvstudio.draw`. Canvas,
results panel, layers, comparison, exports and the choice of a precision ask the methods here and name no type.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from cvstudio.data.geometry import Size
from cvstudio.data.pixel_map import PixelMap
from cvstudio.results.agreement import Agreement
from cvstudio.results.tables import Table

if TYPE_CHECKING:
    from cvstudio.results.source import Source


class Placement(StrEnum):
    """Where a result is shown.

    OVERLAY lies on the picture, BASE takes the picture's place beneath the overlays, OWN_VIEW has a view beside the
    canvas. INTERMEDIATE is what a network says before anything is decided, which is not shown.
    """

    OVERLAY = "overlay"
    BASE = "base"
    OWN_VIEW = "own view"
    INTERMEDIATE = "intermediate"


@dataclass(frozen=True)
class Tolerance:
    """How far the answers of one network in two precisions may differ and still be the same.

    Parameters
    ----------
    score : detections and points are compared from this score on
    suppression_iou : detections that overlap more than this with a better one are left out before they are compared
    min_iou : intersection over union from which a box has not moved
    score_change : of a score or a probability, 0..1
    moved : of a point, as a part of the picture's longer side
    area : part of the picture that may be of another class
    value_change : of any other number, as a part of the range of all numbers beside it
    """

    score: float = 0.25
    suppression_iou: float = 0.5
    min_iou: float = 0.9
    score_change: float = 0.05
    moved: float = 0.01
    area: float = 0.01
    value_change: float = 0.05


class Result(ABC):
    """What an analysis returns of one picture, frame or sound; frozen dataclasses derive from it.

    Attributes
    ----------
    source : the medium that it is of, and the time
    size : of the picture that it lies on, in pixels
    """

    placement: ClassVar[Placement] = Placement.OVERLAY

    if TYPE_CHECKING:

        @property
        def source(self) -> Source: ...

        @property
        def size(self) -> Size: ...

    @abstractmethod
    def headline(self) -> str:
        """What was found, in a few English words: "12 found", "tabby 81%"."""

    def canvas_size(self, picture: Size) -> Size:
        """Size in pixels of what it is drawn on, where that is a picture of `picture` pixels."""
        return picture

    def placed(self, pixel_map: PixelMap) -> Self:
        """The same on the picture that `pixel_map` leads to: an analysis that was given a part of a picture, turned and
        mirrored, answers in the pixels of the file.

        A type that does not say how cannot be asked for with such an input.
        """
        raise NotImplementedError(f"{type(self).__name__} cannot be moved to another picture")

    def table(self) -> Table | None:
        """The rows for JSON, CSV and the results panel; None where the type has none."""
        return None

    def part_at(self, x: float, y: float) -> int | None:
        """The number of the part at (x, y) in image pixels, the smallest of several; None where there is none."""
        return None

    def agreement(self, other: Self) -> Agreement | None:
        """How far `other`, of the same type and on a picture of the same size, says the same; None where it cannot
        be measured. Whoever may hold two types asks the function `agreement`."""
        return None

    def differs_from(self, other: Self, tolerance: Tolerance) -> str:
        """What `other`, the answer of the same network in another precision, says differently: part of a sentence;
        empty where both say the same.

        Unless a type knows better, every field is compared: arrays within `Tolerance.value_change`, the rest exactly.
        """
        names: dict[str, Any] = getattr(type(self), "__dataclass_fields__", {})
        for name in names:
            mine, theirs = getattr(self, name), getattr(other, name)
            if isinstance(mine, Result) and type(mine) is type(theirs):
                change = mine.differs_from(theirs, tolerance)
            else:
                change = _difference(name, mine, theirs, tolerance)
            if change:
                return change
        return ""

    def is_conclusive(self, tolerance: Tolerance) -> bool:
        """Whether there is something in it by which another precision would show that it answers differently."""
        return True


def can_be_placed(result_type: type[Any]) -> bool:
    """Whether results of this type say how they lie on another picture (`Result.placed`)."""
    return issubclass(result_type, Result) and result_type.placed is not Result.placed


def agreement(left: Result, right: Result) -> Agreement | None:
    """How far two results agree; None where they are of two types or two sizes, or cannot be compared."""
    if type(left) is not type(right) or left.size != right.size:
        return None
    return left.agreement(right)


def result_types(base: type[Result] = Result) -> Iterator[type[Result]]:
    """Every type of result that is imported."""
    for found in base.__subclasses__():
        yield found
        yield from result_types(found)


def _difference(name: str, mine: Any, theirs: Any, tolerance: Tolerance) -> str:
    if isinstance(mine, np.ndarray) and isinstance(theirs, np.ndarray):
        if mine.shape != theirs.shape:
            return f"{name} is of another shape"
        if not np.issubdtype(mine.dtype, np.floating):
            return "" if np.array_equal(mine, theirs) else f"{name} changes"
        finite = np.isfinite(mine)
        if not np.array_equal(finite, np.isfinite(theirs)):
            return f"{name} changes"
        one, other = mine[finite].astype(np.float64), theirs[finite].astype(np.float64)
        change = float(np.abs(one - other).max(initial=0.0))
        span = float(np.ptp(one)) if one.size else 0.0
        # Of what is everywhere the same, the number itself is the measure.
        span = span or float(np.abs(one).max(initial=0.0))
        if change <= tolerance.value_change * span:
            return ""
        return f"{name} changes by {change / span:.0%}" if span else f"{name} changes"
    try:
        return "" if mine is theirs or bool(mine == theirs) else f"{name} changes"
    except ValueError:  # such as a tuple of arrays
        return f"{name} cannot be compared"
