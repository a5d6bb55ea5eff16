"""Weights that an installed Python package carries."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from cvstudio.weights.declaration import PackagedFile


def packaged_path(file: PackagedFile) -> Path | None:
    """Path of the file in the installed package, unverified; None where the package or the file is missing."""
    try:
        path = Path(str(metadata.distribution(file.package).locate_file(file.path)))
    except metadata.PackageNotFoundError:
        return None
    return path if path.is_file() else None
