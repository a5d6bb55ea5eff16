"""Where windows and docks stand: each dock at its place, all panels away and back, all on a screen that is there."""

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
"""Keys of the panels at the left, from the top, which give way to one that comes under the picture."""

SHARE = 0.8
"""Of the window that a dock which lies over it takes."""

MARGIN = 24
"""Pixels of the window that stay in sight around a dock that lies over it."""

GRIP = (64, 24)
"""Pixels of a window's top that have to be on a screen, so that one can take hold of it."""


def rescued(place: QRect, screens: list[QRect]) -> QRect:
    """`place` where its top can be reached on one of `screens`; else moved, and shrunk where it must be, onto the
    first of them."""
    top = QRect(place.left(), place.top(), place.width(), GRIP[1])
    for screen in screens:
        seen = top.intersected(screen)
        if seen.width() >= min(GRIP[0], place.width()) and seen.height() >= GRIP[1]:
            return place
    if not screens:
        return place
    screen = screens[0]
    width, height = min(place.width(), screen.width()), min(place.height(), screen.height())
    x = screen.left() + (screen.width() - width) // 2
    y = screen.top() + (screen.height() - height) // 2
    return QRect(x, y, width, height)


def rescue(widget: QWidget) -> None:
    """Bring a window back that was left on a screen that is no longer there."""
    screens = [screen.availableGeometry() for screen in QGuiApplication.screens()]
    place = widget.geometry()
    found = rescued(place, screens)
    if found != place:
        widget.setGeometry(found)


def float_over(window: QMainWindow, dock: QDockWidget) -> None:
    """Before a floating dock is first shown, lay it over the window, at the size that its content wants at least.

    One with the property "placed" is where the user has left it.
    """
    if not dock.isFloating() or dock.isVisible() or dock.property("placed"):
        return
    dock.setProperty("placed", True)
    place, wanted = window.frameGeometry(), dock.widget().sizeHint()
    width = min(max(wanted.width(), round(SHARE * place.width())), place.width() - 2 * MARGIN)
    height = min(max(wanted.height(), round(SHARE * place.height())), place.height() - 2 * MARGIN)
    left, top = place.center().x() - width // 2, place.center().y() - height // 2
    dock.setGeometry(QRect(max(0, left), max(0, top), width, height))


class Shares:
    """What the other panels do when one goes: those of `column` get the heights back that they had before one came
    under the picture, and of those that share a place the one that the others joined comes to the front."""

    def __init__(self, window: QMainWindow, docks: dict[str, QDockWidget], column: list[QDockWidget]) -> None:
        self._window = window
        self._docks = docks
        self._column = column
        self._heights: list[int] = []
        for panel in PANELS:
            docks[panel.key].visibilityChanged.connect(lambda _, panel=panel: self._changed(panel))

    def keep(self, key: str) -> None:
        """The panel `key` is about to be shown."""
        if self._docks[key].isHidden():
            self._heights = [dock.height() for dock in self._column]

    def _changed(self, panel: Panel) -> None:
        dock = self._docks[panel.key]
        # One behind another tab is invisible, too, but not hidden; with the window all of them go.
        if not dock.isHidden() or not self._window.isVisible():
            return
        joined = self._docks.get(panel.tabbed_with)
        if joined is not None and not joined.isHidden():
            joined.raise_()
        if panel.area == Qt.DockWidgetArea.BottomDockWidgetArea and self._heights:
            # When the rest has taken the room.
            QTimer.singleShot(0, self._window, self._give_back)

    def _give_back(self) -> None:
        self._window.resizeDocks(self._column, self._heights, Qt.Orientation.Vertical)


class PanelsAway:
    """All panels hidden at one key, and the same ones back at the next."""

    def __init__(self, window: QMainWindow, docks: dict[str, QDockWidget]) -> None:
        self._window = window
        self._docks = docks
        self._hidden: list[QDockWidget] = []
        self._layout = QByteArray()

    @property
    def away(self) -> bool:
        return bool(self._hidden)

    def toggle(self) -> bool:
        """Hide what is shown, or bring it back; whether the panels are away now."""
        if self._hidden:
            self.back()
            return False
        self._layout = self._window.saveState()
        self._hidden = [dock for dock in self._docks.values() if not dock.isHidden()]
        for dock in self._hidden:
            dock.hide()
        return self.away

    def back(self) -> None:
        """What was hidden is shown again, each at its size and on its tab."""
        if not self._hidden:
            return
        self._hidden = []
        self._window.restoreState(self._layout)


class DockLayout:
    """Makes the dock of each panel, and says where it stands; `docks` has them by the keys of the panels.

    Parameters
    ----------
    window : the window they belong to
    create : callable (panel) -> its content
    """

    def __init__(self, window: QMainWindow, create: Callable[[Panel], QWidget]) -> None:
        self._window = window
        self._create = create
        # What comes under the picture must not take the room of the controls and the results.
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
            # Else the window would show through it, with hairlines where docks have met before.
            content.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
            dock.setWidget(content)

    def restored(self) -> None:
        """The window has its places of before back: fill what is seen, and bring back what is on no screen."""
        for panel in PANELS:
            dock = self.docks[panel.key]
            dock.setProperty("placed", True)
            if panel.floats:
                dock.hide()  # it was for a moment
            if not dock.isHidden():
                self._fill(panel)
        for dock in self.docks.values():
            if dock.isFloating():
                rescue(dock)

    def complete(self) -> None:
        """Make the contents that the window's first picture did without."""
        for panel in PANELS:
            self._fill(panel)
        for dock in self.docks.values():
            content = dock.widget()
            if isinstance(content, Late):
                content.complete()

    def content(self, kind: type[Content]) -> Content:
        """The content of the one panel that is of class `kind`."""
        return next(content for dock in self.docks.values() if isinstance(content := dock.widget(), kind))

    def divide(self) -> None:
        """Give the docks their shares of the window."""
        window, docks = self._window, self.docks
        window.resizeDocks([docks["media"], docks["analysis"]], [232, 320], Qt.Orientation.Horizontal)
        window.resizeDocks([docks[key] for key in LEFT_COLUMN], [320, 250, 110], Qt.Orientation.Vertical)
        window.resizeDocks([docks["analysis"], docks["results"]], [420, 300], Qt.Orientation.Vertical)
        # Of panels that share a place the one that the others joined is in front.
        for key in dict.fromkeys(panel.tabbed_with for panel in PANELS if panel.tabbed_with):
            docks[key].raise_()

    def toggle(self, key: str) -> None:
        """Hide a panel, or show it."""
        # One that lies behind another tab is brought to the front first.
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
        """Hide what is shown, or bring it back; whether the panels are away now."""
        return self._away.toggle()

    def back(self) -> None:
        """Bring back what `toggle_all` has hidden."""
        self._away.back()

    def reset(self) -> None:
        """Every dock back to where it was at the first start, but for the sizes; see `divide`."""
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
        """Close the contents, which end what they run."""
        for dock in self.docks.values():
            dock.widget().close()
