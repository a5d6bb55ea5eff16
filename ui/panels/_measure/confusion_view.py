"""The confusion matrix, painted cell by cell."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFocusEvent, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QToolTip, QWidget

from cvstudio.evaluation.confusion import ConfusionMatrix
from cvstudio.evaluation.plots import shown_classes
from ui.base import theme
from ui.base.keys import PRESS_KEYS, claims

NAMES_WIDTH = 112
LEAST_CELL, LARGEST_CELL = 22, 40
KEYS = frozenset(
    (
        *PRESS_KEYS,
        *(Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Home, Qt.Key.Key_End),
    )
)


class _Cell(NamedTuple):
    row: int
    column: int


class ConfusionView(QWidget):
    """Rows are true classes, columns predicted ones; a cell is the darker, the larger its part of the row.

    The arrow keys go from cell to cell, Home and End along a row, and Enter or Space picks one.

    Signals
    -------
    picked : true and predicted class of the cell that the user chose, -1 for the last row or column
    cell_in_view : rectangle of the cell that the keys have come to
    """

    picked = Signal(int, int)
    cell_in_view = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._matrix: ConfusionMatrix | None = None
        self._places: list[int] = []
        self._names: list[str] = []
        self._cell = _Cell(0, 0)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setToolTip(self.tr("A click on a cell, or Enter, lists its pictures; the arrow keys go from cell to cell"))
        self.setAccessibleName(self.tr("Confusion matrix"))

    def show_matrix(self, matrix: ConfusionMatrix | None, last: str) -> None:
        """Show a matrix; `last` names its last row and column."""
        self._matrix = matrix
        self._places = [*shown_classes(matrix), len(matrix.names)] if matrix is not None else []
        names = (*matrix.names, last) if matrix is not None else ()
        self._names = [names[place] for place in self._places]
        side = NAMES_WIDTH + LEAST_CELL * max(1, len(self._places))
        self.setMinimumSize(side, side)
        last_place = max(0, len(self._places) - 1)
        self._cell = _Cell(min(self._cell.row, last_place), min(self._cell.column, last_place))
        self._tell_cell()
        self.update()

    def sizeHint(self) -> QSize:
        side = NAMES_WIDTH + 24 * max(1, len(self._places))
        return QSize(side, side)

    def text_at(self, row: int, column: int) -> str:
        """What the cell says, of the shown classes."""
        assert self._matrix is not None
        count = int(self._matrix.counts[self._places[row], self._places[column]])
        share = self._matrix.fractions()[self._places[row], self._places[column]]
        text = self.tr("{true} taken for {predicted}: {count}, {share} of the row")
        return text.format(
            true=self._names[row], predicted=self._names[column], count=f"{count:,}", share=f"{share:.0%}"
        )

    def _cell_size(self) -> float:
        room = min(self.width(), self.height()) - NAMES_WIDTH
        return min(LARGEST_CELL, max(LEAST_CELL, room / max(1, len(self._places))))

    def _at(self, x: float, y: float) -> _Cell | None:
        size = self._cell_size()
        column, row = int((x - NAMES_WIDTH) // size), int((y - NAMES_WIDTH) // size)
        inside = 0 <= row < len(self._places) and 0 <= column < len(self._places)
        return _Cell(row, column) if inside else None

    def _rect_of(self, cell: _Cell) -> QRectF:
        size = self._cell_size()
        return QRectF(NAMES_WIDTH + cell.column * size, NAMES_WIDTH + cell.row * size, size - 1, size - 1)

    def _tell_cell(self) -> None:
        """Let assistive technology read the cell that the keys have come to."""
        self.setAccessibleDescription(self.text_at(*self._cell) if self._matrix is not None else "")

    def _go_to(self, cell: _Cell) -> None:
        self._cell = cell
        self._tell_cell()
        self.cell_in_view.emit(self._rect_of(cell).toAlignedRect())
        self.update()

    def _pick(self, cell: _Cell) -> None:
        assert self._matrix is not None
        last = len(self._matrix.names)
        true, predicted = (self._places[place] for place in cell)
        if self._matrix.counts[true, predicted]:
            self.picked.emit(*(-1 if place == last else place for place in (true, predicted)))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        cell = self._at(event.position().x(), event.position().y())
        if cell is None or self._matrix is None or event.button() != Qt.MouseButton.LeftButton:
            return
        self._go_to(cell)
        self._pick(cell)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, last = Qt.Key(event.key()), len(self._places) - 1
        row, column = self._cell
        if self._matrix is None or key not in KEYS:
            super().keyPressEvent(event)
        elif key in PRESS_KEYS:
            self._pick(self._cell)
        else:
            moved = {
                Qt.Key.Key_Up: (row - 1, column),
                Qt.Key.Key_Down: (row + 1, column),
                Qt.Key.Key_Left: (row, column - 1),
                Qt.Key.Key_Right: (row, column + 1),
                Qt.Key.Key_Home: (row, 0),
                Qt.Key.Key_End: (row, last),
            }[key]
            self._go_to(_Cell(*(min(max(place, 0), last) for place in moved)))

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if event.reason() != Qt.FocusReason.MouseFocusReason:
            # A click goes to its own cell: another one would scroll away under the mouse.
            self._go_to(self._cell)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()

    def event(self, event: QEvent) -> bool:
        if claims(event, KEYS):
            return True
        if isinstance(event, QHelpEvent):
            cell = self._at(event.pos().x(), event.pos().y())
            QToolTip.showText(event.globalPos(), self.text_at(*cell) if cell is not None else self.toolTip(), self)
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._matrix is None:
            return
        painter = QPainter(self)
        painter.setFont(theme.app_font(theme.SMALL_PX))
        size, metrics = self._cell_size(), painter.fontMetrics()
        accent = theme.colour("accent")
        counts = self._matrix.counts[np.ix_(self._places, self._places)]
        fractions = self._matrix.fractions()[np.ix_(self._places, self._places)]
        for place, name in enumerate(self._names):
            start = NAMES_WIDTH + place * size
            text = metrics.elidedText(name, Qt.TextElideMode.ElideRight, NAMES_WIDTH - 10)
            painter.setPen(theme.colour("quiet"))
            painter.drawText(
                QRectF(0, start, NAMES_WIDTH - 6, size),
                Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter,
                text,
            )
            painter.save()
            painter.translate(start + size / 2, NAMES_WIDTH - 6)
            painter.rotate(-90)
            painter.drawText(
                QRectF(0, -size / 2, NAMES_WIDTH, size),
                Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter,
                text,
            )
            painter.restore()
        for row, column in np.argwhere(counts > 0).tolist():
            rect = QRectF(NAMES_WIDTH + column * size, NAMES_WIDTH + row * size, size - 1, size - 1)
            shade = QColor(accent if row == column else theme.colour("warning"))
            strength = 0.15 + 0.85 * float(fractions[row, column])
            shade.setAlphaF(strength)
            painter.fillRect(rect, shade)
            text = str(counts[row, column])
            if metrics.horizontalAdvance(text) <= size - 2:
                painter.setPen(theme.colour("on_accent" if strength > 0.5 else "text"))
                painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, text)
        if self.hasFocus():
            painter.setPen(QPen(theme.colour("accent"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self._rect_of(self._cell).adjusted(1, 1, -1, -1))
        painter.end()
