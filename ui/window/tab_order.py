"""The order in which Tab goes through a window: that in which its controls are seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QFocusEvent, QGuiApplication
from PySide6.QtWidgets import QAbstractScrollArea, QDockWidget, QMainWindow, QScrollArea, QWidget

BY_TAB = (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)
OF_THE_WINDOW = (Qt.FocusReason.ActiveWindowFocusReason, Qt.FocusReason.PopupFocusReason)
"""Reasons for which a widget only gets back the focus that it had."""

SIDES = (
    Qt.DockWidgetArea.TopDockWidgetArea,
    Qt.DockWidgetArea.LeftDockWidgetArea,
    Qt.DockWidgetArea.NoDockWidgetArea,  # stands for the centre
    Qt.DockWidgetArea.RightDockWidgetArea,
    Qt.DockWidgetArea.BottomDockWidgetArea,
)
"""Sides of a window in the order in which Tab goes through them."""


def step_focus(window: QWidget, *, forwards: bool) -> bool:
    """Give the focus to the next or the previous control of a window, round its end; returns whether there is one.

    The order is told from what is visible at this moment. That of Qt is the order in which controls were made, so that
    a row that was made anew would come behind all others.
    """
    focused = window.focusWidget()
    controls = [item for item in _within(window) if item is focused or _takes_tab(item)]
    if not controls:
        return False
    before = len(controls) - 1 if forwards else 0
    place = controls.index(focused) if focused in controls else before
    control = controls[(place + (1 if forwards else -1)) % len(controls)]
    control.setFocus(BY_TAB[0] if forwards else BY_TAB[1])
    parent = control.parentWidget()
    while parent is not None and not parent.isWindow():
        if isinstance(parent, QScrollArea):
            parent.ensureWidgetVisible(control)
        parent = parent.parentWidget()
    return True


class TabOrder(QObject):
    """Moves the focus of the main window; Tab on the canvas hides the panels, as in photo editors.

    Where the focus came to the canvas by Tab, Tab goes on to what follows it, as long as the panels are there:
    otherwise the keyboard would never get from the one side of it to the other.

    Parameters
    ----------
    window, canvas : the window, and the widget in it on which Tab hides the panels
    toggle : hides the panels or shows them again
    away : returns whether they are hidden
    """

    def __init__(
        self, window: QMainWindow, canvas: QWidget, toggle: Callable[[], object], away: Callable[[], bool]
    ) -> None:
        super().__init__(window)
        self._window, self._canvas, self._toggle, self._away = window, canvas, toggle, away
        self._passing = False
        canvas.installEventFilter(self)

    def step(self, *, forwards: bool) -> bool:
        """Do what Tab does, or without `forwards` Shift+Tab; returns whether that was anything."""
        # Qt steps forwards, too, from a canvas that was hidden while it had the focus: nobody pressed Tab then.
        on_canvas = self._window.focusWidget() is self._canvas and self._canvas.isVisible()
        if forwards and on_canvas and (self._away() or not self._passing):
            self._toggle()
            return True
        return step_focus(self._window, forwards=forwards)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QFocusEvent) and event.gotFocus():
            if event.reason() not in OF_THE_WINDOW:
                self._passing = event.reason() in BY_TAB
        elif event.type() == QEvent.Type.MouseButtonPress:
            self._passing = False
        return False


def _takes_tab(widget: QWidget) -> bool:
    needed = Qt.FocusPolicy.TabFocus
    if QGuiApplication.styleHints().tabFocusBehavior() != Qt.TabFocusBehavior.TabFocusAllControls:
        needed = Qt.FocusPolicy.StrongFocus
    if not widget.isEnabled() or widget.focusPolicy() & needed != needed or widget.focusProxy() is not None:
        return False
    # What scrolls follows the focus of the controls in it; without any, it is scrolled by the keys itself.
    return not isinstance(widget, QScrollArea) or not any(_takes_tab(item) for item in _within(widget))


def _within(parent: QWidget) -> Iterator[QWidget]:
    """The visible widgets in `parent`, as they are seen: each row from the left, from the top to the bottom."""
    for child in _as_seen(parent, _children(parent)):
        yield child
        yield from _within(child)


def _children(parent: QWidget) -> Iterator[QWidget]:
    area = parent.parentWidget()
    scrolls = isinstance(area, QAbstractScrollArea) and area.viewport() is parent
    for child in parent.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly):
        # What is scrolled out of view is brought there. What lies outside of anything else, such as the content of a
        # folded section, cannot be.
        if child.isVisible() and not child.isWindow() and (scrolls or child.geometry().intersects(parent.rect())):
            yield child


def _as_seen(parent: QWidget, children: Iterable[QWidget]) -> list[QWidget]:
    def from_top(child: QWidget) -> tuple[int, int]:
        return child.y(), child.x()

    if isinstance(parent, QMainWindow):
        # Of docks side by side with the picture each whole side comes at once.
        return sorted(children, key=lambda child: (_side(parent, child), *from_top(child)))
    rows: list[list[QWidget]] = []
    bottom = 0
    for child in sorted(children, key=from_top):
        if not rows or child.geometry().center().y() >= bottom:
            rows.append([])
            bottom = child.geometry().bottom()
        rows[-1].append(child)
        bottom = max(bottom, child.geometry().bottom())
    return [child for row in rows for child in sorted(row, key=lambda child: (child.x(), child.y()))]


def _side(window: QMainWindow, child: QWidget) -> int:
    """Place of a child of the window among `SIDES`, from -1 for the menus to the status bar after the last."""
    if child is window.menuWidget():
        return -1
    if isinstance(child, QDockWidget):
        return SIDES.index(window.dockWidgetArea(child))
    if child is window.centralWidget():
        return SIDES.index(Qt.DockWidgetArea.NoDockWidgetArea)
    if child is window.statusBar():
        return len(SIDES)
    # A strip of a folded column, or the tabs of docks that share a place.
    central = window.centralWidget()
    assert central is not None
    middle, centre = child.geometry().center().x(), central.geometry()
    if middle < centre.left():
        return SIDES.index(Qt.DockWidgetArea.LeftDockWidgetArea)
    if middle > centre.right():
        return SIDES.index(Qt.DockWidgetArea.RightDockWidgetArea)
    return SIDES.index(Qt.DockWidgetArea.BottomDockWidgetArea)
