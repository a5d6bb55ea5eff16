"""Several results on one picture, each with its own opacity, as one result for exports."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size, View
from cvstudio.draw.base import Emphasis, Look, draw, paints
from cvstudio.results.result import Result
from cvstudio.results.source import Source


@dataclass(frozen=True, eq=False)
class Stack(Result):
    """Results for the same picture, drawn on top of each other.

    Parameters
    ----------
    layers : (result, opacity 0..1), the lowest first
    """

    layers: tuple[tuple[Result, float], ...]

    @property
    def size(self) -> Size:
        """Size of the picture."""
        return self.layers[0][0].size

    @property
    def source(self) -> Source:
        return self.layers[0][0].source

    def headline(self) -> str:
        return ", ".join(result.headline() for result, _ in self.layers)


def faded(look: Look, opacity: float) -> Look:
    """`look` with its opacity multiplied by that of a layer, 0..1."""
    return look if opacity >= 1 else dataclasses.replace(look, opacity=look.opacity * opacity)


@paints(Stack)
def paint_stack(result: Stack, canvas: NDArray[np.uint8], view: View, look: Look, emphasis: Emphasis) -> None:
    for layer, opacity in result.layers:
        draw(layer, canvas, view, faded(look, opacity), emphasis)
