"""The plots of the curves view. Importing this file loads pyqtgraph, so it waits until there are curves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPen, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QWidget

from cvstudio.draw.palette import COLOURS, contrast
from cvstudio.training.runs import Curve, CurveGroup
from ui.base import theme
from ui.base.translate import translated
from ui.views.curve_widget import CurveWidget, unbroken

LEAST_CONTRAST = 2.95
STEPS_ALPHA = 0.2
OTHER_ALPHA = 0.55
MARKED = 60
"""Most epochs of a curve whose points are marked."""

SIDE_BY_SIDE = 480
"""Least width in pixels at which plots stand beside each other."""

OUTLIERS = (1, 99)
"""Percentiles of the values of single steps between which the vertical axis reaches."""


def series_colours() -> list[QColor]:
    """Colours of lines that colour-blind viewers can tell apart, with enough contrast to the theme's background."""
    ground = theme.rgb(theme.colour("window"))
    return [QColor(*colour) for colour in COLOURS if contrast(colour, ground) >= LEAST_CONTRAST]


class FigurePlot(CurveWidget):
    """The curves of one group: single steps faint, epochs strong, the epochs of another run dashed."""

    def __init__(self) -> None:
        self._group: CurveGroup | None = None
        self._other: CurveGroup | None = None
        self._epochs = 1
        super().__init__(whole="bottom", axis_width=44, least_height=96)

    def show_group(self, group: CurveGroup, other: CurveGroup | None, epochs: int) -> None:
        """Draw `group` over the curves of the same names in `other`; the time axis ends at `epochs`."""
        self._group, self._other, self._epochs = group, other, epochs
        self.redraw()

    def redraw(self) -> None:
        group = self._group
        if group is None:
            return
        self.dress()
        self.plot.clear()
        colours = series_colours()
        others = {curve.name: curve for curve in self._other.curves} if self._other is not None else {}
        entries = [f"<b>{unbroken(translated(group.title))}</b> {self.tr('by epoch')}"]
        for number, curve in enumerate(group.curves):
            colour = colours[number % len(colours)]
            other = others.get(curve.name)
            if other is not None:
                self._line(other.whole or other.live, colour, alpha=OTHER_ALPHA, dashed=True)
            self._curve(curve, colour)
            against = f"&nbsp;({other.last:.3g})" if other is not None else ""
            dot = f'<span style="color:{colour.name()}">●</span>'
            entries.append(f"{dot}&nbsp;{unbroken(curve.name)}&nbsp;{curve.last:.3g}{against}")
        self.legend.setText(" &nbsp; ".join(entries))
        self.setAccessibleName(
            f"{translated(group.title)}: " + ", ".join(f"{curve.name} {curve.last:.3g}" for curve in group.curves)
        )
        self._set_range([*group.curves, *(others[curve.name] for curve in group.curves if curve.name in others)])

    def _curve(self, curve: Curve, colour: QColor) -> None:
        if not curve.whole:
            self._line(curve.live, colour)
            return
        self._line(curve.live, colour, alpha=STEPS_ALPHA, width=1)
        self._line(curve.whole, colour, marked=len(curve.whole) <= MARKED)

    def _line(
        self,
        points: Sequence[tuple[float, float]],
        colour: QColor,
        *,
        alpha: float = 1.0,
        width: int = 2,
        dashed: bool = False,
        marked: bool = False,
    ) -> None:
        if not points:
            return
        shade = QColor(colour)
        shade.setAlphaF(alpha)
        pen = QPen(shade, width, Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine)
        pen.setCosmetic(True)
        x, y = np.array(points).T
        marks = {"symbol": "o", "symbolSize": 5, "symbolBrush": shade, "symbolPen": None} if marked else {}
        self.plot.addItem(pg.PlotDataItem(x, y, pen=pen, antialias=True, **marks))

    def _set_range(self, curves: Sequence[Curve]) -> None:
        epochs = [value for curve in curves for _, value in curve.whole]
        steps = [value for curve in curves for _, value in curve.live]
        values = [*epochs, *(np.percentile(steps, OUTLIERS) if steps else ())]
        low, high = min(values), max(values)
        margin = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
        self.plot.setRange(xRange=(0, max(1, self._epochs)), yRange=(low - margin, high + margin), padding=0)


class CurvesPlots(QWidget):
    """One plot for each group, side by side where the width allows."""

    def __init__(self) -> None:
        super().__init__()
        self.plots: dict[str, FigurePlot] = {}
        self._layout = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(12)

    def show_groups(self, groups: Sequence[CurveGroup], others: Sequence[CurveGroup], epochs: int) -> None:
        """Plot `groups` over those of another run; the time axis ends at `epochs`."""
        others_by_key = {group.key: group for group in others}
        for group in groups:
            plot = self.plots.get(group.key)
            if plot is None:
                plot = self.plots[group.key] = FigurePlot()
                self._layout.addWidget(plot, 1)
            plot.show()
            plot.show_group(group, others_by_key.get(group.key), epochs)
        for key, plot in self.plots.items():
            if key not in {group.key for group in groups}:
                plot.hide()

    def resizeEvent(self, event: QResizeEvent) -> None:
        wide = event.size().width() >= SIDE_BY_SIDE
        direction = QBoxLayout.Direction.LeftToRight if wide else QBoxLayout.Direction.TopToBottom
        self._layout.setDirection(direction)
        super().resizeEvent(event)
