"""A HOG descriptor as strokes: each cell shows the directions of its edges, brighter where they are stronger."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Rect, View
from cvstudio.draw.base import Emphasis, Look, grid_origin, paints, visible_part
from cvstudio.draw.palette import RGB
from cvstudio.results.hog_cells import HogCells

DIMMED = 0.25
"""Brightness factor of the picture under the strokes."""

STROKE: RGB = (255, 255, 255)
LOOKED_FOR: RGB = (255, 196, 84)
AVOIDED: RGB = (120, 190, 255)
CHOSEN: RGB = (76, 141, 255)
SMALLEST = 5
"""Smallest side of a drawn cell in output pixels; smaller cells are averaged."""

MANY = 2500
"""Number of cells above which strokes are repeated instead of drawn one by one, exactly."""

REACH = 0.47
"""Length of a stroke from the centre of its cell, as a fraction of the cell."""

FAINTEST = 8
"""Lowest level, of 255, of a stroke that is drawn."""

SUBPIXEL = 4
"""Fractional bits of drawn coordinates."""


@paints(HogCells)
def paint_hog_cells(result: HogCells, canvas: NDArray[np.uint8], view: View, look: Look, emphasis: Emphasis) -> None:
    import cv2

    left, top, right, bottom = visible_part(result.size, view)
    if look.opacity <= 0 or right <= left or bottom <= top:
        return
    x, y = grid_origin(view)
    visible = canvas[top - y : bottom - y, left - x : right - x]
    # The picture is dimmed by the opacity; strokes are then added as light.
    visible[:] = cv2.convertScaleAbs(visible, alpha=1 - look.opacity * (1 - DIMMED))
    if result.template is not None:
        rect = template_rect(result)
        colour = LOOKED_FOR if result.template.max() > 0 else AVOIDED
        _strokes(visible, np.abs(result.template), 180.0, rect, view.scale, (left, top), colour, look)
        return
    strokes, cell = _merged(result.cells, result.cell, view.scale)
    rows, columns = strokes.shape[:2]
    span = 360.0 if result.signed else 180.0
    _strokes(visible, strokes, span, Rect(0, 0, columns * cell, rows * cell), view.scale, (left, top), STROKE, look)
    hovered = set() if emphasis.hovered is None else {emphasis.hovered}
    for number in sorted(emphasis.selected | hovered):
        _outline(visible, result, number, view.scale, (left, top), look)


def template_rect(result: HogCells) -> Rect:
    """Rectangle of a detector's window: centred in the picture, as large as fits, twice as high as wide."""
    width, height = result.size
    tall = min(float(height), 2.0 * width)
    return Rect((width - tall / 2) / 2, (height - tall) / 2, tall / 2, tall)


def _merged(cells: NDArray[np.float32], cell: int, scale: float) -> tuple[NDArray[np.float32], int]:
    """Cells averaged over squares until they are large enough at `scale`, and their side in image pixels."""
    count = 1
    while cell * count * scale < SMALLEST and min(cells.shape[:2]) >= 2 * count:
        count *= 2
    if count == 1:
        return cells, cell
    rows, columns, bins = cells.shape
    rows, columns = rows // count, columns // count
    whole = cells[: rows * count, : columns * count].reshape(rows, count, columns, count, bins)
    return whole.mean(axis=(1, 3)), cell * count


def _strokes(
    canvas: NDArray[np.uint8],
    cells: NDArray[np.float32],
    span: float,
    rect: Rect,
    scale: float,
    origin: tuple[int, int],
    colour: RGB,
    look: Look,
) -> None:
    """Draw histograms (rows, columns, bins) over `span` degrees; the cells are a regular grid over `rect`.

    A stroke runs along the edge, perpendicular to the gradient. Signed orientations (`span` 360) are drawn as half a
    stroke, at the direction of the gradient turned by 90 degrees.
    """
    import cv2

    rows, columns, bins = cells.shape
    cell_width, cell_height = rect.width / columns * scale, rect.height / rows * scale
    left, top = rect.x * scale - origin[0], rect.y * scale - origin[1]
    first = max(0, int(-left // cell_width)), max(0, int(-top // cell_height))
    last = (
        min(columns, int((canvas.shape[1] - left) // cell_width) + 1),
        min(rows, int((canvas.shape[0] - top) // cell_height) + 1),
    )
    visible = cells[first[1] : last[1], first[0] : last[0]]
    peak = float(cells.max())
    if not visible.size or peak <= 0:
        return
    corner = left + first[0] * cell_width, top + first[1] * cell_height
    levels = np.rint(visible / peak * 255).astype(np.uint8)
    angles = np.deg2rad((np.arange(bins) + 0.5) * span / bins + 90)
    width = max(1, round(min(cell_width, cell_height) / 24 * look.line_width / look.unit / 2))
    paint = _repeat_strokes if levels.shape[0] * levels.shape[1] > MANY else _draw_strokes
    light = paint(levels, angles, span <= 180, corner, (cell_width, cell_height), width, canvas.shape[:2])
    glow = light[..., None].astype(np.float32) * (np.array(colour, np.float32) / 255 * look.opacity)
    canvas[:] = cv2.add(canvas, np.rint(glow).astype(np.uint8))


def _draw_strokes(
    levels: NDArray[np.uint8],
    angles: NDArray[np.float64],
    whole: bool,
    corner: tuple[float, float],
    cell: tuple[float, float],
    width: int,
    shape: tuple[int, ...],
) -> NDArray[np.uint8]:
    """Strokes of levels (rows, columns, bins) drawn one by one: uint8 of `shape`.

    Parameters
    ----------
    angles : float64 (bins,), radians, direction of each bin's stroke
    whole : whether a stroke extends to both sides of the centre
    corner, cell : in output pixels, top left corner of the first cell and size of a cell
    """
    import cv2

    reach = REACH * min(cell)
    light = np.zeros(shape, np.uint8)
    for number, angle in enumerate(angles):
        dx, dy = reach * np.cos(angle), reach * np.sin(angle)
        backwards = float(whole)
        ys, xs = np.nonzero(levels[..., number] >= FAINTEST)
        # OpenCV's coordinates are integers at pixel centres, ours are halves.
        x, y = corner[0] + (xs + 0.5) * cell[0] - 0.5, corner[1] + (ys + 0.5) * cell[1] - 0.5
        ends = np.stack((x - backwards * dx, y - backwards * dy, x + dx, y + dy), axis=1)
        points = np.rint(ends * (1 << SUBPIXEL)).astype(np.int64).tolist()
        layer = np.zeros_like(light)
        for (x1, y1, x2, y2), strength in zip(points, levels[ys, xs, number].tolist(), strict=True):
            cv2.line(layer, (x1, y1), (x2, y2), strength, width, cv2.LINE_AA, SUBPIXEL)
        np.maximum(light, layer, out=light)
    return light


def _repeat_strokes(
    levels: NDArray[np.uint8],
    angles: NDArray[np.float64],
    whole: bool,
    corner: tuple[float, float],
    cell: tuple[float, float],
    width: int,
    shape: tuple[int, ...],
) -> NDArray[np.uint8]:
    """Same as `_draw_strokes`, by repeating the stroke of each bin: tens of thousands of cells take milliseconds."""
    import cv2

    side = int(np.ceil(max(cell)))
    rows, columns, _ = levels.shape
    light = np.zeros((rows * side, columns * side), np.uint8)
    one = np.full((1, 1, 1), 255, np.uint8)
    for number, angle in enumerate(angles):
        stroke = _draw_strokes(one, np.array([angle]), whole, (0.0, 0.0), (side, side), width, (side, side))
        strengths = cv2.resize(levels[..., number], light.shape[::-1], interpolation=cv2.INTER_NEAREST)
        cv2.max(light, cv2.multiply(strengths, np.tile(stroke, (rows, columns)), scale=1 / 255), dst=light)
    # From cells of whole pixels to the exact size.
    across, down = cell[0] / side, cell[1] / side
    matrix = np.array([[across, 0, corner[0] + across / 2 - 0.5], [0, down, corner[1] + down / 2 - 0.5]])
    return np.asarray(cv2.warpAffine(light, matrix, shape[::-1], flags=cv2.INTER_LINEAR), np.uint8)


def _outline(
    canvas: NDArray[np.uint8], result: HogCells, number: int, scale: float, origin: tuple[int, int], look: Look
) -> None:
    """A frame around cell `number`."""
    import cv2

    rows, columns = result.cells.shape[:2]
    if not 0 <= number < rows * columns:
        return
    row, column = divmod(number, columns)
    x1, y1 = round(column * result.cell * scale) - origin[0], round(row * result.cell * scale) - origin[1]
    x2, y2 = (
        round((column + 1) * result.cell * scale) - origin[0] - 1,
        round((row + 1) * result.cell * scale) - origin[1] - 1,
    )
    cv2.rectangle(canvas, (x1 - 1, y1 - 1), (x2 + 1, y2 + 1), CHOSEN, look.px(2))
