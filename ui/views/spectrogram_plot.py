"""Plot of the spectrogram view. Imported when a sound is shown, as it loads pyqtgraph."""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QPen
from PySide6.QtWidgets import QWidget

from cvstudio.data.geometry import Size
from cvstudio.draw.spectrogram import colour_lut
from ui.base import theme
from ui.views.sound.axes import FrequencyAxis, TimeAxis, TimeViewBox, bare_plot, dress
from ui.views.sound.contents import Content, HeatResult, content_of

SHORTEST_SECS = 0.002
FOLLOW_SHARE = 0.1


class SpectrogramPlot(pg.PlotWidget):
    """Plot of a spectrogram, of stems or of coefficients. Only the visible part is reduced to the pixels of the widget
    and passed to Qt, as bytes with a colour table.

    Signals
    -------
    seek_requested : seconds
    hovered : seconds, Hz, dB (NaN where nothing is computed yet)
    told : text for the status line about the point under the cursor; empty where it left
    """

    seek_requested = Signal(float)
    hovered = Signal(float, float, float)
    told = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        self._box = TimeViewBox()
        axes = {"bottom": TimeAxis("bottom"), "left": FrequencyAxis("left")}
        super().__init__(parent, viewBox=self._box, axisItems=axes)
        bare_plot(self)
        self.content: Content | None = None
        self._over = False
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
        # At once, or the moved view would be painted with the old picture first, and then again.
        self._box.sigRangeChanged.connect(lambda *_: self.render_visible())
        self._box.sigResized.connect(lambda *_: self._soon.start(0))
        self.scene().sigMouseMoved.connect(self._moved)
        self.scene().sigMouseClicked.connect(self._clicked)
        self.set_colour_map("viridis")
        self._apply_theme()

    # What is shown --------------------------------------------------------------------------------------------------

    @property
    def box(self) -> TimeViewBox:
        """The view box, which the other plots of a sound are linked to."""
        return self._box

    def show_result(self, result: HeatResult) -> None:
        """Show a spectrogram, a longer part of the same, separated stems or coefficients; the view is kept where the
        sound and the axis are the same."""
        before, self.content = self.content, content_of(result)
        if before is None or before.key != self.content.key:
            self._limit(same_sound=before is not None and before.source == self.content.source)
        self._soon.start(0)

    def forget(self) -> None:
        """Remove the spectrogram."""
        self.content = None
        self.image.clear()

    def show_all(self) -> None:
        """Show the whole sound."""
        if self.content is not None:
            self._box.setRange(xRange=(0, self.content.duration_secs), yRange=self.content.axis_range, padding=0)

    def _limit(self, *, same_sound: bool) -> None:
        """Take over the extent of another content; of another axis of the same sound the times stay."""
        content = self.content
        assert content is not None
        axis = self.getAxis("left")
        assert isinstance(axis, FrequencyAxis)
        if content.names:
            axis.set_names(content.names)
        else:
            axis.set_scale(content.scale)
        secs, (low, high) = content.duration_secs, content.axis_range
        least = min(SHORTEST_SECS, secs)
        self._box.setLimits(xMin=0, xMax=secs, yMin=low, yMax=high, minXRange=least, minYRange=content.narrowest)
        self.cursor_line.setBounds((0, secs))
        if same_sound:
            self._box.setYRange(low, high, padding=0)
        else:
            self.show_all()

    def set_colour_map(self, name: str) -> None:
        """Set the colour map, as in an exported picture."""
        self.image.setLookupTable(colour_lut(name))

    def set_position(self, secs: float) -> None:
        """Set the player's position in seconds; a zoomed view turns pages to follow it."""
        if self.cursor_line.moving:
            return
        self.cursor_line.setValue(secs)
        (start, stop), _ = self._box.viewRange()
        if not start <= secs <= stop:
            begin = secs - FOLLOW_SHARE * (stop - start)
            self._box.setXRange(begin, begin + stop - start, padding=0)

    def render_visible(self) -> None:
        """Crop the spectrogram to the visible part and reduce it to the pixels covered."""
        content = self.content
        if content is None:
            return
        (start, stop), (low, high) = self._box.viewRange()
        lowest, highest = content.axis_range
        first, last = max(start, 0.0), min(stop, content.computed_secs)
        bottom, top = max(low, lowest), min(high, highest)
        if last <= first or top <= bottom:
            self.image.clear()
            return
        ratio = self.devicePixelRatioF()
        width = max(1, round(self._box.width() * ratio * (last - first) / (stop - start)))
        height = max(1, round(self._box.height() * ratio * (top - bottom) / (high - low)))
        shown = content.picture((first, last), (bottom, top), Size(width, height))
        self.image.setImage(shown[::-1], autoLevels=False, levels=(0, 255))
        self.image.setRect(QRectF(first, bottom, last - first, top - bottom))

    # Mouse ----------------------------------------------------------------------------------------------------------

    def _seek(self, secs: float) -> None:
        if self.content is not None:
            self.seek_requested.emit(min(max(float(secs), 0.0), self.content.duration_secs))

    def _clicked(self, event: Any) -> None:
        if event.button() != Qt.MouseButton.LeftButton or not self._box.sceneBoundingRect().contains(event.scenePos()):
            return
        if event.double():
            self.show_all()
        else:
            self._seek(self._box.mapSceneToView(event.scenePos()).x())

    def _moved(self, position: QPointF) -> None:
        content = self.content
        if content is None or not self._box.sceneBoundingRect().contains(position):
            self._leave()
            return
        point = self._box.mapSceneToView(position)
        self._over = True
        self.hovered.emit(point.x(), *content.value(point.x(), point.y()))
        self.told.emit(content.read_out(point.x(), point.y()))

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
        # Qt also calls this from the constructor of the base class, before the attributes exist.
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "cursor_line"):
            self._apply_theme()

    def _apply_theme(self) -> None:
        dress(self)
        # No colour map contains white or red-orange, so the lines are visible in either theme.
        self.cursor_line.setPen(QPen(QColor("#ffffff"), 0))
        self.cursor_line.setHoverPen(QPen(theme.colour("accent"), 0))
