"""Tools that edit a box, a polygon or strokes by mouse and keys: plain numbers in image pixels, without Qt.

That of named lines and zones is in `named_shapes_tool`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from cvstudio.data.geometry import Size
from cvstudio.foundation.shapes import (
    LEAST_CORNERS,
    MAX_CORNERS,
    MAX_STROKE_POINTS,
    MAX_STROKE_WIDTH,
    MAX_STROKES,
    STROKE_WIDTH,
    Box,
    Point,
    Polygon,
    Stroke,
    Strokes,
)

LEAST_SIDE = 1.0
"""Minimum side of a box in image pixels: a smaller drag counts as a click."""
THICKER = 1.25


@dataclass(frozen=True)
class Handle:
    """Draggable point of a shape: `number` identifies it in its tool; where `adds`, dragging it inserts a corner."""

    number: int
    place: Point
    adds: bool = False


def _nearest(handles: Sequence[Handle], at: Point, reach: float) -> Handle | None:
    # Existing corners take precedence over those that would be inserted.
    near = [handle for handle in handles if math.dist(handle.place, at) <= reach]
    return min(near, key=lambda handle: (handle.adds, math.dist(handle.place, at)), default=None)


class ShapeTool(ABC):
    """Base class of the editing state of one shape.

    Points are in image pixels, and `reach` is the radius around a handle within which a press grabs it. Drawn points
    are clipped to the picture, of `size`; a value set by the program may exceed it.

    Attributes
    ----------
    value : of the parameter, always a valid one
    selected : number of the handle, or of the stroke, that keys act on
    dragging : whether a drag is in progress
    """

    def __init__(self, value: Any, size: Size) -> None:
        self.value = value
        self.size = size
        self.selected: int | None = None
        self.dragging = False
        self._start: Point = (0.0, 0.0)
        self._held: Point = (0.0, 0.0)
        self._before: Any = None

    def set_value(self, value: Any) -> None:
        """Set the value by the program, such as by undo."""
        if value != self.value:
            self.value = value
            self.selected = None

    def handles(self) -> tuple[Handle, ...]:
        """The draggable points."""
        return ()

    def handle_at(self, at: Point, reach: float) -> Handle | None:
        """The handle that a press at `at` grabs, or None."""
        return _nearest(self.handles(), at, reach)

    def covers(self, at: Point) -> bool:
        """Whether a drag that begins at `at` moves the whole shape."""
        return False

    def on_picture(self, at: Point) -> Point:
        return min(max(at[0], 0.0), float(self.size.width)), min(max(at[1], 0.0), float(self.size.height))

    def press(self, at: Point, reach: float, *, erase: bool = False) -> None:
        """Handle a press of the mouse button."""
        self.dragging = True
        self._start = at
        self._before = self.value
        self.take(at, reach, erase=erase)

    @abstractmethod
    def take(self, at: Point, reach: float, *, erase: bool) -> None:
        """Determine the effect of a drag that begins at `at`."""

    @abstractmethod
    def drag(self, at: Point, reach: float) -> None:
        """Handle a move of the mouse with the button held down."""

    def release(self) -> None:
        """Handle the release of the mouse button."""
        self.dragging = False

    def cancel(self) -> bool:
        """Cancel the drag in progress; False where there is none."""
        if not self.dragging:
            return False
        self.dragging = False
        self.value = self._before
        return True

    def nudge(self, dx: float, dy: float) -> None:
        """Move the selected part, or else the whole shape, by (dx, dy) image pixels."""
        new_value = self.moved(dx, dy)
        if new_value is not None:
            self.value = new_value

    @abstractmethod
    def moved(self, dx: float, dy: float) -> Any:
        """The value with the selected part, or else the whole shape, moved; None where it cannot be moved."""

    @abstractmethod
    def delete(self) -> None:
        """Remove the selected part, or else the whole shape."""

    def _within(self, points: Sequence[Point], dx: float, dy: float) -> Point:
        """Clip the move (dx, dy) so that `points` stay on the picture; outside points may move back onto it."""

        def room(places: list[float], far: float, step: float) -> float:
            least, most = min(0.0, -min(places)), max(0.0, far - max(places))
            return min(max(step, least), most)

        columns, rows = zip(*points, strict=True)
        return room(list(columns), self.size.width, dx), room(list(rows), self.size.height, dy)


EDGES = ((0, 1), (-1, 1), (2, 1), (2, -1), (2, 3), (-1, 3), (0, 3), (0, -1))
"""Indices of the edges (left, top, right, bottom) of a box that each handle moves, from the top left clockwise; -1 for
none."""


class BoxTool(ShapeTool):
    """Tool for a box: drag outside of it for a new one, inside to move it, at a handle for an edge or a corner."""

    value: Box | None

    def handles(self) -> tuple[Handle, ...]:
        if self.value is None:
            return ()
        left, top, right, bottom = self.value
        columns, rows = (left, (left + right) / 2, right), (top, (top + bottom) / 2, bottom)
        places = [(0, 0), (1, 0), (2, 0), (2, 1), (2, 2), (1, 2), (0, 2), (0, 1)]
        return tuple(Handle(number, (columns[x], rows[y])) for number, (x, y) in enumerate(places))

    def take(self, at: Point, reach: float, *, erase: bool) -> None:
        handle = self.handle_at(at, reach)
        self.selected = handle.number if handle is not None else None
        self._held = handle.place if handle is not None else at
        self._new = handle is None and not self.covers(at)

    def covers(self, at: Point) -> bool:
        return self.value is not None and (
            self.value[0] <= at[0] <= self.value[2] and self.value[1] <= at[1] <= self.value[3]
        )

    def drag(self, at: Point, reach: float) -> None:
        if self._new:
            self.value = self._spanned(self.on_picture(self._start), self.on_picture(at)) or self._before
            return
        dx, dy = at[0] - self._start[0], at[1] - self._start[1]
        old_box: Box = self._before
        if self.selected is None:
            dx, dy = self._within((old_box[:2], old_box[2:]), dx, dy)
            self.value = (old_box[0] + dx, old_box[1] + dy, old_box[2] + dx, old_box[3] + dy)
            return
        edges = list(old_box)
        x, y = EDGES[self.selected]
        # Relative to the press, so that a handle grabbed beside its centre does not jump.
        point = self.on_picture((self._held[0] + dx, self._held[1] + dy))
        for edge, along in ((x, 0), (y, 1)):
            if edge >= 0:
                edges[edge] = point[along]
        # An edge dragged beyond the opposite one flips the box.
        self.value = self._spanned((edges[0], edges[1]), (edges[2], edges[3])) or self.value

    @staticmethod
    def _spanned(start: Point, end: Point) -> Box | None:
        box = (min(start[0], end[0]), min(start[1], end[1]), max(start[0], end[0]), max(start[1], end[1]))
        return box if box[2] - box[0] >= LEAST_SIDE and box[3] - box[1] >= LEAST_SIDE else None

    def moved(self, dx: float, dy: float) -> Box | None:
        if self.value is None:
            return None
        if self.selected is None:
            dx, dy = self._within((self.value[:2], self.value[2:]), dx, dy)
            return (self.value[0] + dx, self.value[1] + dy, self.value[2] + dx, self.value[3] + dy)
        edges = list(self.value)
        x, y = EDGES[self.selected]
        if x >= 0:
            edges[x] = min(max(edges[x] + dx, 0.0), float(self.size.width))
        if y >= 0:
            edges[y] = min(max(edges[y] + dy, 0.0), float(self.size.height))
        small = edges[2] - edges[0] < LEAST_SIDE or edges[3] - edges[1] < LEAST_SIDE
        return None if small else (edges[0], edges[1], edges[2], edges[3])

    def delete(self) -> None:
        self.value, self.selected = None, None


class PolygonTool(ShapeTool):
    """Tool for a polygon: click for each corner and finish with Enter, a double-click or the first corner; drag
    corners, drag the middle of a side for a new corner, drag inside to move it.

    `draft` has the corners of an unfinished polygon.
    """

    value: Polygon | None

    def __init__(self, value: Any, size: Size) -> None:
        super().__init__(value, size)
        self.draft: Polygon = ()
        self._moving = False

    def set_value(self, value: Any) -> None:
        if value != self.value:
            self.draft = ()
        super().set_value(value)

    def handles(self) -> tuple[Handle, ...]:
        corners = self.draft or self.value or ()
        handles = [Handle(number, corner) for number, corner in enumerate(corners)]
        if not self.draft and len(corners) < MAX_CORNERS:
            for number, (start, end) in enumerate(zip(corners, (*corners[1:], *corners[:1]), strict=True)):
                handles.append(Handle(number + 1, ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2), adds=True))
        return tuple(handles)

    def take(self, at: Point, reach: float, *, erase: bool) -> None:
        point = self.on_picture(at)
        self._moving = False
        if self.draft:
            if len(self.draft) >= LEAST_CORNERS and math.dist(self.draft[0], at) <= reach:
                self.finish()
            elif len(self.draft) < MAX_CORNERS:
                self.draft = (*self.draft, point)
                self.selected = len(self.draft) - 1
            return
        handle = self.handle_at(at, reach)
        self.selected = handle.number if handle is not None else None
        if handle is not None and handle.adds and self.value is not None:
            self.value = (*self.value[: handle.number], handle.place, *self.value[handle.number :])
        elif handle is None:
            self._moving = self.covers(at)
            if not self._moving:
                self.draft, self.selected = (point,), 0
        self._held = handle.place if handle is not None else point

    def covers(self, at: Point) -> bool:
        if self.value is None or self.draft:
            return False
        return cv2.pointPolygonTest(np.array(self.value, np.float32), at, False) >= 0

    def drag(self, at: Point, reach: float) -> None:
        point = self.on_picture(at)
        if self.draft:
            if self.selected is not None:
                self.draft = (*self.draft[:-1], point)
        elif self._moving:
            self.value = self._shifted(self._before, at[0] - self._start[0], at[1] - self._start[1])
        elif self.selected is not None and self.value is not None:
            dx, dy = at[0] - self._start[0], at[1] - self._start[1]
            point = self.on_picture((self._held[0] + dx, self._held[1] + dy))
            self.value = (*self.value[: self.selected], point, *self.value[self.selected + 1 :])

    def _shifted(self, corners: Polygon, dx: float, dy: float) -> Polygon:
        dx, dy = self._within(corners, dx, dy)
        return tuple((x + dx, y + dy) for x, y in corners)

    def finish(self) -> None:
        """Finish the polygon being drawn, if it has enough corners."""
        # The second press of a double-click has added the same corner again.
        corners = tuple(dict.fromkeys(self.draft))
        if len(corners) >= LEAST_CORNERS:
            self.value, self.draft, self.selected = corners, (), None

    def cancel(self) -> bool:
        if self.draft:
            self.draft, self.selected, self.dragging = (), None, False
            return True
        return super().cancel()

    def moved(self, dx: float, dy: float) -> Polygon | None:
        if self.value is None or self.draft:
            return None
        if self.selected is None:
            return self._shifted(self.value, dx, dy)
        number = self.selected
        dx, dy = self._within((self.value[number],), dx, dy)
        x, y = self.value[number]
        return (*self.value[:number], (x + dx, y + dy), *self.value[number + 1 :])

    def delete(self) -> None:
        if self.draft:
            self.draft = self.draft[:-1]
            self.selected = len(self.draft) - 1 if self.draft else None
        elif self.selected is None or self.value is None:
            self.value = None
        elif len(self.value) > LEAST_CORNERS:
            number = self.selected
            self.value = (*self.value[:number], *self.value[number + 1 :])
            self.selected = min(number, len(self.value) - 1)


class StrokesTool(ShapeTool):
    """Tool for strokes: drag to draw, with `erase` to remove the strokes touched; a click on a stroke selects it.

    `label` and `width` (image pixels) are those of the next stroke.
    """

    value: Strokes

    def __init__(self, value: Any, size: Size, labels: tuple[str, ...] = ()) -> None:
        super().__init__(value or (), size)
        self.labels = labels
        self.label = labels[0] if labels else ""
        self.width = value[-1].width if value else STROKE_WIDTH
        self._erasing = False
        self._touched: int | None = None

    def set_value(self, value: Any) -> None:
        super().set_value(value or ())

    def hit(self, at: Point, reach: float) -> int | None:
        """The number of the topmost stroke at `at`, or None."""
        for number in range(len(self.value) - 1, -1, -1):
            stroke = self.value[number]
            line = np.array(stroke.points, np.float32)
            near = max(reach, stroke.width / 2)
            if len(line) == 1:
                if math.dist(stroke.points[0], at) <= near:
                    return number
            elif _distance(line, at) <= near:
                return number
        return None

    def take(self, at: Point, reach: float, *, erase: bool) -> None:
        self._erasing = erase
        self._touched = self.hit(at, reach)
        self.selected = None
        if erase:
            self._erase(at, reach)

    def _erase(self, at: Point, reach: float) -> None:
        number = self.hit(at, reach)
        while number is not None:
            self.value = (*self.value[:number], *self.value[number + 1 :])
            number = self.hit(at, reach)

    def drag(self, at: Point, reach: float) -> None:
        if self._erasing:
            self._erase(at, reach)
            return
        self._touched = None
        point = self.on_picture(at)
        drawn = self.value[len(self._before) :]
        points = drawn[0].points if drawn else (self.on_picture(self._start),)
        # Points closer than the precision of a hand only cost time and memory.
        if math.dist(points[-1], point) >= reach / 6 and self._may_add():
            self.value = (*self._before, Stroke((*points, point), self.width, self.label))

    def _may_add(self) -> bool:
        return len(self._before) < MAX_STROKES and sum(len(item.points) for item in self.value) < MAX_STROKE_POINTS - 1

    def release(self) -> None:
        super().release()
        if self._erasing:
            return
        if self._touched is not None:
            self.selected = self._touched
        elif self.value == self._before and self._may_add():
            self.value = (*self.value, Stroke((self.on_picture(self._start),), self.width, self.label))

    def moved(self, dx: float, dy: float) -> Strokes | None:
        if self.selected is None:
            return None
        stroke = self.value[self.selected]
        dx, dy = self._within(stroke.points, dx, dy)
        shifted = replace(stroke, points=tuple((x + dx, y + dy) for x, y in stroke.points))
        return self._with_selected(shifted)

    def _with_selected(self, stroke: Stroke) -> Strokes:
        number = self.selected
        return tuple(stroke if index == number else item for index, item in enumerate(self.value))

    def delete(self) -> None:
        number = self.selected
        self.value = () if number is None else (*self.value[:number], *self.value[number + 1 :])
        self.selected = None

    def choose_label(self, number: int) -> bool:
        """Set the label `number` for the next strokes and for the selected one; False where it does not exist."""
        if not 0 <= number < len(self.labels):
            return False
        self.label = self.labels[number]
        if self.selected is not None:
            self.value = self._with_selected(replace(self.value[self.selected], label=self.label))
        return True

    def change_width(self, *, thicker: bool) -> None:
        """Increase or reduce the width of the next strokes and of the selected one."""
        width = self.value[self.selected].width if self.selected is not None else self.width
        self.width = round(min(max(width * (THICKER if thicker else 1 / THICKER), 1.0), MAX_STROKE_WIDTH), 1)
        if self.selected is not None:
            self.value = self._with_selected(replace(self.value[self.selected], width=self.width))


def _distance(line: np.ndarray[Any, np.dtype[np.float32]], at: Point) -> float:
    """Distance from `at` to `line`, float32 (n, 2) with n >= 2, in image pixels."""
    point = np.array(at, np.float32)
    starts, steps = line[:-1], np.diff(line, axis=0)
    lengths = np.maximum((steps**2).sum(axis=1), 1e-12)
    along = np.clip(((point - starts) * steps).sum(axis=1) / lengths, 0, 1)
    return float(np.hypot(*(starts + along[:, None] * steps - point).T).min())
