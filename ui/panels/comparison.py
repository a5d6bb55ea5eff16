"""The comparison panel: results of both sides, their agreement, and the time of each network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtWidgets import QGridLayout, QLabel, QStackedWidget, QVBoxLayout, QWidget

from cvstudio.foundation.timings import ms_text
from ui.base.translate import translated
from ui.panels import PANELS
from ui.panels.base import Panel, PanelContext
from ui.widgets.empty_state import EmptyState

if TYPE_CHECKING:
    from cvstudio.results.agreements.agreement import ComparedRow
    from ui.widgets.rows_table import TableRow

Figure = tuple[str, str, str | None]
"""(title, left, right) of a figure; `right` is None where one value stands for both sides."""

DELAY_MS = 80
MOST = 500
"""Most rows of the table."""
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class ComparePanel(QWidget):
    """Figures of both sides and a table of paired rows; a hint where nothing is compared."""

    def __init__(self, context: PanelContext) -> None:
        super().__init__()
        controller = self._controller = context.controller
        self._comparison = controller.comparison
        self.heads = (QLabel(self.tr("Left")), QLabel(self.tr("Right")))
        self._labels: list[QLabel] = []
        self._shown_figures: list[Figure] = []
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
            (self.tr("Object"), self.tr("Left"), self.tr("Right"), self.tr("IoU")), bars=(3,), empty=""
        )
        self.table.horizontalHeader().resizeSection(3, 82)
        self.table.selected.connect(lambda ids: controller.select(frozenset(ids)))
        self.table.hovered.connect(controller.hover)
        text = self.tr("Two models or two settings on the same picture, and how well they agree.")
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
        for signal in (self._comparison.changed, self._comparison.agreed, controller.view_changed):
            signal.connect(lambda *_: self._soon.isActive() or self._soon.start())
        self._show()

    def sizeHint(self) -> QSize:
        return QSize(312, 300)

    def figures(self) -> list[Figure]:
        """The figures that are shown."""
        return list(self._shown_figures)

    def _show(self) -> None:
        comparison = self._comparison.composition
        self.stack.setCurrentIndex(0 if comparison is None else 1)
        if comparison is None:
            return
        for head, title in zip(self.heads, comparison.titles, strict=True):
            head.setToolTip(translated(title))
        self._set_figures([*self._of_sides(), *self._agreement()])
        lines = self._table_rows()
        self.table.setVisible(bool(lines))
        self.table.set_rows(lines)
        self.table.setColumnHidden(3, all(line.cells[3].share is None for line in lines))

    def _of_sides(self) -> list[Figure]:
        """Figures of each side alone, and the time of its network."""
        agreement = self._comparison.agreement
        figures: list[Figure] = []
        if agreement is not None:
            figures = [(translated(title), left, right) for title, left, right in agreement.side_lines()]
        secs = [self._comparison.network_secs(side) for side in (0, 1)]
        times = [self.tr("from cache") if item is None else f"{ms_text(item)} ms" for item in secs]
        return [*figures, (self.tr("Time"), times[0], times[1])]

    def _agreement(self) -> list[Figure]:
        """Figures of the agreement of both sides."""
        agreement = self._comparison.agreement
        if agreement is None and all(side is not None and side.result is not None for side in self._comparison.shown):
            return [(self.tr("Agreement"), self.tr("not available for these"), None)]
        lines = [] if agreement is None else agreement.summary_lines()
        return [(translated(title), translated(value), None) for title, value in lines]

    def _set_figures(self, figures: list[Figure]) -> None:
        if figures == self._shown_figures:
            return
        self._shown_figures = figures
        for label in self._labels:
            self._figures.removeWidget(label)
            label.hide()
            label.deleteLater()
        self._labels.clear()
        for row, (title, *values) in enumerate(figures, 1):
            name = QLabel(title)
            name.setObjectName("quiet")
            self._figures.addWidget(name, row, 0)
            self._labels.append(name)
            for column, value in enumerate(values, 1):
                if value is not None:
                    number = QLabel(value)
                    number.setAlignment(RIGHT)
                    self._figures.addWidget(number, row, column, 1, 1 if values[1] is not None else 2)
                    self._labels.append(number)

    def _table_rows(self) -> list[TableRow]:
        agreement, side = self._comparison.agreement, self._comparison.current_side or 0
        return [] if agreement is None else [_line(row, side) for row in agreement.rows()[:MOST]]


def _line(row: ComparedRow, side: int) -> TableRow:
    """Row of the table whose id is the row's part on `side`, 0 or 1."""
    from ui.widgets.rows_table import Cell, TableRow

    values = [Cell("–", tone="quiet") if text is None else Cell(text) for text in (row.left, row.right)]
    name = Cell(row.name, tone="warning" if row.contradicts else "text", label=row.label)
    iou = Cell("") if row.iou is None else Cell(f"{row.iou:.2f}", row.iou)
    return TableRow(row.ids[side], (name, *values, iou))


PANELS.register(
    Panel(
        "comparison",
        "Comparison",
        Qt.DockWidgetArea.RightDockWidgetArea,
        ComparePanel,
        order=22,
        shown=False,
        keywords=("agreement", "KL divergence", "일치도"),
        icon="square-split-horizontal",
    )
)
