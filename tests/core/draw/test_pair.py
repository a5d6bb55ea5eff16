"""Two results beside each other and under a line, as a file shows them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from cvstudio.data.geometry import Rect, Size, View
from cvstudio.data.samples import Frame
from cvstudio.draw import Look, Pair, render
from cvstudio.draw.pair import GAP
from cvstudio.media.examples.files import sample_path
from cvstudio.results.detections import Detections
from cvstudio.running.composition import Comparison, side_title
from cvstudio.running.runner import make_instance
from cvstudio.session.transitions import with_model

SIZE = Size(120, 60)


def box(left: float, right: float) -> Detections:
    return Detections(
        np.array([[left, 20, right, 50]], np.float32),
        np.array([0.9], np.float32),
        np.array([0], np.int64),
        ("cat",),
        np.array([0], np.int64),
        SIZE,
    )


@pytest.fixture
def frame() -> Frame:
    pixels = np.random.default_rng(1).integers(0, 255, (SIZE.height, SIZE.width, 3)).astype(np.uint8)
    return Frame(pixels, pts=1.5)


ONE, OTHER = box(10, 50), box(40, 100)
LOOK = Look(show_labels=False, show_scores=False)


def alone(frame: Frame, result: Detections) -> np.ndarray:
    return render(frame, [(result, LOOK)], View.whole(SIZE))


def test_beside_each_other_each_is_as_it_is_alone(frame: Frame) -> None:
    pair = Pair(ONE, OTHER, SIZE)
    base = pair.base_of(frame)
    assert isinstance(base, Frame)
    assert base.pts == 1.5
    assert base.size == pair.size == Size(2 * SIZE.width + GAP, SIZE.height)
    shown = render(base, [(pair, LOOK)], View.whole(pair.size))
    assert np.array_equal(shown[:, : SIZE.width], alone(frame, ONE))
    assert np.array_equal(shown[:, SIZE.width + GAP :], alone(frame, OTHER))
    part = render(base, [(pair, LOOK)], View(Rect(30, 10, 150, 40), 1.0))
    assert np.array_equal(part, shown[10:50, 30:180])


@pytest.mark.parametrize("split", [0.0, 0.5, 1.0])
def test_under_a_line_each_has_its_part(frame: Frame, split: float) -> None:
    pair = Pair(ONE, OTHER, SIZE, split)
    assert pair.base_of(frame) is frame
    shown = render(frame, [(pair, LOOK)], View.whole(SIZE))
    column = round(split * SIZE.width)
    assert np.array_equal(shown[:, : max(column - 3, 0)], alone(frame, ONE)[:, : max(column - 3, 0)])
    assert np.array_equal(shown[:, column + 3 :], alone(frame, OTHER)[:, column + 3 :])
    part = render(frame, [(pair, LOOK)], View(Rect(30, 10, 60, 40), 1.0))
    assert np.array_equal(part, shown[10:50, 30:90])


def test_titles_stand_on_their_sides(frame: Frame) -> None:
    for split in (None, 0.5):
        plain, named = (Pair(ONE, OTHER, SIZE, split, titles) for titles in (("", ""), ("A", "B")))
        base = plain.base_of(frame)
        whole = View.whole(plain.size)
        pictures = [render(base, [(pair, LOOK)], whole) for pair in (plain, named)]
        changed = np.flatnonzero((pictures[0] != pictures[1]).any(axis=(0, 2)))
        middle = plain.size.width / 2
        assert 0 < changed.min() < middle - 30
        assert changed.max() > middle
        assert not ((changed > 40) & (changed < middle)).any()


def test_a_side_is_called_by_what_makes_it_another() -> None:
    cat = {"picture": sample_path("cat")}
    one = make_instance("detect", cat, values={"score": 0.5})
    other = dataclasses.replace(one, id=2, values={"score": 0.25, "classes": ("cat",), "class_wise": False})
    assert side_title(other, one) == "Per class off, Minimum confidence 0.25, Classes cat"
    assert side_title(one, other) == "Per class on, Minimum confidence 0.5, Classes all"
    haar = with_model(other, "haar-cat-face", None)
    assert Comparison(one, haar).titles == ("Everyday things with masks", "Haar cat faces")
    assert side_title(one, dataclasses.replace(one, id=3)) == "Everyday things with masks"
    assert side_title(make_instance("classify", cat), one) == "Image classification"
