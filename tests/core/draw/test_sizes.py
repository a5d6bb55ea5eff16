"""Lines and text of exports are as large beside the picture as in a window that shows all of it."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from cvstudio.data.geometry import Rect, Size, View
from cvstudio.data.samples import Image
from cvstudio.draw import Emphasis, Look, for_export, painter_of, render, scaled
from cvstudio.draw.base import FIT
from cvstudio.results.detections import Detections
from cvstudio.results.result import Placement
from tests.example_results import EXAMPLES, SIZE

ON_PICTURE = {
    key: result
    for key, result in EXAMPLES.items()
    if result.placement is Placement.OVERLAY and painter_of(type(result)) is not None and key != "detections-nothing"
}
GREY = Image(np.full((SIZE.height, SIZE.width, 3), 120, np.uint8))
WHOLE = Rect(0.0, 0.0, float(SIZE.width), float(SIZE.height))
EMPHASIS = Emphasis(frozenset({3, 4, 41}), 7)


def shown(result: Any, look: Look, scale: float) -> np.ndarray:
    return render(GREY, [(result, look)], View(WHOLE, scale), emphasis=EMPHASIS)


def difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(int) - other).mean())


@pytest.mark.parametrize("key", sorted(ON_PICTURE))
def test_a_large_export_looks_like_the_window_at_fit(key):
    result = ON_PICTURE[key]
    at_fit = min(FIT.width / SIZE.width, FIT.height / SIZE.height)
    window = shown(result, Look(), at_fit)
    size = View(WHOLE, 4 * at_fit).size
    scale_look = for_export(Look(), size)
    assert (scale_look.unit, scale_look.line_width, scale_look.font_size) == (4, 8, 52)
    export, fixed = (shown(result, look, 4 * at_fit) for look in (scale_look, for_export(Look(sizes="fixed"), size)))
    small, small_fixed = (cv2.resize(big, window.shape[1::-1], interpolation=cv2.INTER_AREA) for big in (export, fixed))
    # Strokes of cells have the size of their cell anyway, and OpenCV makes thin ones wider.
    assert difference(small, window) < (8 if key == "hog-cells" else 1.6)
    if key not in ("picture", "light-picture", "hog-cells"):
        assert difference(small, window) < 0.8 * difference(small_fixed, window)


@pytest.mark.parametrize("key", sorted(ON_PICTURE))
@pytest.mark.parametrize(("scale", "unit"), [(3.0, 2.4), (5.0, 4.0)])
def test_a_part_is_a_crop_of_the_whole_also_where_lines_are_wide(key, scale, unit):
    result, look = ON_PICTURE[key], scaled(Look(), unit)
    whole = shown(result, look, scale)
    for x, y, width, height in ((0, 0, 50, 60), (20, 10, 71, 45), (60, 20, 100, 100), (9, 62, 60, 30)):
        view = View(Rect(float(x), float(y), float(width), float(height)), scale)
        part = render(GREY, [(result, look)], view, emphasis=EMPHASIS)
        left, top = round(x * scale), round(y * scale)
        wanted = whole[top : top + part.shape[0], left : left + part.shape[1]]
        # OpenCV's interpolation of a picture depends on the view to 1/32 pixel, and antialiased lines on where they are
        # clipped.
        assert difference(part, wanted) < (0.3 if key == "hog-cells" else 0.05)


def test_a_box_on_28_megapixels_is_seen():
    size = Size(6112, 4584)
    box = np.array([[1000, 1000, 5000, 4000]], np.float32)
    found = Detections(box, np.ones(1, np.float32), np.zeros(1, np.int64), ("face",), np.zeros(1, np.int64), size)
    view = View(Rect(900.0, 2000.0, 300.0, 10.0))
    for sizes, width in (("picture", round(2 * 6112 / 960)), ("fixed", 2)):
        line = render(None, [(found, for_export(Look(sizes=sizes), size))], view, background=(0, 0, 0))[5]
        assert (line.max(axis=1) > 100).sum() == width


def test_small_exports_are_drawn_as_on_screen():
    look = Look(line_width=3, text_size=15)
    assert for_export(look, Size(640, 480)) is look
    assert for_export(look, Size(960, 720)) is look
    assert for_export(look, Size(720, 1440)).unit == 2
