"""Environment of the process before Qt starts: settings that other libraries leave behind are undone.

PySide6 reads the source of each module that is imported after it, which took a twentieth of the start. So the parts of
the core that the window's first picture needs are imported here, before Qt.
"""

from __future__ import annotations

import os
from pathlib import Path

import cvstudio.media.camera
import cvstudio.media.playback.player
import cvstudio.media.thumbnails
import cvstudio.models.inspection.tuning_process
import cvstudio.models.runtime.host
import cvstudio.session.browsing
import cvstudio.session.label_edits
import cvstudio.session.labelled_sets
import cvstudio.session.resolve  # noqa: F401
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


def after_application() -> None:
    """Raise Qt's limit of 256 MB for an image: ours may have 200 MP. Call once the QApplication exists."""
    from PySide6.QtGui import QImageReader

    prepare()  # for child processes, where cv2 was imported in between
    QImageReader.setAllocationLimit(ALLOCATION_LIMIT_MB)
