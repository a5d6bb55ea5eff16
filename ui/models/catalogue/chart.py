"""The summary chart: score against cost of models, as bubbles whose area is their size.

Importing this file loads pyqtgraph, so it waits until the chart is first shown.
"""

from __future__ import annotations

import html
import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, Qt, QTimer, Signal
from PySide6.QtGui import QBrush, QColor, QFontMetricsF, QPen, QResizeEvent
from PySide6.QtWidgets import QLabel, QToolTip, QVBoxLayout, QWidget

from cvstudio.draw.palette import COLOURS, contrast
from cvstudio.models.catalogue.chart import Bubble, Cost, bubbles
from cvstudio.models.catalogue.columns import bytes_text, count_text, speed_text
from cvstudio.models.catalogue.entries import CatalogueEntry
from ui.base import theme
from ui.base.translate import counted, translated
from ui.models.catalogue.labels import place_labels
from ui.widgets.elided_label import ElidedLabel

if TYPE_CHECKING:
    from pyqtgraph.GraphicsScene.mouseEvents import MouseClickEvent

LARGEST, SMALLEST = 46.0, 8.0
"""Largest and smallest diameter of a bubble in pixels."""

RING = 3
"""Distance in pixels from a bubble to the ring around it."""

LEAST_CONTRAST = 1.6
"""Least contrast ratio of a bubble's fill against the background; its outline has more."""

STEPS = (1, 2, 5)
AIR = 0.08
"""Fraction of the range that stays free at each side."""


class CostAxis(pg.AxisItem):
    """Axis of log10 values with ticks at 1, 2 and 5 times each power of ten."""

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, list[float]]]:
        few = high - low > 2.5
        places = [
            math.log10(step) + decade
            for decade in range(math.floor(low), math.ceil(high) + 1)
            for step in (STEPS[:1] if few else STEPS)
        ]
        return [(1.0, [place for place in places if low <= place <= high])]

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        # Round numbers need no decimals.
        return [re.sub(r"\.0+(?=\D|$)", "", _number(10**value)) for value in values]


class SummaryChart(QWidget):
    """Bubbles with their names; the wheel zooms, a double click fits all.

    `bubbles` are the models on the chart, `lacking` those without the score or the cost.

    Signals
    -------
    chosen : key of the model whose bubble was clicked
    """

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.bubbles: tuple[Bubble, ...] = ()
        self.lacking: tuple[CatalogueEntry, ...] = ()
        self._entries: tuple[CatalogueEntry, ...] = ()
        self._metric, self._cost, self._key = "", Cost.MACS, ""
        self.legend = QLabel()
        self.legend.setObjectName("small")
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.legend.setWordWrap(True)
        self.without = ElidedLabel()
        self.without.setObjectName("small")
        axes = {"bottom": CostAxis("bottom")}
        self.plot = pg.PlotWidget(axisItems=axes, viewBox=pg.ViewBox(enableMenu=False))
        self.plot.setFrameShape(self.plot.Shape.NoFrame)
        self.plot.hideButtons()
        # pyqtgraph leaves its own menu, which we do not show, without a parent: it would outlive the window.
        menu = self.plot.getPlotItem().ctrlMenu
        menu.setParent(self.plot, menu.windowFlags())
        self.plot.showGrid(x=True, y=True, alpha=0.12)
        self.plot.getPlotItem().layout.setContentsMargins(0, 8, 12, 0)
        self._scatter = pg.ScatterPlotItem(pxMode=True)
        self._ring = pg.ScatterPlotItem(pxMode=True)
        self._ring.setZValue(2)
        self.plot.addItem(self._scatter)
        self.plot.addItem(self._ring)
        self._names: list[pg.TextItem] = []
        self.plot.scene().sigMouseClicked.connect(self._clicked)
        self.plot.scene().sigMouseMoved.connect(self._moved)
        self._soon = QTimer(self, interval=0, singleShot=True)
        self._soon.timeout.connect(self._place_names)
        self.plot.getViewBox().sigRangeChanged.connect(lambda *_: self._soon.start())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 0, 12, 8)
        layout.setSpacing(4)
        layout.addWidget(self.legend)
        layout.addWidget(self.plot, 1)
        layout.addWidget(self.without)

    @property
    def score_name(self) -> str:
        """Metric of the vertical axis."""
        return self._metric

    def title(self) -> str:
        """Title that names both axes."""
        return self.tr("{metric} against {cost}").format(metric=self._metric, cost=translated(self._cost.value).lower())

    def show_entries(self, entries: Sequence[CatalogueEntry], metric: str, cost: Cost) -> None:
        """Draw the models that have both figures; the visible range stays while axes and models do."""
        axes_changed = (metric, cost) != (self._metric, self._cost) or not self.bubbles
        previous_keys = {bubble.entry.key for bubble in self.bubbles}
        self._entries, self._metric, self._cost = tuple(entries), metric, cost
        self.bubbles, self.lacking = bubbles(self._entries, metric, cost)
        self._show_lacking(self.lacking)
        self._draw()
        if axes_changed or previous_keys != {bubble.entry.key for bubble in self.bubbles}:
            self.fit()

    def choose(self, key: str) -> None:
        """Put a ring around a model's bubble."""
        self._key = key
        self._draw_ring()
        self._soon.start()

    def fit(self) -> None:
        """Zoom so that every bubble is visible."""
        if not self.bubbles:
            return
        costs = [math.log10(bubble.cost) for bubble in self.bubbles]
        scores = [bubble.score for bubble in self.bubbles]
        width, height = max(max(costs) - min(costs), 0.3), max(max(scores) - min(scores), 2.0)
        self.plot.setRange(
            xRange=(min(costs) - AIR * width, max(costs) + 1.5 * AIR * width),
            yRange=(min(scores) - AIR * height, max(scores) + AIR * height),
            padding=0,
        )

    def names(self) -> list[str]:
        """Names that are visible beside their bubbles."""
        return [item.textItem.toPlainText() for item in self._names if item.isVisible()]

    def place_of(self, key: str) -> QPointF | None:
        """Position of a model's bubble in pixels of the plot widget; None where it is not on the chart."""
        for bubble in self.bubbles:
            if bubble.entry.key == key:
                scene = self.plot.getViewBox().mapViewToScene(QPointF(math.log10(bubble.cost), bubble.score))
                return QPointF(self.plot.mapFromScene(scene))
        return None

    # Drawing --------------------------------------------------------------------------------------------------------

    def _diameter(self, bubble: Bubble) -> float:
        largest_bytes = max(other.size_bytes for other in self.bubbles) or 1.0
        return max(SMALLEST, LARGEST * math.sqrt(bubble.size_bytes / largest_bytes))

    def _colours(self) -> dict[str, QColor]:
        """A colour for each family, the most frequent first; grey for those beyond the palette."""
        ground = theme.rgb(theme.colour("panel"))
        colours = [QColor(*colour) for colour in COLOURS if contrast(colour, ground) >= LEAST_CONTRAST]
        families = [name for name, _ in Counter(bubble.entry.spec.family for bubble in self.bubbles).most_common()]
        rest = [theme.colour("edge")] * max(0, len(families) - len(colours))
        return dict(zip(families, [*colours, *rest], strict=False))

    def _draw(self) -> None:
        self._dress()
        colours = self._colours()
        spots = []
        for bubble in self.bubbles:
            colour = colours[bubble.entry.spec.family]
            fill = QColor(colour)
            fill.setAlphaF(0.55)
            spots.append(
                {
                    "pos": (math.log10(bubble.cost), bubble.score),
                    "size": self._diameter(bubble),
                    "brush": QBrush(fill),
                    "pen": _thin(colour, 1.25),
                    "data": bubble.entry.key,
                }
            )
        self._scatter.setData(spots)
        self._draw_ring()
        self._show_families(colours)
        for item in self._names:
            self.plot.removeItem(item)
        self._names = []
        for bubble in self.bubbles:
            name = pg.TextItem(bubble.entry.spec.title, color=theme.colour("text"), anchor=(0, 0))
            name.setFont(theme.app_font(theme.SMALL_PX))
            name.setZValue(3)
            # Without the margin of its document an item is as large as its letters.
            name.textItem.document().setDocumentMargin(0)
            name.setVisible(False)
            self.plot.addItem(name, ignoreBounds=True)
            self._names.append(name)
        self._soon.start()

    def _draw_ring(self) -> None:
        ring = [
            {
                "pos": (math.log10(bubble.cost), bubble.score),
                "size": self._diameter(bubble) + 2 * RING,
                "brush": QBrush(Qt.BrushStyle.NoBrush),
                "pen": _thin(theme.colour("accent"), 2),
            }
            for bubble in self.bubbles
            if bubble.entry.key == self._key
        ]
        self._ring.setData(ring)

    def _place_names(self) -> None:
        if not self.bubbles or not self.isVisible():
            return
        view = self.plot.getViewBox()
        area = view.sceneBoundingRect()
        places = [view.mapViewToScene(QPointF(math.log10(b.cost), b.score)) for b in self.bubbles]
        centres = np.array([(place.x(), place.y()) for place in places])
        metrics = QFontMetricsF(theme.app_font(theme.SMALL_PX))
        sizes = np.array([(metrics.horizontalAdvance(b.entry.spec.title) + 1, metrics.height()) for b in self.bubbles])
        radii = np.array([self._diameter(b) / 2 + (RING if b.entry.key == self._key else 0) for b in self.bubbles])
        inside = (
            (centres[:, 0] > area.left())
            & (centres[:, 0] < area.right())
            & (centres[:, 1] > area.top())
            & (centres[:, 1] < area.bottom())
        )
        rows = np.flatnonzero(inside)
        chosen = [place for place, row in enumerate(rows) if self.bubbles[row].entry.key == self._key]
        bounds = (area.left(), area.top(), area.right(), area.bottom())
        corners = np.full((len(centres), 2), np.nan)
        corners[rows] = place_labels(centres[rows], radii[rows], sizes[rows], bounds, chosen)
        for name, corner in zip(self._names, corners, strict=True):
            placed = bool(np.isfinite(corner).all())
            name.setVisible(placed)
            if placed:
                name.setPos(view.mapSceneToView(QPointF(*corner)))

    def _dress(self) -> None:
        self.plot.setBackground(theme.colour("panel"))
        for side, text in (("bottom", translated(self._cost.value)), ("left", f"{self._metric}, %")):
            axis = self.plot.getAxis(side)
            axis.setPen(theme.colour("line"))
            axis.setTextPen(theme.colour("quiet"))
            axis.setStyle(tickFont=theme.app_font(theme.SMALL_PX), tickLength=-4)
            axis.setLabel(text, **{"color": theme.colour("quiet").name(), "font-size": f"{theme.SMALL_PX}px"})
            axis.enableAutoSIPrefix(False)

    def _show_families(self, colours: dict[str, QColor]) -> None:
        grey = theme.colour("edge").name()
        spans = [
            f'<span style="color:{colour.name()}">●</span>&nbsp;{html.escape(name).replace(" ", "&nbsp;")}'
            for name, colour in colours.items()
            if colour.name() != grey
        ]
        others = len(colours) - len(spans)
        if others:
            text = counted(others, self.tr("{count} other family"), self.tr("{count} other families"))
            spans.append(f'<span style="color:{grey}">●</span>&nbsp;{text}')
        self.legend.setText(" &nbsp; ".join(spans))

    def _show_lacking(self, lacking: Sequence[CatalogueEntry]) -> None:
        names = " · ".join(entry.spec.title for entry in lacking)
        self.without.setVisible(bool(lacking))
        template = (
            self.tr("Not measured on this device: {names}")
            if self._cost is Cost.MS
            else self.tr("No published figures: {names}")
        )
        self.without.setText(template.format(names=names))

    # Mouse ----------------------------------------------------------------------------------------------------------

    def _at(self, place: QPointF) -> Bubble | None:
        """The smallest bubble at `place`, in coordinates of the scene; None where there is none."""
        view = self.plot.getViewBox()
        if not view.sceneBoundingRect().contains(place):
            return None
        smallest: Bubble | None = None
        for bubble in self.bubbles:  # the largest come first
            middle = view.mapViewToScene(QPointF(math.log10(bubble.cost), bubble.score))
            if math.hypot(middle.x() - place.x(), middle.y() - place.y()) <= self._diameter(bubble) / 2 + 2:
                smallest = bubble
        return smallest

    def _clicked(self, event: MouseClickEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        if event.double():
            self.fit()
            return
        bubble = self._at(event.scenePos())
        if bubble is not None:
            self.chosen.emit(bubble.entry.key)

    def _moved(self, place: QPointF) -> None:
        bubble = self._at(place)
        self.plot.setCursor(Qt.CursorShape.ArrowCursor if bubble is None else Qt.CursorShape.PointingHandCursor)
        if bubble is None:
            QToolTip.hideText()
        else:
            where = self.plot.mapToGlobal(self.plot.mapFromScene(place))
            QToolTip.showText(where, facts_of(bubble.entry, self._metric), self.plot)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._soon.start()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        # Qt calls this from the constructor of the base class too, before there is anything to draw.
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_soon"):
            self._draw()


def _number(value: float) -> str:
    return count_text(value) if value >= 999 else f"{value:g}"


def _thin(colour: QColor, width: float) -> QPen:
    """A cosmetic pen: bubbles are drawn at size 1 and scaled, and their outlines must not be."""
    pen = QPen(colour, width)
    pen.setCosmetic(True)
    return pen


def facts_of(entry: CatalogueEntry, metric: str) -> str:
    """The figures of a model, one on each line."""
    lines = [entry.spec.title]
    if metric in entry.scores:
        lines.append(f"{entry.scores[metric]:.1f}% {metric}")
    if entry.figures is not None:
        lines.append(f"{count_text(entry.figures.parameters)} parameters")
        lines.append(f"{count_text(entry.figures.macs)} multiply-adds")
    if entry.terms.size_bytes:
        lines.append(bytes_text(entry.terms.size_bytes))
    if entry.speed is not None:
        lines.append(f"{speed_text(entry)} ms")
    return "\n".join(lines)
