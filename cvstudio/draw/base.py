"""Drawing: look and emphasis of results, the pixel grid, and the registry of painters."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size, View
from cvstudio.foundation.params import Choices, Doc, Range
from cvstudio.foundation.registry import Registry

SMALLEST_FONT = 6


@dataclass(frozen=True)
class Look:
    """Drawing style of results, the same on screen and in files."""

    exposure: Annotated[
        float,
        Range(-10, 10, step=0.1, unit="EV"),
        Doc(
            "Exposure",
            "Brightens pictures in linear light (EXR, HDR); each stop doubles the light.",
            "Try -2 for a window.",
        ),
    ] = 0.0
    opacity: Annotated[
        float, Range(0, 1, step=0.05), Doc("Opacity", "How strongly results cover the picture.", "Try 0.5.")
    ] = 1.0
    line_width: Annotated[
        int,
        Range(1, 8, step=1, unit="px"),
        Doc("Line width", "Width of the lines of boxes; their labels grow with it.", "Try 4 for a large picture."),
    ] = 2
    text_size: Annotated[
        int, Range(8, 48, step=1, unit="px"), Doc("Text size", "Height of the text of labels.", "Try 20 for a talk.")
    ] = 13
    sizes: Annotated[
        str,
        Choices(("picture", "fixed"), ("scale with the picture", "fixed")),
        Doc(
            "Exported sizes",
            "Size of lines and text in exports: relative to the picture, as in a window that shows all of it, or "
            "fixed in pixels.",
            "fixed keeps them thin on large pictures.",
        ),
    ] = "picture"
    show_labels: Annotated[bool, Doc("Labels", "Shows the class beside each box.")] = True
    show_scores: Annotated[bool, Doc("Confidence", "Shows the confidence after the class.")] = True
    show_masks: Annotated[bool, Doc("Masks", "Tints the pixels of each object, where the model provides masks.")] = True
    mask_opacity: Annotated[
        float,
        Range(0, 1, step=0.05),
        Doc("Mask opacity", "How strongly masks cover what they mark.", "Try 0.8 to see the shape alone."),
    ] = 0.3
    heat_opacity: Annotated[
        float,
        Range(0, 1, step=0.05),
        Doc("Heat map", "How strongly a heat map covers the picture.", "Try 1 to see the map alone."),
    ] = 0.5
    colour_by: Annotated[
        str,
        Choices(("class", "identity")),
        Doc(
            "Colour by",
            "What has a colour of its own: each identity that is followed through a video, or each class.",
            "Choose class to see all cars in one colour.",
        ),
    ] = "identity"
    colour_map: Annotated[
        str,
        Choices(("viridis", "magma", "cividis", "grey")),
        Doc(
            "Colours",
            "How loudness or heat is mapped to colour; all are perceptually uniform.",
            "magma shows faint sounds.",
        ),
    ] = "viridis"

    @property
    def font_size(self) -> int:
        """Font size of labels in output pixels, growing with the line width."""
        return max(SMALLEST_FONT, self.text_size + 2 * (self.line_width - 2))

    @property
    def unit(self) -> float:
        """Output pixels for each pixel of the drawing style: hairlines, margins and dots have sizes of their own."""
        return 1.0

    def px(self, pixels: float) -> int:
        """`pixels` of the drawing style in output pixels, at least 1."""
        return max(1, round(pixels * self.unit))


@dataclass(frozen=True)
class ScaledLook(Look):
    """A look whose sizes are in output pixels. `unit`, `font_size` : see `Look`."""

    font_size: int = 13
    unit: float = 1.0


FIT = Size(960, 720)
"""Canvas of a window of usual size, in which an exported picture is imagined to be shown as a whole."""


def scaled(look: Look, unit: float) -> Look:
    """`look` with lines, text and all else drawn `unit` times as large."""
    if unit == 1:
        return look
    values = {field.name: getattr(look, field.name) for field in dataclasses.fields(Look)}
    line_width, font_size = (max(1, round(size * unit)) for size in (look.line_width, look.font_size))
    return ScaledLook(**{**values, "line_width": line_width}, font_size=font_size, unit=unit)


def for_export(look: Look, size: Size) -> Look:
    """`look` for a file of `size` pixels.

    With `Look.sizes` "picture", lines and text are as large beside the picture as in a window that shows all of it
    (`FIT`), so that they are seen at arm's length however many pixels it has; never smaller than on screen.
    """
    if look.sizes == "fixed":
        return look
    return scaled(look, max(1.0, size.width / FIT.width, size.height / FIT.height))


@dataclass(frozen=True)
class Emphasis:
    """Ids of the selected parts, and of the part under the mouse (`Result.part_at`).

    `layer` is the index, from the lowest, of the layer that they belong to; None means every layer.
    """

    selected: frozenset[int] = frozenset()
    hovered: int | None = None
    layer: int | None = None


class PaintArea(NamedTuple):
    """The visible part of a picture, as a canvas.

    Parameters
    ----------
    pixels : uint8 RGB (bottom - top, right - left, 3), writeable
    left, top, right, bottom : its edges on the grid
    """

    pixels: NDArray[np.uint8]
    left: int
    top: int
    right: int
    bottom: int


def grid(value: float, scale: float) -> int:
    """The image coordinate `value`, rounded to the nearest edge between output pixels.

    The grid of output pixels is that of the whole picture at `scale`, whatever part is visible. All coordinates are
    rounded to it, so that the screen shows an exact crop of the exported file.
    """
    return round(value * scale)


def grid_origin(view: View) -> tuple[int, int]:
    """Column and row of the grid at the top left corner of `view`; negative outside the picture."""
    return grid(view.rect.x, view.scale), grid(view.rect.y, view.scale)


def grid_size(size: Size, scale: float) -> Size:
    """Size of the whole picture in output pixels, at least 1 x 1."""
    return Size(max(1, grid(size.width, scale)), max(1, grid(size.height, scale)))


def visible_part(size: Size, view: View) -> tuple[int, int, int, int]:
    """Left, top, right and bottom, on the grid, of the part of a picture of `size` within `view`; empty where
    right <= left or bottom <= top."""
    x, y = grid_origin(view)
    whole, shown = grid_size(size, view.scale), view.size
    return max(x, 0), max(y, 0), min(x + shown.width, whole.width), min(y + shown.height, whole.height)


@contextlib.contextmanager
def painted_over(size: Size, canvas: NDArray[np.uint8], view: View, look: Look) -> Iterator[PaintArea | None]:
    """Paint over a picture of `size` with the opacity of `look`.

    Yields
    ------
    The area to paint on, which is blended with the canvas at the end of the block; None where nothing is visible.
    """
    left, top, right, bottom = visible_part(size, view)
    if look.opacity <= 0 or right <= left or bottom <= top:
        yield None
        return
    x, y = grid_origin(view)
    # Nothing is painted outside the picture, as an exported file ends there.
    visible = canvas[top - y : bottom - y, left - x : right - x]
    target = visible if look.opacity >= 1 else visible.copy()
    yield PaintArea(target, left, top, right, bottom)
    if look.opacity < 1:
        import cv2

        visible[:] = cv2.addWeighted(target, look.opacity, visible, 1 - look.opacity, 0)


Paint = Callable[[Any, NDArray[np.uint8], View, Look, Emphasis], None]
"""Paints a result on a canvas in place; same parameters as `draw`."""

Whole = Callable[[Any, Look, int], NDArray[np.uint8]]
"""Renders a result with a view of its own: (result, look, largest width in pixels) -> uint8 RGB (h, w, 3)."""


@dataclass(frozen=True)
class Painter:
    """Drawing of one result type and its subclasses.

    Parameters
    ----------
    result_type : the type
    paint : paints a result on a canvas
    whole : for a type with a view of its own, renders the picture of an export; None paints it at scale 1
    """

    result_type: type[Any]
    paint: Paint
    whole: Whole | None = None

    @property
    def key(self) -> str:
        return f"{self.result_type.__module__}.{self.result_type.__qualname__}"


PAINTERS: Registry[Painter] = Registry("painter", "cvstudio.draw")
"""Painters of this package, and of other packages with an entry point in the group `cvstudio.draw`."""


def paints(result_type: type[Any], *, whole: Whole | None = None) -> Callable[[Paint], Paint]:
    """Register the decorated function as the painter of `result_type`."""

    def register(paint: Paint) -> Paint:
        PAINTERS.register(Painter(result_type, paint, whole))
        return paint

    return register


def painter_of(result_type: type[Any]) -> Painter | None:
    """The painter of this type, or of its nearest base class that has one; None where there is none."""
    painters = {painter.result_type: painter for painter in PAINTERS}
    return next((painters[base] for base in result_type.__mro__ if base in painters), None)


def draw(result: Any, canvas: NDArray[np.uint8], view: View, look: Look, emphasis: Emphasis) -> None:
    """Paint `result` on `canvas` in place.

    Parameters
    ----------
    result : of a type that has a painter
    canvas : uint8 RGB (h, w, 3) of `view.size`, changed in place
    view : the part of the picture that `canvas` shows
    look, emphasis : drawing style, and selected parts

    Raises
    ------
    TypeError
        The type of `result` has no painter.
    """
    painter = painter_of(type(result))
    if painter is None:
        raise TypeError(f"there is no painter for {type(result).__name__}")
    painter.paint(result, canvas, view, look, emphasis)
