"""An analysis that finds a known patch at a known place: what adjustments of a picture must not move."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np

from cvstudio.analyses.analysis import PICTURE_OR_VIDEO, Analysis
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.data.samples import Image
from cvstudio.foundation.params import Doc, Pick
from cvstudio.foundation.progress import Progress
from cvstudio.results.detections import Detections

PATCH = (30, 20, 42, 28)
"""x1, y1, x2, y2 of the brightest place of `picture`, 100 x 80."""
GREY = 60

SEEN: list[Image] = []


@dataclasses.dataclass(frozen=True)
class PointParams:
    """A place that the user points at."""

    place: Annotated[tuple[float, float] | None, Pick("point", slot="picture"), Doc("Place", "Where to look.")] = None


def run_find(inputs: Inputs, params: PointParams, progress: Progress) -> Iterator[Detections]:
    """The box around what is brightest; where the user points at a place, one around that."""
    sample = inputs.samples["picture"]
    SEEN.append(sample)
    light = sample.rgb8.astype(int).sum(axis=2)
    rows, columns = np.nonzero(light > light.max() - 30)
    boxes = [(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)]
    if params.place is not None:
        x, y = params.place
        boxes.append((x - 3, y - 3, x + 3, y + 3))
    n = len(boxes)
    yield Detections(
        np.array(boxes, np.float32),
        np.linspace(0.9, 0.8, n).astype(np.float32),
        np.zeros(n, np.int64),
        ("patch",),
        np.arange(n),
        sample.size,
        source=inputs.source,
    )


def run_keep(inputs: Inputs, params: Any, progress: Progress) -> Iterator[Detections]:
    yield inputs.previous


FIND = Analysis(
    key="find-patch",
    title="Find the patch",
    summary="Finds what is brightest.",
    action="Find",
    icon="image",
    inputs=(PICTURE_OR_VIDEO,),
    stages=(Stage("find", run_find, PointParams), Stage("keep", run_keep, where="main")),
    result=Detections,
    order=920,
)


def pixels_of_picture() -> np.ndarray:
    pixels = np.random.default_rng(0).integers(0, GREY, (80, 100, 3), np.uint8)
    x1, y1, x2, y2 = PATCH
    pixels[y1:y2, x1:x2] = (240, 235, 230)
    return pixels
