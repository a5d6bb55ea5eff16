"""Notices: short messages that slide in at the top right, name the remedy and disappear after a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from PySide6.QtCore import QEasingCurve, QEvent, QObject, QPoint, QPropertyAnimation, QRect, QSize, Qt, QTimer
from PySide6.QtGui import QAccessible, QAccessibleEvent, QEnterEvent, QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from ui.base.icons import icon
from ui.widgets.icon_label import IconLabel

Level = Literal["info", "warning", "error"]

WIDTH = 360
MARGIN = 12
GAP = 8
MOST = 3
SLIDE_MS = 160
# No entry for errors: they stay until they are dismissed, as they name what the user has to do.
STAY_MS = {"info": 5000, "warning": 9000}
LOOK = {"info": ("info", "link"), "warning": ("triangle-alert", "warning"), "error": ("circle-alert", "error")}


class Notice(QFrame):
    """A message with an icon of its level, an optional button that calls `run`, and a button to dismiss it."""

    def __init__(
        self, parent: QWidget, level: str, text: str, action: str, run: Callable[[], object] | None, *, stays: bool
    ) -> None:
        super().__init__(parent)
        self._stay_ms = None if stays else STAY_MS.get(level)
        self.setObjectName("notice")
        self.level = level
        self.text = text
        self.setAccessibleName(text)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        icon_name, role = LOOK[level]
        label = QLabel(text)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setWordWrap(True)
        label.setMinimumHeight(20)
        label.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.dismiss = QToolButton()
        self.dismiss.setIcon(icon("x"))
        self.dismiss.setToolTip(self.tr("Dismiss (Esc)"))
        self.dismiss.setAccessibleName(self.tr("Dismiss"))
        body = QVBoxLayout()
        body.setSpacing(8)
        body.addWidget(label)
        self.action: QPushButton | None = None
        if action and run is not None:
            self.action = QPushButton(action)
            self.action.clicked.connect(lambda: run())
            self.action.clicked.connect(self.dismiss.click)
            body.addWidget(self.action, 0, Qt.AlignmentFlag.AlignLeft)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 10, 8, 10)
        layout.setSpacing(10)
        layout.addWidget(IconLabel(icon_name, 20, role), 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(body, 1)
        layout.addWidget(self.dismiss, 0, Qt.AlignmentFlag.AlignTop)
        self.timer = QTimer(self)
        self.timer.setSingleShot(True)
        self.timer.timeout.connect(self.dismiss.click)
        self.slide = QPropertyAnimation(self, b"pos", self)
        self.slide.setDuration(SLIDE_MS)
        self.slide.setEasingCurve(QEasingCurve.Type.OutCubic)
        self.count_down()

    def count_down(self) -> None:
        """Restart the timer that dismisses the notice, if it has one."""
        if self._stay_ms is not None:
            self.timer.start(self._stay_ms)

    def enterEvent(self, event: QEnterEvent) -> None:
        self.timer.stop()

    def leaveEvent(self, event: QEvent) -> None:
        self.count_down()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.dismiss.click()
        else:
            super().keyPressEvent(event)


class Notices(QObject):
    """Stack of at most `MOST` notices over `parent`, the newest on top: at the top right, or in the corner where it
    covers less.

    Parameters
    ----------
    parent : the widget that they lie over
    keep_clear : callable () -> rectangles in `parent` that they do not cover where there is another place
    spoken_of : callable () -> rectangle in `parent`, such as the picture, of which they cover as little as they can
    """

    def __init__(
        self,
        parent: QWidget,
        keep_clear: Callable[[], Sequence[QRect]] = tuple,
        spoken_of: Callable[[], QRect] = QRect,
    ) -> None:
        super().__init__(parent)
        self._parent = parent
        self._keep_clear = keep_clear
        self._spoken_of = spoken_of
        self._shown: list[Notice] = []
        parent.installEventFilter(self)

    @property
    def shown(self) -> tuple[Notice, ...]:
        """The notices on screen, the newest first."""
        return tuple(self._shown)

    def post(
        self,
        level: str,
        text: str,
        *,
        action: str = "",
        run: Callable[[], object] | None = None,
        instead_of: str = "",
        stays: bool = False,
    ) -> None:
        """Show a message; where the same one is still on screen, only restart its timer.

        Parameters
        ----------
        level : "info", "warning" or "error"
        text : one sentence
        action, run : title of a button, and the function it calls
        instead_of : text of an earlier message that this one replaces
        stays : until it is dismissed, as an error does: an offer that is made only here

        Raises
        ------
        KeyError
            The level is unknown.
        """
        if instead_of:
            self.withdraw(instead_of)
        for existing in self._shown:
            if (existing.level, existing.text) == (level, text):
                existing.count_down()
                return
        notice = Notice(self._parent, level, text, action, run, stays=stays)
        notice.dismiss.clicked.connect(lambda: self._remove(notice))
        self._shown.insert(0, notice)
        while len(self._shown) > MOST:
            transient = [item for item in self._shown[1:] if item.level != "error"]
            self._remove((transient or self._shown)[-1])
        notice.setFixedWidth(self._width())
        notice.adjustSize()
        notice.move(self._parent.width(), MARGIN)
        notice.show()
        notice.raise_()
        self._arrange(animate=True)
        QAccessible.updateAccessibility(QAccessibleEvent(notice, QAccessible.Event.Alert))

    def withdraw(self, text: str) -> None:
        """Remove a message that no longer applies."""
        for notice in [item for item in self._shown if item.text == text]:
            self._remove(notice)

    def dismiss_newest(self) -> bool:
        """Remove the newest notice; False where there is none."""
        if not self._shown:
            return False
        self._remove(self._shown[0])
        return True

    def _width(self) -> int:
        return min(WIDTH, max(self._parent.width() - 2 * MARGIN, 160))

    def _remove(self, notice: Notice) -> None:
        if notice in self._shown:
            self._shown.remove(notice)
            notice.timer.stop()
            notice.slide.stop()
            notice.hide()
            notice.deleteLater()
            self._arrange(animate=True)

    def _arrange(self, *, animate: bool) -> None:
        for notice in self._shown:
            notice.setFixedWidth(self._width())
            notice.setFixedHeight(max(notice.heightForWidth(self._width()), 44))
        place = self._place(sum(notice.height() + GAP for notice in self._shown) - GAP)
        y = place.y()
        for notice in self._shown:
            corner = QPoint(place.x(), y)
            notice.slide.stop()
            if animate:
                notice.slide.setStartValue(notice.pos())
                notice.slide.setEndValue(corner)
                notice.slide.start()
            else:
                notice.move(corner)
            y += notice.height() + GAP

    def _place(self, height: int) -> QPoint:
        """Top left corner of the stack."""
        right, bottom = self._parent.width() - self._width() - MARGIN, self._parent.height() - height - MARGIN
        rects = self._keep_clear() if self._shown else []
        spoken_of = self._spoken_of() if self._shown else QRect()
        inside = self._parent.rect().adjusted(0, MARGIN, 0, -MARGIN)
        places: list[QRect] = []
        for x, y in ((right, MARGIN), (MARGIN, MARGIN), (right, bottom), (MARGIN, bottom)):
            stack = QRect(QPoint(x, y), QSize(self._width(), height))
            upwards = y == bottom
            for rect in sorted(rects, key=QRect.top, reverse=upwards):
                if stack.intersects(rect) and upwards:
                    stack.moveBottom(rect.top() - GAP)
                elif stack.intersects(rect):
                    stack.moveTop(rect.bottom() + GAP)
            if inside.contains(stack.adjusted(MARGIN, 0, -MARGIN, 0)):
                places.append(stack)
        if not places:
            return QPoint(right, MARGIN)
        return min(places, key=lambda stack: _area(stack.intersected(spoken_of))).topLeft()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and watched is self._parent:
            self._arrange(animate=False)
        return False


def _area(rect: QRect) -> int:
    return 0 if rect.isEmpty() else rect.width() * rect.height()
