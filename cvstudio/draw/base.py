"""The look of a result, and the function that every result type adds its painter to."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.params import Choices, Doc, Range
from cvstudio.types import View


@dataclass(frozen=True)
class Look:
    """How results are drawn; the same on screen and in a file."""

    opacity: Annotated[
        float, Range(0, 1, step=0.05), Doc("Opacity", "How strongly results cover the picture.", "Try 0.5.")
    ] = 1.0
    line_width: Annotated[
        int, Range(1, 8, step=1, unit="px"), Doc("Line", "Width of the boxes' lines.", "4 for a large picture.")
    ] = 2
    show_labels: Annotated[bool, Doc("Labels", "Writes the class beside each box.")] = True
    show_scores: Annotated[bool, Doc("Scores", "Writes the score behind the class.")] = True
    colour_map: Annotated[
        str,
        Choices(("viridis", "magma", "cividis", "grey")),
        Doc("Colours", "How loudness becomes colour; all are even to the eye.", "magma shows faint sounds well."),
    ] = "viridis"


@dataclass(frozen=True)
class Emphasis:
    """Ids of results that are chosen, and the one under the mouse."""

    selected: frozenset[int] = frozenset()
    hovered: int | None = None


@functools.singledispatch
def draw(result: Any, canvas: NDArray[np.uint8], view: View, look: Look, emphasis: Emphasis) -> None:
    """Paint `result` on `canvas` in place: uint8 RGB of `view.size`, the renderer's own buffer.

    Raises
    ------
    TypeError
        No painter is known for the type of `result`.
    """
    raise TypeError(f"there is no painter for {type(result).__name__}")
