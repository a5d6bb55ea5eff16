"""A line of YOLO as an object: a class, and a box, an outline or key points as fractions of the size of the picture.

Programs that predict put a score behind them, and trackers the number of the track behind that (`save_conf` and the
tracks of Ultralytics): a box with both has as many numbers as the outline of a triangle.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cvstudio.data.geometry import Size
from cvstudio.data.labels import Annotation
from cvstudio.foundation.shapes import Box
from cvstudio.media.annotations._left_out import Report
from cvstudio.media.annotations._values import integer, number

_BEYOND = 1e-6
"""By what a fraction or a score may exceed 1 by rounding."""


@dataclass(frozen=True)
class YoloLines:
    """How the lines of a set are read.

    Parameters
    ----------
    places : index into the categories by the number of a class
    n_keypoints, n_values : number of key points of an object, 0 without, and 2 or 3 numbers for each
    tracked : callable () -> whether some line of the set `is_tracked`
        Asked where a line ends in 1, which may be a track as well as the border of the picture.
    """

    places: Mapping[int, int]
    n_keypoints: int
    n_values: int
    tracked: Callable[[], bool]

    def annotation(self, line: Sequence[str], size: Size, report: Report) -> Annotation | None:
        """The object of a line, split at its blanks; None where it is none, which is told."""
        if any("," in item for item in line):
            report("A line holds a comma; numbers are expected to have a point, with a blank between two of them.")
            return None
        number_of_class, numbers = integer(line[0]), [number(item) for item in line[1:]]
        category = self.places.get(number_of_class) if number_of_class is not None else None
        if category is None:
            report(f"The class {line[0][:40]} is not declared.")
            return None
        values = [value for value in numbers if value is not None]
        if len(values) != len(numbers) or len(values) < 4:
            report("A line is expected to hold a class and at least four numbers.")
            return None
        keypoints: tuple[tuple[float, float, int], ...] = ()
        n_each, n_more = self._keypoints_of(values)
        if n_each:
            track = _number_of(values[-1]) if n_more == 2 or (n_more and values[-1] >= 2) else None
            keypoints = _keypoints(values[4 : len(values) - n_more], n_each, size)
            return Annotation(category, _box(values, size), keypoints=keypoints, track_id=track)
        track = _number_of(values.pop()) if self._ends_in_track(values) else None
        if len(values) in (4, 5):  # the fifth is a score
            return Annotation(category, _box(values, size), track_id=track)
        if self.n_keypoints:
            count = self.n_keypoints
            report(f"A line is expected to hold a class, a box and {count} key points of two or three numbers.")
            return None
        if len(values) % 2 and track is not None:  # the last but one is a score
            values.pop()
        if len(values) % 2:
            report("A line is expected to hold pairs of numbers behind the class.")
            return None
        x, y = [value * size.width for value in values[::2]], [value * size.height for value in values[1::2]]
        outline = tuple(zip(x, y, strict=True))
        return Annotation(category, (min(x), min(y), max(x), max(y)), (outline,), track_id=track)

    def _keypoints_of(self, values: Sequence[float]) -> tuple[int, int]:
        """Numbers of each key point behind the box, whichever is declared, and how many follow: a score, a track or
        both. An outline in a set of key points would be a mistake; 0 and 0 where the numbers are no such points."""
        for n_more in (0, 1, 2) if self.n_keypoints else ():
            for n_each in (self.n_values, 2, 3):
                if len(values) == 4 + self.n_keypoints * n_each + n_more and _is_tail(values[len(values) - n_more :]):
                    return n_each, n_more
        return 0, 0

    def _ends_in_track(self, values: Sequence[float]) -> bool:
        return is_tracked(values) or (len(values) > 4 and values[-1] in (1, -1) and self.tracked())


def is_tracked(values: Sequence[float]) -> bool:
    """Whether the numbers of a line, fractions of the picture and a score, end in the number of a track."""
    return len(values) > 4 and values[-1] >= 2 and values[-1].is_integer() and max(values[:-1]) <= 1 + _BEYOND


def _number_of(value: float) -> int | None:
    """The number of a track; None for the -1 that some write where an object has none."""
    return int(value) if value > 0 else None


def _is_tail(values: Sequence[float]) -> bool:
    """Whether the numbers are a score or the number of a track, or both."""
    *score, last = values or (1.0,)
    whole = (last >= 1 and last.is_integer()) or last == -1
    return (whole or (not score and 0 <= last <= 1)) and all(0 <= value <= 1 + _BEYOND for value in score)


def _box(values: Sequence[float], size: Size) -> Box:
    x, y, width, height = *values[:2], *map(abs, values[2:4])  # negative ones are drawn from another corner
    return (
        *((x - width / 2) * size.width, (y - height / 2) * size.height),
        *((x + width / 2) * size.width, (y + height / 2) * size.height),
    )


def _keypoints(values: Sequence[float], n_each: int, size: Size) -> tuple[tuple[float, float, int], ...]:
    points = [values[start : start + n_each] for start in range(0, len(values), n_each)]
    return tuple(
        (point[0] * size.width, point[1] * size.height, int(point[2]) if n_each == 3 and point[2] in (0, 1, 2) else 2)
        for point in points
    )
