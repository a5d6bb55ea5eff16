"""Queue of a batch on disk: the outcomes so far, which survive a crash of the program."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

from cvstudio.exporters.base import Piece
from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.closing import Closeable
from cvstudio.foundation.errors import UserError
from cvstudio.foundation.file_locks import lock_file
from cvstudio.foundation.json_text import json_text, printable

FORMAT = "cvstudio-batch"
VERSION = 1
FOLDER = ".batch"
"""Beside the output: the queue, and the pieces of the files that many pictures share."""

State = Literal["done", "failed", "left out"]


class BatchError(UserError):
    """Raised where a batch cannot run: no format, no files, or a folder that is in use."""


@dataclass(frozen=True)
class Outcome:
    """Outcome of one file.

    Parameters
    ----------
    file : its path
    state : "done", "failed", or "left out": a file of another kind that lay in the folder
    name : what its outputs are called
    identity : of its content, as in `Media.id`
    kind : as what it was read
    error : why it failed or was left out; one sentence
    outputs : relative to the output folder
    secs : from reading it to its last file
    resumed : it was done before
    """

    file: str
    state: State
    name: str = ""
    identity: str = ""
    kind: str = ""
    error: str = ""
    outputs: tuple[str, ...] = ()
    secs: float = 0.0
    resumed: bool = field(default=False, compare=False)


class BatchQueue(Closeable):
    """Outcomes as lines of JSON behind one that holds the recipe. Each line is written at once, and whole or not at
    all: what a killed program left of one is cut off.

    Parameters
    ----------
    out : the folder of the output
    recipe : what has to be the same for a file to count as done; JSON-ready

    Raises
    ------
    BatchError
        Another program works on this folder.
    OSError
        It cannot be written to.
    """

    def __init__(self, out: Path, recipe: Mapping[str, Any]) -> None:
        self._folder = out / FOLDER
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(self._folder / "lock", out)
        self._path = self._folder / "queue.jsonl"
        self._pieces: dict[str, IO[bytes]] = {}
        self.restarted = False
        """Whether the folder holds a batch of another recipe, which starts again."""
        self.entries: dict[str, Outcome] = {}
        try:
            head, lines = _read(self._path)
            wanted_recipe = json.loads(json.dumps(recipe))
            self.restarted = bool(head) and head.get("recipe") != wanted_recipe
            if not head or self.restarted:
                self._begin(wanted_recipe)
            else:
                field_names = Outcome.__dataclass_fields__
                for line in lines:
                    values = {name: value for name, value in line.items() if name in field_names}
                    entry = Outcome(**{**values, "outputs": tuple(line["outputs"])})
                    self.entries[entry.file] = entry
            self._file = self._path.open("ab")
        except BaseException:
            self._lock.close()
            raise

    def _begin(self, recipe: Any) -> None:
        for path in self._folder.glob("pieces-*.jsonl"):
            path.unlink()
        with atomic_path(self._path) as temporary:
            temporary.write_bytes(_line({"format": FORMAT, "version": VERSION, "recipe": recipe}))

    def add(self, outcome: Outcome) -> None:
        """Append the outcome of a file."""
        self.entries[outcome.file] = outcome
        values = asdict(outcome)
        del values["resumed"]
        self._file.write(_line(values))
        self._file.flush()

    def is_done(self, file: str) -> bool:
        """Whether `file` was processed successfully."""
        entry = self.entries.get(file)
        return entry is not None and entry.state == "done"

    def put_pieces(self, key: str, file: str, pieces: list[Piece]) -> None:
        """Keep what the combined file of the format `key` will hold of `file`. Comes before `add`."""
        if key not in self._pieces:
            path = self._pieces_path(key)
            _read(path)
            self._pieces[key] = path.open("ab")
        self._pieces[key].write(_line({"file": file, "pieces": pieces}))
        self._pieces[key].flush()

    def pieces(self, key: str, files: list[str]) -> Iterator[Piece]:
        """Pieces of `files` in this order, the newest of each, read one file at a time."""
        path = self._pieces_path(key)
        if not path.exists():
            return
        wanted_files = set(files)
        offsets: dict[str, int] = {}
        with path.open("rb") as file:
            offset = 0
            for line in file:
                name = json.loads(line)["file"] if line.endswith(b"\n") else ""
                if name in wanted_files:
                    offsets[name] = offset
                offset += len(line)
            for name in files:
                if name in offsets:
                    file.seek(offsets[name])
                    yield from json.loads(file.readline())["pieces"]

    def _pieces_path(self, key: str) -> Path:
        return self._folder / f"pieces-{key}.jsonl"

    def close(self) -> None:
        for file in (self._file, *self._pieces.values()):
            file.close()
        self._lock.close()


def forget(out: Path) -> None:
    """Forget what was done in `out`, so that a batch there begins anew; its outputs stay.

    Raises
    ------
    BatchError
        A batch is working there.
    OSError
        The folder cannot be written to.
    """
    folder = out / FOLDER
    if folder.is_dir():
        _lock(folder / "lock", out).close()
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()


def write_report(path: Path, outcomes: list[Outcome]) -> None:
    """Write the outcome of each file as a table for spreadsheets. Raises OSError."""
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "state", "error", "seconds", "outputs"])
        for item in outcomes:
            writer.writerow(
                [
                    printable(item.file),
                    item.state,
                    printable(item.error),
                    f"{item.secs:.3f}",
                    printable(" ".join(item.outputs)),
                ]
            )


def _line(value: Mapping[str, Any]) -> bytes:
    return json_text(value).encode() + b"\n"


def _read(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The first line and the others; an incomplete last line is cut off the file."""
    if not path.exists():
        return {}, []
    values: list[dict[str, Any]] = []
    valid_bytes = 0
    with path.open("rb+") as file:
        for line in file:
            try:
                value = json.loads(line) if line.endswith(b"\n") else None
            except ValueError:
                value = None
            if not isinstance(value, dict):
                break
            values.append(value)
            valid_bytes += len(line)
        file.truncate(valid_bytes)
    head = values[0] if values and values[0].get("format") == FORMAT else {}
    return head, values[1:]


def _lock(path: Path, out: Path) -> IO[bytes]:
    """Lock the folder; the system releases the lock when the program ends, even by a crash."""
    file = lock_file(path)
    if file is None:
        raise BatchError(
            f"{out.name} is being worked on by another batch; wait until it ends, or choose another folder."
        )
    return file
