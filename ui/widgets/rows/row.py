"""One parameter on one line: what is common to the rows of a form."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QCoreApplication, QPointF, QSize, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from cvstudio.analyses.analysis import Histogram
from cvstudio.foundation.params import Field, Range
from ui.base import theme

ROW_HEIGHT = 28
DOT_RADIUS = 2.5
DOT_ROOM = 12


class RowLabel(QWidget):
    """The title of a parameter, cut short where it must be, with a dot behind it while the value is not the default.

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

    def sizeHint(self) -> QSize:
        return QSize(self.fontMetrics().horizontalAdvance(self._text) + DOT_ROOM + 4, ROW_HEIGHT)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.reset_requested.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics = self.fontMetrics()
        text = metrics.elidedText(self._text, Qt.TextElideMode.ElideRight, self.width() - DOT_ROOM)
        painter.setPen(theme.colour("text" if self.isEnabled() else "disabled"))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
        if self._marked:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("accent"))
            x = metrics.horizontalAdvance(text) + DOT_ROOM / 2
            painter.drawEllipse(QPointF(x, self.height() / 2), DOT_RADIUS, DOT_RADIUS)
        painter.end()


class Row(QWidget):
    """A parameter of a form. Setting it from outside never emits.

    Signals
    -------
    changed : value, dragging; the user chose it (while `dragging`, more will follow, then `released`)
    released : value; a drag has ended
    """

    changed = Signal(object, bool)
    released = Signal(object)

    def __init__(self, field: Field) -> None:
        super().__init__()
        self.field = field
        self.setObjectName(f"row-{field.name}")
        self._default: Any = field.default
        title = QCoreApplication.translate("params", field.doc.title)
        self.title = title
        self.label = RowLabel(title)
        self.label.reset_requested.connect(self.reset)
        self._tell("")

    def one_line(self, widgets: Sequence[tuple[QWidget, int]]) -> None:
        """Lay out label and `widgets` (each with its stretch) on one line."""
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(8)
        line.addWidget(self.label)
        for widget, stretch in widgets:
            line.addWidget(widget, stretch)

    def set_label_width(self, width: int) -> None:
        """Rows of one form keep their labels to one column."""
        self.label.setFixedWidth(width)

    @property
    def value_width(self) -> int:
        """What the number behind a slider takes; 0 where there is none."""
        return 0

    def set_value_width(self, width: int) -> None:
        """Rows of one form keep their sliders to one column."""

    def configure(self, *, bounds: Range | None, options: tuple[str, ...], histogram: Histogram | None) -> None:
        """Say what is allowed and what lies behind; a row takes what concerns it."""

    def value(self) -> Any:
        """What the control shows."""
        raise NotImplementedError

    def show_value(self, value: Any) -> None:
        """Paint `value` without a signal."""
        raise NotImplementedError

    def describe(self, value: Any) -> str:
        """`value` in words, for the tooltip."""
        return str(value)

    def set_value(self, value: Any, default: Any) -> None:
        """Show `value` and mark it where it is not `default`."""
        self._default = default
        self.show_value(value)
        self.label.set_marked(value != default)
        self._tell("" if default is None else self.describe(default))

    def reset(self) -> None:
        """The user wants the default back."""
        self.show_value(self._default)
        self.label.set_marked(False)
        # An optional value goes back to "not set", from which its default follows.
        self.changed.emit(self.field.default if self.field.optional else self._default, False)

    def edit(self, value: Any, *, dragging: bool) -> None:
        """The user chose `value`."""
        self.label.set_marked(value != self._default)
        self.changed.emit(value, dragging)

    def _tell(self, default: str) -> None:
        doc = self.field.doc
        said = " ".join(QCoreApplication.translate("params", text) for text in (doc.what, doc.hint) if text)
        parts = [said or self.title]
        if default:
            parts.append(self.tr("Default: {value}. Double-click to go back to it.").format(value=default))
        # A tooltip breaks lines only in rich text.
        self.setToolTip("".join(f"<p>{html.escape(part)}</p>" for part in parts))
