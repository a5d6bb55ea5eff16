"""Pictures in linear light and with transparency: the same on screen and in a file."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage.color.colorconv import rgb2xyz, xyz2rgb

from cvstudio.data.geometry import Rect, View
from cvstudio.data.samples import Image
from cvstudio.data.srgb import srgb8
from cvstudio.draw import Look, Renderer, render
from cvstudio.draw._base_picture import CHECKER, CHECKER_GREYS
from cvstudio.exporters import EXPORTERS, export
from cvstudio.exporters.base import ExportItem
from cvstudio.foundation.progress import Progress
from cvstudio.media import MediaKind
from cvstudio.media.base import Media
from cvstudio.results.detections import Detections

LIGHT = np.random.default_rng(0).gamma(0.6, 0.8, (60, 80, 3)).astype(np.float32)


def encoded(light: np.ndarray) -> np.ndarray:
    """sRGB by scikit-image, which encodes what it converts from XYZ: there and back leaves only the encoding."""
    linear = np.clip(light.astype(np.float64), 0, 1)
    # rgb2xyz decodes sRGB first, so its matrix is taken from three pure primaries, which decode to themselves.
    matrix = rgb2xyz(np.eye(3)[None])[0]
    return xyz2rgb(linear @ matrix)


@pytest.mark.parametrize("exposure", [-10.0, -2.3, 0.0, 1.0, 3.7, 10.0])
def test_a_stop_doubles_the_light(exposure):
    shown = srgb8(LIGHT, exposure)
    assert shown.dtype == np.uint8
    assert np.abs(shown - encoded(LIGHT * 2**exposure) * 255).max() < 0.6


def test_every_level_of_eight_bits_is_reached_and_kept():
    levels = np.arange(256)
    light = np.where(levels <= 0.04045 * 255, levels / 255 / 12.92, ((levels / 255 + 0.055) / 1.055) ** 2.4)
    np.testing.assert_array_equal(srgb8(light.astype(np.float32)), levels)


def test_what_is_no_light():
    strange = np.array([np.nan, np.inf, -np.inf, -3, 1e30, 0, 1], np.float32)
    for exposure in (-10.0, 0.0, 10.0):
        shown = srgb8(strange, exposure)
        assert shown[[0, 2, 3, 5]].tolist() == [0, 0, 0, 0]
        assert shown[[1, 4]].tolist() == [255, 255]


def test_at_no_exposure_the_canvas_shows_what_networks_are_given():
    image = Image(LIGHT, transfer="linear")
    np.testing.assert_array_equal(render(image, [], View.whole(image.size)), image.rgb8)


@pytest.mark.parametrize("scale", [0.3, 1.0, 1.7, 4.0])
def test_exposure_brightens_what_is_shown(scale):
    image = Image(LIGHT, transfer="linear")
    brighter = Image(LIGHT * 4, transfer="linear")
    view = View(Rect(-5, 3, 40, 50), scale)
    np.testing.assert_array_equal(render(image, [], view, exposure_ev=2.0), render(brighter, [], view))
    renderer = Renderer()
    for exposure in (0.0, 2.0, -1.0, 2.0):
        np.testing.assert_array_equal(
            renderer.render(image, [], view, exposure_ev=exposure), render(image, [], view, exposure_ev=exposure)
        )


def test_shrinking_averages_light_and_not_codes():
    stripes = np.zeros((64, 64, 3), np.float32)
    stripes[:, ::2] = 1
    shown = render(Image(stripes, transfer="linear"), [], View(Rect(0, 0, 64, 64), 0.5))
    # Half of the light is 188 in sRGB; half of the code would be 128.
    np.testing.assert_array_equal(shown[8:24, 8:24], 188)


def test_other_pictures_are_not_touched(noise):
    view = View(Rect(3, 2, 50, 40), 1.3)
    np.testing.assert_array_equal(render(noise, [], view, exposure_ev=5.0), render(noise, [], view))


def test_an_export_has_the_exposure_of_the_look(tmp_path: Path):
    image = Image(LIGHT, transfer="linear")
    nothing = np.zeros(0, np.int64)
    none = Detections(
        np.zeros((0, 4), np.float32), np.zeros(0, np.float32), nothing, labels=(), ids=nothing, size=image.size
    )
    media = Media("id", Path("a.exr"), MediaKind.IMAGE, image.size)
    export(EXPORTERS["png"], tmp_path / "a.png", ExportItem(media, image, none, {"exposure": 1.5}, {}), Progress())
    written = cv2.imread(str(tmp_path / "a.png"))[..., ::-1]
    np.testing.assert_array_equal(written, srgb8(LIGHT, 1.5))
    assert Look().exposure == 0


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_what_is_transparent_shows_squares(kind):
    top = 1 if kind is np.float32 else np.iinfo(kind).max
    colour = np.full((32, 32, 3), top, kind)
    alpha = np.zeros((32, 32), kind)
    alpha[:, 16:] = top
    alpha[:16, :16] = kind(top * 0.5)
    image = Image(colour, alpha, "linear" if kind is np.float32 else "srgb")
    shown = render(image, [], View.whole(image.size))
    assert (shown[:, 16:] == 255).all()
    first, second = CHECKER_GREYS
    assert (shown[16 : 16 + CHECKER, :CHECKER] == second).all() or (shown[16 : 16 + CHECKER, :CHECKER] == first).all()
    assert set(np.unique(shown[16:, :16])) == {first, second}
    halves = {round(0.5 * 255 + 0.5 * grey) for grey in CHECKER_GREYS}
    assert all(min(abs(int(value) - half) for half in halves) <= 1 for value in np.unique(shown[:16, :16]))
    # The squares stand still while the picture is moved.
    np.testing.assert_array_equal(render(image, [], View(Rect(5, 9, 20, 20), 1.0)), shown[9:29, 5:25])


def test_hidden_colours_do_not_bleed():
    colour = np.zeros((32, 32, 3), np.uint8)
    colour[:, ::2] = (255, 0, 255)
    alpha = np.full((32, 32), 255, np.uint8)
    alpha[:, ::2] = 0
    shown = render(Image(colour, alpha), [], View(Rect(0, 0, 32, 32), 0.5))
    assert np.ptp(shown.astype(int), axis=2).max() <= 1


def test_alpha_that_hides_nothing_costs_nothing(noise):
    view = View(Rect(0, 0, 60, 40), 0.7)
    opaque = Image(noise.pixels, np.full(noise.pixels.shape[:2], 255, np.uint8))
    np.testing.assert_array_equal(render(opaque, [], view), render(noise, [], view))
