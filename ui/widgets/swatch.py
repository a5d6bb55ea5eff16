"""The dot that stands for a class."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPixmap


def swatch(name: str, size: int = 12, ratio: float = 2.0) -> QPixmap:
    """A dot in the colour that boxes of the class `name` have."""
    from cvstudio.draw.palette import class_colour

    made = QPixmap(round(size * ratio), round(size * ratio))
    made.setDevicePixelRatio(ratio)
    made.fill(Qt.GlobalColor.transparent)
    painter = QPainter(made)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    # A hairline holds yellow together on a light ground and blue on a dark one.
    painter.setPen(QPen(QColor(128, 128, 128, 160), 0.75))
    painter.setBrush(QColor(*class_colour(name)))
    painter.drawEllipse(QRectF(0.5, 0.5, size - 1, size - 1))
    painter.end()
    return made
