from __future__ import annotations

import numpy as np
import PIL.Image
import pytest
import skimage.data
import torch
from torchvision.transforms import functional

from cvstudio.models.shared.preprocessing import Preparation, fit, to_input

CAT = skimage.data.chelsea()
"""300 x 451, RGB."""


def test_corner_keeps_the_shape_and_pads_right_and_below() -> None:
    fitted, placement = fit(np.full((50, 100, 3), 200, np.uint8), Preparation((64, 64), "corner", 7))
    assert fitted.shape == (64, 64, 3)
    assert (fitted[:32] == 200).all()
    assert (fitted[32:] == 7).all()
    assert placement.scale == (0.64, 0.64)
    assert placement.offset == (0, 0)


def test_letterbox_pads_both_sides_and_places_come_back() -> None:
    fitted, placement = fit(np.full((50, 100, 3), 200, np.uint8), Preparation((64, 64), "letterbox", 114))
    assert (fitted[16:48] == 200).all()
    assert (fitted[:16] == 114).all()
    assert (fitted[48:] == 114).all()
    assert placement.to_picture(np.array([[0.0, 16.0, 64.0, 48.0]])) == pytest.approx(np.array([[0, 0, 100, 50]]))


def test_stretch_has_a_scale_for_each_side() -> None:
    fitted, placement = fit(CAT, Preparation((90, 30), "stretch"))
    assert fitted.shape == (30, 90, 3)
    assert placement.scale == pytest.approx((90 / 451, 30 / 300))
    assert placement.to_picture(np.array([90.0, 30.0])) == pytest.approx([451, 300])


def test_crop_is_what_torchvision_prepares_for_imagenet() -> None:
    how = Preparation(
        (224, 224),
        "crop",
        crop=0.875,
        interpolation="area",
        scale=1 / 255,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
    )
    fitted, placement = fit(CAT, how)
    picture = functional.resize(PIL.Image.fromarray(CAT), 256)
    assert picture.size == (384, 256)
    cropped = functional.center_crop(picture, [224, 224])
    assert placement.scale == pytest.approx((384 / 451, 256 / 300))
    # Averages of areas here, a triangle filter there: the same picture to a few grey values.
    assert np.abs(fitted.astype(int) - np.asarray(cropped).astype(int)).mean() < 3
    expected = functional.normalize(functional.to_tensor(fitted.copy()), [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    assert torch.allclose(torch.from_numpy(to_input(fitted, how))[0], expected, atol=1e-5)


def test_a_crop_of_a_narrow_picture_is_whole() -> None:
    fitted, _ = fit(np.full((7, 900, 3), 9, np.uint8), Preparation((33, 47), "crop", crop=0.9))
    assert fitted.shape == (47, 33, 3)
    assert (fitted == 9).all()


@pytest.mark.parametrize(
    ("layout", "shape"), [("NCHW", (1, 3, 2, 4)), ("NHWC", (1, 2, 4, 3)), ("CHW", (3, 2, 4)), ("HWC", (2, 4, 3))]
)
def test_layouts_and_channels(layout: str, shape: tuple[int, ...]) -> None:
    pixels = np.zeros((2, 4, 3), np.uint8)
    pixels[..., 0], pixels[1, 3, 2] = 10, 90
    given = to_input(pixels, Preparation((4, 2), layout=layout, channels="BGR", mean=(1, 2, 3), std=(1, 1, 2)))
    assert given.shape == shape
    assert given.dtype == np.float32
    assert given.flags["C_CONTIGUOUS"]
    last = given.reshape(shape)[-1] if layout == "NHWC" else given
    planes = np.moveaxis(last, -1, 0) if layout.endswith("HWC") else np.squeeze(last)
    # Blue first: 0 - 1, 90 - 1 at one place; red last: (10 - 3) / 2.
    assert planes[0, 0, 0] == -1
    assert planes[0, 1, 3] == 89
    assert (planes[1] == -2).all()
    assert (planes[2] == 3.5).all()


def test_a_picture_of_one_pixel_fills_what_it_can() -> None:
    for resize in ("stretch", "letterbox", "corner", "crop"):
        fitted, _ = fit(np.full((1, 1, 3), 5, np.uint8), Preparation((32, 32), resize, 5))
        assert fitted.shape == (32, 32, 3)
        assert (fitted == 5).all()
