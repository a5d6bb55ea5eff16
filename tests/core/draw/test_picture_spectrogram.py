from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage.color import rgb2lab

from cvstudio.data.geometry import Rect, Size, View
from cvstudio.draw import Look, render
from cvstudio.draw.render import BACKGROUND
from cvstudio.draw.spectrogram import colour_lut, spectrogram_picture
from cvstudio.results.picture import Picture
from cvstudio.results.spectrogram import Spectrogram


@pytest.fixture
def inverse(noise):
    return 255 - noise.pixels


def test_a_picture_for_this_view_is_copied(noise, inverse):
    whole = View.whole(noise.size)
    result = Picture(inverse, whole.rect, 1.0, noise.size)
    np.testing.assert_array_equal(render(noise, [(result, Look())], whole), inverse)
    for rect in (Rect(17, 5, 100, 80), Rect(-20, -10, 200, 400), Rect(350.4, 250.4, 100, 100)):
        view = View(rect)
        left, top = round(rect.x), round(rect.y)
        shown = render(noise, [(result, Look())], view)
        padded = np.full((1000, 1000, 3), BACKGROUND, np.uint8)
        padded[300:600, 300:700] = inverse
        wanted = padded[300 + top : 300 + top + shown.shape[0], 300 + left : 300 + left + shown.shape[1]]
        np.testing.assert_array_equal(shown, wanted)


@pytest.mark.parametrize("scale", [0.4, 1.0, 2.7])
def test_what_was_made_for_a_part_lies_on_it(scale, noise, inverse):
    rect = Rect(40, 30, 111, 77)
    size = View(rect, scale).size
    part = cv2.resize(inverse[30:107, 40:151], size, interpolation=cv2.INTER_NEAREST)
    result = Picture(part, rect, scale, noise.size)
    view = View(Rect(20, 10, 200, 150), scale)
    shown, bare = render(noise, [(result, Look())], view), render(noise, [], view)
    left, top = round(40 * scale) - round(20 * scale), round(30 * scale) - round(10 * scale)
    inner = (slice(top, top + size.height - 1), slice(left, left + size.width - 1))
    np.testing.assert_array_equal(shown[inner], part[:-1, :-1])
    rest = np.ones(shown.shape[:2], bool)
    rest[top : top + size.height + 1, left : left + size.width + 1] = False
    np.testing.assert_array_equal(shown[rest], bare[rest])
    # To the picture's last pixel: nothing of what is replaced looks out.
    right, bottom = round(151 * scale) - round(20 * scale), round(107 * scale) - round(10 * scale)
    assert (shown[top:bottom, left:right] != bare[top:bottom, left:right]).any(axis=2)[:, -1].mean() > 0.9


@pytest.mark.parametrize("scale", [0.3, 0.5, 1.6, 3.0])
def test_a_picture_of_another_zoom_is_fitted(scale, photo):
    whole = View.whole(photo.size)
    result = Picture(photo.pixels, whole.rect, 1.0, photo.size)
    view = View(Rect(60.0, 40.0, 300.0, 200.0), scale)
    shown = render(None, [(result, Look())], view)
    wanted = render(photo, [], view)
    assert cv2.PSNR(shown, wanted) > 28
    moved = render(photo, [], View(Rect(64.0, 40.0, 300.0, 200.0), scale))
    assert cv2.PSNR(shown, moved) < cv2.PSNR(shown, wanted) - 3


def test_a_picture_outside_of_the_view_leaves_it_alone(noise, inverse):
    result = Picture(inverse[:10, :10], Rect(0, 0, 10, 10), 1.0, noise.size)
    view = View(Rect(100, 100, 50, 50))
    np.testing.assert_array_equal(render(noise, [(result, Look())], view), noise.pixels[100:150, 100:150])


def test_a_picture_blends(noise, inverse):
    result = Picture(inverse, View.whole(noise.size).rect, 1.0, noise.size)
    half = render(noise, [(result, Look(opacity=0.5))], View.whole(noise.size))
    assert np.abs(half.astype(int) - 127.5).max() <= 1


@pytest.fixture
def sound() -> Spectrogram:
    """Levels that are all shown (no display limits), 257 bins and 600 columns of which 500 are done."""
    levels = np.random.default_rng(0).integers(1, 256, (257, 600), np.uint8)
    return Spectrogram(levels, 8000, 128, 512, -120.0, 0.0, 500, show_low_db=-120.0, show_high_db=0.0)


@pytest.mark.parametrize("name", ["viridis", "magma", "cividis", "grey"])
def test_at_scale_1_a_cell_is_a_pixel_and_what_is_to_come_is_background(name, sound):
    shown = render(None, [(sound, Look(colour_map=name))], View.whole(sound.size))
    np.testing.assert_array_equal(shown[:, :500], colour_lut(name)[sound.levels[::-1, :500]])
    assert (shown[:, 500:] == BACKGROUND).all()


@pytest.mark.parametrize("scale", [0.25, 0.4, 1.0, 2.0, 3.3])
def test_a_spectrogram_stands_still_while_it_is_moved(scale, sound):
    size = sound.size
    whole = render(None, [(sound, Look())], View(Rect(0, 0, *map(float, size)), scale))
    for x, y, width, height in ((100, 50, 200, 100), (420, 200, 300, 120), (-50, -20, 100, 90)):
        view = View(Rect(x, y, width, height), scale)
        shown = render(None, [(sound, Look())], view)
        left, top = round(x * scale), round(y * scale)
        rows = slice(max(-top, 0), min(shown.shape[0], whole.shape[0] - top))
        columns = slice(max(-left, 0), min(shown.shape[1], whole.shape[1] - left))
        part = whole[top + rows.start : top + rows.stop, left + columns.start : left + columns.stop]
        np.testing.assert_array_equal(shown[rows, columns], part)
        rest = np.ones(shown.shape[:2], bool)
        rest[rows, columns] = False
        assert (shown[rest] == BACKGROUND).all()


def test_a_click_is_never_lost_in_a_small_picture():
    levels = np.zeros((129, 5000), np.uint8)
    levels[:, 3210] = 255
    sound = Spectrogram(levels, 8000, 64, 256, -120.0, 0.0, 5000)
    shown = spectrogram_picture(sound, Rect(0, 0, 5000, 129), Size(100, 129), "grey")
    assert (shown[:, 64] == 255).all()
    assert (np.delete(shown, 64, axis=1) == 0).all()


# First and last colour as published with each map.
@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("viridis", (68, 1, 84), (253, 231, 37)),
        ("magma", (0, 0, 4), (252, 253, 191)),
        ("cividis", (0, 34, 78), (254, 232, 56)),
        ("grey", (0, 0, 0), (255, 255, 255)),
    ],
)
def test_colour_maps_are_the_published_ones_and_even(name, first, last):
    lut = colour_lut(name)
    assert np.abs(lut[0].astype(int) - first).max() <= 3
    assert np.abs(lut[-1].astype(int) - last).max() <= 3
    lightness = rgb2lab(lut[None])[0, :, 0]
    assert (np.diff(lightness) > -0.4).all()
    # Even: the middle is halfway up.
    assert abs(lightness[128] - (lightness[0] + lightness[-1]) / 2) < 6
