"""Levels of a sound that still grows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import hann

from cvstudio.data.sound.rolling_levels import RollingLevels
from cvstudio.data.sound.spectra import window_samples

RATE = 16_000


def test_a_column_is_that_of_an_independent_transform() -> None:
    rng = np.random.default_rng(3)
    sound = rng.normal(0, 0.1, (1, RATE)).astype(np.float32)
    rolling = RollingLevels(RATE, 256, 100, 1.0, scale="linear", low_db=-120)
    count = rolling.add(sound)
    window = window_samples(0.032, RATE)
    transform = ShortTimeFFT(hann(window, sym=False), 160, RATE)
    slices = np.stack([sound[0, k * 160 : k * 160 + window] for k in range(count)])
    spectrum = np.abs(np.fft.rfft(slices * transform.win, axis=1)) / (transform.win.sum() / 2)
    expected = 20 * np.log10(spectrum)
    # 256 rows for 257 bins: row 255 - k holds bin k, and the last bin falls into the highest row.
    shown = rolling.levels[::-1, -count:].T.astype(float) / 255 * 120 - 120
    np.testing.assert_allclose(shown[:, 1:255], expected[:, 1:255], atol=0.5)


@pytest.mark.parametrize("hertz", [200.0, 1000.0, 5000.0])
def test_a_sine_is_where_its_frequency_is_and_as_loud_as_it_is(hertz: float) -> None:
    rolling = RollingLevels(RATE, 120, 50, 1.0)
    time = np.arange(RATE) / RATE
    rolling.add((0.1 * np.sin(2 * np.pi * hertz * time))[None].astype(np.float32))
    row = int(rolling.levels[:, -1].argmax())
    assert rolling.limits_hz[row + 1] - 35 <= hertz <= rolling.limits_hz[row] + 35
    assert rolling.levels[row, -1] / 255 * 100 - 100 == pytest.approx(-20, abs=1.5)  # between two bins at most


def test_pieces_of_any_length_give_the_same() -> None:
    rng = np.random.default_rng(5)
    sound = rng.normal(0, 0.2, (2, 2 * RATE)).astype(np.float32)
    whole, pieces = (RollingLevels(RATE, 64, 80, 0.8) for _ in range(2))
    count = whole.add(sound)
    place, added = 0, 0
    while place < sound.shape[1]:
        size = int(rng.integers(1, 900))
        added += pieces.add(sound[:, place : place + size])
        place += size
    assert added == count
    np.testing.assert_array_equal(pieces.levels, whole.levels)


def test_before_there_is_sound_all_is_dark_and_the_newest_is_on_the_right() -> None:
    rolling = RollingLevels(RATE, 32, 100, 1.0)
    rolling.add(np.full((1, RATE // 2), 0.5, np.float32))
    assert not rolling.levels[:, :50].any()
    assert rolling.levels[:, -40:].any(axis=0).all()
