"""Preprocessing of network inputs: resizing, padding, normalisation, and the mapping back to the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.samples import Image
from cvstudio.models.shared.imagenet import GREY

Resize = Literal["stretch", "letterbox", "corner", "crop"]
Interpolation = Literal["linear", "area"]
Layout = Literal["NCHW", "NHWC", "CHW", "HWC"]
Channels = Literal["RGB", "BGR"]


@dataclass(frozen=True)
class Preparation:
    """Preprocessing that a network expects.

    Parameters
    ----------
    size : width and height of the input in pixels
    resize : "stretch" to the size; the others keep the aspect ratio: "letterbox" pads on both sides, "corner" places
        the picture in the top left corner and pads the rest, "crop" takes the centre
    fill : 0..255, grey value of the padding
    crop : 0..1, fraction of the resized picture's shorter side that "crop" keeps (ImageNet's 224 of 256 is .875)
    interpolation : "linear" between the nearest pixels, or "area", which averages where the picture shrinks
    layout : order of the axes, with or without a batch axis
    channels : order of the colour channels
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
    """Mapping from a picture to a network's input: input = picture * `scale` + `offset`, for x and y.

    Coordinates count from outer corners, so that no half pixels are needed.
    """

    scale: tuple[float, float]
    offset: tuple[float, float]

    def to_picture(self, points: NDArray[np.floating]) -> NDArray[np.float32]:
        """Map points x, y (…, 2 k) in input pixels to pixels of the picture, float32."""
        repeat = points.shape[-1] // 2
        picture_points = (points - np.tile(np.asarray(self.offset, np.float32), repeat)) / np.tile(
            np.asarray(self.scale, np.float32), repeat
        )
        return picture_points.astype(np.float32)


def fit(pixels: NDArray[np.uint8], preparation: Preparation) -> tuple[NDArray[np.uint8], InputPlacement]:
    """Resize a picture to the size of the input.

    Parameters
    ----------
    pixels : uint8 RGB (h, w, 3)
    preparation : size and way of resizing

    Returns
    -------
    uint8 RGB (height, width, 3) of `preparation.size`, and the placement of the picture in it
    """
    import cv2

    height, width = pixels.shape[:2]
    input_width, input_height = preparation.size
    x_scale, y_scale = input_width / width, input_height / height
    if preparation.resize in ("letterbox", "corner"):
        x_scale = y_scale = min(x_scale, y_scale)
    elif preparation.resize == "crop":
        x_scale = y_scale = max(x_scale, y_scale) / preparation.crop
    # Truncated, as in the references; at least one pixel, or the size of the crop.
    smallest = preparation.size if preparation.resize == "crop" else (1, 1)
    size = (max(smallest[0], int(width * x_scale + 1e-6)), max(smallest[1], int(height * y_scale + 1e-6)))
    shrinks = size[0] < width or size[1] < height
    kernel = cv2.INTER_AREA if preparation.interpolation == "area" and shrinks else cv2.INTER_LINEAR
    resized = pixels if size == (width, height) else np.asarray(cv2.resize(pixels, size, interpolation=kernel))
    scale = (size[0] / width, size[1] / height)
    left, top = (
        (0, 0) if preparation.resize == "corner" else ((input_width - size[0]) // 2, (input_height - size[1]) // 2)
    )
    if preparation.resize == "crop":
        resized = resized[-top : input_height - top, -left : input_width - left]
    elif size != preparation.size:
        margins = (top, input_height - size[1] - top, left, input_width - size[0] - left)
        resized = cv2.copyMakeBorder(resized, *margins, cv2.BORDER_CONSTANT, value=(preparation.fill,) * 3)
    return np.asarray(resized, np.uint8), InputPlacement(scale, (float(left), float(top)))


def fit_long_side(image: Image, long_side: int) -> tuple[NDArray[np.uint8], tuple[float, float]]:
    """Resize and pad a picture for a network that takes sides of multiples of 32.

    Returns
    -------
    uint8 RGB (h, w, 3), the longer side `long_side`, padded on the right and bottom to multiples of 32; and its scale
    in x and y: pixels of the input per pixel of the picture
    """
    import cv2

    pixels = image.rgb8
    height, width = pixels.shape[:2]
    scale = long_side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # Exact halving is far faster than averaging over fractional areas, and averages of averages are as good.
    while not (pixels.shape[0] % 2 or pixels.shape[1] % 2) and pixels.shape[0] >= 4 * size[1]:
        half_size = (pixels.shape[1] // 2, pixels.shape[0] // 2)
        pixels = np.asarray(cv2.resize(pixels, half_size, interpolation=cv2.INTER_AREA), np.uint8)
    kernel = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    resized = cv2.resize(pixels, size, interpolation=kernel)
    right, bottom = (-side % 32 for side in size)
    padded = cv2.copyMakeBorder(resized, 0, bottom, 0, right, cv2.BORDER_CONSTANT, value=GREY)
    return np.asarray(padded, np.uint8), (size[0] / width, size[1] / height)


def to_input(pixels: NDArray[np.uint8], preparation: Preparation) -> NDArray[np.float32]:
    """Normalised input float32 in the declared layout, from uint8 RGB (height, width, 3) of `preparation.size`."""
    ordered = pixels[..., ::-1] if preparation.channels == "BGR" else pixels
    values = ordered.astype(np.float32)
    if preparation.scale != 1:
        values *= np.float32(preparation.scale)
    if any(preparation.mean):
        values -= np.asarray(preparation.mean, np.float32)
    if preparation.std != (1.0, 1.0, 1.0):
        values /= np.asarray(preparation.std, np.float32)
    if preparation.layout.endswith("CHW"):
        values = values.transpose(2, 0, 1)
    return np.ascontiguousarray(values[None] if preparation.layout.startswith("N") else values)
