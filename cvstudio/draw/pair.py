"""Comparison of two results for the same picture: side by side, or on both sides of a split line."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size, View, readonly
from cvstudio.data.samples import Image
from cvstudio.draw.base import Emphasis, Look, draw, grid, grid_origin, grid_size, paints
from cvstudio.draw.palette import INK, PAPER
from cvstudio.draw.text import chip
from cvstudio.results.result import Result
from cvstudio.results.source import Source

P = TypeVar("P", bound=Image)

GAP = 8
"""Pixels between the two pictures."""
MARGIN = 8


@dataclass(frozen=True, eq=False)
class Pair(Result):
    """Two results to be compared, as one result.

    Parameters
    ----------
    left, right : results for the picture
    picture : size of the picture
    split : position of the split line, 0..1 of the width; None shows the picture twice, side by side (`base_of`)
    titles : text at the top of both sides; empty for none
    """

    left: Result
    right: Result
    picture: Size
    split: float | None = None
    titles: tuple[str, str] = ("", "")

    @property
    def size(self) -> Size:
        """Size of the canvas that it is drawn on."""
        width, height = self.picture
        return self.picture if self.split is not None else Size(2 * width + GAP, height)

    @property
    def source(self) -> Source:
        return self.left.source

    def canvas_size(self, picture: Size) -> Size:
        return self.size

    def headline(self) -> str:
        return f"{self.left.headline()} | {self.right.headline()}"

    def base_of(self, image: P) -> P:
        """The picture to draw on: `image` itself, or `image` twice, side by side."""
        if self.split is not None:
            return image

        def twice(array: NDArray[Any]) -> NDArray[Any]:
            gap = np.zeros((array.shape[0], GAP, *array.shape[2:]), array.dtype)
            return readonly(np.concatenate((array, gap, array), axis=1))

        alpha = None if image.alpha is None else twice(image.alpha)
        return dataclasses.replace(image, pixels=twice(image.pixels), alpha=alpha)


@paints(Pair)
def paint_pair(result: Pair, canvas: NDArray[np.uint8], view: View, look: Look, emphasis: Emphasis) -> None:
    x, y = grid_origin(view)
    margin = look.px(MARGIN)
    if result.split is None:
        offset = result.picture.width + GAP
        right_view = View(view.rect._replace(x=view.rect.x - offset), view.scale)
        draw(result.left, canvas, view, look, emphasis)
        draw(result.right, canvas, right_view, look, emphasis)
        right = grid(offset, view.scale) + margin
    else:
        column = grid(result.split * result.picture.width, view.scale)
        boundary = min(max(column - x, 0), canvas.shape[1])
        left = canvas.copy()
        draw(result.left, left, view, look, emphasis)
        draw(result.right, canvas, view, look, emphasis)
        canvas[:, :boundary] = left[:, :boundary]
        split_line(canvas, column - x, look.line_width, look.px(2))
        right = grid_size(result.size, view.scale).width - margin
    size = look.font_size
    for title, edge in zip(result.titles, (margin, right), strict=True):
        if title:
            pixels = chip(title, size, PAPER, INK)
            right_aligned = result.split is not None and edge == right
            _paste(canvas, pixels, edge - pixels.shape[1] * right_aligned - x, margin - y)


def split_line(canvas: NDArray[np.uint8], column: int, width: int, edge: int = 2) -> None:
    """A vertical line, white with dark edges of `edge` px, whose centre is the left edge of `column`."""
    for ink, half in ((INK, width // 2 + edge), (PAPER, (width + 1) // 2)):
        canvas[:, max(column - half, 0) : max(column + half, 0)] = ink


def _paste(canvas: NDArray[np.uint8], pixels: NDArray[np.uint8], left: int, top: int) -> None:
    height, width = pixels.shape[:2]
    x1, y1 = max(left, 0), max(top, 0)
    x2, y2 = min(left + width, canvas.shape[1]), min(top + height, canvas.shape[0])
    if x1 < x2 and y1 < y2:
        canvas[y1:y2, x1:x2] = pixels[y1 - top : y2 - top, x1 - left : x2 - left]
