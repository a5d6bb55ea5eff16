"""Plot of the counts panel. Imported when there are counts, as it loads pyqtgraph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QPen

from cvstudio.analyses.detection.counting import steps
from cvstudio.draw.palette import RGB
from ui.base import theme
from ui.views.curve_widget import CurveWidget, unbroken
from ui.views.sound.axes import TimeAxis

if TYPE_CHECKING:
    from pyqtgraph.GraphicsScene.mouseEvents import MouseClickEvent

GAP_SECS = 0.5
"""Maximum seconds for which a count holds: over a longer time between frames it is unknown, and a gap is left."""
MAX_CURVES = 8


@dataclass(frozen=True, eq=False)
class Curves:
    """Curves in steps.

    Parameters
    ----------
    times : float64 (n,), seconds, ascending
    names : of the k curves, the most important first
    values : int64 (k, n)
    colours : of the curves
    """

    times: NDArray[np.float64]
    names: tuple[str, ...]
    values: NDArray[np.int64]
    colours: tuple[RGB, ...]


class CountsPlot(CurveWidget):
    """Curves in steps, such as one for each class, and a line at the player's position.

    Signals
    -------
    seek_requested : seconds
    """

    seek_requested = Signal(float)

    def __init__(self) -> None:
        self._curves: Curves | None = None
        self._duration = 0.0
        self._position = 0.0
        self.cursor_line = pg.InfiniteLine(angle=90)
        super().__init__(whole="left", axis_width=36, least_height=80)
        self.plot.setAxisItems({"bottom": TimeAxis("bottom")})
        self.plot.setCursor(Qt.CursorShape.PointingHandCursor)
        self.plot.scene().sigMouseClicked.connect(self._clicked)

    def show_curves(self, curves: Curves, duration_secs: float) -> None:
        """Plot `curves`; `duration_secs` is the length of the time axis, 0 fits it to the times of the curves."""
        self._curves, self._duration = curves, duration_secs
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
        curves = self._curves
        if curves is None:
            return
        self.dress()
        self.plot.clear()
        edge = QPen(theme.colour("window", 0.9), 4)
        edge.setCosmetic(True)
        # The first is drawn last, on top.
        for row in reversed(range(min(len(curves.names), MAX_CURVES))):
            x, y = steps(curves.times, curves.values[row], GAP_SECS)
            pen = QPen(QColor(*curves.colours[row]), 2)
            pen.setCosmetic(True)
            self.plot.addItem(pg.PlotDataItem(x, y, pen=pen, shadowPen=edge, connect="finite", antialias=True))
        self.plot.addItem(self.cursor_line)
        span = (0.0, self._duration) if self._duration else (float(curves.times[0]), float(curves.times[-1]) + 1e-3)
        top = float(curves.values[:MAX_CURVES].max(initial=1))
        self.plot.setRange(xRange=span, yRange=(0, top * 1.08), padding=0)
        self._update_legend()

    def _update_legend(self) -> None:
        curves = self._curves
        if curves is None or not len(curves.times):
            return
        # The frame on screen is the last one that begins at or before the position.
        frame = max(0, int(np.searchsorted(curves.times, self._position + 1e-6, side="right")) - 1)
        entries = []
        for row, name in enumerate(curves.names[:MAX_CURVES]):
            dot = f'<span style="color:{QColor(*curves.colours[row]).name()}">●</span>'
            entries.append(f"{dot}&nbsp;{unbroken(name)}&nbsp;{curves.values[row, frame]}")
        hidden = len(curves.names) - MAX_CURVES
        if hidden > 0:
            entries.append(self.tr("and {count} more").format(count=hidden))
        self.legend.setText(" &nbsp; ".join(entries))

    def dress(self) -> None:
        super().dress()
        line = QPen(theme.colour("accent"), 1)
        line.setCosmetic(True)
        self.cursor_line.setPen(line)
