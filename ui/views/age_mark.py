"""Mark of results that are older than the picture they are drawn on."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter

from ui.base import theme

LINE = 2
MARGIN = 12
GROUND = QColor(16, 18, 22, 190)
INK = QColor(255, 255, 255)


def paint_age(painter: QPainter, secs: float, width: int) -> None:
    """Paint a thin line along the top of a canvas of `width` pixels, and the delay of the results in milliseconds."""
    painter.fillRect(QRectF(0, 0, width, LINE), theme.colour("accent"))
    text = f"\u2212{secs * 1000:.0f} ms"
    painter.setFont(theme.app_font(theme.SMALL_PX))
    # The width of the widest number, so that the box does not change its size from frame to frame.
    text_width = painter.fontMetrics().horizontalAdvance("\u22129000 ms") + 16
    box = QRectF(MARGIN, MARGIN, text_width, painter.fontMetrics().height() + 8)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(GROUND)
    painter.drawRoundedRect(box, 4, 4)
    painter.setPen(INK)
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
