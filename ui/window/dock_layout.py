"""Layout of docks: their places and sizes, the column beside the picture, and hiding all panels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from PySide6.QtCore import QByteArray, Qt, QTimer
from PySide6.QtWidgets import QDockWidget, QMainWindow, QToolBar, QWidget

from ui.panels import PANELS
from ui.panels.base import Late, Panel
from ui.window.panel_column import PanelColumn
from ui.window.panel_dock import PanelDock
from ui.window.placement import float_over, rescue, was_placed
from ui.window.side_columns import SIDES, SideColumns

Content = TypeVar("Content", bound=QWidget)

LEFT_COLUMN = {"media": 320, "layers": 250, "jobs": 110}
"""Shares of the panels on the left, from the top; a panel below the picture takes height from them."""

LEAST_WIDTHS = {
    Qt.DockWidgetArea.LeftDockWidgetArea: 216,
    Qt.DockWidgetArea.RightDockWidgetArea: 300,
    Qt.DockWidgetArea.BottomDockWidgetArea: 320,
}
"""Least width in pixels of a dock, by the side of the window that it has at first."""

COLUMNS = {"left": (0.16, 232, 300), "right": (0.25, 320, 440)}
"""Fraction of the window's width that a column takes at first, and its least and greatest width in pixels."""


def _share(whole: int, fraction: float, least: int, most: int) -> int:
    """`fraction` of `whole` pixels, within `least` and `most`."""
    return max(least, min(round(fraction * whole), most))


class Shares:
    """Restores the other docks when one is hidden.

    The docks of `column` get the heights back that they had before a panel below the picture was shown. Of docks that
    share a place, the one that the others are tabbed with is raised.
    """

    def __init__(self, window: QMainWindow, docks: Mapping[str, QDockWidget], column: list[QDockWidget]) -> None:
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
    """Hides all panels, and the strips of folded columns, at once, and shows the same ones again."""

    def __init__(self, window: QMainWindow, docks: Mapping[str, QDockWidget], strips: Iterable[QToolBar]) -> None:
        self._window = window
        self._parts: list[QWidget] = [*docks.values(), *strips]
        self._hidden: list[QWidget] = []
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
        self._hidden = [part for part in self._parts if not part.isHidden()]
        for part in self._hidden:
            part.hide()
        return self.away

    def back(self) -> None:
        """Show the hidden panels again, each at its size and on its tab."""
        if not self._hidden:
            return
        hidden, self._hidden = self._hidden, []
        self._window.restoreState(self._layout)
        # The layout knows the column and not its sections.
        for part in hidden:
            if isinstance(part, PanelDock) and part.in_column:
                part.show()


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
        self.docks: dict[str, PanelDock] = {}
        for panel in self._in_order():
            dock = PanelDock(
                window.tr(panel.title), window, LEAST_WIDTHS[panel.area], begins_folded=panel.begins_folded
            )
            dock.setObjectName(f"dock-{panel.key}")
            self.docks[panel.key] = dock
        side = Qt.DockWidgetArea.RightDockWidgetArea
        sections = {panel.key: self.docks[panel.key] for panel in self._in_order() if panel.area == side}
        self.column = PanelColumn(window, sections, side, LEAST_WIDTHS[side])
        for panel in self._in_order():
            if panel.in_first_picture:
                self._fill(panel)
            self._place(panel)
        self.columns = SideColumns(window, self.docks, self.show)
        self._away = PanelsAway(window, self.docks, self.columns.strips.values())
        self._shares = Shares(window, self.docks, [self.docks[key] for key in LEFT_COLUMN])

    @staticmethod
    def _in_order() -> list[Panel]:
        return sorted(PANELS, key=lambda panel: panel.order)

    def _fill(self, panel: Panel) -> None:
        """Make the content of a panel that has none yet."""
        dock = self.docks[panel.key]
        if dock.content is None:
            content = self._create(panel)
            # Without a background the window shows through, with hairlines where docks met before.
            content.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
            dock.fill(content)
            self.column.filled(panel.key)

    def _place(self, panel: Panel) -> None:
        """Put a dock where it stands at the first start."""
        dock = self.docks[panel.key]
        if self.column.may_hold(panel.key):
            self.column.take(panel.key)
            self.column.fold(panel.key, panel.begins_folded)
            dock.setVisible(panel.shown)
            return
        self._window.addDockWidget(panel.area, dock)
        dock.setVisible(panel.shown)
        dock.setFloating(panel.floats)
        if panel.tabbed_with in self.docks:
            self._window.tabifyDockWidget(self.docks[panel.tabbed_with], dock)

    def restored(self) -> None:
        """Fill the visible docks after a stored layout was restored, and move floating ones back onto a screen."""
        self.column.gather()
        for panel in PANELS:
            dock = self.docks[panel.key]
            dock.setProperty("placed", was_placed(dock))
            if panel.floats:
                dock.hide()  # it is opened on demand only
            if not dock.isHidden() and not self.column.folded(panel.key):
                self._fill(panel)
        for dock in self.docks.values():
            if dock.isFloating():
                rescue(dock)

    def complete(self) -> None:
        """Make and complete the contents that the window's first paint did without."""
        for panel in PANELS:
            self._fill(panel)
        for dock in self.docks.values():
            content = dock.content
            if isinstance(content, Late):
                content.complete()

    def content(self, kind: type[Content]) -> Content:
        """The panel content of class `kind`. Raises StopIteration where no panel has one."""
        return next(content for dock in self.docks.values() if isinstance(content := dock.content, kind))

    def divide(self) -> None:
        """Give the docks their default sizes."""
        window, docks = self._window, self.docks
        widths = [_share(window.width(), *COLUMNS[side]) for side in ("left", "right")]
        window.resizeDocks([docks["media"], self.column.dock], widths, Qt.Orientation.Horizontal)
        column = {docks[key]: height for key, height in LEFT_COLUMN.items() if not docks[key].isHidden()}
        window.resizeDocks(list(column), list(column.values()), Qt.Orientation.Vertical)
        # Of docks that share a place, the one that the others are tabbed with is in front.
        for key in dict.fromkeys(panel.tabbed_with for panel in PANELS if panel.tabbed_with):
            docks[key].raise_()

    def in_view(self, key: str) -> bool:
        """Whether the content of a panel is seen: it is not hidden, behind another tab, folded, or scrolled away."""
        return not self.docks[key].visibleRegion().isEmpty() and not self.column.folded(key)

    def toggle(self, key: str) -> None:
        """Hide a panel that is in view, or bring it there."""
        if self.in_view(key):
            self.docks[key].hide()
        else:
            self.show(key)

    def show(self, key: str) -> None:
        """Bring a panel to the front."""
        self._away.back()
        self.columns.reveal(key)
        self._shares.keep(key)
        float_over(self._window, self.docks[key])
        dock = self.docks[key]
        dock.show()
        dock.raise_()
        if dock.isFloating() and dock.content is not None:
            # What is typed next is meant for this window, and would be shortcuts of the one behind it.
            dock.activateWindow()
            dock.content.setFocus()
        self.column.reveal(key)

    @property
    def away(self) -> bool:
        """Whether `toggle_all` has hidden the panels."""
        return self._away.away

    def toggle_all(self) -> bool:
        """Hide the visible panels, or show them again; returns whether they are hidden now."""
        return self._away.toggle()

    def back(self) -> None:
        """Show the panels that `toggle_all` has hidden."""
        self._away.back()

    def reset(self) -> None:
        """Move every dock back to its place at the first start, the column too; `divide` resets the sizes."""
        self._away.back()
        for side in SIDES:
            self.columns.unfold(side)
        for panel in self._in_order():
            dock = self.docks[panel.key]
            dock.setFloating(False)
            dock.setProperty("placed", False)
            self._place(panel)
        self.column.to_top()

    def close(self) -> None:
        """Close the contents, which stop their jobs."""
        for dock in self.docks.values():
            if dock.content is not None:
                dock.content.close()
