"""What tools paint over the canvas: outlines and hints that are legible on any picture, and the cross-hair."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

SHADE = QColor(16, 18, 22, 190)
BRIGHT = QColor(255, 255, 255)
PLATE_MARGIN = 12
"""Least distance of a plate from the edges of the canvas."""


def paint_outline(painter: QPainter, line: QPolygonF, *, closed: bool, colour: QColor = BRIGHT) -> None:
    """Paint a light line on a wider dark one, which is visible on any picture."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for line_colour, width in ((SHADE, 3.5), (colour, 1.5)):
        painter.setPen(QPen(line_colour, width))
        if closed:
            painter.drawPolygon(line)
        else:
            painter.drawPolyline(line)


def paint_hint(painter: QPainter, text: str, width: int) -> None:
    """Paint the actions of a tool on a plate in the middle of the top of a canvas of `width`."""
    elided = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, width - 2 * PLATE_MARGIN - 20)
    size = painter.fontMetrics().size(0, elided)
    paint_plate(painter, elided, QPointF((width - size.width()) / 2 - 10, PLATE_MARGIN))


def paint_plate(painter: QPainter, text: str, corner: QPointF) -> None:
    """Paint a text on a dark plate whose top left corner is at `corner`."""
    size = painter.fontMetrics().size(0, text)
    plate = QRectF(corner.x(), corner.y(), size.width() + 20, size.height() + 8)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(SHADE)
    painter.drawRoundedRect(plate, 6, 6)
    painter.setPen(BRIGHT)
    painter.drawText(plate, Qt.AlignmentFlag.AlignCenter, text)


def paint_cross_hair(painter: QPainter, point: QPointF, size: QSize) -> None:
    """Paint lines through `point` to the edges of a canvas of `size`, with a gap around it."""
    x, y, gap = point.x(), point.y(), 6.0
    # A light line on a wider dark one is visible on any picture.
    for colour, width in ((QColor(0, 0, 0, 150), 3.0), (QColor(255, 255, 255, 230), 1.0)):
        half = width / 2
        painter.fillRect(QRectF(0, y - half, x - gap, width), colour)
        painter.fillRect(QRectF(x + gap, y - half, size.width() - x - gap, width), colour)
        painter.fillRect(QRectF(x - half, 0, width, y - gap), colour)
        painter.fillRect(QRectF(x - half, y + gap, width, size.height() - y - gap), colour)
