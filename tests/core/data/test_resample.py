"""Resampling in parts against SciPy on the whole, and against sines."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import resample_poly

from cvstudio.data.resample import Read, resampled, resampled_length


def reader(sound: NDArray[np.float32]) -> Read:
    def read(start: int, stop: int) -> NDArray[np.float32]:
        assert 0 <= start <= stop <= sound.shape[1]
        return sound[:, start:stop]

    return read


@pytest.mark.parametrize("rates", [(44100, 8000), (8000, 44100), (48000, 16000), (8000, 192000), (11025, 8000)])
def test_parts_are_those_of_the_whole_by_scipy(rates: tuple[int, int]) -> None:
    rate, new_rate = rates
    sound = np.random.default_rng(0).normal(size=(2, rate // 3)).astype(np.float32)
    count = resampled_length(sound.shape[1], rate, new_rate)
    common = np.gcd(rate, new_rate)
    expected = resample_poly(sound, new_rate // common, rate // common, axis=1)
    assert expected.shape[1] == count
    whole = resampled(reader(sound), sound.shape[1], rate, new_rate)
    assert np.allclose(whole, expected, atol=1e-5)
    edges = [0, 1, count // 3, count // 3 + 7, count]
    parts = [resampled(reader(sound), sound.shape[1], rate, new_rate, *edge) for edge in itertools.pairwise(edges)]
    assert np.allclose(np.concatenate(parts, axis=1), expected, atol=1e-5)


def test_a_sine_keeps_its_phase_and_what_is_too_high_is_gone() -> None:
    times = np.arange(44100) / 44100
    low, high = (np.sin(2 * np.pi * hz * times)[None].astype(np.float32) for hz in (440, 6000))
    at_8k = resampled(reader(low), 44100, 44100, 8000)[0]
    expected = np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    assert np.abs(at_8k - expected)[50:-50].max() < 2e-3
    assert np.abs(resampled(reader(high), 44100, 44100, 8000)[0][50:-50]).max() < 2e-3


def test_the_same_rate_is_the_same_sound_and_silence_around_it() -> None:
    sound = np.ones((1, 10), np.float32)
    assert np.array_equal(resampled(reader(sound), 10, 8000, 8000, -2, 12)[0], [0, 0, *[1] * 10, 0, 0])
