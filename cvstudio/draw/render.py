"""The picture of what is visible, with results on top."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.draw import (  # noqa: F401  (each registers its painter)
    boxes,
    guesses,
    heat,
    hog,
    pictures,
    points,
    regions,
    sound,
    stack,
)
from cvstudio.draw.base import Emphasis, Look, draw, grid_origin, visible_part
from cvstudio.draw.resample import PIXELATED_FROM, Pyramid
from cvstudio.types import Image, View

BACKGROUND = (22, 24, 28)
Colour = tuple[int, int, int]


def render(
    base: Image | None,
    layers: Sequence[tuple[Any, Look]],
    view: View,
    *,
    background: Colour = BACKGROUND,
    emphasis: Emphasis | None = None,
) -> NDArray[np.uint8]:
    """What `view` shows of a picture with results on it.

    Parameters
    ----------
    base : the picture; None where the layers stand alone
    layers : results with their looks, the lowest first
    view : its rectangle may reach beyond the picture, or lie outside of it
    background : RGB where the picture is not
    emphasis : what is chosen and hovered

    Returns
    -------
    uint8 RGB (h, w, 3) of `view.size`, a new array. It is a crop of what the whole picture at that scale gives: exact
    for boxes and labels at every scale and for pixels at scale 1; elsewhere pixels agree to the precision of
    OpenCV's interpolation, 1/32 pixel. Nothing that is given is changed.

    Raises
    ------
    TypeError
        A layer is of a type that nothing is known to draw.
    """
    canvas = sample_base(Pyramid(base.rgb8) if base else None, view, background)
    _draw_layers(canvas, layers, view, emphasis)
    return canvas


class Renderer:
    """Renders again and again: keeps the picture's halves and, while only results change, its pixels at the view."""

    def __init__(self) -> None:
        self._base: Image | None = None
        self._pyramid: Pyramid | None = None
        self._sampled: NDArray[np.uint8] | None = None
        self._sampled_for: tuple[View, Colour] | None = None

    def render(
        self,
        base: Image | None,
        layers: Sequence[tuple[Any, Look]],
        view: View,
        *,
        background: Colour = BACKGROUND,
        emphasis: Emphasis | None = None,
    ) -> NDArray[np.uint8]:
        """As the function `render`."""
        if base is not self._base:
            self._base = base
            self._pyramid = Pyramid(base.rgb8) if base else None
            self._sampled = None
        if self._sampled is None or self._sampled_for != (view, background):
            self._sampled = sample_base(self._pyramid, view, background)
            self._sampled_for = (view, background)
        canvas = self._sampled.copy()
        _draw_layers(canvas, layers, view, emphasis)
        return canvas


def sample_base(pyramid: Pyramid | None, view: View, background: Colour) -> NDArray[np.uint8]:
    """The picture at `view`, with `background` around it: a new uint8 RGB array of `view.size`."""
    import cv2

    size = view.size
    if pyramid is None:
        return _filled(size.width, size.height, background)
    x, y = grid_origin(view)
    left, top, right, bottom = visible_part(pyramid.size, view)
    if left >= right or top >= bottom:
        return _filled(size.width, size.height, background)
    part = pyramid.window(view.scale, left, top, right, bottom, pixelated=view.scale >= PIXELATED_FROM)
    around = (top - y, y + size.height - bottom, left - x, x + size.width - right)
    if not any(around):
        return part
    return cv2.copyMakeBorder(part, *around, cv2.BORDER_CONSTANT, value=background).astype(np.uint8, copy=False)


def _filled(width: int, height: int, colour: Colour) -> NDArray[np.uint8]:
    return np.tile(np.array(colour, np.uint8), (height, width, 1))


def _draw_layers(
    canvas: NDArray[np.uint8], layers: Sequence[tuple[Any, Look]], view: View, emphasis: Emphasis | None
) -> None:
    for place, (result, look) in enumerate(layers):
        concerned = emphasis is not None and emphasis.layer in (None, place)
        draw(result, canvas, view, look, emphasis if concerned and emphasis else Emphasis())
