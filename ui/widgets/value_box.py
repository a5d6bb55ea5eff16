"""An input field for a number with its unit."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QLocale, Qt, Signal
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QAbstractSpinBox, QDoubleSpinBox, QSizePolicy

from cvstudio.foundation.params import Range
from ui.base.keys import SLIDER_KEYS, claims
from ui.widgets.track import decimals_of, number, step_of

UNKNOWN = "–"
"""Shown in place of a number that is not known yet."""


class ValueBox(QDoubleSpinBox):
    """Spin box that looks like a label until the mouse is over it.

    Signals
    -------
    typed : value; the user entered a different one
    """

    typed = Signal(float)

    def __init__(self, bounds: Range, *, unit: bool = True) -> None:
        super().__init__()
        self._unit = unit
        self._shown = 0.0
        self.setObjectName("value")
        self.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)
        self.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.setKeyboardTracking(False)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        # A decimal point, as in exported files and on the command line.
        locale = QLocale.c()
        locale.setNumberOptions(QLocale.NumberOption.OmitGroupSeparator | QLocale.NumberOption.RejectGroupSeparator)
        self.setLocale(locale)
        self.set_range(bounds)
        self.valueChanged.connect(self._changed)

    def set_range(self, bounds: Range) -> None:
        """Change bounds, step, decimals and unit without a signal."""
        blocked = self.blockSignals(True)
        self.setDecimals(decimals_of(bounds))
        self.setRange(bounds.low, bounds.high)
        self.setSingleStep(step_of(bounds))
        self.setSuffix(f" {bounds.unit}" if bounds.unit and self._unit else "")
        self.blockSignals(blocked)
        plain = bounds if self._unit else Range(bounds.low, bounds.high, bounds.step)
        self._texts = (number(bounds.low, plain), number(bounds.high, plain))
        self._measure()
        self.setFixedWidth(self.wanted_width)

    def _measure(self) -> None:
        widest = max(self.fontMetrics().horizontalAdvance(text) for text in self._texts)
        self._wanted_width = max(widest + 16, 44)

    @property
    def wanted_width(self) -> int:
        """Width in pixels of the longest number of the range with its unit and the margins of the style."""
        return self._wanted_width

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._measure()
        super().changeEvent(event)

    def set_number(self, value: float) -> None:
        """Show `value` without a signal."""
        self._shown = value
        if round(value, self.decimals()) != self.value():
            blocked = self.blockSignals(True)
            self.setValue(value)
            self.blockSignals(blocked)

    def set_known(self, known: bool) -> None:
        """Show the number, or a dash where there is none to show yet."""
        self.setSpecialValueText("" if known else UNKNOWN)
        if not known:
            self.set_number(self.minimum())

    def _changed(self, value: float) -> None:
        # Leaving the field unedited must not round a value to the decimals shown.
        if round(self._shown, self.decimals()) != value:
            self._shown = value
            self.typed.emit(value)

    def event(self, event: QEvent) -> bool:
        return claims(event, SLIDER_KEYS) or super().event(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()
