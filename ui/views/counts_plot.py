"""Plot of the counts panel. Imported when there are counts, as it loads pyqtgraph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QPen

from cvstudio.analyses.detection.counting import Counts, steps
from cvstudio.draw.palette import class_colour
from ui.base import theme
from ui.views.curve_widget import CurveWidget, unbroken
from ui.views.spectrogram_plot import TimeAxis

if TYPE_CHECKING:
    from pyqtgraph.GraphicsScene.mouseEvents import MouseClickEvent

GAP_SECS = 0.5
"""Maximum seconds for which a count holds: over a longer time between frames it is unknown, and a gap is left."""
MAX_CURVES = 8


class CountsPlot(CurveWidget):
    """A curve for each class, in its colour, and a line at the player's position.

    Signals
    -------
    seek_requested : seconds
    """

    seek_requested = Signal(float)

    def __init__(self) -> None:
        self._counts: Counts | None = None
        self._values: NDArray[np.int64] = np.zeros((0, 0), np.int64)
        self._duration = 0.0
        self._position = 0.0
        self.cursor_line = pg.InfiniteLine(angle=90)
        super().__init__(whole="left", axis_width=36, least_height=80)
        self.plot.setAxisItems({"bottom": TimeAxis("bottom")})
        self.plot.setCursor(Qt.CursorShape.PointingHandCursor)
        self.plot.scene().sigMouseClicked.connect(self._clicked)

    def show_counts(self, counts: Counts, values: NDArray[np.int64], duration_secs: float) -> None:
        """Plot `values`, int64 (classes, times), of `counts`.

        `duration` is the length of the time axis in seconds; 0 fits it to the times of `counts`.
        """
        self._counts, self._values, self._duration = counts, values, duration_secs
        self.redraw()

    def set_position(self, secs: float) -> None:
        """Set the player's position in seconds."""
        self._position = secs
        self.cursor_line.setValue(secs)
        self._update_legend()

    def _clicked(self, event: MouseClickEvent) -> None:
        box = self.plot.getPlotItem().vb
        position = event.scenePos()
        if event.button() == Qt.MouseButton.LeftButton and box.sceneBoundingRect().contains(position):
            self.seek_requested.emit(max(0.0, float(box.mapSceneToView(position).x())))

    def redraw(self) -> None:
        counts = self._counts
        if counts is None:
            return
        self.dress()
        self.plot.clear()
        edge = QPen(theme.colour("window", 0.9), 4)
        edge.setCosmetic(True)
        # The most frequent class is drawn last, on top.
        for row in reversed(range(min(len(counts.labels), MAX_CURVES))):
            x, y = steps(counts.times, self._values[row], GAP_SECS)
            pen = QPen(QColor(*class_colour(counts.labels[row], counts.known_labels)), 2)
            pen.setCosmetic(True)
            self.plot.addItem(pg.PlotDataItem(x, y, pen=pen, shadowPen=edge, connect="finite", antialias=True))
        self.plot.addItem(self.cursor_line)
        span = (0.0, self._duration) if self._duration else (float(counts.times[0]), float(counts.times[-1]) + 1e-3)
        top = float(self._values[:MAX_CURVES].max(initial=1))
        self.plot.setRange(xRange=span, yRange=(0, top * 1.08), padding=0)
        self._update_legend()

    def _update_legend(self) -> None:
        counts = self._counts
        if counts is None or not len(counts.times):
            return
        # The frame on screen is the last one that begins at or before the position.
        frame = max(0, int(np.searchsorted(counts.times, self._position + 1e-6, side="right")) - 1)
        entries = []
        for row, label in enumerate(counts.labels[:MAX_CURVES]):
            dot = f'<span style="color:{QColor(*class_colour(label, counts.known_labels)).name()}">●</span>'
            entries.append(f"{dot}&nbsp;{unbroken(label)}&nbsp;{self._values[row, frame]}")
        hidden = len(counts.labels) - MAX_CURVES
        if hidden > 0:
            entries.append(self.tr("and {count} more").format(count=hidden))
        self.legend.setText(" &nbsp; ".join(entries))

    def dress(self) -> None:
        super().dress()
        line = QPen(theme.colour("accent"), 1)
        line.setCosmetic(True)
        self.cursor_line.setPen(line)
