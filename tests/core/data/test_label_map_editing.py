"""Classes of pixels corrected by strokes and filled areas, against OpenCV, SciPy and values worked out by hand."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import scipy.ndimage

from cvstudio.data.geometry import Size
from cvstudio.data.label_map_editing import map_of, with_filled_area, with_filled_polygon, with_stroke
from cvstudio.data.labels import NO_CLASS, Annotation, LabelMap, PictureLabels
from cvstudio.data.labels_json import labels_id
from cvstudio.data.map_tiles import TILE, MapTiles

SIZE = Size(600, 400)
EMPTY = PictureLabels(SIZE)


def test_tiles_are_put_together_and_cut_as_the_array_is():
    pixels = np.random.default_rng(1).integers(-1, 9, (400, 600)).astype(np.int32)
    tiles = MapTiles.of(pixels)
    assert np.array_equal(tiles.array(), pixels)
    for left, top, right, bottom in (
        (0, 0, 600, 400),
        (250, 200, 260, 300),
        (255, 255, 257, 257),
        (599, 399, 600, 400),
    ):
        assert np.array_equal(tiles.window((left, top, right, bottom)), pixels[top:bottom, left:right])
        part = np.full((bottom - top, right - left), 42, np.int32)
        expected = pixels.copy()
        expected[top:bottom, left:right] = 42
        assert np.array_equal(tiles.with_window(left, top, part).array(), expected)
    assert np.array_equal(tiles.array(), pixels), "the one before stays"


def test_a_stroke_copies_the_tiles_that_it_touches_alone():
    first = with_stroke(EMPTY, [(20, 20), (60, 20)], 10, 3, SIZE)
    second = with_stroke(first, [(300, 300)], 20, 2, SIZE)
    assert first.label_map is not None
    assert second.label_map is not None
    before, after = first.label_map.tiles.rows, second.label_map.tiles.rows
    assert [before[y][x] is after[y][x] for y in range(2) for x in range(3)] == [True, True, True, True, False, True]
    classes = second.label_map.classes
    rows, columns = np.mgrid[:400, :600] + 0.5
    disc = (columns - 300) ** 2 + (rows - 300) ** 2 <= 100
    assert np.array_equal(classes == 2, disc)
    bar = (abs(rows - 20) <= 5) & (columns >= 20) & (columns <= 60)
    assert (classes[bar] == 3).all()
    assert (first.label_map.classes != 2).all()
    assert labels_id(first) != labels_id(second)
    again = PictureLabels(SIZE, label_map=LabelMap(classes.copy()))
    assert labels_id(again) == labels_id(second)
    assert again == second
    assert pickle.loads(pickle.dumps(second)) == second


def test_a_stroke_that_changes_nothing_is_no_edit():
    first = with_stroke(EMPTY, [(20, 20)], 10, 3, SIZE)
    assert with_stroke(first, [(20, 20)], 6, 3, SIZE) is first
    assert with_stroke(first, [(-90, 20)], 6, 3, SIZE) is first
    assert with_filled_area(first, (900, 20), 3, SIZE) is first
    erased = with_stroke(first, [(20, 20)], 30, NO_CLASS, SIZE)
    assert erased.label_map is not None
    assert (erased.label_map.classes == NO_CLASS).all()


@pytest.mark.parametrize("at", [(5, 5), (300, 200), (599.5, 399.5)])
def test_an_area_is_filled_as_scipy_finds_it(at):
    noise = np.random.default_rng(2).integers(0, 3, (40, 60)).astype(np.int32)
    classes = np.kron(noise, np.ones((10, 10), np.int32))
    labels = PictureLabels(SIZE, label_map=LabelMap(classes))
    after = with_filled_area(labels, at, 7, SIZE)
    x, y = int(at[0]), int(at[1])
    regions, _ = scipy.ndimage.label(classes == classes[y, x])
    expected = np.where(regions == regions[y, x], 7, classes)
    assert after.label_map is not None
    assert np.array_equal(after.label_map.classes, expected)


def test_a_polygon_is_filled_and_objects_are_where_a_map_begins():
    square = ((10.0, 10.0), (20.0, 10.0), (20.0, 20.0), (10.0, 20.0))
    labels = PictureLabels(SIZE, (Annotation(1, (10, 10, 20, 20), (square,)),))
    after = with_filled_polygon(labels, ((15.0, 15.0), (30.0, 15.0), (30.0, 30.0), (15.0, 30.0)), 2, SIZE)
    expected = np.full((400, 600), NO_CLASS)
    expected[10:20, 10:20] = 1
    expected[15:30, 15:30] = 2
    assert np.array_equal(map_of(after, SIZE).classes, expected)
    assert after.annotations == labels.annotations


def test_the_tiles_are_as_large_as_is_said():
    tiles = MapTiles.of(np.zeros((TILE + 1, 2 * TILE), np.int32))
    assert [tile.pixels.shape for row in tiles.rows for tile in row] == [(TILE, TILE)] * 2 + [(1, TILE)] * 2
