"""A picture computed from one in linear light: it is exposed when it is drawn, as the one that it came from is."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cvstudio.results import Picture
from cvstudio.tone import srgb8
from cvstudio.types import Image, readonly

MOST_LIGHT = 65536.0
"""White at every exposure on offer."""


@dataclass(frozen=True, eq=False)
class LightPicture(Picture):
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


def light_of(image: Image) -> NDArray[np.float32] | None:
    """The light of a picture in linear light, float32 (H, W, 3), at least 0 and finite, so that it can be averaged;
    None of another picture."""
    if image.transfer != "linear" or image.pixels.dtype != np.float32:
        return None
    light: NDArray[np.float32] = np.nan_to_num(np.clip(image.pixels, 0, MOST_LIGHT), nan=0.0)
    return light
