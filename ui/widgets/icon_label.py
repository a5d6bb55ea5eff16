"""A label with an icon only, which follows the theme."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QSize
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from ui.base import theme
from ui.base.icons import tinted


class IconLabel(QWidget):
    """The icon `name` in the colour of a palette `role`; mouse events pass through it."""

    def __init__(self, name: str, size: int, role: str = "quiet") -> None:
        super().__init__()
        self._name = name
        self._size = size
        self._role = role
        tinted(name, theme.colour(role), size)  # raises for an unknown name here rather than while painting
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(self._size, self._size)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        picture = tinted(self._name, theme.colour(self._role), self._size, self.devicePixelRatioF())
        painter.drawPixmap(QPointF((self.width() - self._size) / 2, (self.height() - self._size) / 2), picture)
        painter.end()
