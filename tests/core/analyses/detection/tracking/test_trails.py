"""Trails and colours of identities on the canvas."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from cvstudio.data.geometry import Rect, Size, View
from cvstudio.data.samples import Image
from cvstudio.draw import Look, render
from cvstudio.draw._labels import label_text
from cvstudio.draw.palette import class_colour, identity_colour
from cvstudio.results.detections import Detections, Trails

SIZE = Size(200, 120)
BLACK = Image(np.zeros((120, 200, 3), np.uint8))
BARE = Look(show_labels=False, show_scores=False)


@pytest.fixture
def found() -> Detections:
    points = np.array([(20, 100), (60, 100), (100, 100), (140, 30), (180, 30)], np.float32)
    trails = Trails(points, np.array([2, 1, 0, 0.5, 0], np.float32), np.array([4, 4, 4, 9, 9], np.int64))
    return Detections(
        np.array([(150, 60, 190, 90), (5, 5, 40, 40)], np.float32),
        np.array([0.9, 0.8], np.float32),
        np.array([0, 0], np.int64),
        ("person",),
        np.array([70, 71], np.int64),
        SIZE,
        track_ids=np.array([4, -1], np.int64),
        trails=trails,
    )


def test_a_trail_has_the_colour_of_its_box_and_is_thinner_where_it_is_older(found):
    picture = render(BLACK, [(found, BARE)], View.whole(SIZE))
    colour = np.array(identity_colour(4))
    old, new = ((picture[90:110, x, 1] > colour[1] / 2).sum() for x in (35, 85))
    assert picture[100, 85].tolist() == colour.tolist()
    assert 0 < old < new


def test_a_trail_whose_identity_is_not_shown_is_not_drawn(found):
    picture = render(BLACK, [(found, BARE)], View.whole(SIZE))
    assert not picture[25:36, 142:178].any()


def test_trails_are_the_same_in_a_part_of_the_picture(found):
    whole = render(BLACK, [(found, BARE)], View.whole(SIZE))
    part = render(BLACK, [(found, BARE)], View(Rect(50, 70, 80, 45)))
    assert np.array_equal(whole[70:115, 50:130], part)


def test_colours_tell_identities_apart_where_wanted(found):
    # What is followed has its own colour unless one asks for that of the class.
    assert Look().colour_by == "identity"
    picture = render(BLACK, [(found, dataclasses.replace(BARE, colour_by="class"))], View.whole(SIZE))
    assert picture[75, 150].tolist() == list(class_colour("person"))
    picture = render(BLACK, [(found, dataclasses.replace(BARE, colour_by="identity"))], View.whole(SIZE))
    assert picture[75, 150].tolist() == list(identity_colour(4))
    # What has no identity keeps the colour of its class.
    assert picture[20, 5].tolist() == list(class_colour("person"))
    assert len({identity_colour(number) for number in range(1, 13)}) == 12


def test_tracks_that_are_followed_at_the_same_time_have_colours_of_their_own():
    from skimage.color import deltaE_ciede2000, rgb2lab

    colours = [identity_colour(number) for number in range(300)]
    assert len(set(colours)) == len(colours)
    lab = rgb2lab(np.array(colours[:48], np.uint8)[None])[0]
    difference = deltaE_ciede2000(lab[:, None], lab[None]) + 100 * np.eye(len(lab))
    assert difference.min() > 4
    # Those that come one after the other are the clearest.
    assert min(difference[number, other] for number in range(36) for other in range(number + 1, number + 12)) > 7


def test_a_label_names_the_identity_behind_the_class(found):
    assert label_text(found, 0, Look()) == "person 4 0.90"
    assert label_text(found, 1, Look()) == "person 0.80"
    assert label_text(found, 0, Look(show_scores=False)) == "person 4"


def test_trails_that_do_not_fit_are_told():
    with pytest.raises(ValueError, match=r"points \(m, 2\)"):
        Trails(np.zeros((3, 2), np.float32), np.zeros(2, np.float32), np.zeros(3, np.int64))
