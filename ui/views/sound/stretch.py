"""The stretch between the handles A and B, drawn over the plots whose axis is time."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QColor, QPen

from ui.base import theme


class Stretch(QObject):
    """Two handles that move alone, and what is between them, which moves both; the same on several plots.

    Signals
    -------
    changed : begin, end in seconds, by the user; many during a drag
    """

    changed = Signal(float, float)

    def __init__(self, plots: tuple[pg.PlotWidget, ...], parent: QObject) -> None:
        super().__init__(parent)
        self.span: tuple[float, float] | None = None
        self._telling = True
        self.regions: list[pg.LinearRegionItem] = []
        self._names: list[pg.InfLineLabel] = []
        for plot in plots:
            region = pg.LinearRegionItem((0.0, 0.0), swapMode="sort")
            region.setZValue(5)
            region.hide()
            for line, name in zip(region.lines, "AB", strict=True):
                self._names.append(pg.InfLineLabel(line, name, position=0.92))
            region.sigRegionChanged.connect(self._moved)
            plot.addItem(region, ignoreBounds=True)
            self.regions.append(region)
        self.dress()

    def set_limit(self, secs: float) -> None:
        """Keep both handles within the sound."""
        for region in self.regions:
            region.setBounds((0.0, max(secs, 1e-6)))

    def show_span(self, span: tuple[float, float] | None) -> None:
        """Set the stretch without a signal; None hides it."""
        self.span = span
        self._telling = False
        for region in self.regions:
            if span is not None:
                region.setRegion(span)
            region.setVisible(span is not None)
        self._telling = True
        for name in self._names if span is not None else ():
            # A name that was not visible has no text, and is placed nowhere.
            name.valueChanged()

    def _moved(self, region: pg.LinearRegionItem) -> None:
        if not self._telling:
            return
        begin, end = (float(secs) for secs in region.getRegion())
        self.show_span((begin, end))
        self.changed.emit(begin, end)

    def dress(self) -> None:
        """Colours of the theme."""
        accent = theme.colour("accent")
        fill = QColor(accent)
        fill.setAlpha(36)
        strong = QColor(accent)
        strong.setAlpha(64)
        for name in self._names:
            name.setColor(theme.colour("text"))
        for region in self.regions:
            region.setBrush(fill)
            region.setHoverBrush(strong)
            for line in region.lines:
                line.setPen(QPen(accent, 0))
                line.setHoverPen(QPen(theme.colour("link"), 0))
