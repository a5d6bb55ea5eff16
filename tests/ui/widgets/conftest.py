"""Real mouse events on single controls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from ui.tour.input_events import move_mouse

Drag = Callable[..., None]


@pytest.fixture
def drag() -> Drag:
    """`drag(widget, start, *stops, button)`: press at a point, move through the others, let go at the last."""

    def act(widget: QWidget, start: QPoint, *stops: QPoint, button: Any = Qt.MouseButton.LeftButton) -> None:
        QTest.mousePress(widget, button, Qt.KeyboardModifier.NoModifier, start)
        for stop in stops:
            move_mouse(widget, stop, button)
        QTest.mouseRelease(widget, button, Qt.KeyboardModifier.NoModifier, stops[-1])

    return act


@pytest.fixture
def shown(qtbot: Any) -> Callable[..., Any]:
    """Show a widget, by default at a given size, and wait until it is on screen."""

    def show(widget: QWidget, width: int = 0, height: int = 0) -> Any:
        qtbot.addWidget(widget)
        if width:
            widget.resize(width, height or widget.sizeHint().height())
        with qtbot.waitExposed(widget):
            widget.show()
        return widget

    return show
