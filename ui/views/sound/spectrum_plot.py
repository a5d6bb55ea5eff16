"""Plot of the spectrum of a stretch of sound."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, Signal
from PySide6.QtGui import QPen
from PySide6.QtWidgets import QWidget

from cvstudio.data.sound.frequency_scale import LOWEST_HZ, Scale, frequency, note, position
from cvstudio.data.sound.spectra import Spectrum
from ui.base import theme
from ui.views.sound.axes import FrequencyAxis, TimeViewBox, bare_plot, dress

HEADROOM_DB = 3.0


class LevelAxis(pg.AxisItem):
    """Axis of decibels."""

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        return [f"{value:g} dB" for value in values]


class SpectrumPlot(pg.PlotWidget):
    """Plot of levels over frequency, with its highest point named.

    Signals
    -------
    told : text for the status line; empty where the cursor left
    """

    told = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        self.box = TimeViewBox()
        axes = {"bottom": FrequencyAxis("bottom"), "left": LevelAxis("left")}
        super().__init__(parent, viewBox=self.box, axisItems=axes)
        bare_plot(self)
        self.getPlotItem().layout.setContentsMargins(4, 4, 12, 4)
        self._spectrum: Spectrum | None = None
        self._scale: Scale = "linear"
        self._floor_db = -100.0
        self._extent = (0.0, 0.0, 0.0)
        self.curve = pg.PlotCurveItem()
        self.addItem(self.curve)
        self.peak = pg.TextItem(anchor=(0, 1))
        self.addItem(self.peak, ignoreBounds=True)
        self.peak.hide()
        self._over = False
        self.scene().sigMouseMoved.connect(self._moved)
        self._apply_theme()

    def show_spectrum(self, spectrum: Spectrum) -> None:
        """Show a spectrum; the visible frequencies stay while the sound has the same rate."""
        self._spectrum = spectrum
        self._draw()

    def forget(self) -> None:
        """Show nothing."""
        self._spectrum = None
        self.curve.clear()
        self.peak.hide()

    def set_look(self, scale: Scale, floor_db: float) -> None:
        """Set the scale of the frequency axis and the lowest level."""
        if (scale, floor_db) != (self._scale, self._floor_db):
            self._scale, self._floor_db = scale, floor_db
            self._draw()

    def _draw(self) -> None:
        axis = self.getAxis("bottom")
        assert isinstance(axis, FrequencyAxis)
        axis.set_scale(self._scale)
        spectrum = self._spectrum
        if spectrum is None:
            return
        hertz, decibels = spectrum.frequencies_hz, spectrum.decibels
        if self._scale == "log":
            hertz, decibels = hertz[hertz >= LOWEST_HZ], decibels[-int((hertz >= LOWEST_HZ).sum()) :]
        places = position(self._scale, hertz)
        if not len(places):
            return
        self.curve.setData(places, decibels.astype(np.float64))
        extent = float(places[0]), float(places[-1]), self._floor_db
        if extent != self._extent:
            self._extent = extent
            self.box.setLimits(xMin=extent[0], xMax=extent[1], yMin=self._floor_db, yMax=HEADROOM_DB)
            self.box.setRange(xRange=extent[:2], yRange=(self._floor_db, HEADROOM_DB), padding=0)
        peak_hz, level = spectrum.peak()
        self.peak.setText(self._words(peak_hz, level))
        self.peak.setPos(position(self._scale, peak_hz), level)
        self.peak.setVisible(level > self._floor_db)

    @staticmethod
    def _words(hertz: float, level: float) -> str:
        return " · ".join(part for part in (f"{hertz:,.1f} Hz", note(hertz), f"{level:.1f} dB") if part)

    def _moved(self, place: QPointF) -> None:
        if self._spectrum is None or not self.box.sceneBoundingRect().contains(place):
            self._leave()
            return
        self._over = True
        hertz = frequency(self._scale, float(self.box.mapSceneToView(place).x()))
        level = float(np.interp(hertz, self._spectrum.frequencies_hz, self._spectrum.decibels))
        self.told.emit(self._words(hertz, level))

    def _leave(self) -> None:
        if self._over:
            self._over = False
            self.told.emit("")

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._leave()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "peak"):
            self._apply_theme()

    def _apply_theme(self) -> None:
        dress(self)
        self.curve.setPen(QPen(theme.colour("accent"), 0))
        self.peak.setColor(theme.colour("text"))
        self.showGrid(x=True, y=True, alpha=0.15)
