"""The column of panels beside the picture: sections of their natural height, which scroll together."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtWidgets import QDockWidget, QMainWindow, QScrollArea, QVBoxLayout, QWidget

from ui.widgets.settle import lay_out
from ui.window.panel_dock import PanelDock
from ui.window.panel_section import PanelSection

BAR_WIDTH = 10
"""Width in pixels of the scroll bar, as the style sheet has it."""

GROWS_MS = 1000
"""What a panel makes when it is first shown, such as a histogram, has come by then: so long it is kept in view."""

SHOWN, HIDDEN = "shown", "hidden"
OPEN, FOLDED = "open", "folded"


class PanelColumn(QObject):
    """Holds the docks of one side of the window as sections, in the order in which they were declared.

    A dock that is pulled out, or moved to another side, is a dock as any other. One that is docked on this side again
    stands in the column again.

    Parameters
    ----------
    window : the window of the docks
    docks : those that may stand in the column, by the keys of their panels, from the top; none stands in it yet
    area : side of the window
    least_width : least width in pixels of a section
    """

    def __init__(
        self, window: QMainWindow, docks: Mapping[str, PanelDock], area: Qt.DockWidgetArea, least_width: int
    ) -> None:
        super().__init__(window)
        self._window, self._docks, self._area = window, docks, area
        self._sections: dict[str, PanelSection] = {}
        self._revealed = ""
        self._revealing = QTimer(self, singleShot=True, interval=GROWS_MS)
        self._revealing.timeout.connect(self._forget_revealed)
        self._body = QWidget()
        self._layout = QVBoxLayout(self._body)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(0)
        self._layout.addStretch(0)
        self._scroll = QScrollArea()
        self._scroll.setObjectName("panel-column")
        self._scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidgetResizable(True)
        self._scroll.setWidget(self._body)
        self._scroll.setMinimumWidth(least_width + BAR_WIDTH)
        bar = self._scroll.verticalScrollBar()
        bar.actionTriggered.connect(self._forget_revealed)
        # A section that grows changes the range, once all sections have their new places.
        bar.rangeChanged.connect(lambda least, most: self._scroll_to(self._revealed))
        self.dock = QDockWidget(self.tr("Panels"), window)
        self.dock.setObjectName("dock-column")
        self.dock.setFeatures(QDockWidget.DockWidgetFeature.NoDockWidgetFeatures)
        self.dock.setTitleBarWidget(QWidget())
        self.dock.toggleViewAction().setVisible(False)
        self.dock.setWidget(self._scroll)
        window.addDockWidget(area, self.dock)
        window.installEventFilter(self)
        for key, dock in docks.items():
            dock.column = self
            dock.dockLocationChanged.connect(lambda area, key=key: self._docked(key, area))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.UpdateRequest:
            lay_out()
        return False

    def holds(self, dock: QDockWidget) -> bool:
        """Whether `dock` stands in the column, visible or not."""
        return any(section.dock is dock for section in self._sections.values())

    def may_hold(self, key: str) -> bool:
        """Whether the panel `key` is one of the column's."""
        return key in self._docks

    def take(self, key: str, *, folded: bool = False) -> None:
        """Make a dock a section; no effect where it is one. It stays shown or hidden."""
        if key in self._sections:
            return
        dock = self._docks[key]
        hidden = dock.isHidden()
        # Qt keeps the place of a dock that it removes under the dock's name, and a restored layout would put the dock
        # there, out of the column.
        dock.setObjectName(f"gone-{key}")
        self._window.removeDockWidget(dock)
        dock.setObjectName(f"section-{key}")
        section = self._sections[key] = PanelSection(dock, dock.content, folded=folded)
        section.resized.connect(self._divide)
        section.seen.connect(self._sync)
        above = [other for other in self._docks if other in self._sections].index(key)
        self._layout.insertWidget(above, dock)
        dock.setVisible(not hidden)
        self._divide()
        self._sync()

    def release(self, dock: PanelDock) -> None:
        """Make a section a dock of its own, on the side of the column; no effect where it is none."""
        for key, section in list(self._sections.items()):
            if section.dock is dock:
                hidden = dock.isHidden()
                del self._sections[key]
                section.end()
                self._layout.removeWidget(dock)
                dock.setObjectName(f"dock-{key}")
                self._window.addDockWidget(self._area, dock)
                dock.setVisible(not hidden)
                self._sync()

    def filled(self, key: str) -> None:
        """Size a section by its content, which was made late."""
        if key in self._sections:
            self._sections[key].set_content(self._docks[key].content)

    def folded(self, key: str) -> bool:
        """Whether the panel `key` is a section that is folded to its title."""
        return key in self._sections and self._sections[key].folded

    def fold(self, key: str, folded: bool) -> None:
        """Fold a section to its title, or unfold it; no effect on a panel that does not stand in the column."""
        if key in self._sections:
            self._sections[key].set_folded(folded)

    def reveal(self, key: str) -> None:
        """Unfold a section, and scroll so far that it is seen."""
        if key in self._sections:
            self._sections[key].set_folded(False)
            self._revealed = key
            self._revealing.start()
            # The layout has to have its new heights first.
            QTimer.singleShot(0, self, lambda: self._scroll_to(key))

    def to_top(self) -> None:
        """Scroll to the first section."""
        self._forget_revealed()
        self._scroll.verticalScrollBar().setValue(0)

    def _forget_revealed(self) -> None:
        self._revealed = ""

    def stored(self) -> str:
        """What stands in the column, as a text for the settings; never empty."""
        parts = []
        for key, section in self._sections.items():
            seen = HIDDEN if section.dock.isHidden() else SHOWN
            parts.append(f"{key}:{seen}:{FOLDED if section.folded else OPEN}")
        return ";".join(["column", *parts])

    def restore(self, text: str) -> None:
        """Release what did not stand in the column when `stored` told it, and show and fold the others as they were.

        "" releases all, as for a layout that was stored before there was a column; `gather` takes those back that it
        has on this side. What cannot be read stays as it is.
        """
        parts = text.split(";")
        states = {}
        for part in parts[1:]:
            key, _, state = part.partition(":")
            if key in self._docks:
                states[key] = state.split(":")
        if text and parts[0] != "column":
            return
        for key, dock in self._docks.items():
            if key not in states:
                self.release(dock)
                continue
            self.take(key)
            dock.setVisible(HIDDEN not in states[key])
            self.fold(key, FOLDED in states[key])
        self._sync()

    def gather(self) -> None:
        """Take every dock that is docked on this side, and put the column itself there, as wide as they were."""
        if self._window.dockWidgetArea(self.dock) != self._area or self.dock.isFloating():
            self._window.addDockWidget(self._area, self.dock)
        for key, dock in self._docks.items():
            if key not in self._sections and self._on_this_side(dock):
                self.take(key, folded=dock.begins_folded)
        self._sync()

    def _docked(self, key: str, area: Qt.DockWidgetArea) -> None:
        if area == self._area and key not in self._sections:
            # Qt is in the middle of docking it.
            QTimer.singleShot(0, self, lambda: self._take_back(key))

    def _take_back(self, key: str) -> None:
        if self._on_this_side(self._docks[key]):
            self.take(key)

    def _on_this_side(self, dock: QDockWidget) -> bool:
        return not dock.isFloating() and self._window.dockWidgetArea(dock) == self._area

    def _divide(self) -> None:
        """Give the height that is left to the sections that stretch."""
        for section in self._sections.values():
            self._layout.setStretchFactor(section.dock, int(section.stretches))

    def _sync(self) -> None:
        """Show the column while it has anything to show."""
        self.dock.setVisible(any(not section.dock.isHidden() for section in self._sections.values()))

    def _scroll_to(self, key: str) -> None:
        if key not in self._sections:
            return
        self._layout.activate()
        place, bar = self._docks[key].geometry(), self._scroll.verticalScrollBar()
        lowest = place.bottom() + 1 - self._scroll.viewport().height()
        bar.setValue(min(max(bar.value(), lowest), place.top()))
