"""What is read of a sound for its views."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from cvstudio.media import open_media
from ui.control.controller import Controller
from ui.control.sound.sound_wave import MeasuredStretch, SamplesRead, SoundWave

RATE = 16_000


@pytest.fixture
def reading(qtbot: Any) -> Any:
    controller = Controller()
    yield SoundWave(controller.pipeline, controller)
    assert controller.pipeline.close()
    controller.deleteLater()


def sound(path: Path, secs: float = 3.0) -> np.ndarray:
    times = np.arange(round(secs * RATE)) / RATE
    samples = (0.5 * np.sin(2 * np.pi * 880 * times)).astype(np.float32)
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    return samples


def test_the_wave_grows_to_the_whole_sound(reading: SoundWave, qtbot: Any, tmp_path: Path) -> None:
    samples = sound(tmp_path / "a.wav", 30.0)
    grown: list[int] = []
    pyramids: list[Any] = []
    reading.grown.connect(lambda pyramid: (grown.append(pyramid.samples_done), pyramids.append(pyramid)))
    reading.set_media(open_media(tmp_path / "a.wav"))
    qtbot.waitUntil(lambda: bool(grown) and grown[-1] == len(samples), timeout=20_000)
    assert len({id(pyramid) for pyramid in pyramids}) == 1
    assert pyramids[0].peak()[0] == pytest.approx(np.abs(samples).max())


def test_samples_and_spectra_of_a_stretch(reading: SoundWave, qtbot: Any, tmp_path: Path) -> None:
    samples = sound(tmp_path / "a.wav")
    read: list[SamplesRead] = []
    measured: list[MeasuredStretch] = []
    reading.samples_read.connect(read.append)
    reading.measured.connect(measured.append)
    reading.set_media(open_media(tmp_path / "a.wav"))
    reading.read_samples(100, 700)
    qtbot.waitUntil(lambda: bool(read), timeout=20_000)
    assert read[0].first == 100
    np.testing.assert_array_equal(read[0].samples[0], samples[100:700])
    reading.measure(1.0, 1.032, 0.032, "hann")
    qtbot.waitUntil(lambda: bool(measured), timeout=20_000)
    assert (measured[-1].window, measured[-1].windows) == (512, 1)
    assert measured[-1].spectrum.peak() == pytest.approx((880, -6.02), abs=0.5)
    reading.measure(0.5, 2.5, 0.032, "hann")
    qtbot.waitUntil(lambda: measured[-1].windows > 1, timeout=20_000)
    assert measured[-1].windows == (2 * RATE - 512) // 256 + 1
    reading.measure(-1.0, 0.01, 0.032, "hann")
    qtbot.waitUntil(lambda: measured[-1].start_secs == 0, timeout=20_000)
    assert measured[-1].stop_secs == pytest.approx(0.01)


def test_what_belongs_to_another_sound_is_not_told(reading: SoundWave, qtbot: Any, tmp_path: Path) -> None:
    sound(tmp_path / "a.wav")
    sound(tmp_path / "b.wav", 1.0)
    told: list[Any] = []
    reading.grown.connect(told.append)
    reading.set_media(open_media(tmp_path / "a.wav"))
    reading.set_media(open_media(tmp_path / "b.wav"))
    qtbot.waitUntil(lambda: bool(told), timeout=20_000)
    assert {pyramid.n_samples for pyramid in told} == {RATE}
    told.clear()
    reading.set_media(None)
    reading.read_samples(0, 10)
    reading.measure(0, 1, 0.03, "hann")
    qtbot.wait(50)
    assert told == []
