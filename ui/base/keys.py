"""Keys that a focused control handles itself, in place of the window's shortcuts."""

from __future__ import annotations

from collections.abc import Container

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent

SLIDER_KEYS = frozenset(
    (
        Qt.Key.Key_Left,
        Qt.Key.Key_Right,
        Qt.Key.Key_Up,
        Qt.Key.Key_Down,
        Qt.Key.Key_PageUp,
        Qt.Key.Key_PageDown,
        Qt.Key.Key_Home,
        Qt.Key.Key_End,
        Qt.Key.Key_Backspace,
    )
)
PRESS_KEYS = frozenset((Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter))


def claims(event: QEvent, keys: Container[Qt.Key]) -> bool:
    """Accept `event` and return True if it is a ShortcutOverride of one of `keys`.

    In the window, arrows step frames and Space plays; a control with the focus takes precedence.
    """
    if event.type() != QEvent.Type.ShortcutOverride or not isinstance(event, QKeyEvent):
        return False
    plain = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier in (
        Qt.KeyboardModifier.NoModifier,
        Qt.KeyboardModifier.ShiftModifier,
    )
    if not plain or Qt.Key(event.key()) not in keys:
        return False
    event.accept()
    return True


class ShortcutsWhileTyping(QObject):
    """Filter of a text field's events: Ctrl+Alt with a key is a shortcut of the window and types nothing.

    Text fields take the two together for AltGr, with which some layouts type other characters; those are still typed.
    """

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() not in (QEvent.Type.ShortcutOverride, QEvent.Type.KeyPress) or not isinstance(event, QKeyEvent):
            return False
        both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier
        plain = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier == both
        key = event.key()
        if not plain or not 0x20 <= key < 0x7F or event.text().upper() not in ("", chr(key)):
            return False
        event.ignore()
        return True
