"""Quitting: from dialogs too, and while work is going on: wait for it, quit now, or stay."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ui.control.long_work import LongWork
from ui.widgets.elided_label import ElidedLabel

WIDTH = 460


class QuitDialog(QDialog):
    """Lists the work that is going on, with its progress, and asks what becomes of it.

    Parameters
    ----------
    may_leave : asks about what would be lost by quitting, and answers whether the user goes on

    Signals
    -------
    now : the user wants to quit without waiting
    waited : the user wanted to wait, and all work has ended
    """

    now = Signal()
    waited = Signal()

    def __init__(self, window: QWidget, work: LongWork, may_leave: Callable[[], bool]) -> None:
        super().__init__(window)
        self.setWindowTitle(self.tr("Quit"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(WIDTH)
        self._work = work
        self._may_leave = may_leave
        self._waiting = False
        self._asking = False
        self._answered = False
        self._rows: list[tuple[ElidedLabel, QProgressBar]] = []
        self.text = QLabel()
        self.text.setWordWrap(True)
        self._list = QGridLayout()
        self._list.setSpacing(4)
        self.wait_button = QPushButton(self.tr("Wait and quit"))
        self.wait_button.setDefault(True)
        self.wait_button.clicked.connect(self.wait)
        self.now_button = QPushButton(self.tr("Quit now"))
        self.now_button.setToolTip(self.tr("Stops the work; you can resume it at the next start"))
        self.now_button.setAutoDefault(False)
        self.now_button.clicked.connect(self._quit_now)
        self.stay_button = QPushButton(self.tr("Stay"))
        self.stay_button.setAutoDefault(False)
        self.stay_button.clicked.connect(self.reject)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addStretch(1)
        for button in (self.wait_button, self.now_button, self.stay_button):
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(12)
        layout.addWidget(self.text)
        layout.addLayout(self._list)
        layout.addSpacing(4)
        layout.addLayout(buttons)
        work.changed.connect(self._update)
        work.failed.connect(self._failed)
        self._update()

    def wait(self) -> None:
        """Quit when all work has ended; what goes on until it is told to end, such as a recording, is ended.

        What would be lost is asked about first: at the end nobody may be there to answer.
        """
        self._asking = True
        try:
            self._waiting = self._may_leave()
        finally:
            self._asking = False
        if not self._waiting:
            self._update()
            return
        for work in self._work.work:
            if work.finish is not None:
                work.finish()
        self._update()

    def done(self, result: int) -> None:
        """Close the dialog, with whatever answer."""
        self._answered = True
        super().done(result)

    def _quit_now(self) -> None:
        self.accept()
        self.now.emit()

    def _failed(self) -> None:
        """Stay: the user has to see what went wrong."""
        if self._waiting:
            self.reject()

    def _update(self) -> None:
        if self._answered or self._asking:
            return
        going_on = self._work.work
        if not going_on:
            # Nothing is left to ask about.
            waited = self._waiting
            self.accept()
            if waited:
                self.waited.emit()
            return
        waiting = self.tr("cvstudio will quit when this is done.")
        self.text.setText(waiting if self._waiting else self.tr("cvstudio is still working. Wait until it is done?"))
        self.wait_button.setVisible(not self._waiting)
        while len(self._rows) < len(going_on):
            self._add_row()
        for number, (label, bar) in enumerate(self._rows):
            shown = number < len(going_on)
            label.setVisible(shown)
            bar.setVisible(shown)
            if shown:
                work = going_on[number]
                label.setText(f"{work.title} · {work.message}" if work.message else work.title)
                bar.setMaximum(0 if work.fraction is None else 1000)
                bar.setValue(round((work.fraction or 0.0) * 1000))

    def _add_row(self) -> None:
        label, bar = ElidedLabel(), QProgressBar(textVisible=False)
        bar.setFixedHeight(4)
        row = 2 * len(self._rows)
        self._list.addWidget(label, row, 0)
        self._list.addWidget(bar, row + 1, 0)
        self._rows.append((label, bar))


class QuitGuard(QObject):
    """Asks before a window closes while work is going on, or where something would be lost.

    Parameters
    ----------
    window : is closed when the work has ended, or at once where the user wants that
    may_leave : asks about what would be lost by closing, and answers whether the user goes on
    """

    def __init__(self, window: QWidget, work: LongWork, may_leave: Callable[[], bool]) -> None:
        super().__init__(window)
        self._window = window
        self._work = work
        self._may_leave = may_leave
        self._waited = False
        self.quits_now = False
        """Whether the user does not wait for the work that is going on."""
        self.dialog: QuitDialog | None = None

    def may_close(self) -> bool:
        """Whether the window may close now; otherwise the user is asked, and the window is closed afterwards."""
        if not self._work.work or self.quits_now:
            return self._waited or self._may_leave()
        if self.dialog is None:
            self.dialog = QuitDialog(self._window, self._work, self._may_leave)
            self.dialog.now.connect(self._now)
            self.dialog.waited.connect(self._close_after_work)
            self.dialog.finished.connect(lambda _: setattr(self, "dialog", None))
            self.dialog.open()
        else:
            self.dialog.raise_()
        return False

    def stay(self) -> None:
        """Ask again the next time: the window stays open after all."""
        self.quits_now = False

    def _close_after_work(self) -> None:
        # What would be lost was asked about before.
        self._waited = True
        self._window.close()
        self._waited = False

    def _now(self) -> None:
        self.quits_now = True
        self._window.close()


class QuitKey(QObject):
    """Lets the keys that quit do so in the window's dialogs, too, which the shortcuts of the window do not reach.

    Dialogs are closed first, as with Escape; one that stays open keeps the window open.

    Parameters
    ----------
    window : is closed
    keys : key sequences that quit
    """

    NAME = "quit-key"

    def __init__(self, window: QWidget, keys: Sequence[str]) -> None:
        super().__init__(window)
        self._window = window
        self._keys = [QKeySequence(text) for text in keys]
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        # A dialog of Qt's own is reached only once it has the focus.
        app.focusChanged.connect(self._reach)

    def quit(self) -> None:
        """Close the dialogs that are open, those of other dialogs first, and then the window."""
        dialogs = [item for item in QApplication.topLevelWidgets() if isinstance(item, QDialog) and item.isVisible()]
        own = [dialog for dialog in dialogs if self._depth(dialog)]
        for dialog in sorted(own, key=self._depth, reverse=True):
            dialog.close()
            if dialog.isVisible():
                return
        # A dialog that was waited for has to return first.
        QTimer.singleShot(0, self._window, self._window.close)

    def _reach(self, old: QWidget | None, new: QWidget | None) -> None:
        dialog = new.window() if isinstance(new, QWidget) else None
        if not isinstance(dialog, QDialog) or isinstance(dialog, QuitDialog) or not self._depth(dialog):
            return
        if dialog.findChild(QShortcut, self.NAME) is None:
            for keys in self._keys:
                QShortcut(keys, dialog, self.quit).setObjectName(self.NAME)

    def _depth(self, dialog: QWidget) -> int:
        """How many parents stand between a dialog and the window, itself included; 0 for one of another window."""
        parent: QWidget | None = dialog
        depth = 0
        while parent is not None and parent is not self._window:
            parent, depth = parent.parentWidget(), depth + 1
        return depth if parent is not None else 0
