"""Swatch: the dot in the colour of a class."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPen, QPixmap

RGB = tuple[int, int, int]


def swatch(name: str, among: tuple[str, ...] = (), size: int = 12, ratio: float = 2.0) -> QPixmap:
    """A dot of `size` logical pixels in the colour of the class `name`, at `ratio` device pixels for each.

    `among` are all classes of the model, on which the colour depends as it does on the picture (`class_colour`).
    """
    from cvstudio.draw.palette import class_colour

    return dot(class_colour(name, among), size, ratio)


def dot(colour: RGB, size: int = 12, ratio: float = 2.0) -> QPixmap:
    """A dot of `size` logical pixels, at `ratio` device pixels for each."""
    pixmap = QPixmap(round(size * ratio), round(size * ratio))
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    # An outline, for the contrast of yellow on a light background and blue on a dark one.
    painter.setPen(QPen(QColor(128, 128, 128, 160), 0.75))
    painter.setBrush(QColor(*colour))
    painter.drawEllipse(QRectF(0.5, 0.5, size - 1, size - 1))
    painter.end()
    return pixmap


def steady_icon(pixmap: QPixmap) -> QIcon:
    """An icon that looks the same in a selected row: Qt would tint it, and a tinted swatch is that of another class."""
    icon = QIcon(pixmap)
    icon.addPixmap(pixmap, QIcon.Mode.Selected)
    return icon
