"""Anchors at a place, and regions before and after a detector's last step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import View
from cvstudio.draw._labels import MAX_LABELS, place_texts, text_size
from cvstudio.draw.base import Emphasis, Look, grid_size, painted_over, paints
from cvstudio.draw.detections import REACH, outline, paint_chips
from cvstudio.draw.palette import COLOURS, INK, PAPER, RGB, class_colour
from cvstudio.draw.suppression import TAKEN, dashed
from cvstudio.results.proposals import Proposals

BEFORE: RGB = (230, 232, 235)
CLOSEST = 10
"""Pixels between places that are drawn as dots; closer ones would hide the picture."""


def level_colour(number: int) -> RGB:
    """The colour of a level by its number, from 0; neighbours differ."""
    return COLOURS[number % len(COLOURS)]


@paints(Proposals)
def paint_proposals(result: Proposals, canvas: NDArray[np.uint8], view: View, look: Look, emphasis: Emphasis) -> None:
    paint = _paint_anchors if result.show == "anchors" else _paint_regions
    with painted_over(result.size, canvas, view, look) as ground:
        if ground is not None:
            paint(result, ground.pixels, (ground.left, ground.top), view.scale, look, emphasis)


def _edges(boxes: NDArray[np.float32], scale: float) -> NDArray[np.int64]:
    found: NDArray[np.int64] = np.rint(boxes.astype(np.float64) * scale).astype(np.int64)
    return found


def _on(canvas: NDArray[np.uint8], edges: NDArray[np.int64], origin: tuple[int, int], look: Look) -> NDArray[np.int64]:
    """Edges on a part of the picture; what lies far outside is brought near, as OpenCV counts in 32 bits."""
    far = 2 * REACH + look.line_width
    size = np.array([canvas.shape[1], canvas.shape[0]] * 2)
    near: NDArray[np.int64] = np.clip(edges - np.array([*origin, *origin]), -far, size + far)
    return near


def _paint_anchors(
    result: Proposals,
    canvas: NDArray[np.uint8],
    origin: tuple[int, int],
    scale: float,
    look: Look,
    emphasis: Emphasis,
) -> None:
    """Coarse levels first, so that the small boxes of the fine ones lie on top; the middle of each place as a dot."""
    chosen = [result.level - 1] if result.level else list(range(len(result.levels)))
    if result.level:
        _paint_places(result, canvas, origin, scale)
    found = result.anchors_at(*result.place)
    corners = {number: _edges(result.anchors[found[number]], scale) for number in chosen}
    for number in reversed(chosen):
        level = result.levels[number]
        for edges in _on(canvas, corners[number], origin, look).tolist():
            outline(canvas, edges, look.line_width, level_colour(number), chosen=False)
        _dot(canvas, level.middle(*level.nearest(*result.place)), origin, scale, level_colour(number), look)
    if look.show_labels:
        whole = grid_size(result.size, scale)
        named = [(place, level_name(result, number)) for place, number in enumerate(chosen)]
        # An anchor may reach beyond the picture, its name may not.
        firsts = np.clip(np.array([corners[number][0] for number in chosen]), 0, [*whole, *whole])
        labels = place_texts(named, firsts, whole, text_size(look), covering=False)
        paint_chips(labels, canvas, origin, look, lambda place: level_colour(chosen[place]))


def level_name(result: Proposals, number: int) -> str:
    """What a level is called on the picture."""
    level = result.levels[number]
    return f"{number + 1}: {level.columns} × {level.rows}"


def _paint_places(result: Proposals, canvas: NDArray[np.uint8], origin: tuple[int, int], scale: float) -> None:
    """Every place of the chosen level as a dot, where there is room between them."""
    level = result.levels[result.level - 1]
    if min(level.stride) * scale < CLOSEST:
        return
    for row in range(level.rows):
        for column in range(level.columns):
            x, y = (
                round(value * scale) - start for value, start in zip(level.middle(row, column), origin, strict=True)
            )
            if -3 < x < canvas.shape[1] + 2 and -3 < y < canvas.shape[0] + 2:
                canvas[max(y - 2, 0) : max(y + 3, 0), max(x - 2, 0) : max(x + 3, 0)] = INK
                canvas[max(y - 1, 0) : max(y + 2, 0), max(x - 1, 0) : max(x + 2, 0)] = level_colour(result.level - 1)


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
    for radius, ink in ((look.line_width + 2, INK), (look.line_width + 1, colour)):
        cv2.circle(canvas, (x, y), radius, ink, -1, cv2.LINE_AA)


def _paint_regions(
    result: Proposals,
    canvas: NDArray[np.uint8],
    origin: tuple[int, int],
    scale: float,
    look: Look,
    emphasis: Emphasis,
) -> None:
    """The best on top; regions before the last step are dashed where those after it are shown, too."""
    rows = result.regions()
    both = result.show == "both"
    whole = {
        name: _edges(boxes, scale)
        for name, boxes in (("before", result.proposal_boxes), ("after", result.refined_boxes))
    }
    here = {name: _on(canvas, edges, origin, look) for name, edges in whole.items()}
    pointed = {emphasis.hovered, *emphasis.selected}
    ordered = sorted(rows[::-1].tolist(), key=lambda row: row in pointed)
    for row in ordered:
        thick = look.line_width + 2 * (row in pointed)
        if both:
            start = np.array([*origin, *origin])
            thin = max(1, look.line_width // 2) + (row in pointed)
            dashed(canvas, (whole["before"][row] - start).tolist(), thin, BEFORE)
            one, other = ((whole[name][row, :2] + whole[name][row, 2:]) // 2 for name in ("before", "after"))
            for ink, width in ((INK, look.line_width + 2), (PAPER, look.line_width)):
                _line(canvas, one, other, origin, ink, width)
        if result.show == "before":
            outline(canvas, here["before"][row].tolist(), thick, TAKEN, chosen=row in emphasis.selected)
        else:
            colour = class_colour(result.label(row))
            outline(canvas, here["after"][row].tolist(), thick, colour, chosen=row in emphasis.selected)
    told = sorted(rows.tolist(), key=lambda row: row not in pointed)[:MAX_LABELS]
    before = result.show == "before"
    texts = [(row, f"{result.objectness[row]:.2f}" if before else _named(result, row, look)) for row in told]
    corners = whole["before" if before else "after"]
    labels = place_texts(texts, corners, grid_size(result.size, scale), text_size(look), covering=False)
    paint_chips(labels, canvas, origin, look, lambda row: TAKEN if before else class_colour(result.label(row)))


def _named(result: Proposals, row: int, look: Look) -> str:
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
    """A line between two points of the whole picture, as squares: OpenCV's own is another one where it is cut off."""
    count = int(np.abs(other - one).max()) + 1
    points = np.rint(one + np.linspace(0, 1, count)[:, None] * (other - one)).astype(np.int64) - np.array(origin)
    near = ((points > -width) & (points < np.array([canvas.shape[1], canvas.shape[0]]) + width)).all(axis=1)
    before = width // 2
    for x, y in points[near].tolist():
        canvas[max(y - before, 0) : max(y - before + width, 0), max(x - before, 0) : max(x - before + width, 0)] = ink
