"""What a tenth of a picture, removed, does to the score of one object: the strongest of its map, or a random one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from cvstudio.analyses.explain._candidate_map import BY_PLACE, candidate_maps, candidate_row
from cvstudio.analyses.explain._sanity import on_input
from cvstudio.data.boxes import nms
from cvstudio.data.geometry import Rect
from cvstudio.data.samples import Image
from cvstudio.foundation.params import NoParams
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS
from cvstudio.models.shared.imagenet import GREY

SCORE = 0.4
EACH = 2
"""Most objects of a picture."""


def pictures(folder: Path) -> Iterator[Image]:
    for path in sorted(folder.rglob("*.jpg")):
        pixels = cv2.imread(str(path))
        assert pixels is not None
        yield Image(np.ascontiguousarray(pixels[..., ::-1]))


def drops_of_tenths(folder: Path, count: int) -> NDArray[np.float64]:
    """For `count` objects that the embedded detector finds: share of the score that goes with the tenth of the picture
    that the map finds most important, and with a random tenth of places as large as the map's: (count, 2)."""
    network: Any = MODELS["pyramid-lite0"].load("cpu", None)
    rng = np.random.default_rng(0)
    drops: list[tuple[float, float]] = []
    for image in pictures(folder):
        found = network.predict(image, NoParams(), Progress())
        found = found.take(nms(found.boxes, found.scores, found.classes, 0.5))
        for row in np.flatnonzero(found.scores >= SCORE)[:EACH].tolist():
            maps, scored = candidate_maps(network, image, NoParams(), "trunk", found, row, Progress())
            candidate = candidate_row(scored, found, row)
            before = float(scored.scores[candidate])
            values = maps[BY_PLACE]
            after = []
            for grid in (values, rng.normal(size=values.shape).astype(np.float32)):
                without = removed(image, on_picture(grid, scored.rect, image), 0.1)
                with torch.no_grad():
                    after.append(float(network.scored(without, NoParams(), Progress()).scores[candidate]))
            drops.append((1 - after[0] / before, 1 - after[1] / before))
            if len(drops) == count:
                return np.array(drops)
    return np.array(drops)


def on_picture(grid: NDArray[np.float32], rect: Rect, image: Image) -> NDArray[np.float32]:
    """`grid` over `rect`, interpolated at each pixel of the picture."""
    width, height = image.size
    return on_input(grid, rect, Rect(0.0, 0.0, float(width), float(height)), (height, width))


def removed(image: Image, importance: NDArray[np.float32], share: float) -> Image:
    """The picture with the `share` of its pixels that matter most in grey."""
    pixels = image.rgb8.copy()
    pixels[importance >= np.quantile(importance, 1 - share)] = GREY
    return Image(pixels)
