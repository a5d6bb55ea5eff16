"""Base class of plots of curves. Imported when there are curves, as it loads pyqtgraph."""

from __future__ import annotations

import html
from collections.abc import Sequence

import pyqtgraph as pg
from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from ui.base import theme


class WholeAxis(pg.AxisItem):
    """Axis with ticks at integers only."""

    def tickSpacing(self, low: float, high: float, size: float) -> list[tuple[float, float]]:
        return [(max(1.0, spacing), offset) for spacing, offset in super().tickSpacing(low, high, size)[:1]]

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        return [f"{value:.0f}" for value in values]


def unbroken(text: str) -> str:
    """`text` as rich text without line breaks."""
    return html.escape(text).replace(" ", "&nbsp;")


class CurveWidget(QWidget):
    """Plot without zoom and pan, under a legend, in the colours of the theme.

    Parameters
    ----------
    whole : the axis with integers, "left" or "bottom"; empty for none
    axis_width, least_height : in pixels
    """

    def __init__(self, *, whole: str, axis_width: int, least_height: int) -> None:
        super().__init__()
        self.legend = QLabel()
        self.legend.setObjectName("small")
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.legend.setWordWrap(True)
        axes = {whole: WholeAxis(whole)} if whole else {}
        self.plot = pg.PlotWidget(axisItems=axes, viewBox=pg.ViewBox(enableMenu=False))
        self.plot.setFrameShape(self.plot.Shape.NoFrame)
        self.plot.setMouseEnabled(x=False, y=False)
        self.plot.hideButtons()
        # pyqtgraph's own menu, which we do not show, has no parent: it would outlive the window.
        menu = self.plot.getPlotItem().ctrlMenu
        menu.setParent(self.plot, menu.windowFlags())
        self.plot.getAxis("left").setWidth(axis_width)
        self.plot.getPlotItem().layout.setContentsMargins(0, 4, 8, 0)
        self.plot.setMinimumHeight(least_height)
        # The legend wraps, so that a layout asks for a height by the width: that of pyqtgraph's wish, 480 pixels.
        self.plot.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.legend)
        layout.addWidget(self.plot, 1)

    def redraw(self) -> None:
        """Draw the plot in the current theme."""
        raise NotImplementedError

    def dress(self) -> None:
        """Apply the colours and the font of the theme."""
        self.plot.setBackground(theme.colour("panel"))
        for side in ("bottom", "left"):
            axis = self.plot.getAxis(side)
            axis.setPen(theme.colour("line"))
            axis.setTextPen(theme.colour("quiet"))
            axis.setStyle(tickFont=theme.app_font(theme.SMALL_PX), tickLength=-4)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        # Qt also calls this from the constructor of the base class, when there is nothing to draw yet.
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "plot"):
            self.redraw()
