"""Settings of the window, kept between sessions. A damaged settings file never prevents the start."""

from __future__ import annotations

import logging
import os
import re
import sysconfig
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from PySide6.QtCore import QByteArray, QLockFile, QSettings, QStandardPaths
from PySide6.QtWidgets import QMainWindow

import cvstudio
from cvstudio.foundation.paths import resource, user_cache_dir, user_data_dir, user_log_dir

log = logging.getLogger(__name__)
MAX_RECENT = 16
LAYOUT_VERSION = 3
LOCK_MS, STALE_MS = 2000, 5000
"""Longest wait for another program that changes the settings, and the age from which its lock counts as left over."""
_BYTES = "bytes:"
_SURROGATE = re.compile("[\udc80-\udcff]")
CACHE_MB, MIN_CACHE_MB, MAX_CACHE_MB = 1024, 128, 16384
"""Memory for the outputs of stages in MB: the default, the least and the most."""


class Settings:
    """Typed access to the settings; an unreadable value counts as not set."""

    def __init__(self) -> None:
        self._store = QSettings(QSettings.Format.IniFormat, QSettings.Scope.UserScope, "cvstudio", "cvstudio")
        if self._store.status() != QSettings.Status.NoError:
            log.warning("the settings file %s is damaged and is not used", self._store.fileName())
            self._store.clear()

    def text(self, key: str, default: str) -> str:
        value = self._value(key)
        return _restored(value) if isinstance(value, str) else default

    def set(self, key: str, value: Any) -> None:
        if isinstance(value, str):
            value = _stored(value)
        elif isinstance(value, list):
            value = [_stored(item) if isinstance(item, str) else item for item in value]
        self._store.setValue(key, value)

    @property
    def cache_mb(self) -> int:
        """Memory for the outputs of stages, in MB."""
        try:
            value = int(self.text("cache-mb", str(CACHE_MB)))
        except ValueError:
            return CACHE_MB
        return min(max(value, MIN_CACHE_MB), MAX_CACHE_MB)

    @property
    def recent(self) -> list[str]:
        """Paths that were opened last, the newest first, also by another program that runs beside this one."""
        self._store.sync()
        return self._texts("recent")

    @property
    def recent_commands(self) -> list[str]:
        """Keys of the commands used from the palette, the most recent first."""
        return self._texts("recent-commands")

    def add_recent_command(self, key: str) -> None:
        self._change("recent-commands", lambda keys: [key, *(item for item in keys if item != key)])

    def _texts(self, key: str) -> list[str]:
        value = self._value(key)
        items = [value] if isinstance(value, str) else value
        return [_restored(item) for item in items if isinstance(item, str)] if isinstance(items, list) else []

    def add_recent(self, *paths: str) -> None:
        """Insert `paths`, in their order, at the top of the list of recent paths."""
        self._change("recent", lambda known: [*dict.fromkeys((*paths[:MAX_RECENT], *known))])

    def forget_recent(self, paths: Collection[str]) -> None:
        """Remove paths from the list of recent ones."""
        self._change("recent", lambda known: [path for path in known if path not in paths])

    def clear_recent(self) -> None:
        self._change("recent", lambda known: [])

    def _change(self, key: str, change: Callable[[list[str]], list[str]]) -> None:
        """Change a list as it is in the file now: another program that runs beside this one adds to it, too."""
        lock = QLockFile(f"{self._store.fileName()}.lists.lock")
        lock.setStaleLockTime(STALE_MS)
        # A file system without locks must not hold up the window.
        locked = lock.tryLock(LOCK_MS)
        self._store.sync()
        self.set(key, change(self._texts(key))[:MAX_RECENT])
        self._store.sync()
        if locked:
            lock.unlock()

    def save_window(self, window: QMainWindow) -> None:
        """Keep the geometry of the window and the layout of its docks, to be written by `write`."""
        self.set("window/geometry", window.saveGeometry())
        self.set("window/layout", window.saveState(LAYOUT_VERSION))

    def write(self) -> None:
        """Write what was set to the file."""
        self._store.sync()

    @property
    def has_window(self) -> bool:
        """Whether a geometry and a layout of the window are stored, readable or not."""
        return all(isinstance(self._value(f"window/{name}"), QByteArray) for name in ("geometry", "layout"))

    def restore_window(self, window: QMainWindow) -> bool:
        """Restore the geometry of the window and the layout of its docks; False where none is stored."""
        if not self.has_window:
            return False
        geometry, layout = self._value("window/geometry"), self._value("window/layout")
        return window.restoreGeometry(geometry) and window.restoreState(layout, LAYOUT_VERSION)

    def _value(self, key: str) -> Any:
        try:
            return self._store.value(key)
        except Exception:  # Qt cannot decode the entry: the file was edited or torn
            log.warning("the setting '%s' cannot be read", key)
            return None


def _stored(text: str) -> str:
    """`text` as Qt keeps it: bytes of a path that are not UTF-8, which Python has as lone surrogates, would be lost."""
    return _BYTES + quote(os.fsencode(text)) if _SURROGATE.search(text) or text.startswith(_BYTES) else text


def _restored(text: str) -> str:
    return os.fsdecode(unquote_to_bytes(text.removeprefix(_BYTES))) if text.startswith(_BYTES) else text


def first_folder(*places: str) -> str:
    """The first of `places` that is an existing folder of the user, else the home folder.

    A file dialog that is given a missing folder takes its name for that of a file; and what is saved among the
    program's own files, such as its samples, is lost with them.
    """
    return next((place for place in places if place and os.path.isdir(place) and not _is_own(place)), str(Path.home()))


def pictures_folder() -> str:
    """The user's folder of pictures, which may be missing."""
    return QStandardPaths.writableLocation(QStandardPaths.StandardLocation.PicturesLocation)


def downloads_folder() -> str:
    """The user's folder of downloads, which may be missing."""
    return QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DownloadLocation)


def videos_folder() -> str:
    """The user's folder of videos, which may be missing."""
    return QStandardPaths.writableLocation(QStandardPaths.StandardLocation.MoviesLocation)


def _is_own(place: str) -> bool:
    """Whether a folder belongs to the program: its installation, samples, caches or data."""
    installed = (resource(), Path(cvstudio.__file__).parent, Path(sysconfig.get_path("purelib")))
    path = Path(place).resolve()
    own = (*installed, user_cache_dir(), user_data_dir(), user_log_dir())
    return any(path.is_relative_to(folder.resolve()) for folder in own)
