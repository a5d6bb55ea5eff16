"""Cache of thumbnails on disk: one SQLite file of bounded size in the user's cache folder."""

from __future__ import annotations

import json
import logging
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from cvstudio.data.geometry import Size, readonly
from cvstudio.foundation.closing import Closeable
from cvstudio.foundation.paths import user_cache_dir
from cvstudio.media import MediaKind
from cvstudio.media.thumbnails import Stamp, Thumbnail, make_thumbnail

log = logging.getLogger(__name__)

BUDGET_BYTES = 256 << 20
_VERSION = 1
"""Incremented with every change of the stored form; a file of another version is replaced."""

_QUALITY = 88
_TRIM_EVERY = 256
_WAIT_SECS = 2.0


class ThumbnailCache(Closeable):
    """Thumbnails by path and stamp, for one thread; several windows may share the file.

    A database because it writes an entry entirely or not at all, finds the oldest entries without listing a folder, and
    holds ten thousand of them in one file. Its errors are logged and thumbnails then made each time: a cache must
    never keep a user from a file.

    Parameters
    ----------
    path : of the database; None for the one in the user's cache folder
    budget_bytes : most bytes of pictures in it; the least recently used are deleted first
    """

    def __init__(self, path: Path | None = None, *, budget_bytes: int = BUDGET_BYTES) -> None:
        self._path = path or user_cache_dir() / "thumbnails.sqlite"
        self._budget_bytes = budget_bytes
        self._writes = 0
        self._base = self._open() or self._recreate()

    def thumbnail(self, path: Path, stamp: Stamp, read_as: str = "") -> Thumbnail:
        """The thumbnail of a file, from the cache or newly made; `read_as` is that of `make_thumbnail`.

        Raises MediaError.
        """
        # A NUL stands in no path.
        key = f"{path}\0{read_as}" if read_as else str(path)
        thumbnail = self._get(key, stamp)
        if thumbnail is None:
            thumbnail = make_thumbnail(path, read_as)
            self._put(key, stamp, thumbnail)
        return thumbnail

    def close(self) -> None:
        if self._base is not None:
            with suppress(sqlite3.Error):
                self._trim()
            self._base.close()
            self._base = None

    def _open(self) -> sqlite3.Connection | None:
        connection = None
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self._path, timeout=_WAIT_SECS, isolation_level=None)
            if connection.execute("PRAGMA user_version").fetchone()[0] not in (0, _VERSION):
                raise sqlite3.DatabaseError("it was written by another version")
            connection.execute("PRAGMA journal_mode = WAL")
            # A power cut may lose the last entries, but does not corrupt the file.
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA user_version = {_VERSION}")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS thumbnails (path TEXT PRIMARY KEY, bytes INTEGER, mtime_ns INTEGER, "
                "facts TEXT, picture BLOB, used REAL)"
            )
            connection.execute("CREATE INDEX IF NOT EXISTS by_use ON thumbnails (used)")
        except (sqlite3.Error, OSError) as error:
            log.warning("the thumbnails in %s cannot be used: %s", self._path, error)
            if connection is not None:
                connection.close()
            return None
        return connection

    def _recreate(self) -> sqlite3.Connection | None:
        try:
            for suffix in ("", "-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        except OSError:
            return None
        return self._open()

    def _get(self, key: str, stamp: Stamp) -> Thumbnail | None:
        rows = self._execute("SELECT bytes, mtime_ns, facts, picture FROM thumbnails WHERE path = ?", key)
        if not rows or rows[0][:2] != stamp:
            return None
        self._execute("UPDATE thumbnails SET used = ? WHERE path = ?", time.time(), key)
        try:
            return _from_stored(rows[0][2], rows[0][3])
        except (ValueError, KeyError, TypeError):
            return None

    def _put(self, key: str, stamp: Stamp, thumbnail: Thumbnail) -> None:
        facts, picture = _to_stored(thumbnail)
        self._execute(
            "INSERT OR REPLACE INTO thumbnails VALUES (?, ?, ?, ?, ?, ?)",
            key, *stamp, facts, picture, time.time(),
        )  # fmt: skip
        self._writes += 1
        if self._writes % _TRIM_EVERY == 0:
            self._trim()

    def _trim(self) -> None:
        """Delete the least recently used thumbnails down to three quarters of the budget."""
        size = self._execute("SELECT TOTAL(LENGTH(picture)) FROM thumbnails")
        if not size or size[0][0] <= self._budget_bytes:
            return
        self._execute(
            "DELETE FROM thumbnails WHERE path IN (SELECT path FROM (SELECT path, SUM(LENGTH(picture)) OVER "
            "(ORDER BY used DESC, path) AS upto FROM thumbnails) WHERE upto > ?)",
            self._budget_bytes * 3 // 4,
        )

    def _execute(self, statement: str, *values: object) -> list[Any]:
        if self._base is None:
            return []
        try:
            return self._base.execute(statement, values).fetchall()
        except (sqlite3.Error, UnicodeEncodeError) as error:
            # A name that is not Unicode cannot be stored; a damaged or full database is not used again.
            if isinstance(error, sqlite3.Error) and "locked" not in str(error):
                log.warning("the thumbnails in %s are not used any more: %s", self._path, error)
                self._base.close()
                self._base = None
            return []


def _to_stored(thumbnail: Thumbnail) -> tuple[str, bytes]:
    import cv2

    facts = {"kind": str(thumbnail.kind), "size": thumbnail.size, "duration_secs": thumbnail.duration_secs}
    if thumbnail.pixels is None:
        return json.dumps(facts), b""
    _, encoded = cv2.imencode(
        ".jpg", cv2.cvtColor(thumbnail.pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    )
    return json.dumps(facts), encoded.tobytes()


def _from_stored(facts: str, picture: bytes) -> Thumbnail:
    import cv2

    fields = json.loads(facts)
    pixels = None
    if picture:
        bgr = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
        if bgr is None:
            raise ValueError("the stored picture is damaged")
        pixels = readonly(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))
    size = Size(*fields["size"]) if fields["size"] else None
    return Thumbnail(MediaKind(fields["kind"]), pixels, size, fields["duration_secs"])
