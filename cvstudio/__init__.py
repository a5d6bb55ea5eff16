"""cvstudio: a laboratory for computer vision. This package never imports Qt, and importing it loads no network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["__version__", "open_media", "run"]

if TYPE_CHECKING:
    from cvstudio.api import run
    from cvstudio.media import open_media


def __getattr__(name: str) -> Any:
    if name == "run":
        from cvstudio.api import run

        return run
    if name == "open_media":
        from cvstudio.media import open_media

        return open_media
    raise AttributeError(f"module 'cvstudio' has no attribute '{name}'")
