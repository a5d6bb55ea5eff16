"""A step of a non-maximum suppression: the selected box, the boxes it suppresses, and the remaining ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import View
from cvstudio.draw._labels import MAX_LABELS, Label, label_text, place_texts
from cvstudio.draw.base import Emphasis, Look, grid_size, painted_over, paints
from cvstudio.draw.detections import REACH, box_corners, outline, paint_chips
from cvstudio.draw.palette import INK, RGB, class_colour
from cvstudio.results.suppression import Pairs, Suppression

TAKEN: RGB = (76, 141, 255)
GOES: RGB = (213, 94, 0)
STAYS: RGB = (230, 232, 235)
DASH = 5
"""Length in pixels of a dash and of the gap after it, per pixel of line width."""


@paints(Suppression)
def paint_suppression(
    result: Suppression, canvas: NDArray[np.uint8], view: View, look: Look, emphasis: Emphasis
) -> None:
    if not len(result.candidates):
        return
    with painted_over(result.size, canvas, view, look) as area:
        if area is None:
            return
        left, top = area.left, area.top
        corners = box_corners(result.candidates, view.scale)
        painter = _Painter(result, area.pixels, corners - np.array([left, top, left, top]), look, emphasis)
        pairs = result.pairs()
        painter.boxes(pairs)
        labels = place_texts(
            _texts(result, pairs, look, emphasis),
            corners,
            grid_size(result.size, view.scale),
            look.font_size,
            covering=False,
        )
        painter.texts(labels, pairs, (left, top))


def _texts(result: Suppression, pairs: Pairs | None, look: Look, emphasis: Emphasis) -> list[tuple[int, str]]:
    """Row and text of the labels, the most important first."""
    boxes = result.candidates
    if pairs is None:
        return [(row, label_text(boxes, row, look)) for row in range(min(len(boxes), MAX_LABELS))]
    texts = [(pairs.taken, label_text(boxes, pairs.taken, look))]
    if result.dropping:
        ious = [(row, f"{iou:.2f}") for row, iou in zip(pairs.rows.tolist(), pairs.iou.tolist(), strict=True)]
        # Emphasised boxes are always labelled; then by descending IoU.
        emphasised = {emphasis.hovered, *emphasis.selected}
        texts += [pair for pair in ious if int(boxes.ids[pair[0]]) in emphasised]
        texts += [pair for pair in ious if int(boxes.ids[pair[0]]) not in emphasised]
    texts += [(int(row), label_text(boxes, int(row), look)) for row in result.stays()[:-1][::-1]]
    return texts[:MAX_LABELS]


class _Painter:
    """The boxes of one step on one canvas."""

    def __init__(
        self,
        result: Suppression,
        canvas: NDArray[np.uint8],
        edges: NDArray[np.int64],
        look: Look,
        emphasis: Emphasis,
    ) -> None:
        self._result, self._canvas, self._look, self._emphasis = result, canvas, look, emphasis
        self._hair = look.px(1)
        height, width = canvas.shape[:2]
        far = 2 * look.px(REACH) + look.line_width
        self._whole = edges
        # OpenCV's coordinates have 32 bits.
        self._edges = np.clip(edges, -far, np.array([width, height] * 2) + far)

    def boxes(self, pairs: Pairs | None) -> None:
        """Paint all boxes, the most important last, on top."""
        result, width = self._result, self._look.line_width
        pair_rows = set() if pairs is None else {pairs.taken, *pairs.rows.tolist()}
        for row in result.waiting()[::-1].tolist():
            if not (result.dropping and row in pair_rows):
                self._box(row, self._colour(row), max(1, width // 2))
        for row in result.stays()[::-1].tolist():
            self._box(row, self._colour(row), width)
        if pairs is None:
            return
        if result.dropping:
            for row, suppressed in zip(pairs.rows[::-1].tolist(), pairs.suppressed[::-1].tolist(), strict=True):
                if suppressed:
                    thick = width + self._extra_width(row)
                    dashed(self._canvas, self._whole[row].tolist(), thick, GOES, self._hair)
                else:
                    self._box(row, STAYS, max(1, width // 2))
        edges = self._edges[pairs.taken].tolist()
        outline(self._canvas, edges, width + self._hair, TAKEN, chosen=True, hair=self._hair)

    def _box(self, row: int, colour: RGB, width: int) -> None:
        thick = width + self._extra_width(row)
        outline(self._canvas, self._edges[row].tolist(), thick, colour, chosen=False, hair=self._hair)

    def _extra_width(self, row: int) -> int:
        """Additional line width in pixels of an emphasised box."""
        number = int(self._result.candidates.ids[row])
        return 2 * self._hair * (number == self._emphasis.hovered or number in self._emphasis.selected)

    def _colour(self, row: int) -> RGB:
        candidates = self._result.candidates
        return class_colour(candidates.label(row), candidates.labels)

    def texts(self, labels: list[Label], pairs: Pairs | None, origin: tuple[int, int]) -> None:
        suppressed = {} if pairs is None else dict(zip(pairs.rows.tolist(), pairs.suppressed.tolist(), strict=True))

        def colour(row: int) -> RGB:
            if pairs is not None and row == pairs.taken:
                return TAKEN
            if self._result.dropping and row in suppressed:
                return GOES if suppressed[row] else STAYS
            return self._colour(row)

        paint_chips(labels, self._canvas, origin, self._look, colour)


def dashed(canvas: NDArray[np.uint8], edges: list[int], width: int, colour: RGB, hair: int = 1) -> None:
    """A dashed line of `width` px inside the edges (left, top, right, bottom) of a box, with a dark edge of `hair` px.

    The box may extend far beyond the canvas; the dashes do not depend on the visible part.
    """
    left, top, right, bottom = edges
    right, bottom = max(right, left + 1), max(bottom, top + 1)
    step = DASH * max(1, width)
    for ink, first, thick in ((INK, -hair, width + 2 * hair), (colour, 0, width)):
        for horizontal in (True, False):
            (low, high), (near, far) = ((left, right), (top, bottom)) if horizontal else ((top, bottom), (left, right))
            reach, room = (canvas.shape[1], canvas.shape[0]) if horizontal else canvas.shape[:2]
            begin = low + max(0, -low // (2 * step)) * 2 * step
            for side in (near + first, far - thick - first):
                if side + thick <= 0 or side >= room:
                    continue
                across = slice(max(side, 0), side + thick)
                for start in range(begin, min(high, reach + step), 2 * step):
                    along = slice(max(start + first, 0), max(min(start + step, high) - first, 0))
                    canvas[(across, along) if horizontal else (along, across)] = ink
