"""The colours of a spectrogram with their decibels."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from cvstudio.draw.spectrogram import colour_lut
from ui.base import theme

WIDTH = 58
BAR = 10
MARGIN = 10
"""In pixels: width of the legend and of its colours, and space above and below."""

STEPS_DB = (5, 10, 20, 30, 60)
LEAST_GAP = 22
"""Least distance of two numbers in pixels."""


class ColourLegend(QWidget):
    """Bar of colours, the brightest on top, with levels beside it; empty where the colours are none of levels."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedWidth(WIDTH)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(self.tr("Levels of the colours"))
        self.setToolTip(self.tr("Levels of the colours, in decibels relative to a full-scale sine."))
        self.levels_db: tuple[float, float] | None = None
        self._colour_map = "viridis"

    def sizeHint(self) -> QSize:
        return QSize(WIDTH, 100)

    def set_levels(self, levels_db: tuple[float, float] | None) -> None:
        """Set the levels of the darkest and brightest colour; None shows no legend."""
        if levels_db != self.levels_db:
            self.levels_db = levels_db
            self.update()

    def set_colour_map(self, name: str) -> None:
        if name != self._colour_map:
            self._colour_map = name
            self.update()

    def ticks(self) -> list[tuple[float, int]]:
        """Levels that are told, with their rows in pixels."""
        if self.levels_db is None:
            return []
        low, high = self.levels_db
        height = max(1, self.height() - 2 * MARGIN)
        per_db = height / (high - low)
        step = next((step for step in STEPS_DB if step * per_db >= LEAST_GAP), STEPS_DB[-1])
        levels = np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step
        return [(float(level), round(MARGIN + (high - level) * per_db)) for level in levels[::-1]]

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.colour("window"))
        if self.levels_db is None:
            return
        table = np.ascontiguousarray(colour_lut(self._colour_map)[::-1, None])
        image = QImage(table.data, 1, len(table), 3, QImage.Format.Format_RGB888)
        painter.drawImage(QRect(0, MARGIN, BAR, self.height() - 2 * MARGIN), image)
        painter.setFont(theme.app_font(theme.SMALL_PX))
        painter.setPen(theme.colour("quiet"))
        for level, row in self.ticks():
            where = QRect(BAR + 4, row - 8, WIDTH - BAR - 4, 16)
            painter.drawText(where, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, f"{level:.0f} dB")
        painter.end()
