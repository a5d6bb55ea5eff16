"""Places of windows on the screens: that of the first start, and windows moved back to where they can be reached."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QMargins, QObject, QRect, QSize, QTimer
from PySide6.QtGui import QGuiApplication, QScreen
from PySide6.QtWidgets import QDockWidget, QMainWindow, QWidget

FIRST_SHARE = 0.85
"""Fraction of the available screen that the first window takes."""

MAXIMISE_BELOW = 1400
"""Available width in pixels below which the first window is maximised."""

LEAST = QSize(720, 480)
"""Least size of the window, where the screen has room for it."""

SHARE = 0.8
"""Least fraction of the window's size that a floating dock takes."""

MARGIN = 24
"""Pixels of the window that stay visible around a floating dock."""

GRIP = (64, 24)
"""(width, height) in pixels of a window's top that must be on a screen, so that it can be dragged."""

FRAME = QMargins(4, 32, 4, 4)
"""Room for the frame that a window manager gives a window, where it has not told its own yet."""


STRIP = QSize(330, 120)
"""Greatest size in pixels of a dock that has not been given any yet: its least size."""


def first_place(available: QRect) -> QRect:
    """Place of the first window: `FIRST_SHARE` of the available screen, in its centre. All in pixels of the desktop."""
    inside = available.marginsRemoved(FRAME)
    width = min(round(FIRST_SHARE * available.width()), inside.width())
    height = min(round(FIRST_SHARE * available.height()), inside.height())
    return QRect(
        inside.left() + (inside.width() - width) // 2, inside.top() + (inside.height() - height) // 2, width, height
    )


def rescued(place: QRect, screens: list[QRect]) -> QRect:
    """`place` shrunk to and moved onto the screens that it is on; centred on the first where its top is on none.

    A window may lie on several screens at once. All rectangles are in pixels of the desktop.
    """
    if not screens:
        return place
    top = QRect(place.left(), place.top(), place.width(), GRIP[1])
    reachable = False
    area = QRect()
    for screen in screens:
        visible = top.intersected(screen)
        reachable |= visible.width() >= min(GRIP[0], place.width()) and visible.height() >= GRIP[1]
        if place.intersects(screen):
            area = area.united(screen)
    if not reachable:
        area = screens[0]
    width, height = min(place.width(), area.width()), min(place.height(), area.height())
    if not reachable:
        return QRect(
            area.left() + (area.width() - width) // 2, area.top() + (area.height() - height) // 2, width, height
        )
    x = max(area.left(), min(place.left(), area.right() + 1 - width))
    y = max(area.top(), min(place.top(), area.bottom() + 1 - height))
    return QRect(x, y, width, height)


def rescue(widget: QWidget) -> None:
    """Shrink a window to its screen and move it onto one; a maximised window is left as it is."""
    if widget.isMaximized() or widget.isFullScreen():
        return
    place, framed = widget.geometry(), widget.frameGeometry()
    frame = QMargins(
        place.left() - framed.left(),
        place.top() - framed.top(),
        framed.right() - place.right(),
        framed.bottom() - place.bottom(),
    )
    if frame.isNull():
        frame = FRAME
    screens = [screen.availableGeometry().marginsRemoved(frame) for screen in QGuiApplication.screens()]
    reachable = rescued(place, screens)
    if reachable != place:
        widget.setGeometry(reachable)


class KeptOnScreen(QObject):
    """Rescues a window and its floating docks after `soon`, and whenever a screen comes, goes or changes its size."""

    def __init__(self, window: QMainWindow, docks: Iterable[QDockWidget]) -> None:
        super().__init__(window)
        self._window = window
        self._docks = tuple(docks)
        # Late enough for the window manager to have told the frame.
        self._timer = QTimer(self, interval=0, singleShot=True)
        self._timer.timeout.connect(self._rescue)
        for dock in self._docks:
            dock.topLevelChanged.connect(self.soon)
        app = QGuiApplication.instance()
        assert isinstance(app, QGuiApplication)
        app.screenRemoved.connect(self.soon)
        app.screenAdded.connect(self._watch)
        for screen in app.screens():
            self._watch(screen)

    def soon(self) -> None:
        """Rescue them as soon as the events that wait are done."""
        self._timer.start()

    def _watch(self, screen: QScreen) -> None:
        screen.availableGeometryChanged.connect(self.soon)

    def _rescue(self) -> None:
        if self._window.isVisible():
            fit_least_size(self._window)
        for widget in (self._window, *self._docks):
            if widget.isWindow() and widget.isVisible():
                rescue(widget)


def fit_least_size(window: QMainWindow) -> None:
    """Let the window become as small as its screen, and no smaller than `LEAST` where there is room."""
    available = window.screen().availableGeometry().marginsRemoved(FRAME).size()
    least = LEAST.boundedTo(available)
    if least != window.minimumSize():
        window.setMinimumSize(least)


def was_placed(dock: QDockWidget) -> bool:
    """Whether a floating dock has a size that it was given, and not the strip that a dock is before it is shown."""
    return dock.width() > STRIP.width() or dock.height() > STRIP.height()


def float_over(window: QMainWindow, dock: QDockWidget) -> None:
    """Centre a floating dock over the window before it is first shown, at least as large as its size hint.

    A dock with the property "placed" stays where the user has left it, as far as its screen is still there.
    """
    if not dock.isFloating() or dock.isVisible():
        return
    if not dock.property("placed"):
        dock.setProperty("placed", True)
        place, hint = window.frameGeometry(), dock.sizeHint()
        width = min(max(hint.width(), round(SHARE * place.width())), place.width() - 2 * MARGIN)
        height = min(max(hint.height(), round(SHARE * place.height())), place.height() - 2 * MARGIN)
        left, top = place.center().x() - width // 2, place.center().y() - height // 2
        dock.setGeometry(QRect(max(0, left), max(0, top), width, height))
    rescue(dock)
