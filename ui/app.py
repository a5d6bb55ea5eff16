"""Starts the window: first the window, heavy imports after it."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from pathlib import Path

from ui import environment

environment.prepare()
# Nothing that is imported or built for the window is garbage, and looking for some costs a tenth of the start.
gc.disable()

from PySide6.QtCore import QTimer  # noqa: E402  (the environment has to be prepared first)
from PySide6.QtGui import QIcon  # noqa: E402
from PySide6.QtWidgets import QApplication  # noqa: E402

from cvstudio.foundation.paths import resource  # noqa: E402

STARTED_MS = 1000
"""By then the window is there and complete."""


def make_application(arguments: Sequence[str] = ()) -> QApplication:
    """The QApplication, set up as the window and the tests need it."""
    from ui.base.settings import Settings
    from ui.base.theme import apply_theme

    # A worker's Python code may hold the interpreter for one interval: less is a shorter wait for the window.
    sys.setswitchinterval(0.001)
    existing = QApplication.instance()
    # The style is chosen here, as asking for one makes a class with hundreds of names that the start can do without.
    given = [sys.argv[0], "-style", "fusion", *arguments]
    app = existing if isinstance(existing, QApplication) else QApplication(given)
    app.setApplicationName("cvstudio")
    app.setApplicationDisplayName("cvstudio")
    app.setOrganizationName("cvstudio")
    app.setDesktopFileName("cvstudio")
    app.setWindowIcon(QIcon(str(resource("icons", "cvstudio.svg"))))
    environment.after_application()
    apply_theme(app, Settings().text("theme", "system"))
    QTimer.singleShot(STARTED_MS, app, gc.enable)
    return app


def run_window(arguments: Sequence[str]) -> int:
    """Open the window on the given files and return the exit code."""
    import argparse

    parser = argparse.ArgumentParser(prog="cvstudio", description="Open the window on files, folders or a project.")
    parser.add_argument("files", nargs="*", type=Path)
    options = parser.parse_args(list(arguments))
    app = make_application()

    from ui.base.uncaught import UncaughtErrors
    from ui.crash_log import CrashLog
    from ui.window.main_window import MainWindow

    crash = CrashLog()
    crash.start()
    errors = UncaughtErrors()
    errors.install()
    window = MainWindow(late=True)
    window.tell_uncaught(errors)

    def begin() -> None:
        window.controller.warm_up()
        if options.files:
            window.open_paths(options.files)
        if crash.previous is not None:
            window.offer_log(crash.previous)

    window.completed.connect(begin)
    window.show()
    code = app.exec()
    errors.uninstall()
    crash.end()
    return code
