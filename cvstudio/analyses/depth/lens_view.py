"""The part of a picture with depth that a lens blur is computed for: its light, and how near everything is."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses.depth.refocus import Aligned
from cvstudio.data.depth.nearness import NearnessScale
from cvstudio.data.geometry import Rect, View, readonly
from cvstudio.data.samples import Image
from cvstudio.data.srgb import decode_srgb, srgb8
from cvstudio.results.picture import to_linear

_REDUCED_PIXELS = 50_000
"""Of the small copy."""
WIDEST = 0.1
"""Largest aperture: the diameter of the largest circle of confusion as a part of the picture's longer side."""


@dataclass(frozen=True, eq=False)
class NearScene:
    """A picture with the nearness of every pixel.

    Parameters
    ----------
    aligned : picture and depth map of the same size
    filled : float32 (H, W), depths without holes, in the unit of the depth map
    scale : from depth to nearness
    """

    aligned: Aligned
    filled: NDArray[np.float32]
    scale: NearnessScale

    @property
    def longer_side(self) -> int:
        return max(self.aligned.image.size)

    def nearness(self, depth: float) -> float:
        """Nearness of one depth."""
        return float(self.scale.of(np.array([depth], np.float32))[0])


@dataclass(frozen=True, eq=False)
class LensView:
    """The visible part with a margin, out of which blur comes into it, at the size of the canvas.

    Parameters
    ----------
    scene : the whole
    rect : visible rectangle, in whole image pixels
    scale : output pixels per image pixel
    inner : rows and columns of the visible part in the arrays
    light : float32 (h, w, 3), linear light
    nearness : float32 (h, w)
    """

    scene: NearScene
    rect: Rect
    scale: float
    inner: tuple[slice, slice]
    light: NDArray[np.float32]
    nearness: NDArray[np.float32]

    @functools.cached_property
    def sharp(self) -> VisibleSharp:
        """The visible part alone, which no tick of a slider changes."""
        import cv2

        light, nearness = part_of(self.light, self.inner), part_of(self.nearness, self.inner)
        height, width = nearness.shape
        ratio = math.sqrt(_REDUCED_PIXELS / (height * width))
        size = (max(round(width * ratio), 1), max(round(height * ratio), 1))
        return VisibleSharp(
            readonly(srgb8(light)),
            readonly(nearness),
            ratio,
            readonly(np.asarray(cv2.resize(light, size, interpolation=cv2.INTER_AREA), np.float32)),
            # A mean of two depths would be that of nothing.
            readonly(np.asarray(cv2.resize(nearness, size, interpolation=cv2.INTER_NEAREST), np.float32)),
        )


@dataclass(frozen=True, eq=False)
class VisibleSharp:
    """The visible part without blur, and a small copy of it.

    Parameters
    ----------
    pixels : uint8 RGB (h, w, 3)
    nearness : float32 (h, w)
    ratio : side of the small copy by that of the part
    small_light, small_nearness : float32 (h', w', 3), linear light, and float32 (h', w')
    """

    pixels: NDArray[np.uint8]
    nearness: NDArray[np.float32]
    ratio: float
    small_light: NDArray[np.float32]
    small_nearness: NDArray[np.float32]


@functools.cache
def _light_of_levels() -> NDArray[np.float32]:
    return np.asarray(decode_srgb(np.arange(256) / 255), np.float32)


def linear_light(image: Image, part: tuple[slice, slice]) -> NDArray[np.float32]:
    """Linear light of a part of a picture, float32 (h, w, 3)."""
    if image.transfer == "linear":
        light = to_linear(Image(np.ascontiguousarray(image.pixels[part]), None, "linear"))
        if light is not None:
            return light
    return np.asarray(_light_of_levels()[image.rgb8[part]])


def visible_part(scene: NearScene, view: View) -> LensView:
    """Cut out what is visible and what can blur into it, at the scale of `view`; see `LensView`."""
    import cv2

    width, height = scene.aligned.image.size
    left = min(max(math.floor(view.rect.x), 0), width - 1)
    top = min(max(math.floor(view.rect.y), 0), height - 1)
    right = max(min(math.ceil(view.rect.right), width), left + 1)
    bottom = max(min(math.ceil(view.rect.bottom), height), top + 1)
    rect = Rect(float(left), float(top), float(right - left), float(bottom - top))
    margin = math.ceil(WIDEST * scene.longer_side)
    outer_left, outer_top = max(left - margin, 0), max(top - margin, 0)
    outer_right, outer_bottom = min(right + margin, width), min(bottom + margin, height)
    inner_size = View(rect, view.scale).size
    # Whole output pixels on each side of the visible part, so that it lies on the grid of the canvas.
    across, down = inner_size.width / rect.width, inner_size.height / rect.height
    before = (round((left - outer_left) * across), round((top - outer_top) * down))
    after = (round((outer_right - right) * across), round((outer_bottom - bottom) * down))
    size = (before[0] + inner_size.width + after[0], before[1] + inner_size.height + after[1])
    part = (slice(outer_top, outer_bottom), slice(outer_left, outer_right))
    light, depth = linear_light(scene.aligned.image, part), scene.filled[part]
    if size != (outer_right - outer_left, outer_bottom - outer_top):
        way = cv2.INTER_AREA if view.scale < 1 else cv2.INTER_LINEAR if view.scale < 2 else cv2.INTER_NEAREST_EXACT
        light = np.asarray(cv2.resize(light, size, interpolation=way), np.float32)
        # A mean of two depths would be that of nothing.
        depth = np.asarray(cv2.resize(depth, size, interpolation=cv2.INTER_NEAREST_EXACT), np.float32)
    rows = slice(before[1], before[1] + inner_size.height)
    columns = slice(before[0], before[0] + inner_size.width)
    return LensView(scene, rect, view.scale, (rows, columns), readonly(light), readonly(scene.scale.of(depth)))


def part_of(array: NDArray[Any], place: tuple[slice, slice]) -> NDArray[Any]:
    """A part of rows and columns, contiguous."""
    return np.ascontiguousarray(array[place])
