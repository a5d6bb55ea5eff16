"""The sets that the depth network learns from, as views, and their split.

Neighbouring numbers of `nyu_depth` show the same room: blocks of `BLOCK` numbers are for one purpose each.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cvstudio.foundation.progress import Progress
from cvstudio.training import sets
from cvstudio.training.augment import Pixels
from cvstudio.training.depth import orders, views
from cvstudio.training.depth.views import DepthView, depth_view, jittered, picture_of, plane_of, random_window, whole
from cvstudio.training.depth.world_views import world_views

FILES = (
    "nyu_depth/rgb",
    "nyu_depth/depth",
    "camvid/train/images",
    "camvid/train/labels",
    "camvid/val/images",
    "camvid/val/labels",
    "voc5/images",
    "flickr8k/images",
)

BLOCK = 90
TEST_BLOCKS, VALIDATION_BLOCKS = (2, 10), (6,)
MARGIN = 8
"""Frames for training that are left out beside a block of another purpose, as they may show the same room."""

VOC_STEP, FLICKR_STEP = 8, 3
"""Of `voc5` every eighth photograph is taken, of `flickr8k` every third."""

STREET_STEP = 2
"""Of CamVid, whose frames come from few drives, every second one."""

FARTHEST_METRES = 60.0
"""What is farther away in the generated world counts as at this distance."""

PARTS = ("nyu", "world", "camvid", "photographs")
"""Names of the sets."""

WEAK_PAIRS = 24
"""Pairs of bottom and top of a photograph, beside those of its figures."""


def nyu_numbers(data: Path, purpose: str) -> list[int]:
    """Numbers of the frames of `nyu_depth` for "training", "validation" or "test"."""
    numbers = sorted(int(path.stem) for path in (data / "nyu_depth" / "rgb").glob("*.jpg"))
    others = (*TEST_BLOCKS, *VALIDATION_BLOCKS)
    if purpose != "training":
        blocks = TEST_BLOCKS if purpose == "test" else VALIDATION_BLOCKS
        return [number for number in numbers if number // BLOCK in blocks]
    return [
        number
        for number in numbers
        if not {number // BLOCK, (number - MARGIN) // BLOCK, (number + MARGIN) // BLOCK} & set(others)
    ]


def nyu_frame(data: Path, number: int) -> tuple[Pixels, NDArray[np.float32]]:
    """Picture, uint8 (192, 256, 3), and depth, float32 (192, 256), of a frame; each has its own unit."""
    folder = data / "nyu_depth"
    pixels = sets.decode((folder / "rgb" / f"{number:05}.jpg").read_bytes())
    depth = sets.decode((folder / "depth" / f"{number:05}.png").read_bytes())[..., 0]
    return pixels, depth.astype(np.float32)


def nyu_views(data: Path, rng: np.random.Generator, limit: int | None) -> Iterator[DepthView]:
    """Each frame for training whole, mirrored, as two parts in other light, and some upright."""
    for number in nyu_numbers(data, "training")[:limit]:
        pixels, depth = nyu_frame(data, number)
        height, width = depth.shape
        for mirrored in (False, True):
            yield depth_view(pixels, depth, whole(height, width, mirrored=mirrored))
        for upright in (False, False, True):
            if upright and number % 2:
                continue
            window = random_window(rng, height, width, upright=upright)
            yield depth_view(jittered(rng, pixels), depth, window)


def world_depth_views(
    folder: Path, rng: np.random.Generator, progress: Progress, limit: int | None
) -> Iterator[DepthView]:
    """Views of the generated world whole, mirrored, and as a part, with pairs of sky and land."""
    for pixels, metres in world_views(folder, progress, limit=limit):
        height, width = metres.shape
        windows = [whole(height, width), whole(height, width, mirrored=True), random_window(rng, height, width)]
        for number, window in enumerate(windows):
            depth = plane_of(np.minimum(metres, np.float32(FARTHEST_METRES)), window)
            shown = plane_of(np.ones(metres.shape, np.uint8), window).astype(bool)
            light = picture_of(jittered(rng, pixels) if number == 2 else pixels, window)
            yield DepthView(light, depth, orders.sky_pairs(rng, depth, shown))


def street_views(data: Path, part: str, rng: np.random.Generator, limit: int | None) -> Iterator[DepthView]:
    """Street scenes of CamVid's `part`, whole; those for training also mirrored."""
    folder = data / "camvid" / part
    for path in sorted((folder / "images").glob("*.jpg"))[::STREET_STEP][:limit]:
        pixels = sets.decode(path.read_bytes())
        classes = sets.decode((folder / "labels" / f"{path.stem}.png").read_bytes())[..., 0]
        height, width = classes.shape
        for mirrored in (False, True)[: 2 if part == "train" else 1]:
            window = whole(height, width, mirrored=mirrored)
            known = plane_of(classes, window, missing=orders.UNLABELLED)
            pairs = orders.street_pairs(rng, known)
            yield DepthView(picture_of(pixels, window), np.zeros(known.shape, np.float32), pairs)


def photograph_paths(data: Path, *, held_out: bool) -> list[Path]:
    """Everyday photographs, or the held-out tenth of them."""
    voc, flickr = (sorted((data / name / "images").iterdir()) for name in ("voc5", "flickr8k"))
    paths = voc[::VOC_STEP] + flickr[::FLICKR_STEP]
    return [path for number, path in enumerate(paths) if (number % sets.HELD_OUT == sets.HELD_OUT - 1) == held_out]


def photograph_pixels(
    paths: list[Path], rng: np.random.Generator, *, mirror: bool
) -> Iterator[tuple[Pixels, int, int]]:
    """Views of photographs, some of them mirrored, with the rows and columns of cells that the picture fills."""
    for path in paths:
        pixels = sets.decode(path.read_bytes())
        window = whole(*pixels.shape[:2], mirrored=mirror and bool(rng.random() < 0.5))
        scale = views.scale_of(window) / views.STRIDE
        yield picture_of(pixels, window), round(window.height * scale), round(window.width * scale)
