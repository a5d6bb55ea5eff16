"""Power spectra against SciPy, and the waveform's levels against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import welch

from cvstudio.analyses.sound.power_spectrum import SpectrumParams, run_average
from cvstudio.analyses.sound.waveform import run_envelope
from cvstudio.analyses.stages import Inputs
from cvstudio.data.samples import Waveform
from cvstudio.data.sound.spectra import WINDOWS, one_spectrum, window_samples
from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.params import NoParams
from cvstudio.foundation.progress import Progress
from cvstudio.media import open_media
from cvstudio.media.examples.files import sample_path
from cvstudio.results.sound.power_spectrum import PowerSpectrum
from cvstudio.results.sound.wave_envelope import WaveEnvelope
from cvstudio.running.runner import make_instance

RATE = 16_000


class ArrayReader:
    def __init__(self, samples: np.ndarray, rate_hz: int = RATE) -> None:
        self.samples = np.atleast_2d(samples).astype(np.float32)
        self.rate_hz = rate_hz
        self.channels, self.n_samples = self.samples.shape

    def read(self, start: int, stop: int) -> Waveform:
        return Waveform(self.samples[:, start:stop].copy(), self.rate_hz, start)


def measured(samples: np.ndarray, params: SpectrumParams) -> list[PowerSpectrum]:
    return list(run_average(Inputs({"sound": ArrayReader(samples)}), params, Progress()))


def tone(hertz: float, secs: float = 1.0, amplitude: float = 1.0) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * hertz * np.arange(round(secs * RATE)) / RATE)


@pytest.mark.parametrize("kind", WINDOWS)
def test_it_equals_welchs_method_in_scipy(kind: str) -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, RATE * 3) + tone(1234, 3.0, 0.2)
    *_, found = measured(samples, SpectrumParams(kind=kind, length=32.0))
    assert found.window == 512
    hertz, power = welch(samples.astype(np.float32), RATE, kind, 512, 256, detrend=False, scaling="spectrum")
    expected = 10 * np.log10(2 * power)
    # SciPy's one-sided spectrum doubles the power of a line, of which a sine has amplitude^2 / 2; at 0 Hz and the
    # Nyquist frequency nothing is doubled.
    expected[[0, -1]] = 10 * np.log10(power[[0, -1]])
    np.testing.assert_allclose(found.frequencies_hz, hertz)
    np.testing.assert_allclose(found.decibels, expected, atol=0.02)
    assert found.windows == (RATE * 3 - 512) // 256 + 1


@pytest.mark.parametrize("kind", ["hann", "blackmanharris", "flattop"])
@pytest.mark.parametrize("secs", [0.02, 0.031, 0.1, 2.0])
def test_a_tone_is_read_with_its_frequency_and_level(kind: str, secs: float) -> None:
    found = one_spectrum(tone(1000.7, secs, 0.5)[None].astype(np.float32), RATE, kind)
    hertz, level = found.peak()
    # The peak of a flat top is flat.
    assert hertz == pytest.approx(1000.7, abs=0.5 / secs if kind == "flattop" else 3)
    assert level == pytest.approx(-6.02, abs=0.15)


def test_a_stretch_shorter_than_a_window_is_one_window() -> None:
    samples = np.concatenate([tone(500, 1.0), tone(2000, 1.0)])
    (found,) = measured(samples, SpectrumParams(begin=1.5, end=1.53, length=200.0))
    assert found.windows == 1
    assert found.window == round(0.03 * RATE)
    assert (found.start_secs, found.stop_secs) == (1.5, 1.53)
    assert found.spectrum.peak()[0] == pytest.approx(2000, abs=3)
    assert found.headline().startswith("peak 2,000")
    assert "B6" in found.headline()


def test_a_long_stretch_streams() -> None:
    samples = np.random.default_rng(1).normal(0, 0.1, RATE * 200)
    found = measured(samples, SpectrumParams(length=10.0))
    assert len(found) > 2
    assert [item.windows for item in found] == sorted(item.windows for item in found)
    assert found[-1].windows == (RATE * 200 - window_samples(0.01, RATE)) // (window_samples(0.01, RATE) // 2) + 1


@pytest.mark.parametrize(("begin", "end"), [(2.0, 1.0), (5.0, 0.0), (1.0, 1.0), (-1.0, 2.0)])
def test_an_empty_stretch_is_refused(begin: float, end: float) -> None:
    with pytest.raises(ParamsError, match=r"end after its beginning, within 3\.000 s"):
        measured(np.zeros(RATE * 3), SpectrumParams(begin=begin, end=end))


@pytest.mark.parametrize("count", [1, 2, 3, 100])
def test_the_shortest_sounds(count: int) -> None:
    *_, found = measured(np.ones(count), SpectrumParams())
    assert np.isfinite(found.decibels).all()
    assert found.decibels[0] == pytest.approx(0.0, abs=0.1)


def envelope(samples: np.ndarray) -> list[WaveEnvelope]:
    return list(run_envelope(Inputs({"sound": ArrayReader(samples)}), NoParams(), Progress()))


def test_the_levels_of_a_waveform() -> None:
    stereo = np.stack([tone(100, 1.0, 0.5), np.clip(tone(100, 1.0, 2.0), -1, 1)])
    *_, found = envelope(stereo)
    table = found.table()
    left, right = table.rows
    assert left[1] == pytest.approx(-6.02, abs=0.01)
    assert left[2] == pytest.approx(-9.03, abs=0.01)
    assert left[4] == 0
    assert right[1] == 0
    assert right[4] == int((np.abs(stereo[1].astype(np.float32)) >= 0.9999).sum())
    assert "samples clipped" in found.headline()
    *_, silence = envelope(np.zeros(100))
    assert silence.headline() == "peak -120.0 dB"


def test_a_long_sound_arrives_step_by_step() -> None:
    steps = envelope(np.random.default_rng(2).normal(0, 0.1, 6_000_000))
    done = [step.samples_done for step in steps]
    assert done[0] <= 1 << 17
    assert done == sorted(set(done))
    assert done[-1] == 6_000_000
    assert not steps[-1].extremes.flags.writeable


def test_a_sound_that_ends_early_ends_there() -> None:
    class Short(ArrayReader):
        def read(self, start: int, stop: int) -> Waveform:
            return Waveform(self.samples[:, start : min(stop, 200_000)].copy(), self.rate_hz, start)

    *_, found = list(run_envelope(Inputs({"sound": Short(np.ones(400_000))}), NoParams(), Progress()))
    assert found.samples_done == found.pyramid.n_samples == 200_000


def test_its_times_end_with_the_sound() -> None:
    path = sample_path("dialogue")
    media = open_media(path)
    assert media.duration_secs is not None
    instance = make_instance("power-spectrum", {"sound": media})
    ranges = instance.time_ranges()
    assert set(ranges) == {"begin", "end"}
    assert media.duration_secs <= ranges["end"].high < media.duration_secs + 0.002
    assert instance.open_ends() == {"end": ranges["end"].high}
    later = make_instance("power-spectrum", {"sound": media}, values={"begin": 60.0})
    assert later.time_ranges()["begin"].high == 60.0
