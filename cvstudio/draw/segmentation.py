"""A class map as a tint of the picture, with lines between classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import View
from cvstudio.draw.base import Emphasis, Look, grid_origin, grid_size, paints, visible_part
from cvstudio.draw.palette import class_colour
from cvstudio.results.segmentation import Segmentation

COVER = 1.5
"""Factor on the mask opacity of the look: unlike an instance mask, a segment has no box that marks it."""


@paints(Segmentation)
def paint_segmentation(
    result: Segmentation, canvas: NDArray[np.uint8], view: View, look: Look, emphasis: Emphasis
) -> None:
    import cv2

    left, top, right, bottom = visible_part(result.size, view)
    cover = min(1.0, look.mask_opacity * COVER) * look.opacity
    if cover <= 0 or not look.show_masks or right <= left or bottom <= top:
        return
    whole = grid_size(result.size, view.scale)
    # With more rows and columns around, so that the lines do not depend on the view.
    around = look.px(1) // 2
    part = (left - 1 - around, top - 1 - around, right + around, bottom + around)
    classes = _classes_at(result, whole.width, whole.height, part)
    inside, unshifted = classes[1:, 1:], slice(1, None)
    edge = (inside != classes[unshifted, :-1]) | (inside != classes[:-1, unshifted])
    if around:
        edge = cv2.dilate(edge.view(np.uint8), np.ones((2 * around + 1,) * 2, np.uint8)).view(np.bool_)
        inside, edge = inside[around:-around, around:-around], edge[around:-around, around:-around]
    table = np.zeros((len(result.labels) + 1, 3), np.uint8)
    table[1:] = [class_colour(name, result.labels) for name in result.labels]
    drawn = inside >= 0
    if result.background >= 0:
        drawn &= inside != result.background
    x, y = grid_origin(view)
    place = canvas[top - y : bottom - y, left - x : right - x]
    colours = np.take(table, inside + 1, axis=0)
    tinted = cv2.addWeighted(colours, cover, place, 1 - cover, 0)
    line_opacity = min(1.0, cover + 0.35)
    line = cv2.addWeighted(colours, line_opacity, place, 1 - line_opacity, 0)
    cv2.copyTo(tinted, drawn.view(np.uint8), place)
    # Selected and hovered classes are emphasised as a whole, not only by their lines.
    emphasised = emphasis.selected if emphasis.hovered is None else emphasis.selected | {emphasis.hovered}
    outlined = edge | np.isin(inside, list(emphasised)) if emphasised else edge
    cv2.copyTo(line, (drawn & outlined).view(np.uint8), place)


def _classes_at(result: Segmentation, width: int, height: int, part: tuple[int, int, int, int]) -> NDArray[np.int16]:
    """The class map in `part` (left, top, right, bottom) of the picture resampled to `width` x `height` by nearest
    neighbour, int16; the edge is repeated outside the picture."""
    n_rows, n_columns = result.classes.shape
    left, top, right, bottom = part
    columns = np.clip(((np.arange(left, right) + 0.5) * n_columns / width).astype(np.int64), 0, n_columns - 1)
    rows = np.clip(((np.arange(top, bottom) + 0.5) * n_rows / height).astype(np.int64), 0, n_rows - 1)
    return result.classes[np.ix_(rows, columns)]
