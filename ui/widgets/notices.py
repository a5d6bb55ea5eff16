"""Short messages that slide in at the top right, name the remedy and leave by themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from PySide6.QtCore import QEasingCurve, QEvent, QObject, QPoint, QPropertyAnimation, Qt, QTimer
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
# Errors stay until they are dismissed: they name what the user has to do.
STAY_MS = {"info": 5000, "warning": 9000}
LOOK = {"info": ("info", "link"), "warning": ("triangle-alert", "warning"), "error": ("circle-alert", "error")}


class Notice(QFrame):
    """One message."""

    def __init__(self, parent: QWidget, level: str, text: str, action: str, run: Callable[[], object] | None) -> None:
        super().__init__(parent)
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
        """Begin again to wait before leaving."""
        if self.level in STAY_MS:
            self.timer.start(STAY_MS[self.level])

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
    """Stacks notices over `parent`, the newest on top, at most three."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._parent = parent
        self._shown: list[Notice] = []
        parent.installEventFilter(self)

    @property
    def shown(self) -> tuple[Notice, ...]:
        """What is on screen, the newest first."""
        return tuple(self._shown)

    def post(
        self,
        level: str,
        text: str,
        *,
        action: str = "",
        run: Callable[[], object] | None = None,
        instead_of: str = "",
    ) -> None:
        """Show a message; the same text that is still there only stays longer.

        Parameters
        ----------
        level : "info", "warning" or "error"
        text : one sentence
        action, run : title of a button, and what it does
        instead_of : text of a message that goes: this one says it better

        Raises
        ------
        KeyError
            The level is another.
        """
        if instead_of:
            self.withdraw(instead_of)
        for old in self._shown:
            if (old.level, old.text) == (level, text):
                old.count_down()
                return
        notice = Notice(self._parent, level, text, action, run)
        notice.dismiss.clicked.connect(lambda: self._remove(notice))
        self._shown.insert(0, notice)
        while len(self._shown) > MOST:
            passing = [item for item in self._shown[1:] if item.level != "error"]
            self._remove((passing or self._shown)[-1])
        notice.setFixedWidth(self._width())
        notice.adjustSize()
        notice.move(self._parent.width(), MARGIN)
        notice.show()
        notice.raise_()
        self._arrange(animate=True)
        QAccessible.updateAccessibility(QAccessibleEvent(notice, QAccessible.Event.Alert))

    def withdraw(self, text: str) -> None:
        """Take a message away: it no longer holds."""
        for notice in [item for item in self._shown if item.text == text]:
            self._remove(notice)

    def dismiss_newest(self) -> bool:
        """Take the newest away; False where there is none."""
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
        y = MARGIN
        for notice in self._shown:
            notice.setFixedWidth(self._width())
            notice.setFixedHeight(max(notice.heightForWidth(self._width()), 44))
            place = QPoint(self._parent.width() - self._width() - MARGIN, y)
            notice.slide.stop()
            if animate:
                notice.slide.setStartValue(notice.pos())
                notice.slide.setEndValue(place)
                notice.slide.start()
            else:
                notice.move(place)
            y += notice.height() + GAP

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and watched is self._parent:
            self._arrange(animate=False)
        return False
