"""Pictures of labels that are not near them, found by their names in another folder."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from cvstudio.foundation.progress import Progress
from cvstudio.media.annotations._left_out import NO_PICTURE
from cvstudio.media.annotations._pictures import loose, normal

MISSING = NO_PICTURE
"""The reason that `LabelledSet.check` gives for a picture that is not there."""


def pictures_in(names: Iterable[str], folder: Path, progress: Progress | None = None) -> dict[str, Path]:
    """Files in `folder` and the folders below it that have the names of pictures, without regard to capitals.

    Of several files with one name it is the one whose folders are called as those in the name; where that leaves
    several, none is taken. Raises Cancelled through `progress`.
    """
    by_name: dict[str, list[Path]] = {}
    for parent, folders, files in os.walk(folder):
        if progress is not None:
            progress.check()
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in files:
            by_name.setdefault(loose(name), []).append(Path(parent, name))
    found: dict[str, Path] = {}
    for name in names:
        parts = [loose(part) for part in normal(name).split("/")]
        ranked = [(_shared(parts, path), path) for path in by_name.get(parts[-1], ())]
        most = max((count for count, _ in ranked), default=0)
        best = [path for count, path in ranked if count == most]
        if len(best) == 1:
            found[name] = best[0]
    return found


def _shared(parts: Sequence[str], path: Path) -> int:
    """Number of the last parts of a name that are those of a path."""
    pairs = zip(reversed(parts), reversed(path.parts), strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == loose(pair[1]), pairs))
