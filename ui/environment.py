"""What the process needs before Qt starts: other libraries leave settings behind that break it."""

from __future__ import annotations

import os
from pathlib import Path

from cvstudio.models.runtime.cpu_threads import let_waiting_threads_sleep

QT_VARIABLES = ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR")
ALLOCATION_LIMIT_MB = 1024


def prepare() -> None:
    """Call before the QApplication is made; calling it again is harmless.

    ``import cv2`` points Qt at the plugins and fonts of its own Qt 5, with which PySide6 cannot start. Only those
    two settings are undone: a plugin path that the user set stays.
    """
    let_waiting_threads_sleep()
    for name in QT_VARIABLES:
        if "cv2" in Path(os.environ.get(name, "")).parts:
            del os.environ[name]


def after_application() -> None:
    """Call once the QApplication is there: Qt refuses pictures over 256 MB unless told, and ours may have 200 MP."""
    from PySide6.QtGui import QImageReader

    prepare()  # for child processes, where cv2 was imported in between
    QImageReader.setAllocationLimit(ALLOCATION_LIMIT_MB)
