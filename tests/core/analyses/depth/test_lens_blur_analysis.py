from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.depth import lens_blur
from cvstudio.analyses.depth.lens_blur import HoleParams, LensParams, focal_depth, input_facts, pick
from cvstudio.analyses.stages import Providers, Request, run_chain, stage_keys
from cvstudio.data.depth.nearness import filled, nearness_scale
from cvstudio.data.geometry import Rect, Size, View
from cvstudio.data.samples import DepthMap, Image
from cvstudio.foundation.cache import Cache
from cvstudio.foundation.errors import BindingError, Cancelled, MediaError
from cvstudio.foundation.params import NoParams
from cvstudio.foundation.progress import Progress
from cvstudio.results.picture import LinearPicture, Picture
from cvstudio.results.spatial.depth import Depth

WIDTH, HEIGHT = 180, 120


@pytest.fixture
def image() -> Image:
    pixels = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    return Image(cv2.GaussianBlur(pixels, (0, 0), 1.5))


@pytest.fixture
def depth() -> DepthMap:
    """The left third at 1 m, the middle one at 2 m, the right one at 4 m."""
    return DepthMap(np.repeat(np.repeat([[1.0, 2.0, 4.0]], WIDTH // 3, 1), HEIGHT, 0).astype(np.float32), "m")


def make_request(view: View | None = None, **params: Any) -> Request:
    stages = ANALYSES["lens-blur"].stages
    sources = (("picture", "a", None), ("depth", "b", None))
    return Request("lens-blur", stages, sources, (HoleParams(), NoParams(), LensParams(**params)), (), view)


def results(image: Image, depth: Any, request: Request, cache: Cache | None = None) -> list[Picture]:
    providers = Providers(lambda: {"picture": image, "depth": depth})
    return list(run_chain(request, providers, Cache() if cache is None else cache, Progress()))


def run(image: Image, depth: Any, view: View | None = None, **params: Any) -> Picture:
    return results(image, depth, make_request(view, **params))[-1]


def first_output(image: Image, depth: DepthMap) -> Any:
    (scene,) = lens_blur.run_align(lens_blur.Inputs({"picture": image, "depth": depth}), HoleParams(), Progress())
    return scene


def test_what_is_in_focus_is_the_picture_itself(image, depth):
    result = run(image, depth, focal_depth=2.0, aperture=8.0)
    assert result.mask is not None
    np.testing.assert_array_equal(result.mask, np.abs(depth.values - 2) < 0.1)
    middle = slice(WIDTH // 3 + 12, 2 * WIDTH // 3 - 12)
    np.testing.assert_array_equal(result.pixels[:, middle], image.pixels[:, middle])
    assert np.abs(result.pixels[:, :40].astype(int) - image.pixels[:, :40]).mean() > 3


def test_the_circle_of_confusion_is_that_of_a_thin_lens(image):
    values = np.full((HEIGHT, WIDTH), 3.0, np.float32)
    values[0], values[1] = 1.0, 8.0
    scene = first_output(image, DepthMap(values, "m"))
    lens = lens_blur._Lens(scene, LensParams(focal_depth=3.0, aperture=10.0), 1.0)
    # Proportional to the difference of inverse distances; 10 % of the longer side from the nearest to the farthest.
    largest = 0.1 * WIDTH / 2 / (1 / 1 - 1 / 8)
    radius = lens.radius(scene.scale.of(np.array([1.0, 2.0, 3.0, 4.0, 8.0], np.float32)))
    expected = [largest * (1 / 3 - 1 / metres) for metres in (1, 2, 3, 4, 8)]
    np.testing.assert_allclose(radius, expected, atol=1e-4)


def test_a_closed_aperture_and_a_deep_field_leave_the_picture(image, depth):
    for params in ({"aperture": 0.0}, {"field": 100.0, "focal_depth": 1.6}):
        np.testing.assert_array_equal(run(image, depth, **params).pixels, image.pixels)


@pytest.mark.parametrize("kind", ["disparity", "relative", "inverse"])
def test_near_and_far_are_told_apart_whatever_the_depth_is(image, depth, kind):
    values = {"disparity": 8 / depth.values, "relative": 1 / depth.values, "inverse": depth.values * 1000}[kind]
    unit: Any = {"disparity": "px", "relative": "relative", "inverse": "mm"}[kind]
    other = DepthMap(values.astype(np.float32), unit, near_is_large=kind != "inverse")
    expected = run(image, depth, focal_depth=2.0)
    result = run(image, other, focal_depth=float(values[0, WIDTH // 2]))
    # Rounding may move a pixel by a level.
    assert np.abs(result.pixels.astype(int) - expected.pixels).max() <= 1


def test_tiles_make_the_whole_without_seams(image, depth, monkeypatch):
    slope = DepthMap(np.tile(np.linspace(1, 5, WIDTH, dtype=np.float32), (HEIGHT, 1)), "m")
    for map_ in (depth, slope):
        whole = run(image, map_, focal_depth=2.0, aperture=6.0)
        monkeypatch.setattr(lens_blur, "TILE", 48)
        tiled = run(image, map_, focal_depth=2.0, aperture=6.0)
        monkeypatch.undo()
        assert np.abs(tiled.pixels.astype(int) - whole.pixels).max() <= 1
        np.testing.assert_array_equal(tiled.mask, whole.mask)


def test_a_view_is_the_part_of_the_whole(image, depth):
    whole = run(image, depth, focal_depth=2.0, aperture=6.0)
    part = run(image, depth, View(Rect(30.0, 20.0, 90.0, 60.0)), focal_depth=2.0, aperture=6.0)
    assert (part.rect, part.scale, part.size) == (Rect(30, 20, 90, 60), 1.0, Size(WIDTH, HEIGHT))
    assert np.abs(part.pixels.astype(int) - whole.pixels[20:80, 30:120]).max() <= 2


@pytest.mark.parametrize("scale", [0.37, 0.5, 1.0, 1.7, 3.0])
def test_a_view_has_the_size_of_the_canvas(image, depth, scale):
    view = View(Rect(10.4, 5.5, 101.0, 77.0), scale)
    result = run(image, depth, view)
    assert result.pixels.shape[:2] == (round(result.rect.height * scale), round(result.rect.width * scale))
    smaller = cv2.resize(run(image, depth).pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    assert smaller.mean() == pytest.approx(result.pixels.mean(), abs=4)


def test_a_large_view_has_a_draft_first_that_is_nearly_the_same():
    big = Image(cv2.GaussianBlur(np.random.default_rng(2).integers(0, 256, (600, 900, 3), np.uint8), (0, 0), 4))
    depth = DepthMap(np.tile(np.linspace(1, 5, 900, dtype=np.float32), (600, 1)), "m")
    request = make_request(View.whole(big.size), focal_depth=2.0, aperture=4.0)
    draft, final = results(big, depth, request)
    assert draft.pixels.shape == final.pixels.shape
    assert np.abs(draft.pixels.astype(int) - final.pixels).mean() < 4
    np.testing.assert_array_equal(draft.mask, final.mask)


def test_only_the_last_stage_depends_on_the_sliders():
    view = View(Rect(0, 0, 50, 50))
    first, second = (
        stage_keys(make_request(view, aperture=2.0)),
        stage_keys(make_request(view, aperture=3.0, field=5.0)),
    )
    assert first[:2] == second[:2]
    assert first[2] != second[2]


def test_highlights_bloom_out_of_focus_only(image):
    pixels = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    pixels[60, 45], pixels[60, 135] = 255, 255
    depth = DepthMap(np.repeat(np.repeat([[1.0, 4.0]], WIDTH // 2, 1), HEIGHT, 0).astype(np.float32), "m")
    plain = run(Image(pixels), depth, focal_depth=1.0, aperture=8.0)
    bloomed = run(Image(pixels), depth, focal_depth=1.0, aperture=8.0, highlights=5.0)
    np.testing.assert_array_equal(bloomed.pixels[:, :80], pixels[:, :80])
    assert bloomed.pixels[60, 135].min() > plain.pixels[60, 135].max() + 20


def test_a_picture_in_linear_light_stays_in_it(depth):
    light = np.random.default_rng(5).random((HEIGHT, WIDTH, 3)).astype(np.float32) * 4
    result = run(Image(light, None, "linear"), depth, focal_depth=1.0, aperture=8.0)
    assert isinstance(result, LinearPicture)
    np.testing.assert_allclose(result.light[:, :40], light[:, :40], rtol=1e-6)
    assert result.light[:, 140:].std() < light[:, 140:].std() / 4


def test_the_iris_and_its_turn_and_softness_change_the_picture(image, depth):
    params = {"focal_depth": 1.0, "aperture": 10.0}
    disc = run(image, depth, **params)
    for change in ({"iris": "pentagon"}, {"softness": 0.8}, {"iris": "pentagon", "iris_rotation": 30.0}):
        other = run(image, depth, **params, **change)
        assert not np.array_equal(other.pixels, disc.pixels)


def test_holes_are_the_nearest_measured_or_the_farthest():
    values = np.array([[1.0, 1.0, 0.0, 0.0, 5.0]], np.float32)
    depth = DepthMap(values, "m", values == 0)
    np.testing.assert_array_equal(filled(depth), [[1, 1, 1, 5, 5]])
    np.testing.assert_array_equal(filled(depth, "farthest"), [[1, 1, 5, 5, 5]])
    disparity = DepthMap(values, "px", values == 0, near_is_large=True)
    np.testing.assert_array_equal(filled(disparity, "farthest"), [[1, 1, 1, 1, 5]])


def test_single_wrong_depths_do_not_set_the_scale():
    values = np.linspace(1, 4, 40_000, dtype=np.float32).reshape(200, 200)
    values[0, 0], values[0, 1] = 0.001, 900.0
    scale = nearness_scale(DepthMap(values, "m"))
    nearness = scale.of(values)
    assert nearness.min() >= -0.5
    assert nearness.max() <= 1.5
    assert scale.of(np.array([2.0], np.float32))[0] == pytest.approx((1 / 2 - 1 / 4) / (1 - 1 / 4), abs=0.01)


def test_depth_of_another_analysis_is_depth(image, depth):
    found = run(image, Depth(depth), focal_depth=2.0)
    np.testing.assert_array_equal(found.pixels, run(image, depth, focal_depth=2.0).pixels)
    for key in ("lens-blur", "refocus"):
        assert Depth in ANALYSES[key].slot("depth").results


def test_a_constant_depth_is_in_focus(image):
    flat = DepthMap(np.full((HEIGHT, WIDTH), 3.0, np.float32), "m")
    np.testing.assert_array_equal(run(image, flat, aperture=10.0).pixels, image.pixels)


def test_depth_that_does_not_belong_to_the_picture_is_refused(image, depth):
    with pytest.raises(BindingError, match="depth map of the picture's shape"):
        run(image, DepthMap(depth.values[:, :60], "m"))
    with pytest.raises(MediaError, match="found none in it"):
        run(image, replace(depth, invalid=np.ones(depth.values.shape, bool)))
    half = DepthMap(depth.values[::2, ::2].copy(), "m")
    assert run(image, half, focal_depth=2.0).pixels.shape == image.pixels.shape


def test_a_click_sets_the_focal_plane_and_the_facts_say_where_it_is(image, depth):
    scene = first_output(image, depth)
    assert pick(scene, 150.0, 60.0) == {"focal_depth": 4.0}
    assert focal_depth(scene, None, None) == 2.0
    assert focal_depth(scene, None, (5.0, 5.0)) == 1.0
    facts = input_facts(scene, {"focal_depth": 1.5})
    assert facts.values == {"focal_depth": 1.5}
    bounds = facts.ranges["focal_depth"]
    assert (bounds.low, bounds.high, bounds.unit) == (pytest.approx(1), pytest.approx(4), "m")
    assert facts.histograms["focal_depth"].counts.sum() == HEIGHT * WIDTH


def test_a_whole_picture_can_be_cancelled_and_tells_how_far_it_is(image, depth, monkeypatch):
    monkeypatch.setattr(lens_blur, "TILE", 48)
    told: list[float] = []

    def report(fraction: float | None, message: str) -> None:
        told.append(fraction or 0.0)
        if len(told) == 4:
            progress.cancel()

    progress = Progress(report)
    scene = first_output(image, depth)
    with pytest.raises(Cancelled):
        list(lens_blur.run_blur(lens_blur.Inputs({}, scene), LensParams(), progress))
    assert told == sorted(told)
    assert told[-1] > 0
