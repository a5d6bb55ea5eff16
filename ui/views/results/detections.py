"""View of detections: a table that is linked to the canvas by ids."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import (
    QAbstractTableModel,
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    Qt,
    Signal,
)
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QPixmap, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QTableView,
    QWidget,
)

from cvstudio.results.detections import Detections
from ui.base import theme
from ui.base.keys import SLIDER_KEYS, claims
from ui.views.results.registry import RESULT_VIEWS, ResultViewSpec
from ui.widgets.bar_delegate import NO_INDEX, ROW_HEIGHT, SCORE_WIDTH, BarDelegate, Index
from ui.widgets.swatch import RGB, dot
from ui.widgets.swatch_delegate import SwatchDelegate
from ui.widgets.whole_row import WholeRow

if TYPE_CHECKING:
    from cvstudio.draw.base import Look

LABEL, SCORE, BOX, TRACK = range(4)
TRACK_WIDTH = 56
NARROWEST_WITH_BOX = 360


class DetectionsModel(QAbstractTableModel):
    """Table model of detections in the sorting order of the user; only that order is stored, not copies of rows."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._detections: Detections | None = None
        self._order: NDArray[np.intp] = np.zeros(0, np.intp)
        self._column, self._descending = SCORE, True
        self._dots: dict[RGB, QPixmap] = {}
        self.look: Look | None = None

    def set_detections(self, detections: Detections | None) -> None:
        """Replace the detections; if the ids of the rows are the same, they are only repainted."""
        old_ids = self.ids()
        order = self._sorted(detections)
        new_ids = detections.ids[order] if detections is not None else np.zeros(0, np.int64)
        if len(old_ids) and np.array_equal(old_ids, new_ids):
            self._detections, self._order = detections, order
            self.dataChanged.emit(self.index(0, 0), self.index(len(order) - 1, TRACK))
            return
        # Both within the reset: what looks at the rows when it begins has to find those of before.
        self.beginResetModel()
        self._detections, self._order = detections, order
        self.endResetModel()

    @property
    def followed(self) -> bool:
        """Whether the detections have track ids."""
        return self._detections is not None and self._detections.track_ids is not None

    def ids(self) -> NDArray[np.int64]:
        """Ids of the rows; int64 (n,)."""
        if self._detections is None or not len(self._order):
            return np.zeros(0, np.int64)
        return self._detections.ids[self._order]

    def _sorted(self, detections: Detections | None) -> NDArray[np.intp]:
        if detections is None:
            return np.zeros(0, np.intp)
        if self._column == LABEL:
            # By class name and, within a class, by descending score.
            ranks = np.argsort(np.argsort(np.array(detections.labels, dtype=object), kind="stable"), kind="stable")
            keys = ranks[detections.classes].astype(np.float64)
        elif self._column == SCORE:
            keys = detections.scores.astype(np.float64)
        elif self._column == TRACK:
            keys = (
                np.zeros(len(detections)) if detections.track_ids is None else detections.track_ids.astype(np.float64)
            )
        else:
            sides = detections.boxes[:, 2:] - detections.boxes[:, :2]
            keys = (sides[:, 0] * sides[:, 1]).astype(np.float64)
        return np.lexsort((-detections.scores, -keys if self._descending else keys))

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self._column, self._descending = column, order == Qt.SortOrder.DescendingOrder
        self.beginResetModel()
        self._order = self._sorted(self._detections)
        self.endResetModel()

    def rowCount(self, parent: Index = NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._order)

    def columnCount(self, parent: Index = NO_INDEX) -> int:
        return 0 if parent.isValid() else 4

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return (self.tr("Class"), self.tr("Confidence"), self.tr("Box"), self.tr("ID"))[section]
        if role == Qt.ItemDataRole.ToolTipRole and section == TRACK:
            return self.tr("The number that an object keeps from frame to frame")
        if role == Qt.ItemDataRole.ToolTipRole and section == BOX:
            return self.tr("Left, top · width × height in pixels; sorted by area")
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignVCenter | (
                Qt.AlignmentFlag.AlignRight if section in (BOX, TRACK) else Qt.AlignmentFlag.AlignLeft
            )
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        detections = self._detections
        if detections is None or not 0 <= index.row() < len(self._order):
            return None
        row, column = int(self._order[index.row()]), index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            if column == LABEL:
                return detections.label(row)
            if column == SCORE:
                return self._score_text(detections, row)
            if column == TRACK:
                number = detections.identity(row)
                return "" if number is None else str(number)
            return self._box_text(detections, row)
        if role == Qt.ItemDataRole.ToolTipRole:
            title = f"{detections.label(row)} {self._score_text(detections, row)}".rstrip()
            return f"{title}\n{self._box_text(detections, row)}"
        if role == Qt.ItemDataRole.DecorationRole and column == LABEL:
            return self._dot(detections, row)
        if role == Qt.ItemDataRole.TextAlignmentRole and column != LABEL:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.UserRole and column == SCORE and not detections.certain:
            top = 1.0 if detections.score_kind == "probability" else max(float(detections.scores.max()), 1e-9)
            return min(max(float(detections.scores[row]) / top, 0.0), 1.0)
        return None

    def _dot(self, detections: Detections, row: int) -> QPixmap:
        """A dot in the colour that the row has on the picture."""
        from cvstudio.draw.base import Look
        from cvstudio.draw.palette import row_colour

        colour = row_colour(detections, row, self.look or Look())
        if colour not in self._dots:
            self._dots[colour] = dot(colour)
        return self._dots[colour]

    @staticmethod
    def _box_text(detections: Detections, row: int) -> str:
        x1, y1, x2, y2 = (round(float(side)) for side in detections.boxes[row])
        return f"{x1}, {y1} · {x2 - x1} × {y2 - y1}"

    @staticmethod
    def _score_text(detections: Detections, row: int) -> str:
        if detections.certain:
            return ""
        score = float(detections.scores[row])
        return f"{score:.0f}" if detections.score_kind == "neighbours" else f"{score:.2f}"


class ResultsTable(QTableView):
    """Sortable table with multiple selection; a new result keeps the selection and the scroll position.

    Signals
    -------
    selected : ids (tuple of int) that the user selected
    hovered : the id under the cursor, or None
    """

    selected = Signal(object)
    hovered = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Results"))
        self._model = DetectionsModel(self)
        self._selected_ids: frozenset[int] = frozenset()
        self._emitting = True
        self._hovered: int | None = None
        self._empty = self.tr("Nothing found. Lower the minimum confidence to see more.")
        self.setModel(self._model)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setMouseTracking(True)
        self.setTabKeyNavigation(False)
        WholeRow(self)
        self.setItemDelegate(SwatchDelegate(self))
        self.setItemDelegateForColumn(SCORE, BarDelegate(self))
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setStretchLastSection(False)
        header.setMinimumSectionSize(56)
        header.setSectionResizeMode(LABEL, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(SCORE, QHeaderView.ResizeMode.Fixed)
        # Measure the visible rows only: measuring all would take time at every tick of a slider.
        header.setResizeContentsPrecision(0)
        header.setSectionResizeMode(BOX, QHeaderView.ResizeMode.ResizeToContents)
        header.resizeSection(SCORE, SCORE_WIDTH)
        header.setSectionResizeMode(TRACK, QHeaderView.ResizeMode.Fixed)
        header.resizeSection(TRACK, TRACK_WIDTH)
        header.moveSection(TRACK, SCORE)  # beside the class
        self.setColumnHidden(TRACK, True)
        self.setSortingEnabled(True)
        self.sortByColumn(SCORE, Qt.SortOrder.DescendingOrder)
        # A reset of the model, by a new result or order, clears the selection; the view's own reset runs first.
        self._model.modelReset.connect(self._restore_selection)

    @property
    def look(self) -> Look | None:
        """How the picture is drawn, which the colours of the rows follow; None for the default."""
        return self._model.look

    @look.setter
    def look(self, look: Look) -> None:
        self._model.look = look

    @property
    def empty_text(self) -> str:
        """The text shown while there is no row."""
        return self._empty

    def set_empty_text(self, text: str) -> None:
        """Set the text shown while there is no row."""
        self._empty = text
        self.viewport().update()

    def set_detections(self, detections: Detections | None) -> None:
        """Show other detections without a signal. Selected ids stay selected, even while they are missing."""
        scroll = self.verticalScrollBar().value()
        self._model.set_detections(detections)
        if self.isColumnHidden(TRACK) is self._model.followed:
            self.setColumnHidden(TRACK, not self._model.followed)
        # Labels have no confidence.
        self.setColumnHidden(SCORE, detections is not None and detections.certain)
        self.verticalScrollBar().setValue(scroll)

    def show_result(self, result: Detections, pointed: int | None) -> str:
        """Show `result` and return the number of detections as the headline."""
        self.set_detections(result)
        return self.tr("{count} found").format(count=len(result))

    def forget(self) -> None:
        """Remove the detections."""
        self.set_detections(None)

    def set_selected(self, ids: Iterable[int]) -> None:
        """Select rows by id without a signal, and scroll to the first of them."""
        selected_ids = frozenset(ids)
        if selected_ids == self._selected_ids:
            return
        self._selected_ids = selected_ids
        self._restore_selection()
        rows = np.flatnonzero(np.isin(self._model.ids(), list(selected_ids)))
        if rows.size:
            self.scrollTo(self._model.index(int(rows[0]), 0))

    def row_ids(self) -> tuple[int, ...]:
        """Ids from the top row down."""
        return tuple(int(number) for number in self._model.ids())

    def _restore_selection(self) -> None:
        selection = QItemSelection()
        rows = np.flatnonzero(np.isin(self._model.ids(), list(self._selected_ids))) if self._selected_ids else ()
        for row in rows:
            selection.select(self._model.index(int(row), 0), self._model.index(int(row), TRACK))
        self._emitting = False
        self.selectionModel().select(selection, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        self._emitting = True

    def selectionChanged(self, selected: QItemSelection, deselected: QItemSelection) -> None:
        super().selectionChanged(selected, deselected)
        if self._emitting:
            ids = self._model.ids()
            selected_ids = tuple(sorted(int(ids[index.row()]) for index in self.selectionModel().selectedRows()))
            self._selected_ids = frozenset(selected_ids)
            self.selected.emit(selected_ids)

    def _hover(self, number: int | None) -> None:
        if number != self._hovered:
            self._hovered = number
            self.hovered.emit(number)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        # In a narrow dock the class names get the width; the box is in the tooltip and on the canvas.
        self.setColumnHidden(BOX, self.width() < NARROWEST_WITH_BOX)

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Leave:
            self._hover(None)
        elif isinstance(event, QMouseEvent) and event.type() == QEvent.Type.MouseMove:
            row = self.indexAt(event.position().toPoint()).row()
            self._hover(int(self._model.ids()[row]) if row >= 0 else None)
        return super().viewportEvent(event)

    def event(self, event: QEvent) -> bool:
        return claims(event, SLIDER_KEYS) or super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._model.rowCount():
            painter = QPainter(self.viewport())
            painter.setPen(theme.colour("quiet"))
            area = self.viewport().rect().adjusted(16, 16, -16, -16)
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self._empty)
            painter.end()


RESULT_VIEWS.register(ResultViewSpec(Detections, ResultsTable))
