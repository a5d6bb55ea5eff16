"""Starts the window: first the window, heavy imports after it."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from pathlib import Path

from ui import environment

environment.prepare()

from PySide6.QtCore import QTimer  # noqa: E402  (the environment has to be prepared first)
from PySide6.QtGui import QIcon  # noqa: E402
from PySide6.QtWidgets import QApplication  # noqa: E402

from cvstudio.resources import resource  # noqa: E402


def make_application(arguments: Sequence[str] = ()) -> QApplication:
    """The QApplication, set up as the window and the tests need it."""
    from ui.settings import Settings
    from ui.theme import apply_theme

    # Nothing that is imported or built for the window is garbage, and looking for some costs a tenth of the start.
    gc.disable()
    # A worker's Python code may hold the interpreter for one interval: less is a shorter wait for the window.
    sys.setswitchinterval(0.001)
    existing = QApplication.instance()
    app = existing if isinstance(existing, QApplication) else QApplication([sys.argv[0], *arguments])
    app.setApplicationName("cvstudio")
    app.setApplicationDisplayName("cvstudio")
    app.setOrganizationName("cvstudio")
    app.setDesktopFileName("cvstudio")
    app.setWindowIcon(QIcon(str(resource("icons", "cvstudio.svg"))))
    environment.after_application()
    apply_theme(app, Settings().text("theme", "system"))
    QTimer.singleShot(0, app, gc.enable)
    return app


def run_window(arguments: Sequence[str]) -> int:
    """Open the window on the given files and return the exit code."""
    import argparse

    parser = argparse.ArgumentParser(prog="cvstudio", description="Open the window on files, folders or a project.")
    parser.add_argument("files", nargs="*", type=Path)
    options = parser.parse_args(list(arguments))
    app = make_application()

    from ui.crash_log import CrashLog
    from ui.main_window import MainWindow

    crash = CrashLog()
    crash.start()
    window = MainWindow()
    window.show()
    QTimer.singleShot(0, window, window.controller.warm_up)
    if options.files:
        window.open_paths(options.files)
    if crash.previous is not None:
        QTimer.singleShot(0, window, lambda: window.offer_log(crash.previous))
    code = app.exec()
    crash.end()
    return code
