"""What is painted over the picture of a scene: directions, coordinates, the legend of colours, and measured lengths."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QPen

from cvstudio.draw.spatial.guides import AXIS_COLOURS, Tick
from cvstudio.draw.spatial.orbit_camera import Floats, OrbitCamera
from cvstudio.draw.spatial.picking import angles_deg, lengths
from cvstudio.draw.spatial.scene_picture import Legend, number_text
from cvstudio.draw.spectrogram import colour_lut

GIZMO = 34.0
"""Length of the axes of the cross of directions, in logical pixels."""
_BAR = (12.0, 160.0)
_SHADOW, _GLOW = QColor(0, 0, 0, 150), QColor(255, 255, 255, 170)
_MARK = QColor(255, 200, 60)


def paint_text(painter: QPainter, place: QPointF, text: str, colour: QColor) -> None:
    """Text whose left end of the baseline is at a place, with an edge that is dark where the text is light and light
    where it is dark, so that it is read on anything."""
    painter.setPen(_SHADOW if colour.lightness() > 127 else _GLOW)
    for step in (QPointF(1, 1), QPointF(-1, 1), QPointF(1, -1), QPointF(-1, -1)):
        painter.drawText(place + step, text)
    painter.setPen(colour)
    painter.drawText(place, text)


def paint_directions(painter: QPainter, centre: QPointF, camera: OrbitCamera) -> None:
    """The directions of the x, y and z axes, those towards the eye over the others."""
    ends = camera.rotation.T
    for axis in np.argsort(ends[:, 2]).tolist():
        colour = QColor(*AXIS_COLOURS[axis])
        end = centre + QPointF(float(ends[axis, 0]), -float(ends[axis, 1])) * GIZMO
        painter.setPen(QPen(colour, 2, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.drawLine(centre, end)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawEllipse(end, 7, 7)
        painter.setPen(QColor(16, 18, 22))
        painter.drawText(QRectF(end.x() - 8, end.y() - 8, 16, 16), Qt.AlignmentFlag.AlignCenter, "xyz"[axis])
    painter.setBrush(Qt.BrushStyle.NoBrush)


def paint_legend(painter: QPainter, right: float, middle: float, legend: Legend, colour: QColor) -> None:
    """A bar of the colours with the values that they mean, its right end at `right`."""
    width, height = _BAR
    table = np.ascontiguousarray(colour_lut(legend.colour_map)[::-1, None])
    bar = QImage(table.data, 1, len(table), 3, QImage.Format.Format_RGB888)
    place = QRectF(right - width, middle - height / 2, width, height)
    painter.drawImage(place, bar)
    metrics = QFontMetricsF(painter.font())
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        text = number_text(legend.low + (legend.high - legend.low) * share, legend.high - legend.low)
        baseline = place.bottom() - share * height + metrics.ascent() / 2 - 2
        paint_text(painter, QPointF(place.left() - 6 - metrics.horizontalAdvance(text), baseline), text, colour)
    title = f"{legend.title} [{legend.unit}]" if legend.unit else legend.title
    left = place.right() - metrics.horizontalAdvance(title)
    paint_text(painter, QPointF(left, place.top() - 10), title, colour)


def paint_ticks(
    painter: QPainter, places: NDArray[np.float64], ticks: Sequence[Tick], extent: float, colour: QColor
) -> None:
    """Coordinates beside the axes of a scene, at their places (n, 3) in the view; those too close are left out."""
    metrics, on_dark = QFontMetricsF(painter.font()), colour.lightness() > 127
    taken: list[QRectF] = []
    for (x, y, _), tick in zip(places.tolist(), ticks, strict=True):
        if not (math.isfinite(x) and math.isfinite(y)):
            continue
        text = f"{'xyz'[tick.axis]} {number_text(tick.value, extent)}"
        box = QRectF(x + 6, y - metrics.ascent(), metrics.horizontalAdvance(text), metrics.height())
        if any(box.intersects(other) for other in taken):
            continue
        taken.append(box)
        axis = QColor(*AXIS_COLOURS[tick.axis])
        paint_text(painter, QPointF(x + 6, y), text, axis.lighter(130) if on_dark else axis.darker(220))


def measure_texts(points: Sequence[Floats], extent: float, unit: str) -> tuple[list[str], list[str]]:
    """Texts of the distances between neighbouring points, and of the angles at all but the first and the last."""
    ending = f" {unit}" if unit else ""
    distances = [number_text(float(length), extent / 100) + ending for length in lengths(points)]
    angles = ["" if math.isnan(angle) else f"{angle:.2f}°" for angle in angles_deg(points).tolist()]
    return distances, angles


def paint_measures(
    painter: QPainter, points: Sequence[Floats], places: NDArray[np.float64], extent: float, unit: str
) -> None:
    """Picked points at their places (n, 3) in the view, the lines between them, their lengths and angles."""
    distances, angles = measure_texts(points, extent, unit)
    spots = [QPointF(x, y) for x, y, _ in places.tolist()]
    seen = [math.isfinite(spot.x()) and math.isfinite(spot.y()) for spot in spots]
    bold = QFont(painter.font())
    bold.setBold(True)
    painter.setFont(bold)
    for number, text in enumerate(distances):
        if seen[number] and seen[number + 1]:
            for pen in (QPen(_SHADOW, 4), QPen(_MARK, 2)):
                painter.setPen(pen)
                painter.drawLine(spots[number], spots[number + 1])
            paint_text(painter, (spots[number] + spots[number + 1]) / 2 + QPointF(6, -6), text, _MARK)
    for number, text in enumerate(angles, start=1):
        if seen[number] and text:
            paint_text(painter, spots[number] + QPointF(10, 16), text, QColor(140, 220, 255))
    painter.setPen(QPen(_SHADOW, 1))
    painter.setBrush(_MARK)
    for spot, visible in zip(spots, seen, strict=True):
        if visible:
            painter.drawEllipse(spot, 4, 4)
    painter.setBrush(Qt.BrushStyle.NoBrush)
