"""Base class of the rows of a form, one for each parameter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QCoreApplication, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from cvstudio.analyses.analysis import Histogram
from cvstudio.foundation.params import Field, Range
from ui.base import theme

ROW_HEIGHT = 28
GAP = 8
"""Pixels between the parts of a row."""
DOT_RADIUS = 2.5
DOT_ROOM = 12


class RowLabel(QWidget):
    """Title of a parameter, followed by a dot while the value differs from the default; on two lines where it has less
    room than it needs, and elided where that is not enough.

    Signals
    -------
    reset_requested : double-click
    """

    reset_requested = Signal()

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text
        self._marked = False
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    @property
    def marked(self) -> bool:
        return self._marked

    def set_marked(self, marked: bool) -> None:
        if marked != self._marked:
            self._marked = marked
            self.update()

    def lines(self, width: int) -> list[str]:
        """The title on at most two lines of `width` pixels, the last one elided where it is longer."""
        metrics, room = self.fontMetrics(), width - DOT_ROOM

        def cut(text: str) -> str:
            return metrics.elidedText(text, Qt.TextElideMode.ElideRight, room)

        words = self._text.split(" ")
        first = 1
        # Eliding counts fractions of a pixel, which an advance in whole ones has lost.
        while first < len(words) and cut(text := " ".join(words[: first + 1])) == text:
            first += 1
        return [cut(line) for line in (" ".join(words[:first]), " ".join(words[first:])) if line]

    @property
    def least_width(self) -> int:
        """Smallest width in pixels at which two lines hold the whole title."""
        words, advance = self._text.split(" "), self.fontMetrics().horizontalAdvance
        parts = ((" ".join(words[:place]), " ".join(words[place:])) for place in range(1, len(words) + 1))
        return min(max(map(advance, lines)) for lines in parts) + DOT_ROOM + 1

    def set_width(self, width: int) -> None:
        """Give the title a width in pixels, and the height that its lines need there."""
        height = max(ROW_HEIGHT, len(self.lines(width)) * self.fontMetrics().lineSpacing())
        if (width, height) != (self.width(), self.height()):
            self.setFixedSize(width, height)

    def sizeHint(self) -> QSize:
        return QSize(self.fontMetrics().horizontalAdvance(self._text) + DOT_ROOM + 4, ROW_HEIGHT)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.reset_requested.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics, lines = self.fontMetrics(), self.lines(self.width())
        spacing = metrics.lineSpacing()
        top = (self.height() - len(lines) * spacing) / 2
        painter.setPen(theme.colour("text" if self.isEnabled() else "disabled"))
        for number, line in enumerate(lines):
            place = QRectF(0, top + number * spacing, self.width(), spacing)
            painter.drawText(place, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, line)
        if self._marked:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("accent"))
            x = metrics.horizontalAdvance(lines[-1]) + DOT_ROOM / 2
            painter.drawEllipse(QPointF(x, top + (len(lines) - 0.5) * spacing), DOT_RADIUS, DOT_RADIUS)
        painter.end()


class Row(QWidget):
    """Row of a form, for one parameter. Setting its value by the program never emits.

    Signals
    -------
    changed : value, dragging; an edit by the user (while `dragging`, more follow, and then `released`)
    released : value; a drag has ended
    """

    changed = Signal(object, bool)
    released = Signal(object)

    def __init__(self, field: Field) -> None:
        super().__init__()
        self.field = field
        self.setObjectName(f"row-{field.name}")
        self._default: Any = field.default
        self._described: str | None = None
        title = QCoreApplication.translate("params", field.doc.title)
        self.title = title
        self.label = RowLabel(title)
        self.label.reset_requested.connect(self.reset)
        self._update_tooltip("")

    def one_line(self, widgets: Sequence[tuple[QWidget, int]]) -> None:
        """Lay out the label and `widgets`, each with its stretch factor, on one line."""
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(GAP)
        line.addWidget(self.label)
        for widget, stretch in widgets:
            line.addWidget(widget, stretch)

    def set_label_width(self, width: int) -> None:
        """Set the width of the label in pixels, which is the same in all rows of a form."""
        self.label.set_width(width)

    @property
    def value_width(self) -> int:
        """Width in pixels of the number after a slider; 0 where there is none."""
        return 0

    def set_value_width(self, width: int) -> None:
        """Set the width of the number in pixels, which is the same in all rows of a form."""

    def configure(self, *, bounds: Range | None, options: tuple[str, ...], histogram: Histogram | None) -> None:
        """Set the range, the options and the histogram behind a slider, as far as they apply to this row."""

    def set_known(self, known: bool) -> None:
        """Let the row be edited, or not as long as the range that the input decides is unknown."""
        self.setEnabled(known)

    def suggest(self, options: tuple[str, ...]) -> None:
        """Let the list of choices, where there is one, begin with those that fit this input best."""

    def value(self) -> Any:
        """The value shown by the control."""
        raise NotImplementedError

    def show_value(self, value: Any) -> None:
        """Set the value of the control without a signal."""
        raise NotImplementedError

    def describe(self, value: Any) -> str:
        """`value` as text, for the tooltip."""
        return str(value)

    def set_value(self, value: Any, default: Any) -> None:
        """Show `value`, and mark the label where it differs from `default`."""
        self._default = default
        self.show_value(value)
        self.label.set_marked(value != default)
        self._update_tooltip("" if default is None else self.describe(default))

    def reset(self) -> None:
        """Show the default and emit it as an edit by the user."""
        self.show_value(self._default)
        self.label.set_marked(False)
        # An optional value is reset to "not set", which stands for the default.
        self.changed.emit(self.field.default if self.field.optional else self._default, False)

    def edit(self, value: Any, *, dragging: bool) -> None:
        """Mark the label and emit `value` as an edit by the user."""
        self.label.set_marked(value != self._default)
        self.changed.emit(value, dragging)

    def _update_tooltip(self, default: str) -> None:
        if default == self._described:
            return
        import html

        self._described = default
        doc = self.field.doc
        description = " ".join(QCoreApplication.translate("params", text) for text in (doc.what, doc.hint) if text)
        paragraphs = [description or self.title]
        if default:
            paragraphs.append(self.tr("Default: {value}. Double-click to go back to it.").format(value=default))
        # A tooltip only wraps its lines in rich text.
        self.setToolTip("".join(f"<p>{html.escape(paragraph)}</p>" for paragraph in paragraphs))
