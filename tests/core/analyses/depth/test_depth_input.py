"""How every use of a depth map brings it to the picture."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import cvstudio
from cvstudio.analyses.depth.refocus import align
from cvstudio.analyses.depth_input import DepthInputParams, completed, enlarged, prepared
from cvstudio.data.depth.guided import guided_upsampling
from cvstudio.data.samples import DepthMap, Image
from cvstudio.foundation.errors import BindingError, MediaError, UserError

STEP = 150


def picture(width: int = 320, height: int = 240) -> Image:
    """Dark on the left of `STEP`, bright on the right."""
    pixels = np.full((height, width, 3), 40, np.uint8)
    pixels[:, STEP:] = 210
    return Image(pixels)


def coarse(factor: int = 16) -> DepthMap:
    """A depth with the step of `picture`, on a grid on which it is half a cell off."""
    columns = np.arange(320 // factor) * factor
    values = np.tile(np.where(columns + factor / 2 < STEP, 1.0, 3.0), (240 // factor, 1))
    return DepthMap(values.astype(np.float32), "m")


def test_steps_of_a_small_map_come_onto_the_edges_of_the_picture() -> None:
    true = np.where(np.arange(320) < STEP, 1.0, 3.0)
    found = enlarged(picture(), coarse()).values
    nearest = cv2.resize(coarse().values, (320, 240), interpolation=cv2.INTER_LINEAR)
    assert found.shape == (240, 320)
    assert np.abs(found - true).mean() < 0.5 * np.abs(nearest - true).mean()
    # The largest step of the map lies where the picture has its edge.
    assert int(np.diff(found[120]).argmax()) + 1 == STEP


def test_an_even_picture_says_nothing_about_edges() -> None:
    grey = Image(np.full((240, 320, 3), 128, np.uint8))
    smooth = cv2.resize(coarse().values, (320, 240), interpolation=cv2.INTER_LINEAR)
    found = enlarged(grey, coarse()).values
    assert np.abs(found - smooth).mean() < 0.1
    assert 1 <= found.min() <= found.max() <= 3


def test_what_was_not_measured_has_no_part() -> None:
    values = np.full((15, 20), 2.0, np.float32)
    invalid = np.zeros(values.shape, bool)
    values[:, 10:], invalid[:, 10:] = 99.0, True
    found = enlarged(picture(), DepthMap(values, "m", invalid))
    np.testing.assert_allclose(found.values[~found.invalid], 2.0, rtol=1e-4)
    assert found.invalid[:, 170:].all()
    assert not found.invalid[:, :150].any()


def test_a_map_of_the_pictures_size_stays_as_it_is() -> None:
    depth = DepthMap(np.random.default_rng(0).uniform(1, 4, (240, 320)).astype(np.float32), "m")
    assert enlarged(picture(), depth) is depth
    assert prepared(picture(), depth, DepthInputParams(follow_edges=True)) is depth


@pytest.mark.parametrize(("filling", "expected"), [("nearest", 1.0), ("farthest", 4.0)])
def test_holes_are_filled_on_request(filling: str, expected: float) -> None:
    values = np.full((24, 32), 1.0, np.float32)
    values[:, 20:] = 4.0
    invalid = np.zeros(values.shape, bool)
    invalid[5:9, 5:9] = True
    depth = DepthMap(values, "m", invalid)
    assert completed(depth, "keep") is depth
    full = completed(depth, filling)
    assert not full.invalid.any()
    np.testing.assert_array_equal(full.values[invalid], expected)
    np.testing.assert_array_equal(full.values[~invalid], depth.values[~invalid])


def test_guided_upsampling_reproduces_a_linear_relation() -> None:
    # Where depth is a smooth, linear function of brightness it is recovered at full size.
    rng = np.random.default_rng(2)
    guide = cv2.GaussianBlur(rng.random((480, 640)).astype(np.float32), (0, 0), 70)
    guide = (guide - guide.min()) / np.ptp(guide)
    true = 2 + 3 * guide
    small = cv2.resize(true, (40, 30), interpolation=cv2.INTER_AREA)
    found = guided_upsampling(guide, small, smoothness=1e-6)
    assert np.abs(found - true).mean() < 0.03


# -- bad input


def write(path: Path, values: np.ndarray) -> Path:
    np.save(path, values)
    return path


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), picture(64, 48).pixels[..., ::-1])
    return path


@pytest.mark.parametrize("analysis", ["refocus", "lens-blur"])
def test_a_depth_map_of_another_shape_is_refused_in_one_sentence(analysis: str, photo: Path, tmp_path: Path) -> None:
    depth = write(tmp_path / "depth.npy", np.ones((48, 48), np.float32))
    with pytest.raises(BindingError, match=r"64 x 48.*48 x 48"):
        cvstudio.run(analysis, photo, depth)


@pytest.mark.parametrize("analysis", ["refocus", "lens-blur"])
@pytest.mark.parametrize("value", [0.0, -3.0, np.nan, np.inf])
def test_a_depth_map_without_a_depth_is_refused_in_one_sentence(
    analysis: str, value: float, photo: Path, tmp_path: Path
) -> None:
    depth = write(tmp_path / "depth.npy", np.full((48, 64), value, np.float32))
    with pytest.raises(MediaError, match="no valid depth"):
        cvstudio.run(analysis, photo, depth)


@pytest.mark.parametrize("analysis", ["refocus", "lens-blur"])
def test_negative_and_missing_values_cost_only_their_pixels(analysis: str, photo: Path, tmp_path: Path) -> None:
    values = np.full((48, 64), 2.0, np.float32)
    values[:10], values[10:20], values[20:30] = -1.0, np.nan, 5.0
    result = cvstudio.run(analysis, photo, write(tmp_path / "depth.npy", values))
    assert result.pixels.shape == (48, 64, 3)
    assert np.isfinite(result.pixels).all()


@pytest.mark.parametrize("analysis", ["refocus", "lens-blur"])
def test_a_constant_depth_map_leaves_the_picture_sharp(analysis: str, photo: Path, tmp_path: Path) -> None:
    depth = write(tmp_path / "depth.npy", np.full((48, 64), 2.0, np.float32))
    result = cvstudio.run(analysis, photo, depth)
    assert result.mask.all()
    assert np.abs(result.pixels.astype(int) - picture(64, 48).pixels).max() <= 1


def test_inverse_depth_blurs_the_same_side(photo: Path, tmp_path: Path) -> None:
    metres = np.full((48, 64), 1.0, np.float32)
    metres[:, 32:] = 4.0
    far = cvstudio.run("lens-blur", photo, write(tmp_path / "metres.npy", metres), focal_depth=1.0, aperture=10.0)
    inverse = write(tmp_path / "inverse.npy", 1 / metres)
    near = cvstudio.run(
        "lens-blur", photo, inverse, focal_depth=1.0, aperture=10.0, depth_scale="relative", read_as={"depth": "depth"}
    )
    np.testing.assert_array_equal(far.mask, near.mask)


def test_stereo_pictures_of_different_sizes_or_scenes_are_refused(photo: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.png"
    cv2.imwrite(str(other), picture(60, 48).pixels)
    with pytest.raises(BindingError, match="of one size"):
        cvstudio.run("stereo", photo, other)


def test_stereo_pictures_that_are_not_rectified_are_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    scene = cv2.resize(rng.integers(0, 255, (60, 80, 3), np.uint8), (640, 480), interpolation=cv2.INTER_NEAREST)
    turned = cv2.warpAffine(scene, cv2.getRotationMatrix2D((320, 240), 8, 1), (640, 480))
    paths = [tmp_path / "left.png", tmp_path / "right.png"]
    for path, pixels in zip(paths, (scene, turned), strict=True):
        cv2.imwrite(str(path), pixels)
    with pytest.raises(BindingError, match="same row"):
        cvstudio.run("stereo", *paths)


def test_nothing_of_it_is_a_traceback(photo: Path, tmp_path: Path) -> None:
    for values in (np.zeros((0, 5), np.float32), np.ones((4,), np.float32), np.ones((48, 64), np.complex64)):
        with pytest.raises(UserError):
            cvstudio.run("refocus", photo, write(tmp_path / "depth.npy", values), read_as={"depth": "depth"})
    assert align(picture(), coarse()).depth.size == (320, 240)
