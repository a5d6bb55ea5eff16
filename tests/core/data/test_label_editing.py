from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cvstudio.data import label_editing as editing
from cvstudio.data.geometry import Size
from cvstudio.data.label_masks import box_of, cut, filled, pixels_in, stroked
from cvstudio.data.labels import Annotation, LabelledMask, PictureLabels

SIZE = Size(100, 80)
SQUARE = ((10.0, 20.0), (30.0, 20.0), (30.0, 50.0), (10.0, 50.0))
RNG = np.random.default_rng(3)


def boxed(*boxes: tuple[float, float, float, float]) -> PictureLabels:
    return PictureLabels(SIZE, tuple(Annotation(number, box, area=5.0) for number, box in enumerate(boxes)))


def masked(left: int, top: int, height: int = 12, width: int = 9) -> Annotation:
    mask = cut(RNG.random((height, width)) > 0.3, left, top)
    assert mask is not None
    return Annotation(0, box_of(mask), mask=mask)


def test_objects_are_added_replaced_removed_and_brought_to_front() -> None:
    labels = boxed((0, 0, 5, 5), (5, 5, 9, 9), (1, 1, 3, 3))
    one, two, three = labels.annotations
    four = replace(one, category=9)
    assert editing.with_added(labels, four).annotations == (one, two, three, four)
    assert editing.with_replaced(labels, 1, four).annotations == (one, four, three)
    assert editing.without(labels, {0, 2}).annotations == (two,)
    assert editing.with_front(labels, 0).annotations == (two, three, one)
    assert [a.category for a in editing.with_category(labels, {0, 1}, 7).annotations] == [7, 7, 2]
    assert labels.annotations == (one, two, three)


def test_a_duplicate_lies_beside_its_original_and_is_an_object_of_its_own() -> None:
    labels = PictureLabels(SIZE, (Annotation(3, (0, 0, 20, 20), track_id=4, file_id=8),))
    copy = editing.with_duplicate(labels, 0, SIZE).annotations[1]
    assert copy.box == (10, 10, 30, 30)
    assert (copy.category, copy.track_id, copy.file_id) == (3, None, None)
    at_corner = PictureLabels(SIZE, (Annotation(3, (90, 70, 100, 80)),))
    assert editing.with_duplicate(at_corner, 0, SIZE).annotations[1].box == (80, 60, 90, 70)


def test_everything_of_an_object_moves_together_and_stays_on_the_picture() -> None:
    points = ((12.0, 22.0, 2), (0.0, 0.0, 0))
    annotation = Annotation(0, (10, 20, 30, 50), (SQUARE,), keypoints=points, area=600.0)
    after = editing.moved(annotation, 5.5, -3, SIZE)
    assert after.box == (15.5, 17, 35.5, 47)
    assert after.polygons == (tuple((x + 5.5, y - 3) for x, y in SQUARE),)
    assert after.keypoints == ((17.5, 19.0, 2), (0.0, 0.0, 0))
    assert after.area == 600.0
    assert editing.moved(annotation, 1e4, 1e4, SIZE).box == (80, 50, 100, 80)
    assert editing.moved(annotation, -1e4, -1e4, SIZE).box == (0, 0, 20, 30)
    # What lies outside may come back, and does not go further.
    outside = Annotation(0, (-8, 20, 12, 40))
    assert editing.moved(outside, -5, 0, SIZE).box == outside.box
    assert editing.moved(outside, 5, 0, SIZE).box == (-3, 20, 17, 40)


def test_a_mask_moves_by_whole_pixels() -> None:
    annotation = masked(20, 30)
    after = editing.moved(annotation, 4.9, -2.9, SIZE)
    assert after.mask is not None
    assert annotation.mask is not None
    assert (after.mask.left, after.mask.top) == (24, 28)
    assert np.array_equal(after.mask.pixels, annotation.mask.pixels)
    assert after.box == box_of(after.mask)


def test_a_polygon_is_resized_as_its_box() -> None:
    annotation = Annotation(0, (10, 20, 30, 50), (SQUARE,), keypoints=((20.0, 35.0, 1),), area=600.0)
    after = editing.resized(annotation, (0, 10, 40, 25), SIZE)
    assert after.box == (0, 10, 40, 25)
    assert after.polygons == (((0, 10), (40, 10), (40, 25), (0, 25)),)
    assert after.keypoints == ((20.0, 17.5, 1),)
    assert after.area is None
    assert editing.resized(annotation, (50, 60, 500, 500), SIZE).box == (50, 60, 100, 80)


@pytest.mark.parametrize("scale", [1, 2, 5])
def test_a_mask_resized_by_whole_factors_repeats_its_pixels(scale: int) -> None:
    annotation = masked(4, 3)
    assert annotation.mask is not None
    left, top, right, bottom = annotation.box
    box = (left, top, left + scale * (right - left), top + scale * (bottom - top))
    after = editing.resized(annotation, box, SIZE)
    assert after.mask is not None
    repeated = annotation.mask.pixels.repeat(scale, axis=0).repeat(scale, axis=1)
    assert np.array_equal(after.mask.pixels, repeated)
    assert (after.box, box_of(after.mask)) == (box, box)


def test_a_thin_frame_does_not_vanish_when_it_shrinks() -> None:
    pixels = np.ones((10, 10), bool)
    pixels[1:-1, 1:-1] = False
    after = editing.resized(Annotation(0, (0, 0, 10, 10), mask=LabelledMask(pixels, 0, 0)), (0, 0, 3, 3), SIZE)
    assert after.mask is not None
    assert after.mask.pixels.any()
    least = editing.resized(Annotation(0, (0, 0, 10, 10), mask=LabelledMask(pixels, 0, 0)), (99.9, 79.9, 100, 80), SIZE)
    assert least.mask is not None
    assert (least.mask.left, least.mask.top, *least.mask.pixels.shape) == (99, 79, 1, 1)


def test_the_smallest_object_is_found_and_pixels_count_before_boxes() -> None:
    labels = boxed((0, 0, 50, 50), (10, 10, 20, 20), (10, 10, 20, 20))
    assert editing.number_at(labels, 40, 40) == 0
    assert editing.number_at(labels, 15, 15) == 2
    assert editing.number_at(labels, 60, 60) is None
    hole = np.ones((10, 10), bool)
    hole[4:6, 4:6] = False
    ring = Annotation(0, (10, 10, 20, 20), mask=LabelledMask(hole, 10, 10))
    labels = PictureLabels(SIZE, (Annotation(0, (0, 0, 50, 50)), ring))
    assert editing.number_at(labels, 11, 11) == 1
    assert editing.number_at(labels, 15, 15) == 0
    triangle = Annotation(0, (0, 0, 40, 40), (((0.0, 0.0), (40.0, 0.0), (0.0, 40.0)),))
    labels = PictureLabels(SIZE, (triangle,))
    assert editing.number_at(labels, 5, 5) == 0
    # The box alone is enough where nothing else is there.
    assert editing.number_at(labels, 39, 39) == 0


def test_what_reaches_beyond_the_picture_is_clipped() -> None:
    outside, inside = Annotation(0, (200, 0, 210, 10)), Annotation(1, (5, 5, 9, 9), area=16.0)
    across = Annotation(2, (-10, -10, 10, 10), (((-10.0, -10.0), (10.0, -10.0), (10.0, 10.0), (-10.0, 10.0)),))
    edge = replace(masked(95, 70), category=3)
    after = editing.clipped(PictureLabels(SIZE, (outside, inside, across, edge)), SIZE).annotations
    assert [a.category for a in after] == [1, 2, 3]
    assert after[0] is inside
    assert after[1].box == (0, 0, 10, 10)
    assert sorted(after[1].polygons[0]) == [(0, 0), (0, 10), (10, 0), (10, 10)]
    assert after[2].mask is not None
    assert edge.mask is not None
    assert np.array_equal(pixels_in(after[2].mask, (90, 65, 100, 80)), pixels_in(edge.mask, (90, 65, 100, 80)))
    assert pixels_in(after[2].mask, (100, 0, 140, 140)).sum() == 0


def test_a_clipped_convex_polygon_covers_the_same_pixels_of_the_picture() -> None:
    for _ in range(20):
        angles = np.sort(RNG.uniform(0, 2 * np.pi, 7))
        cx, cy = RNG.uniform(-20, 120), RNG.uniform(-20, 100)
        polygon = tuple((cx + 40.1 * float(np.cos(a)), cy + 40.1 * float(np.sin(a))) for a in angles)
        expected = filled(polygon, (0, 0, *SIZE))
        part = editing.clipped_polygon(polygon, SIZE)
        found = filled(part, (0, 0, *SIZE)) if part else np.zeros_like(expected)
        assert np.array_equal(found, expected)
        assert all(0 <= x <= SIZE.width and 0 <= y <= SIZE.height for x, y in part)


def test_the_outline_of_a_part_is_replaced_and_the_box_follows() -> None:
    other = ((60.0, 60.0), (70.0, 60.0), (60.0, 70.0))
    annotation = Annotation(0, (10, 20, 30, 50), (SQUARE,), area=1.0)
    both = editing.with_polygon(annotation, 1, other)
    assert both.polygons == (SQUARE, other)
    assert both.box == (10, 20, 70, 70)
    assert both.area is None
    assert editing.with_polygon(both, 0, ()).polygons == (other,)
    assert editing.with_polygon(both, 0, ()).box == (60, 60, 70, 70)


@pytest.mark.parametrize("erase", [False, True])
def test_the_brush_adds_to_pixels_or_takes_them_away(erase: bool) -> None:
    stroke = [(12.0, 22.0), (40.0, 30.0)]
    area = stroked(stroke, 9.0, (0, 0, *SIZE))
    for annotation in (Annotation(4, (10, 20, 30, 50), (SQUARE,), file_id=6), masked(15, 20)):
        before = editing.mask_of(annotation, SIZE)
        assert before is not None
        pixels = pixels_in(before, (0, 0, *SIZE))
        after = editing.brushed(annotation, stroke, 9.0, SIZE, erase=erase)
        assert after is not None
        assert after.mask is not None
        expected = pixels & ~area if erase else pixels | area
        assert np.array_equal(pixels_in(after.mask, (0, 0, *SIZE)), expected)
        assert after.polygons == ()
        assert after.box == box_of(after.mask)
        assert (after.category, after.file_id) == (annotation.category, annotation.file_id)


def test_the_brush_on_a_box_and_an_eraser_that_leaves_nothing() -> None:
    box = Annotation(0, (0, 0, 50, 50))
    dot = editing.brushed(box, [(20.0, 20.0)], 6.0, SIZE)
    assert dot is not None
    assert dot.mask is not None
    assert np.array_equal(pixels_in(dot.mask, (0, 0, *SIZE)), stroked([(20.0, 20.0)], 6.0, (0, 0, *SIZE)))
    assert dot.box == (17, 17, 23, 23)
    assert editing.brushed(box, [(20.0, 20.0)], 6.0, SIZE, erase=True) is box
    assert editing.brushed(dot, [(20.0, 20.0)], 30.0, SIZE, erase=True) is None
    assert editing.brushed(box, [(-500.0, -500.0)], 6.0, SIZE) is None
