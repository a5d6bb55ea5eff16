"""Results whose drawing can be foretold."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from cvstudio.data.geometry import Size
from cvstudio.data.samples import Image
from cvstudio.results.detections import Detections

LABELS = ("person", "car", "dog", "고양이")

Make = Callable[..., Detections]


@pytest.fixture
def detections() -> Make:
    """`make(boxes, size, scores=…, kind=…)`; without boxes, `count` random ones."""

    def make(
        boxes: Sequence[Sequence[float]] | None = None,
        size: tuple[int, int] = (400, 300),
        *,
        count: int = 40,
        scores: Sequence[float] | None = None,
        kind: str = "probability",
    ) -> Detections:
        random = np.random.default_rng(3)
        if boxes is None:
            corner = random.uniform(0, 0.9, (count, 2)) * size
            boxes = np.hstack([corner, np.minimum(corner + random.uniform(5, 120, (count, 2)), size)])
        found = np.asarray(boxes, np.float32).reshape(-1, 4)
        n = len(found)
        given = np.linspace(0.95, 0.1, n) if scores is None else scores
        classes = np.arange(n, dtype=np.int64) % len(LABELS)
        return Detections(
            found, np.asarray(given, np.float32), classes, LABELS, np.arange(n, dtype=np.int64) + 7, Size(*size), kind
        )

    return make


@pytest.fixture
def noise() -> Image:
    """A picture in which every wrong pixel shows: 400 x 300."""
    return Image(np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8))


@pytest.fixture(scope="session")
def photo() -> Image:
    from skimage import data

    return Image(data.astronaut())
