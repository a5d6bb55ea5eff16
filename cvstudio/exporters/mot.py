"""MOTChallenge text: identities over the frames of a video."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cvstudio.exporters import EXPORTERS
from cvstudio.exporters._detections import corner_and_extent, within
from cvstudio.exporters.base import Exporter, ExportItem, of
from cvstudio.foundation.errors import ExportError
from cvstudio.foundation.progress import Progress
from cvstudio.results.detections import Detections


def _write(path: Path, item: ExportItem, progress: Progress) -> None:
    """A line for each thing that is followed: frame, id, left, top, width, height, confidence, class, visibility.

    As MOTChallenge has it, frames, classes and pixels count from 1: left and top are one more than the box's, which
    count from the outer corner of the top left pixel. The frames are those that are exported. Ids are those on the
    picture; visibility is 1, for nothing tells how much of a thing is hidden.

    Raises
    ------
    ExportError
        Nothing is followed.
    """
    with path.open("w", encoding="ascii", newline="\n") as file:
        for moment in item.moments(progress):
            if moment.result.track_ids is None:
                raise ExportError(
                    "MOT text expects things with identities, found none; switch tracking on and export again."
                )
            found = within(moment.result)
            assert found.track_ids is not None
            for row in range(len(found)):
                identity = int(found.track_ids[row])
                if identity >= 0:
                    x, y, width, height = (_plain(value) for value in _from_one(found.boxes[row]))
                    place = f"{x},{y},{width},{height},{found.scores[row]}"
                    file.write(f"{moment.number},{identity},{place},{found.classes[row] + 1},1\n")


def _from_one(box: NDArray[np.float32]) -> tuple[float, float, float, float]:
    x, y, width, height = corner_and_extent(box)
    return x + 1, y + 1, width, height


def _plain(value: float) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".")


EXPORTERS.register(
    Exporter(
        "mot",
        "MOT text",
        ".txt",
        of(Detections),
        _write,
        "Which thing is where in each frame, for tools that evaluate tracking.",
        video=True,
    )
)
