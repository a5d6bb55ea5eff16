"""What the canvas shows of a turned or mirrored picture: the picture and its results in the pixels that are shown."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.data.adjustments import Adjustments
from cvstudio.data.geometry import Rect, View
from cvstudio.data.pixel_map import PixelMap
from cvstudio.data.samples import Image
from cvstudio.results.result import can_be_placed
from cvstudio.session.session import State

MOST_RESULTS = 16
"""Results that are kept turned: those of the layers on screen, and some of the frames before."""


OUTSIDE_DIVISOR = 3
"""What lies outside of a crop is shown at this part of its brightness."""


def adjustments_on_canvas(state: State) -> Adjustments | None:
    """Adjustments with which the current analysis is given the picture on the canvas; None for none."""
    instance = state.instance
    if instance is None or instance.canvas_media is None or instance.canvas_media.id != state.active:
        return None
    return instance.adjustments_of(instance.spec.canvas_slot)


class Oriented:
    """Turns what is drawn, and keeps it: equal objects are drawn from the renderer's cache.

    Parameters
    ----------
    turn : from the pixels of the file to those that are shown; None where they are the same
    """

    def __init__(self) -> None:
        self.turn: PixelMap | None = None
        self._picture: tuple[PixelMap, Image, Image] | None = None
        self._results: dict[tuple[int, PixelMap], tuple[Any, Any]] = {}

    def begin(
        self, base: Image | None, adjustments: Adjustments | None, layers: Sequence[AnalysisInstance]
    ) -> PixelMap | None:
        """Set and return `turn`: as `adjustments` turn and mirror `base`, unless a layer on it cannot be turned."""
        self.turn = None
        if base is not None and adjustments is not None and all(can_be_placed(item.spec.result) for item in layers):
            turn = adjustments.orientation.pixel_map(base.size)
            self.turn = None if turn.identity else turn
        return self.turn

    def picture(self, image: Image | None) -> Image | None:
        """`image` as it is shown."""
        if self.turn is None or image is None or image.size != self.turn.source:
            return image
        if self._picture is None or self._picture[:2] != (self.turn, image):
            pixels = np.ascontiguousarray(self.turn.turned(image.pixels))
            alpha = None if image.alpha is None else np.ascontiguousarray(self.turn.turned(image.alpha))
            self._picture = self.turn, image, dataclasses.replace(image, pixels=pixels, alpha=alpha)
        return self._picture[2]

    def result(self, result: Any) -> Any:
        """`result` of the whole picture as it is shown; one of another size lies on no picture."""
        if self.turn is None or result is None or result.size != self.turn.source:
            return result
        key = (id(result), self.turn)
        if key not in self._results:
            while len(self._results) >= MOST_RESULTS:
                del self._results[next(iter(self._results))]
            # The original is kept with it, or else its id could become that of another.
            self._results[key] = result, result.placed(self.turn)
        return self._results[key][1]

    def crop(self, crop: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
        """x, y, width, height of a crop as it is shown."""
        if self.turn is None:
            return crop
        rect = self.turn.rect(Rect(*crop))
        return round(rect.x), round(rect.y), round(rect.width), round(rect.height)


def shade_outside(pixels: NDArray[np.uint8], view: View, crop: tuple[int, int, int, int]) -> None:
    """Darken what lies outside of `crop` (x, y, width, height in image pixels) in the rendered `pixels` of `view`."""
    corner, scale = np.array((view.rect.x, view.rect.y)), view.scale
    low = (np.array(crop[:2]) - corner) * scale
    high = low + np.array(crop[2:]) * scale
    height, width = pixels.shape[:2]
    left, top = (int(value) for value in np.rint(low).clip(0, (width, height)))
    right, bottom = (int(value) for value in np.rint(high).clip(0, (width, height)))
    for part in (pixels[:top], pixels[bottom:], pixels[top:bottom, :left], pixels[top:bottom, right:]):
        part[...] = part // OUTSIDE_DIVISOR
