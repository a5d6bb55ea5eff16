from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy import ndimage

from cvstudio.data.geometry import Rect, Size, View
from cvstudio.data.samples import Frame, Image
from cvstudio.draw import Emphasis, Look, Renderer, draw, render
from cvstudio.draw._base_picture import BasePicture
from cvstudio.draw.render import BACKGROUND
from cvstudio.results.picture import Picture
from cvstudio.results.spectrogram import Spectrogram


def views(scale: float, size: Size, count: int = 25):
    """Random views, some reaching beyond the picture."""
    random = np.random.default_rng(int(scale * 1000))
    for _ in range(count):
        x, y = random.uniform(-0.3, 0.9, 2) * size
        width, height = random.uniform(0.2, 0.8, 2) * size
        yield View(Rect(float(x), float(y), float(width), float(height)), scale)


def crop(whole: np.ndarray, view: View) -> np.ndarray:
    """What `view` shows of the whole rendering, background beyond it."""
    width, height = view.size
    left, top = round(view.rect.x * view.scale), round(view.rect.y * view.scale)
    rows, columns = np.arange(top, top + height), np.arange(left, left + width)
    inside = ((rows >= 0) & (rows < whole.shape[0]))[:, None] & ((columns >= 0) & (columns < whole.shape[1]))
    taken = whole[np.clip(rows, 0, whole.shape[0] - 1)[:, None], np.clip(columns, 0, whole.shape[1] - 1)]
    return np.where(inside[:, :, None], taken, np.array(BACKGROUND, np.uint8))


def whole_view(size: Size, scale: float) -> View:
    return View(Rect(0, 0, *map(float, size)), scale)


def test_at_scale_1_the_screen_is_a_crop_of_the_file(noise, detections):
    layers = [(detections(), Look())]
    whole = render(noise, layers, View.whole(noise.size))
    assert (whole != noise.pixels).any()
    for view in views(1.0, noise.size):
        np.testing.assert_array_equal(render(noise, layers, view), crop(whole, view))


@pytest.mark.parametrize("scale", [0.25, 0.37, 0.5, 1.3, 2.0, 3.0, 4.7])
def test_boxes_and_labels_stand_still_at_every_scale(scale, detections):
    flat = Image(np.full((300, 400, 3), 90, np.uint8))
    layers = [(detections(count=15), Look(line_width=3))]
    whole = render(flat, layers, whole_view(flat.size, scale))
    for view in views(scale, flat.size, 10):
        np.testing.assert_array_equal(render(flat, layers, view), crop(whole, view))


@pytest.mark.parametrize("scale", [0.25, 0.3, 0.5, 0.61, 0.8, 1.3, 1.7, 2.0, 2.6, 3.0])
def test_the_picture_stands_still_while_it_is_moved(scale, photo):
    whole = render(photo, [], whole_view(photo.size, scale))
    for view in views(scale, photo.size, 10):
        shown, wanted = render(photo, [], view), crop(whole, view)
        # OpenCV places samples to 1/32 pixel; a square pixel's edge may fall on either side.
        assert (np.abs(shown.astype(int) - wanted) > 12).any(axis=2).mean() < 0.002


def test_halves_are_exact_means(photo):
    for halvings in (1, 2):
        scale = 0.5**halvings
        width, height = photo.size.width >> halvings, photo.size.height >> halvings
        wanted = photo.pixels
        for _ in range(halvings):
            wanted = cv2.resize(wanted, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        shown = render(photo, [], whole_view(photo.size, scale))
        np.testing.assert_array_equal(shown, wanted[:height, :width])


@pytest.mark.parametrize("scale", [0.27, 0.4, 0.55, 0.6, 0.7, 0.75, 0.9])
def test_shrinking_is_as_good_as_averaging_areas(scale, photo):
    shown = render(photo, [], whole_view(photo.size, scale))
    wanted = cv2.resize(photo.pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    assert cv2.PSNR(shown, wanted) > 35
    # What averaging is for: leaving pixels out is far from it.
    skipped = cv2.resize(photo.pixels, shown.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    assert cv2.PSNR(skipped, wanted) < 30


@pytest.mark.parametrize("scale", [2, 3, 5])
def test_enlarged_pixels_are_squares(scale, noise):
    view = View(Rect(10, 20, 30, 15), float(scale))
    wanted = noise.pixels[20:35, 10:40].repeat(scale, 0).repeat(scale, 1)
    np.testing.assert_array_equal(render(noise, [], view), wanted)


def test_between_1_and_2_is_linear(photo):
    scale, size = 1.5, photo.size
    shown = render(photo, [], whole_view(size, scale))
    rows, columns = ((np.arange(n) + 0.5) / scale - 0.5 for n in shown.shape[:2])
    grid = np.stack(np.meshgrid(rows, columns, indexing="ij"))
    wanted = ndimage.map_coordinates(photo.pixels[:, :, 1].astype(float), grid, order=1, mode="nearest")
    assert np.abs(shown[:, :, 1] - wanted).max() < 9


def test_a_picture_wider_than_opencv_can_warp():
    wide = Image(np.tile(np.arange(40_000, dtype=np.uint16).astype(np.uint8)[None, :, None], (4, 1, 3)))
    shown = render(wide, [], View(Rect(39_000, 0, 900, 4), 1.5))
    assert shown.shape == (6, 1350, 3)
    near = render(wide, [], View(Rect(39_000, 0, 20, 4), 2.0))
    np.testing.assert_array_equal(near[0, ::2, 0], wide.pixels[0, 39_000:39_020, 0])


@pytest.mark.parametrize("scale", [0.3, 1.0, 1.5, 4.0])
def test_outside_is_background(scale, noise):
    shown = render(noise, [], View(Rect(-500, -500, 40, 30), scale), background=(1, 2, 3))
    assert (shown == (1, 2, 3)).all()
    edge = render(noise, [], View(Rect(-10, -10, 420, 320), scale))
    around = round(10 * scale)
    assert (edge[:around] == BACKGROUND).all()
    assert (edge[:, -around:] == BACKGROUND).all()
    assert (edge[around:-around, around:-around] != BACKGROUND).any(axis=2).mean() > 0.99


def test_a_tiny_picture_at_any_scale():
    dot = Image(np.full((1, 1, 3), 200, np.uint8))
    for scale in (0.01, 0.4, 1.0, 1.5, 300.0):
        shown = render(dot, [], View(Rect(0, 0, 1, 1), scale))
        assert (shown == 200).all()


def test_nothing_given_is_changed(noise, detections):
    found = detections()
    picture = Picture(noise.pixels[:50, :60].copy(), Rect(0, 0, 60, 50), 1.0, noise.size)
    sound = Spectrogram(np.ones((300, 400), np.uint8), 8000, 128, 512, -120, 0, 400)
    arrays = [noise.pixels, found.boxes, found.scores, picture.pixels, sound.levels]
    before = [array.tobytes() for array in arrays]
    for scale in (0.4, 1.0, 2.0):
        for layer in (found, picture, sound):
            canvas = render(noise, [(layer, Look(opacity=0.7))], View(Rect(-5, -5, 300, 200), scale))
            assert not np.shares_memory(canvas, noise.pixels)
            canvas[:] = 0
    assert [array.tobytes() for array in arrays] == before


def test_opacity_blends(noise, detections):
    found, view = detections(), View.whole(noise.size)
    full = render(noise, [(found, Look())], view).astype(float)
    half = render(noise, [(found, Look(opacity=0.5))], view)
    assert np.abs(half - (full + noise.pixels) / 2).max() <= 1
    np.testing.assert_array_equal(render(noise, [(found, Look(opacity=0))], view), noise.pixels)


def test_an_unknown_result_is_named():
    with pytest.raises(TypeError, match="no painter for dict"):
        render(None, [({}, Look())], View(Rect(0, 0, 4, 4)))
    with pytest.raises(TypeError, match="no painter for int"):
        draw(3, np.zeros((4, 4, 3), np.uint8), View(Rect(0, 0, 4, 4)), Look(), Emphasis())


def test_the_renderer_keeps_the_base_while_only_results_change(noise, detections, monkeypatch):
    calls = []
    original = BasePicture.sample
    monkeypatch.setattr(BasePicture, "sample", lambda *given: calls.append(given) or original(*given))
    renderer, view = Renderer(), View(Rect(3, 4, 200, 150), 0.8)
    found = detections()
    for count in range(1, 6):
        layers = [(found.take(range(count)), Look())]
        canvas = renderer.render(noise, layers, view)
        np.testing.assert_array_equal(canvas, render(noise, layers, view))
        canvas[:] = 0  # the canvas is the caller's
        calls[:] = [call for call in calls if call[0] is renderer._picture]
    assert len(calls) == 1
    other = Image(255 - noise.pixels)
    np.testing.assert_array_equal(renderer.render(other, [], view), render(other, [], view))
    moved = View(Rect(30, 4, 200, 150), 0.8)
    np.testing.assert_array_equal(renderer.render(other, [], moved), render(other, [], moved))
    np.testing.assert_array_equal(renderer.render(None, [], moved), render(None, [], moved))


def test_a_frame_is_sampled_again_at_its_second_rendering_only(noise, detections, monkeypatch):
    calls = []
    original = BasePicture.sample
    monkeypatch.setattr(BasePicture, "sample", lambda *given: calls.append(given) or original(*given))
    renderer, view = Renderer(), View(Rect(3, 4, 200, 150), 0.8)
    frame, found = Frame(noise.pixels, pts=0.5), detections()
    for count in range(5):
        layers = [(found.take(range(count)), Look())]
        np.testing.assert_array_equal(renderer.render(frame, layers, view), render(noise, layers, view))
        calls[:] = [call for call in calls if call[0] is renderer._picture]
    assert len(calls) == 2
