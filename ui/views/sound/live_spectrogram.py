"""Spectrogram of a sound while it is recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from cvstudio.data.sound.frequency_scale import position
from cvstudio.draw.spectrogram import colour_lut
from ui.base import theme
from ui.views.sound.axes import hertz_text

if TYPE_CHECKING:
    from cvstudio.data.sound.rolling_levels import RollingLevels
    from cvstudio.media.playback.microphone import SoundTap

SECS = 8.0
"""Seconds that are in view."""
ROWS, COLUMNS = 160, 400
REPAINT_MS = 33
AXIS, FOOT, GAP = 58, 20, 6
"""In pixels: width of the frequency axis, height of the time axis, and space beside a mark."""
MARKED_HZ = (100, 500, 1_000, 2_000, 4_000, 8_000, 16_000)


class LiveSpectrogram(QWidget):
    """The newest seconds of a recording: the newest is on the right, high frequencies are on top, on the mel scale.

    Signals
    -------
    heard : largest magnitudes since the last repaint, one for each channel
    """

    heard = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(240, 120)
        self.setAccessibleName(self.tr("Spectrogram of the recording"))
        self.setToolTip(self.tr("The last seconds of what is recorded; low frequencies are at the bottom."))
        self.rolling: RollingLevels | None = None
        self._tap: SoundTap | None = None
        self._seen = 0
        self._timer = QTimer(self, interval=REPAINT_MS)
        self._timer.timeout.connect(self._look)

    def sizeHint(self) -> QSize:
        return QSize(560, 260)

    def follow(self, tap: SoundTap) -> None:
        """Show a recording from its beginning."""
        from cvstudio.data.sound.rolling_levels import RollingLevels

        self._tap, self._seen = tap, 0
        self.rolling = RollingLevels(tap.rate_hz, ROWS, COLUMNS, SECS)
        self._timer.start()
        self.update()

    def _look(self) -> None:
        """Take what is new; after the end of the recording for the last time."""
        tap, rolling = self._tap, self.rolling
        assert tap is not None
        assert rolling is not None
        ended = tap.ended
        samples = tap.since(self._seen)
        self._seen += len(samples)
        if peaks := tap.peaks():
            self.heard.emit(peaks)
        if rolling.add(np.ascontiguousarray(samples.T)):
            self.update()
        if ended:
            self._timer.stop()
            self._tap = None

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        plot = QRectF(AXIS, 0, self.width() - AXIS, self.height() - FOOT)
        painter.fillRect(plot, theme.colour("canvas"))
        painter.setFont(theme.app_font(theme.SMALL_PX))
        painter.setPen(theme.colour("quiet"))
        rolling = self.rolling
        if rolling is not None:
            pixels = np.ascontiguousarray(colour_lut("viridis")[rolling.levels])
            height, width = rolling.levels.shape
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(plot, QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888))
            top_hz = float(rolling.limits_hz[0])
            for hertz in MARKED_HZ:
                if hertz < top_hz:
                    y = plot.height() * (1 - position("mel", float(hertz)) / position("mel", top_hz))
                    place = QRectF(0, max(0.0, y - FOOT / 2), AXIS - GAP, FOOT)
                    painter.drawText(
                        place, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), hertz_text(hertz)
                    )
        foot = QRectF(AXIS, plot.bottom(), plot.width(), FOOT)
        painter.drawText(foot, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom), f"−{SECS:g} s")
        painter.drawText(foot, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom), self.tr("now"))
        painter.end()
