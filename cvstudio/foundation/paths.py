"""Where the program's own files lie, and where it may write."""

from __future__ import annotations

from functools import cache
from pathlib import Path

APP_NAME = "cvstudio"


@cache
def _root() -> Path:
    """The folder of resources: inside the package where it was installed, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "resources"
    return installed if installed.is_dir() else package.parent / "resources"


def resource(*parts: str) -> Path:
    """Path of a file or folder that comes with the program, e.g. ``resource("icons", "play.svg")``.

    Raises
    ------
    FileNotFoundError
        The installation lacks it.
    """
    path = _root().joinpath(*parts)
    if not path.exists():
        raise FileNotFoundError(f"cvstudio is installed incompletely: {path} is missing; install it again.")
    return path


def user_cache_dir() -> Path:
    """Folder for what can be made again (generated samples, thumbnails); not created here."""
    from platformdirs import user_cache_path

    return user_cache_path(APP_NAME, appauthor=False)


def user_data_dir() -> Path:
    """Folder for what the user has put in, such as the list of own models; not created here."""
    from platformdirs import user_data_path

    return user_data_path(APP_NAME, appauthor=False)


def user_log_dir() -> Path:
    """Folder for logs; not created here."""
    from platformdirs import user_log_path

    return user_log_path(APP_NAME, appauthor=False)
