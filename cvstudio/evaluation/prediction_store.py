"""Predictions on disk, so that measuring again, or going on after a stop, needs no network."""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from cvstudio.evaluation.predictions import PicturePrediction
from cvstudio.foundation.closing import Closeable
from cvstudio.foundation.json_text import json_text
from cvstudio.foundation.paths import user_cache_dir

log = logging.getLogger(__name__)

BUDGET_BYTES = 1 << 30
"""Most bytes of all predictions on disk; those of the models that were not used for longest are deleted first."""

_VERSION = 1
"""Incremented with every change of the stored form."""

_WAIT_SECS = 2.0


def default_folder() -> Path:
    """Where predictions are kept, in the user's cache."""
    return user_cache_dir() / "predictions"


class PredictionStore(Closeable):
    """Predictions of one model by picture. Thread-safe.

    Its errors are logged, and the network then runs: a cache must never keep a user from a result.

    Parameters
    ----------
    key : all that the predictions depend on beside the picture: the network and its parameters
    folder : where; None for the user's cache
    """

    def __init__(self, key: Sequence[object], folder: Path | None = None) -> None:
        import xxhash

        digest = xxhash.xxh3_128_hexdigest(json_text([_VERSION, *map(str, key)]).encode())
        self.path = (folder or default_folder()) / f"{digest}.sqlite"
        self._lock = threading.Lock()
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

    def get(self, path: Path) -> PicturePrediction | None:
        """The prediction for the picture at `path` as it is now; None where there is none."""
        stamp = _stamp(path)
        if stamp is None:
            return None
        with self._lock:
            row = self._select("SELECT content FROM predictions WHERE path = ? AND stamp = ?", str(path), stamp)
        return PicturePrediction.from_bytes(row[0]) if row is not None else None

    def put(self, path: Path, prediction: PicturePrediction) -> None:
        """Keep a prediction."""
        stamp = _stamp(path)
        if stamp is not None:
            with self._lock:
                self._change(
                    "INSERT OR REPLACE INTO predictions VALUES (?, ?, ?)", str(path), stamp, prediction.to_bytes()
                )

    def _select(self, command: str, *values: object) -> Any:
        if self._base is None:
            return None
        try:
            return self._base.execute(command, values).fetchone()
        except (sqlite3.Error, UnicodeEncodeError) as error:
            log.warning("a prediction in %s cannot be read: %s", self.path, error)
            return None

    def _change(self, command: str, *values: object) -> None:
        if self._base is None:
            return
        try:
            self._base.execute(command, values)
        except (sqlite3.Error, UnicodeEncodeError) as error:
            log.warning("a prediction is not kept in %s: %s", self.path, error)

    def close(self) -> None:
        if self._base is not None:
            self._base.close()
            self._base = None
            _trim(self.path)

    def _open(self) -> sqlite3.Connection | None:
        for attempt in range(2):
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
                log.warning("the predictions in %s cannot be used: %s", self.path, error)
                if attempt == 0:
                    with suppress(OSError):
                        self.path.unlink(missing_ok=True)
        return None


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
            for part in (path, *(path.with_name(f"{path.name}-{end}") for end in ("wal", "shm"))):
                part.unlink(missing_ok=True)
            total -= size
