"""Paths of the bundled resources and of the user's cache, data and log folders."""

from __future__ import annotations

from functools import cache
from pathlib import Path

APP_NAME = "cvstudio"


@cache
def _root() -> Path:
    """The resources folder: inside an installed package, beside the package in a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "resources"
    return installed if installed.is_dir() else package.parent / "resources"


def resource(*parts: str) -> Path:
    """Path of a bundled file or folder, e.g. ``resource("icons", "play.svg")``.

    Raises
    ------
    FileNotFoundError
        The installation is incomplete.
    """
    path = _root().joinpath(*parts)
    if not path.exists():
        raise FileNotFoundError(f"cvstudio is installed incompletely: {path} is missing; install it again.")
    return path


def user_cache_dir() -> Path:
    """Folder of reproducible files (generated samples, thumbnails); not created here."""
    from platformdirs import user_cache_path

    return user_cache_path(APP_NAME, appauthor=False)


def user_data_dir() -> Path:
    """Folder of the user's entries, such as the list of custom models; not created here."""
    from platformdirs import user_data_path

    return user_data_path(APP_NAME, appauthor=False)


def user_log_dir() -> Path:
    """Folder of log files; not created here."""
    from platformdirs import user_log_path

    return user_log_path(APP_NAME, appauthor=False)
