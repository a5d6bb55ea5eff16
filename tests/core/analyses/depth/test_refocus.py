from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.depth.refocus import (
    BlurParams,
    FocusParams,
    align,
    blend,
    blur,
    crop,
    default_focus,
    focus_at,
    input_facts,
    pick,
    run_blend,
)
from cvstudio.analyses.depth_input import DepthInputParams
from cvstudio.analyses.stages import Inputs, Providers, Request, first_missing, run_chain, stage_keys
from cvstudio.data.geometry import Rect, Size, View
from cvstudio.data.samples import DepthMap, Image
from cvstudio.draw import Look, render
from cvstudio.exporters import EXPORTERS, ExportItem, export
from cvstudio.foundation.cache import Cache
from cvstudio.foundation.errors import BindingError, MediaError, ParamsError
from cvstudio.foundation.params import NoParams
from cvstudio.foundation.progress import Progress
from cvstudio.media import Media, MediaKind
from cvstudio.results.picture import LinearPicture, Picture

WIDTH, HEIGHT = 173, 121


@pytest.fixture
def image() -> Image:
    pixels = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    return Image(cv2.GaussianBlur(pixels, (0, 0), 1.5))


@pytest.fixture
def depth() -> DepthMap:
    random = np.random.default_rng(2)
    values = np.linspace(1.0, 5.0, WIDTH, dtype=np.float32)[None].repeat(HEIGHT, 0)
    values = values + random.normal(0, 0.1, values.shape).astype(np.float32)
    return DepthMap(values, "m", random.random(values.shape) < 0.1)


def make_request(view: View | None = None, side: int = 20, **focus: Any) -> Request:
    stages = ANALYSES["refocus"].stages
    params = (DepthInputParams(), BlurParams(side), NoParams(), FocusParams(**focus))
    return Request("refocus", stages, (("picture", "a", None), ("depth", "b", None)), params, (), view)


def run(image: Image, depth: DepthMap, request: Request, cache: Cache | None = None) -> Picture:
    providers = Providers(lambda: {"picture": image, "depth": depth})
    *_, result = run_chain(request, providers, Cache() if cache is None else cache, Progress())
    assert isinstance(result, Picture)
    return result


def plain_recipe(image: Image, depth: DepthMap, focus: tuple[float, float], side: int = 20) -> np.ndarray:
    """The notes' recipe as it stands there: two masked pictures, added."""
    sharp = (depth.values >= np.float32(focus[0])) & (depth.values <= np.float32(focus[1])) & ~depth.invalid
    soft = cv2.blur(image.rgb8, (side, side))
    return cv2.add(image.rgb8 * sharp[..., None], soft * (~sharp)[..., None])


@pytest.mark.parametrize("side", [1, 2, 20, 101])
@pytest.mark.parametrize("focus", [(1.0, 2.5), (2.0, 2.0), (0.0, 100.0), (90.0, 91.0)])
def test_equals_the_plain_recipe(image, depth, focus, side):
    result = run(image, depth, make_request(side=side, focus=focus))
    np.testing.assert_array_equal(result.pixels, plain_recipe(image, depth, focus, side))
    assert result.size == image.size
    assert result.rect == Rect(0, 0, WIDTH, HEIGHT)


def test_both_ends_of_the_range_are_in_focus(image):
    values = np.tile(np.array([0.1, 0.2, 0.3, 0.4], np.float32), (4, 1))
    picture = Image(image.pixels[:4, :4])
    mask = run(picture, DepthMap(values), make_request(focus=(0.2, 0.3))).mask
    assert mask is not None
    np.testing.assert_array_equal(mask, np.tile([False, True, True, False], (4, 1)))


def test_what_was_not_measured_is_never_in_focus(image, depth):
    for invert in (False, True):
        mask = run(image, depth, make_request(focus=(0.0, 2.0), invert=invert)).mask
        assert mask is not None
        assert mask.any()
        assert not mask[depth.invalid].any()
    far = run(image, depth, make_request(focus=(0.0, 2.0), invert=True)).mask
    np.testing.assert_array_equal(far, (depth.values > 2) & ~depth.invalid)


def test_a_view_equals_the_crop_of_the_whole(image, depth):
    whole = run(image, depth, make_request(focus=(1.5, 3.0)))
    assert whole.mask is not None
    random = np.random.default_rng(3)
    for _ in range(25):
        x, y = int(random.integers(0, WIDTH - 1)), int(random.integers(0, HEIGHT - 1))
        w, h = int(random.integers(1, WIDTH - x + 1)), int(random.integers(1, HEIGHT - y + 1))
        part = run(image, depth, make_request(View(Rect(x, y, w, h)), focus=(1.5, 3.0)))
        np.testing.assert_array_equal(part.pixels, whole.pixels[y : y + h, x : x + w])
        np.testing.assert_array_equal(part.mask, whole.mask[y : y + h, x : x + w])
        assert part.rect == Rect(x, y, w, h)


def test_tiles_make_the_whole(image, depth):
    whole = run(image, depth, make_request(focus=(1.5, 3.0)))
    made = np.zeros_like(whole.pixels)
    cache = Cache()
    for y in range(0, HEIGHT, 50):
        for x in range(0, WIDTH, 64):
            view = View(Rect(x, y, min(64, WIDTH - x), min(50, HEIGHT - y)))
            made[y : y + 50, x : x + 64] = run(image, depth, make_request(view, focus=(1.5, 3.0)), cache).pixels
    np.testing.assert_array_equal(made, whole.pixels)


@pytest.mark.parametrize("scale", [0.1, 0.5, 0.73, 1.5, 2.0, 7.0])
def test_a_scaled_view_joins_the_scaled_pictures(image, depth, scale):
    view = View(Rect(20, 10, 60, 40), scale)
    result = run(image, depth, make_request(view, focus=(1.0, 2.5)))
    assert result.pixels.shape[:2] == (round(40 * scale), round(60 * scale))
    assert result.scale == scale
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR if scale < 2 else cv2.INTER_NEAREST_EXACT
    sharp, soft = (
        cv2.resize(plane[10:50, 20:80], view.size, interpolation=way)
        for plane in (image.rgb8, cv2.blur(image.rgb8, (20, 20)))
    )
    assert result.mask is not None
    assert 0 < result.mask.mean() < 1
    np.testing.assert_array_equal(result.pixels, np.where(result.mask[..., None], sharp, soft))
    if scale in (2.0, 7.0):
        whole = run(image, depth, make_request(focus=(1.0, 2.5))).mask
        assert whole is not None
        big = whole[10:50, 20:80].repeat(int(scale), 0).repeat(int(scale), 1)
        np.testing.assert_array_equal(result.mask, big)


@pytest.mark.parametrize(
    ("rect", "expected"),
    [
        (Rect(-30.5, -4, 40.2, 10), Rect(0, 0, 10, 6)),
        (Rect(10.2, 3.9, 1, 1), Rect(10, 3, 2, 2)),
        (Rect(500, 500, 10, 10), Rect(WIDTH - 1, HEIGHT - 1, 1, 1)),
        (Rect(-50, -50, 10, 10), Rect(0, 0, 1, 1)),
    ],
)
def test_a_view_is_widened_to_whole_pixels_inside_the_picture(image, depth, rect, expected):
    result = run(image, depth, make_request(View(rect)))
    assert result.rect == expected
    assert result.pixels.shape[:2] == (expected.height, expected.width)


def test_a_tick_of_the_range_reruns_the_last_stage_only(image, depth):
    cache = Cache()
    view = View(Rect(0, 0, 50, 50))
    run(image, depth, make_request(view, focus=(1.0, 2.0)), cache)
    assert first_missing(stage_keys(make_request(view, focus=(1.0, 2.1))), cache) == 3
    assert first_missing(stage_keys(make_request(View(Rect(1, 0, 50, 50)), focus=(1.0, 2.0))), cache) == 2
    assert first_missing(stage_keys(make_request(view, 21, focus=(1.0, 2.0))), cache) == 1
    assert ANALYSES["refocus"].stages[3].where == "main"


def test_many_views_and_ticks_keep_the_blurred_picture(image, depth):
    aligned = align(image, depth)
    whole = sum(plane.nbytes for plane in (image.rgb8, aligned.depth.values, aligned.depth.invalid, aligned.valid))
    cache = Cache(budget_bytes=4 * whole)
    for tick in range(100):
        run(image, depth, make_request(View(Rect(tick, 5, 40, 40)), focus=(1.0, 1.0 + tick / 50)), cache)
    assert cache.used_bytes <= cache.budget_bytes
    assert cache.get(stage_keys(make_request())[0]) is not None
    assert cache.get(stage_keys(make_request())[1]) is not None


def test_inputs_stay_as_they_are_and_outputs_are_read_only(image, depth):
    before = image.pixels.copy(), depth.values.copy()
    result = run(image, depth, make_request(View(Rect(3, 3, 30, 30), 0.5), focus=(1.0, 2.0)))
    np.testing.assert_array_equal(image.pixels, before[0])
    np.testing.assert_array_equal(depth.values, before[1])
    assert result.mask is not None
    assert not result.pixels.flags.writeable
    assert not result.mask.flags.writeable


@pytest.mark.parametrize(("near_is_large", "expected"), [(False, (10.0, 20.0)), (True, (30.0, 40.0))])
def test_the_nearest_third_is_in_focus_at_first(near_is_large, expected):
    values = np.linspace(10, 40, 100, dtype=np.float32).reshape(10, 10)
    image = Image(np.zeros((10, 10, 3), np.uint8))
    aligned = align(image, DepthMap(values, "px", near_is_large=near_is_large))
    assert default_focus(aligned) == pytest.approx(expected)
    given = input_facts(aligned, {})
    assert given.values["focus"] == pytest.approx(expected)
    assert given.ranges["focus"].low <= 10 <= 40 <= given.ranges["focus"].high
    assert given.ranges["focus"].unit == "px"
    mask = run(image, aligned.depth, make_request()).mask
    np.testing.assert_array_equal(mask, (values >= expected[0]) & (values <= np.float32(expected[1])))


def test_a_click_focuses_on_the_depth_there(image, depth):
    aligned = align(image, depth)
    low, high = aligned.extent
    row, column = np.argwhere(~depth.invalid)[1234]
    at = float(depth.values[row, column])
    near, far = focus_at(aligned, column + 0.5, row + 0.5)
    assert near == pytest.approx(max(low, at - (high - low) / 10))
    assert far == pytest.approx(min(high, at + (high - low) / 10))
    assert focus_at(aligned, column, row, width=0.0) == (at, at)
    assert pick(aligned, column, row) == {"focus": (near, far)}
    point = (float(column), float(row))
    by_point = run(image, depth, make_request(point=point))
    assert by_point.mask is not None
    assert by_point.mask[row, column]
    np.testing.assert_array_equal(by_point.pixels, run(image, depth, make_request(focus=(near, far))).pixels)
    np.testing.assert_array_equal(
        run(image, depth, make_request(point=point, focus=(2.0, 3.0))).pixels,
        run(image, depth, make_request(focus=(2.0, 3.0))).pixels,
    )


def test_a_click_into_a_hole_takes_the_nearest_measured_depth():
    random = np.random.default_rng(5)
    values = random.random((60, 80)).astype(np.float32) + 1
    invalid = np.ones((60, 80), bool)
    places = np.array([(2, 3), (30, 70), (55, 10), (31, 40)])
    invalid[tuple(places.T)] = False
    aligned = align(Image(np.zeros((60, 80, 3), np.uint8)), DepthMap(values, "m", invalid))
    for row, column in random.integers(0, (60, 80), (200, 2)):
        distance = ((places - (row, column)) ** 2).sum(1)
        if np.partition(distance, 1)[0] == np.partition(distance, 1)[1]:
            continue
        nearest = float(values[tuple(places[distance.argmin()])])
        assert focus_at(aligned, column, row, width=0.0) == (nearest, nearest)
    assert focus_at(aligned, -9, 999, width=0.0) == (float(values[55, 10]),) * 2


def test_a_nearer_depth_beside_a_window_wins_over_one_in_its_corner():
    values = np.zeros((40, 40), np.float32)
    values[14, 14], values[10, 15] = 1.0, 2.0
    aligned = align(Image(np.zeros((40, 40, 3), np.uint8)), DepthMap(values, "m", values == 0))
    assert focus_at(aligned, 10, 10, width=0.0) == (2.0, 2.0)


def test_the_histogram_counts_what_was_measured(image, depth):
    aligned = align(image, depth)
    assert aligned.histogram.shape == (256,)
    assert aligned.histogram.sum() == (~depth.invalid).sum()
    expected = np.bincount(
        np.minimum(
            ((depth.values[~depth.invalid].astype(float) - aligned.extent[0]) / np.ptp(aligned.extent) * 256).astype(
                int
            ),
            255,
        ),
        minlength=256,
    )
    assert np.abs(aligned.histogram - expected).sum() <= 4  # values on an edge between two bins


def test_a_smaller_depth_map_is_enlarged_without_inventing_depths(image):
    values = np.random.default_rng(4).random((HEIGHT // 2, WIDTH // 2)).astype(np.float32)
    small = DepthMap(values, "m", values < 0.3)
    aligned = align(image, small)
    assert aligned.depth.size == image.size
    assert set(np.unique(aligned.depth.values[aligned.valid > 0])) <= set(np.unique(values[values >= 0.3]))
    rows = ((np.arange(HEIGHT) + 0.5) * values.shape[0] / HEIGHT).astype(int)
    columns = ((np.arange(WIDTH) + 0.5) * values.shape[1] / WIDTH).astype(int)
    # The middle row lies exactly between two of the small map: either is the nearest.
    kept = np.arange(HEIGHT) != HEIGHT // 2
    np.testing.assert_array_equal(aligned.depth.values[kept], small.values[rows][:, columns][kept])


@pytest.mark.parametrize(("width", "fits"), [(173, True), (170, True), (177, False), (100, False)])
def test_another_shape_of_frame_is_refused(image, width, fits):
    depth = DepthMap(np.ones((HEIGHT, width), np.float32))
    if fits:
        align(image, depth)
        return
    with pytest.raises(BindingError, match=rf"expects .* \(173 x 121\), found {width} x 121; choose"):
        align(image, depth)


def test_a_depth_map_without_depths_is_refused(image):
    with pytest.raises(MediaError, match=r"found none in it; choose another"):
        align(image, DepthMap(np.full((HEIGHT, WIDTH), np.nan, np.float32)))


def test_a_flat_depth_is_all_in_focus(image):
    flat = DepthMap(np.full((HEIGHT, WIDTH), 2.0, np.float32), "m")
    mask = run(image, flat, make_request()).mask
    assert mask is not None
    assert mask.all()
    bounds = input_facts(align(image, flat), {}).ranges["focus"]
    assert bounds.low == 2
    assert bounds.high > 2


def test_one_pixel_is_a_picture(depth):
    dot = Image(np.full((1, 1, 3), 9, np.uint8))
    assert run(dot, DepthMap(np.ones((1, 1), np.float32)), make_request(focus=(5, 6))).pixels.tolist() == [[[9] * 3]]


def test_float_pictures_are_blended_as_they_are_shown(depth):
    pixels = np.random.default_rng(6).random((HEIGHT, WIDTH, 3)).astype(np.float32)
    image = Image(pixels)
    np.testing.assert_array_equal(
        run(image, depth, make_request(focus=(1, 2))).pixels, plain_recipe(image, depth, (1, 2))
    )


def srgb(light: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1, as it stands there."""
    light = np.clip(light.astype(np.float64), 0, 1)
    codes = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return codes * 255


@pytest.fixture
def hdr() -> Image:
    """Light of which some is brighter than white, and some is no number."""
    light = np.random.default_rng(7).gamma(0.6, 0.8, (HEIGHT, WIDTH, 3)).astype(np.float32)
    light[5, 5], light[60, 80], light[90, 3] = np.nan, np.inf, -1
    return Image(light, transfer="linear")


def lens(image: Image, depth: DepthMap, focus: tuple[float, float], side: int = 20) -> np.ndarray:
    """The recipe upon light: what is out of focus is averaged before it is exposed."""
    light = np.nan_to_num(np.clip(image.pixels, 0, 65536), nan=0.0)
    good = (depth.values >= focus[0]) & (depth.values <= focus[1]) & ~depth.invalid
    return np.where(good[..., None], light, cv2.blur(light, (side, side)))


@pytest.mark.parametrize("exposure", [0.0, 2.0, -3.5])
def test_light_is_blurred_as_light_and_exposed_as_the_slider_says(exposure, hdr, depth):
    result = run(hdr, depth, make_request(focus=(1, 2)))
    drawn = render(hdr, [(result, Look(exposure=exposure))], View.whole(hdr.size), exposure_ev=exposure)
    wanted = srgb(lens(hdr, depth, (1, 2)) * 2.0**exposure)
    assert np.abs(drawn - wanted).max() < 0.6
    assert result.mask is not None
    assert 0.1 < result.mask.mean() < 0.9
    # What is in focus is the picture itself, as it is shown without an analysis.
    alone = render(hdr, [], View.whole(hdr.size), exposure_ev=exposure)
    np.testing.assert_array_equal(drawn[result.mask], alone[result.mask])
    plain = render(hdr, [(result, Look())], View.whole(hdr.size))
    assert np.array_equal(drawn, plain) == (exposure == 0)


def test_the_exposure_of_a_part_is_that_of_the_whole(hdr, depth):
    view = View(Rect(20, 10, 90, 70), 1.0)
    part = run(hdr, depth, make_request(view, focus=(2, 3)))
    whole = run(hdr, depth, make_request(focus=(2, 3)))
    look = Look(exposure=1.5)
    drawn = render(hdr, [(part, look)], view, exposure_ev=1.5)
    all_of_it = render(hdr, [(whole, look)], View.whole(hdr.size), exposure_ev=1.5)
    np.testing.assert_array_equal(drawn, all_of_it[10:80, 20:110])


def test_an_export_of_a_refocused_hdr_has_the_exposure(hdr, depth, tmp_path):
    result = run(hdr, depth, make_request(focus=(1, 2)))
    item = ExportItem(Media("id", Path("a.exr"), MediaKind.IMAGE, hdr.size), hdr, result, {"exposure": 1.0}, {})
    export(EXPORTERS["png"], tmp_path / "a.png", item, Progress())
    written = cv2.imread(str(tmp_path / "a.png"))[..., ::-1]
    assert np.abs(written - srgb(lens(hdr, depth, (1, 2)) * 2)).max() < 0.6


def test_a_picture_of_light_says_what_it_expects():
    with pytest.raises(ValueError, match=r"expected float32 \(2, 3, 3\), found float64 \(2, 3, 3\)"):
        LinearPicture(np.zeros((2, 3, 3), np.uint8), Rect(0, 0, 3, 2), 1.0, Size(3, 2), light=np.zeros((2, 3, 3)))


def test_values_are_checked_by_the_declaration():
    spec = ANALYSES["refocus"]
    made = spec.make_params({"focus": [1, 250000], "point": (3, 4), "blur": 7}, None)
    assert made[3] == replace(FocusParams(), focus=(1.0, 250000.0), point=(3.0, 4.0))
    for wrong in ({"blur": 0}, {"blur": 102}, {"focus": (3, 1)}, {"point": (1,)}):
        with pytest.raises(ParamsError):
            spec.make_params(wrong, None)


def test_a_crop_of_the_whole_shares_its_memory(image, depth):
    blurred = blur(align(image, depth), 20)
    assert crop(blurred, None).blurred is blurred.pixels
    assert blend(crop(blurred, None), (0, 0)).size == Size(WIDTH, HEIGHT)


def test_real_pictures_with_depth_equal_the_plain_recipe(data):
    folder = data("rgbd")
    for name in ("frame-000000", "frame-000024"):
        image = Image(cv2.cvtColor(cv2.imread(str(folder / f"{name}.color.jpg")), cv2.COLOR_BGR2RGB))
        raw = cv2.imread(str(folder / f"{name}.depth.png"), cv2.IMREAD_UNCHANGED)
        depth = DepthMap(raw.astype(np.float32), "mm", (raw == 0) | (raw == 65535))
        focus = default_focus(align(image, depth))
        result = run(image, depth, make_request())
        np.testing.assert_array_equal(result.pixels, plain_recipe(image, depth, focus))
        assert result.mask is not None
        assert 0.01 < result.mask.mean() < 0.99


def test_every_picture_of_the_method_can_be_shown() -> None:
    pixels = np.random.default_rng(5).integers(0, 256, (30, 40, 3), np.uint8)
    depth = DepthMap(np.tile(np.linspace(1, 4, 40, dtype=np.float32), (30, 1)), "m")
    visible = crop(blur(align(Image(pixels), depth), 7), None)
    focus = (2.0, 3.0)

    def shown(show: str) -> np.ndarray:
        params = FocusParams(focus, show=show)
        (picture,) = run_blend(Inputs({}, previous=visible), params, Progress())
        return picture.pixels

    # The recipe of the notes, step by step.
    mask = cv2.inRange(depth.values, *focus)
    outside = cv2.bitwise_not(mask)
    soft = cv2.blur(pixels, (7, 7))
    expected = {
        "focus mask": cv2.merge([mask] * 3),
        "defocus mask": cv2.merge([outside] * 3),
        "blurred": soft,
        "sharp part": cv2.bitwise_and(pixels, pixels, mask=mask),
        "blurred part": cv2.bitwise_and(soft, soft, mask=outside),
    }
    for name, picture in expected.items():
        np.testing.assert_array_equal(shown(name), picture, name)
    np.testing.assert_array_equal(shown("result"), cv2.add(expected["sharp part"], expected["blurred part"]))
