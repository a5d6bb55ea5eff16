from __future__ import annotations

import cv2
import numpy as np
import pytest

from cvstudio.data.depth.iris import Iris, iris_kernel
from cvstudio.data.depth.lens_blur import BLOCK, FINE, lens_blur
from cvstudio.data.geometry import Size
from cvstudio.data.srgb import srgb8
from cvstudio.foundation.errors import Cancelled
from tests.thin_lens import SCENES, LensScene, lens_scene

BAND_PX = 15
PLAIN_SIDES = (3, 5, 8, 12, 20, 30)
"""Squares of the plain recipe, of which the best for each scene is taken, beside the notes' 20."""


def picture(height: int = 90, width: int = 120) -> np.ndarray:
    random = np.random.default_rng(4)
    return cv2.GaussianBlur(random.random((height, width, 3)).astype(np.float32), (0, 0), 1.2)


def psnr(one: np.ndarray, other: np.ndarray, where: np.ndarray | None = None) -> float:
    error = (one.astype(np.float64) - other) ** 2
    return float(10 * np.log10(255**2 / (error if where is None else error[where]).mean()))


def edge_band(radius: np.ndarray) -> np.ndarray:
    """Pixels near an edge in depth, bool (H, W)."""
    kernel = np.ones((3, 3), np.uint8)
    edges = cv2.dilate(radius, kernel) - cv2.erode(radius, kernel) > 1.5
    return cv2.dilate(edges.astype(np.uint8), np.ones((BAND_PX, BAND_PX), np.uint8)) > 0


def plain_recipe(sharp: np.ndarray, radius: np.ndarray, side: int, most_px: float) -> np.ndarray:
    return np.where((np.abs(radius) <= most_px)[..., None], sharp, cv2.blur(sharp, (side, side)))


def figures(scene: LensScene) -> tuple[float, float, float, float]:
    """PSNR of the lens blur over the picture and along edges in depth, and that of the best plain recipe."""
    radius = scene.radius
    expected, sharp = srgb8(scene.light), scene.sharp.pixels
    band = edge_band(radius)
    found = srgb8(lens_blur(scene.sharp.light, radius))
    plain = [plain_recipe(sharp, radius, side, most) for side in PLAIN_SIDES for most in (1, 2, 4)]
    best = max(psnr(item, expected) for item in plain), max(psnr(item, expected, band) for item in plain)
    notes = plain_recipe(sharp, radius, 20, 2)
    result = psnr(found, expected), psnr(found, expected, band), *best
    print(
        f"{scene.name}: {result[0]:.2f} dB, {result[1]:.2f} along edges ({band.mean():.0%} of the picture); the plain "
        f"recipe {psnr(notes, expected):.2f} and {psnr(notes, expected, band):.2f}, at its best {best[0]:.2f} and "
        f"{best[1]:.2f}"
    )
    return result


@pytest.mark.long
def test_it_is_what_a_thin_lens_sees():
    scenes = [lens_scene(kind, seed, Size(320, 240), largest_px=20.0, side=13) for kind, seed in SCENES]
    measured = np.array([figures(scene) for scene in scenes])
    worst = measured.min(0)
    gain = measured[:, :2] - measured[:, 2:]
    print(f"worst: {worst[0]:.2f} dB, {worst[1]:.2f} along edges; {gain.min(0)[0]:.2f} and {gain.min(0)[1]:.2f} above")
    assert worst[0] >= 30
    assert worst[1] >= 26
    # Above the plain recipe with the square and the range that fit this scene best, which a user would have to find.
    assert gain.min() >= 3


def test_a_small_scene_is_what_a_thin_lens_sees():
    whole, band, best_whole, best_band = figures(lens_scene("room", 101, Size(112, 84), largest_px=12.0, side=8))
    assert whole >= 30
    assert band >= 26
    # So small a picture leaves less to tell apart; the scenes of the long test have the full margin.
    assert min(whole - best_whole, band - best_band) >= 1.5


def test_a_plane_is_convolved_with_the_iris():
    light = picture()
    for radius in (0.0, 3.0, -3.0):
        iris = Iris(5, 12.0)
        blurred = lens_blur(light, np.full(light.shape[:2], radius, np.float32), iris)
        kernel = iris_kernel(iris, radius)[::-1, ::-1]
        expected = cv2.filter2D(light, -1, kernel, borderType=cv2.BORDER_REFLECT) if radius else light
        np.testing.assert_allclose(blurred, expected, atol=1e-5)


def test_large_circles_are_those_of_the_whole_picture():
    light = cv2.GaussianBlur(picture(300, 400), (0, 0), 2)
    # Exactly a layer's radius.
    radius = FINE.radius(round(float(FINE.steps(np.array([24.0], np.float32))[0])))
    blurred = lens_blur(light, np.full(light.shape[:2], radius, np.float32))
    expected = cv2.filter2D(light, -1, iris_kernel(Iris(), radius), borderType=cv2.BORDER_REFLECT)
    error = np.abs(blurred - expected)
    # At the far edges the smaller picture has no whole pixels.
    assert error[:-32, :-32].max() < 2 / 255
    assert error.max() < 0.02


def test_nothing_sharp_bleeds_into_the_blurred_background():
    light, radius = np.zeros((80, 80, 3), np.float32), np.full((80, 80), 8.0, np.float32)
    light[30:50, 30:50], radius[30:50, 30:50] = 1.0, 0.0
    blurred = lens_blur(light, radius)
    np.testing.assert_allclose(blurred[radius > 0], 0, atol=1e-6)
    np.testing.assert_allclose(blurred[radius == 0], 1, atol=1e-6)


def test_a_blurred_foreground_is_transparent_at_its_edge_over_a_sharp_background():
    light, radius = np.zeros((80, 120, 3), np.float32), np.zeros((80, 120), np.float32)
    light[:, 60:], radius[:, 60:] = 1.0, -8.0
    blurred = lens_blur(light, radius)[40, :, 0]
    # The background is even: what comes through is what the iris leaves free, on both sides of the edge.
    layer = FINE.radius(round(float(FINE.steps(np.array([-8.0], np.float32))[0])))
    expected = cv2.filter2D(light[..., 0].copy(), -1, iris_kernel(Iris(), layer), borderType=cv2.BORDER_REFLECT)[40]
    np.testing.assert_allclose(blurred, expected, atol=0.03)


def test_a_slope_has_no_seams_between_its_layers():
    light = np.full((60, 400, 3), 0.5, np.float32)
    radius = np.tile(np.linspace(-12, 12, 400, dtype=np.float32), (60, 1))
    np.testing.assert_allclose(lens_blur(light, radius), 0.5, atol=1e-5)


def test_blocks_make_no_seams():
    light = picture(BLOCK + 90, BLOCK + 60)
    random = np.random.default_rng(1)
    radius = cv2.GaussianBlur(random.normal(0, 400, light.shape[:2]).astype(np.float32), (0, 0), 25)
    assert np.ptp(radius) > 15
    whole = lens_blur(light, radius)
    # The same place, now in the middle of a block.
    part = (slice(90, BLOCK + 90), slice(60, BLOCK + 60))
    moved = lens_blur(np.ascontiguousarray(light[16:, 16:]), np.ascontiguousarray(radius[16:, 16:]))
    np.testing.assert_allclose(
        moved[part[0].start - 16 : -70, part[1].start - 16 : -70],
        whole[part[0].start : -70, part[1].start : -70],
        atol=2e-3,
    )


def test_it_ends_when_it_is_told_to():
    def check() -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        lens_blur(picture(), np.zeros((90, 120), np.float32), check=check)
