"""From a picture to what a network takes, and back: resizing, padding, normalisation, and where things then lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Resize = Literal["stretch", "letterbox", "corner", "crop"]
Interpolation = Literal["linear", "area"]
Layout = Literal["NCHW", "NHWC", "CHW", "HWC"]
Channels = Literal["RGB", "BGR"]


@dataclass(frozen=True)
class Preparation:
    """How a network wants its picture.

    Parameters
    ----------
    size : width and height of the input in pixels
    resize : "stretch" to the size; "letterbox" keeps the shape and pads on both sides; "corner" keeps the shape, lays
        the picture into the top left corner and pads the rest; "crop" keeps the shape and cuts the middle out
    fill : 0..255, grey of what is padded
    crop : 0..1, the part of the resized picture's shorter side that "crop" keeps (ImageNet's 224 of 256 is .875)
    interpolation : "linear" between the nearest pixels, or "area": averages where the picture is made smaller
    layout : order of the axes, with or without the batch's
    channels : order of the colours
    scale, mean, std : the input is (pixels * scale - mean) / std, mean and std in the order of `channels`
    """

    size: tuple[int, int]
    resize: Resize = "letterbox"
    fill: int = 114
    crop: float = 1.0
    interpolation: Interpolation = "linear"
    layout: Layout = "NCHW"
    channels: Channels = "RGB"
    scale: float = 1.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class InputPlacement:
    """Where a picture lies in an input: a place of the input is the picture's times `scale` plus `offset`, by x and y.

    Both count from outer corners, so that no half pixels are needed.
    """

    scale: tuple[float, float]
    offset: tuple[float, float]

    def to_picture(self, points: NDArray[np.floating]) -> NDArray[np.float32]:
        """Places x, y (…, 2 k) of the input in pixels of the picture, float32."""
        repeat = points.shape[-1] // 2
        found = (points - np.tile(np.asarray(self.offset, np.float32), repeat)) / np.tile(
            np.asarray(self.scale, np.float32), repeat
        )
        return found.astype(np.float32)


def fit(pixels: NDArray[np.uint8], how: Preparation) -> tuple[NDArray[np.uint8], InputPlacement]:
    """The picture at the size of the input.

    Parameters
    ----------
    pixels : uint8 RGB (h, w, 3)
    how : size and way of resizing

    Returns
    -------
    uint8 RGB (height, width, 3) of `how.size`, and where the picture lies in it
    """
    import cv2

    height, width = pixels.shape[:2]
    wide, high = how.size
    across, down = wide / width, high / height
    if how.resize in ("letterbox", "corner"):
        across = down = min(across, down)
    elif how.resize == "crop":
        across = down = max(across, down) / how.crop
    # Cut off, as the references do; never less than a pixel, nor, where it is cropped, than what is cut out.
    least = how.size if how.resize == "crop" else (1, 1)
    size = (max(least[0], int(width * across + 1e-6)), max(least[1], int(height * down + 1e-6)))
    smaller = size[0] < width or size[1] < height
    kernel = cv2.INTER_AREA if how.interpolation == "area" and smaller else cv2.INTER_LINEAR
    resized = pixels if size == (width, height) else np.asarray(cv2.resize(pixels, size, interpolation=kernel))
    scale = (size[0] / width, size[1] / height)
    left, top = (0, 0) if how.resize == "corner" else ((wide - size[0]) // 2, (high - size[1]) // 2)
    if how.resize == "crop":
        resized = resized[-top : high - top, -left : wide - left]
    elif size != how.size:
        around = (top, high - size[1] - top, left, wide - size[0] - left)
        resized = cv2.copyMakeBorder(resized, *around, cv2.BORDER_CONSTANT, value=(how.fill,) * 3)
    return np.asarray(resized, np.uint8), InputPlacement(scale, (float(left), float(top)))


def to_input(pixels: NDArray[np.uint8], how: Preparation) -> NDArray[np.float32]:
    """What the network is given: float32 in `how.layout`, from uint8 RGB (height, width, 3) of `how.size`."""
    ordered = pixels[..., ::-1] if how.channels == "BGR" else pixels
    values = ordered.astype(np.float32)
    if how.scale != 1:
        values *= np.float32(how.scale)
    if any(how.mean):
        values -= np.asarray(how.mean, np.float32)
    if how.std != (1.0, 1.0, 1.0):
        values /= np.asarray(how.std, np.float32)
    if how.layout.endswith("CHW"):
        values = values.transpose(2, 0, 1)
    return np.ascontiguousarray(values[None] if how.layout.startswith("N") else values)
