"""What keys and the wheel do to a slider, whatever it slides."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtCore import Qt, SignalInstance
from PySide6.QtGui import QKeyEvent, QWheelEvent

from cvstudio.foundation.params import Range

PAGE_STEPS = 10
NOTCH = 120
"""Eighths of a degree by which most wheels turn at a time."""

STEPS = {
    Qt.Key.Key_Left: -1,
    Qt.Key.Key_Down: -1,
    Qt.Key.Key_Right: 1,
    Qt.Key.Key_Up: 1,
    Qt.Key.Key_PageDown: -PAGE_STEPS,
    Qt.Key.Key_PageUp: PAGE_STEPS,
}


class Steered(Protocol):
    """A slider of one value, or of several of which one is acted on."""

    @property
    def reset_requested(self) -> SignalInstance: ...

    def hasFocus(self) -> bool: ...

    def step_by(self, count: int) -> None:
        """Move the value by `count` steps, as far as its range goes."""
        ...

    def go_to(self, value: float) -> None:
        """Move the value to `value`."""
        ...


def press_key(slider: Steered, bounds: Range, event: QKeyEvent) -> None:
    """Arrows move by a step, the keys for pages by ten, Home and End to the ends; Backspace resets."""
    ends = {Qt.Key.Key_Home: bounds.low, Qt.Key.Key_End: bounds.high}
    key = event.key()
    if key in STEPS:
        slider.step_by(STEPS[Qt.Key(key)])
    elif key in ends:
        slider.go_to(ends[Qt.Key(key)])
    elif key == Qt.Key.Key_Backspace:
        slider.reset_requested.emit()
    else:
        event.ignore()


def turn_wheel(slider: Steered, event: QWheelEvent) -> None:
    """A notch moves by a step, with the focus only: the panel scrolls under the mouse, and a value must not change by
    the way."""
    if not slider.hasFocus():
        event.ignore()
        return
    notches = round(event.angleDelta().y() / NOTCH)
    if notches:
        slider.step_by(notches)
    event.accept()
