"""ImageNet's 1000 classes, its normalisation, and the centre crop that classifiers take."""

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
"""Mean and standard deviation of ImageNet's RGB values in 0..1."""

GREY = (124, 116, 104)
"""`MEAN` in 0..255: the padding colour, which normalisation maps to zero."""

Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]
MOST_OBLONG = 8
"""Largest aspect ratio that is resized whole; of a longer picture only the middle is, to bound the memory."""


@cache
def imagenet_labels() -> tuple[str, ...]:
    """Class names by index, all distinct."""
    return tuple(resource("labels", "imagenet-1000.txt").read_text(encoding="utf-8").splitlines())


@dataclass(frozen=True)
class CentreCrop:
    """Preprocessing of a classifier: resizing, centre crop, normalisation.

    Parameters
    ----------
    resize : length in pixels of the shorter side after resizing; with `squash` of both sides
    crop : side of the square crop in pixels, at most `resize`
    interpolation : of resizing, antialiased where it shrinks
    mean, std : per RGB channel in 0..1; the input is (pixels / 255 - mean) / std
    squash : whether the picture is resized to a square, regardless of its aspect ratio

    Raises
    ------
    ValueError
        `crop` is not in 1..`resize`.
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
        """Width and height to which a picture of `size` is resized."""
        if self.squash:
            return self.resize, self.resize
        short, long = sorted(size)
        # Truncated, as in torchvision.
        long_side = int(self.resize * long / short)
        return (self.resize, long_side) if size.width <= size.height else (long_side, self.resize)


def cut_out(image: Image, preprocessing: CentreCrop) -> tuple[NDArray[np.uint8], Rect]:
    """Centre crop of a picture: uint8 RGB (crop, crop, 3), and its rectangle in pixels of the picture.

    Resized by Pillow, like the pipelines behind the published figures, so that the pixels are identical to theirs.
    """
    import PIL.Image

    pixels, left, top = _middle(image.rgb8, preprocessing)
    height, width = pixels.shape[:2]
    resized_width, resized_height = preprocessing.size_of(Size(width, height))
    kernel = PIL.Image.Resampling[preprocessing.interpolation.upper()]
    resized = np.asarray(PIL.Image.fromarray(pixels).resize((resized_width, resized_height), kernel))
    # Python rounds half to even here, as torchvision's `center_crop` does.
    x, y = round((resized_width - preprocessing.crop) / 2), round((resized_height - preprocessing.crop) / 2)
    x_scale, y_scale = width / resized_width, height / resized_height
    rect = Rect(left + x * x_scale, top + y * y_scale, preprocessing.crop * x_scale, preprocessing.crop * y_scale)
    return np.ascontiguousarray(resized[y : y + preprocessing.crop, x : x + preprocessing.crop]), rect


def _middle(pixels: NDArray[np.uint8], preprocessing: CentreCrop) -> tuple[NDArray[np.uint8], int, int]:
    """The picture, or the middle part of a very long one, with its left and top in the picture."""
    height, width = pixels.shape[:2]
    longest = min(height, width) * MOST_OBLONG
    if preprocessing.squash or max(height, width) <= longest:
        return np.ascontiguousarray(pixels), 0, 0
    if width > height:
        left = (width - longest) // 2
        return np.ascontiguousarray(pixels[:, left : left + longest]), left, 0
    top = (height - longest) // 2
    return np.ascontiguousarray(pixels[top : top + longest]), 0, top
