"""Precision over recall, with the point of the score slider. Importing this file loads pyqtgraph."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtGui import QPen

from cvstudio.evaluation.calibration import Reliability
from cvstudio.evaluation.precision_recall import OperatingPoint, PrecisionRecall
from ui.base import theme
from ui.training.curves_plot import series_colours
from ui.views.curve_widget import CurveWidget, unbroken

MOST_POINTS = 2000
"""Points of a line that are drawn; more could not be told apart."""


class _UnitPlot(CurveWidget):
    """A plot from 0 to 1 on both axes."""

    def __init__(self) -> None:
        super().__init__(whole="", axis_width=44, least_height=96)

    def line(self, x: NDArray[np.float64], y: NDArray[np.float64], number: int, *, marked: bool = False) -> None:
        """Draw a line in the colour of the model `number`, from 0."""
        colour = series_colours()[number]
        pen = QPen(colour, 2)
        pen.setCosmetic(True)
        marks = {"symbol": "o", "symbolSize": 6, "symbolBrush": colour, "symbolPen": None} if marked else {}
        self.plot.addItem(pg.PlotDataItem(x, y, pen=pen, antialias=True, **marks))

    def entry(self, number: int, text: str) -> str:
        """A legend entry in the colour of the model `number`."""
        return f'<span style="color:{series_colours()[number].name()}">●</span>&nbsp;{unbroken(text)}'

    def name_axes(self, left: str, bottom: str) -> None:
        """Label the axes."""
        for side, text in (("left", left), ("bottom", bottom)):
            self.plot.getAxis(side).setLabel(text, color=theme.colour("quiet").name())
        self.plot.setRange(xRange=(0, 1), yRange=(0, 1.02), padding=0.01)


def corners(curve: PrecisionRecall) -> NDArray[np.intp]:
    """Rows of a curve that are drawn: where recall rises, and just before; at most about `MOST_POINTS`."""
    rises = np.flatnonzero(np.diff(curve.right, prepend=0))
    rows = np.unique(np.concatenate([rises, np.maximum(rises - 1, 0), np.arange(len(curve.scores))[-1:]]))
    kept: NDArray[np.intp] = rows[:: len(rows) // MOST_POINTS + 1]
    return kept


class CurvePlot(_UnitPlot):
    """Precision/recall curves of one or two models."""

    def __init__(self) -> None:
        self._curves: tuple[tuple[str, PrecisionRecall, float], ...] = ()
        self.points: tuple[OperatingPoint, ...] = ()
        super().__init__()

    def show_curves(self, curves: Sequence[tuple[str, PrecisionRecall, float]]) -> None:
        """Show curves of (title of the model, curve, score)."""
        self._curves = tuple(curves)
        self.redraw()

    def redraw(self) -> None:
        self.dress()
        self.plot.clear()
        self.points = tuple(curve.at(score) for _, curve, score in self._curves)
        entries = []
        for number, ((title, curve, _), point) in enumerate(zip(self._curves, self.points, strict=True)):
            rows = corners(curve)
            if len(rows):
                self.line(curve.recall[rows], curve.precision[rows], number)
            text = self.tr("{model}: at {score} precision {precision}, recall {recall}, F1 {f1}").format(
                model=title,
                score=f"{point.score:.2f}",
                precision="–" if np.isnan(point.precision) else f"{point.precision:.3f}",
                recall=f"{point.recall:.3f}",
                f1=f"{point.f1:.3f}",
            )
            entries.append(self.entry(number, text))
            if not np.isnan(point.precision):
                colour = series_colours()[number]
                pen = pg.mkPen(theme.colour("text"), width=1.5)
                self.plot.addItem(pg.ScatterPlotItem([point.recall], [point.precision], size=11, brush=colour, pen=pen))
        self.legend.setText("<br>".join(entries))
        self.setAccessibleName(self.legend.text())
        self.name_axes(self.tr("Precision"), self.tr("Recall"))


class ReliabilityPlot(_UnitPlot):
    """Reliability diagrams of one or two models."""

    def __init__(self) -> None:
        self._diagrams: tuple[tuple[str, Reliability], ...] = ()
        super().__init__()

    def show_diagrams(self, diagrams: Sequence[tuple[str, Reliability]]) -> None:
        """Show diagrams of (title of the model, diagram)."""
        self._diagrams = tuple(diagrams)
        self.redraw()

    def redraw(self) -> None:
        self.dress()
        self.plot.clear()
        pen = QPen(theme.colour("quiet"), 1, Qt.PenStyle.DashLine)
        pen.setCosmetic(True)
        self.plot.addItem(pg.PlotDataItem([0.0, 1.0], [0.0, 1.0], pen=pen))
        entries = []
        for number, (title, diagram) in enumerate(self._diagrams):
            filled = diagram.counts > 0
            self.line(diagram.confidence[filled], diagram.accuracy[filled], number, marked=True)
            text = self.tr("{model}: calibration error {error}").format(model=title, error=f"{diagram.error():.3f}")
            entries.append(self.entry(number, text))
        self.legend.setText("<br>".join(entries))
        self.setAccessibleName(self.legend.text())
        self.name_axes(self.tr("Accuracy"), self.tr("Confidence"))
