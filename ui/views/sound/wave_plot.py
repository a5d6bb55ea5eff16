"""Plot of the wave of a sound."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QPen
from PySide6.QtWidgets import QWidget

from cvstudio.data.sound.spectra import window_values
from cvstudio.data.sound.wave_pyramid import FULL_SCALE, WavePyramid, extremes_of
from cvstudio.draw.sound.wave_envelope import wave_mask
from ui.base import theme
from ui.views.sound.axes import TimeAxis, TimeViewBox, bare_plot, dress

MOST_SAMPLES = 1 << 20
"""Samples of a channel, at most, that are asked for to be drawn one by one."""

HEIGHT = 0.92
"""Part of the height of its lane that a full-scale wave takes."""

TAPER_POINTS = 128


class WaveViewBox(TimeViewBox):
    """A drag chooses a stretch; with the middle button it moves the view.

    Signals
    -------
    stretched : begin, end in seconds
    """

    stretched = Signal(float, float)

    def mouseDragEvent(self, event: Any, axis: int | None = None) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            super().mouseDragEvent(event, axis)
            return
        event.accept()
        first = self.mapSceneToView(event.buttonDownScenePos()).x()
        last = self.mapSceneToView(event.scenePos()).x()
        self.stretched.emit(min(first, last), max(first, last))


class WavePlot(pg.PlotWidget):
    """Plot of the wave, from a pyramid of extremes or, where few samples are visible, from these themselves.

    Signals
    -------
    seek_requested : seconds
    stretched : begin, end in seconds of a stretch that the user chose by a drag
    samples_wanted : first, last sample that is visible
    all_wanted : double-click
    told : text for the status line; empty where the cursor left
    """

    seek_requested = Signal(float)
    stretched = Signal(float, float)
    samples_wanted = Signal(int, int)
    all_wanted = Signal()
    told = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        self.box = WaveViewBox()
        super().__init__(parent, viewBox=self.box, axisItems={"bottom": TimeAxis("bottom")})
        bare_plot(self)
        self.hideAxis("bottom")
        self.getPlotItem().layout.setContentsMargins(4, 4, 12, 0)
        self.box.setMouseEnabled(x=True, y=False)
        self.pyramid: WavePyramid | None = None
        self._samples: tuple[int, NDArray[np.float32]] | None = None
        self._asked = (0, 0)
        self._taper: tuple[float, float, str] | None = None
        self.image = pg.ImageItem(axisOrder="row-major", levels=(0, 255))
        self.addItem(self.image)
        self.curve = pg.PlotCurveItem()
        self.curve.setZValue(6)
        self.addItem(self.curve, ignoreBounds=True)
        self.cursor_line = pg.InfiniteLine(0.0, angle=90)
        self.cursor_line.setZValue(10)
        self.addItem(self.cursor_line, ignoreBounds=True)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self.render_visible)
        # At once, or the moved view would be painted with the old wave first, and then again.
        self.box.sigRangeChanged.connect(lambda *_: self.render_visible())
        self.box.sigResized.connect(lambda *_: self._soon.start(0))
        self.box.stretched.connect(self.stretched)
        self.scene().sigMouseClicked.connect(self._clicked)
        self.scene().sigMouseMoved.connect(self._moved)
        self._over = False
        self._show_channels(1)
        self._apply_theme()

    # What is shown --------------------------------------------------------------------------------------------------

    def show_pyramid(self, pyramid: WavePyramid) -> None:
        """Show the wave of a sound, or more of the same."""
        if pyramid is not self.pyramid:
            self.pyramid = pyramid
            self._samples = None
            self._asked = (0, 0)
            self._show_channels(pyramid.channels)
        self._soon.start(0)

    def forget(self) -> None:
        """Remove the wave."""
        self.pyramid = self._samples = None
        self.image.clear()
        self._show_channels(1)

    def show_samples(self, first: int, samples: NDArray[np.float32]) -> None:
        """Take the samples from number `first` on, float32 (channels, n), that were asked for."""
        self._samples = (first, samples)
        self._soon.start(0)

    def set_position(self, secs: float) -> None:
        """Set the player's position in seconds."""
        self.cursor_line.setValue(secs)

    def show_taper(self, span: tuple[float, float] | None, kind: str = "hann") -> None:
        """Draw a window of this kind between two times, as large as full scale; None draws none."""
        if span is None or span[1] <= span[0]:
            self.curve.hide()
            return
        times = np.linspace(*span, TAPER_POINTS)
        self.curve.setData(times, 0.5 + HEIGHT / 2 * window_values(kind, TAPER_POINTS))
        self.curve.show()

    def render_visible(self) -> None:
        """Draw the visible part with a column for each pixel."""
        pyramid = self.pyramid
        if pyramid is None:
            return
        (start, stop), _ = self.box.viewRange()
        first, last = max(start, 0.0) * pyramid.rate_hz, min(stop, self._duration) * pyramid.rate_hz
        ratio = self.devicePixelRatioF()
        width = max(1, round(self.box.width() * ratio * (last - first) / max(1e-9, (stop - start) * pyramid.rate_hz)))
        height = max(1, round(self.box.height() * ratio))
        if last <= first:
            self.image.clear()
            return
        extremes = self._extremes(pyramid, first, last, width)
        lanes = [round(number * height / len(extremes)) for number in range(len(extremes) + 1)]
        shown = np.zeros((height, width), np.uint8)
        for channel, low, high in zip(extremes, lanes, lanes[1:], strict=False):
            mask = wave_mask(channel * np.float32(HEIGHT), high - low)
            loud = np.nan_to_num(np.abs(channel).max(0)) >= FULL_SCALE
            shown[low:high] = mask * np.where(loud, np.uint8(2), np.uint8(1))
        self.image.setImage(shown[::-1], autoLevels=False, levels=(0, 255))
        self.image.setRect(QRectF(first / pyramid.rate_hz, 0, (last - first) / pyramid.rate_hz, 1))

    @property
    def _duration(self) -> float:
        return self.pyramid.n_samples / self.pyramid.rate_hz if self.pyramid is not None else 0.0

    def _extremes(self, pyramid: WavePyramid, first: float, last: float, width: int) -> NDArray[np.float32]:
        if (last - first) / width >= pyramid.block or last - first > MOST_SAMPLES:
            return pyramid.extremes(first, last, width)
        low, high = max(0, int(first) - 1), min(pyramid.n_samples, int(last) + 2)
        if self._samples is not None:
            begin, samples = self._samples
            if begin <= low and high <= begin + samples.shape[1]:
                return extremes_of(samples, begin, first, last, width)
        if not (self._asked[0] <= low and high <= self._asked[1]):
            # As much again on either side, so that a small move needs no other reading.
            span = high - low
            self._asked = max(0, low - span), min(pyramid.n_samples, high + span)
            self.samples_wanted.emit(*self._asked)
        return pyramid.extremes(first, last, width)

    def _show_channels(self, count: int) -> None:
        self.box.setLimits(yMin=0, yMax=1, minYRange=1, maxYRange=1)
        self.box.setYRange(0, 1, padding=0)
        if count == 1:
            ticks = [(0.5 + HEIGHT / 2 * level, f"{level:g}") for level in (-1, 0, 1)]
        else:
            ticks = [(1 - (number + 0.5) / count, self.tr("ch. {n}").format(n=number + 1)) for number in range(count)]
        self.getAxis("left").setTicks([ticks])

    # Mouse ----------------------------------------------------------------------------------------------------------

    def _clicked(self, event: Any) -> None:
        inside = self.box.sceneBoundingRect().contains(event.scenePos())
        if event.button() != Qt.MouseButton.LeftButton or not inside:
            return
        if event.double():
            self.all_wanted.emit()
        else:
            secs = self.box.mapSceneToView(event.scenePos()).x()
            self.seek_requested.emit(min(max(float(secs), 0.0), self._duration))

    def _moved(self, place: QPointF) -> None:
        if self.pyramid is None or not self.box.sceneBoundingRect().contains(place):
            self._leave()
            return
        self._over = True
        secs = self.box.mapSceneToView(place).x()
        pixel = secs * self.pyramid.rate_hz
        peak = float(np.nanmax(np.abs(self.pyramid.extremes(pixel, pixel + 1, 1)), initial=0.0))
        level = f"{20 * np.log10(peak):.1f} dB" if peak > 0 else self.tr("silence")
        self.told.emit(f"{secs:.3f} s · {self.tr('peak {level}').format(level=level)}")

    def _leave(self) -> None:
        if self._over:
            self._over = False
            self.told.emit("")

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._leave()

    # Look -----------------------------------------------------------------------------------------------------------

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "cursor_line"):
            self._apply_theme()

    def _apply_theme(self) -> None:
        dress(self)
        colours = [QColor(0, 0, 0, 0), theme.colour("accent"), theme.colour("error")]
        table = np.zeros((256, 4), np.uint8)
        for row, colour in enumerate(colours):
            table[row] = colour.red(), colour.green(), colour.blue(), colour.alpha()
        self.image.setLookupTable(table)
        self.cursor_line.setPen(QPen(theme.colour("text"), 0))
        self.curve.setPen(QPen(theme.colour("warning"), 0))
