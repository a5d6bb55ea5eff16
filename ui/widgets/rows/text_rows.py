"""Rows for a text of one or several lines, and for a list on one line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPlainTextEdit, QSizePolicy, QVBoxLayout

from cvstudio.analyses.analysis import Histogram
from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.params import Field, Range, check_value
from cvstudio.foundation.params_text import join_items, parse_text
from ui.base.translate import translated
from ui.widgets.rows.row import Row

LINES = 4
ENTER_KEYS = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class LineField(QLineEdit):
    """Field of one line. The text is applied by Enter or when the field loses the focus; Escape discards it.

    Signals
    -------
    entered : the text is to be applied
    dropped : the text is to be discarded
    """

    entered = Signal()
    dropped = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setMinimumWidth(60)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.editingFinished.connect(self.entered)

    def content(self) -> str:
        return self.text()

    def show_content(self, text: str) -> None:
        self.setText(text)
        # Shows the beginning of a long text.
        self.setCursorPosition(0)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.dropped.emit()
        else:
            super().keyPressEvent(event)


class BlockField(QPlainTextEdit):
    """Field of several lines. The text is applied by Ctrl+Enter or when the field loses the focus; Escape discards it.

    Signals
    -------
    entered : the text is to be applied
    dropped : the text is to be discarded
    """

    entered = Signal()
    dropped = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setTabChangesFocus(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(LINES * self.fontMetrics().lineSpacing() + 16)

    def content(self) -> str:
        return self.toPlainText()

    def show_content(self, text: str) -> None:
        self.setPlainText(text)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.dropped.emit()
        elif event.key() in ENTER_KEYS and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.entered.emit()
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        # The field's own context menu only takes the focus temporarily.
        if event.reason() != Qt.FocusReason.PopupFocusReason:
            self.entered.emit()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            controlled = event.modifiers() & Qt.KeyboardModifier.ControlModifier
            if event.key() == Qt.Key.Key_Escape or (controlled and event.key() in ENTER_KEYS):
                event.accept()
                return True
        return super().event(event)


class FieldRow(Row):
    """Label and text field. A value set by the program only replaces a text being typed where the value has changed.

    An invalid text stays in the field, which is outlined and gives the reason in its tooltip.
    """

    def __init__(self, field: Field, editor: LineField | BlockField, example: str) -> None:
        super().__init__(field)
        self._value: Any = None
        self.editor = editor
        editor.setObjectName("typed-value")
        editor.setAccessibleName(self.title)
        editor.setPlaceholderText(translated(example))
        editor.entered.connect(self._entered)
        editor.dropped.connect(self._restore)

    def content_of(self, value: Any) -> str:
        """The text of `value` in the field."""
        return str(value)

    def read(self, text: str) -> Any:
        """Parse `text` to a value.

        Raises
        ------
        ParamsError
            The text is not an allowed value.
        """
        return check_value(self.field, text)

    def value(self) -> Any:
        return self._value

    def describe(self, value: Any) -> str:
        text = self.content_of(value)
        return text if len(text) <= 80 else f"{text[:80]} …"

    def show_value(self, value: Any) -> None:
        if value != self._value:
            self._value = value
            self._restore()

    def reset(self) -> None:
        # Set to None, so that a text that was typed but not applied is replaced as well.
        self._value = None
        super().reset()

    def _restore(self) -> None:
        self.editor.show_content("" if self._value is None else self.content_of(self._value))
        self._show_problem("")

    def _entered(self) -> None:
        text = self.editor.content()
        if self._value is not None and text == self.content_of(self._value):
            self._show_problem("")
            return
        try:
            value = self.read(text)
        except ParamsError as error:
            self._show_problem(translated(str(error)))
            return
        self._show_problem("")
        if value != self._value:
            self._value = value
            self.edit(value, dragging=False)
        self._restore()

    def _show_problem(self, reason: str) -> None:
        self.editor.setToolTip(reason)
        self.editor.setAccessibleDescription(reason)
        if bool(self.editor.property("wrong")) != bool(reason):
            self.editor.setProperty("wrong", bool(reason))
            self.editor.style().polish(self.editor)


class TextRow(FieldRow):
    """Label and text field: side by side for one line, one above the other for several."""

    def __init__(self, field: Field) -> None:
        several = field.text is not None and field.text.several_lines
        super().__init__(field, BlockField() if several else LineField(), field.text.example if field.text else "")
        if several:
            self._above_each_other()
        else:
            self.one_line(((self.editor, 1),))
        self.show_value("")

    def _above_each_other(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        head = QHBoxLayout()
        head.addWidget(self.label)
        head.addStretch(1)
        column.addLayout(head)
        column.addWidget(self.editor)


class ListRow(FieldRow):
    """Label and a field with entries separated by commas; an entry that contains a comma is double-quoted."""

    def __init__(self, field: Field) -> None:
        super().__init__(field, LineField(), field.items.example if field.items else "")
        self._bounds: Range | None = None
        self.one_line(((self.editor, 1),))
        self.show_value(())

    def configure(self, *, bounds: Range | None, options: tuple[str, ...], histogram: Histogram | None) -> None:
        self._bounds = bounds

    def content_of(self, value: Any) -> str:
        return join_items(value)

    def read(self, text: str) -> tuple[Any, ...]:
        items: tuple[Any, ...] = parse_text(self.field, text)
        return tuple(check_value(self.field, items, self._bounds))

    def describe(self, value: Sequence[Any]) -> str:
        return super().describe(value) if value else self.tr("none")
