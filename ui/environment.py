"""Environment of the process before Qt starts: settings that other libraries leave behind are undone."""

from __future__ import annotations

import builtins
import os
from pathlib import Path

from cvstudio.models.runtime.cpu_threads import let_waiting_threads_sleep

QT_VARIABLES = ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR")
ALLOCATION_LIMIT_MB = 1024


def prepare() -> None:
    """Undo OpenCV's settings for Qt. Call before the QApplication is created; another call is harmless.

    ``import cv2`` points Qt to the plugins and fonts of its own Qt 5, with which PySide6 cannot start. Only those
    two variables are removed: a plugin path that the user has set stays.
    """
    let_waiting_threads_sleep()
    for name in QT_VARIABLES:
        if "cv2" in Path(os.environ.get(name, "")).parts:
            del os.environ[name]


def import_as_ever() -> None:
    """Import Qt, and undo what PySide6 does to the import of every module: it reads the source, also of torch's many.

    It looks there for its optional features, such as names in snake case, none of which the program uses.
    """
    import PySide6.QtCore  # noqa: F401

    builtins.__import__ = getattr(builtins, "__orig_import__", builtins.__import__)


def after_application() -> None:
    """Raise Qt's limit of 256 MB for an image: ours may have 200 MP. Call once the QApplication exists."""
    from PySide6.QtGui import QImageReader

    prepare()  # for child processes, where cv2 was imported in between
    QImageReader.setAllocationLimit(ALLOCATION_LIMIT_MB)
