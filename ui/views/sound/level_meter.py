"""Meter of the sound that is heard."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, QTimer
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from ui.base import theme

LOWEST_DB = -60.0
WARN_DB, CLIP_DB = -6.0, -0.1
FALL_DB_PER_SEC = 30.0
"""How fast a bar falls after a peak, as meters do, so that it can be read."""

BAR, GAP, HEIGHT = 4, 2, 20
REPAINT_MS = 33


class LevelMeter(QWidget):
    """A bar for each channel, from -60 dB to full scale; the last stretch is marked, and clipping has a colour."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setFixedSize(QSize(2 * BAR + GAP, HEIGHT))
        self.setAccessibleName(self.tr("Level"))
        self.setToolTip(self.tr("Level of what is heard, from -60 dB to full scale; red is clipped."))
        self._levels: list[float] = []
        self._since = time.monotonic()
        self._timer = QTimer(self, interval=REPAINT_MS)
        self._timer.timeout.connect(self._fall)

    @property
    def levels_db(self) -> tuple[float, ...]:
        """What the bars show, in decibels."""
        return tuple(self._levels)

    def add_peaks(self, peaks: Sequence[float]) -> None:
        """Take the largest magnitudes since the last call, one for each channel."""
        found = [20 * math.log10(max(peak, 10 ** (LOWEST_DB / 20))) for peak in peaks]
        if len(found) != len(self._levels):
            self._levels = [LOWEST_DB] * len(found)
        self._levels = [max(old, new) for old, new in zip(self._levels, found, strict=True)]
        if not self._timer.isActive():
            self._since = time.monotonic()
            self._timer.start()
        self.update()

    def _fall(self) -> None:
        now = time.monotonic()
        fall = FALL_DB_PER_SEC * (now - self._since)
        self._since = now
        self._levels = [max(LOWEST_DB, level - fall) for level in self._levels]
        if all(level <= LOWEST_DB for level in self._levels):
            self._timer.stop()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        levels = self._levels or [LOWEST_DB]
        width = (self.width() - GAP * (len(levels) - 1)) / len(levels)
        for number, level in enumerate(levels):
            left = number * (width + GAP)
            painter.fillRect(QRectF(left, 0, width, self.height()), theme.colour("raised"))
            role = "error" if level >= CLIP_DB else "warning" if level >= WARN_DB else "success"
            height = self.height() * (level - LOWEST_DB) / -LOWEST_DB
            painter.fillRect(QRectF(left, self.height() - height, width, height), theme.colour(role))
        painter.end()
