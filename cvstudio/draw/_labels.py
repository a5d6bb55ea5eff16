"""What is written beside boxes, and where.

Places are decided for the whole picture at the scale of the view, never for the visible part: the screen and a file
agree, and labels stand still while the picture is moved.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size
from cvstudio.draw.base import Look, grid_size
from cvstudio.draw.text import chip_size
from cvstudio.results.detections import Detections

MAX_LABELS = 60
"""Past this many boxes labels would only hide the picture."""


@dataclass(frozen=True)
class Label:
    """A text for a row of the result and its place in output pixels of the whole picture."""

    row: int
    text: str
    left: int
    top: int
    width: int
    height: int


def text_size(look: Look) -> int:
    """Size of the face in pixels: 13 beside the usual line, larger beside a thicker one."""
    return 9 + 2 * look.line_width


def label_text(result: Detections, row: int, look: Look) -> str:
    """Class, identity and score, the score as its kind is usually told: 0.93, 1.35 or 12 (neighbours)."""
    score = float(result.scores[row])
    told = f"{score:.0f}" if result.score_kind == "neighbours" else f"{score:.2f}"
    parts = [result.label(row)] if look.show_labels else []
    number = result.identity(row)
    if look.show_labels and number is not None:
        parts.append(str(number))
    return " ".join(parts + ([told] if look.show_scores else []))


def place_labels(result: Detections, corners: NDArray[np.int64], scale: float, look: Look) -> list[Label]:
    """Places for the labels of the best boxes, the best first.

    Parameters
    ----------
    result : Detections, best first
    corners : int64 (n, 4), left, top, right and bottom of the boxes in output pixels
    scale : output pixels for each image pixel
    """
    texts = ((row, label_text(result, row, look)) for row in range(min(len(result), MAX_LABELS)))
    return place_texts(texts, corners, grid_size(result.size, scale), text_size(look))


def place_texts(
    texts: Iterable[tuple[int, str]], corners: NDArray[np.int64], whole: Size, size: int, *, covering: bool = True
) -> list[Label]:
    """Places for texts beside their boxes, the most important first.

    Above the box, else below it, else inside at its top or bottom; at its left, else at its right. The first place
    that no more important text covers is taken; where there is none, the first one, and the other text covers it.

    Parameters
    ----------
    texts : (row of the box, text); empty texts have no place
    corners : int64 (n, 4), left, top, right and bottom of the boxes in output pixels
    whole : size of the whole picture in output pixels
    size : of the face in pixels
    covering : False leaves out a text that would be covered, and looks for room along the sides of its box first
    """
    # Left, top, right, bottom of what is taken.
    taken = np.zeros((0, 4), np.int64)
    labels: list[Label] = []
    for row, text in texts:
        if not text:
            continue
        width, height = chip_size(text, size)
        spots = _spots(corners[row].tolist(), width, height, whole, along=not covering)
        covered = _covered(spots, width, height, taken)
        place = int(np.argmin(covered))
        if covered[place] and not covering:
            continue
        left, top = spots[place].tolist()
        taken = np.concatenate((taken, [[left, top, left + width, top + height]]))
        labels.append(Label(row, text, left, top, width, height))
    return labels


def _spots(box: list[int], width: int, height: int, whole: Size, *, along: bool) -> NDArray[np.int64]:
    """Corners (left, top) of the places within the picture, the best first, int64 (n, 2) with n >= 1; `along` the sides
    of the box, too."""
    left, top, right, bottom = box
    furthest = max(whole.width - width, 0)
    lefts = (min(max(left, 0), furthest), min(max(right - width, 0), furthest))
    lowest = max(whole.height - height, 0)
    tops = [y for y in (top - height, bottom, top, bottom - height) if 0 <= y <= lowest]
    spots = [(x, y) for y in tops or [min(max(top, 0), lowest)] for x in lefts]
    if along:
        beside = range(min(max(top, 0), lowest), min(bottom - height, lowest) + 1, height)
        spots += [(x, y) for y in beside for x in (*lefts, left - width, right) if 0 <= x <= furthest]
        spots += [(x, y) for y in tops for x in range(lefts[0], lefts[1] + 1, width)]
    return np.array(spots, np.int64)


def _covered(spots: NDArray[np.int64], width: int, height: int, taken: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of the spots touch what is taken, bool (n,)."""
    left, top = spots[:, :1], spots[:, 1:]
    across = (left < taken[:, 2]) & (taken[:, 0] < left + width)
    down = (top < taken[:, 3]) & (taken[:, 1] < top + height)
    return np.asarray((across & down).any(axis=1))
