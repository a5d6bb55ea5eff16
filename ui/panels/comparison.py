"""The comparison panel: what both sides say, how far they agree, and how long they take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtWidgets import QGridLayout, QLabel, QStackedWidget, QVBoxLayout, QWidget

from cvstudio.agreement import BoxAgreement, LabelAgreement, RegionAgreement, told
from cvstudio.results import Detections, Labels
from cvstudio.timings import ms_text
from ui.panels import PANELS
from ui.panels.base import Panel, PanelContext
from ui.translate import translated
from ui.widgets.empty_state import EmptyState

if TYPE_CHECKING:
    from ui.widgets.rows_table import Cell, Line

Figure = tuple[str, str, str | None]
"""A title with one value for each side, or with one for both and None."""

DELAY_MS = 80
MOST = 500
"""Rows."""
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class ComparePanel(QWidget):
    """Heads, figures and a table of pairs; nothing where nothing is compared."""

    def __init__(self, context: PanelContext) -> None:
        super().__init__()
        controller = self._controller = context.controller
        self._comparing = controller.comparing
        self.heads = (QLabel(self.tr("Left")), QLabel(self.tr("Right")))
        self._texts: list[Figure] = []
        self._figures = QGridLayout()
        self._figures.setHorizontalSpacing(12)
        self._figures.setVerticalSpacing(4)
        self._figures.setColumnStretch(0, 4)
        for column in (1, 2):
            self._figures.setColumnStretch(column, 3)
        for side, head in enumerate(self.heads):
            head.setObjectName("section")
            head.setAlignment(RIGHT)
            self._figures.addWidget(head, 0, side + 1)
        from ui.widgets.rows_table import RowsTable

        self.table = RowsTable(
            (self.tr("Thing"), self.tr("Left"), self.tr("Right"), self.tr("IoU")), bars=(3,), empty=""
        )
        self.table.horizontalHeader().resizeSection(3, 82)
        self.table.selected.connect(lambda ids: controller.select(frozenset(ids)))
        self.table.hovered.connect(controller.hover)
        text = self.tr("Two models or two settings on the same picture, and how far they agree.")
        empty = EmptyState("columns-2", text, self.tr("Compare with …"))
        empty.triggered.connect(context.requests.compare)
        body = QWidget()
        inner = QVBoxLayout(body)
        inner.setContentsMargins(12, 8, 12, 8)
        inner.setSpacing(8)
        inner.addLayout(self._figures)
        inner.addWidget(self.table, 1000)
        inner.addStretch(1)  # below the figures where there is no table
        self.stack = QStackedWidget()
        self.stack.addWidget(empty)
        self.stack.addWidget(body)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.stack)
        self._soon = QTimer(self, interval=DELAY_MS, singleShot=True)
        self._soon.timeout.connect(self._show)
        for signal in (self._comparing.changed, self._comparing.agreed, controller.view_changed):
            signal.connect(lambda *_: self._soon.isActive() or self._soon.start())
        self._show()

    def sizeHint(self) -> QSize:
        return QSize(312, 300)

    def figures(self) -> list[Figure]:
        """What stands there: title, and one value or that of either side."""
        return list(self._texts)

    def _show(self) -> None:
        found = self._comparing.comparison
        self.stack.setCurrentIndex(0 if found is None else 1)
        if found is None:
            return
        for head, title in zip(self.heads, found.titles, strict=True):
            head.setToolTip(translated(title))
        self._set_figures([*self._of_sides(), *self._agreement()])
        lines = self._lines()
        self.table.setVisible(bool(lines))
        self.table.set_lines(lines[:MOST])
        boxes = isinstance(self._comparing.agreement, BoxAgreement)
        self.table.setColumnHidden(3, not boxes and not isinstance(self._comparing.agreement, RegionAgreement))

    def _of_sides(self) -> list[Figure]:
        """What each side says by itself, and how long it takes."""
        found, lines = self._comparing.agreement, []
        left, right = (None if side is None else side.result for side in self._comparing.shown)
        if isinstance(left, Detections) and isinstance(right, Detections):
            lines.append((self.tr("Found"), f"{len(left):,}", f"{len(right):,}"))
        if isinstance(found, BoxAgreement):
            lines.append((self.tr("Only here"), f"{len(found.only_left):,}", f"{len(found.only_right):,}"))
            if found.unknown_left or found.unknown_right:
                lines.append((self.tr("… unknown there"), str(found.unknown_left), str(found.unknown_right)))
        secs = [self._comparing.network_secs(side) for side in (0, 1)]
        times = [self.tr("from cache") if item is None else f"{ms_text(item)} ms" for item in secs]
        return [*lines, (self.tr("Time"), times[0], times[1])]

    def _agreement(self) -> list[Figure]:
        found = self._comparing.agreement
        if found is None and all(side is not None and side.result is not None for side in self._comparing.shown):
            return [(self.tr("Agreement"), self.tr("not measured for these"), None)]
        return [(translated(title), translated(value), None) for title, value in told(found)]

    def _set_figures(self, lines: list[Figure]) -> None:
        if lines == self._texts:
            return
        self._texts = lines
        for place in reversed(range(self._figures.count())):
            item = self._figures.itemAt(place)
            widget = item.widget() if item is not None else None
            if widget is not None and widget not in self.heads:
                self._figures.removeWidget(widget)
                widget.hide()
                widget.deleteLater()
        for row, (title, *values) in enumerate(lines, 1):
            name = QLabel(title)
            name.setObjectName("quiet")
            self._figures.addWidget(name, row, 0)
            for column, value in enumerate(values, 1):
                if value is not None:
                    number = QLabel(value)
                    number.setAlignment(RIGHT)
                    self._figures.addWidget(number, row, column, 1, 1 if values[1] is not None else 2)

    def _lines(self) -> list[Line]:
        from ui.widgets.rows_table import Cell, Line

        found = self._comparing.agreement
        left, right = (None if side is None else side.result for side in self._comparing.shown)
        if isinstance(found, BoxAgreement) and isinstance(left, Detections) and isinstance(right, Detections):
            return self._box_lines(found, left, right)
        if isinstance(found, LabelAgreement) and isinstance(left, Labels) and isinstance(right, Labels):
            return _label_lines(left, right)
        if isinstance(found, RegionAgreement):
            dash = Cell("–", tone="quiet")
            return [
                Line(None, (Cell(name, label=name), dash, dash, Cell(f"{share:.2f}", share)))
                for name, share in found.by_class
            ]
        return []

    def _box_lines(self, found: BoxAgreement, left: Detections, right: Detections) -> list[Line]:
        """Pairs, then what was named differently, then what only one side has."""
        from ui.widgets.rows_table import Cell, Line

        if max(_last(found, 0), _last(found, 1)) >= max(len(left), len(right), 1):
            return []  # of the results before; the agreement with these is on its way
        current = self._comparing.current_side

        def line(one: int | None, other: int | None, share: float | None) -> Line:
            names = [side.label(row) for side, row in ((left, one), (right, other)) if row is not None]
            rows = ((left, one), (right, other))
            scores = [Cell("–", tone="quiet") if row is None else Cell(f"{side.scores[row]:.2f}") for side, row in rows]
            title = names[0] if len(set(names)) == 1 else " / ".join(names)
            tone = "warning" if len(set(names)) > 1 else "text"
            side, row = rows[current or 0]
            last = Cell("", None) if share is None else Cell(f"{share:.2f}", share)
            return Line(
                None if row is None else int(side.ids[row]), (Cell(title, tone=tone, label=names[0]), *scores, last)
            )

        lines = [
            line(one, other, float(share))
            for (one, other), share in zip(found.pairs.tolist(), found.shares, strict=True)
        ]
        lines += [line(one, other, None) for one, other in found.renamed.tolist()]
        lines += [line(row, None, None) for row in found.only_left.tolist()]
        lines += [line(None, row, None) for row in found.only_right.tolist()]
        return lines


def _last(found: BoxAgreement, side: int) -> int:
    """The largest row on one side."""
    only = (found.only_left, found.only_right)[side]
    return max([*found.pairs[:, side].tolist(), *found.renamed[:, side].tolist(), *only.tolist()], default=-1)


def _label_lines(left: Labels, right: Labels) -> list[Line]:
    """Every class that one of both names, the likeliest of either first."""
    from ui.widgets.rows_table import Cell, Line

    sides: list[dict[str, float]] = [
        {found.label(row): float(found.probabilities[row]) for row in range(len(found))} for found in (left, right)
    ]
    names = sorted({*sides[0], *sides[1]}, key=lambda name: -max(side.get(name, 0.0) for side in sides))

    def cell(side: Any, name: str) -> Cell:
        return Cell(f"{side[name]:.1%}") if name in side else Cell("–", tone="quiet")

    return [
        Line(None, (Cell(name, label=name), cell(sides[0], name), cell(sides[1], name), Cell(""))) for name in names
    ]


PANELS.register(
    Panel(
        "comparison",
        "Comparison",
        Qt.DockWidgetArea.RightDockWidgetArea,
        ComparePanel,
        order=22,
        tabbed_with="results",
        shown=False,
        keywords=("agreement", "KL divergence"),
    )
)
