"""Adjustments: what they do to values."""

from __future__ import annotations

import numpy as np
import pytest

from cvstudio.data.adjustments import Adjustments
from cvstudio.data.samples import DepthMap, Frame, Image
from cvstudio.foundation.errors import ParamsError


def test_levels_and_channel_change_the_values():
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    image = Image(np.stack([ramp, 255 - ramp, np.full_like(ramp, 9)], axis=-1))
    red = Adjustments.from_text("channel=red").apply(image)
    np.testing.assert_array_equal(red.pixels, np.repeat(ramp[..., None], 3, axis=2))
    levels = Adjustments.from_text("levels=0.2,0.8,2").apply(image).pixels[..., 0]
    expected = np.clip((ramp / 255 - 0.2) / 0.6, 0, 1) ** 0.5
    assert np.abs(levels - 255 * expected).max() <= 0.5
    wide = Adjustments.from_text("levels=0.2,0.8,2").apply(Image(image.pixels.astype(np.uint16) * 257))
    assert np.abs(wide.pixels[..., 0] - 65535 * expected).max() <= 0.5
    light = Image(np.full((2, 2, 3), 2.0, np.float32), transfer="linear")
    # Light has no upper end.
    assert Adjustments.from_text("levels=0,0.5,1").apply(light).pixels.max() == 4.0
    flat = Image(np.full((2, 2, 3), 0.75, np.float32))
    assert Adjustments.from_text("levels=0,0.5,1").apply(flat).pixels.max() == 1.0


def test_frames_depth_and_alpha_go_along():
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    turned = Adjustments.from_text("crop=1,0,3,3 rotate=90").apply(DepthMap(values, "m"))
    np.testing.assert_array_equal(turned.values, np.rot90(values[:, 1:], -1))
    assert turned.unit == "m"
    alpha = np.arange(12, dtype=np.uint8).reshape(3, 4)
    frame = Frame(np.zeros((3, 4, 3), np.uint8), alpha, pts=0.5)
    flipped = Adjustments.from_text("flip=h").apply(frame)
    assert isinstance(flipped, Frame)
    assert flipped.pts == 0.5
    np.testing.assert_array_equal(flipped.alpha, alpha[:, ::-1])


def test_brightness_and_contrast_are_in_closed_form_and_written_only_where_they_differ():
    adjusted = Adjustments.from_text("brightness=0.1 contrast=1.5")
    assert Adjustments.from_json(adjusted.to_json()) == adjusted
    assert Adjustments().to_json() == {}
    assert adjusted.tonal
    assert not adjusted.spatial
    levels = np.arange(256, dtype=np.uint8).reshape(1, -1, 1).repeat(3, axis=2)
    wanted = np.rint(((levels / 255 - 0.5) * 1.5 + 0.6).clip(0, 1) * 255)
    assert np.array_equal(adjusted.apply(Image(levels)).pixels, wanted)
    assert adjusted.apply(Image((levels / 255).astype(np.float32))).pixels * 255 == pytest.approx(wanted, abs=0.51)
    for text, words in (("contrast=5", "contrast expects 0 to 4"), ("brightness=-2", "brightness expects -1 to 1")):
        with pytest.raises(ParamsError, match=words):
            Adjustments.from_text(text)


def test_a_window_stays_within_what_values_can_be():
    start = Adjustments(levels=(0.25, 0.75, 2.0))
    assert start.windowed(0, 0) == start
    assert start.windowed(-1, 0).levels == (0.375, 0.625, 2.0)
    assert start.windowed(5, 0).levels == (0.0, 1.0, 2.0)
    assert start.windowed(0, 9).levels == (0.5, 1.0, 2.0)
    assert start.windowed(0, -9).levels == (0.0, 0.5, 2.0)
    narrow = start.windowed(-40, 0).levels
    assert narrow[1] - narrow[0] == pytest.approx(1e-4)
