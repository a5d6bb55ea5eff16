"""Icons: line drawings from resources/icons, tinted in a colour of the theme at each painting."""

from __future__ import annotations

import functools

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QIconEngine, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from cvstudio.foundation.paths import resource
from ui.base import theme


@functools.cache
def _source(name: str) -> str:
    try:
        return resource("icons", f"{name}.svg").read_text(encoding="utf-8")
    except FileNotFoundError:
        raise KeyError(f"there is no icon '{name}'") from None


@functools.lru_cache(maxsize=1024)
def _tinted(name: str, colour: str, side: int) -> QPixmap:
    renderer = QSvgRenderer(_source(name).replace("currentColor", colour).encode())
    pixmap = QPixmap(side, side)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    renderer.render(painter, QRectF(0, 0, side, side))
    painter.end()
    return pixmap


def tinted(name: str, colour: QColor, size: int, ratio: float = 1.0) -> QPixmap:
    """The icon as a pixmap of `size` logical pixels in `colour`, at `ratio` device pixels for each.

    Raises
    ------
    KeyError
        resources/icons has no such file.
    """
    pixmap = QPixmap(_tinted(name, colour.name(), round(size * ratio)))
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


class _Engine(QIconEngine):
    """Paints in the current palette, so that a change of theme applies to existing icons, too."""

    # Qt owns the clones, while Python would collect them with their last reference.
    _clones: list[_Engine] = []  # noqa: RUF012

    def __init__(self, name: str, size: int, role: str) -> None:
        super().__init__()
        self._name = name
        self._size = size
        self._role = role

    def _colour(self, mode: QIcon.Mode, state: QIcon.State) -> QColor:
        if mode == QIcon.Mode.Disabled:
            return theme.colour("disabled")
        return theme.colour("link" if state == QIcon.State.On else self._role)

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        side = min(self._size, rect.width(), rect.height())
        if side <= 0:
            return  # a widget without a size yet
        picture = tinted(self._name, self._colour(mode, state), side, painter.device().devicePixelRatio())
        corner = QPointF(rect.x() + (rect.width() - side) / 2, rect.y() + (rect.height() - side) / 2)
        painter.drawPixmap(corner, picture)

    def scaledPixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State, scale: float) -> QPixmap:
        """`size` is in logical pixels, `scale` device pixels for each of them."""
        pixmap = QPixmap(size * scale)
        if pixmap.isNull():
            return pixmap
        pixmap.setDevicePixelRatio(scale)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        self.paint(painter, QRect(QPoint(), size), mode, state)
        painter.end()
        return pixmap

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        return self.scaledPixmap(size, mode, state, 1.0)

    def clone(self) -> QIconEngine:
        copy = _Engine(self._name, self._size, self._role)
        self._clones.append(copy)
        return copy


@functools.cache
def icon(name: str, size: int = 16, role: str = "text") -> QIcon:
    """The icon of that name, drawn at most `size` logical pixels wide.

    It takes its colour from the theme each time it is painted: quieter where its widget is disabled, the accent
    where a button is checked. `role` names the palette's colour, "on_accent" for an icon on the primary button.

    Raises
    ------
    KeyError
        resources/icons has no such file.
    """
    _source(name)
    return QIcon(_Engine(name, size, role))
