"""What differs between a checkpoint and a network, as a table whose parts fold."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHeaderView, QTreeWidget, QTreeWidgetItem, QWidget

from cvstudio.weights.differences import Difference, Differences, Row
from ui.base import theme
from ui.base.translate import translated

MOST_OPEN = 12
"""Rows of a kind that are shown unfolded."""

LISTED_ALONE = 3
ALL_ROWS = 100_000


class DifferencesView(QTreeWidget):
    """Kind of difference, part of the network, tensor: with the expected and the found shape."""

    def __init__(self, differences: Differences, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("differences")
        self.setAccessibleName(self.tr("What differs"))
        self.setColumnCount(3)
        self.setHeaderLabels([self.tr("Tensor"), self.tr("Expected"), self.tr("Found")])
        self.setUniformRowHeights(True)
        self.setIndentation(14)
        # The end of a name says which layer's part it is.
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setSelectionMode(QTreeWidget.SelectionMode.ExtendedSelection)
        self._differences = differences
        self.show_differences(differences)
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in (1, 2):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)

    def show_differences(self, differences: Differences) -> None:
        """Show these in place of what is shown."""
        self._differences = differences
        self.clear()
        for kind in Difference:
            rows = [row for row in differences.rows if row.kind is kind]
            if rows:
                self._add_kind(kind, rows)

    def copy(self) -> None:
        """Put the whole table on the clipboard as text."""
        text = f"{self._differences.sentence()}\n{self._differences.table(ALL_ROWS)}"
        QGuiApplication.clipboard().setText(text)

    def _add_kind(self, kind: Difference, rows: list[Row]) -> None:
        head = QTreeWidgetItem(self, [f"{translated(kind.value)} ({len(rows)})"])
        font = head.font(0)
        font.setBold(True)
        head.setFont(0, font)
        parts: dict[str, list[Row]] = {}
        for row in rows:
            parts.setdefault(row.name.partition(".")[0], []).append(row)
        for name, inside in parts.items():
            if len(inside) <= LISTED_ALONE or len(parts) == 1:
                self._add_rows(head, inside)
            else:
                part = QTreeWidgetItem(head, [f"{name} ({len(inside)})"])
                self._add_rows(part, inside)
                part.setExpanded(len(inside) <= MOST_OPEN)
        head.setExpanded(True)

    def _add_rows(self, above: QTreeWidgetItem, rows: list[Row]) -> None:
        figures = theme.app_font(theme.TEXT_PX)
        for row in rows:
            item = QTreeWidgetItem(above, [row.name, row.expected, row.found])
            item.setToolTip(0, row.name)
            for column in (1, 2):
                item.setFont(column, figures)
                item.setTextAlignment(column, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
