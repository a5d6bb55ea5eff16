"""Text and placement of labels beside boxes.

Labels are placed within the whole picture at the scale of the view, never within the visible part, so that the screen
and a file agree and labels do not move while the view is panned.
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
"""Largest number of labels; more would hide the picture."""


@dataclass(frozen=True)
class Label:
    """The text of a row, and its rectangle in output pixels of the whole picture."""

    row: int
    text: str
    left: int
    top: int
    width: int
    height: int


def label_text(result: Detections, row: int, look: Look) -> str:
    """Class, track and score; the score is formatted by its kind: 0.93, 1.35 or 12 (neighbours), none where all are
    certain."""
    score = float(result.scores[row])
    score_text = f"{score:.0f}" if result.score_kind == "neighbours" else f"{score:.2f}"
    parts = [result.label(row)] if look.show_labels else []
    number = result.identity(row)
    if look.show_labels and number is not None:
        parts.append(str(number))
    return " ".join(parts + ([score_text] if look.show_scores and not result.certain else []))


def place_labels(result: Detections, corners: NDArray[np.int64], scale: float, look: Look) -> list[Label]:
    """Labels of the best boxes, the best first.

    Parameters
    ----------
    result : Detections, best first
    corners : int64 (n, 4), left, top, right and bottom of the boxes in output pixels
    scale : output pixels for each image pixel
    """
    texts = ((row, label_text(result, row, look)) for row in range(min(len(result), MAX_LABELS)))
    return place_texts(texts, corners, grid_size(result.size, scale), look.font_size)


def place_texts(
    texts: Iterable[tuple[int, str]], corners: NDArray[np.int64], whole: Size, size: int, *, covering: bool = True
) -> list[Label]:
    """Greedy placement of texts beside their boxes, in order of importance.

    Candidate positions are above the box, below it, inside at its top and inside at its bottom, each aligned left, then
    right; where all of these are overlapped, also along its sides. The first one that no earlier label overlaps is
    used; where there is none, the first one.

    Parameters
    ----------
    texts : (row of the box, text), the most important first; empty texts are skipped
    corners : int64 (n, 4), left, top, right and bottom of the boxes in output pixels
    whole : size of the whole picture in output pixels
    size : font size in pixels
    covering : whether labels may overlap; False omits a text that has no free position
    """
    # Left, top, right and bottom of the placed labels.
    occupied = np.zeros((0, 4), np.int64)
    labels: list[Label] = []
    for row, text in texts:
        if not text:
            continue
        width, height = chip_size(text, size)
        candidates = _candidates(corners[row].tolist(), width, height, whole, along=not covering)
        overlapped = _overlapped(candidates, width, height, occupied)
        if covering and overlapped.all():
            # In a crowd: a label along a side is read, one below another is not.
            candidates = _candidates(corners[row].tolist(), width, height, whole, along=True)
            overlapped = _overlapped(candidates, width, height, occupied)
        index = int(np.argmin(overlapped))
        if overlapped[index] and not covering:
            continue
        left, top = candidates[index].tolist()
        occupied = np.concatenate((occupied, [[left, top, left + width, top + height]]))
        labels.append(Label(row, text, left, top, width, height))
    return labels


def _candidates(box: list[int], width: int, height: int, whole: Size, *, along: bool) -> NDArray[np.int64]:
    """Candidate positions (left, top) within the picture, the best first, int64 (n, 2) with n >= 1; with `along` also
    along the sides of the box."""
    left, top, right, bottom = box
    furthest = max(whole.width - width, 0)
    lefts = (min(max(left, 0), furthest), min(max(right - width, 0), furthest))
    lowest = max(whole.height - height, 0)
    tops = [y for y in (top - height, bottom, top, bottom - height) if 0 <= y <= lowest]
    candidates = [(x, y) for y in tops or [min(max(top, 0), lowest)] for x in lefts]
    if along:
        rows = range(min(max(top, 0), lowest), min(bottom - height, lowest) + 1, height)
        candidates += [(x, y) for y in rows for x in (*lefts, left - width, right) if 0 <= x <= furthest]
        candidates += [(x, y) for y in tops for x in range(lefts[0], lefts[1] + 1, width)]
    return np.array(candidates, np.int64)


def _overlapped(
    candidates: NDArray[np.int64], width: int, height: int, occupied: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which of the candidate positions overlap a placed label, bool (n,)."""
    left, top = candidates[:, :1], candidates[:, 1:]
    across = (left < occupied[:, 2]) & (occupied[:, 0] < left + width)
    down = (top < occupied[:, 3]) & (occupied[:, 1] < top + height)
    return np.asarray((across & down).any(axis=1))
