"""The look of a result, the grid that everything is drawn on, and the registry of painters."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size, View
from cvstudio.foundation.params import Choices, Doc, Range
from cvstudio.foundation.registry import Registry


@dataclass(frozen=True)
class Look:
    """How results are drawn; the same on screen and in a file."""

    exposure: Annotated[
        float,
        Range(-10, 10, step=0.1, unit="EV"),
        Doc("Exposure", "Brightens pictures in linear light (EXR, HDR); each stop doubles.", "Try -2 for a window."),
    ] = 0.0
    opacity: Annotated[
        float, Range(0, 1, step=0.05), Doc("Opacity", "How strongly results cover the picture.", "Try 0.5.")
    ] = 1.0
    line_width: Annotated[
        int,
        Range(1, 8, step=1, unit="px"),
        Doc("Line", "Width of the boxes' lines; their labels grow with it.", "Try 4 for a large picture."),
    ] = 2
    show_labels: Annotated[bool, Doc("Labels", "Writes the class beside each box.")] = True
    show_scores: Annotated[bool, Doc("Scores", "Writes the score behind the class.")] = True
    show_masks: Annotated[bool, Doc("Masks", "Tints the pixels of each thing where the model tells them.")] = True
    mask_opacity: Annotated[
        float,
        Range(0, 1, step=0.05),
        Doc("Mask opacity", "How strongly masks cover what they mark.", "Try 0.8 to see the shape alone."),
    ] = 0.4
    heat_opacity: Annotated[
        float,
        Range(0, 1, step=0.05),
        Doc("Heat map", "How strongly a heat map covers the picture.", "Try 1 to see the map alone."),
    ] = 0.5
    colour_by: Annotated[
        str,
        Choices(("class", "identity")),
        Doc("Colour by", "What has a colour of its own in a video.", "identity tells neighbours of one class apart."),
    ] = "class"
    colour_map: Annotated[
        str,
        Choices(("viridis", "magma", "cividis", "grey")),
        Doc(
            "Colours",
            "How loudness or heat becomes colour; all are even to the eye.",
            "magma shows faint sounds.",
        ),
    ] = "viridis"


@dataclass(frozen=True)
class Emphasis:
    """Ids of results that are chosen, and the one under the mouse.

    Ids are those of one analysis: `layer` is its place in the stack, from the lowest; None means every layer.
    """

    selected: frozenset[int] = frozenset()
    hovered: int | None = None
    layer: int | None = None


class PaintArea(NamedTuple):
    """The visible part of a picture, to be painted on.

    Parameters
    ----------
    pixels : uint8 RGB (bottom - top, right - left, 3)
    left, top, right, bottom : where it lies on the grid
    """

    pixels: NDArray[np.uint8]
    left: int
    top: int
    right: int
    bottom: int


def grid(value: float, scale: float) -> int:
    """The edge between output pixels that is nearest to the image coordinate `value`.

    Output pixels are those of the whole picture at `scale`, whatever part of it is visible: everything is rounded
    to this one grid, so that the screen shows a crop of what a file holds and nothing moves against anything else.
    """
    return round(value * scale)


def grid_origin(view: View) -> tuple[int, int]:
    """Column and row of the grid at which `view` begins; negative where it begins outside of the picture."""
    return grid(view.rect.x, view.scale), grid(view.rect.y, view.scale)


def grid_size(size: Size, scale: float) -> Size:
    """Size of the whole picture on the grid, at least one pixel."""
    return Size(max(1, grid(size.width, scale)), max(1, grid(size.height, scale)))


def visible_part(size: Size, view: View) -> tuple[int, int, int, int]:
    """Left, top, right and bottom on the grid of what `view` shows of a picture of `size`; empty where right <= left
    or bottom <= top."""
    x, y = grid_origin(view)
    whole, shown = grid_size(size, view.scale), view.size
    return max(x, 0), max(y, 0), min(x + shown.width, whole.width), min(y + shown.height, whole.height)


@contextlib.contextmanager
def painted_over(size: Size, canvas: NDArray[np.uint8], view: View, look: Look) -> Iterator[PaintArea | None]:
    """Paint over a picture of `size` as strongly as `look` says.

    Yields
    ------
    What to paint on; it covers what is below once the block ends. None where nothing of it would be seen.
    """
    left, top, right, bottom = visible_part(size, view)
    if look.opacity <= 0 or right <= left or bottom <= top:
        yield None
        return
    x, y = grid_origin(view)
    # Beyond the picture nothing is painted, as a file has nothing there.
    shown = canvas[top - y : bottom - y, left - x : right - x]
    target = shown if look.opacity >= 1 else shown.copy()
    yield PaintArea(target, left, top, right, bottom)
    if look.opacity < 1:
        import cv2

        shown[:] = cv2.addWeighted(target, look.opacity, shown, 1 - look.opacity, 0)


Paint = Callable[[Any, NDArray[np.uint8], View, Look, Emphasis], None]
"""Paints a result on a canvas in place; the parameters are those of `draw`."""

Whole = Callable[[Any, Look, int], NDArray[np.uint8]]
"""Makes the picture of a result that lies on none: (result, look, widest in pixels) -> uint8 RGB (h, w, 3)."""


@dataclass(frozen=True)
class Painter:
    """How results of one type, and of those that derive from it, are drawn.

    Parameters
    ----------
    result_type : the type
    paint : paints one
    whole : for a type with a view of its own, makes its picture for a file; None draws it pixel for pixel
    """

    result_type: type[Any]
    paint: Paint
    whole: Whole | None = None

    @property
    def key(self) -> str:
        return f"{self.result_type.__module__}.{self.result_type.__qualname__}"


PAINTERS: Registry[Painter] = Registry("painter", "cvstudio.draw")
"""Filled by the modules of this package, and of others that name `cvstudio.draw` as an entry point."""


def paints(result_type: type[Any], *, whole: Whole | None = None) -> Callable[[Paint], Paint]:
    """Register the decorated function as the painter of `result_type`."""

    def register(paint: Paint) -> Paint:
        PAINTERS.register(Painter(result_type, paint, whole))
        return paint

    return register


def painter_of(result_type: type[Any]) -> Painter | None:
    """Who draws results of this type: the painter of the type itself, or of the nearest one that it derives from."""
    painters = {painter.result_type: painter for painter in PAINTERS}
    return next((painters[base] for base in result_type.__mro__ if base in painters), None)


def draw(result: Any, canvas: NDArray[np.uint8], view: View, look: Look, emphasis: Emphasis) -> None:
    """Paint `result` on `canvas` in place.

    Parameters
    ----------
    result : of a type that has a painter
    canvas : uint8 RGB (h, w, 3) of `view.size`, the renderer's own buffer
    view : what `canvas` shows
    look, emphasis : how it is drawn

    Raises
    ------
    TypeError
        No painter is known for the type of `result`.
    """
    painter = painter_of(type(result))
    if painter is None:
        raise TypeError(f"there is no painter for {type(result).__name__}")
    painter.paint(result, canvas, view, look, emphasis)
