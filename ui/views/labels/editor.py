"""Editor of the labels of a picture over the canvas, with mouse and keys."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, Qt, Signal
from PySide6.QtGui import QColor, QContextMenuEvent, QKeyEvent, QKeySequence, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from cvstudio.data import label_editing as editing
from cvstudio.data.keypoint_editing import first_missing
from cvstudio.data.labels import Category, PictureLabels
from cvstudio.foundation.shapes import Point
from ui.base.keys import claims
from ui.views.canvas import Canvas
from ui.views.labels.edits import KEYPOINT, Edit, LabelHandle, Mode
from ui.views.labels.painting import LabelPainter, cursor_of
from ui.views.labels.tool import BRUSH_WIDTH, LabelTool
from ui.views.marks import paint_hint
from ui.views.shape_editor import ARROWS, DIGITS, FAR_STEP, FINISH, REACH_PX, REMOVE, WIDTHS

MODES = {
    Qt.Key.Key_B: Mode.BOX,
    Qt.Key.Key_P: Mode.POLYGON,
    Qt.Key.Key_M: Mode.BRUSH,
    Qt.Key.Key_K: Mode.KEYPOINTS,
    Qt.Key.Key_W: Mode.CLASSES,
    Qt.Key.Key_R: Mode.REGIONS,
    Qt.Key.Key_F: Mode.FILL,
}
STEPS = {Qt.Key.Key_D: 1, Qt.Key.Key_A: -1}
SKIP, VISIBILITY, CONTINUE = Qt.Key.Key_N, Qt.Key.Key_V, Qt.Key.Key_T
KEYS = frozenset(
    (
        *ARROWS,
        *REMOVE,
        *FINISH,
        *WIDTHS,
        *DIGITS,
        *MODES,
        *STEPS,
        SKIP,
        VISIBILITY,
        CONTINUE,
        Qt.Key.Key_C,
        Qt.Key.Key_Escape,
    ),
)
ONCE = frozenset((*MODES, *DIGITS, SKIP, VISIBILITY, CONTINUE, Qt.Key.Key_C))
"""Keys that do nothing more while they are held down."""


class LabelEditor(QWidget):
    """Transparent widget over the canvas that edits labels; what concerns no object goes on to the canvas.

    Signals
    -------
    edited : (edit, nudging), an `Edit`; with `nudging` more of them follow until `released`
    released : the arrow key was released
    selected : number of the selected object, or None
    hidden_changed : `hidden` has changed
    mode_changed : the tool has another mode
    class_chosen : index of the class that a digit stands for
    picture_class_chosen : index of a class that the whole picture has or loses; None for no class at all
    class_asked : the user wants another class for the selected object, or for the next ones
    keypoints_asked : the class of what is edited has no key points, but they are wanted
    menu_asked : (place on the screen, `LabelHandle` or None) of the selected object
    stepped : the next picture or frame is wanted (1), or the previous one (-1)
    labelled_stepped : the next one with labels is wanted (1), or the previous one (-1)
    continued : what is labelled on a frame before is wanted on this one, too
    closed : the user ended the tool

    Attributes
    ----------
    tool : None while no picture is edited
    moving : whether it is a frame of a video, which the hint is about
    """

    edited = Signal(object, bool)
    released = Signal()
    selected = Signal(object)
    hidden_changed = Signal()
    mode_changed = Signal()
    class_chosen = Signal(int)
    picture_class_chosen = Signal(object)
    class_asked = Signal()
    keypoints_asked = Signal()
    menu_asked = Signal(QPoint, object)
    stepped = Signal(int)
    labelled_stepped = Signal(int)
    continued = Signal()
    closed = Signal()

    def __init__(self, canvas: Canvas) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self.tool: LabelTool | None = None
        self._painted = True
        self._painter = LabelPainter(canvas)
        self._cursor: Point | None = None
        self._nudging = False
        self._width = BRUSH_WIDTH
        self._of_pixels = False
        self._hidden: int | None = None
        self._categories: tuple[Category, ...] = ()
        self.moving = False
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(self.tr("Labels on the picture"))
        self.hide()
        # Below the canvas's bars.
        self.lower()
        canvas.view_changed.connect(self.update)
        canvas.installEventFilter(self)

    # State ----------------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Lie over the canvas and take its keys; a tool can be set now or later."""
        self.setGeometry(self._canvas.rect())
        self.show()
        self.setFocus(Qt.FocusReason.OtherFocusReason)
        self.update()

    def end(self) -> None:
        """End the tool."""
        focused = self.hasFocus()
        self.set_tool(None)
        self.hide()
        if focused:
            self._canvas.setFocus(Qt.FocusReason.OtherFocusReason)

    def set_tool(self, tool: LabelTool | None) -> None:
        """Edit another picture; None while there is none. The brush stays as wide, and polygons of pixels stay that."""
        if self.tool is not None:
            self._width, self._of_pixels = self.tool.width, self.tool.of_pixels
        if tool is not None:
            tool.width, tool.of_pixels = self._width, self._of_pixels
            tool.categories = self._categories
        self.tool = tool
        self._cursor = None
        self._changed()

    def set_labels(self, labels: PictureLabels, selected: int | None) -> None:
        """Set labels and selection by the program; never emits `edited` or `selected`."""
        tool = self.tool
        if tool is not None and (labels is not tool.labels or selected != tool.selected):
            tool.set_labels(labels, selected)
            self._changed()

    def set_category(self, category: int) -> None:
        """Set the class of what is drawn next."""
        if self.tool is not None:
            self.tool.category = category
            self.update()

    def set_classes(self, names: Sequence[str], colours: Sequence[QColor], categories: Sequence[Category] = ()) -> None:
        """Set names and colours of the classes in their order, and what else is declared of them."""
        self._categories = self._painter.categories = tuple(categories)
        if self.tool is not None:
            self.tool.categories = self._categories
        self._painter.names = tuple(names)
        self._painter.colours = tuple(colours)
        self.update()

    def set_mode(self, mode: Mode) -> None:
        """Set what a drag does."""
        tool = self.tool
        if tool is None:
            return
        # Key points that were placed are kept, as they are many clicks.
        if tool.skeleton is not None and tool.mode is not mode:
            self._take(tool.finish())
        before = tool.selected
        tool.set_mode(mode)
        self._tell_selected(before)
        self.mode_changed.emit()
        self._changed()

    @property
    def hidden(self) -> int | None:
        """Number of the object that is drawn here and not by the canvas, the selected one; None without one."""
        return self._hidden

    @property
    def painted(self) -> bool:
        """Whether the tool is painted: not while the canvas is grabbed without it."""
        return self._painted

    @painted.setter
    def painted(self, painted: bool) -> None:
        self._painted = painted
        self._changed()

    def _changed(self) -> None:
        tool = self.tool
        hidden = tool.selected if tool is not None and self._painted else None
        if hidden != self._hidden:
            self._hidden = hidden
            self.hidden_changed.emit()
        self._show_cursor()
        self.update()

    def _tell_selected(self, before: int | None) -> None:
        if self.tool is not None and self.tool.selected != before:
            self.selected.emit(self.tool.selected)

    def _take(self, edit: Edit | None, *, nudging: bool = False) -> None:
        if edit is not None:
            self.edited.emit(edit, nudging)
        self._changed()

    # Mouse ----------------------------------------------------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self.setGeometry(self._canvas.rect())
        return False

    @property
    def reach(self) -> float:
        """Radius around a handle within which a press grabs it, in image pixels."""
        return REACH_PX * self.devicePixelRatioF() / self._canvas.view().scale

    def mousePressEvent(self, event: QMouseEvent) -> None:
        point, tool = self._canvas.image_position(event.position()), self.tool
        if tool is None or point is None or event.button() != Qt.MouseButton.LeftButton or self._canvas.space_held:
            event.ignore()
            return
        if tool.mode is Mode.KEYPOINTS and not tool.point_names() and tool.handle_at(point, self.reach) is None:
            hit = editing.number_at(tool.labels, *point)
            if hit is None or not tool.point_names(tool.labels.annotations[hit].category):
                self.keypoints_asked.emit()
                return
        before = tool.selected
        erase = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if not tool.press(point, self.reach, erase=erase):
            event.ignore()
        self._tell_selected(before)
        self._changed()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        point, tool = self._canvas.image_position(event.position()), self.tool
        self._cursor = point
        if tool is not None and point is not None and tool.dragging:
            tool.drag(point)
            self._changed()
        else:
            self._show_cursor()
            self.update()
            event.ignore()  # the canvas handles hovering

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        point, tool = self._canvas.image_position(event.position()), self.tool
        if tool is None or point is None or not tool.dragging or event.button() != Qt.MouseButton.LeftButton:
            event.ignore()
            return
        before = tool.selected
        edit = tool.release(point)
        if edit is None:
            self._tell_selected(before)
        self._take(edit)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        tool = self.tool
        if tool is None or event.button() != Qt.MouseButton.LeftButton:
            event.ignore()
        elif tool.corners:
            self._take(tool.finish())
        elif tool.mode is Mode.SELECT and tool.selected is not None:
            self.class_asked.emit()
        else:
            # The second of two quick strokes or clicks.
            self.mousePressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        tool, point = self.tool, self._canvas.image_position(event.pos().toPointF())
        if tool is None or point is None or tool.dragging or tool.corners or tool.skeleton is not None:
            event.accept()
            return
        handle = tool.handle_at(point, self.reach)
        before = tool.selected
        if handle is not None and handle.part == KEYPOINT:
            tool.point = handle.number
            self._changed()
        if handle is None:
            tool.selected = editing.number_at(tool.labels, *point)
            self._tell_selected(before)
            self._changed()
        if tool.selected is None:
            event.ignore()  # the canvas has a menu of its own
        else:
            self.menu_asked.emit(event.globalPos(), handle)

    def delete_corner(self, handle: LabelHandle) -> None:
        """Remove a corner of the selected polygon."""
        if self.tool is not None:
            self._take(self.tool.delete_corner(handle))

    def set_visibility(self, seen: int) -> None:
        """Make the selected key point visible, hidden or absent."""
        if self.tool is not None:
            self._take(self.tool.set_visibility(seen))

    def leaveEvent(self, event: QEvent) -> None:
        self._cursor = None
        self.update()

    def _show_cursor(self) -> None:
        tool, point = self.tool, self._cursor
        if self._canvas.space_held or tool is None:
            self.unsetCursor()
        elif not tool.dragging and point is not None:
            over = tool.mode is Mode.SELECT and editing.number_at(tool.labels, *point) is not None
            self.setCursor(cursor_of(tool, tool.handle_at(point, self.reach), self._canvas, over=over))

    # Keyboard -------------------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and self._takes_back(event):
            event.accept()
            return True
        return claims(event, KEYS) or super().event(event)

    def _takes_back(self, event: QEvent) -> bool:
        """Whether a key is Undo while corners or key points are placed: of these the last one is taken back."""
        placing = self.tool is not None and (self.tool.skeleton is not None or bool(self.tool.corners))
        return placing and isinstance(event, QKeyEvent) and event.matches(QKeySequence.StandardKey.Undo)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        tool, key = self.tool, Qt.Key(event.key())
        plain = not event.modifiers() & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier)
        if tool is not None and self._takes_back(event):
            self._take(tool.delete())
        elif key not in KEYS or not plain:
            event.ignore()
        elif key in ONCE and event.isAutoRepeat():
            pass
        elif key in STEPS:
            if tool is not None and tool.skeleton is not None:
                self._take(tool.finish())
            shift = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
            (self.labelled_stepped if shift else self.stepped).emit(STEPS[key])
        elif key == Qt.Key.Key_Escape:
            self._escape()
        elif tool is None or tool.dragging:
            event.ignore()
        elif key in ARROWS:
            step = FAR_STEP if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1.0
            dx, dy = self._in_picture(*ARROWS[key])
            self._nudging = True
            self._take(tool.nudge(dx * step, dy * step), nudging=True)
        elif key in REMOVE and tool.mode is Mode.CLASSES:
            self.picture_class_chosen.emit(None)
        elif key in REMOVE:
            self._take(tool.delete())
        elif key in FINISH:
            self._take(tool.finish() if tool.corners or tool.skeleton is not None else None)
        elif key == SKIP:
            self._take(tool.skip_keypoint())
        elif key == CONTINUE:
            self.continued.emit()
        elif key == VISIBILITY:
            self._toggle_visibility(tool)
        elif key in MODES:
            self.set_mode(MODES[key])
        elif key in DIGITS:
            chosen = self.picture_class_chosen if tool.mode is Mode.CLASSES else self.class_chosen
            chosen.emit(DIGITS[key])
        elif key in WIDTHS:
            tool.change_width(thicker=WIDTHS[key])
            self._changed()
        else:
            self.class_asked.emit()

    def _in_picture(self, dx: float, dy: float) -> Point:
        """A direction on the screen in pixels of the picture, which may be shown turned and mirrored."""
        start, end = self._canvas.image_position(QPointF(0, 0)), self._canvas.image_position(QPointF(dx, dy))
        if start is None or end is None:
            return dx, dy
        across, down = end[0] - start[0], end[1] - start[1]
        length = max(abs(across), abs(down))
        return round(across / length), round(down / length)

    def _toggle_visibility(self, tool: LabelTool) -> None:
        """Of the key point under the cursor, else of the selected one."""
        handle = tool.handle_at(self._cursor, self.reach) if self._cursor is not None else None
        if handle is not None and handle.part == KEYPOINT:
            tool.point = handle.number
        self._take(tool.toggle_visibility())

    def _escape(self) -> None:
        tool = self.tool
        if tool is None:
            self.closed.emit()
            return
        before, mode = tool.selected, tool.mode
        if not tool.back():
            self.closed.emit()
            return
        self._tell_selected(before)
        if tool.mode is not mode:
            self.mode_changed.emit()
        self._changed()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if self._nudging and not event.isAutoRepeat() and Qt.Key(event.key()) in ARROWS:
            self._nudging = False
            self.released.emit()
        else:
            event.ignore()

    # Painting -------------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        tool = self.tool
        if tool is None or not self._painted or self._canvas.content_size is None:
            return
        painter = QPainter(self)
        self._painter.paint(painter, tool, self._cursor, self.reach)
        if not tool.dragging:
            paint_hint(painter, self.hint(), self.width())
        painter.end()

    def hint(self) -> str:
        """The mouse and key actions of the tool, on one line."""
        tool = self.tool
        if tool is None:
            return ""
        done = self.tr("Esc: done")
        if tool.corners:
            return self.tr("Click for each corner · Enter or double-click: finish · Del: one back · Esc: cancel")
        if tool.mode is Mode.CLASSES:
            keys = self.tr("1–9: class of the whole picture · C: from the list · Del: none")
            return " · ".join((keys, self.tr("D A next, previous"), done))
        if tool.mode is Mode.KEYPOINTS:
            return self._keypoints_hint(tool, done)
        if tool.point is not None:
            names = tool.point_names()
            name = names[tool.point] if tool.point < len(names) else str(tool.point + 1)
            return self.tr("{name} · drag to move · V: hidden or visible · Del: absent · Esc: deselect").format(
                name=name
            )
        if tool.mode is Mode.BRUSH:
            width = self.tr("[ ] width {width} px").format(width=f"{tool.width:g}")
            parts = [self._named(self.tr("Drag to paint {label}")), width, self.tr("Shift: erase")]
            return " · ".join((*parts, self.tr("M: another mask"), done))
        if tool.mode is Mode.REGIONS:
            width = self.tr("[ ] width {width} px").format(width=f"{tool.width:g}")
            drawn = self._named(self.tr("Drag to paint the class {label}"))
            keys = self.tr("1–9 C: class · Shift: erase · F: fill · P: polygon")
            return " · ".join((drawn, width, keys, done))
        if tool.mode is Mode.FILL:
            drawn = self._named(self.tr("Click to fill an area of one class: {label}"))
            return " · ".join((drawn, self.tr("1–9 C: class"), self.tr("Shift: erase"), self.tr("R: brush"), done))
        if tool.mode is Mode.BOX:
            return " · ".join((self._named(self.tr("Drag to draw a box: {label}")), self.tr("1–9 C: class"), done))
        if tool.mode is Mode.POLYGON:
            drawn = self._named(self.tr("Click for the corners of a polygon: {label}"))
            return " · ".join((drawn, self.tr("1–9 C: class"), done))
        if tool.selected is None and self.moving:
            return self.tr(
                "Click to select · B box · T objects of the frame before · D A next, previous frame · "
                "Shift: labelled frame · Esc: done"
            )
        if tool.selected is None:
            return self.tr(
                "Click to select · B box · P polygon · M brush · K key points · D A next, previous picture · Esc: done"
            )
        return self.tr("Drag to move, handles to resize · 1–9 C: class · Del: delete · Esc: deselect")

    def _keypoints_hint(self, tool: LabelTool, done: str) -> str:
        names, skeleton = tool.point_names(), tool.skeleton
        if skeleton is not None and skeleton.next is not None:
            count = self.tr("{number} of {count}").format(number=skeleton.next + 1, count=len(skeleton.names))
            name = self.tr("Click: {name} ({count})").format(name=skeleton.names[skeleton.next], count=count)
            keys = self.tr("Shift: hidden · N: skip · Del: one back · Enter: finish · Esc: cancel")
            return f"{name} · {keys}"
        if tool.selected is None:
            return self.tr("Click an object to give it key points, or beside all for a new one") + f" · {done}"
        missing = first_missing(tool.labels.annotations[tool.selected].keypoints, len(names))
        if missing is None:
            return self.tr("Drag a point to move it · V: hidden or visible · Del: absent") + f" · {done}"
        name = self.tr("Click: {name}").format(name=names[missing])
        return " · ".join((name, self.tr("Shift: hidden · N: skip"), done))

    def _named(self, text: str) -> str:
        tool = self.tool
        assert tool is not None
        names = self._painter.names
        category = tool.annotation.category if tool.mode is Mode.BRUSH and tool.annotation else tool.category
        return text.format(label=names[category] if category < len(names) else "")
