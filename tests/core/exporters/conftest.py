"""Items to export, and media that they come from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cvstudio.data.geometry import Rect, Size
from cvstudio.data.samples import Image
from cvstudio.exporters import ExportItem
from cvstudio.media import Media, MediaKind
from cvstudio.results.detections import Detections
from cvstudio.results.picture import Picture
from cvstudio.results.spectrogram import Spectrogram

RECIPE = {"format": "cvstudio-recipe", "analysis": "detect", "model": "hog", "values": {"score": 0.3, "이름": "값"}}

SIZE = Size(160, 120)


@pytest.fixture
def picture() -> Image:
    return Image(np.random.default_rng(0).integers(0, 256, (SIZE.height, SIZE.width, 3), np.uint8))


@pytest.fixture
def found() -> Detections:
    boxes = np.array([[10.25, 20.5, 60.1, 90.7], [70, 30, 150, 110]], np.float32)
    return Detections(
        boxes,
        np.array([0.93, 0.1], np.float32),
        np.array([1, 0]),
        ('=사람, "a"', "person"),
        np.array([41, 7]),
        SIZE,
    )


@pytest.fixture
def refocused(picture: Image) -> Picture:
    return Picture(255 - picture.pixels, Rect(0, 0, *map(float, SIZE)), 1.0, SIZE)


@pytest.fixture
def sound() -> Spectrogram:
    levels = np.random.default_rng(1).integers(0, 256, (65, 300), np.uint8)
    return Spectrogram(levels, 16_000, 32, 128, -120.0, 0.0, 250)


@pytest.fixture
def item(picture: Image) -> Callable[..., ExportItem]:
    """`make(result, base=…, frames=…)` with a recipe."""

    def make(result: Any, base: Image | None = picture, frames: Any = None, media: Media | None = None) -> ExportItem:
        given = media or Media("id", Path("길거리 사진.jpg"), MediaKind.IMAGE, SIZE)
        return ExportItem(given, base, result, {"line_width": 3}, RECIPE, frames)

    return make
