"""The picture of what is visible, with results on top."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.draw import boxes, pictures, sound  # noqa: F401  (each registers its painter)
from cvstudio.draw.base import Emphasis, Look, draw
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
    """A new uint8 RGB picture (h, w, 3) of `view.size`: `base` at `view`, then each layer.

    `view.rect` may reach beyond the picture; there is `background`. At scale 1 and whole offsets the base is copied
    exactly. Nothing that is given is changed.
    """
    canvas = sample_base(base, view, background)
    for result, look in layers:
        draw(result, canvas, view, look, emphasis or Emphasis())
    return canvas


def sample_base(base: Image | None, view: View, background: Colour) -> NDArray[np.uint8]:
    """`base` at `view`: areas averaged when it shrinks, pixels kept square from scale 2, linear between."""
    import cv2

    width, height = view.size
    if base is None:
        return np.full((height, width, 3), background, np.uint8)
    pixels = base.rgb8
    x, y, scale = view.rect.x, view.rect.y, view.scale
    inside = x >= 0 and y >= 0 and view.rect.right <= base.size.width and view.rect.bottom <= base.size.height
    if scale == 1 and x == int(x) and y == int(y) and inside:
        return pixels[int(y) : int(y) + height, int(x) : int(x) + width].copy()
    # Only the visible part is resampled, with a margin for the filter.
    margin = int(np.ceil(2 / min(scale, 1.0)))
    left, top = max(int(np.floor(x)) - margin, 0), max(int(np.floor(y)) - margin, 0)
    right = min(int(np.ceil(view.rect.right)) + margin, base.size.width)
    bottom = min(int(np.ceil(view.rect.bottom)) + margin, base.size.height)
    if left >= right or top >= bottom:
        return np.full((height, width, 3), background, np.uint8)
    part = pixels[top:bottom, left:right]
    if scale < 1:
        size = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
        part = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
        across, down = part.shape[1] / (right - left), part.shape[0] / (bottom - top)
    else:
        across = down = 1.0
    # Output pixel centres to source pixel centres.
    a, d = across / scale, down / scale
    matrix = np.array(
        [[a, 0, (x - left) * across + 0.5 * a - 0.5], [0, d, (y - top) * down + 0.5 * d - 0.5]], np.float64
    )
    flags = (cv2.INTER_NEAREST if scale >= 2 else cv2.INTER_LINEAR) | cv2.WARP_INVERSE_MAP
    result: NDArray[np.uint8] = cv2.warpAffine(
        part, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    _outside(result, base, view, background)
    return result


def _outside(canvas: NDArray[np.uint8], base: Image, view: View, background: Colour) -> None:
    """Paint what lies beyond the picture."""
    left = min(max(round(-view.rect.x * view.scale), 0), canvas.shape[1])
    top = min(max(round(-view.rect.y * view.scale), 0), canvas.shape[0])
    right = min(max(round((base.size.width - view.rect.x) * view.scale), 0), canvas.shape[1])
    bottom = min(max(round((base.size.height - view.rect.y) * view.scale), 0), canvas.shape[0])
    canvas[:top] = canvas[bottom:] = background
    canvas[:, :left] = canvas[:, right:] = background


class Renderer:
    """Renders again and again; the resampled base is kept while only the results change."""

    def __init__(self) -> None:
        self._base: Image | None = None
        self._view: View | None = None
        self._background: Colour | None = None
        self._sampled: NDArray[np.uint8] | None = None

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
        if self._sampled is None or base is not self._base or (view, background) != (self._view, self._background):
            self._sampled = sample_base(base, view, background)
            self._base, self._view, self._background = base, view, background
        canvas = self._sampled.copy()
        for result, look in layers:
            draw(result, canvas, view, look, emphasis or Emphasis())
        return canvas
