from __future__ import annotations

import numpy as np
import pytest

from cvstudio.data.sound.wave_pyramid import MOST_BYTES, WavePyramid, extremes_of


def noise(channels: int, count: int) -> np.ndarray:
    return np.random.default_rng(5).normal(0, 0.3, (channels, count)).astype(np.float32)


def filled(samples: np.ndarray, step: int = 7_001) -> WavePyramid:
    pyramid = WavePyramid(len(samples), samples.shape[1], 16_000)
    for start in range(0, samples.shape[1], step):
        pyramid.append(samples[:, start : start + step])
    return pyramid


@pytest.mark.parametrize("count", [1, 255, 256, 257, 5_000, 300_001])
@pytest.mark.parametrize("channels", [1, 3])
def test_all_in_one_pixel_are_the_extremes_of_the_sound(count: int, channels: int) -> None:
    samples = noise(channels, count)
    pyramid = filled(samples)
    assert pyramid.done
    found = pyramid.extremes(0, count, 1)
    np.testing.assert_array_equal(found[:, 0, 0], samples.min(1))
    np.testing.assert_array_equal(found[:, 1, 0], samples.max(1))
    np.testing.assert_array_equal(pyramid.peak(), np.abs(samples).max(1))
    np.testing.assert_allclose(pyramid.root_mean_square(), np.sqrt(np.square(samples.astype(float)).mean(1)), rtol=1e-9)
    np.testing.assert_allclose(pyramid.mean(), samples.astype(float).mean(1), atol=1e-9)


@pytest.mark.parametrize(("start", "stop", "pixels"), [(0, 300_001, 997), (70_000, 250_000, 640), (-5e4, 4e5, 900)])
def test_a_pixel_holds_its_samples_and_at_most_a_cell_more(start: float, stop: float, pixels: int) -> None:
    samples = noise(2, 300_001)
    found = filled(samples).extremes(start, stop, pixels)
    edges = np.linspace(start, stop, pixels + 1)
    margin = max(256, (stop - start) / pixels)
    for pixel in range(0, pixels, 7):
        low, high = int(np.ceil(max(0, edges[pixel]))), int(np.floor(min(edges[pixel + 1], 300_000)))
        if high < low:
            continue
        inner = samples[:, low : high + 1]
        outer = samples[:, max(0, int(edges[pixel] - margin)) : int(edges[pixel + 1] + margin) + 1]
        assert np.all(found[:, 0, pixel] <= inner.min(1))
        assert np.all(found[:, 0, pixel] >= outer.min(1))
        assert np.all(found[:, 1, pixel] >= inner.max(1))
        assert np.all(found[:, 1, pixel] <= outer.max(1))
    outside = (edges[1:] < -256) | (edges[:-1] > 300_001 + 2 * margin)
    assert np.isnan(found[:, :, outside]).all()


def test_what_is_done_is_final_and_the_rest_is_unknown() -> None:
    samples = noise(1, 400_000)
    pyramid = WavePyramid(1, 400_000, 16_000)
    pyramid.append(samples[:, :123_456])
    early = pyramid.extremes(0, 400_000, 400)
    assert not pyramid.done
    assert np.isnan(early[0, 0, 124:]).all()
    pyramid.append(samples[:, 123_456:])
    late = pyramid.extremes(0, 400_000, 400)
    np.testing.assert_array_equal(early[:, :, :120], late[:, :, :120])


def test_its_memory_is_bounded() -> None:
    pyramid = WavePyramid(8, 3 * 3600 * 192_000, 192_000)
    assert sum(level.nbytes for level in pyramid.levels) < 1.4 * MOST_BYTES
    assert pyramid.block > 256


def test_silence_clipping_and_what_is_no_number() -> None:
    samples = np.zeros((1, 1000), np.float32)
    samples[0, :3] = 1.0, -1.0, 32767 / 32768
    samples[0, 3:6] = np.nan, np.inf, -np.inf
    pyramid = filled(samples)
    assert pyramid.clipped()[0] == 3
    assert pyramid.peak()[0] == 1


@pytest.mark.parametrize(("start", "stop", "pixels"), [(100.0, 120.0, 400), (90.5, 5000.25, 333), (-50, 60, 40)])
def test_the_curve_through_samples(start: float, stop: float, pixels: int) -> None:
    samples = noise(1, 6000)
    found = extremes_of(samples[:, 50:], 50, start, stop, pixels)
    edges = np.linspace(start, stop, pixels + 1)
    for pixel in range(pixels):
        fine = np.linspace(edges[pixel], edges[pixel + 1], 2001)
        fine = fine[(fine >= 50) & (fine <= 5999)]
        if not len(fine):
            continue
        curve = np.interp(fine, np.arange(6000), samples[0])
        assert found[0, 0, pixel] <= curve.min() + 1e-6
        assert found[0, 1, pixel] >= curve.max() - 1e-6
        assert found[0, 0, pixel] >= curve.min() - 0.02
        assert found[0, 1, pixel] <= curve.max() + 0.02
    assert np.isnan(found[0, 0, edges[1:] < 50]).all()
