"""Uncaught errors of any thread: each is logged and reported to the user, and the program continues."""

from __future__ import annotations

import logging
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
"""Seconds without an error at a place after which the next one there is reported again."""
MOST_PLACES = 1000
"""Maximum number of remembered places of errors; beyond it, all are forgotten and reported again."""
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
    """Report of an error: `summary` on one line, and `details` for a bug report (traceback, place, versions)."""

    summary: str
    details: str


class UncaughtErrors(QObject):
    """Handler of errors that no `except` caught: in slots and event handlers of Qt, in threads, and unraisable
    ones, such as in a callback of a C library. Handlers that were installed before, such as a test's, are called, too.

    Signals
    -------
    happened : an `Uncaught`, emitted in the thread of the error; connect it queued, as a paint event may be running
    """

    happened = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lock = threading.Lock()
        self._places: dict[tuple[object, ...], tuple[int, float]] = {}
        self._installed = False

    def install(self) -> None:
        """Replace the hooks of Python and Qt."""
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
        """Restore the previous hooks; another call is harmless."""
        if self._installed:
            self._installed = False
            sys.excepthook = self._excepthook
            threading.excepthook = self._threadhook
            sys.unraisablehook = self._unraisablehook
            qInstallMessageHandler(self._qt_handler)

    def _raised(self, kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
        news = not issubclass(kind, Exception) or self._report(error or kind(), trace, threading.current_thread().name)
        # Repeated errors do not flood the terminal either, but another hook, such as a debugger's, gets all.
        if news or self._excepthook is not sys.__excepthook__:
            self._excepthook(kind, error or kind(), trace)

    def _raised_in_thread(self, args: threading.ExceptHookArgs) -> None:
        name = args.thread.name if args.thread is not None else "a thread"
        error = args.exc_value or args.exc_type()
        # Any error that ends a thread is reported, except SystemExit, which is meant to.
        news = issubclass(args.exc_type, SystemExit) or self._report(error, args.exc_traceback, name)
        if news or self._threadhook is not threading.__excepthook__:
            self._threadhook(args)

    def _unraisable(self, args: UnraisableHookArgs) -> None:
        error = args.exc_value or args.exc_type()
        where = f"{args.err_msg or 'Exception ignored in'}: {args.object!r}"
        if self._report(error, args.exc_traceback, where) or self._unraisablehook is not sys.__unraisablehook__:
            self._unraisablehook(args)

    def _report(self, error: BaseException, trace: TracebackType | None, where: str) -> bool:
        """Log the error and emit `happened`; False for one that was reported a short time ago."""
        innermost = traceback.extract_tb(trace)[-1:]
        place = (type(error), *((frame.filename, frame.lineno) for frame in innermost))
        now_secs = time.monotonic()
        with self._lock:
            if len(self._places) >= MOST_PLACES:
                self._places.clear()
            count, last_secs = self._places.get(place, (0, -QUIET_SECS))
            self._places[place] = count + 1, now_secs
        if now_secs - last_secs < QUIET_SECS:
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
    """Versions of cvstudio, Python and Qt, and the operating system, on one line."""
    import platform

    python, system = platform.python_version(), platform.platform()
    return f"cvstudio {cvstudio.__version__}, Python {python}, Qt {qVersion()}, {system}"
