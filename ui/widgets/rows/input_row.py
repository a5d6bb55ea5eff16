"""What is in one slot of an analysis: a choice of media, folders and other analyses, or a text that is typed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from PySide6.QtCore import QEvent, QObject, QTimer, Signal
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit, QSizePolicy, QVBoxLayout, QWidget

from cvstudio.analyses.analysis import Slot
from cvstudio.analyses.binding import Binding, MediaList, TextInput
from cvstudio.media import Media
from cvstudio.media.folders import MediaSet
from ui.base.translate import translated
from ui.widgets.elided_combo import ElidedCombo

TYPED_AFTER_MS = 400
"""From the last key on: what is typed is not asked letter by letter."""
TEXT_LINES = 4


class Choice(NamedTuple):
    """One line of the list: None empties the slot, and the files of a folder are opened first."""

    title: str
    value: Binding | MediaSet | None


class InputRow(QWidget):
    """The control of one slot.

    Parameters
    ----------
    choices : what there is to choose from; none where the slot takes a text only

    Signals
    -------
    chosen : the value of a choice
    typed : the text, or None where it is empty
    typing_ended : the user is done with it
    """

    chosen = Signal(object)
    typed = Signal(object)
    typing_ended = Signal()

    def __init__(self, slot: Slot, choices: Sequence[Choice]) -> None:
        super().__init__()
        self._choices = list(choices)
        self.combo: ElidedCombo | None = None
        self.edit: QLineEdit | QPlainTextEdit | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        title = translated(slot.title)
        if slot.text is None or len(slot.accepts) > 1:
            self.combo = self._make_combo(slot, title)
            layout.addWidget(self.combo)
        if slot.text is not None:
            self.edit = self._make_edit(slot.text.several_lines)
            self.edit.setObjectName(f"text-{slot.name}")
            self.edit.setAccessibleName(title)
            self.edit.setPlaceholderText(self.tr("type the {what}").format(what=title.lower()))
            self.edit.installEventFilter(self)
            layout.addWidget(self.edit)
        self._soon = QTimer(self, interval=TYPED_AFTER_MS, singleShot=True)
        self._soon.timeout.connect(self._tell)

    def _make_combo(self, slot: Slot, title: str) -> ElidedCombo:
        combo = ElidedCombo()
        combo.setObjectName(f"slot-{slot.name}")
        combo.setAccessibleName(title)
        media = bool(slot.kinds or slot.several)
        hint = self.tr("open or choose {what}") if media else self.tr("{what}: none yet")
        combo.setPlaceholderText(hint.format(what=title.lower() if media else title))
        combo.setSizeAdjustPolicy(ElidedCombo.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        combo.setMinimumContentsLength(8)
        combo.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        for choice in self._choices:
            combo.addItem(choice.title)
        combo.activated.connect(lambda place: self.chosen.emit(self._choices[place].value))
        return combo

    def _make_edit(self, several_lines: bool) -> QLineEdit | QPlainTextEdit:
        if not several_lines:
            line = QLineEdit()
            line.textEdited.connect(lambda _: self._soon.start())
            line.returnPressed.connect(self._tell)
            return line
        text = QPlainTextEdit()
        text.setTabChangesFocus(True)
        text.setFixedHeight(text.fontMetrics().lineSpacing() * TEXT_LINES + 16)
        # Set by the program, too; `show_binding` blocks the signal then.
        text.textChanged.connect(lambda: self._soon.start())
        return text

    @property
    def text(self) -> str:
        """What stands in the field."""
        if isinstance(self.edit, QPlainTextEdit):
            return self.edit.toPlainText()
        return self.edit.text() if self.edit is not None else ""

    def show_binding(self, binding: Binding | None) -> None:
        """Show what is in the slot. A field that the user is typing in stays as it is."""
        if self.combo is not None:
            self.combo.setCurrentIndex(self._place_of(binding))
        text = binding.text if isinstance(binding, TextInput) else ""
        if self.edit is None or text == self.text or self._soon.isActive():
            return
        self.edit.blockSignals(True)
        if isinstance(self.edit, QPlainTextEdit):
            self.edit.setPlainText(text)
        else:
            self.edit.setText(text)
        self.edit.blockSignals(False)

    def _place_of(self, binding: Binding | None) -> int:
        if binding is None:
            return -1
        return next((place for place, choice in enumerate(self._choices) if _is(choice.value, binding)), -1)

    def _tell(self) -> None:
        self._soon.stop()
        self.typed.emit(TextInput(self.text) if self.text.strip() else None)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.edit and event.type() == QEvent.Type.FocusOut:
            if self._soon.isActive():
                self._tell()
            self.typing_ended.emit()
        return False


def _is(value: Binding | MediaSet | None, binding: Binding) -> bool:
    """Whether the choice `value` is what is in the slot."""
    if isinstance(value, Media) and isinstance(binding, Media):
        return value.id == binding.id
    return value is not None and value == (binding.folder if isinstance(binding, MediaList) else binding)
