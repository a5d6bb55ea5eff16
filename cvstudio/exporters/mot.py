"""MOTChallenge text: tracks over the frames of a video."""

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
    """Write a line for each tracked box: frame, track id, left, top, width, height, confidence, class, visibility.

    As in MOTChallenge, frames, classes and pixels are counted from 1: left and top are one more than the box's, which
    are measured from the outer corner of the top left pixel. Frames are counted from the first exported one. Track ids
    are those drawn on the picture; visibility is always 1, as occlusion is not known.

    Raises
    ------
    ExportError
        The results have no tracks.
    """
    with path.open("w", encoding="ascii", newline="\n") as file:
        for moment in item.moments(progress):
            if moment.result.track_ids is None:
                raise ExportError(
                    "MOT text expects objects with identities, found none; switch on tracking and export again."
                )
            detections = within(moment.result)
            assert detections.track_ids is not None
            for row in range(len(detections)):
                track_id = int(detections.track_ids[row])
                if track_id >= 0:
                    x, y, width, height = (_plain(value) for value in _from_one(detections.boxes[row]))
                    box_and_score = f"{x},{y},{width},{height},{detections.scores[row]}"
                    file.write(f"{moment.number},{track_id},{box_and_score},{detections.classes[row] + 1},1\n")


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
        "Where each object is in each frame, for tools that evaluate tracking.",
        video=True,
        keywords=("객체 추적 결과", "다중 객체 추적"),
    )
)
