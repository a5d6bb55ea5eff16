"""Shortcuts of the window while a text field has the focus."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication, QLineEdit, QSpinBox, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot
from shiboken6 import isValid

from ui.app import make_application

BOTH = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier


@pytest.fixture
def search(qtbot: QtBot) -> Iterator[QLineEdit]:
    """A field with the focus, and another one that can take it."""
    make_application()  # the application of the tests does not come from there
    parent, field = QWidget(), QLineEdit()
    layout = QVBoxLayout(parent)
    layout.addWidget(field)
    layout.addWidget(QSpinBox())
    qtbot.addWidget(parent)
    with qtbot.waitActive(parent):
        parent.show()
        parent.activateWindow()
    field.setFocus()
    qtbot.waitUntil(field.hasFocus)
    yield field
    parent.close()


def press(field: QLineEdit, key: Qt.Key, text: str, modifiers: Qt.KeyboardModifier = BOTH) -> bool:
    """Send a key to a field; returns whether it kept it from being a shortcut."""
    override = QKeyEvent(QEvent.Type.ShortcutOverride, key, modifiers, text)
    override.ignore()
    QApplication.sendEvent(field, override)
    QApplication.sendEvent(field, QKeyEvent(QEvent.Type.KeyPress, key, modifiers, text))
    return override.isAccepted()


@pytest.mark.parametrize(("key", "text"), [(Qt.Key.Key_0, "0"), (Qt.Key.Key_B, "b"), (Qt.Key.Key_J, "J")])
def test_ctrl_alt_and_a_key_is_a_shortcut_and_types_nothing(search: QLineEdit, key: Qt.Key, text: str) -> None:
    assert not press(search, key, text)
    assert search.text() == ""
    press(search, key, text, Qt.KeyboardModifier.NoModifier)
    assert search.text() == text


def test_a_character_that_altgr_makes_is_typed(search: QLineEdit) -> None:
    # As on a German keyboard, where AltGr+0 makes a brace; some systems tell AltGr as Ctrl+Alt.
    press(search, Qt.Key.Key_0, "}")
    assert search.text() == "}"


def test_a_field_that_is_gone_spoils_nothing(search: QLineEdit, qtbot: QtBot) -> None:
    box = search.window().findChild(QSpinBox)
    assert box is not None
    search.deleteLater()
    qtbot.waitUntil(lambda: not isValid(search))
    box.setFocus()
    qtbot.waitUntil(box.hasFocus)
