"""STOI against pystoi, whose figures are the constants here."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from cvstudio.data.intelligibility import stoi
from cvstudio.foundation.errors import UserError

REFERENCE: dict[tuple[int, float], float] = {
    (10_000, -20.0): 0.9747924,
    (10_000, 0.0): 0.7923137,
    (10_000, 10.0): 0.6003990,
    (8_000, 0.0): 0.7579718,
    (16_000, 0.0): 0.8215051,
    (44_100, 0.0): 0.9004232,
}
"""What pystoi 0.4.1 gives, by rate and level of the noise in dB above the speech."""


def signals(rate: int, noise_db: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A buzz with syllables and pauses, and the same in noise, that any library can be given."""
    count = 3 * rate
    times = np.arange(count) / rate
    buzz = sum(np.sin(2 * np.pi * 140 * harmonic * times) / harmonic for harmonic in range(1, 25))
    clean = buzz * np.maximum(0, np.sin(2 * np.pi * 3 * times)) ** 2 * (times % 1 < 0.8)
    noise = np.modf(np.sin(np.arange(count) * 12.9898) * 43758.5453)[0]
    return clean, clean + noise * 10 ** (noise_db / 20)


@pytest.mark.parametrize(("rate", "noise_db"), REFERENCE)
def test_it_is_pystois(rate: int, noise_db: float) -> None:
    # Resampling has another filter than that of Octave.
    tolerance = 1e-6 if rate == 10_000 else 2e-3
    assert stoi(*signals(rate, noise_db), rate) == pytest.approx(REFERENCE[rate, noise_db], abs=tolerance)


def test_the_same_is_understood_whatever_its_level_and_noise_is_not() -> None:
    clean, noisy = signals(10_000, 20.0)
    assert stoi(clean, clean, 10_000) == pytest.approx(1, abs=1e-6)
    assert stoi(clean, 0.01 * clean, 10_000) == pytest.approx(1, abs=1e-6)
    assert stoi(clean, noisy - clean, 10_000) < REFERENCE[10_000, 10.0] - 0.1


def test_what_is_too_short_or_of_two_lengths_is_refused() -> None:
    clean, noisy = signals(10_000, 0.0)
    with pytest.raises(UserError, match="one length"):
        stoi(clean, noisy[:-1], 10_000)
    for samples in (0, 100, 2000):
        with pytest.raises(UserError, match="at least 0"):
            stoi(clean[:samples], noisy[:samples], 10_000)
