"""Input of one slot of an analysis: a choice among media, folders and other analyses, or a typed text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal, SignalInstance
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit, QSizePolicy, QVBoxLayout, QWidget

from cvstudio.analyses.analysis import Slot
from cvstudio.analyses.binding import AnnotationSet, Binding, MediaList, TextInput
from cvstudio.media import Media
from cvstudio.media.folders import MediaSet
from ui.base.translate import translated
from ui.widgets.elided_combo import ElidedCombo

TYPED_AFTER_MS = 400
"""Delay in milliseconds from the last key to `typed`, so that not every letter starts a computation."""
TEXT_LINES = 4


class InputChoice(NamedTuple):
    """A line of the list: the value None empties the slot; a folder's files are opened before they are bound."""

    title: str
    value: Binding | MediaSet | None


class InputRow(QWidget):
    """Control of one slot.

    Parameters
    ----------
    choices : lines of the list; empty where the slot only takes a text

    Signals
    -------
    chosen : the value of a choice
    typed : the text, or None where it is empty
    typing_ended : the text field lost the focus
    file_wanted, labels_wanted : a file, or labels, are to be opened
    """

    chosen = Signal(object)
    typed = Signal(object)
    typing_ended = Signal()
    file_wanted = Signal()
    labels_wanted = Signal()

    def __init__(self, slot: Slot, choices: Sequence[InputChoice]) -> None:
        super().__init__()
        self._choices = list(choices)
        self._openings: list[SignalInstance] = []  # of the lines behind the choices
        self._place = -1
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
        self._soon.timeout.connect(self._emit_text)

    def _make_combo(self, slot: Slot, title: str) -> ElidedCombo:
        combo = ElidedCombo()
        combo.setObjectName(f"slot-{slot.name}")
        combo.setAccessibleName(title)
        combo.setToolTip(self.tr("What the analysis is given as {what}").format(what=f"“{title}”"))
        media = bool(slot.kinds or slot.several)
        hint = self.tr("open or choose {what}") if media else self.tr("{what}: none yet")
        combo.setPlaceholderText(hint.format(what=title.lower() if media else title))
        combo.setSizeAdjustPolicy(ElidedCombo.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        combo.setMinimumContentsLength(8)
        combo.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        for choice in self._choices:
            combo.addItem(choice.title)
        if slot.kinds:
            self._add(combo, self.tr("Open a file …"), self.tr("Opens a file and takes it here"), self.file_wanted)
        if AnnotationSet in slot.accepts:
            tip = self.tr("Opens a labelled set with its pictures")
            self._add(combo, self.tr("Open labels …"), tip, self.labels_wanted)
        combo.activated.connect(self._activated)
        return combo

    def _add(self, combo: ElidedCombo, text: str, tip: str, wanted: SignalInstance) -> None:
        """Add a line that opens what is not in the list."""
        combo.addItem(text)
        combo.setItemData(combo.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self._openings.append(wanted)

    def _activated(self, place: int) -> None:
        if place < len(self._choices):
            self.chosen.emit(self._choices[place].value)
            return
        if self.combo is not None:
            # What is opened shows itself.
            self.combo.setCurrentIndex(self._place)
        self._openings[place - len(self._choices)].emit()

    def _make_edit(self, several_lines: bool) -> QLineEdit | QPlainTextEdit:
        if not several_lines:
            line = QLineEdit()
            line.textEdited.connect(lambda _: self._soon.start())
            line.returnPressed.connect(self._emit_text)
            return line
        text = QPlainTextEdit()
        text.setTabChangesFocus(True)
        text.setFixedHeight(text.fontMetrics().lineSpacing() * TEXT_LINES + 16)
        # Emitted for changes by the program as well, for which `show_binding` blocks the signal.
        text.textChanged.connect(lambda: self._soon.start())
        return text

    @property
    def text(self) -> str:
        """The text in the field."""
        if isinstance(self.edit, QPlainTextEdit):
            return self.edit.toPlainText()
        return self.edit.text() if self.edit is not None else ""

    def show_choices(self, choices: Sequence[InputChoice]) -> None:
        """Offer as many other choices in the same order, such as the same files read with other settings."""
        self._choices = list(choices)
        if self.combo is not None:
            for place, choice in enumerate(choices):
                self.combo.setItemText(place, choice.title)

    def show_binding(self, binding: Binding | None) -> None:
        """Show the input of the slot; a field in which the user is typing is left unchanged."""
        if self.combo is not None:
            self._place = self._index_of(binding)
            self.combo.setCurrentIndex(self._place)
        text = binding.text if isinstance(binding, TextInput) else ""
        if self.edit is None or text == self.text or self._soon.isActive():
            return
        self.edit.blockSignals(True)
        if isinstance(self.edit, QPlainTextEdit):
            self.edit.setPlainText(text)
        else:
            self.edit.setText(text)
        self.edit.blockSignals(False)

    def _index_of(self, binding: Binding | None) -> int:
        if binding is None:
            return -1
        return next((index for index, choice in enumerate(self._choices) if _is_binding(choice.value, binding)), -1)

    def _emit_text(self) -> None:
        self._soon.stop()
        self.typed.emit(TextInput(self.text) if self.text.strip() else None)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.edit and event.type() == QEvent.Type.FocusOut:
            if self._soon.isActive():
                self._emit_text()
            self.typing_ended.emit()
        return False


def _is_binding(value: Binding | MediaSet | None, binding: Binding) -> bool:
    """Whether the choice `value` is the current input `binding`."""
    if isinstance(value, Media) and isinstance(binding, Media):
        return value.id == binding.id
    if isinstance(value, AnnotationSet) and isinstance(binding, AnnotationSet):
        return value.file == binding.file
    return value is not None and value == (binding.folder if isinstance(binding, MediaList) else binding)
