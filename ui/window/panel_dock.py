"""A dock whose size its content never changes: a content that is larger scrolls."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtCore import QPoint, QRect, QSize, Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDockWidget, QMainWindow, QScrollArea, QWidget

LEAST_HEIGHT = 72
"""Least height in pixels of a panel's content."""

MARGIN = 24
"""Pixels between the edge of the picture and a dock that was made to float."""

SETTLED_MS = 50
"""Delay after which a dock that was made to float is looked at: the window manager places a new window."""


class Column(Protocol):
    """A column that docks may stand in as sections; `dock` is its own in the window."""

    dock: QDockWidget

    def holds(self, dock: QDockWidget) -> bool:
        """Whether `dock` stands in it."""

    def release(self, dock: PanelDock) -> None:
        """Make a section a dock of the window."""


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
    begins_folded : whether it is folded to its title where it first stands in a column
    """

    def __init__(self, title: str, window: QWidget, least_width: int, *, begins_folded: bool = False) -> None:
        super().__init__(title, window)
        self._least_width = least_width
        self.begins_folded = begins_folded
        self.column: Column | None = None
        """The column that the dock may stand in as a section."""
        self.content: QWidget | None = None
        self._soon = QTimer(self, interval=SETTLED_MS, singleShot=True)
        self._soon.timeout.connect(self._uncover)
        self._floated_before = False
        self.topLevelChanged.connect(self._floated)

    @property
    def in_column(self) -> bool:
        """Whether the dock is a section of a column now, visible or not."""
        return self.column is not None and self.column.holds(self)

    @property
    def resizable(self) -> QDockWidget:
        """The dock of the window that has this one's width: itself, or that of its column."""
        return self.column.dock if self.column is not None and self.in_column else self

    def setFloating(self, floating: bool) -> None:
        if not floating or self.column is None or not self.in_column:
            super().setFloating(floating)
            return
        # A section is none of the window's docks, which alone can float.
        content = self.content
        height = max(self.height(), content.sizeHint().height() if content is not None else 0)
        place = QRect(self.mapToGlobal(QPoint()), QSize(self.width(), height))
        self.column.release(self)
        shown = not self.isHidden()
        # Placed before it is shown, or the window manager would choose a place.
        self.hide()
        super().setFloating(True)
        self.setGeometry(place)
        self._uncover()
        self.setVisible(shown)

    def focusNextPrevChild(self, forwards: bool) -> bool:
        if not self.isFloating():
            return super().focusNextPrevChild(forwards)
        from ui.window.tab_order import step_focus

        return step_focus(self, forwards=forwards)

    def _floated(self, floating: bool) -> None:
        # One that is dragged follows the pointer, and one of a stored layout stands where it was.
        window = self.parentWidget()
        dragged = QGuiApplication.mouseButtons() != Qt.MouseButton.NoButton
        if floating and not dragged and window is not None and window.isVisible():
            self._soon.start()

    def _uncover(self) -> None:
        """Move a floating dock from its own place, and from other docks, to the picture."""
        window = self.parentWidget()
        centre = window.centralWidget() if isinstance(window, QMainWindow) and window.isVisible() else None
        if centre is None or not self.isFloating():
            return
        place, picture = self.geometry(), QRect(centre.mapToGlobal(QPoint()), centre.size())
        # Qt knows no place for a dock that floats for the first time; afterwards it is where the user left it.
        first, self._floated_before = not self._floated_before, True
        if not picture.contains(place) and (first or centre.window().geometry().intersects(place)):
            left = max(picture.left() + MARGIN, min(place.left(), picture.right() - MARGIN - place.width()))
            top = max(picture.top() + MARGIN, min(place.top(), picture.bottom() - MARGIN - place.height()))
            self.move(left, top)

    def fill(self, content: QWidget) -> None:
        """Set the content of a dock that has none yet."""
        self.content = content
        self.setWidget(PanelScroll(content, self._least_width))

    def widget(self) -> QWidget:
        """The content of the panel; None before it was made. It lies in a scroll area that only the dock knows."""
        return self.content or super().widget()
