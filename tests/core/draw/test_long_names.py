"""The card of a classifier on small pictures and with long names."""

from __future__ import annotations

import numpy as np
import pytest

from cvstudio.data.geometry import Rect, Size, View
from cvstudio.data.samples import Image
from cvstudio.draw import Look, render
from cvstudio.draw.palette import class_colour
from cvstudio.results.classification import Classification

LONG = "a thing with a name that is far too long for any card on any picture of this size"


@pytest.mark.parametrize("width", [160, 320, 1280])
def test_a_name_that_is_too_long_is_cut_short_and_the_card_stays(width: int) -> None:
    size = Size(width, 240)
    shares = np.array([0.75, 0.2], np.float32)
    result = Classification(np.array([0, 1], np.int64), shares, (LONG, "dog"), size)
    grey = Image(np.full((240, width, 3), 200, np.uint8))
    picture = render(grey, [(result, Look())], View(Rect(0, 0, width, 240), 1.0))
    changed = np.flatnonzero((picture != 200).any(axis=(0, 2)))
    assert changed.size
    # It takes half of the picture at most, as any card does.
    assert changed[-1] <= 12 + width / 2
    short = Classification(np.array([1], np.int64), shares[1:], (LONG, "dog"), size)
    assert (render(grey, [(short, Look())], View(Rect(0, 0, width, 240), 1.0)) != picture).any()


def test_bars_have_the_colours_that_classes_have_among_all_of_the_model() -> None:
    names = tuple(f"class {number}" for number in range(20))
    row, name = next((row, name) for row, name in enumerate(names) if class_colour(name, names) != class_colour(name))
    result = Classification(np.array([row], np.int64), np.array([0.9], np.float32), names, Size(640, 480))
    grey = Image(np.full((480, 640, 3), 200, np.uint8))
    picture = render(grey, [(result, Look())], View(Rect(0, 0, 640, 480), 1.0))
    shades = {tuple(map(int, colour)) for colour in np.unique(picture.reshape(-1, 3), axis=0)}
    assert class_colour(name, names) in shades
