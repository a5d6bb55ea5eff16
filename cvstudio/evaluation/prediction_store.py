"""Predictions on disk, so that measuring again, or going on after a stop, needs no network."""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from cvstudio.evaluation.measured_files import MeasuredFile
from cvstudio.evaluation.predictions import PicturePrediction
from cvstudio.foundation.closing import Closeable
from cvstudio.foundation.json_text import json_text
from cvstudio.foundation.paths import user_cache_dir

log = logging.getLogger(__name__)

BUDGET_BYTES = 1 << 30
"""Most bytes of all predictions on disk; those of the models that were not used for longest are deleted first."""

_VERSION = 1
"""Incremented with every change of the stored form."""

_WAIT_SECS = 5.0
"""How long another program is waited for that writes the same predictions."""

_RETRY_SECS = 0.1

_DAMAGED = frozenset((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB))


def default_folder() -> Path:
    """Where predictions are kept, in the user's cache."""
    return user_cache_dir() / "predictions"


class PredictionStore(Closeable):
    """Predictions of one model by picture. Thread-safe.

    Where its file cannot be used that is said once, and the network then runs: a cache must never keep a user from a
    result. A damaged file is made anew; one that another program has locked is its own, and is left as it is.

    Parameters
    ----------
    key : all that the predictions depend on beside the picture: the network and its parameters
    folder : where; None for the user's cache
    notice : told that predictions are not kept
    """

    def __init__(
        self, key: Sequence[object], folder: Path | None = None, notice: Callable[[str], None] | None = None
    ) -> None:
        import xxhash

        self._notice = notice

        digest = xxhash.xxh3_128_hexdigest(json_text([_VERSION, *map(str, key)]).encode())
        self.path = (folder or default_folder()) / f"{digest}.sqlite"
        self._lock = threading.Lock()
        self._base: sqlite3.Connection | None = None
        self._base = self._open()

    def labels(self) -> tuple[str, ...] | None:
        """Names of the model's classes, by which predictions are numbered; None where they are not known."""
        with self._lock:
            row = self._select("SELECT content FROM labels")
        return tuple(json.loads(row[0])) if row is not None else None

    def put_labels(self, labels: Sequence[str]) -> None:
        """Keep the names of the model's classes. Predictions by other names are deleted."""
        if labels != self.labels():
            with self._lock:
                self._change("DELETE FROM predictions")
                self._change("INSERT OR REPLACE INTO labels VALUES (0, ?)", json_text(list(labels)))

    def get(self, file: MeasuredFile) -> PicturePrediction | None:
        """The prediction for a picture as it is now; None where there is none."""
        stamp = _stamp(file.path)
        if stamp is None:
            return None
        with self._lock:
            row = self._select("SELECT content FROM predictions WHERE path = ? AND stamp = ?", file.key, stamp)
        return PicturePrediction.from_bytes(row[0]) if row is not None else None

    def put(self, file: MeasuredFile, prediction: PicturePrediction) -> None:
        """Keep a prediction."""
        stamp = _stamp(file.path)
        if stamp is not None:
            with self._lock:
                self._change(
                    "INSERT OR REPLACE INTO predictions VALUES (?, ?, ?)", file.key, stamp, prediction.to_bytes()
                )

    def _select(self, command: str, *values: object) -> Any:
        try:
            return self._base.execute(command, values).fetchone() if self._base is not None else None
        except UnicodeEncodeError:  # of a path that is no text
            return None
        except sqlite3.Error as error:
            self._give_up(error)
            return None

    def _change(self, command: str, *values: object) -> None:
        try:
            if self._base is not None:
                self._base.execute(command, values)
        except UnicodeEncodeError:
            return
        except sqlite3.Error as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        """Go on without the file: else each picture would wait for it anew."""
        log.warning("the predictions in %s cannot be used: %s", self.path, error)
        base, self._base = self._base, None
        if base is not None:
            base.close()
        if _code(error) in _DAMAGED:
            with suppress(OSError):
                _delete(self.path)
        if self._notice is not None:
            locked = _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
            reason = "another program is writing them" if locked else str(error)
            self._notice(f"Predictions are not kept this time ({reason}): measuring again needs the network again.")

    def close(self) -> None:
        with self._lock:
            base, self._base = self._base, None
        if base is not None:
            base.close()
            _trim(self.path)

    def _open(self) -> sqlite3.Connection | None:
        ends = time.monotonic() + _WAIT_SECS
        while True:
            base = None
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                base = sqlite3.connect(self.path, timeout=_WAIT_SECS, isolation_level=None, check_same_thread=False)
                base.execute("PRAGMA journal_mode = WAL")
                # A power cut may lose the last entries, but does not corrupt the file.
                base.execute("PRAGMA synchronous = NORMAL")
                base.execute("CREATE TABLE IF NOT EXISTS predictions (path TEXT PRIMARY KEY, stamp TEXT, content BLOB)")
                base.execute("CREATE TABLE IF NOT EXISTS labels (number INTEGER PRIMARY KEY, content TEXT)")
                self.path.touch()
                return base
            except (sqlite3.Error, OSError) as error:
                if base is not None:
                    base.close()
                if time.monotonic() >= ends:
                    self._give_up(error)
                    return None
                if _code(error) in _DAMAGED:
                    with suppress(OSError):
                        _delete(self.path)
                elif _code(error) not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                    self._give_up(error)
                    return None
                time.sleep(_RETRY_SECS)


def _code(error: Exception) -> int:
    """The primary result code of SQLite; 0 of another error."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _delete(path: Path) -> None:
    for part in (path, *(path.with_name(f"{path.name}-{end}") for end in ("wal", "shm"))):
        part.unlink(missing_ok=True)


def _stamp(path: Path) -> str | None:
    """Size and time of a file; None where it is gone."""
    try:
        status = path.stat()
    except OSError:
        return None
    return f"{status.st_size} {status.st_mtime_ns}"


def _trim(newest: Path) -> None:
    """Delete the least recently used files until the others fit in `BUDGET_BYTES`."""
    with suppress(OSError):
        files = [(path.stat().st_mtime_ns, path.stat().st_size, path) for path in newest.parent.glob("*.sqlite")]
        total = sum(size for _, size, _ in files)
        for _, size, path in sorted(files, key=lambda entry: entry[0]):
            if total <= BUDGET_BYTES or path == newest:
                break
            with suppress(OSError):  # Windows keeps what another program has open
                _delete(path)
                total -= size
