"""Measures of separation against closed forms, and against fast_bss_eval, whose figures are the constants here."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from cvstudio.data.sound_measures import FILTER_LENGTH, best_assignment, sdr, si_sdr
from cvstudio.foundation.errors import UserError

LENGTH = 6000


def voices() -> NDArray[np.float64]:
    """Two broadband signals that any library can be given, float64 (2, n)."""
    times = np.arange(LENGTH)
    chirp = np.sin(times * times * 2.1e-4) * (1 + 0.5 * np.sin(times * 3e-3))
    noise = np.modf(np.sin(times * 12.9898) * 43758.5453)[0]
    return np.stack([chirp, noise])


def estimates() -> NDArray[np.float64]:
    """Of the second voice and of the first: filtered, delayed, scaled, with the other one behind it."""
    chirp, noise = voices()
    echo = 0.8 * chirp + 0.3 * np.roll(chirp, 40)
    return np.stack([2.5 * noise + 0.4 * chirp, echo + 0.2 * noise])


REFERENCE = {
    "sdr": ((-8.90322, 15.24991), (13.96611, -8.9324)),
    "si_sdr": ((-13.50996, 7.58141), (13.55917, -15.26718)),
}
"""What fast_bss_eval 0.1.4 gives: [voice][estimate]."""


@pytest.mark.parametrize("name", REFERENCE)
def test_pairs_are_measured_as_by_fast_bss_eval(name: str) -> None:
    measure = {"sdr": sdr, "si_sdr": si_sdr}[name]
    values = [[measure(voice, estimate) for estimate in estimates()] for voice in voices()]
    assert np.allclose(values, REFERENCE[name], atol=1e-3)


def test_a_known_share_of_orthogonal_noise_gives_its_ratio() -> None:
    times = np.arange(LENGTH) * 2 * math.pi / LENGTH
    source, noise = np.sin(times * 50), np.sin(times * 83)
    for ratio_db in (-7.0, 0.0, 12.5):
        estimate = 3 * source + 3 * noise * 10 ** (-ratio_db / 20)
        assert si_sdr(source, estimate) == pytest.approx(ratio_db, abs=1e-6)
        assert si_sdr(source, estimate + 0.7) == pytest.approx(ratio_db, abs=1e-6)


def test_sdr_forgives_a_filter_that_si_sdr_does_not() -> None:
    source = voices()[1]
    filtered = np.convolve(source, [0.5, -0.3, 0.2])[:LENGTH]
    assert sdr(source, filtered) > 25 > si_sdr(source, filtered)


@pytest.mark.parametrize("length", [100, 511, 700])
def test_short_sounds_are_projected_as_by_least_squares(length: int) -> None:
    source, estimate = voices()[1][:length], estimates()[0][:length]
    # All delays of the source, which reach beyond its end.
    delays = np.zeros((length + FILTER_LENGTH - 1, FILTER_LENGTH))
    for delay in range(FILTER_LENGTH):
        delays[delay : delay + length, delay] = source
    padded = np.concatenate([estimate, np.zeros(FILTER_LENGTH - 1)])
    target = delays @ np.linalg.lstsq(delays, padded, rcond=None)[0]
    expected = 10 * np.log10(np.sum(target**2) / np.sum((padded - target) ** 2))
    assert sdr(source, estimate) == pytest.approx(expected, abs=1e-3)


def test_a_sound_without_samples_has_no_measure() -> None:
    assert math.isnan(si_sdr(np.zeros(0), np.zeros(0)))
    assert math.isnan(sdr(np.zeros(0), np.zeros(0)))


def test_perfect_opposite_and_silent_estimates() -> None:
    source = voices()[0]
    assert si_sdr(source, -2 * source) > 200
    assert math.isnan(si_sdr(source, np.zeros(LENGTH)))
    assert math.isnan(sdr(np.zeros(LENGTH), source))
    assert math.isfinite(sdr(np.sin(np.arange(LENGTH) * 0.1), voices()[1]))


def test_the_best_assignment_is_found_among_more_estimates_than_sources() -> None:
    sources = voices()
    scores = best_assignment(sources, np.stack([np.zeros(LENGTH), *estimates()]))
    assert scores.order == (2, 1)
    assert np.allclose(scores.values, [REFERENCE["si_sdr"][0][1], REFERENCE["si_sdr"][1][0]], atol=1e-3)
    with pytest.raises(UserError, match="3 sources, found 2"):
        best_assignment(np.stack([*sources, sources[0]]), estimates())


def test_sounds_of_two_lengths_are_refused() -> None:
    with pytest.raises(UserError, match="one length"):
        si_sdr(np.zeros(10), np.zeros(11))
