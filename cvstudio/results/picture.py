"""A computed picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Rect, Size, readonly
from cvstudio.data.samples import Image
from cvstudio.data.srgb import srgb8
from cvstudio.results.result import Placement, Result
from cvstudio.results.source import Source


@dataclass(frozen=True, eq=False)
class Picture(Result):
    """A picture computed from a picture.

    `pixels` is uint8 RGB (h, w, 3) and shows `rect` (image pixels) of a source of `size`; `scale` is output
    pixels for each image pixel. `mask` bool (h, w), optional, marks the pixels that are in focus.
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

    def headline(self) -> str:
        return f"{self.size.width} × {self.size.height}"


MOST_LIGHT = 65536.0
"""White at every exposure on offer."""


@dataclass(frozen=True, eq=False)
class LinearPicture(Picture):
    """A `Picture` whose `pixels` are those at an exposure of 0.

    Parameters
    ----------
    light : float32 RGB (h, w, 3), linear
    """

    light: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0, 3), np.float32))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.light.shape != self.pixels.shape or self.light.dtype != np.float32:
            raise ValueError(f"expected float32 {self.pixels.shape}, found {self.light.dtype} {self.light.shape}")
        object.__setattr__(self, "light", readonly(self.light))

    def exposed(self, exposure_ev: float) -> Picture:
        """The picture at an exposure, in stops."""
        pixels = srgb8(self.light, exposure_ev) if exposure_ev else self.pixels
        return Picture(pixels, self.rect, self.scale, self.size, self.mask, self.source)


def to_linear(image: Image) -> NDArray[np.float32] | None:
    """The light of a picture in linear light, float32 (H, W, 3), at least 0 and finite, so that it can be averaged;
    None of another picture."""
    if image.transfer != "linear" or image.pixels.dtype != np.float32:
        return None
    light: NDArray[np.float32] = np.nan_to_num(np.clip(image.pixels, 0, MOST_LIGHT), nan=0.0)
    return light
