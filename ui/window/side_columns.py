"""Columns beside the picture that fold to a strip of icons, for small screens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

from PySide6.QtCore import QObject, QSize, Qt, Signal
from PySide6.QtWidgets import QMainWindow, QTabBar, QToolBar

from ui.base.icons import icon
from ui.panels import PANELS
from ui.window.panel_dock import PanelDock

Side = Literal["left", "right"]
SIDES: tuple[Side, ...] = ("left", "right")

AREAS: Mapping[Side, Qt.DockWidgetArea] = {
    "left": Qt.DockWidgetArea.LeftDockWidgetArea,
    "right": Qt.DockWidgetArea.RightDockWidgetArea,
}
STRIPS: Mapping[Side, Qt.ToolBarArea] = {
    "left": Qt.ToolBarArea.LeftToolBarArea,
    "right": Qt.ToolBarArea.RightToolBarArea,
}


@dataclass(frozen=True)
class _Folded:
    """What a column was before it was folded: keys and heights of its panels, those in front, and its width."""

    heights: Mapping[str, int]
    front: tuple[str, ...]
    width: int


class SideColumns(QObject):
    """Folds the docks of a side to icons, each of which brings the column back with its panel in front.

    Parameters
    ----------
    window : the window of the docks
    docks : by the keys of their panels
    show : callable (key) that brings a panel to the front

    Signals
    -------
    changed : a column was folded or unfolded
    """

    changed = Signal()

    def __init__(self, window: QMainWindow, docks: Mapping[str, PanelDock], show: Callable[[str], None]) -> None:
        super().__init__(window)
        self._window, self._docks, self._show = window, docks, show
        self._folded: dict[Side, _Folded] = {}
        self.strips: dict[Side, QToolBar] = {}
        for side in SIDES:
            strip = self.strips[side] = QToolBar(window)
            strip.setObjectName(f"strip-{side}")
            strip.setMovable(False)
            strip.setIconSize(QSize(16, 16))
            strip.toggleViewAction().setVisible(False)
            window.addToolBar(STRIPS[side], strip)
            strip.hide()

    def folded(self, side: Side) -> bool:
        return side in self._folded

    def toggle(self, side: Side) -> None:
        """Fold a column, or unfold it."""
        if self.folded(side):
            self.unfold(side)
        else:
            self.fold(side)

    def fold(self, side: Side) -> None:
        """Fold a column to icons; no effect where it has no panels."""
        docks = {key: dock for key, dock in self._docks.items() if self._stands(dock, side)}
        if self.folded(side) or not docks:
            return
        front = tuple(key for key, dock in docks.items() if not dock.visibleRegion().isEmpty())
        heights = {key: dock.height() + self._tabs_height(dock) for key, dock in docks.items()}
        width = next(iter(docks.values())).resizable.width()
        self._put_away(side, _Folded(heights, front or tuple(docks), width))

    def unfold(self, side: Side) -> None:
        """Bring a column back as it was; no effect where it is not folded."""
        before = self._folded.pop(side, None)
        if before is None:
            return
        self.strips[side].hide()
        docks = [self._docks[key] for key in before.heights]
        for dock in docks:
            dock.show()
        in_front = [self._docks[key] for key in before.front]
        for dock in in_front:
            dock.raise_()
        self._window.resizeDocks([in_front[0].resizable], [before.width], Qt.Orientation.Horizontal)
        # Sections of a column have the heights of their contents.
        heights = {key: before.heights[key] for key in before.front if not self._docks[key].in_column}
        self._window.resizeDocks([self._docks[key] for key in heights], list(heights.values()), Qt.Orientation.Vertical)
        self.changed.emit()

    def reveal(self, key: str) -> None:
        """Unfold the column that a panel stands in, where it is folded."""
        dock = self._docks[key]
        for side in SIDES:
            if self.folded(side) and not dock.isFloating() and self._area(dock) == AREAS[side]:
                self.unfold(side)

    def stored(self) -> str:
        """The folded columns as a text for the settings."""
        parts = []
        for side, before in self._folded.items():
            heights = ",".join(f"{key}={height}" for key, height in before.heights.items())
            parts.append(f"{side}:{before.width}:{heights}:{','.join(before.front)}")
        return ";".join(parts)

    def restore(self, text: str) -> None:
        """Fold what `stored` told; what cannot be read is left unfolded."""
        for side in SIDES:
            self.strips[side].hide()
        for part in filter(None, text.split(";")):
            try:
                name, width, heights, front = part.split(":")
                side = next(side for side in SIDES if side == name)
                sizes = {key: int(height) for key, height in (pair.split("=") for pair in heights.split(","))}
                before = _Folded(sizes, tuple(front.split(",")), int(width))
            except (ValueError, StopIteration):
                continue
            if set(before.front) <= set(sizes) <= set(self._docks):
                self._put_away(side, before)

    def _tabs_height(self, dock: PanelDock) -> int:
        """Height of the tabs below a dock, which its place in the column includes; 0 without any."""
        if dock.in_column:
            return 0
        place = dock.geometry()
        for tabs in self._window.findChildren(QTabBar, options=Qt.FindChildOption.FindDirectChildrenOnly):
            below = tabs.geometry()
            if tabs.isVisible() and below.left() == place.left() and 0 < below.top() - place.bottom() <= 4:
                return below.height()
        return 0

    def _stands(self, dock: PanelDock, side: Side) -> bool:
        return not dock.isHidden() and not dock.isFloating() and self._area(dock) == AREAS[side]

    def _area(self, dock: PanelDock) -> Qt.DockWidgetArea:
        return self._window.dockWidgetArea(dock.resizable)

    def _put_away(self, side: Side, before: _Folded) -> None:
        self._folded[side] = before
        for key in before.heights:
            self._docks[key].hide()
        strip = self.strips[side]
        strip.clear()
        opener = strip.addAction(
            icon(f"chevron-{'right' if side == 'left' else 'left'}"), self.tr("Unfold this column")
        )
        opener.triggered.connect(partial(self.unfold, side))
        for panel in sorted(PANELS, key=lambda panel: panel.order):
            if panel.key in before.heights:
                action = strip.addAction(icon(panel.icon), self._docks[panel.key].windowTitle())
                action.triggered.connect(partial(self._open, side, panel.key))
        strip.show()
        self.changed.emit()

    def _open(self, side: Side, key: str) -> None:
        self.unfold(side)
        self._show(key)
