"""The differences between the tensors of a checkpoint and of a network, as a tree."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHeaderView, QTreeWidget, QTreeWidgetItem, QWidget

from cvstudio.weights.differences import Difference, Differences, Row
from ui.base import theme
from ui.base.translate import translated

MOST_OPEN = 12
"""Most rows of a part that is expanded at first."""

LISTED_ALONE = 3
ALL_ROWS = 100_000


class DifferencesView(QTreeWidget):
    """A tree of kind of difference, part of the network and tensor, with expected and found shapes."""

    def __init__(self, differences: Differences, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("differences")
        self.setAccessibleName(self.tr("Differences"))
        self.setColumnCount(3)
        self.setHeaderLabels([self.tr("Tensor"), self.tr("Expected"), self.tr("Found")])
        self.setUniformRowHeights(True)
        self.setIndentation(14)
        # The end of a tensor's name says which parameter of the layer it is.
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
        """Replace the rows."""
        self._differences = differences
        self.clear()
        for kind in Difference:
            rows = [row for row in differences.rows if row.kind is kind]
            if rows:
                self._add_kind(kind, rows)

    def copy(self) -> None:
        """Copy the whole table to the clipboard as text."""
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
        for name, part_rows in parts.items():
            if len(part_rows) <= LISTED_ALONE or len(parts) == 1:
                self._add_rows(head, part_rows)
            else:
                part = QTreeWidgetItem(head, [f"{name} ({len(part_rows)})"])
                self._add_rows(part, part_rows)
                part.setExpanded(len(part_rows) <= MOST_OPEN)
        head.setExpanded(True)

    def _add_rows(self, parent: QTreeWidgetItem, rows: list[Row]) -> None:
        figures = theme.app_font(theme.TEXT_PX)
        for row in rows:
            item = QTreeWidgetItem(parent, [row.name, row.expected, row.found])
            item.setToolTip(0, row.name)
            for column in (1, 2):
                item.setFont(column, figures)
                item.setTextAlignment(column, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
