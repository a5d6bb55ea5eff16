"""Laying out at once what was added to a widget that is on screen."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtWidgets import QWidget

LAYOUTS_DEEP = 8
"""Layouts that lie in each other, from a row of a form to the window."""


def lay_out() -> None:
    """Give every widget whose layout waits for it its place and size.

    A layout tells the one around it by an event, which Qt puts behind a paint that waits already: without this, new
    controls are seen squashed into the room of those before.
    """
    for _ in range(LAYOUTS_DEEP):
        QCoreApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)


def settle(parent: QWidget) -> None:
    """Show the new children of `parent` and lay them out, before anything is painted; no effect while it is not seen.

    Qt shows a child of a layout by an event, and only then knows how much room it needs.
    """
    if not parent.isVisible():
        return
    for child in parent.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly):
        told = child.testAttribute(Qt.WidgetAttribute.WA_WState_ExplicitShowHide)
        if child.isHidden() and not told and not child.isWindow():
            child.show()
    lay_out()
