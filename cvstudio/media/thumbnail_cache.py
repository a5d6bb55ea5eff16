"""Thumbnails kept between two starts: one file in the cache folder, bounded, and never half written."""

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
"""Counts up with every change of what is stored; the file of another version is begun anew."""

_QUALITY = 88
_TRIM_EVERY = 256
_WAIT_SECS = 2.0


class ThumbnailCache(Closeable):
    """Thumbnails by path and stamp, for one thread; several windows may share the file.

    A database gives what single files would have to be taught: an entry is written whole or not at all, the oldest are
    found without reading a folder, and ten thousand entries are one file. Whatever goes wrong with it is logged, and
    thumbnails are then made each time: a cache never stands between a user and a file.

    Parameters
    ----------
    path : of the database; None takes the place in the user's cache folder
    budget_bytes : of the pictures in it; those not looked at for longest go first
    """

    def __init__(self, path: Path | None = None, *, budget_bytes: int = BUDGET_BYTES) -> None:
        self._path = path or user_cache_dir() / "thumbnails.sqlite"
        self._budget_bytes = budget_bytes
        self._writes = 0
        self._base = self._open() or self._begin_anew()

    def thumbnail(self, path: Path, stamp: Stamp) -> Thumbnail:
        """The thumbnail of a file, made only where it is not kept. Raises MediaError."""
        kept = self._get(path, stamp)
        if kept is None:
            kept = make_thumbnail(path)
            self._put(path, stamp, kept)
        return kept

    def close(self) -> None:
        if self._base is not None:
            with suppress(sqlite3.Error):
                self._trim()
            self._base.close()
            self._base = None

    def _open(self) -> sqlite3.Connection | None:
        base = None
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            base = sqlite3.connect(self._path, timeout=_WAIT_SECS, isolation_level=None)
            if base.execute("PRAGMA user_version").fetchone()[0] not in (0, _VERSION):
                raise sqlite3.DatabaseError("it was written by another version")
            base.execute("PRAGMA journal_mode = WAL")
            # The last entries may be lost with the power, but the file stays whole.
            base.execute("PRAGMA synchronous = NORMAL")
            base.execute(f"PRAGMA user_version = {_VERSION}")
            base.execute(
                "CREATE TABLE IF NOT EXISTS thumbnails (path TEXT PRIMARY KEY, bytes INTEGER, mtime_ns INTEGER, "
                "facts TEXT, picture BLOB, used REAL)"
            )
            base.execute("CREATE INDEX IF NOT EXISTS by_use ON thumbnails (used)")
        except (sqlite3.Error, OSError) as error:
            log.warning("the thumbnails in %s cannot be used: %s", self._path, error)
            if base is not None:
                base.close()
            return None
        return base

    def _begin_anew(self) -> sqlite3.Connection | None:
        try:
            for suffix in ("", "-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        except OSError:
            return None
        return self._open()

    def _get(self, path: Path, stamp: Stamp) -> Thumbnail | None:
        found = self._ask("SELECT bytes, mtime_ns, facts, picture FROM thumbnails WHERE path = ?", str(path))
        if not found or found[0][:2] != stamp:
            return None
        self._ask("UPDATE thumbnails SET used = ? WHERE path = ?", time.time(), str(path))
        try:
            return _from_stored(found[0][2], found[0][3])
        except (ValueError, KeyError, TypeError):
            return None

    def _put(self, path: Path, stamp: Stamp, made: Thumbnail) -> None:
        facts, picture = _to_stored(made)
        self._ask(
            "INSERT OR REPLACE INTO thumbnails VALUES (?, ?, ?, ?, ?, ?)",
            str(path), *stamp, facts, picture, time.time(),
        )  # fmt: skip
        self._writes += 1
        if self._writes % _TRIM_EVERY == 0:
            self._trim()

    def _trim(self) -> None:
        """Forget what was not looked at for longest, a quarter more than has to go."""
        size = self._ask("SELECT TOTAL(LENGTH(picture)) FROM thumbnails")
        if not size or size[0][0] <= self._budget_bytes:
            return
        self._ask(
            "DELETE FROM thumbnails WHERE path IN (SELECT path FROM (SELECT path, SUM(LENGTH(picture)) OVER "
            "(ORDER BY used DESC, path) AS upto FROM thumbnails) WHERE upto > ?)",
            self._budget_bytes * 3 // 4,
        )

    def _ask(self, statement: str, *values: object) -> list[Any]:
        if self._base is None:
            return []
        try:
            return self._base.execute(statement, values).fetchall()
        except (sqlite3.Error, UnicodeEncodeError) as error:
            # A name that is no Unicode cannot be kept; a damaged or full file is not asked again.
            if isinstance(error, sqlite3.Error) and "locked" not in str(error):
                log.warning("the thumbnails in %s are not used any more: %s", self._path, error)
                self._base.close()
                self._base = None
            return []


def _to_stored(made: Thumbnail) -> tuple[str, bytes]:
    import cv2

    facts = {"kind": str(made.kind), "size": made.size, "duration_secs": made.duration_secs}
    if made.pixels is None:
        return json.dumps(facts), b""
    _, encoded = cv2.imencode(
        ".jpg", cv2.cvtColor(made.pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    )
    return json.dumps(facts), encoded.tobytes()


def _from_stored(facts: str, picture: bytes) -> Thumbnail:
    import cv2

    known = json.loads(facts)
    pixels = None
    if picture:
        raw = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
        if raw is None:
            raise ValueError("the stored picture is damaged")
        pixels = readonly(cv2.cvtColor(raw, cv2.COLOR_BGR2RGB))
    size = Size(*known["size"]) if known["size"] else None
    return Thumbnail(MediaKind(known["kind"]), pixels, size, known["duration_secs"])
