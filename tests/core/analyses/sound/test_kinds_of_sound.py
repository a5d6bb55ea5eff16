"""Every view of a sound at every usual rate and number of channels, of half a second and of three hours."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cvstudio.results.sound.cepstrum import Cepstrum
from cvstudio.results.sound.power_spectrum import PowerSpectrum
from cvstudio.results.sound.wave_envelope import WaveEnvelope
from cvstudio.results.spectrogram import Spectrogram
from cvstudio.running.runner import run

HERTZ, AMPLITUDE = 1000.0, 0.25
HALF_SECOND = 0.5


def sine(rate: int, secs: float, channels: int) -> np.ndarray:
    """A sine in the last channel, at a quarter of the full scale; the others are silent."""
    sound = np.zeros((round(rate * secs), channels), np.float32)
    sound[:, -1] = AMPLITUDE * np.sin(2 * np.pi * HERTZ * np.arange(len(sound)) / rate)
    return sound


@pytest.fixture(params=[8000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000])
def rate(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.mark.parametrize("channels", [1, 2, 3, 6, 8])
def test_the_tone_is_where_it_is_in_every_view(tmp_path: Path, rate: int, channels: int) -> None:
    path = tmp_path / "tone.wav"
    soundfile.write(path, sine(rate, HALF_SECOND, channels), rate, subtype="FLOAT")
    # The mean power of all channels, of which one sounds.
    expected_db = 20 * np.log10(AMPLITUDE) - 10 * np.log10(channels)

    spectrogram = run("spectrogram", path)
    assert isinstance(spectrogram, Spectrogram)
    middle = spectrogram.levels[:, spectrogram.levels.shape[1] // 2].astype(float)
    row = int(middle.argmax())
    assert row * rate / spectrogram.window == pytest.approx(HERTZ, abs=rate / spectrogram.window)
    assert middle.max() / 255 * 120 - 120 == pytest.approx(expected_db, abs=1.6)

    spectrum = run("power-spectrum", path)
    assert isinstance(spectrum, PowerSpectrum)
    assert spectrum.spectrum.peak()[0] == pytest.approx(HERTZ, abs=2)
    assert spectrum.spectrum.peak()[1] == pytest.approx(expected_db, abs=1.6)

    wave = run("waveform", path)
    assert isinstance(wave, WaveEnvelope)
    assert wave.samples_done == round(rate * HALF_SECOND)
    assert len(wave.peaks) == channels
    assert wave.peaks == pytest.approx((*[0.0] * (channels - 1), AMPLITUDE), rel=0.01)

    mel = run("mel-spectrogram", path)
    assert isinstance(mel, Spectrogram)
    assert mel.levels.any()
    cepstrum = run("mfcc", path)
    assert isinstance(cepstrum, Cepstrum)
    assert np.isfinite(cepstrum.coefficients).all()


@pytest.mark.long
@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (44_100, 2)])
def test_three_hours_are_seen_whole_in_bounded_memory(tmp_path: Path, rate: int, channels: int) -> None:
    path = tmp_path / "long.wav"
    minute = sine(rate, 60, channels)
    with soundfile.SoundFile(path, "w", rate, channels, subtype="PCM_16") as target:
        for _ in range(180):
            target.write(minute)
    for key in ("spectrogram", "waveform", "power-spectrum"):
        tracemalloc.start()
        result = run(key, path)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        held = result.levels.nbytes if isinstance(result, Spectrogram) else 0
        print(f"{key}, {rate} Hz, {channels} channels: {peak / 1e6:.0f} MB, of which the result {held / 1e6:.0f} MB")
        assert peak - held < 400e6
        if isinstance(result, Spectrogram):
            assert (result.levels.max(0)[10:-10] > 0).all()
        elif isinstance(result, WaveEnvelope):
            assert result.samples_done == 180 * 60 * rate
