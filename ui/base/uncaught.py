"""Errors that nobody has caught, wherever they happen: each is logged and told to the user, and the program goes on."""

from __future__ import annotations

import logging
import platform
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from PySide6.QtCore import QMessageLogContext, QObject, QtMsgType, Signal, qInstallMessageHandler, qVersion

import cvstudio

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

log = logging.getLogger("cvstudio")
qt_log = logging.getLogger("qt")

QUIET_SECS = 60.0
"""An error that happens again is told again once its place has been quiet for so long."""
MOST_PLACES = 1000
"""Places of errors that are remembered; beyond that all are forgotten, and told anew."""
LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}

MessageHandler = Callable[[QtMsgType, QMessageLogContext, str], object]


@dataclass(frozen=True)
class Uncaught:
    """An error for the user: one line, and everything that somebody who is to mend it needs."""

    summary: str
    details: str


class UncaughtErrors(QObject):
    """Stands behind every `except`: slots and event handlers of Qt, threads, and what cannot be raised, such as an
    error in a callback of a C library. What stood there before, such as a test's, is called as well.

    Signals
    -------
    happened : an `Uncaught`, from whatever thread it happened in; connect it queued, as a paint event may be under way
    """

    happened = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lock = threading.Lock()
        self._places: dict[tuple[object, ...], tuple[int, float]] = {}
        self._installed = False

    def install(self) -> None:
        """Begin to listen."""
        self._installed = True
        self._excepthook, self._threadhook, self._unraisablehook = (
            sys.excepthook,
            threading.excepthook,
            sys.unraisablehook,
        )
        sys.excepthook = self._raised
        threading.excepthook = self._raised_in_thread
        sys.unraisablehook = self._unraisable
        self._qt_handler: MessageHandler | None = qInstallMessageHandler(self._qt_message)

    def uninstall(self) -> None:
        """Put back what was there before; calling it again is harmless."""
        if self._installed:
            self._installed = False
            sys.excepthook = self._excepthook
            threading.excepthook = self._threadhook
            sys.unraisablehook = self._unraisablehook
            qInstallMessageHandler(self._qt_handler)

    def _raised(self, kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
        news = not issubclass(kind, Exception) or self._tell(error or kind(), trace, threading.current_thread().name)
        # The terminal is not flooded either; who else listens is told all.
        if news or self._excepthook is not sys.__excepthook__:
            self._excepthook(kind, error or kind(), trace)

    def _raised_in_thread(self, args: threading.ExceptHookArgs) -> None:
        name = args.thread.name if args.thread is not None else "a thread"
        error = args.exc_value or args.exc_type()
        # Whatever ends a thread is told, but for what is meant to.
        news = issubclass(args.exc_type, SystemExit) or self._tell(error, args.exc_traceback, name)
        if news or self._threadhook is not threading.__excepthook__:
            self._threadhook(args)

    def _unraisable(self, args: UnraisableHookArgs) -> None:
        error = args.exc_value or args.exc_type()
        where = f"{args.err_msg or 'Exception ignored in'}: {args.object!r}"
        if self._tell(error, args.exc_traceback, where) or self._unraisablehook is not sys.__unraisablehook__:
            self._unraisablehook(args)

    def _tell(self, error: BaseException, trace: TracebackType | None, where: str) -> bool:
        """Log the error and tell the user; False where it is one that has just been told."""
        last = traceback.extract_tb(trace)[-1:]
        place = (type(error), *((frame.filename, frame.lineno) for frame in last))
        now = time.monotonic()
        with self._lock:
            if len(self._places) >= MOST_PLACES:
                self._places.clear()
            count, before = self._places.get(place, (0, -QUIET_SECS))
            self._places[place] = count + 1, now
        if now - before < QUIET_SECS:
            if str(count + 1).strip("0") == "1":  # the 10th, the 100th, and so on
                log.error("%s at %s happened %d times", type(error).__name__, place[1:], count + 1)
            return False
        log.critical("uncaught error (%s)", where, exc_info=(type(error), error, trace))
        text = str(error).strip().split("\n")[0]
        summary = f"{type(error).__name__}: {text}" if text else type(error).__name__
        lines = "".join(traceback.format_exception(type(error), error, trace))
        self.happened.emit(Uncaught(summary, f"{lines}\nin {where}\n{versions()}\n"))
        return True

    def _qt_message(self, kind: QtMsgType, context: QMessageLogContext, text: str) -> None:
        qt_log.log(LEVELS.get(kind, logging.WARNING), "%s", text)
        if self._qt_handler is not None:
            self._qt_handler(kind, context, text)
        elif kind is not QtMsgType.QtDebugMsg:
            print(text, file=sys.stderr)


def versions() -> str:
    """What the program runs on, in one line."""
    python, system = platform.python_version(), platform.platform()
    return f"cvstudio {cvstudio.__version__}, Python {python}, Qt {qVersion()}, {system}"
