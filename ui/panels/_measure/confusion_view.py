"""The confusion matrix, painted cell by cell."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QToolTip, QWidget

from cvstudio.evaluation.confusion import ConfusionMatrix
from cvstudio.evaluation.plots import shown_classes
from ui.base import theme

NAMES_WIDTH = 112
LEAST_CELL, LARGEST_CELL = 22, 40


class _Cell(NamedTuple):
    row: int
    column: int


class ConfusionView(QWidget):
    """Rows are true classes, columns predicted ones; a cell is the darker, the larger its part of the row.

    Signals
    -------
    picked : true and predicted class of the cell that the user clicked, -1 for the last row or column
    """

    picked = Signal(int, int)

    def __init__(self) -> None:
        super().__init__()
        self._matrix: ConfusionMatrix | None = None
        self._places: list[int] = []
        self._names: list[str] = []
        self.setMouseTracking(True)

    def show_matrix(self, matrix: ConfusionMatrix | None, last: str) -> None:
        """Show a matrix; `last` names its last row and column."""
        self._matrix = matrix
        self._places = [*shown_classes(matrix), len(matrix.names)] if matrix is not None else []
        names = (*matrix.names, last) if matrix is not None else ()
        self._names = [names[place] for place in self._places]
        side = NAMES_WIDTH + LEAST_CELL * max(1, len(self._places))
        self.setMinimumSize(side, side)
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

    def mousePressEvent(self, event: QMouseEvent) -> None:
        cell = self._at(event.position().x(), event.position().y())
        if cell is None or self._matrix is None or event.button() != Qt.MouseButton.LeftButton:
            return
        last = len(self._matrix.names)
        true, predicted = (self._places[place] for place in cell)
        if self._matrix.counts[true, predicted]:
            self.picked.emit(*(-1 if place == last else place for place in (true, predicted)))

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            cell = self._at(event.pos().x(), event.pos().y())
            QToolTip.showText(event.globalPos(), self.text_at(*cell) if cell is not None else "", self)
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
        painter.end()
