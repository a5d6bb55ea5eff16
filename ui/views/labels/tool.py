"""Tool that corrects the labels of a picture by mouse and keys: plain numbers in image pixels, without Qt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from cvstudio.data import label_editing as editing
from cvstudio.data.geometry import Size
from cvstudio.data.keypoint_editing import ABSENT, HIDDEN, VISIBLE, first_missing, with_keypoint, with_visibility
from cvstudio.data.label_map_editing import with_filled_area, with_filled_polygon, with_stroke
from cvstudio.data.labels import NO_CLASS, Annotation, Category, PictureLabels
from cvstudio.foundation.shapes import LEAST_CORNERS, MAX_CORNERS, MAX_STROKE_WIDTH, Box, Point, Polygon
from ui.views.labels.edits import BOX, BRUSHES, KEYPOINT, Change, Edit, LabelHandle, Mode, replace_change
from ui.views.labels.skeleton_tool import SkeletonTool
from ui.views.shape_tools import LEAST_SIDE, THICKER, BoxTool

BRUSH_WIDTH = 20.0
CLICK = 0.35
"""A drag shorter than this share of the reach counts as a click."""
ROOM_FOR_CORNER = 3.0
"""A side of a polygon longer than so many reaches offers a corner in its middle."""


class LabelTool:
    """Editing state of the labels of one picture.

    A drag changes `draft` only; `release` gives the labels with it. Points are in image pixels, and `reach` is the
    radius around a handle within which a press grabs it.

    Attributes
    ----------
    labels : as they are without the draft
    size : of the picture
    category : class of the next object
    categories : the classes
    mode : what a drag does
    selected : number of the selected object; None without one
    point : number of the selected key point of the selected object; None without one
    skeleton : key points while they are placed; None otherwise
    draft : the selected object as it is dragged; None where none is
    drawn : box while it is drawn; None otherwise
    corners : of an unfinished polygon
    stroke : points of the stroke that is drawn
    of_pixels : whether a polygon gives its class to the pixels inside, and is no object
    erasing : whether the stroke takes away
    width : of the brush in image pixels
    dragging : whether a drag is in progress
    """

    def __init__(self, labels: PictureLabels, size: Size, category: int = 0) -> None:
        self.labels = labels
        self.size = size
        self.category = category
        self.mode = Mode.SELECT
        self.categories: Sequence[Category] = ()
        self.selected: int | None = None
        self.point: int | None = None
        self.skeleton: SkeletonTool | None = None
        self._hidden = False
        self.draft: Annotation | None = None
        self.drawn: Box | None = None
        self.corners: Polygon = ()
        self.stroke: tuple[Point, ...] = ()
        self.of_pixels = False
        self.erasing = False
        self.width = BRUSH_WIDTH
        self.dragging = False
        self._start: Point = (0.0, 0.0)
        self._reach = 0.0
        self._handle: LabelHandle | None = None
        self._box: BoxTool | None = None
        self._target: int | None = None

    @property
    def annotation(self) -> Annotation | None:
        """The selected object, as it is dragged; None without one."""
        if self.draft is not None:
            return self.draft
        return self.labels.annotations[self.selected] if self.selected is not None else None

    def set_labels(self, labels: PictureLabels, selected: int | None) -> None:
        """Set the labels by the program, such as by undo; a drag in progress ends."""
        kept = selected is not None and selected == self.selected
        self.labels = labels
        self.selected = selected if selected is not None and selected < len(labels.annotations) else None
        self._end()
        self.point = self.point if kept and self._is_seen(self.point) else None

    def set_mode(self, mode: Mode) -> None:
        """Set what a drag does.

        Drawing begins with nothing selected, so that a class is chosen for what comes next; only the brush goes on with
        an object that was selected before, where that has pixels, and key points are those of the selected object.
        """
        self.cancel()
        goes_on = mode is Mode.BRUSH and self.mode is Mode.SELECT and self._has_area(self.selected)
        if mode not in (Mode.SELECT, Mode.KEYPOINTS) and not goes_on:
            self.selected = None
        self.point = None
        if mode is not Mode.POLYGON:
            self.of_pixels = mode in (Mode.REGIONS, Mode.FILL)
        self.mode = mode

    def _is_seen(self, point: int | None) -> bool:
        """Whether the selected object has a key point of this number."""
        keypoints = self.annotation.keypoints if self.annotation is not None else ()
        return point is not None and point < len(keypoints) and keypoints[point][2] != ABSENT

    def _has_area(self, number: int | None) -> bool:
        if number is None:
            return False
        annotation = self.labels.annotations[number]
        return annotation.mask is not None or bool(annotation.polygons)

    # Handles --------------------------------------------------------------------------------------------------------

    def handles(self, reach: float) -> tuple[LabelHandle, ...]:
        """The draggable points of the selected object: of its box, or of its polygons and around them."""
        annotation = self.annotation
        if (
            annotation is None
            or self.mode in (*BRUSHES, Mode.CLASSES, Mode.FILL)
            or self.corners
            or self.skeleton is not None
        ):
            return ()
        points = [
            LabelHandle(KEYPOINT, number, (x, y)) for number, (x, y, seen) in enumerate(annotation.keypoints) if seen
        ]
        if self.mode is Mode.KEYPOINTS:
            return tuple(points)
        return (*points, *self._shape_handles(annotation, reach))

    def _shape_handles(self, annotation: Annotation, reach: float) -> tuple[LabelHandle, ...]:
        if not annotation.polygons:
            return tuple(LabelHandle(BOX, h.number, h.place) for h in BoxTool(annotation.box, self.size).handles())
        left, top, right, bottom = annotation.box
        # Beside the box, where they do not lie on corners of the outline.
        corners = ((0, left, top, -1, -1), (2, right, top, 1, -1), (4, right, bottom, 1, 1), (6, left, bottom, -1, 1))
        handles = [LabelHandle(BOX, n, (x + dx * reach, y + dy * reach)) for n, x, y, dx, dy in corners]
        for part, polygon in enumerate(annotation.polygons):
            handles += [LabelHandle(part, number, corner) for number, corner in enumerate(polygon)]
            if len(polygon) >= MAX_CORNERS:
                continue
            for number, (start, end) in enumerate(zip(polygon, (*polygon[1:], *polygon[:1]), strict=True), 1):
                if math.dist(start, end) > ROOM_FOR_CORNER * reach:
                    middle = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
                    handles.append(LabelHandle(part, number, middle, adds=True))
        return tuple(handles)

    def handle_at(self, at: Point, reach: float) -> LabelHandle | None:
        """The handle that a press at `at` grabs; a key point before all others, and an existing corner before one that
        would be inserted."""
        near = [handle for handle in self.handles(reach) if math.dist(handle.place, at) <= reach]
        return min(
            near,
            key=lambda handle: (handle.part != KEYPOINT, handle.adds, math.dist(handle.place, at)),
            default=None,
        )

    # Mouse ----------------------------------------------------------------------------------------------------------

    def _on_picture(self, at: Point) -> Point:
        return min(max(at[0], 0.0), float(self.size.width)), min(max(at[1], 0.0), float(self.size.height))

    def press(self, at: Point, reach: float, *, erase: bool = False) -> bool:
        """Handle a press of the mouse button; False where it concerns no object, so that the picture is dragged.

        With `erase` the brush takes away, and a key point is a hidden one.
        """
        self._start, self._reach, self._hidden = at, reach, erase
        self.draft, self.drawn, self._handle, self._box = None, None, None, None
        if self.corners:
            self.dragging = True
            return True
        if self.mode is Mode.CLASSES:
            return False
        if self.mode is Mode.BRUSH:
            return self._begin_stroke(at, erase)
        if self.mode is Mode.REGIONS:
            self.erasing, self.stroke, self.dragging = erase, (self._on_picture(at),), True
            return True
        if self.mode is Mode.KEYPOINTS and self.skeleton is None and self.selected is None:
            self.selected = editing.number_at_keypoint(self.labels, at, reach)
        self._handle = self.handle_at(at, reach)
        if self._handle is not None:
            self._grab(self._handle)
        elif self.mode is Mode.SELECT:
            self.selected, self.point = editing.number_at(self.labels, *at), None
            if self.selected is None:
                return False
        self.dragging = True
        return True

    def _grab(self, handle: LabelHandle) -> None:
        annotation = self.annotation
        assert annotation is not None
        self.point = handle.number if handle.part == KEYPOINT else None
        if handle.part == BOX:
            self._box = BoxTool(annotation.box, self.size)
            # At the corner itself: the handle of an outline's box lies beside it.
            self._box.press(self._box.handles()[handle.number].place, self._reach)

    def _begin_stroke(self, at: Point, erase: bool) -> bool:
        self._target = self.selected if self._has_area(self.selected) else None
        if erase and self._target is None:
            hit = editing.number_at(self.labels, *at)
            self._target = hit if self._has_area(hit) else None
        self.selected = self._target
        self.erasing = erase
        if erase and self._target is None:
            return True
        self.stroke = (self._on_picture(at),)
        self.dragging = True
        return True

    def drag(self, at: Point) -> None:
        """Handle a move of the mouse with the button held down."""
        if self.mode in BRUSHES:
            point = self._on_picture(at)
            # Points closer than the precision of a hand only cost time.
            if math.dist(point, self.stroke[-1]) >= self._reach / 6:
                self.stroke = (*self.stroke, point)
            return
        if self.corners or self.skeleton is not None or self._is_click(at):
            return
        dx, dy = at[0] - self._start[0], at[1] - self._start[1]
        if self._handle is not None:
            self._drag_handle(self._handle, dx, dy)
        elif self.mode is Mode.BOX:
            (x1, y1), (x2, y2) = self._on_picture(self._start), self._on_picture(at)
            self.drawn = (min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
        elif self.mode is Mode.SELECT and self.selected is not None:
            self.draft = editing.moved(self.labels.annotations[self.selected], dx, dy, self.size)

    def _is_click(self, at: Point) -> bool:
        """Whether the mouse has not left the place where it was pressed."""
        return self.draft is None and self.drawn is None and math.dist(at, self._start) < CLICK * self._reach

    def _drag_handle(self, handle: LabelHandle, dx: float, dy: float) -> None:
        assert self.selected is not None
        annotation = self.labels.annotations[self.selected]
        if self._box is not None:
            corner = BoxTool(annotation.box, self.size).handles()[handle.number].place
            self._box.drag((corner[0] + dx, corner[1] + dy), self._reach)
            if self._box.value is not None:
                self.draft = editing.resized(annotation, self._box.value, self.size)
            return
        place = self._on_picture((handle.place[0] + dx, handle.place[1] + dy))
        if handle.part == KEYPOINT:
            seen = annotation.keypoints[handle.number][2]
            self.draft = with_keypoint(annotation, handle.number, (*place, seen), self.size)
            return
        polygon = annotation.polygons[handle.part]
        after = handle.number if handle.adds else handle.number + 1
        changed = (*polygon[: handle.number], place, *polygon[after:])
        self.draft = editing.with_polygon(annotation, handle.part, changed)

    def release(self, at: Point) -> Edit | None:
        """Handle the release of the mouse button: the edit that it made, None where it only selected something."""
        if not self.dragging:
            return None
        self.dragging = False
        if self.mode is Mode.BRUSH:
            return self._brushed()
        if self.mode is Mode.REGIONS:
            stroke, self.stroke = self.stroke, ()
            category = NO_CLASS if self.erasing else self.category
            return self._mapped(Change.REGIONS, with_stroke(self.labels, stroke, self.width, category, self.size))
        if self.mode is Mode.FILL:
            category = NO_CLASS if self._hidden else self.category
            return self._mapped(Change.FILL, with_filled_area(self.labels, at, category, self.size))
        if self.corners or (self.mode is Mode.POLYGON and self._handle is None):
            return self._add_corner(at)
        if self.mode is Mode.KEYPOINTS and self._handle is None:
            return self._place_keypoint(at)
        if self.draft is not None and self.selected is not None:
            handle = self._handle
            changes = {BOX: Change.RESIZE, KEYPOINT: Change.KEYPOINTS}
            change = Change.MOVE if handle is None else changes.get(handle.part, Change.RESHAPE)
            return self._replaced(change, self.draft)
        if self.drawn is not None:
            left, top, right, bottom = box = self.drawn
            self.drawn = None
            if min(right - left, bottom - top) >= LEAST_SIDE:
                return self._added(Change.DRAW, Annotation(self.category, box))
        elif self.mode is Mode.BOX and self._handle is None:
            self.selected = editing.number_at(self.labels, *at)
        return None

    def _add_corner(self, at: Point) -> Edit | None:
        point = self._on_picture(at)
        if len(self.corners) >= LEAST_CORNERS and math.dist(self.corners[0], at) <= self._reach:
            return self.finish()
        if len(self.corners) < MAX_CORNERS and point not in self.corners[-1:]:
            self.corners = (*self.corners, point)
            self.selected = None
        return None

    # Key points -----------------------------------------------------------------------------------------------------

    def point_names(self, category: int | None = None) -> tuple[str, ...]:
        """Names of the key points of a class, of the selected object's or the next one's without one; empty where it
        has none."""
        if category is None:
            category = self.annotation.category if self.annotation is not None else self.category
        return self.categories[category].keypoints if category < len(self.categories) else ()

    def _lacks_keypoints(self, number: int | None) -> bool:
        """Whether an object may have key points and has none."""
        if number is None:
            return False
        annotation = self.labels.annotations[number]
        return not annotation.keypoints and bool(self.point_names(annotation.category))

    def _place_keypoint(self, at: Point) -> Edit | None:
        point = self._on_picture(at)
        if self.skeleton is None:
            skeleton = self._skeleton_of(self.selected) if self.selected is not None else None
            if skeleton is None:
                self.selected = None
                hit = editing.number_at(self.labels, *at)
                if self._lacks_keypoints(hit):
                    # The object is chosen first, so that none begins beside it by mistake.
                    self.selected = hit
                    return None
                skeleton = self._skeleton_of(None)
            if skeleton is None:
                return None
            self.skeleton, self.point = skeleton, None
        self.skeleton.place(point, HIDDEN if self._hidden else VISIBLE)
        return self.finish() if self.skeleton.next is None else None

    def _skeleton_of(self, number: int | None) -> SkeletonTool | None:
        """The placing of the key points that an object lacks, or of a new one's; None where there are none."""
        annotation = self.labels.annotations[number] if number is not None else None
        names = self.point_names(annotation.category if annotation is not None else self.category)
        skeleton = SkeletonTool(annotation, names, self.category, self.size)
        return skeleton if skeleton.next is not None else None

    def skip_keypoint(self) -> Edit | None:
        """Leave out the key point that would be placed next."""
        if self.mode is not Mode.KEYPOINTS or self.dragging:
            return None
        if self.skeleton is None and self.selected is not None:
            self.skeleton = self._skeleton_of(self.selected)
        if self.skeleton is None:
            return None
        self.skeleton.skip()
        return self.finish() if self.skeleton.next is None else None

    def _finish_keypoints(self) -> Edit | None:
        skeleton, self.skeleton = self.skeleton, None
        after = skeleton.annotation() if skeleton is not None and skeleton.placed else None
        if after is None:
            return None
        edit = (
            self._added(Change.KEYPOINTS, after) if self.selected is None else self._replaced(Change.KEYPOINTS, after)
        )
        assert skeleton is not None
        if first_missing(after.keypoints, len(skeleton.names)) is None:
            return edit
        # The next click is about another object, not about what was left out of this one.
        return self._edit(replace(edit, selected=None))

    def set_visibility(self, seen: int) -> Edit | None:
        """Make the selected key point visible, hidden or absent."""
        if self.selected is None or self.point is None or self.dragging or not self._is_seen(self.point):
            return None
        after = with_visibility(self.labels.annotations[self.selected], self.point, seen, self.size)
        return self._replaced(Change.VISIBILITY if seen else Change.DELETE, after)

    def toggle_visibility(self) -> Edit | None:
        """Make the selected key point hidden where it is visible, and visible where it is hidden."""
        if self.selected is None or not self._is_seen(self.point):
            return None
        assert self.point is not None
        seen = self.labels.annotations[self.selected].keypoints[self.point][2]
        return self.set_visibility(HIDDEN if seen == VISIBLE else VISIBLE)

    def finish(self) -> Edit | None:
        """Finish the polygon or the key points that are drawn; None where there are too few corners."""
        if self.skeleton is not None:
            return self._finish_keypoints()
        # The second press of a double-click has added the same corner again.
        corners = tuple(dict.fromkeys(self.corners))
        box = editing.polygons_box([corners])
        if len(corners) < LEAST_CORNERS or box is None or min(box[2] - box[0], box[3] - box[1]) <= 0:
            return None
        if self.of_pixels:
            self.corners = ()
            return self._mapped(Change.FILL, with_filled_polygon(self.labels, corners, self.category, self.size))
        return self._added(Change.DRAW, Annotation(self.category, box, (corners,)))

    def _mapped(self, change: Change, labels: PictureLabels) -> Edit | None:
        """The edit of the class of some pixels; None where none changes."""
        return self._edit(Edit(change, labels, None)) if labels is not self.labels else None

    def _brushed(self) -> Edit | None:
        stroke, target, self.stroke = self.stroke, self._target, ()
        annotation = Annotation(self.category, (0.0, 0.0, 0.0, 0.0))
        if target is not None:
            annotation = self.labels.annotations[target]
        after = editing.brushed(annotation, stroke, self.width, self.size, erase=self.erasing)
        change = Change.ERASE if self.erasing else Change.BRUSH
        if target is None:
            return self._added(change, after) if after is not None else None
        if after is None:
            self.selected = target
            return replace_change(self.delete(), change)
        self.selected = target
        return self._replaced(change, after)

    def _added(self, change: Change, annotation: Annotation) -> Edit:
        return self._edit(Edit(change, editing.with_added(self.labels, annotation), len(self.labels.annotations)))

    def _replaced(self, change: Change, annotation: Annotation) -> Edit:
        assert self.selected is not None
        return self._edit(Edit(change, editing.with_replaced(self.labels, self.selected, annotation), self.selected))

    def _edit(self, edit: Edit) -> Edit:
        self.set_labels(edit.labels, edit.selected)
        return edit

    def _end(self) -> None:
        self.draft, self.drawn, self.corners, self.stroke, self.dragging = None, None, (), (), False
        self.skeleton = None

    def cancel(self) -> bool:
        """Cancel what is being drawn or dragged; False where nothing is."""
        busy = self.dragging or bool(self.corners) or self.skeleton is not None
        self._end()
        return busy

    def back(self) -> bool:
        """One step back: what is drawn, then the mode, then the selection; False where there is none of them."""
        if self.cancel():
            return True
        if self.point is not None:
            self.point = None
            return True
        if self.mode is not Mode.SELECT:
            self.mode, self.of_pixels = Mode.SELECT, False
            return True
        selected, self.selected = self.selected, None
        return selected is not None

    # Keyboard -------------------------------------------------------------------------------------------------------

    def nudge(self, dx: float, dy: float) -> Edit | None:
        """Move the selected object by (dx, dy) image pixels."""
        if self.selected is None or self.dragging:
            return None
        annotation = self.labels.annotations[self.selected]
        if self.point is not None:
            x, y, seen = annotation.keypoints[self.point]
            after = with_keypoint(annotation, self.point, (x + dx, y + dy, seen), self.size)
            return self._replaced(Change.KEYPOINTS, after) if after.keypoints != annotation.keypoints else None
        after = editing.moved(annotation, dx, dy, self.size)
        return self._replaced(Change.MOVE, after) if after.box != annotation.box else None

    def delete(self) -> Edit | None:
        """Remove the selected object or its selected key point, or the last corner or key point that was drawn."""
        if self.skeleton is not None:
            self.skeleton.last_back()
            if not self.skeleton.begun:
                self.skeleton = None
            return None
        if self.point is not None:
            return self.set_visibility(ABSENT)
        if self.corners:
            self.corners = self.corners[:-1]
            return None
        if self.selected is None or self.dragging:
            return None
        return self._edit(Edit(Change.DELETE, editing.without(self.labels, {self.selected}), None))

    def delete_corner(self, handle: LabelHandle) -> Edit | None:
        """Remove a corner of the selected polygon; None where it has no more than it needs."""
        annotation = self.annotation
        if annotation is None or handle.part < 0 or handle.adds:
            return None
        polygon = annotation.polygons[handle.part]
        if len(polygon) <= LEAST_CORNERS:
            return None
        changed = (*polygon[: handle.number], *polygon[handle.number + 1 :])
        return self._replaced(Change.RESHAPE, editing.with_polygon(annotation, handle.part, changed))

    def change_width(self, *, thicker: bool) -> None:
        """Increase or reduce the width of the brush."""
        self.width = round(min(max(self.width * (THICKER if thicker else 1 / THICKER), 1.0), MAX_STROKE_WIDTH), 1)
