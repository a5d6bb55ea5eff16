"""What was accepted so far of many pictures, on disk: a run that was stopped goes on where it was."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.data.labels import Category, LabelledSet, PictureLabels
from cvstudio.data.labels_json import (
    category_from_json,
    category_to_json,
    labels_from_json,
    labels_id,
    labels_to_json,
)
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.json_text import json_text
from cvstudio.foundation.paths import user_cache_dir


@dataclass(frozen=True, eq=False)
class AcceptedPart:
    """What was accepted on one picture; the fields are those of `AcceptedSet`.

    Parameters
    ----------
    name : of the picture in the set
    new : whether the set does not name it
    labels : of the picture, with the new ones
    categories : classes that were new with it
    """

    name: str
    new: bool
    labels: PictureLabels
    categories: tuple[Category, ...]
    added: int
    known: int


def accepted_key(instance: AnalysisInstance, labelled: LabelledSet, score: float) -> str:
    """Hash of what decides about the labels that are accepted: the model, its parameters, the score, and the classes
    and edits of the set."""
    import xxhash

    weights = instance.weights
    stat = os.stat(weights) if weights is not None and os.path.exists(weights) else None
    settings = [
        *(instance.analysis, instance.model, str(weights), stat and [stat.st_size, stat.st_mtime_ns]),
        *({name: str(value) for name, value in sorted(instance.values.items())}, score, str(labelled.path)),
        [category_to_json(item) for item in labelled.categories],
        sorted((name, labels_id(labels)) for name, labels in labelled.edited.items()),
    ]
    return xxhash.xxh3_128(json_text(settings).encode()).hexdigest()


def _identity(file: Path) -> list[object]:
    stat = os.stat(file)
    return [os.path.abspath(file), stat.st_size, stat.st_mtime_ns]


class AcceptedParts:
    """Parts by picture, a line of JSON each; those of another `accepted_key` have another file. Of several lines of one
    picture the last one counts.

    Parameters
    ----------
    key : see `accepted_key`
    folder : of the file; None for the user's cache
    """

    def __init__(self, key: str, folder: Path | None = None) -> None:
        self._path = (folder or user_cache_dir() / "accepted") / f"{key}.jsonl"
        self._saved = self._read()

    def _read(self) -> dict[str, dict[str, Any]]:
        saved: dict[str, dict[str, Any]] = {}
        with contextlib.suppress(OSError):
            for line in self._path.read_text(encoding="utf-8", errors="replace").splitlines():
                try:
                    part = json.loads(line)
                    saved[part["file"][0]] = part
                except (ValueError, KeyError, TypeError, IndexError):
                    continue  # of a run that ended while it wrote
        return saved

    def take(self, file: Path, labels: PictureLabels, n_classes: int) -> AcceptedPart | None:
        """The part of a picture; None where it has to be looked at.

        Parameters
        ----------
        labels : that the picture has before
        n_classes : number of the classes before it
        """
        saved = self._saved.get(os.path.abspath(file))
        try:
            before = [_identity(file), labels_id(labels), n_classes]
            if saved is None or [saved["file"], saved["before"], saved["classes"]] != before:
                return None
            return AcceptedPart(
                str(saved["name"]),
                bool(saved["new"]),
                labels_from_json(saved["labels"]),
                tuple(map(category_from_json, saved["categories"])),
                int(saved["added"]),
                int(saved["known"]),
            )
        except (KeyError, TypeError, ValueError, OSError):
            return None

    def put(self, file: Path, before: PictureLabels, n_classes: int, part: AcceptedPart) -> None:
        """Keep the part of a picture, in place of one that was kept before; see `take`.

        Raises
        ------
        MediaError
            It cannot be written.
        """
        saved = {
            "file": _identity(file),
            "before": labels_id(before),
            "classes": n_classes,
            "name": part.name,
            "new": part.new,
            "labels": labels_to_json(part.labels),
            "categories": [category_to_json(item) for item in part.categories],
            "added": part.added,
            "known": part.known,
        }
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8", newline="\n") as lines:
                # The line before may be torn.
                lines.write(f"\n{json_text(saved)}")
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise MediaError(f"What was accepted cannot be kept in {self._path.parent} ({reason}).") from None

    def remove(self) -> None:
        """Remove what is kept, when the labels are where they belong."""
        with contextlib.suppress(OSError):
            self._path.unlink()
