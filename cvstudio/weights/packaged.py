"""Weights that an installed Python package carries."""

from __future__ import annotations

import os
from importlib import metadata
from pathlib import Path

from cvstudio.weights.declaration import PackagedFile


def packaged_path(file: PackagedFile) -> Path | None:
    """Path of the file in the installed package, unverified; None where the package or the file is missing."""
    try:
        path = Path(str(metadata.distribution(file.package).locate_file(file.path)))
    except metadata.PackageNotFoundError:
        return None
    # In a folder that may not be searched it is missing, too; `Path.is_file` would raise an error.
    return path if os.path.isfile(path) else None
