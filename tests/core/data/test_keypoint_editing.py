"""Key points corrected one by one, against values worked out by hand."""

from __future__ import annotations

import pytest

from cvstudio.data.geometry import Size
from cvstudio.data.keypoint_editing import (
    ABSENT,
    HIDDEN,
    NOWHERE,
    VISIBLE,
    first_missing,
    points_box,
    with_keypoint,
    with_visibility,
)
from cvstudio.data.labels import Annotation

SIZE = Size(100, 50)


def test_the_box_around_points_has_an_area_on_the_picture():
    assert points_box([(10, 20, 2), (30, 5, 1), (0, 0, 0)], SIZE) == (10, 5, 30, 20)
    assert points_box([(10, 20, 2)], SIZE) == (9.5, 19.5, 10.5, 20.5)
    assert points_box([(100, 0, 2)], SIZE) == (99, 0, 100, 1)
    assert points_box([NOWHERE], SIZE) is None


def test_a_drawn_box_stays_and_one_around_the_points_follows():
    drawn = Annotation(0, (0, 0, 40, 40), keypoints=((10, 10, 2), (20, 30, 2)))
    around = Annotation(0, (10, 10, 20, 30), keypoints=drawn.keypoints)
    for annotation, box in ((drawn, (0, 0, 40, 40)), (around, (20, 5, 60, 30))):
        moved = with_keypoint(annotation, 0, (60, 5, VISIBLE), SIZE)
        assert moved.keypoints == ((60, 5, 2), (20, 30, 2))
        assert moved.box == box


def test_a_point_stays_on_the_picture_and_what_lies_before_it_is_absent():
    after = with_keypoint(Annotation(0, (0, 0, 40, 40)), 2, (200, -5, HIDDEN), SIZE)
    assert after.keypoints == (NOWHERE, NOWHERE, (100, 0, 1))


def test_an_absent_point_has_no_place_and_without_any_there_are_none():
    annotation = Annotation(0, (0, 0, 40, 40), keypoints=((10, 10, 2), (20, 30, 2)))
    hidden = with_visibility(annotation, 1, HIDDEN, SIZE)
    assert hidden.keypoints == ((10, 10, 2), (20, 30, 1))
    once = with_visibility(hidden, 0, ABSENT, SIZE)
    assert once.keypoints == (NOWHERE, (20, 30, 1))
    assert with_visibility(once, 1, ABSENT, SIZE).keypoints == ()


@pytest.mark.parametrize(("start", "expected"), [(0, 1), (2, 3), (4, None)])
def test_the_next_point_is_the_first_that_is_not_labelled(start, expected):
    assert first_missing([(1, 1, 2), NOWHERE, (1, 1, 1)], 4, start) == expected
