"""What the depth network learns from: views of pictures with depths, or with pairs of places of which one is nearer.

A view is a picture of a shape of 4 : 3 or 3 : 4 in the network's input, its depth and its pairs on the grid of the
network's output.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.models.shared.imagenet import GREY
from cvstudio.models.shared.lite_trunk import SIDE
from cvstudio.training.augment import Pixels, colour_jitter

ACROSS, ALONG = 320, SIDE
"""Shorter and longer side of a view in pixels."""

STRIDE = 4
"""Pixels of a view per cell of the output."""

MOST_PAIRS = 192
"""Of a view."""

NO_PAIRS = np.full((0, 4), -1, np.int16)


@dataclass(frozen=True, eq=False)
class DepthView:
    """One view.

    Parameters
    ----------
    pixels : uint8 RGB (`ACROSS`, `ALONG`, 3), or upright (`ALONG`, `ACROSS`, 3)
    depth : float32, a cell for every `STRIDE` pixels; in any unit, 0 where it is not known
    pairs : int16 (n, 4), rows and columns of the nearer and the farther cell
    """

    pixels: Pixels
    depth: NDArray[np.float32]
    pairs: NDArray[np.int16]

    @property
    def is_upright(self) -> bool:
        return bool(self.pixels.shape[0] > self.pixels.shape[1])


@dataclass(frozen=True)
class Window:
    """A part of a picture, in whole pixels, that becomes a view, and whether it is mirrored."""

    left: int
    top: int
    width: int
    height: int
    mirrored: bool = False


def whole(height: int, width: int, *, mirrored: bool = False) -> Window:
    """The largest part in the middle that is no squarer than a view."""
    if width >= height:
        most = round(width * ACROSS / ALONG)
        cut = max(0, height - most)
        return Window(0, cut // 2, width, height - cut, mirrored)
    most = round(height * ACROSS / ALONG)
    cut = max(0, width - most)
    return Window(cut // 2, 0, width - cut, height, mirrored)


def random_window(rng: np.random.Generator, height: int, width: int, *, upright: bool = False) -> Window:
    """A part of a picture at a random place: of 60 to 95 % of its sides, or the largest upright one."""
    if upright:
        part_height, part_width = height, min(width, round(height * ACROSS / ALONG))
    else:
        share = rng.uniform(0.6, 0.95)
        part_height, part_width = round(height * share), round(width * share)
    left, top = int(rng.integers(width - part_width + 1)), int(rng.integers(height - part_height + 1))
    return Window(left, top, part_width, part_height, bool(rng.random() < 0.5))


def scale_of(window: Window) -> float:
    """Pixels of the view per pixel of the picture."""
    shorter, longer = sorted((window.width, window.height))
    return min(ALONG / longer, ACROSS / shorter)


def picture_of(pixels: Pixels, window: Window) -> Pixels:
    """The pixels of a view."""
    import cv2

    part = _cut(pixels, window)
    scale = scale_of(window)
    size = (round(window.width * scale), round(window.height * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    height, width = _canvas(window, 1)
    canvas = np.full((height, width, 3), np.array(GREY, np.uint8), np.uint8)
    canvas[: size[1], : size[0]] = cv2.resize(part, size, interpolation=way)
    return canvas


def plane_of(plane: NDArray[Any], window: Window, *, missing: float = 0) -> NDArray[Any]:
    """The cells of a view for a plane of the picture, such as its depth: the nearest values."""
    import cv2

    part = _cut(plane, window)
    scale = scale_of(window) / STRIDE
    size = (round(window.width * scale), round(window.height * scale))
    canvas = np.full(_canvas(window, STRIDE), missing, plane.dtype)
    canvas[: size[1], : size[0]] = cv2.resize(part, size, interpolation=cv2.INTER_NEAREST_EXACT)
    return canvas


def depth_view(pixels: Pixels, depth: NDArray[np.float32], window: Window) -> DepthView:
    """A view of a picture with depth."""
    return DepthView(picture_of(pixels, window), plane_of(depth, window), NO_PAIRS)


def jittered(rng: np.random.Generator, pixels: Pixels) -> Pixels:
    """Other light: brightness, contrast and saturation, and a cast of colour."""
    gains = rng.uniform(0.88, 1.12, 3)
    cast = np.clip(pixels.astype(np.float32) * gains, 0, 255).astype(np.uint8)
    return colour_jitter(rng, cast, 0.3)


def _cut(plane: NDArray[Any], window: Window) -> NDArray[Any]:
    part = plane[window.top : window.top + window.height, window.left : window.left + window.width]
    return np.ascontiguousarray(part[:, ::-1] if window.mirrored else part)


def _canvas(window: Window, stride: int) -> tuple[int, int]:
    height, width = (ACROSS, ALONG) if window.width >= window.height else (ALONG, ACROSS)
    return height // stride, width // stride
