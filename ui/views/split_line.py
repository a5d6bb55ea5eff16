"""Split line: the draggable line between two results."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from ui.base import theme
from ui.base.keys import SLIDER_KEYS, claims

WIDTH = 28
GRIP = 11.0
STEP = 0.01


class SplitLine(QWidget):
    """Widget of its parent's height that paints a line and a grip.

    Signals
    -------
    moved : position after a move by the user, 0..1 of the parent's width
    """

    moved = Signal(float)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setCursor(Qt.CursorShape.SplitHCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setAccessibleName(self.tr("Line between both sides"))
        self.setToolTip(self.tr("Drag it, or press Left and Right; double-click for the middle"))
        self._share = 0.5
        self._grabbed: float | None = None

    @property
    def share(self) -> float:
        """The position of the line, 0..1 of the parent's width."""
        return self._share

    @property
    def middle(self) -> int:
        """The centre of the line, in pixels of the parent."""
        parent = self.parentWidget()
        return round(self._share * parent.width()) if parent is not None else 0

    def place(self, share: float) -> None:
        """Move the line to `share`, 0..1 of the parent's width; never emits."""
        self._share = min(max(share, 0.0), 1.0)
        parent = self.parentWidget()
        if parent is not None:
            self.setGeometry(self.middle - WIDTH // 2, 0, WIDTH, parent.height())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._grabbed = event.position().x() - WIDTH / 2
        else:
            event.ignore()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        parent = self.parentWidget()
        if self._grabbed is not None and parent is not None:
            position = self.mapToParent(event.position().toPoint()).x() - self._grabbed
            self._move_to(position / max(1, parent.width()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._grabbed = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self._move_to(0.5)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Left: -STEP, Qt.Key.Key_Right: STEP}.get(Qt.Key(event.key()))
        ends = {Qt.Key.Key_Home: 0.0, Qt.Key.Key_End: 1.0}.get(Qt.Key(event.key()))
        if steps is not None:
            self._move_to(self._share + steps)
        elif ends is not None:
            self._move_to(ends)
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        return claims(event, SLIDER_KEYS) or super().event(event)

    def _move_to(self, share: float) -> None:
        self.place(share)
        self.moved.emit(self._share)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = WIDTH / 2
        # A light line on a wider dark one is visible on any picture.
        painter.fillRect(QRectF(middle - 2, 0, 4, self.height()), QColor(16, 18, 22, 170))
        painter.fillRect(QRectF(middle - 1, 0, 2, self.height()), QColor(255, 255, 255))
        centre = QPointF(middle, self.height() / 2)
        painter.setPen(QPen(QColor(16, 18, 22, 170), 1.5))
        painter.setBrush(theme.colour("accent") if self.hasFocus() else QColor(255, 255, 255))
        painter.drawEllipse(centre, GRIP, GRIP)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(16, 18, 22))
        for side in (-1, 1):
            tip = centre + QPointF(side * 7.5, 0)
            painter.drawPolygon(QPolygonF([tip, tip + QPointF(-side * 4, -4), tip + QPointF(-side * 4, 4)]))
