"""Keyboard and wheel input of sliders."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtCore import Qt, SignalInstance
from PySide6.QtGui import QKeyEvent, QWheelEvent

from cvstudio.foundation.params import Range

PAGE_STEPS = 10
NOTCH = 120
"""Rotation of most wheels by one notch, in eighths of a degree."""

STEPS = {
    Qt.Key.Key_Left: -1,
    Qt.Key.Key_Down: -1,
    Qt.Key.Key_Right: 1,
    Qt.Key.Key_Up: 1,
    Qt.Key.Key_PageDown: -PAGE_STEPS,
    Qt.Key.Key_PageUp: PAGE_STEPS,
}


class Steered(Protocol):
    """Protocol of a slider with one value, or with several of which one is active."""

    @property
    def reset_requested(self) -> SignalInstance: ...

    def hasFocus(self) -> bool: ...

    def step_by(self, count: int) -> None:
        """Move the value by `count` steps within its range."""
        ...

    def go_to(self, value: float) -> None:
        """Move the value to `value`."""
        ...


def press_key(slider: Steered, bounds: Range, event: QKeyEvent) -> None:
    """Apply a key: arrows move by one step, page keys by ten, Home and End to the ends; Backspace resets."""
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
    """Apply the wheel: one step for each notch, and only while the slider has the focus, so that scrolling the panel
    does not change values under the mouse."""
    if not slider.hasFocus():
        event.ignore()
        return
    notches = round(event.angleDelta().y() / NOTCH)
    if notches:
        slider.step_by(notches)
    event.accept()
