"""Plot of the spectrogram view. Imported when a sound is shown, as it loads pyqtgraph."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QPen
from PySide6.QtWidgets import QWidget

from cvstudio.data.geometry import Size
from cvstudio.draw.sound.separation import stem_picture
from cvstudio.draw.spectrogram import colour_lut
from cvstudio.draw.spectrogram_levels import render_levels
from cvstudio.results.separation import Separation
from cvstudio.results.spectrogram import Spectrogram
from ui.base import theme

SHORTEST_SECS = 0.02
NARROWEST_HZ = 50.0
FOLLOW_SHARE = 0.1


class TimeAxis(pg.AxisItem):
    """Time axis in seconds, with minutes where needed."""

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        decimals = max(0, -int(np.floor(np.log10(spacing))) if spacing < 1 else 0)
        return [self._text(value, decimals) for value in values]

    @staticmethod
    def _text(secs: float, decimals: int) -> str:
        if secs < 60:
            return f"{secs:.{decimals}f} s"
        minutes, seconds = divmod(round(secs, decimals), 60)
        return f"{minutes:.0f}:{seconds:0{3 + decimals if decimals else 2}.{decimals}f}"


class FrequencyAxis(pg.AxisItem):
    """Frequency axis in Hz, and in kHz from 1000 Hz."""

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        return [f"{value / 1000:g} kHz" if value >= 1000 else f"{value:g} Hz" for value in values]


class TimeViewBox(pg.ViewBox):
    """View box whose wheel zooms the time axis; with Shift, or over the frequency axis, the frequency axis."""

    def wheelEvent(self, event: Any, axis: int | None = None) -> None:
        if axis is None:
            axis = 1 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 0
        super().wheelEvent(event, axis)


class SpectrogramPlot(pg.PlotWidget):
    """Plot of a spectrogram. Only the visible part is reduced to the pixels of the widget and passed to Qt, as bytes
    with a colour table.

    Signals
    -------
    seek_requested : seconds
    hovered : seconds, Hz, dB (NaN where nothing is computed yet)
    left : the cursor left the plot
    """

    seek_requested = Signal(float)
    hovered = Signal(float, float, float)
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        self._box = TimeViewBox(enableMenu=False)
        axes = {"bottom": TimeAxis("bottom"), "left": FrequencyAxis("left")}
        super().__init__(parent, viewBox=self._box, axisItems=axes)
        self.setFrameShape(self.Shape.NoFrame)
        self._spectrogram: Spectrogram | None = None
        self._separation: Separation | None = None
        self._over = False
        self.hideButtons()
        # pyqtgraph's own menu, which we do not show, has no parent: it would outlive the window.
        menu = self.getPlotItem().ctrlMenu
        menu.setParent(self, menu.windowFlags())  # without the flags it would be shown within this widget
        self.getAxis("left").setWidth(64)
        self.getPlotItem().layout.setContentsMargins(4, 8, 12, 4)
        self.image = pg.ImageItem(axisOrder="row-major", levels=(0, 255))
        self.addItem(self.image)
        self.cursor_line = pg.InfiniteLine(0.0, angle=90, movable=True)
        self.cursor_line.setZValue(10)
        self.cursor_line.sigDragged.connect(lambda line: self._seek(line.value()))
        self.addItem(self.cursor_line, ignoreBounds=True)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self.render_visible)
        self._box.sigRangeChanged.connect(lambda *_: self._soon.start(0))
        self._box.sigResized.connect(lambda *_: self._soon.start(0))
        self.scene().sigMouseMoved.connect(self._moved)
        self.scene().sigMouseClicked.connect(self._clicked)
        self.set_colour_map("viridis")
        self._apply_theme()

    # What is shown --------------------------------------------------------------------------------------------------

    def show_result(self, result: Spectrogram | Separation) -> None:
        """Show a spectrogram, a longer part of the same, or separated stems; the view is kept where the sound is the
        same."""
        previous = self._spectrogram
        self._separation = result if isinstance(result, Separation) else None
        spectrogram = result.spectra[0] if isinstance(result, Separation) else result
        spectrogram = dataclasses.replace(spectrogram, source=result.source)
        self._spectrogram = spectrogram
        if previous is None or _extent(previous) != _extent(spectrogram) or previous.source != spectrogram.source:
            self.show_all()
        self._soon.start(0)

    def forget(self) -> None:
        """Remove the spectrogram."""
        self._spectrogram = self._separation = None
        self.image.clear()

    def show_all(self) -> None:
        """Show the whole sound."""
        if self._spectrogram is None:
            return
        secs, hz = _extent(self._spectrogram)
        least_secs, least_hz = min(SHORTEST_SECS, secs), min(NARROWEST_HZ, hz)
        self._box.setLimits(xMin=0, xMax=secs, yMin=0, yMax=hz, minXRange=least_secs, minYRange=least_hz)
        self._box.setRange(xRange=(0, secs), yRange=(0, hz), padding=0)
        self.cursor_line.setBounds((0, secs))

    def set_colour_map(self, name: str) -> None:
        """Set the colour map, as in an exported picture."""
        self.image.setLookupTable(colour_lut(name))

    def set_position(self, secs: float) -> None:
        """Set the player's position in seconds; a zoomed view turns pages to follow it."""
        if self.cursor_line.moving:
            return
        self.cursor_line.setValue(secs)
        (start, stop), _ = self._box.viewRange()
        if self._spectrogram is not None and not start <= secs <= stop:
            begin = secs - FOLLOW_SHARE * (stop - start)
            self._box.setXRange(begin, begin + stop - start, padding=0)

    def render_visible(self) -> None:
        """Crop the spectrogram to the visible part and reduce it to the pixels covered."""
        spectrogram = self._spectrogram
        if spectrogram is None:
            return
        (start, stop), (low, high) = self._box.viewRange()
        _, hz = _extent(spectrogram)
        computed_secs = spectrogram.columns_done * spectrogram.hop / spectrogram.rate_hz
        first, last = max(start, 0.0), min(stop, computed_secs)
        bottom, top = max(low, 0.0), min(high, hz)
        if last <= first or top <= bottom:
            self.image.clear()
            return
        ratio = self.devicePixelRatioF()
        width = max(1, round(self._box.width() * ratio * (last - first) / (stop - start)))
        height = max(1, round(self._box.height() * ratio * (top - bottom) / (high - low)))
        part = ((first, last), (bottom, top), Size(width, height))
        shown = render_levels(spectrogram, *part) if self._separation is None else stem_picture(self._separation, *part)
        self.image.setImage(shown[::-1], autoLevels=False, levels=(0, 255))
        self.image.setRect(QRectF(first, bottom, last - first, top - bottom))

    # Mouse ----------------------------------------------------------------------------------------------------------

    def _seek(self, secs: float) -> None:
        if self._spectrogram is not None:
            self.seek_requested.emit(min(max(float(secs), 0.0), _extent(self._spectrogram)[0]))

    def _clicked(self, event: Any) -> None:
        if event.button() != Qt.MouseButton.LeftButton or not self._box.sceneBoundingRect().contains(event.scenePos()):
            return
        if event.double():
            self.show_all()
        else:
            self._seek(self._box.mapSceneToView(event.scenePos()).x())

    def _moved(self, position: QPointF) -> None:
        spectrogram = self._spectrogram
        if spectrogram is None or not self._box.sceneBoundingRect().contains(position):
            self._leave()
            return
        point = self._box.mapSceneToView(position)
        self._over = True
        spectra = self._separation.spectra if self._separation is not None else (spectrogram,)
        decibels = max(decibels_at(item, point.x(), point.y()) for item in spectra)
        self.hovered.emit(point.x(), point.y(), decibels)

    def _leave(self) -> None:
        if self._over:
            self._over = False
            self.left.emit()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._leave()

    # Look -----------------------------------------------------------------------------------------------------------

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        # Qt also calls this from the constructor of the base class, before the attributes exist.
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "cursor_line"):
            self._apply_theme()

    def _apply_theme(self) -> None:
        self.setBackground(theme.colour("window"))
        for side in ("bottom", "left"):
            axis = self.getAxis(side)
            axis.setPen(theme.colour("line"))
            axis.setTextPen(theme.colour("quiet"))
            axis.setStyle(tickFont=theme.app_font(theme.SMALL_PX), tickLength=-4)
        # No colour map contains white or red-orange, so the lines are visible in either theme.
        self.cursor_line.setPen(QPen(QColor("#ffffff"), 0))
        self.cursor_line.setHoverPen(QPen(theme.colour("accent"), 0))


def _extent(spectrogram: Spectrogram) -> tuple[float, float]:
    return spectrogram.duration_secs, spectrogram.nyquist_hz


def decibels_at(spectrogram: Spectrogram, secs: float, hz: float) -> float:
    """Level in dB relative to full scale at a time and a frequency; NaN where nothing is computed."""
    column = round(secs * spectrogram.rate_hz / spectrogram.hop)
    band = round(hz * spectrogram.window / spectrogram.rate_hz)
    if not (0 <= column < spectrogram.columns_done and 0 <= band < spectrogram.levels.shape[0]):
        return float("nan")
    span = spectrogram.high_db - spectrogram.low_db
    return spectrogram.low_db + float(spectrogram.levels[band, column]) / 255 * span
