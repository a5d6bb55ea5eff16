"""Start of the window: it is shown first, and heavy imports follow."""

from __future__ import annotations

import gc
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

# Nothing that is imported or built for the window is garbage, and the search for it takes a tenth of the start.
gc.disable()

from cvstudio.foundation.late_import import import_when_used  # noqa: E402

import_when_used("numpy")

from ui import environment  # noqa: E402  (it imports much)

environment.prepare()
environment.import_as_ever()

from PySide6.QtCore import QTimer  # noqa: E402  (the environment has to be prepared first)
from PySide6.QtGui import QIcon  # noqa: E402
from PySide6.QtWidgets import QApplication, QWidget  # noqa: E402
from shiboken6 import isValid  # noqa: E402

from cvstudio.foundation.paths import resource  # noqa: E402

if TYPE_CHECKING:
    from ui.base.keys import ShortcutsWhileTyping

STARTED_MS = 1000
"""Milliseconds after which the window is complete and garbage collection begins."""

ENDING_SECS = 0.5
"""Longest time that is waited for threads that have been told to end, where something was copied."""
TEXT_FIELDS = ("QLineEdit", "QAbstractSpinBox", "QPlainTextEdit", "QTextEdit")
"""Classes of widgets in which text is typed, by name: importing them takes time, and the first picture has none."""


def make_application(arguments: Sequence[str] = (), *, collect: Callable[[], object] = gc.enable) -> QApplication:
    """Create the QApplication, or take the existing one, and set name, icon and theme.

    Parameters
    ----------
    arguments : further command line arguments for Qt
    collect : begins to collect garbage, once the window is complete
    """
    from ui.base.keys import ShortcutsWhileTyping
    from ui.base.settings import Settings
    from ui.base.theme import apply_theme
    from ui.base.translate import use_language

    # A worker's Python code may hold the interpreter for one interval: a short one keeps the window responsive.
    sys.setswitchinterval(0.001)
    use_language()
    existing = QApplication.instance()
    # The style is set by an argument: `QStyleFactory` would create a class with hundreds of names, which costs time.
    qt_arguments = [sys.argv[0], "-style", "fusion", *arguments]
    app = existing if isinstance(existing, QApplication) else QApplication(qt_arguments)
    app.setApplicationName("cvstudio")
    app.setApplicationDisplayName("cvstudio")
    app.setOrganizationName("cvstudio")
    app.setDesktopFileName("cvstudio")
    app.setWindowIcon(QIcon(str(resource("icons", "cvstudio.svg"))))
    environment.after_application()
    apply_theme(app, Settings().text("theme", "system"))
    app.focusChanged.connect(_dress)
    typing = ShortcutsWhileTyping(app)
    app.focusChanged.connect(lambda old, new: _filter_typing(typing, old, new))
    QTimer.singleShot(STARTED_MS, app, collect)
    return app


def _filter_typing(typing: ShortcutsWhileTyping, old: QWidget | None, new: QWidget | None) -> None:
    """Let the window's shortcuts work in the text field that has the focus."""
    # Only there, as a filter of the application would be called for each of its events.
    if isinstance(old, QWidget) and isValid(old):
        old.removeEventFilter(typing)
    if isinstance(new, QWidget) and any(new.inherits(name) for name in TEXT_FIELDS):
        new.installEventFilter(typing)


def _dress(old: QWidget | None, new: QWidget | None) -> None:
    """Give a file dialog the program's icons once it has the focus; those of static functions are reached only then."""
    if isinstance(new, QWidget) and new.window().inherits("QFileDialog"):
        from ui.base.dialog_icons import dress

        dress(new.window())


def run_window(arguments: Sequence[str]) -> NoReturn:
    """Open the window on the files in `arguments`, run it until it is closed, and end the process."""
    files = _files(arguments) if arguments else []  # the parser takes a hundredth of the start
    from ui.base.garbage import MainThreadGarbage

    garbage = MainThreadGarbage()
    app = make_application(collect=garbage.start)

    from ui.base.uncaught import UncaughtErrors
    from ui.crash_log import CrashLog
    from ui.window.main_window import MainWindow

    crash = CrashLog()
    crash.start()
    errors = UncaughtErrors()
    errors.install()
    window = MainWindow(late=True)
    window.process_ends = True
    window.tell_uncaught(errors)
    # What a closed window leaves is not worth collecting.
    garbage.busy = lambda: window.controller.playback.playing or window.closed

    def begin() -> None:
        crash.rotate()
        window.controller.warm_up()
        if files:
            window.open_paths(files)
        window.offer_unfinished()
        if crash.previous is not None:
            window.offer_log(crash.previous)

    window.completed.connect(begin)
    window.show()
    code = app.exec()
    errors.uninstall()
    crash.end()
    end_process(app, code)


def _files(arguments: Sequence[str]) -> list[Path]:
    import argparse

    parser = argparse.ArgumentParser(prog="cvstudio", description="Open the window on files, folders or a project.")
    parser.add_argument("files", nargs="*", type=Path)
    files: list[Path] = parser.parse_args(list(arguments)).files
    return files


def _at_work() -> bool:
    """Whether a thread of the program is in the middle of something; those that are ending are given a moment."""
    end = time.monotonic() + ENDING_SECS
    while any(thread.name.startswith("cvstudio-") for thread in threading.enumerate()):
        if time.monotonic() > end:
            return True
        time.sleep(0.01)
    return False


def end_process(app: QApplication, code: int) -> NoReturn:
    """End the process at once, without taking apart what it has loaded: with torch that takes up to ten seconds.

    The window has stopped all work by now; a thread may still be in the middle of something that cannot be interrupted,
    such as the import of a library or the compression of a large picture. Settings and the log are on disk. What else
    would be done at the end of a process, such as the removal of temporary files, is done here.
    """
    from cvstudio.foundation.atomic_files import remove_unfinished
    from ui.base.theme import remove_files

    remove_files()
    if app.clipboard().ownsClipboard() and not _at_work():
        app.shutdown()  # what was copied goes to the desktop, where that keeps it
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # a program without a console has none
            stream.flush()
    remove_unfinished()
    os._exit(code)
