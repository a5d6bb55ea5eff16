"""Pictures computed from a picture, such as refocused ones."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Rect, Size, readonly
from cvstudio.data.pixel_map import PixelMap
from cvstudio.data.samples import Image
from cvstudio.data.srgb import srgb8
from cvstudio.results.result import Placement, Result
from cvstudio.results.source import Source


@dataclass(frozen=True, eq=False)
class Picture(Result):
    """A picture computed from a picture.

    Parameters
    ----------
    pixels : uint8 RGB (h, w, 3)
    rect : the part of the source that it shows, in image pixels
    scale : output pixels per image pixel
    size : size of the source picture
    mask : bool (h, w), pixels in focus; None where it is not known
    """

    placement: ClassVar[Placement] = Placement.BASE

    pixels: NDArray[np.uint8]
    rect: Rect
    scale: float
    size: Size
    mask: NDArray[np.bool_] | None = None
    source: Source = Source()

    def __post_init__(self) -> None:
        if self.pixels.ndim != 3 or self.pixels.shape[2] != 3 or self.pixels.dtype != np.uint8:
            raise ValueError(f"expected uint8 (h, w, 3), found {self.pixels.dtype} {self.pixels.shape}")
        object.__setattr__(self, "pixels", readonly(self.pixels))
        if self.mask is not None:
            object.__setattr__(self, "mask", readonly(self.mask))

    def placed(self, pixel_map: PixelMap) -> Self:
        return dataclasses.replace(
            self,
            pixels=pixel_map.turned(self.pixels),
            rect=pixel_map.rect(self.rect),
            size=pixel_map.target,
            mask=pixel_map.turned(self.mask) if self.mask is not None else None,
            **self._light_placed(pixel_map),
        )

    def _light_placed(self, pixel_map: PixelMap) -> dict[str, Any]:
        return {}

    def headline(self) -> str:
        return f"{self.size.width} × {self.size.height}"


MOST_LIGHT = 65536.0
"""Linear light that is white at every selectable exposure."""


@dataclass(frozen=True, eq=False)
class LinearPicture(Picture):
    """A `Picture` in linear light; its `pixels` are rendered at an exposure of 0.

    Parameters
    ----------
    light : float32 RGB (h, w, 3), linear light
    """

    light: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0, 3), np.float32))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.light.shape != self.pixels.shape or self.light.dtype != np.float32:
            raise ValueError(f"expected float32 {self.pixels.shape}, found {self.light.dtype} {self.light.shape}")
        object.__setattr__(self, "light", readonly(self.light))

    def _light_placed(self, pixel_map: PixelMap) -> dict[str, Any]:
        return {"light": pixel_map.turned(self.light)}

    def exposed(self, exposure_ev: float) -> Picture:
        """The picture rendered at an exposure of `exposure_ev` stops."""
        pixels = srgb8(self.light, exposure_ev) if exposure_ev else self.pixels
        return Picture(pixels, self.rect, self.scale, self.size, self.mask, self.source)


def to_linear(image: Image) -> NDArray[np.float32] | None:
    """Linear light of `image`, float32 (H, W, 3), finite and clipped to 0..`MOST_LIGHT`, to be averaged; None where the
    image is not in linear light."""
    if image.transfer != "linear" or image.pixels.dtype != np.float32:
        return None
    light: NDArray[np.float32] = np.nan_to_num(np.clip(image.pixels, 0, MOST_LIGHT), nan=0.0)
    return light
