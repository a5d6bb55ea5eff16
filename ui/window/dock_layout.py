"""Layout of docks: their places and sizes, hiding all panels, and windows moved back onto a screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from PySide6.QtCore import QByteArray, QRect, Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDockWidget, QMainWindow, QWidget

from ui.panels import PANELS
from ui.panels.base import Late, Panel

Content = TypeVar("Content", bound=QWidget)

LEFT_COLUMN = ("media", "layers", "jobs")
"""Keys of the panels on the left, from the top; a panel below the picture takes height from them."""

SHARE = 0.8
"""Least fraction of the window's size that a floating dock takes."""

MARGIN = 24
"""Pixels of the window that stay visible around a floating dock."""

GRIP = (64, 24)
"""(width, height) in pixels of a window's top that must be on a screen, so that it can be dragged."""


def rescued(place: QRect, screens: list[QRect]) -> QRect:
    """`place`, where the top of the window is visible on one of `screens`; otherwise centred on the first of them.

    It is shrunk to the screen where it is larger. All rectangles are in pixels of the desktop.
    """
    top = QRect(place.left(), place.top(), place.width(), GRIP[1])
    for screen in screens:
        visible = top.intersected(screen)
        if visible.width() >= min(GRIP[0], place.width()) and visible.height() >= GRIP[1]:
            return place
    if not screens:
        return place
    screen = screens[0]
    width, height = min(place.width(), screen.width()), min(place.height(), screen.height())
    x = screen.left() + (screen.width() - width) // 2
    y = screen.top() + (screen.height() - height) // 2
    return QRect(x, y, width, height)


def rescue(widget: QWidget) -> None:
    """Move a window onto a screen where its own was disconnected."""
    screens = [screen.availableGeometry() for screen in QGuiApplication.screens()]
    place = widget.geometry()
    reachable = rescued(place, screens)
    if reachable != place:
        widget.setGeometry(reachable)


def float_over(window: QMainWindow, dock: QDockWidget) -> None:
    """Centre a floating dock over the window before it is first shown, at least as large as its size hint.

    A dock with the property "placed" stays where the user has left it.
    """
    if not dock.isFloating() or dock.isVisible() or dock.property("placed"):
        return
    dock.setProperty("placed", True)
    place, hint = window.frameGeometry(), dock.widget().sizeHint()
    width = min(max(hint.width(), round(SHARE * place.width())), place.width() - 2 * MARGIN)
    height = min(max(hint.height(), round(SHARE * place.height())), place.height() - 2 * MARGIN)
    left, top = place.center().x() - width // 2, place.center().y() - height // 2
    dock.setGeometry(QRect(max(0, left), max(0, top), width, height))


class Shares:
    """Restores the other docks when one is hidden.

    The docks of `column` get the heights back that they had before a panel below the picture was shown. Of docks that
    share a place, the one that the others are tabbed with is raised.
    """

    def __init__(self, window: QMainWindow, docks: dict[str, QDockWidget], column: list[QDockWidget]) -> None:
        self._window = window
        self._docks = docks
        self._column = column
        self._heights: list[int] = []
        for panel in PANELS:
            docks[panel.key].visibilityChanged.connect(lambda _, panel=panel: self._changed(panel))

    def keep(self, key: str) -> None:
        """Store the heights of the column before the panel `key` is shown."""
        if self._docks[key].isHidden():
            self._heights = [dock.height() for dock in self._column]

    def _changed(self, panel: Panel) -> None:
        dock = self._docks[panel.key]
        # A dock behind another tab is invisible but not hidden; all docks are hidden with the window.
        if not dock.isHidden() or not self._window.isVisible():
            return
        first_tab = self._docks.get(panel.tabbed_with)
        if first_tab is not None and not first_tab.isHidden():
            first_tab.raise_()
        if panel.area == Qt.DockWidgetArea.BottomDockWidgetArea and self._heights:
            # After the layout has given the free height to the others.
            QTimer.singleShot(0, self._window, self._give_back)

    def _give_back(self) -> None:
        self._window.resizeDocks(self._column, self._heights, Qt.Orientation.Vertical)


class PanelsAway:
    """Hides all panels at once, and shows the same ones again."""

    def __init__(self, window: QMainWindow, docks: dict[str, QDockWidget]) -> None:
        self._window = window
        self._docks = docks
        self._hidden: list[QDockWidget] = []
        self._layout = QByteArray()

    @property
    def away(self) -> bool:
        return bool(self._hidden)

    def toggle(self) -> bool:
        """Hide the visible panels, or show them again; returns whether they are hidden now."""
        if self._hidden:
            self.back()
            return False
        self._layout = self._window.saveState()
        self._hidden = [dock for dock in self._docks.values() if not dock.isHidden()]
        for dock in self._hidden:
            dock.hide()
        return self.away

    def back(self) -> None:
        """Show the hidden panels again, each at its size and on its tab."""
        if not self._hidden:
            return
        self._hidden = []
        self._window.restoreState(self._layout)


class DockLayout:
    """Makes and places the dock of each panel; `docks` holds them by the keys of their panels.

    Parameters
    ----------
    window : the window of the docks
    create : callable (panel) -> its content
    """

    def __init__(self, window: QMainWindow, create: Callable[[Panel], QWidget]) -> None:
        self._window = window
        self._create = create
        # A panel below the picture must not take height from controls and results.
        window.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
        self.docks: dict[str, QDockWidget] = {}
        for panel in self._in_order():
            dock = QDockWidget(window.tr(panel.title), window)
            dock.setObjectName(f"dock-{panel.key}")
            self.docks[panel.key] = dock
            if panel.shown:
                self._fill(panel)
            window.addDockWidget(panel.area, dock)
            if not panel.shown:
                dock.hide()
            dock.setFloating(panel.floats)
            if panel.tabbed_with in self.docks:
                window.tabifyDockWidget(self.docks[panel.tabbed_with], dock)
        self._away = PanelsAway(window, self.docks)
        self._shares = Shares(window, self.docks, [self.docks[key] for key in LEFT_COLUMN])

    @staticmethod
    def _in_order() -> list[Panel]:
        return sorted(PANELS, key=lambda panel: panel.order)

    def _fill(self, panel: Panel) -> None:
        """Make the content of a panel that has none yet."""
        dock = self.docks[panel.key]
        if dock.widget() is None:
            content = self._create(panel)
            # Without a background the window shows through, with hairlines where docks met before.
            content.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
            dock.setWidget(content)

    def restored(self) -> None:
        """Fill the visible docks after a stored layout was restored, and move floating ones back onto a screen."""
        for panel in PANELS:
            dock = self.docks[panel.key]
            dock.setProperty("placed", True)
            if panel.floats:
                dock.hide()  # it is opened on demand only
            if not dock.isHidden():
                self._fill(panel)
        for dock in self.docks.values():
            if dock.isFloating():
                rescue(dock)

    def complete(self) -> None:
        """Make and complete the contents that the window's first paint did without."""
        for panel in PANELS:
            self._fill(panel)
        for dock in self.docks.values():
            content = dock.widget()
            if isinstance(content, Late):
                content.complete()

    def content(self, kind: type[Content]) -> Content:
        """The panel content of class `kind`. Raises StopIteration where no panel has one."""
        return next(content for dock in self.docks.values() if isinstance(content := dock.widget(), kind))

    def divide(self) -> None:
        """Give the docks their default sizes."""
        window, docks = self._window, self.docks
        window.resizeDocks([docks["media"], docks["analysis"]], [232, 320], Qt.Orientation.Horizontal)
        window.resizeDocks([docks[key] for key in LEFT_COLUMN], [320, 250, 110], Qt.Orientation.Vertical)
        window.resizeDocks([docks["analysis"], docks["results"]], [420, 300], Qt.Orientation.Vertical)
        # Of docks that share a place, the one that the others are tabbed with is in front.
        for key in dict.fromkeys(panel.tabbed_with for panel in PANELS if panel.tabbed_with):
            docks[key].raise_()

    def toggle(self, key: str) -> None:
        """Hide a panel, or show it."""
        # A dock behind another tab is raised first.
        if self.docks[key].visibleRegion().isEmpty():
            self.show(key)
        else:
            self.docks[key].hide()

    def show(self, key: str) -> None:
        """Bring a panel to the front."""
        self._away.back()
        self._shares.keep(key)
        float_over(self._window, self.docks[key])
        self.docks[key].show()
        self.docks[key].raise_()

    def toggle_all(self) -> bool:
        """Hide the visible panels, or show them again; returns whether they are hidden now."""
        return self._away.toggle()

    def back(self) -> None:
        """Show the panels that `toggle_all` has hidden."""
        self._away.back()

    def reset(self) -> None:
        """Move every dock back to its place at the first start; `divide` resets the sizes."""
        self._away.back()
        for panel in self._in_order():
            dock = self.docks[panel.key]
            dock.setFloating(False)
            self._window.addDockWidget(panel.area, dock)
            dock.setVisible(panel.shown)
            dock.setFloating(panel.floats)
            if panel.tabbed_with in self.docks:
                self._window.tabifyDockWidget(self.docks[panel.tabbed_with], dock)

    def close(self) -> None:
        """Close the contents, which stop their jobs."""
        for dock in self.docks.values():
            dock.widget().close()
