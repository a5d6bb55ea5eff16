"""The mark of results that are older than the picture which they lie on."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter

from ui.base import theme

LINE = 2
MARGIN = 12
GROUND = QColor(16, 18, 22, 190)
INK = QColor(255, 255, 255)


def paint_age(painter: QPainter, secs: float, width: int) -> None:
    """A thin line along the top of the canvas of `width`, and how many milliseconds the results are behind."""
    painter.fillRect(QRectF(0, 0, width, LINE), theme.colour("accent"))
    text = f"\u2212{secs * 1000:.0f} ms"
    painter.setFont(theme.app_font(theme.SMALL_PX))
    # Of the width of the widest number, so that it does not twitch from frame to frame.
    room = painter.fontMetrics().horizontalAdvance("\u22129000 ms") + 16
    box = QRectF(MARGIN, MARGIN, room, painter.fontMetrics().height() + 8)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(GROUND)
    painter.drawRoundedRect(box, 4, 4)
    painter.setPen(INK)
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
