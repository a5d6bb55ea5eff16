"""View of a HOG descriptor: its length, and the histogram of the cell under the mouse."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from cvstudio.results.hog_cells import HogCells
from ui.base import theme
from ui.views.results.registry import RESULT_VIEWS, ResultViewSpec

HEIGHT = 132
GAP = 2


class Orientations(QWidget):
    """Histogram of one cell: a bar for each orientation, and below it the corresponding stroke."""

    def __init__(self) -> None:
        super().__init__()
        self._values: NDArray[np.float32] | None = None
        self._degrees: NDArray[np.float64] = np.zeros(0)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_histogram(self, values: NDArray[np.float32] | None, degrees: NDArray[np.float64]) -> None:
        self._values, self._degrees = values, degrees
        self.setAccessibleName(", ".join(self.texts()))
        self.update()

    def texts(self) -> list[str]:
        """The bars as texts."""
        if self._values is None:
            return []
        return [f"{degrees:.0f}° {value:.2f}" for degrees, value in zip(self._degrees, self._values, strict=True)]

    def sizeHint(self) -> QSize:
        return QSize(200, HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._values is None:
            painter.setPen(theme.colour("quiet"))
            flags = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
            painter.drawText(self.rect(), flags, self.tr("Point at a cell, or click on it, to see its histogram."))
            return
        count = len(self._values)
        bar_width = self.width() / count
        stroke_side = min(bar_width, 24.0)
        text_height = self.fontMetrics().height()
        base = self.height() - stroke_side - text_height - 4
        peak = max(float(self._values.max()), 1e-6)
        for number, (value, degrees) in enumerate(zip(self._values.tolist(), self._degrees.tolist(), strict=True)):
            left = number * bar_width
            bar_height = base * value / peak
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("accent"))
            painter.drawRect(QRectF(left + GAP / 2, base - bar_height, bar_width - GAP, bar_height))
            # The stroke runs along the edge, perpendicular to the gradient.
            middle = QPointF(left + bar_width / 2, base + 2 + stroke_side / 2)
            stroke_angle = math.radians(degrees + 90)
            half_stroke = QPointF(math.cos(stroke_angle), math.sin(stroke_angle)) * (stroke_side * 0.42)
            painter.setPen(QPen(theme.colour("text"), 1.5))
            signed = self._degrees[-1] > 180
            painter.drawLine(middle if signed else middle - half_stroke, middle + half_stroke)
            if number in (0, count // 2, count - 1):
                painter.setPen(theme.colour("quiet"))
                text_rect = QRectF(left - 20, self.height() - text_height, bar_width + 40, text_height)
                text_rect.moveLeft(min(max(text_rect.left(), 0), self.width() - text_rect.width()))
                alignment = Qt.AlignmentFlag.AlignHCenter
                if number in (0, count - 1):
                    alignment = Qt.AlignmentFlag.AlignLeft if number == 0 else Qt.AlignmentFlag.AlignRight
                painter.drawText(text_rect, int(alignment), f"{degrees:.0f}°")


class HogView(QWidget):
    """Shape of a HOG descriptor, and the histogram of one cell."""

    def __init__(self) -> None:
        super().__init__()
        self.shape_line = QLabel()
        self.shape_line.setObjectName("quiet")
        self.shape_line.setWordWrap(True)
        self.cell_line = QLabel()
        self.bars = Orientations()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.shape_line)
        layout.addWidget(self.cell_line)
        layout.addWidget(self.bars)
        layout.addStretch(1)

    def show_result(self, result: HogCells, pointed: int | None) -> str:
        rows, columns, block, _, bins = result.blocks.shape
        self.shape_line.setText(
            self.tr("{columns} × {rows} blocks of {block} × {block} cells with {bins} directions each").format(
                columns=columns, rows=rows, block=block, bins=bins
            )
        )
        values = None if pointed is None else result.histogram(pointed)
        if values is not None and pointed is not None:
            row, column = divmod(pointed, result.cells.shape[1])
            text = self.tr("Cell {column}, {row}: across which direction it changes")
            self.cell_line.setText(text.format(column=column, row=row))
        else:
            self.cell_line.setText("")
        self.bars.set_histogram(values, result.degrees)
        return self.tr("{count} values").format(count=f"{result.descriptor.size:,}")


RESULT_VIEWS.register(ResultViewSpec(HogCells, HogView))
