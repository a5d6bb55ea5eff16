"""The receptive field of the chosen layer, drawn around the cursor on the picture."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from cvstudio.data.geometry import Rect, Size
from cvstudio.models.inspection.field_on_picture import field_at
from cvstudio.models.inspection.receptive_field import ReceptiveField
from ui.base import theme
from ui.views.canvas import Canvas

MARGIN = 4


class FieldMark(QWidget):
    """A transparent widget over the canvas that lets every event through."""

    def __init__(self, canvas: Canvas) -> None:
        super().__init__(canvas)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._canvas = canvas
        self._field: ReceptiveField | None = None
        self._input = (0, 0)
        self._cropped = False
        self._name = ""
        self._picture: Size | None = None
        self._at: tuple[float, float] | None = None
        canvas.installEventFilter(self)
        canvas.hovered.connect(self._hovered)
        canvas.left.connect(self._left)
        self.hide()

    def show_field(
        self, name: str, field: ReceptiveField | None, input_size: tuple[int, int], *, cropped: bool
    ) -> None:
        """Show the receptive field of the layer `name`; None, or one that is not local, shows nothing.

        `input_size` is (height, width) of the network's input in pixels; `cropped`: it takes the middle of the picture.
        """
        self._name, self._field = name, field if field is not None and field.local else None
        self._input, self._cropped = input_size, cropped
        self.setGeometry(self._canvas.rect())
        self.setVisible(self._field is not None)
        self.raise_()
        self.update()

    def set_picture(self, size: Size | None) -> None:
        """Set the size of the open picture; None without one."""
        self._picture = size
        self.update()

    def rect_shown(self) -> Rect | None:
        """The rectangle that is drawn, in pixels of the picture; None where nothing is drawn."""
        if self._field is None or self._at is None or self._picture is None:
            return None
        return field_at(self._field, self._input, self._picture, *self._at, cropped=self._cropped)

    def _hovered(self, x: float, y: float) -> None:
        self._at = (x, y)
        self.update()

    def _left(self) -> None:
        self._at = None
        self.update()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self.setGeometry(self._canvas.rect())
        return super().eventFilter(watched, event)

    def paintEvent(self, event: QPaintEvent) -> None:
        rect = self.rect_shown()
        if rect is None or self._canvas.content_size is None:
            return
        place = self._canvas.widget_position
        box = QRectF(place(rect.x, rect.y), place(rect.right, rect.bottom)).normalized()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        # Everything outside the receptive field is dimmed.
        outside = theme.colour("window", 0.45)
        whole = QRectF(self.rect())
        inside = box.intersected(whole)
        for part in (
            QRectF(whole.left(), whole.top(), whole.width(), inside.top() - whole.top()),
            QRectF(whole.left(), inside.bottom(), whole.width(), whole.bottom() - inside.bottom()),
            QRectF(whole.left(), inside.top(), inside.left() - whole.left(), inside.height()),
            QRectF(inside.right(), inside.top(), whole.right() - inside.right(), inside.height()),
        ):
            painter.fillRect(part, outside)
        painter.setPen(QPen(theme.colour("window", 0.8), 4))
        painter.drawRect(box)
        painter.setPen(QPen(theme.colour("accent"), 2))
        painter.drawRect(box)
        painter.setFont(theme.app_font(theme.SMALL_PX))
        room = painter.fontMetrics().boundingRect(self._name).adjusted(-MARGIN, -MARGIN, MARGIN, MARGIN)
        label = QRectF(inside.left(), inside.top(), room.width(), room.height())
        painter.fillRect(label, theme.colour("accent"))
        painter.setPen(theme.colour("on_accent"))
        painter.drawText(label, Qt.AlignmentFlag.AlignCenter, self._name)
        painter.end()
