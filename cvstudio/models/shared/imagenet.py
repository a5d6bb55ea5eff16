"""ImageNet's 1000 classes, and how a classifier's picture is cut out of a photograph."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Rect, Size
from cvstudio.data.samples import Image
from cvstudio.foundation.paths import resource

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""Of ImageNet's RGB pixels in 0..1."""

GREY = (124, 116, 104)
"""`MEAN` in 0..255: what is filled in where a picture ends, as it is zero for a network that takes the mean off."""

Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]
MOST_OBLONG = 8
"""Of a longer picture only its middle is resized: a strip of a million pixels would be enlarged whole."""


@cache
def imagenet_labels() -> tuple[str, ...]:
    """The names of the classes by index, no two alike."""
    return tuple(resource("labels", "imagenet-1000.txt").read_text(encoding="utf-8").splitlines())


@dataclass(frozen=True)
class CentreCrop:
    """How a picture becomes what a classifier takes: resized, its middle cut out, normalised.

    Parameters
    ----------
    resize : the shorter side in pixels; with `squash` both
    crop : side of the square that is cut out, not more than `resize`
    interpolation : of resizing; it averages where it makes smaller
    mean, std : of RGB in 0..1, taken off and divided by
    squash : whether the picture is made square, its shape not kept
    """

    resize: int
    crop: int
    interpolation: Interpolation = "bilinear"
    mean: tuple[float, float, float] = MEAN
    std: tuple[float, float, float] = STD
    squash: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.crop <= self.resize:
            raise ValueError(f"expected a crop of 1 to {self.resize} pixels, found {self.crop}")

    def size_of(self, size: Size) -> tuple[int, int]:
        """Width and height that a picture is resized to."""
        if self.squash:
            return self.resize, self.resize
        short, long = sorted(size)
        # Cut off, as torchvision does.
        other = int(self.resize * long / short)
        return (self.resize, other) if size.width <= size.height else (other, self.resize)


def cut_out(image: Image, how: CentreCrop) -> tuple[NDArray[np.uint8], Rect]:
    """What a classifier sees of a picture: uint8 RGB (crop, crop, 3), and where that is in image pixels.

    Resized by Pillow, as the pipelines do that the published figures were measured with, so that the pixels are
    the same as theirs.
    """
    import PIL.Image

    pixels, left, top = _middle(image.rgb8, how)
    height, width = pixels.shape[:2]
    wide, high = how.size_of(Size(width, height))
    kernel = PIL.Image.Resampling[how.interpolation.upper()]
    resized = np.asarray(PIL.Image.fromarray(pixels).resize((wide, high), kernel))
    # Python rounds half to even here, as torchvision's `center_crop` does.
    x, y = round((wide - how.crop) / 2), round((high - how.crop) / 2)
    across, down = width / wide, height / high
    rect = Rect(left + x * across, top + y * down, how.crop * across, how.crop * down)
    return np.ascontiguousarray(resized[y : y + how.crop, x : x + how.crop]), rect


def _middle(pixels: NDArray[np.uint8], how: CentreCrop) -> tuple[NDArray[np.uint8], int, int]:
    """The picture, or the middle of a very oblong one, and its left and top."""
    height, width = pixels.shape[:2]
    longest = min(height, width) * MOST_OBLONG
    if how.squash or max(height, width) <= longest:
        return np.ascontiguousarray(pixels), 0, 0
    if width > height:
        left = (width - longest) // 2
        return np.ascontiguousarray(pixels[:, left : left + longest]), left, 0
    top = (height - longest) // 2
    return np.ascontiguousarray(pixels[top : top + longest]), 0, top
