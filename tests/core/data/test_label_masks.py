from __future__ import annotations

import itertools
import math

import cv2
import numpy as np
import pytest

from cvstudio.data.geometry import Size
from cvstudio.data.label_masks import bounds_of, box_of, cut, filled, joined, pixels_in, polygons_mask, stroked
from cvstudio.data.labels import LabelledMask
from cvstudio.foundation.shapes import Polygon

RNG = np.random.default_rng(7)


def star(n: int, centre: float, radius: float) -> Polygon:
    """A polygon with corners at random distances, which no pixel centre lies on."""
    angles = np.sort(RNG.uniform(0, 2 * math.pi, n))
    reach = RNG.uniform(0.2, 1, n) * radius
    return tuple(
        (centre + r * math.cos(a) + 0.013, centre + r * math.sin(a) + 0.017) for r, a in zip(reach, angles, strict=True)
    )


@pytest.mark.parametrize("n", [3, 5, 12, 40])
def test_a_filled_polygon_holds_the_centres_that_opencv_finds_inside(n: int) -> None:
    polygon = star(n, 15.0, 18.0)
    corners = np.array(polygon, np.float32)
    expected = [[cv2.pointPolygonTest(corners, (x + 0.5, y + 0.5), False) > 0 for x in range(30)] for y in range(32)]
    assert np.array_equal(filled(polygon, (0, 0, 30, 32)), np.array(expected))


def test_a_window_shows_its_part_of_a_polygon() -> None:
    polygon = star(9, 12.0, 14.0)
    whole = filled(polygon, (-10, -10, 40, 40))
    assert np.array_equal(filled(polygon, (3, 5, 11, 20)), whole[15:30, 13:21])


def test_a_rectangle_covers_its_area_and_neighbours_share_no_pixel() -> None:
    left, right = ((2.5, 1.0), (6.5, 1.0), (6.5, 5.0), (2.5, 5.0)), ((6.5, 1.0), (9.0, 1.0), (9.0, 5.0), (6.5, 5.0))
    pixels = [filled(polygon, (0, 0, 12, 8)) for polygon in (left, right)]
    assert pixels[0].sum() == 16
    assert not (pixels[0] & pixels[1]).any()
    assert (pixels[0] | pixels[1])[1:5, 2:9].all()


def test_an_outline_that_crosses_itself_is_empty_where_it_overlaps() -> None:
    """Even-odd: a square that is run through twice is empty."""
    square = ((1.0, 1.0), (5.0, 1.0), (5.0, 5.0), (1.0, 5.0))
    assert filled(square, (0, 0, 6, 6)).sum() == 16
    assert not filled((*square, *square), (0, 0, 6, 6)).any()


@pytest.mark.parametrize("width", [1.0, 4.0, 9.5])
@pytest.mark.parametrize("count", [1, 2, 6])
def test_a_stroke_covers_what_is_near_its_line(width: float, count: int) -> None:
    points = [(float(x), float(y)) for x, y in RNG.uniform(-3, 28, (count, 2))]

    def distance(x: float, y: float) -> float:
        steps = np.linspace(0, 1, 2001)
        line = [*itertools.pairwise(points)] or [(points[0], points[0])]
        return min(
            float(np.hypot(p[0] + steps * (q[0] - p[0]) - x, p[1] + steps * (q[1] - p[1]) - y).min()) for p, q in line
        )

    covered = stroked(points, width, (0, 0, 26, 24))
    for y in range(24):
        for x in range(26):
            away = distance(x + 0.5, y + 0.5)
            if abs(away - width / 2) > 1e-3:
                assert covered[y, x] == (away < width / 2), (x, y)


def test_a_mask_is_cut_and_put_back() -> None:
    pixels = RNG.random((20, 30)) > 0.9
    pixels[:3] = pixels[:, :4] = False
    mask = cut(pixels, 5, 7)
    assert mask is not None
    assert mask.pixels[0].any()
    assert mask.pixels[:, -1].any()
    assert np.array_equal(pixels_in(mask, (5, 7, 35, 27)), pixels)
    assert np.array_equal(pixels_in(mask, (15, 10, 20, 40))[:17], pixels[3:, 10:15])
    assert not pixels_in(mask, (100, 100, 110, 110)).any()
    rows, columns = np.nonzero(pixels)
    assert box_of(mask) == (5 + columns.min(), 7 + rows.min(), 5 + columns.max() + 1, 7 + rows.max() + 1)
    assert cut(np.zeros((3, 3), bool), 0, 0) is None


def test_several_polygons_are_one_mask_on_the_picture() -> None:
    polygons = (star(7, 6.0, 9.0), star(8, 20.0, 11.0))
    size = Size(24, 22)
    mask = polygons_mask(polygons, size)
    assert mask is not None
    expected = filled(polygons[0], (0, 0, *size)) | filled(polygons[1], (0, 0, *size))
    assert np.array_equal(pixels_in(mask, (0, 0, *size)), expected)
    assert polygons_mask((), size) is None
    assert polygons_mask((((50.0, 50.0), (60.0, 50.0), (60.0, 60.0)),), size) is None


def test_windows() -> None:
    assert bounds_of([(1.2, 3.0), (4.0, 2.5)], 0.5) == (0, 2, 5, 4)
    assert joined([(-3, 1, 5, 9), (2, -4, 30, 6)], Size(20, 8)) == (0, 0, 20, 8)
    assert isinstance(cut(np.ones((2, 2), bool), -1, -1), LabelledMask)
