"""What the label tool paints over the canvas."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen, QPolygonF, QTransform

from cvstudio.data.keypoint_editing import VISIBLE, Keypoint
from cvstudio.data.label_masks import window_of
from cvstudio.data.labels import Annotation, Category, LabelledMask
from cvstudio.foundation.shapes import Box, Point
from ui.base import theme
from ui.views.canvas import Canvas
from ui.views.labels.edits import BOX, BRUSHES, KEYPOINT, LabelHandle, Mode
from ui.views.labels.tool import LabelTool
from ui.views.marks import BRIGHT, SHADE, paint_cross_hair, paint_outline, paint_plate

HANDLE_PX = 4.5
FILL, MASK_FILL, STROKE_FILL = 0.18, 0.45, 0.6
"""Opacities of the inside of a shape, of a mask, and of the stroke that is drawn."""
NAME_GAP = 10
CHIP_GAP, CHIPS_TOP = 6, 44
"""Between the chips of the picture's classes, and above them, where the hint is."""
BESIDE_CURSOR = QPointF(14, 16)


class LabelPainter:
    """Paints the selected object, its handles and what is drawn, in the colours of the classes."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self.colours: Sequence[QColor] = ()
        self.names: Sequence[str] = ()
        self.categories: Sequence[Category] = ()
        self._mask: LabelledMask | None = None
        self._mask_colour = QColor()
        self._mask_image = QImage()

    def colour(self, category: int) -> QColor:
        """The colour of a class."""
        return QColor(self.colours[category] if category < len(self.colours) else theme.colour("accent"))

    def paint(self, painter: QPainter, tool: LabelTool, cursor: Point | None, reach: float) -> None:
        """Paint the state of `tool`, with the cursor at `cursor` in image pixels, None where it is elsewhere."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if cursor is not None and not tool.dragging and tool.mode in (Mode.BOX, Mode.POLYGON):
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
            paint_cross_hair(painter, self._canvas.widget_position(*cursor), self._canvas.size())
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        annotation = tool.annotation
        if annotation is not None:
            self._paint_annotation(painter, annotation)
            self._paint_name(painter, annotation)
            if tool.skeleton is None:
                self._paint_keypoints(painter, annotation.category, annotation.keypoints, tool.point)
        if tool.skeleton is not None:
            skeleton = tool.skeleton
            self._paint_keypoints(painter, skeleton.category, skeleton.keypoints, None)
            if cursor is not None and skeleton.next is not None:
                place = self._canvas.widget_position(*cursor) + BESIDE_CURSOR
                paint_plate(painter, skeleton.names[skeleton.next], place)
        if tool.mode is Mode.CLASSES or tool.labels.classes:
            self._paint_classes(painter, tool)
        self._paint_drawn(painter, tool, cursor)
        self._paint_handles(painter, tool, cursor, reach)
        if tool.mode in BRUSHES:
            self._paint_brush(painter, tool, cursor)
        box = tool.drawn or (tool.draft.box if tool.draft is not None else None)
        if box is not None and cursor is not None:
            text = size_text(box)
            paint_plate(painter, text, self._canvas.widget_position(*cursor) + BESIDE_CURSOR)

    def _points(self, points: Sequence[Point]) -> QPolygonF:
        return QPolygonF([self._canvas.widget_position(*point) for point in points])

    def _rect(self, box: Box) -> QRectF:
        corners = (self._canvas.widget_position(*box[:2]), self._canvas.widget_position(*box[2:]))
        # On a mirrored picture they are others than the top left and the bottom right.
        return QRectF(*corners).normalized()

    def _paint_annotation(self, painter: QPainter, annotation: Annotation) -> None:
        colour = self.colour(annotation.category)
        fill = QColor(colour)
        fill.setAlphaF(FILL)
        if annotation.mask is not None:
            self._paint_mask(painter, annotation.mask, colour)
        for polygon in annotation.polygons:
            line = self._points(polygon)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(fill)
            painter.drawPolygon(line)
            paint_outline(painter, line, closed=True, colour=colour)
        box = QPolygonF(self._rect(annotation.box))
        if annotation.polygons:
            painter.setPen(QPen(colour, 1, Qt.PenStyle.DashLine))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawPolygon(box)
        else:
            if annotation.mask is None:
                painter.fillRect(box.boundingRect(), fill)
            paint_outline(painter, box, closed=True, colour=SHADE if annotation.interpolated else colour)
            if annotation.interpolated:
                painter.setPen(QPen(colour, 1.5, Qt.PenStyle.DashLine))
                painter.drawPolygon(box)

    def _paint_name(self, painter: QPainter, annotation: Annotation) -> None:
        """The class above the box, or in it where there is no room above."""
        if annotation.category >= len(self.names):
            return
        corner = self._rect(annotation.box).topLeft()
        height = painter.fontMetrics().height() + 8
        above = corner.y() - height - NAME_GAP
        paint_plate(
            painter, self.names[annotation.category], QPointF(corner.x(), above if above > 0 else corner.y() + NAME_GAP)
        )

    def _paint_keypoints(
        self, painter: QPainter, category: int, keypoints: Sequence[Keypoint], selected: int | None
    ) -> None:
        """The labelled points with the lines between them: filled where they are visible, as rings where hidden."""
        colour = self.colour(category)
        lines = self.categories[category].skeleton if category < len(self.categories) else ()
        for start, end in lines:
            if max(start, end) < len(keypoints) and keypoints[start][2] and keypoints[end][2]:
                points = (keypoints[start][:2], keypoints[end][:2])
                paint_outline(painter, self._points(points), closed=False, colour=colour)
        for number, (x, y, seen) in enumerate(keypoints):
            if not seen:
                continue
            painter.setPen(QPen(SHADE, 1.5) if seen == VISIBLE else QPen(colour, 2))
            painter.setBrush(colour if seen == VISIBLE else SHADE)
            radius = HANDLE_PX * (1.5 if number == selected else 1.0)
            painter.drawEllipse(self._canvas.widget_position(x, y), radius, radius)

    def _paint_classes(self, painter: QPainter, tool: LabelTool) -> None:
        """The classes of the whole picture as chips in its top left corner."""
        corner = self._rect((0.0, 0.0, float(tool.size.width), float(tool.size.height))).topLeft()
        left, top = max(corner.x(), 0.0) + CHIP_GAP, max(corner.y(), 0.0) + CHIPS_TOP
        metrics = painter.fontMetrics()
        for category in tool.labels.classes:
            name = self.names[category] if category < len(self.names) else "?"
            place = QPointF(left, top)
            paint_plate(painter, f"    {name}", place)
            height = metrics.height() + 8
            painter.setPen(QPen(BRIGHT, 1))
            painter.setBrush(self.colour(category))
            painter.drawEllipse(place + QPointF(14, height / 2), 5, 5)
            left += metrics.horizontalAdvance(f"    {name}") + 20 + CHIP_GAP

    def _paint_mask(self, painter: QPainter, mask: LabelledMask, colour: QColor) -> None:
        if mask is not self._mask or colour != self._mask_colour:
            self._mask, self._mask_colour = mask, colour
            height, width = mask.pixels.shape
            coloured = QColor(colour)
            coloured.setAlphaF(MASK_FILL)
            pixels = np.where(mask.pixels, np.uint32(coloured.rgba()), np.uint32(0))
            image = QImage(pixels.tobytes(), width, height, 4 * width, QImage.Format.Format_ARGB32)
            self._mask_image = image.copy()
        left, top, right, bottom = window_of(mask)
        corner, across, down = (
            self._canvas.widget_position(x, y) for x, y in ((left, top), (right, top), (left, bottom))
        )
        # Turned and mirrored as the picture is.
        along, below = (across - corner) / (right - left), (down - corner) / (bottom - top)
        painter.save()
        painter.setTransform(QTransform(along.x(), along.y(), below.x(), below.y(), corner.x(), corner.y()), True)
        painter.drawImage(0, 0, self._mask_image)
        painter.restore()

    def _paint_drawn(self, painter: QPainter, tool: LabelTool, cursor: Point | None) -> None:
        colour = self.colour(tool.category)
        if tool.drawn is not None:
            fill = QColor(colour)
            fill.setAlphaF(FILL)
            rect = self._rect(tool.drawn)
            painter.fillRect(rect, fill)
            paint_outline(painter, QPolygonF(rect), closed=True, colour=colour)
        if tool.corners:
            rubber = (cursor,) if cursor is not None else ()
            paint_outline(painter, self._points((*tool.corners, *rubber)), closed=False, colour=colour)
            for number, corner in enumerate(tool.corners):
                painter.setPen(QPen(SHADE, 1.5))
                painter.setBrush(BRIGHT if number else colour)
                radius = HANDLE_PX if number else HANDLE_PX * 1.25
                painter.drawEllipse(self._canvas.widget_position(*corner), radius, radius)
        if tool.stroke:
            annotation = tool.annotation
            painted = BRIGHT if tool.erasing else self.colour(annotation.category) if annotation else colour
            fill = QColor(painted)
            fill.setAlphaF(STROKE_FILL)
            cap, join = Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin
            painter.setPen(QPen(fill, self._brush_px(tool), c=cap, j=join))
            line = self._points(tool.stroke)
            if len(tool.stroke) == 1:
                painter.drawPoint(line.first())
            else:
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawPolyline(line)

    def _brush_px(self, tool: LabelTool) -> float:
        return tool.width * self._canvas.view().scale / self._canvas.devicePixelRatioF()

    def _paint_brush(self, painter: QPainter, tool: LabelTool, cursor: Point | None) -> None:
        if cursor is None:
            return
        radius = self._brush_px(tool) / 2
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for colour, width in ((SHADE, 3.0), (BRIGHT, 1.0)):
            painter.setPen(QPen(colour, width))
            painter.drawEllipse(self._canvas.widget_position(*cursor), radius, radius)

    def _paint_handles(self, painter: QPainter, tool: LabelTool, cursor: Point | None, reach: float) -> None:
        if tool.dragging:
            return
        near = tool.handle_at(cursor, reach) if cursor is not None else None
        painter.setPen(QPen(SHADE, 1.5))
        painter.setBrush(BRIGHT)
        for handle in tool.handles(reach):
            if handle.part == KEYPOINT and handle != near:
                continue
            centre = self._canvas.widget_position(*handle.place)
            radius = HANDLE_PX * (0.65 if handle.adds else 1.25 if handle == near else 1.0)
            if handle.part == KEYPOINT:
                names = tool.point_names()
                name = names[handle.number] if handle.number < len(names) else str(handle.number + 1)
                paint_plate(painter, name, centre + BESIDE_CURSOR)
                painter.setPen(QPen(BRIGHT, 1.5))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawEllipse(centre, radius * 1.4, radius * 1.4)
            elif handle.part == BOX:
                painter.drawRect(QRectF(centre - QPointF(radius, radius), centre + QPointF(radius, radius)))
            else:
                painter.drawEllipse(centre, radius, radius)


def size_text(box: Box) -> str:
    """Width and height of a box in pixels, such as "120 × 40"."""
    return f"{box[2] - box[0]:.0f} × {box[3] - box[1]:.0f}"


def cursor_of(tool: LabelTool, handle: LabelHandle | None, canvas: Canvas, *, over: bool) -> Qt.CursorShape:
    """The cursor over a handle, over an object with `over`, or over neither."""
    if tool.mode in BRUSHES:
        return Qt.CursorShape.BlankCursor
    annotation = tool.annotation
    if handle is not None and handle.part == BOX and annotation is not None:
        # As it lies on the screen: the picture may be turned or mirrored.
        (x1, y1, x2, y2), at = annotation.box, canvas.widget_position(*handle.place)
        away = at - canvas.widget_position((x1 + x2) / 2, (y1 + y2) / 2)
        if handle.number % 2:
            return Qt.CursorShape.SizeHorCursor if abs(away.x()) > abs(away.y()) else Qt.CursorShape.SizeVerCursor
        falls = away.x() * away.y() > 0
        return Qt.CursorShape.SizeFDiagCursor if falls else Qt.CursorShape.SizeBDiagCursor
    if handle is not None:
        return Qt.CursorShape.PointingHandCursor
    if tool.mode is Mode.SELECT:
        return Qt.CursorShape.SizeAllCursor if over else Qt.CursorShape.ArrowCursor
    return Qt.CursorShape.BlankCursor
