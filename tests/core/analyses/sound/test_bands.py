"""Windows, axes, mel bands and cepstral coefficients, against librosa and SciPy."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
from scipy.signal import get_window

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.sound._mel import deltas, mel_filters
from cvstudio.analyses.sound._spectrum import stream
from cvstudio.analyses.sound.mfcc import CepstrumParams, run_cepstrum
from cvstudio.analyses.sound.spectrogram import TransformParams, window_length
from cvstudio.analyses.stages import Inputs
from cvstudio.data.geometry import Rect, Size
from cvstudio.data.samples import Waveform
from cvstudio.data.sound.spectra import WINDOWS, window_samples
from cvstudio.draw.sound.spectrogram_levels import render_levels
from cvstudio.draw.spectrogram import extent
from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.progress import Progress
from cvstudio.results.sound.cepstrum import Cepstrum
from cvstudio.results.spectrogram import Spectrogram

RATE = 16_000
HALF_LEVEL_DB = 120 / 255 / 2


class ArrayReader:
    def __init__(self, samples: np.ndarray, rate_hz: int = RATE) -> None:
        self.samples = np.atleast_2d(samples).astype(np.float32)
        self.rate_hz = rate_hz
        self.channels, self.n_samples = self.samples.shape

    def read(self, start: int, stop: int) -> Waveform:
        return Waveform(self.samples[:, start:stop].copy(), self.rate_hz, start)


def noise(secs: float = 3.0, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, round(secs * RATE)).astype(np.float32)


def sine(hertz: float, secs: float = 2.0) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(round(secs * RATE)) / RATE)


def decibels(found: Spectrogram) -> np.ndarray:
    return found.low_db + found.levels / 255 * (found.high_db - found.low_db)


@pytest.mark.parametrize("kind", WINDOWS)
def test_every_window_equals_librosa(kind: str) -> None:
    samples = noise()
    *_, found = stream(ArrayReader(samples), window=480, hop=120, channel=None, progress=Progress(), kind=kind)
    spectra = librosa.stft(samples, n_fft=480, hop_length=120, window=kind, pad_mode="constant")
    amplitudes = np.abs(spectra) * 2 / get_window(kind, 480).sum()
    amplitudes[[0, -1]] /= 2
    expected = np.clip(20 * np.log10(np.maximum(amplitudes, 1e-12)), -120, 0)
    assert found.levels.shape == expected.shape
    assert np.abs(decibels(found) - expected).max() <= HALF_LEVEL_DB + 0.02


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 16_000, 44_100, 48_000, 192_000])
@pytest.mark.parametrize("length", [2.0, 32.0, 500.0])
def test_a_length_in_milliseconds_is_an_even_number_of_samples(rate_hz: int, length: float) -> None:
    window = window_length(TransformParams(length=length), rate_hz)
    assert window % 2 == 0
    assert window >= max(16, rate_hz * length / 1000 - 1)
    assert window <= max(16, rate_hz * length / 1000 * 1.1 + 2)
    assert window_length(TransformParams("2048", length=length), rate_hz) == 2048


def test_bands_equal_librosa() -> None:
    samples = noise()
    window = window_samples(0.032, RATE)
    assert window == 512
    filters = mel_filters(RATE, window, 40, (100.0, 7_000.0))
    theirs = librosa.filters.mel(sr=RATE, n_fft=window, n_mels=40, fmin=100, fmax=7000, norm=None)
    np.testing.assert_allclose(filters.weights, theirs, atol=1e-6)
    slaney = librosa.filters.mel(sr=RATE, n_fft=window, n_mels=40, fmin=100, fmax=7000)
    np.testing.assert_allclose(filters.of_equal_area(), slaney, atol=1e-8)
    *_, found = stream(ArrayReader(samples), window=window, hop=128, channel=None, progress=Progress(), filters=filters)
    bands = librosa.feature.melspectrogram(
        y=samples, sr=RATE, n_fft=window, hop_length=128, n_mels=40, fmin=100, fmax=7000, norm=None, pad_mode="constant"
    )
    # A sine of amplitude 1 has the power (sum of the window / 2)^2 in its bin, and 1.5 times that in all bins.
    expected = 10 * np.log10(bands / (1.5 * (window / 4) ** 2))
    assert found.levels.shape == expected.shape
    assert np.abs(decibels(found) - expected).max() <= HALF_LEVEL_DB + 0.02
    np.testing.assert_allclose(found.frequencies_hz, librosa.mel_frequencies(42, fmin=100, fmax=7000)[1:-1], rtol=1e-9)


def test_a_full_scale_sine_reads_0_db_in_its_band() -> None:
    window = 2048
    filters = mel_filters(RATE, window, 40, (0.0, 8_000.0))
    centre = librosa.mel_frequencies(42, fmin=0, fmax=8000)[21]
    *_, found = stream(
        ArrayReader(sine(centre)), window=window, hop=512, channel=None, progress=Progress(), filters=filters
    )
    inner = decibels(found)[:, 8:-8]
    assert np.all(inner.argmax(0) == 20)
    assert np.abs(inner[20]).max() < 0.7


def test_a_lowest_frequency_above_the_highest_is_refused() -> None:
    with pytest.raises(ParamsError, match=r"lowest frequency below 4,000 Hz, .*found 5,000 Hz"):
        mel_filters(8_000, 256, 20, (5_000.0, 9_000.0))


def cepstrum(samples: np.ndarray, params: CepstrumParams) -> Cepstrum:
    *_, last = run_cepstrum(Inputs({"sound": ArrayReader(samples)}), params, Progress())
    return last


@pytest.mark.parametrize("bands", [40, 128])
def test_coefficients_and_their_derivatives_equal_librosa(bands: int) -> None:
    samples = noise() + 0.2 * sine(440, 3.0).astype(np.float32)
    found = cepstrum(samples, CepstrumParams(bands=bands, count=20))
    mel = librosa.feature.melspectrogram(
        y=samples, sr=RATE, n_fft=512, hop_length=128, n_mels=bands, fmin=0, fmax=8000, pad_mode="constant"
    )
    expected = librosa.feature.mfcc(S=librosa.power_to_db(mel, top_db=None), n_mfcc=20)
    assert found.coefficients.shape == (60, expected.shape[1])
    np.testing.assert_allclose(found.coefficients[:20], expected, atol=2e-3)
    np.testing.assert_allclose(found.coefficients[20:40], librosa.feature.delta(expected), atol=2e-3)
    np.testing.assert_allclose(found.coefficients[40:], librosa.feature.delta(expected, order=2), atol=2e-3)
    assert found.names[0] == "c0"
    assert found.names[20] == "Δc0"
    assert found.names[-1] == "ΔΔc19"


@pytest.mark.parametrize("columns", [1, 2, 3, 4, 8])
def test_derivatives_of_a_short_sound(columns: int) -> None:
    rising = np.arange(columns, dtype=np.float32)[None] * 2
    np.testing.assert_allclose(deltas(rising, 1), np.full((1, columns), 2.0 if columns > 2 else 0.0), atol=1e-5)
    np.testing.assert_allclose(deltas(rising, 2), np.zeros((1, columns)), atol=1e-5)


def test_more_coefficients_than_bands_are_refused() -> None:
    with pytest.raises(ParamsError, match="at least 13, found 8"):
        cepstrum(noise(0.1), CepstrumParams(bands=8))


def test_a_cepstrum_streams_and_its_derivatives_come_last() -> None:
    steps = list(run_cepstrum(Inputs({"sound": ArrayReader(noise(20.0))}), CepstrumParams(), Progress()))
    done = [step.columns_done for step in steps]
    assert len(done) > 2
    assert done == sorted(set(done))
    assert done[-1] == steps[-1].coefficients.shape[1]
    assert not steps[-1].coefficients.flags.writeable


@pytest.mark.parametrize("axis", ["linear", "log", "mel"])
@pytest.mark.parametrize("hertz", [220.0, 1000.0, 5000.0])
def test_a_tone_is_drawn_at_its_place_of_the_axis(axis: str, hertz: float) -> None:
    instance = ANALYSES["spectrogram"]
    transform, levels = instance.make_params({"axis": axis, "length": 64.0}, None)
    reader = ArrayReader(sine(hertz))
    *_, spectrum = instance.stages[0].run(Inputs({"sound": reader}), transform, Progress())
    *_, found = instance.stages[1].run(Inputs({}, previous=spectrum), levels, Progress())
    low, high = found.axis_range
    shown = render_levels(found, (0.5, 1.5), (low, high), Size(10, 400))
    row = float(np.flatnonzero(shown[:, 5] == shown[:, 5].max()).mean())
    place = high - (row + 0.5) / 400 * (high - low)
    # Written out by hand, and not by the scale's own functions.
    expected = {"linear": hertz, "log": np.log2(hertz), "mel": librosa.hz_to_mel(hertz)}[axis]
    bin_hz = RATE / found.window
    width = {"linear": bin_hz, "log": np.log2(1 + bin_hz / hertz), "mel": librosa.hz_to_mel(hertz + bin_hz) - expected}
    assert abs(place - expected) <= width[axis] + (high - low) / 400
    whole = extent(found, Rect(0, 0, found.size.width, found.size.height))[1]
    step = (high - low) / found.size.height
    assert whole == pytest.approx((low, high), abs=step)


def test_a_mel_spectrogram_is_drawn_row_by_row() -> None:
    levels = np.arange(40, dtype=np.uint8)[:, None].repeat(30, 1)
    given = Spectrogram(
        levels, RATE, 128, 512, -120.0, 0.0, 30, show_low_db=-120.0, axis="mel", band_limits_hz=(50.0, 8000.0)
    )
    times, rows = extent(given, Rect(0, 0, 30, 40))
    np.testing.assert_array_equal(render_levels(given, times, rows, Size(30, 40)), levels[::-1])
