"""The picture beneath the results, at any view: resampling, exposure and transparency."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.adjustments import Adjustments
from cvstudio.data.geometry import View
from cvstudio.data.samples import Image
from cvstudio.data.srgb import srgb8
from cvstudio.draw._resample import PIXELATED_FROM, ImagePyramid
from cvstudio.draw.base import grid_origin, visible_part

Colour = tuple[int, int, int]

CHECKER = 8
"""Side of the squares of the chequerboard behind transparent pixels, in output pixels."""
CHECKER_GREYS = (102, 128)


class BasePicture:
    """A picture prepared for repeated rendering: caches its image pyramid, and the linear light at the last view.

    Parameters
    ----------
    image : in linear light it is resampled first and exposed afterwards, so that averages are correct and a change of
        the exposure only recomputes the visible pixels; an image with alpha is blended with a chequerboard
    deep : whether 16 bits and floats keep their precision, for a tone that stretches a part of them
    """

    def __init__(self, image: Image, *, deep: bool = False) -> None:
        self.linear = image.transfer == "linear" and image.pixels.dtype == np.float32
        self.deep = deep and not self.linear and image.alpha is None and image.pixels.dtype != np.uint8
        planes = _deep_planes(image) if self.deep else _planes(image, linear=self.linear)
        self._alpha = planes.shape[2] == 4
        self._pyramid = ImagePyramid(planes)
        self._light: tuple[View, NDArray[Any]] | None = None

    def sample(
        self, view: View, background: Colour, exposure_ev: float, tone: Adjustments | None = None
    ) -> NDArray[np.uint8]:
        """The pixels within `view`, and `background` outside the picture: a new array, uint8 RGB of `view.size`.

        They have the `tone`, which is that of `Adjustments`.
        """
        import cv2

        size = view.size
        x, y = grid_origin(view)
        left, top, right, bottom = visible_part(self._pyramid.size, view)
        if left >= right or top >= bottom:
            return plain(view, background)
        part = self._window(view, left, top, right, bottom)
        if self._alpha:
            opacity = (part[..., 3:] if self.linear else part[..., 3:] / 255).astype(np.float32)
            transparent = np.zeros((*part.shape[:2], 3), np.float32)
            straight = np.divide(part[..., :3], opacity, where=opacity > 0, out=transparent)
            if tone is not None:
                most = np.float32(1 if self.linear else 255)
                straight = (tone.toned(straight / most, linear=self.linear) * most).astype(np.float32)
            colours = _on_checker(srgb8(straight, exposure_ev) if self.linear else straight, opacity, left, top)
        else:
            part = tone.toned(part, linear=self.linear) if tone is not None else part
            colours = srgb8(part, exposure_ev) if self.linear else part
            if self.deep:
                colours = (np.clip(colours, 0, 1) * 255 + 0.5).astype(np.uint8)
        around = (top - y, y + size.height - bottom, left - x, x + size.width - right)
        if not any(around):
            return colours
        return cv2.copyMakeBorder(colours, *around, cv2.BORDER_CONSTANT, value=background).astype(np.uint8, copy=False)

    def _window(self, view: View, left: int, top: int, right: int, bottom: int) -> NDArray[Any]:
        if self._light is not None and self._light[0] == view:
            return self._light[1]
        part = self._pyramid.window(view.scale, left, top, right, bottom, pixelated=view.scale >= PIXELATED_FROM)
        if self.linear:
            self._light = view, part
        return part


def plain(view: View, colour: Colour) -> NDArray[np.uint8]:
    """`view` filled with one colour."""
    width, height = view.size
    return np.tile(np.array(colour, np.uint8), (height, width, 1))


def _planes(image: Image, *, linear: bool) -> NDArray[Any]:
    """(H, W, 3) uint8, or linear light as float32; with alpha (H, W, 4) with premultiplied colours, so that transparent
    pixels do not bleed into averages."""
    if linear:
        light: NDArray[np.float32] = image.pixels
        with np.errstate(all="ignore"):
            finite = np.isfinite(light.sum())
        if not finite:
            # NaN and infinity would spread to their neighbours. 2 ** 16 is white at every selectable exposure.
            light = np.nan_to_num(np.clip(light, 0, 65536), nan=0.0)
        if image.alpha is None:
            return light
        opacity = np.clip(image.alpha, 0, 1).astype(np.float32)[..., None]
        return np.dstack([light * opacity, opacity])
    if image.alpha is None:
        return image.rgb8
    opacity = Image(np.dstack([image.alpha] * 3)).rgb8[..., :1]
    if opacity.min() == 255:
        return image.rgb8
    return np.dstack([(image.rgb8.astype(np.uint16) * opacity + 127) // 255, opacity]).astype(np.uint8)


def _deep_planes(image: Image) -> NDArray[np.float32]:
    """(H, W, 3) float32, 0..1."""
    if image.pixels.dtype == np.uint16:
        return np.asarray(image.pixels.astype(np.float32) / np.float32(65535))
    return np.asarray(np.nan_to_num(np.clip(image.pixels, 0, 1), nan=0.0), np.float32)


def _on_checker(colours: NDArray[Any], opacity: NDArray[np.float32], left: int, top: int) -> NDArray[np.uint8]:
    height, width = colours.shape[:2]
    # The squares are aligned to the whole picture, so that they move with it.
    rows, columns = (np.arange(height) + top) // CHECKER, (np.arange(width) + left) // CHECKER
    checker = np.where((rows[:, None] + columns) % 2, *CHECKER_GREYS)[..., None]
    return (checker + (colours - checker) * opacity + 0.5).astype(np.uint8)
