"""The mixing desk: mixtures at a ratio, and scores against what is known of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from cvstudio.analyses.sound import mixing_desk as module
from cvstudio.analyses.sound.mixing_desk import mixed, scored
from cvstudio.foundation.errors import MediaError
from cvstudio.media.examples.files import sample_path
from cvstudio.models import MODELS
from cvstudio.results.separation import ScoredSeparation
from cvstudio.running.runner import run
from tests.core.analyses.sound.test_separate import SPEC, two_tones

RATE = 8000


@pytest.fixture(autouse=True)
def network() -> Iterator[None]:
    with MODELS.lend(SPEC):
        yield


def noise(count: int, seed: int, level: float = 0.1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, level, count).astype(np.float32)


@pytest.mark.parametrize("ratio", [-20.0, -3.5, 0.0, 12.0])
def test_a_mixture_has_the_ratio_and_its_sources_add_up_to_it(ratio: float) -> None:
    mixture, sources = mixed(noise(9000, 0), noise(12_000, 1, 0.4), ratio)
    assert len(mixture) == 9000
    np.testing.assert_allclose(sources.sum(0), mixture, atol=1e-6)
    levels = 20 * np.log10(np.sqrt(np.square(sources.astype(float)).mean(1)))
    assert levels[0] - levels[1] == pytest.approx(ratio, abs=1e-3)
    assert np.abs(mixture).max() <= 0.9 + 1e-6


def test_a_quiet_mixture_keeps_the_level_of_the_first() -> None:
    first = noise(9000, 0, 0.01)
    np.testing.assert_array_equal(mixed(first, noise(9000, 1), 0.0)[1][0], first)


@pytest.mark.parametrize("silent", [0, 1])
def test_silence_has_no_ratio(silent: int) -> None:
    sounds = [noise(100, 0), noise(100, 1)]
    sounds[silent] = np.zeros(100, np.float32)
    with pytest.raises(MediaError, match=f"found a silent one, the {('first', 'second')[silent]}"):
        mixed(*sounds, 0.0)


def test_scores_are_those_of_the_closed_form() -> None:
    """An estimate with a part of the other source: SI-SDR of orthogonal sources is the ratio of their powers."""
    sources = two_tones(4.0)
    leak = np.array([[1, 0.1], [0.05, 1]], np.float32)
    first, second = scored(sources, (leak @ sources)[::-1].copy(), sources.sum(0), RATE, ("a", "b"))
    assert (first.source, first.stem, second.stem) == ("first", "b", "a")
    powers = np.square(sources.astype(float)).sum(1)
    assert first.si_sdr_before == pytest.approx(10 * np.log10(powers[0] / powers[1]), abs=0.01)
    assert first.si_sdr == pytest.approx(10 * np.log10(powers[0] / powers[1] / 0.01), abs=0.05)
    assert second.si_sdr == pytest.approx(10 * np.log10(powers[1] / powers[0] / 0.0025), abs=0.05)


def test_it_separates_and_scores_at_once(tmp_path: Path) -> None:
    tones = two_tones(3.0, 16_000)
    paths = []
    for name, tone in zip("ab", tones, strict=True):
        paths.append(tmp_path / f"{name}.wav")
        soundfile.write(paths[-1], tone, 16_000, subtype="FLOAT")
    result = run("mixing-desk", *paths, model="halves", ratio=6.0)
    assert isinstance(result, ScoredSeparation)
    assert result.mixture is not None
    assert not result.mixture.flags.writeable
    assert (result.sound_rate_hz, result.sound_samples) == (16_000, 48_000)
    table = result.table()
    rows = [dict(zip([column.key for column in table.columns], row, strict=True)) for row in table.rows]
    assert rows[0]["si_sdr_before_db"] == pytest.approx(6.0, abs=0.05)
    assert rows[1]["si_sdr_before_db"] == pytest.approx(-6.0, abs=0.05)
    assert rows[0]["si_sdr_db"] > 25
    assert rows[1]["si_sdr_db"] > 25
    assert result.headline().startswith("SI-SDR improved by ")
    if not module.pesq_installed():
        assert "pip install pesq" in result.pesq_missing
        assert table.note == result.pesq_missing
        assert rows[0]["pesq"] is None


def test_speech_has_a_stoi_and_a_wrong_source_a_bad_one() -> None:
    result: Any = run("mixing-desk", sample_path("voice-a"), sample_path("voice-b"), model="halves", ratio=0.0)
    for score in result.scores:
        assert score.stoi is not None
        assert 0 < score.stoi < 1
        assert score.stoi_before is not None


def test_pesq_is_asked_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    from types import SimpleNamespace

    asked: list[tuple[int, str]] = []

    def pesq(rate_hz: int, reference: np.ndarray, degraded: np.ndarray, mode: str) -> float:
        asked.append((rate_hz, mode))
        return 3.25

    monkeypatch.setitem(sys.modules, "pesq", SimpleNamespace(pesq=pesq, PesqError=RuntimeError))
    monkeypatch.setattr(module, "pesq_installed", lambda: True)
    tones = two_tones(2.0)
    assert [score.pesq for score in scored(tones, tones, tones.sum(0), RATE, ("a", "b"))] == [3.25, 3.25]
    assert asked == [(8000, "nb")] * 2
    assert scored(tones, tones, tones.sum(0), 44_100, ("a", "b"))[0].pesq is None


def test_hours_are_refused_before_anything_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SECS", 1.0)
    with pytest.raises(MediaError, match="at most 0 minutes of sound, found 0"):
        run("mixing-desk", sample_path("voice-a"), sample_path("voice-b"), model="halves")
