"""The order in which Tab goes through controls."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLayout, QWidget


def tab_as_laid_out(body: QWidget) -> None:
    """Let Tab go through the controls of `body` as its layouts have them, from the first to the last.

    Otherwise it goes in the order in which they were made, so that a row that was made anew would be behind all others
    of the window.
    """
    layout = body.layout()
    controls = [] if layout is None else list(_controls(layout))
    for control, next_control in pairwise(controls):
        QWidget.setTabOrder(control, next_control)


def _controls(layout: QLayout) -> Iterator[QWidget]:
    for index in range(layout.count()):
        item = layout.itemAt(index)
        assert item is not None
        widget, inner = item.widget(), item.layout()
        if inner is not None:
            yield from _controls(inner)
        elif widget is not None:
            if widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
                yield widget
            else:
                nested = widget.layout()
                if nested is not None:
                    yield from _controls(nested)
