"""Anchors at a position, and boxes before and after the last stage of a detector."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import View
from cvstudio.draw._labels import MAX_LABELS, place_texts
from cvstudio.draw.base import Emphasis, Look, grid_size, painted_over, paints
from cvstudio.draw.detections import REACH, outline, paint_chips
from cvstudio.draw.palette import COLOURS, INK, PAPER, RGB, class_colour
from cvstudio.draw.suppression import TAKEN, dashed
from cvstudio.results.proposals import Proposals

BEFORE: RGB = (230, 232, 235)
CLOSEST = 10
"""Smallest distance in output pixels of cell centres that are drawn as dots; closer ones would hide the picture."""


def level_colour(number: int) -> RGB:
    """The colour of a level by its number, from 0; consecutive levels differ."""
    return COLOURS[number % len(COLOURS)]


@paints(Proposals)
def paint_proposals(result: Proposals, canvas: NDArray[np.uint8], view: View, look: Look, emphasis: Emphasis) -> None:
    paint = _paint_anchors if result.show == "anchors" else _paint_regions
    with painted_over(result.size, canvas, view, look) as area:
        if area is not None:
            paint(result, area.pixels, (area.left, area.top), view.scale, look, emphasis)


def _edges(boxes: NDArray[np.float32], scale: float) -> NDArray[np.int64]:
    """Left, top, right and bottom of boxes (n, 4) on the grid of the whole picture at `scale`, int64 (n, 4)."""
    edges: NDArray[np.int64] = np.rint(boxes.astype(np.float64) * scale).astype(np.int64)
    return edges


def _relative(
    canvas: NDArray[np.uint8], edges: NDArray[np.int64], origin: tuple[int, int], look: Look
) -> NDArray[np.int64]:
    """`edges` relative to the visible part; clipped to its surroundings, as OpenCV's coordinates have 32 bits."""
    far = 2 * look.px(REACH) + look.line_width
    size = np.array([canvas.shape[1], canvas.shape[0]] * 2)
    clipped: NDArray[np.int64] = np.clip(edges - np.array([*origin, *origin]), -far, size + far)
    return clipped


def _paint_anchors(
    result: Proposals,
    canvas: NDArray[np.uint8],
    origin: tuple[int, int],
    scale: float,
    look: Look,
    emphasis: Emphasis,
) -> None:
    """Anchors at `Proposals.place`: coarse levels first, so that small boxes lie on top; a dot at each cell centre."""
    levels = [result.level - 1] if result.level else list(range(len(result.levels)))
    if result.level:
        _paint_cell_centres(result, canvas, origin, scale, look)
    rows_by_level = result.anchors_at(*result.place)
    corners = {number: _edges(result.anchors[rows_by_level[number]], scale) for number in levels}
    for number in reversed(levels):
        level = result.levels[number]
        for edges in _relative(canvas, corners[number], origin, look).tolist():
            outline(canvas, edges, look.line_width, level_colour(number), chosen=False, hair=look.px(1))
        _dot(canvas, level.middle(*level.nearest(*result.place)), origin, scale, level_colour(number), look)
    if look.show_labels:
        whole = grid_size(result.size, scale)
        texts = [(index, level_name(result, number)) for index, number in enumerate(levels)]
        # An anchor may extend beyond the picture, its label may not.
        first_anchors = np.clip(np.array([corners[number][0] for number in levels]), 0, [*whole, *whole])
        labels = place_texts(texts, first_anchors, whole, look.font_size, covering=False)
        paint_chips(labels, canvas, origin, look, lambda index: level_colour(levels[index]))


def level_name(result: Proposals, number: int) -> str:
    """The name of a level, as drawn: its number from 1 and the size of its feature map."""
    level = result.levels[number]
    return f"{number + 1}: {level.columns} × {level.rows}"


def _paint_cell_centres(
    result: Proposals, canvas: NDArray[np.uint8], origin: tuple[int, int], scale: float, look: Look
) -> None:
    """All cell centres of the chosen level as dots, unless they are too close."""
    level = result.levels[result.level - 1]
    if min(level.stride) * scale < look.px(CLOSEST):
        return
    for row in range(level.rows):
        for column in range(level.columns):
            x, y = (
                round(value * scale) - start for value, start in zip(level.middle(row, column), origin, strict=True)
            )
            for reach, colour in ((look.px(2), INK), (look.px(1), level_colour(result.level - 1))):
                rows = slice(max(y - reach, 0), max(y + reach + 1, 0))
                canvas[rows, max(x - reach, 0) : max(x + reach + 1, 0)] = colour


def _dot(
    canvas: NDArray[np.uint8],
    place: tuple[float, float],
    origin: tuple[int, int],
    scale: float,
    colour: RGB,
    look: Look,
) -> None:
    import cv2

    x, y = (round(value * scale) - start for value, start in zip(place, origin, strict=True))
    for radius, ink in ((look.line_width + look.px(2), INK), (look.line_width + look.px(1), colour)):
        cv2.circle(canvas, (x, y), radius, ink, -1, cv2.LINE_AA)


def _paint_regions(
    result: Proposals,
    canvas: NDArray[np.uint8],
    origin: tuple[int, int],
    scale: float,
    look: Look,
    emphasis: Emphasis,
) -> None:
    """Boxes with the best on top; where both are shown, those before the last stage are dashed."""
    rows = result.regions()
    both, hair = result.show == "both", look.px(1)
    edges_by_name = {
        name: _edges(boxes, scale)
        for name, boxes in (("before", result.proposal_boxes), ("after", result.refined_boxes))
    }
    relative = {name: _relative(canvas, box_edges, origin, look) for name, box_edges in edges_by_name.items()}
    emphasised = {emphasis.hovered, *emphasis.selected}
    ordered = sorted(rows[::-1].tolist(), key=lambda row: row in emphasised)
    for row in ordered:
        thick = look.line_width + 2 * hair * (row in emphasised)
        if both:
            start = np.array([*origin, *origin])
            thin = max(1, look.line_width // 2) + hair * (row in emphasised)
            dashed(canvas, (edges_by_name["before"][row] - start).tolist(), thin, BEFORE, hair)
            start_point, end_point = (
                (edges_by_name[name][row, :2] + edges_by_name[name][row, 2:]) // 2 for name in ("before", "after")
            )
            for ink, width in ((INK, look.line_width + 2 * hair), (PAPER, look.line_width)):
                _line(canvas, start_point, end_point, origin, ink, width)
        if result.show == "before":
            outline(canvas, relative["before"][row].tolist(), thick, TAKEN, chosen=row in emphasis.selected, hair=hair)
        else:
            colour = class_colour(result.label(row), result.labels)
            chosen = row in emphasis.selected
            outline(canvas, relative["after"][row].tolist(), thick, colour, chosen=chosen, hair=hair)
    labelled = sorted(rows.tolist(), key=lambda row: row not in emphasised)[:MAX_LABELS]
    before = result.show == "before"
    texts = [(row, f"{result.objectness[row]:.2f}" if before else _label(result, row, look)) for row in labelled]
    corners = edges_by_name["before" if before else "after"]
    labels = place_texts(texts, corners, grid_size(result.size, scale), look.font_size, covering=False)
    paint_chips(
        labels, canvas, origin, look, lambda row: TAKEN if before else class_colour(result.label(row), result.labels)
    )


def _label(result: Proposals, row: int, look: Look) -> str:
    parts = [result.label(row)] if look.show_labels else []
    return " ".join([*parts, *([f"{result.scores[row]:.2f}"] if look.show_scores else [])])


def _line(
    canvas: NDArray[np.uint8],
    one: NDArray[np.int64],
    other: NDArray[np.int64],
    origin: tuple[int, int],
    ink: RGB,
    width: int,
) -> None:
    """A line between two points of the whole picture, as squares: OpenCV's lines change where they are clipped."""
    count = int(np.abs(other - one).max()) + 1
    points = np.rint(one + np.linspace(0, 1, count)[:, None] * (other - one)).astype(np.int64) - np.array(origin)
    visible = ((points > -width) & (points < np.array([canvas.shape[1], canvas.shape[0]]) + width)).all(axis=1)
    before = width // 2
    for x, y in points[visible].tolist():
        canvas[max(y - before, 0) : max(y - before + width, 0), max(x - before, 0) : max(x - before + width, 0)] = ink
