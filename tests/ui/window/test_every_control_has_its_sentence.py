"""Every control of every panel says what it does: by its tooltip, or that of the row it stands in."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QScrollBar,
    QTabBar,
    QWidget,
)
from pytestqt.qtbot import QtBot

from cvstudio.media.examples.files import sample_path
from ui.panels import PANELS
from ui.panels.batch import BatchPanel
from ui.window.main_window import MainWindow

CONTROLS = (QAbstractButton, QComboBox, QAbstractSlider, QAbstractSpinBox, QLineEdit)
OF_QT = frozenset(
    (
        *("qt_spinbox_lineedit", "qt_toolbar_ext_button", "qt_menubar_ext_button", "qt_tableview_cornerbutton"),
        *("ScrollLeftButton", "ScrollRightButton"),
    )
)
"""Parts that Qt makes within its own widgets, which have the sentence."""


def sentence_of(control: QWidget, within: QWidget) -> str:
    """The tooltip of a control, of the row that it stands in, or of the widget that it is a part of."""
    widget: QWidget | None = control
    while widget is not None and widget is not within:
        if widget.toolTip() or widget.statusTip() or widget.whatsThis():
            return widget.toolTip() or widget.statusTip() or widget.whatsThis()
        widget = widget.parentWidget()
    return ""


def silent(within: QWidget) -> set[str]:
    """What controls without a sentence are: their class, name and text."""
    found = set()
    for control in within.findChildren(QWidget):
        if not isinstance(control, CONTROLS) or isinstance(control, QScrollBar) or control.objectName() in OF_QT:
            continue
        inner = isinstance(control.parentWidget(), QComboBox | QAbstractSpinBox | QTabBar)
        if not inner and not sentence_of(control, within):
            text = control.text() if isinstance(control, QAbstractButton | QLineEdit) else ""
            name = control.objectName() or control.accessibleName()
            found.add(f"{type(control).__name__} {name!r} {text!r}")
    return found


@pytest.mark.parametrize("opened", ["nothing", "picture"])
def test_every_control_of_every_panel_has_its_sentence(window: MainWindow, qtbot: QtBot, opened: str) -> None:
    if opened == "picture":
        window.open_paths([sample_path("cat")])
        qtbot.waitUntil(lambda: window.controller.current_result() is not None, timeout=120_000)
    lacking = {}
    for panel in PANELS:
        window.show_panel(panel.key)
        content = window.docks[panel.key].widget()
        if isinstance(content, BatchPanel):
            content.make()
        if found := silent(content):
            lacking[panel.key] = found
    for part, widget in (("top", window.top), ("status", window.status), ("picture", window.workspace)):
        if found := silent(widget):
            lacking[part] = found
    assert lacking == {}, "\n".join(f"{part}: {name}" for part, names in lacking.items() for name in sorted(names))
