"""View of a classification: rows with bars."""

from __future__ import annotations

import math

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QScrollArea, QSizePolicy, QWidget

from cvstudio.draw.classification import UNKNOWN, rows_of
from cvstudio.draw.palette import class_colour
from cvstudio.results.classification import NO_CLASS_YET, Classification
from ui.base import theme
from ui.views.results.registry import RESULT_VIEWS, ResultViewSpec

ROW_HEIGHT = 32
BAR_HEIGHT = 4
NUMBER_WIDTH = 56


class Guesses(QWidget):
    """Rows of a `Classification`: name, probability and bar; rows below "unknown" are in a quiet colour."""

    def __init__(self) -> None:
        super().__init__()
        self._result: Classification | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def set_labels(self, result: Classification | None) -> None:
        self._result = result
        self.setAccessibleName(", ".join(self.texts()))
        # Rows beyond the height of the panel scroll.
        self.setMinimumHeight(self.sizeHint().height())
        self.update()

    def texts(self) -> list[str]:
        """The texts of the rows."""
        rows = rows_of(self._result) if self._result is not None else []
        return [self._name(name) if math.isnan(share) else f"{name} {share:.1%}" for name, share, _ in rows]

    def _name(self, name: str) -> str:
        """What stands in place of a class, in the language of the window; else the class."""
        return {UNKNOWN: self.tr("unknown"), NO_CLASS_YET: self.tr("no class yet")}.get(name, name)

    def sizeHint(self) -> QSize:
        return QSize(200, ROW_HEIGHT * max(1, len(self.texts())))

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._result is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = theme.current()
        for number, (name, probability, above_threshold) in enumerate(rows_of(self._result)):
            top = number * ROW_HEIGHT
            strong = above_threshold and (number == 0 or not self._result.unknown)
            painter.setPen(QColor(colours.text if strong else colours.quiet))
            text = QRect(0, top, self.width() - NUMBER_WIDTH, ROW_HEIGHT - BAR_HEIGHT - 4)
            shown_name = self._name(name) if math.isnan(probability) else name
            shown_name = painter.fontMetrics().elidedText(shown_name, Qt.TextElideMode.ElideRight, text.width())
            painter.drawText(text, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), shown_name)
            if math.isnan(probability):
                continue
            number_rect = QRect(self.width() - NUMBER_WIDTH, top, NUMBER_WIDTH, text.height())
            painter.drawText(
                number_rect, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight), f"{probability:.1%}"
            )
            bar = QRect(0, text.bottom() + 1, self.width(), BAR_HEIGHT)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colours.raised))
            painter.drawRoundedRect(bar, 2, 2)
            painter.setBrush(QColor(*class_colour(name, self._result.class_names)) if strong else QColor(colours.quiet))
            painter.drawRoundedRect(QRect(bar.left(), bar.top(), round(bar.width() * probability), bar.height()), 2, 2)


class ClassificationView(QScrollArea):
    """Scroll area with the rows of a `Classification`."""

    def __init__(self) -> None:
        super().__init__()
        self.guesses = Guesses()
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(self.guesses)

    def show_result(self, result: Classification, pointed: int | None) -> str:
        """Show `result` and return its class name as the headline."""
        self.guesses.set_labels(result)
        if not len(result):
            return self.tr("no class yet")
        return self.tr("unknown") if result.unknown else result.label(0)


RESULT_VIEWS.register(ResultViewSpec(Classification, ClassificationView))
