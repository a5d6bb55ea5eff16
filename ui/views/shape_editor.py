"""Editor of a box, a polygon, strokes, or named lines and zones over the canvas, with mouse and keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QEvent, QObject, QPointF, QRectF, QSizeF, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QLineEdit, QToolTip, QWidget

from cvstudio.data.geometry import Size
from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.params import Field
from cvstudio.foundation.shapes import LONGEST_NAME, NamedShape, Point
from ui.base import theme
from ui.base.keys import SLIDER_KEYS, claims
from ui.views.canvas import Canvas
from ui.views.marks import BRIGHT, SHADE, paint_hint, paint_outline
from ui.views.named_shapes_tool import NamedShapesTool, inwards
from ui.views.shape_tools import BoxTool, PolygonTool, ShapeTool, StrokesTool

REACH_PX = 9.0
"""Radius around a handle within which a press grabs it, in widget pixels."""
HANDLE_PX = 4.5
NAME_WIDTH = 160
NAME_GAP = 8.0
ARROW_PX = 26.0
FAR_STEP = 10.0
"""Step of an arrow key with Shift, in image pixels."""

ARROWS = {
    Qt.Key.Key_Left: (-1.0, 0.0),
    Qt.Key.Key_Right: (1.0, 0.0),
    Qt.Key.Key_Up: (0.0, -1.0),
    Qt.Key.Key_Down: (0.0, 1.0),
}
REMOVE = (Qt.Key.Key_Delete, Qt.Key.Key_Backspace)
FINISH = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
WIDTHS = {Qt.Key.Key_BracketLeft: False, Qt.Key.Key_BracketRight: True}
DIGITS = {Qt.Key(Qt.Key.Key_1.value + number): number for number in range(9)}
KEYS = SLIDER_KEYS | {*REMOVE, *FINISH, *WIDTHS, *DIGITS, Qt.Key.Key_Escape, Qt.Key.Key_F2, Qt.Key.Key_R}
SIDES = (
    Qt.CursorShape.SizeFDiagCursor,
    Qt.CursorShape.SizeVerCursor,
    Qt.CursorShape.SizeBDiagCursor,
    Qt.CursorShape.SizeHorCursor,
)
"""Cursors of the first four handles of a box, from the top left clockwise; the other four have the same again."""


class ShapeEditor(QWidget):
    """Transparent widget over the canvas that paints and edits a shape; other events go on to the canvas.

    Signals
    -------
    edited : value; the user changed it, and more edits may follow until `released`
    released : the drag or the key press has ended
    dropped : the drag was cancelled
    closed : the user ended the tool

    Attributes
    ----------
    tool : None while no shape is edited
    painted : False while the canvas is grabbed without the shape
    """

    edited = Signal(object)
    released = Signal()
    dropped = Signal()
    closed = Signal()

    def __init__(self, canvas: Canvas) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self.tool: ShapeTool | None = None
        self.painted = True
        self._cursor: Point | None = None
        self._nudging = False
        self.name_field: QLineEdit | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(self.tr("Shape on the picture"))
        self.hide()
        # Below the canvas's bars.
        self.lower()
        canvas.view_changed.connect(self.update)
        canvas.installEventFilter(self)

    def begin(self, tool: ShapeTool) -> None:
        """Start editing with `tool`, in place of a previous one."""
        self.tool = tool
        self._cursor = None
        self.setGeometry(self._canvas.rect())
        self.show()
        self.setFocus(Qt.FocusReason.OtherFocusReason)
        self._show_cursor()
        self.update()

    def end(self) -> None:
        """End the tool."""
        focused = self.hasFocus()
        self._close_name()
        self.tool = None
        self.hide()
        if focused:
            self._canvas.setFocus(Qt.FocusReason.OtherFocusReason)

    def set_value(self, value: object) -> None:
        """Set the value by the program; never emits. Ignored during a drag."""
        if self.tool is not None and not self.tool.dragging:
            self.tool.set_value(value)
            self.update()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.name_field and self.name_field is not None:
            return isinstance(event, QKeyEvent) and self._name_key(event)
        if event.type() == QEvent.Type.Resize and watched is self._canvas:
            self.setGeometry(self._canvas.rect())
        return False

    # Mouse ----------------------------------------------------------------------------------------------------------

    def _image_point(self, event: QMouseEvent) -> Point | None:
        return self._canvas.image_position(event.position())

    @property
    def reach(self) -> float:
        """Radius around a handle within which a press grabs it, in image pixels."""
        return REACH_PX * self.devicePixelRatioF() / self._canvas.view().scale

    def mousePressEvent(self, event: QMouseEvent) -> None:
        point = self._image_point(event)
        tool = self.tool
        if tool is None or point is None or event.button() != Qt.MouseButton.LeftButton or self._canvas.space_held:
            event.ignore()
            return
        self._close_name()
        old_value = tool.value
        tool.press(point, self.reach, erase=bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))
        self._emit_change(old_value)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        point, tool = self._image_point(event), self.tool
        self._cursor = point
        if tool is not None and point is not None and tool.dragging:
            old_value = tool.value
            tool.drag(point, self.reach)
            self._emit_change(old_value)
        else:
            self._show_cursor()
            self.update()
            event.ignore()  # the canvas handles hovering

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        tool = self.tool
        if tool is None or not tool.dragging or event.button() != Qt.MouseButton.LeftButton:
            event.ignore()
            return
        old_value = tool.value
        tool.release()
        self._emit_change(old_value)
        self.released.emit()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        tool, point = self.tool, self._image_point(event)
        left = event.button() == Qt.MouseButton.LeftButton
        if isinstance(tool, NamedShapesTool) and not tool.draft and left and point is not None:
            if tool.choose(point, self.reach):
                self._ask_name(tool)
            else:
                self.mousePressEvent(event)
        elif (
            isinstance(tool, PolygonTool | NamedShapesTool)
            and tool.draft
            and event.button() == Qt.MouseButton.LeftButton
        ):
            self._edit_once(tool.finish)
        else:
            # A double-click draws two strokes.
            self.mousePressEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self._cursor = None
        self.update()

    def _show_cursor(self) -> None:
        tool, point = self.tool, self._cursor
        if self._canvas.space_held:
            self.unsetCursor()
            return
        shape = Qt.CursorShape.CrossCursor
        if tool is not None and point is not None and not isinstance(tool, StrokesTool):
            handle = tool.handle_at(point, self.reach)
            if handle is not None:
                shape = SIDES[handle.number % 4] if isinstance(tool, BoxTool) else Qt.CursorShape.PointingHandCursor
            elif tool.covers(point):
                shape = Qt.CursorShape.SizeAllCursor
        self.setCursor(shape)

    def _emit_change(self, old_value: object) -> None:
        self.update()
        if self.tool is not None and self.tool.value != old_value:
            self.edited.emit(self.tool.value)

    # Keyboard -------------------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        return (self.tool is not None and claims(event, KEYS)) or super().event(event)

    def _edit_once(self, action: Callable[[], object]) -> None:
        """Run `action` as an edit of its own: emit `edited` if the value has changed, and `released`."""
        if self.tool is not None:
            old_value = self.tool.value
            action()
            self._emit_change(old_value)
            self.released.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        tool, key = self.tool, Qt.Key(event.key())
        if tool is None:
            event.ignore()
        elif key == Qt.Key.Key_Escape:
            self._escape(tool)
        elif tool.dragging:
            event.ignore()
        elif key in ARROWS:
            step = FAR_STEP if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1.0
            dx, dy = ARROWS[key]
            old_value = tool.value
            self._nudging = True
            tool.nudge(dx * step, dy * step)
            self._emit_change(old_value)
        elif key in REMOVE:
            self._edit_once(tool.delete)
        elif key in FINISH:
            if isinstance(tool, PolygonTool | NamedShapesTool) and tool.draft:
                self._edit_once(tool.finish)
            else:
                self.closed.emit()
        elif isinstance(tool, NamedShapesTool) and key == Qt.Key.Key_R:
            self._edit_once(tool.turn_round)
        elif isinstance(tool, NamedShapesTool) and key == Qt.Key.Key_F2:
            self._ask_name(tool)
        elif isinstance(tool, StrokesTool) and key in DIGITS:
            self._edit_once(lambda: tool.choose_label(DIGITS[key]))
        elif isinstance(tool, StrokesTool) and key in WIDTHS:
            self._edit_once(lambda: tool.change_width(thicker=WIDTHS[key]))
        else:
            event.ignore()

    def _ask_name(self, tool: NamedShapesTool) -> None:
        """Show a field with the name of the current shape beside it; Enter renames it, Esc does not."""
        if tool.current is None:
            return
        self._close_name()
        shape = tool.value[tool.current]
        field = self.name_field = QLineEdit(shape.name, self)
        field.setMaxLength(LONGEST_NAME)
        field.setAccessibleName(self.tr("Name"))
        field.setToolTip(self.tr("The name in the picture and in tables. Enter: rename it, Esc: leave it."))
        field.setFixedWidth(NAME_WIDTH)
        place = self._canvas.widget_position(*shape.points[0])
        left = min(max(int(place.x()), 0), max(0, self.width() - NAME_WIDTH))
        field.move(left, min(max(int(place.y()), 0), max(0, self.height() - field.sizeHint().height())))
        field.installEventFilter(self)
        field.show()
        field.selectAll()
        field.setFocus(Qt.FocusReason.OtherFocusReason)
        self.update()

    def _name_key(self, event: QKeyEvent) -> bool:
        """Whether `event` of the field is handled here: what it ignores would otherwise act on the shape."""
        pressed, key = event.type() == QEvent.Type.KeyPress, Qt.Key(event.key())
        if pressed and key == Qt.Key.Key_Escape:
            self._close_name()
        elif pressed and key in FINISH:
            self._rename()
        elif key not in (Qt.Key.Key_Escape, *FINISH, Qt.Key.Key_Up, Qt.Key.Key_Down):
            return False
        event.accept()
        return True

    def _rename(self) -> None:
        field, tool = self.name_field, self.tool
        if field is None or not isinstance(tool, NamedShapesTool):
            return
        try:
            name = field.text()
            self._edit_once(lambda: tool.rename(name))
        except ParamsError as error:
            QToolTip.showText(field.mapToGlobal(field.rect().bottomLeft()), str(error), field)
            return
        self._close_name()

    def _close_name(self) -> None:
        field, self.name_field = self.name_field, None
        if field is not None:
            focused = field.hasFocus()
            field.hide()
            field.deleteLater()
            if focused and self.isVisible():
                self.setFocus(Qt.FocusReason.OtherFocusReason)

    def _escape(self, tool: ShapeTool) -> None:
        dragging = tool.dragging
        if not tool.cancel():
            self.closed.emit()
            return
        self.update()
        if dragging:
            self.dropped.emit()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if self._nudging and not event.isAutoRepeat() and Qt.Key(event.key()) in ARROWS:
            self._nudging = False
            self.released.emit()
        else:
            event.ignore()

    # Painting -------------------------------------------------------------------------------------------------------

    def _points(self, points: Sequence[Point]) -> QPolygonF:
        return QPolygonF([self._canvas.widget_position(*point) for point in points])

    def paintEvent(self, event: QPaintEvent) -> None:
        tool = self.tool
        if tool is None or not self.painted or self._canvas.content_size is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if isinstance(tool, StrokesTool):
            self._paint_strokes(painter, tool)
        elif isinstance(tool, PolygonTool):
            self._paint_polygon(painter, tool)
        elif isinstance(tool, NamedShapesTool):
            self._paint_named(painter, tool)
        elif isinstance(tool, BoxTool) and tool.value is not None:
            left, top, right, bottom = tool.value
            self._outline(painter, ((left, top), (right, top), (right, bottom), (left, bottom)), closed=True)
        self._paint_handles(painter, tool)
        self._paint_hint(painter, tool)
        painter.end()

    def _outline(self, painter: QPainter, points: Sequence[Point], *, closed: bool) -> None:
        paint_outline(painter, self._points(points), closed=closed)

    def _paint_polygon(self, painter: QPainter, tool: PolygonTool) -> None:
        if tool.draft:
            rubber = (self._cursor,) if self._cursor is not None and not tool.dragging else ()
            self._outline(painter, (*tool.draft, *rubber), closed=False)
        elif tool.value is not None:
            self._outline(painter, tool.value, closed=True)

    def _paint_named(self, painter: QPainter, tool: NamedShapesTool) -> None:
        for number, shape in enumerate(tool.value):
            self._outline(painter, shape.points, closed=tool.closed)
            if not tool.closed:
                self._paint_arrow(painter, shape)
            text = shape.name
            size = painter.fontMetrics().size(0, text)
            corner = self._canvas.widget_position(*shape.points[0]) + QPointF(NAME_GAP, NAME_GAP)
            plate = QRectF(corner, QSizeF(size.width() + 12, size.height() + 4))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("accent") if number == tool.current else SHADE)
            painter.drawRoundedRect(plate, 4, 4)
            painter.setPen(BRIGHT)
            painter.drawText(plate, Qt.AlignmentFlag.AlignCenter, text)
        if tool.draft:
            rubber = (self._cursor,) if self._cursor is not None and not tool.dragging else ()
            self._outline(painter, (*tool.draft, *rubber), closed=False)

    def _paint_arrow(self, painter: QPainter, line: NamedShape) -> None:
        """An arrow from the middle of a line to where "in" is."""
        middle, (dx, dy) = inwards(line)
        start = self._canvas.widget_position(*middle)
        tip = start + QPointF(dx, dy) * ARROW_PX
        side = QPointF(-dy, dx) * 5
        back = QPointF(dx, dy) * 8
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for colour, width in ((SHADE, 3.5), (BRIGHT, 1.5)):
            painter.setPen(QPen(colour, width))
            painter.drawLine(start, tip)
            painter.drawPolyline(QPolygonF([tip - back + side, tip, tip - back - side]))

    def _paint_strokes(self, painter: QPainter, tool: StrokesTool) -> None:
        from cvstudio.draw.palette import class_colour

        scale = self._canvas.view().scale / self.devicePixelRatioF()
        for number, stroke in enumerate(tool.value):
            line = self._points(stroke.points)
            width = max(stroke.width * scale, 1.5)
            colour = QColor(*class_colour(stroke.label)) if stroke.label else theme.colour("accent")
            colour.setAlphaF(0.75)
            edge = BRIGHT if number == tool.selected else SHADE
            for line_colour, line_width in ((edge, width + 2), (colour, width)):
                painter.setPen(QPen(line_colour, line_width, c=Qt.PenCapStyle.RoundCap, j=Qt.PenJoinStyle.RoundJoin))
                if len(stroke.points) == 1:
                    painter.drawPoint(line.first())
                else:
                    painter.drawPolyline(line)

    def _paint_handles(self, painter: QPainter, tool: ShapeTool) -> None:
        near = tool.handle_at(self._cursor, self.reach) if self._cursor is not None else None
        for handle in tool.handles():
            centre = self._canvas.widget_position(*handle.place)
            selected = handle.number == tool.selected and not handle.adds
            radius = HANDLE_PX * (0.65 if handle.adds else 1.25 if handle == near else 1.0)
            painter.setPen(QPen(SHADE, 1.5))
            painter.setBrush(theme.colour("accent") if selected else BRIGHT)
            if isinstance(tool, BoxTool):
                painter.drawRect(QRectF(centre - QPointF(radius, radius), centre + QPointF(radius, radius)))
            else:
                painter.drawEllipse(centre, radius, radius)

    def hint(self) -> str:
        """The mouse and key actions of the tool, on one line."""
        tool = self.tool
        if isinstance(tool, BoxTool):
            if tool.value is None:
                return self.tr("Drag to draw a box · Esc: done")
            return self.tr("Drag handles, inside to move, outside for a new one · Del: remove · Esc: done")
        if isinstance(tool, PolygonTool):
            if tool.draft:
                return self.tr("Click for each corner · Enter or double-click: finish · Esc: cancel")
            if tool.value is None:
                return self.tr("Click for the first corner · Esc: done")
            return self.tr("Drag corners, or the middle of a side for a new one · Del: remove · Esc: done")
        if isinstance(tool, NamedShapesTool):
            return self._named_hint(tool)
        if isinstance(tool, StrokesTool):
            labels = "  ".join(f"{number} {label}" for number, label in enumerate(tool.labels[:9], 1))
            drawn = self.tr("Drag to draw {label}").format(label=tool.label) if tool.label else self.tr("Drag to draw")
            parts = [drawn.strip(), labels, self.tr("[ ] width {width} px").format(width=f"{tool.width:g}")]
            parts += [self.tr("Shift: erase"), self.tr("Esc: done")]
            return " · ".join(part for part in parts if part)
        return ""

    def _named_hint(self, tool: NamedShapesTool) -> str:
        if tool.closed:
            if tool.draft:
                return self.tr("Click for each corner · Enter or double-click: finish · Esc: cancel")
            if tool.current is None:
                return self.tr("Click for the first corner of a zone · Esc: done")
            return self.tr("Drag corners, or inside to move · double-click: name · Del: remove · Esc: done")
        if tool.current is None or tool.draft:
            return self.tr("Drag to draw a line; the arrow shows where “in” is · Esc: done")
        return self.tr("Drag its ends or its middle · R: reverse · double-click: name · Del: remove · Esc: done")

    def _paint_hint(self, painter: QPainter, tool: ShapeTool) -> None:
        if tool.dragging:
            return
        paint_hint(painter, self.hint(), self.width())


def tool_for(field: Field, value: Any, size: Size) -> ShapeTool:
    """Create the tool that edits the parameter `field`, a drawn shape, on a picture of `size`."""
    if field.kind == "box":
        return BoxTool(value, size)
    if field.kind == "polygon":
        return PolygonTool(value, size)
    if field.kind in ("lines", "zones"):
        return NamedShapesTool(value, size, field.kind)
    return StrokesTool(value, size, field.pick.labels if field.pick is not None else ())
