"""Tool that edits named lines or zones by mouse and keys: plain numbers in image pixels, without Qt."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from cvstudio.data.geometry import Size
from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.shapes import (
    LEAST_CORNERS,
    MAX_CORNERS,
    MAX_NAMED,
    NamedShape,
    NamedShapes,
    Point,
    Polygon,
    check_named,
    free_name,
)
from ui.views.shape_tools import LEAST_SIDE, Handle, ShapeTool

HANDLES = 4 * MAX_CORNERS
"""Numbers of handles of each shape: 4 for each corner, which are that of the corner itself and that of the side after
it."""


class NamedShapesTool(ShapeTool):
    """Tool for named lines and zones.

    A line is drawn by a drag, or by two clicks; a zone by a click for each corner. Points are dragged, a new corner of
    a zone comes out of the middle of a side, a line is moved by its middle and a zone by its inside.

    Attributes
    ----------
    kind : "lines" or "zones"
    current : number of the shape that keys act on; None for none
    draft : points of the unfinished shape
    """

    value: NamedShapes

    def __init__(self, value: Any, size: Size, kind: str) -> None:
        super().__init__(value or (), size)
        self.kind = kind
        self.current: int | None = None
        self.draft: Polygon = ()
        self._moving = False

    @property
    def closed(self) -> bool:
        """Whether the last point is joined to the first."""
        return self.kind == "zones"

    def set_value(self, value: Any) -> None:
        if value != self.value:
            self.current, self.draft = None, ()
        super().set_value(value or ())

    def handles(self) -> tuple[Handle, ...]:
        if self.draft:
            return tuple(Handle(number, point) for number, point in enumerate(self.draft))
        handles = []
        for index, shape in enumerate(self.value):
            handles += [Handle(index * HANDLES + 4 * number, point) for number, point in enumerate(shape.points)]
            following = (*shape.points[1:], *shape.points[:1]) if self.closed else shape.points[1:]
            if index == self.current and len(shape.points) < MAX_CORNERS:
                for number, (start, end) in enumerate(zip(shape.points, following, strict=False)):
                    middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
                    handles.append(Handle(index * HANDLES + 4 * number + 1, middle, adds=True))
        return tuple(handles)

    def _shape_at(self, at: Point, reach: float) -> int | None:
        """Number of the topmost shape at `at`: a zone that has it inside, a line near it."""
        for index in range(len(self.value) - 1, -1, -1):
            points = self.value[index].points
            if self.closed:
                if cv2.pointPolygonTest(np.array(points, np.float32), at, False) >= 0:
                    return index
            elif _distance(points, at) <= reach:
                return index
        return None

    def covers(self, at: Point) -> bool:
        return not self.draft and self._shape_at(at, 0.0) is not None

    def take(self, at: Point, reach: float, *, erase: bool) -> None:
        point = self.on_picture(at)
        self._moving = False
        if self.draft:
            if self.closed and len(self.draft) >= LEAST_CORNERS and math.dist(self.draft[0], at) <= reach:
                self.finish()
            elif len(self.draft) < MAX_CORNERS:
                self.draft = (*self.draft, point)
            return
        handle = self.handle_at(at, reach)
        self.selected = handle.number if handle is not None else None
        if handle is not None:
            self.current = handle.number // HANDLES
            if handle.adds and self.closed:
                points, corner = self.value[self.current].points, handle.number % HANDLES // 4 + 1
                self._set_points((*points[:corner], handle.place, *points[corner:]))
                self.selected = self.current * HANDLES + 4 * corner
            # The middle of a line moves it.
            self._moving = handle.adds and not self.closed
            self._held = handle.place
            return
        self._held = point
        self.current = self._shape_at(at, reach)
        self._moving = self.current is not None
        if not self._moving and len(self.value) < MAX_NAMED:
            self.draft = (point,)

    def drag(self, at: Point, reach: float) -> None:
        dx, dy = at[0] - self._start[0], at[1] - self._start[1]
        if self.draft:
            point = self.on_picture(at)
            # The first drag of a line draws its other end, that of a zone moves the corner.
            drawn = self.draft[:1] if not self.closed else self.draft[:-1]
            self.draft = (*drawn, point)
        elif self.current is None:
            return
        elif self._moving:
            points = self._before[self.current].points
            dx, dy = self._within(points, dx, dy)
            self._set_points(tuple((x + dx, y + dy) for x, y in points))
        elif self.selected is not None:
            corner = self.selected % HANDLES // 4
            points = self.value[self.current].points
            point = self.on_picture((self._held[0] + dx, self._held[1] + dy))
            moved = (*points[:corner], point, *points[corner + 1 :])
            if len(set(moved)) >= (LEAST_CORNERS if self.closed else 2):
                self._set_points(moved)

    def release(self) -> None:
        super().release()
        if not self.closed and len(self.draft) == 2:
            if math.dist(*self.draft) >= LEAST_SIDE:
                self.finish()
            else:
                self.draft = self.draft[:1]

    def finish(self) -> None:
        """Finish the shape being drawn, if it has enough points; it gets a free name and is the current one."""
        # The second press of a double-click has added the same corner again.
        points = tuple(dict.fromkeys(self.draft))
        if len(points) >= (LEAST_CORNERS if self.closed else 2):
            name = free_name(self.kind, (shape.name for shape in self.value))
            self.value = (*self.value, NamedShape(points, name))
            self.draft, self.selected, self.current = (), None, len(self.value) - 1

    def cancel(self) -> bool:
        if self.draft:
            self.draft, self.dragging = (), False
            return True
        return super().cancel()

    def moved(self, dx: float, dy: float) -> NamedShapes | None:
        if self.current is None or self.draft:
            return None
        points = self.value[self.current].points
        if self.selected is None or self.selected % 4:
            dx, dy = self._within(points, dx, dy)
            return self._with_points(tuple((x + dx, y + dy) for x, y in points))
        corner = self.selected % HANDLES // 4
        dx, dy = self._within((points[corner],), dx, dy)
        x, y = points[corner]
        moved = (*points[:corner], (x + dx, y + dy), *points[corner + 1 :])
        return self._with_points(moved) if len(set(moved)) == len(moved) else None

    def delete(self) -> None:
        if self.draft:
            self.draft = self.draft[:-1]
        elif self.current is None:
            return
        elif self.closed and self.selected is not None and len(self.value[self.current].points) > LEAST_CORNERS:
            corner, points = self.selected % HANDLES // 4, self.value[self.current].points
            self._set_points((*points[:corner], *points[corner + 1 :]))
            self.selected = None
        else:
            self.value = (*self.value[: self.current], *self.value[self.current + 1 :])
            self.current = self.selected = None

    def turn_round(self) -> None:
        """Exchange start and end of the current line, and with them in and out."""
        if self.current is not None and not self.closed and not self.draft:
            self._set_points(self.value[self.current].points[::-1])

    def rename(self, name: str) -> None:
        """Rename the current shape. Raises ParamsError where the name is taken or not allowed."""
        if self.current is None:
            return
        if not name.strip():
            raise ParamsError("A name expects at least one character, found none.")
        renamed = replace(self.value[self.current], name=name)
        value = (*self.value[: self.current], renamed, *self.value[self.current + 1 :])
        self.value = check_named("A name", value, self.kind)

    def choose(self, at: Point, reach: float) -> bool:
        """Make the shape at `at` the current one; False where there is none."""
        handle = self.handle_at(at, reach)
        self.current = handle.number // HANDLES if handle is not None else self._shape_at(at, reach)
        return self.current is not None

    def _with_points(self, points: Polygon) -> NamedShapes:
        return tuple(
            replace(shape, points=points) if index == self.current else shape for index, shape in enumerate(self.value)
        )

    def _set_points(self, points: Polygon) -> None:
        self.value = self._with_points(points)


def inwards(line: NamedShape) -> tuple[Point, Point]:
    """Middle of a line, and the unit vector to its right, where "in" is."""
    (x1, y1), (x2, y2) = line.points
    length = math.dist((x1, y1), (x2, y2))
    return ((x1 + x2) / 2, (y1 + y2) / 2), ((y1 - y2) / length, (x2 - x1) / length)


def _distance(points: Polygon, at: Point) -> float:
    (x1, y1), (x2, y2) = points
    dx, dy = x2 - x1, y2 - y1
    along = min(max(((at[0] - x1) * dx + (at[1] - y1) * dy) / (dx * dx + dy * dy), 0.0), 1.0)
    return math.dist((x1 + along * dx, y1 + along * dy), at)
