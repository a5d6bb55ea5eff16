"""Training of the speech separator: its data, its loss, and a short run of its task."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from cvstudio.data.sound_measures import best_assignment, si_sdr
from cvstudio.foundation.errors import Cancelled, UserError
from cvstudio.foundation.progress import Progress
from cvstudio.training.base import Settings
from cvstudio.training.loop import train
from cvstudio.training.separator.data import (
    GAINS,
    LEVEL,
    RATE,
    SPEEDS,
    fixed_mixtures,
    prepare_speech,
    read_speech,
    speaker_of,
    split,
)
from cvstudio.training.separator.evaluation import improvement, pink_noise, pitch
from cvstudio.training.separator.loss import best_si_sdr
from cvstudio.training.separator.task import SeparatorTask

SPEAKERS = 26


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of data with a buzzing voice of each of 26 speakers."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "speech_8k").mkdir()
    times = np.arange(3 * RATE) / RATE
    for number in range(SPEAKERS):
        hz = 90 + 8 * number
        voice = sum(np.sin(2 * np.pi * hz * times * harmonic) / harmonic for harmonic in range(1, 12))
        voice = 0.1 * voice * (1 + np.sin(2 * np.pi * (2 + number % 3) * times))
        soundfile.write(folder / "speech_8k" / f"{100 + number}-1-0.flac", voice, RATE)
    return folder


def test_no_speaker_is_in_two_parts(speech: Path) -> None:
    parts = split(speech)
    speakers = [{speaker_of(path) for path in part} for part in (parts.training, parts.validation, parts.test)]
    assert sum(map(len, speakers)) == len(set.union(*speakers)) == SPEAKERS
    assert all(speakers)


def test_the_real_set_has_the_split_that_the_card_states(data: Callable[..., Path]) -> None:
    parts = split(data("speech_8k").parent)
    assert (len(parts.training), len(parts.validation), len(parts.test)) == (199, 21, 31)


def test_a_mixture_is_the_sum_of_its_sources_at_a_ratio_within_the_gains(speech: Path, tmp_path: Path) -> None:
    made = prepare_speech(split(speech).training, tmp_path, Progress())
    assert made.ends.shape == (len(split(speech).training), len(SPEEDS))
    ratios = []
    for seed in range(20):
        mixed, sources = made.mixture(np.random.default_rng(seed), RATE)
        assert mixed.shape == (RATE,)
        assert np.allclose(mixed, sources.sum(0), atol=1e-6)
        assert np.sqrt(np.mean(mixed**2)) == pytest.approx(LEVEL, rel=1e-3)
        ratios.append(10 * np.log10(np.mean(sources[0] ** 2) / np.mean(sources[1] ** 2)))
    assert max(map(abs, ratios)) <= GAINS + 1e-3
    assert max(ratios) - min(ratios) > GAINS
    again = prepare_speech(split(speech).training, tmp_path, Progress())
    assert np.array_equal(again.samples, made.samples)


def test_a_faster_voice_is_shorter_and_higher(speech: Path, tmp_path: Path) -> None:
    path = split(speech).training[0]
    made = prepare_speech([path], tmp_path, Progress())
    slow, same, fast = (
        made.recording(0, SPEEDS.index(speed)).astype(np.float32) for speed in ((17, 20), (1, 1), (23, 20))
    )
    assert len(slow) == pytest.approx(len(same) * 20 / 17, abs=2)
    assert pitch(fast) == pytest.approx(1.15 * pitch(same), rel=0.03)
    assert np.abs(same / 32768 - read_speech(path)).max() < 1e-4


def test_what_is_no_speech_is_refused(tmp_path: Path) -> None:
    (tmp_path / "1-1.flac").write_bytes(b"nothing")
    with pytest.raises(UserError, match="cannot be decoded"):
        read_speech(tmp_path / "1-1.flac")
    soundfile.write(tmp_path / "2-1.flac", np.zeros(100), 16_000)
    with pytest.raises(UserError, match="16000 Hz"):
        read_speech(tmp_path / "2-1.flac")


def test_the_loss_is_the_measure_of_the_best_assignment(speech: Path) -> None:
    rng = np.random.default_rng(3)
    for mixed, sources in fixed_mixtures(split(speech).test, 3, 1.0, 1):
        estimates = np.stack([sources[1] + 0.1 * mixed, sources[0] + 0.2 * mixed]).astype(np.float32)
        estimates += rng.normal(0, 0.01, estimates.shape).astype(np.float32)
        loss = best_si_sdr(torch.from_numpy(estimates)[None], torch.from_numpy(sources)[None])
        scores = best_assignment(sources, estimates)
        assert scores.order == (1, 0)
        assert float(loss) == pytest.approx(scores.values.mean(), abs=1e-3)
        expected = scores.values.mean() - np.mean([si_sdr(source, mixed) for source in sources])
        assert improvement(mixed, sources, estimates) == pytest.approx(expected, abs=1e-6)
        assert improvement(mixed, sources, np.stack([mixed, np.zeros_like(mixed)])) == pytest.approx(0, abs=1e-6)


def test_pink_noise_falls_by_three_decibels_an_octave() -> None:
    noise = pink_noise(np.random.default_rng(0), 1 << 16)
    power = np.abs(np.fft.rfft(noise)) ** 2
    octaves = [power[1 << place : 2 << place].mean() for place in range(8, 15)]
    assert np.diff(10 * np.log10(octaves)) == pytest.approx(-3, abs=0.8)


def test_a_short_run_learns_is_resumed_with_the_same_result_and_refuses_another_seed(
    speech: Path, tmp_path: Path
) -> None:
    def settings(folder: str, epochs: int, seed: int = 0) -> Settings:
        return Settings(speech, tmp_path / folder, "cpu", seed, epochs, limit=10)

    whole = train(SeparatorTask(settings("whole", 2)), settings("whole", 2), Progress())
    assert np.isfinite(whole["SI-SDRi"])
    task = SeparatorTask(settings("parts", 2))
    before = {name: tensor.clone() for name, tensor in task.network.state_dict().items()}

    def stop(epoch: int) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        train(task, settings("parts", 2), Progress(), epoch_done=stop)
    assert any(not torch.equal(before[name], tensor) for name, tensor in task.network.state_dict().items())
    resumed = train(SeparatorTask(settings("parts", 2)), settings("parts", 2), Progress())
    assert resumed["SI-SDRi"] == pytest.approx(whole["SI-SDRi"], abs=1e-3)
    with pytest.raises(UserError, match="seed"):
        train(SeparatorTask(settings("parts", 2, seed=5)), settings("parts", 2, seed=5), Progress())
