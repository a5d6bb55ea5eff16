"""cvstudio: a laboratory for computer vision. This package never imports Qt, and importing it loads no network."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from cvstudio.foundation.version import __version__

# OpenCV reads this once, when it is imported, and nothing here imports it earlier than this.
os.environ.setdefault("OPENCV_IO_ENABLE_OPENEXR", "1")

__all__ = ["__version__", "evaluate", "open_media", "run"]

if TYPE_CHECKING:
    from cvstudio.evaluation.evaluate import evaluate
    from cvstudio.media import open_media
    from cvstudio.running.runner import run


def __getattr__(name: str) -> Any:
    if name == "run":
        from cvstudio.running.runner import run

        return run
    if name == "evaluate":
        from cvstudio.evaluation.evaluate import evaluate

        return evaluate
    if name == "open_media":
        from cvstudio.media import open_media

        return open_media
    raise AttributeError(f"module 'cvstudio' has no attribute '{name}'")
