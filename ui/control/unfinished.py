"""Exports and batches that did not end: they are offered at the next start, also after a crash."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.errors import Cancelled, UserError
from cvstudio.foundation.file_locks import lock_file
from cvstudio.foundation.json_text import json_text
from cvstudio.foundation.paths import user_data_dir
from cvstudio.session.session import State

log = logging.getLogger(__name__)
MOST_OFFERS = 3
"""Number of starts at which work is offered; after them nobody wants it any more."""


@dataclass(frozen=True)
class Unfinished:
    """Work that did not end.

    Parameters
    ----------
    key : of its record
    kind : who knows how it goes on
    title : what it makes
    project : file of the session that it began in
    values : what was to be done; JSON-ready
    """

    key: str
    kind: str
    title: str
    project: Path
    values: Mapping[str, Any]


class UnfinishedWork:
    """Records of the work that is going on. A record belongs to one program at a time, by a lock.

    Parameters
    ----------
    folder : of the records; by default among the user's data
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._locks: dict[str, IO[bytes]] = {}
        self.closing = False
        """Whether the program is ending, so that what is cancelled is not ended by the user."""

    @property
    def folder(self) -> Path:
        return self._folder or user_data_dir() / "unfinished"

    @contextlib.contextmanager
    def kept(
        self, kind: str, target: Path, state: State, values: Mapping[str, Any], *, resumable: bool = False
    ) -> Iterator[None]:
        """Keep a record while the block runs, and afterwards where it was cut short by the end of the program.

        Parameters
        ----------
        target : file or folder that is written
        state : the session; its current analysis is what runs
        resumable : keep the record also where the block is cancelled: the work goes on later
        """
        self._begin(kind, target, state, values)
        try:
            yield
        except Cancelled:
            if not resumable and not self.closing:
                self.end(kind, target)
            raise
        except BaseException:
            self.end(kind, target)
            raise
        self.end(kind, target)

    def _begin(self, kind: str, target: Path, state: State, values: Mapping[str, Any]) -> None:
        from cvstudio.session.project import save_project

        key = _key(kind, target)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if key not in self._locks:
                lock = lock_file(self.folder / f"{key}.lock")
                if lock is None:
                    return  # another window writes the same file
                self._locks[key] = lock
            save_project(self.folder / f"{key}.cvstudio", state)
            self._write(key, {"kind": kind, "title": target.name, "values": dict(values), "offers": 0})
        except (OSError, UserError):
            log.warning("work on %s cannot be recorded", target, exc_info=True)  # it is done all the same

    def end(self, kind: str, target: Path) -> None:
        """Forget the work on `target`: it has ended, or nobody wants it any more."""
        self._forget(_key(kind, target))

    def forget(self, item: Unfinished) -> None:
        """Forget work of an earlier run."""
        self._forget(item.key)

    def close(self) -> None:
        """Let the records go, as the end of the program does; those of work that was cut short stay."""
        for lock in self._locks.values():
            lock.close()
        self._locks.clear()

    def earlier(self) -> list[Unfinished]:
        """Work of earlier runs that did not end, to be offered now; that of another window that is open is left out."""
        found = []
        for path in sorted(self.folder.glob("*.json")) if self.folder.is_dir() else ():
            key = path.stem
            try:
                lock = None if key in self._locks else lock_file(path.with_suffix(".lock"))
                if lock is None:
                    continue
                with lock:
                    saved = json.loads(path.read_text(encoding="utf-8"))
                    item = Unfinished(
                        key, saved["kind"], saved["title"], path.with_suffix(".cvstudio"), saved["values"]
                    )
                    offers = int(saved["offers"]) + 1
                    if offers <= MOST_OFFERS and item.project.is_file():
                        self._write(key, {**saved, "offers": offers})
                        found.append(item)
                        continue
                self._forget(key)
            except (OSError, ValueError, TypeError, KeyError):
                self._forget(key)
        return found

    def _write(self, key: str, saved: Mapping[str, Any]) -> None:
        with atomic_path(self.folder / f"{key}.json") as temporary:
            temporary.write_text(json_text(saved), encoding="utf-8")

    def _forget(self, key: str) -> None:
        lock = self._locks.pop(key, None)
        if lock is not None:
            lock.close()
        for suffix in (".json", ".cvstudio", ".lock"):
            with contextlib.suppress(OSError):
                (self.folder / f"{key}{suffix}").unlink(missing_ok=True)


def _key(kind: str, target: Path) -> str:
    import xxhash

    return xxhash.xxh3_64_hexdigest(f"{kind} {target.absolute()}".encode(errors="surrogateescape"))
