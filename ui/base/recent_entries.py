"""Recent files, folders and projects as the first screen shows them, by their names alone."""

from __future__ import annotations

import itertools
import mimetypes
from collections.abc import Iterable
from pathlib import Path

PROJECT_SUFFIX = ".cvstudio"


def recent_entries(kinds: Iterable[tuple[Path, str]], most: int) -> list[tuple[str, str, str]]:
    """The first `most` that are not missing, each as (title, name of an icon, path as text).

    Parameters
    ----------
    kinds : each path and "folder", "file" or "missing"
    """
    existing = ((path, kind) for path, kind in kinds if kind != "missing")
    return [
        (path.name or str(path), "folder" if kind == "folder" else quick_icon(path), str(path))
        for path, kind in itertools.islice(existing, most)
    ]


def likely_kind(path: Path) -> str:
    """ "file" or "folder", as the name tells."""
    return "file" if path.suffix else "folder"


def quick_icon(path: Path) -> str:
    """Name of the icon of a file, without importing the formats, which takes long at the start."""
    if path.suffix == PROJECT_SUFFIX:
        return "cvstudio"
    kind = (mimetypes.guess_type(path.name)[0] or "").partition("/")[0]
    return {"image": "file-image", "video": "film", "audio": "audio-lines", "model": "box"}.get(kind, "file")
