"""Zoom and pan as numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvstudio.data.geometry import Size
from ui.views.geometry import LARGEST_SCALE, VISIBLE_PX, Placement

SIDES = st.integers(1, 5000)
MOVES = st.tuples(st.floats(-1e5, 1e5), st.floats(-1e5, 1e5))


@given(SIDES, SIDES, st.integers(1, 3000), st.integers(1, 3000))
def test_fitted_shows_all_of_the_picture(width: int, height: int, room_x: int, room_y: int) -> None:
    place = Placement(Size(width, height), Size(room_x, room_y)).fitted()
    _, _, view = place.visible()
    if place.scale < LARGEST_SCALE:
        assert max(width * place.scale / room_x, height * place.scale / room_y) == pytest.approx(1)
    assert view.rect.width == pytest.approx(width, abs=1 / place.scale)
    assert view.rect.height == pytest.approx(height, abs=1 / place.scale)


@given(SIDES, SIDES, st.lists(st.tuples(st.floats(0.01, 100), st.floats(0, 800), st.floats(0, 600), MOVES), max_size=6))
def test_the_picture_cannot_be_lost_and_the_view_stays_in_it(width: int, height: int, steps: list) -> None:  # type: ignore[type-arg]
    place = Placement(Size(width, height), Size(800, 600)).fitted()
    for scale, x, y, move in steps:
        place = place.zoomed(scale, x, y).moved(*move)
        x0, y0, view = place.visible()
        rect = view.rect
        assert rect.x >= 0
        assert rect.y >= 0
        assert rect.right <= width + 1e-6
        assert rect.bottom <= height + 1e-6
        size = view.size
        assert size.width >= min(VISIBLE_PX, width * place.scale, 800) - 1
        assert size.height >= min(VISIBLE_PX, height * place.scale, 600) - 1
        assert 0 <= x0 <= 800 - size.width + 1
        assert 0 <= y0 <= 600 - size.height + 1


@given(st.floats(0.2, 40), st.floats(0, 799), st.floats(0, 599), st.floats(0.2, 40))
def test_zooming_keeps_what_is_under_the_cursor(first: float, x: float, y: float, second: float) -> None:
    place = Placement(Size(1920, 1080), Size(800, 600)).fitted().zoomed(first, 400, 300)
    before = ((x - place.left) / place.scale, (y - place.top) / place.scale)
    if not (0 <= before[0] < 1920 and 0 <= before[1] < 1080):
        return
    after = place.zoomed(second, x, y)
    now = ((x - after.left) / after.scale, (y - after.top) / after.scale)
    # A corner that has to stay in sight may hold the picture back.
    if after == after.clamped() and not _held(after):
        assert now == pytest.approx(before, abs=1e-6)


def _held(place: Placement) -> bool:
    width, height = place.content.width * place.scale, place.content.height * place.scale
    least_x, least_y = min(VISIBLE_PX, width), min(VISIBLE_PX, height)
    at_x = place.left in (least_x - width, 800 - least_x)
    at_y = place.top in (least_y - height, 600 - least_y)
    return at_x or at_y


def test_the_rendering_covers_whole_device_pixels() -> None:
    place = Placement(Size(1000, 700), Size(333, 222)).fitted().zoomed(0.777, 100, 50).moved(3.3, -4.4)
    x, y, view = place.visible()
    left = round(place.left)
    assert view.rect.x * place.scale == pytest.approx(x - left)
    assert view.rect.width * place.scale == pytest.approx(round(view.rect.width * place.scale))
    assert (x, y) == (max(0, left), max(0, round(place.top)))
