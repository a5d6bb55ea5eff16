"""A dock whose size its content never changes: a content that is larger scrolls."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QDockWidget, QScrollArea, QWidget

LEAST_HEIGHT = 72
"""Least height in pixels of a panel's content."""


class PanelScroll(QScrollArea):
    """Scrolls the content of a panel that is smaller than it needs to be; it wants the size that the content wants."""

    def __init__(self, content: QWidget, least_width: int) -> None:
        super().__init__()
        self.setObjectName("panel-scroll")
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidgetResizable(True)
        self.setWidget(content)
        # Explicit sizes take the place of those that the content asks for, which change with what it shows.
        self.setMinimumSize(least_width, LEAST_HEIGHT)

    def sizeHint(self) -> QSize:
        content = self.widget()
        return super().sizeHint() if content is None else content.sizeHint()


class PanelDock(QDockWidget):
    """Dock of one panel, which only the user's hand makes larger or smaller.

    Parameters
    ----------
    title : of the dock
    window : the window of the dock
    least_width : least width in pixels
    """

    def __init__(self, title: str, window: QWidget, least_width: int) -> None:
        super().__init__(title, window)
        self._least_width = least_width
        self.content: QWidget | None = None

    def fill(self, content: QWidget) -> None:
        """Set the content of a dock that has none yet."""
        self.content = content
        self.setWidget(PanelScroll(content, self._least_width))

    def widget(self) -> QWidget:
        """The content of the panel; None before it was made. It lies in a scroll area that only the dock knows."""
        return self.content or super().widget()
