"""Source separation with a network that is a filter, whose stems are known."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from cvstudio.analyses.sound._chunks import OVERLAP, chunk_places, joined, separated
from cvstudio.analyses.sound.separate import MixParams, run_mix
from cvstudio.analyses.stages import Inputs
from cvstudio.exporters import EXPORTERS, export
from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS, ModelSpec
from cvstudio.results.separation import Separation
from cvstudio.running.export_items import ExportRequest, export_item
from cvstudio.running.runner import Runner, make_instance, run

RATE = 8000


class Halves:
    """Stems of low and of high frequencies, which add up to the sound, in an order that changes with each chunk."""

    labels = ("voice 1", "voice 2")
    rate_hz = RATE

    def __init__(self, *, ordered: bool = False) -> None:
        self.ordered = ordered
        self.calls = 0

    def prepare(self, samples: int, chunk: int, progress: Progress) -> None:
        pass

    def separate(self, samples: NDArray[np.float32], progress: Progress) -> NDArray[np.float32]:
        progress.check()
        self.calls += 1
        stems = halves(samples)
        return stems if self.ordered or self.calls % 2 else stems[::-1]


def halves(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    spectrum = np.fft.rfft(samples)
    spectrum[len(spectrum) // 2 :] = 0
    low = np.fft.irfft(spectrum, len(samples)).astype(np.float32)
    return np.stack([low, samples - low])


SPEC = ModelSpec(
    "halves",
    "Halves",
    "separate",
    "Filters",
    "none",
    2000,
    lambda device, checkpoint: Halves(),
    weights=(),
    labels=Halves.labels,
)


@pytest.fixture(autouse=True)
def network() -> Iterator[None]:
    with MODELS.lend(SPEC):
        yield


def two_tones(secs: float, rate: int = RATE) -> NDArray[np.float32]:
    times = np.arange(round(secs * rate)) / rate
    return np.stack([0.2 * np.sin(2 * np.pi * 300 * times), 0.1 * np.sin(2 * np.pi * 3000 * times)]).astype(np.float32)


def saved(path: Path, samples: NDArray[np.float32], rate: int) -> Path:
    soundfile.write(path, samples.T, rate, subtype="FLOAT")
    return path


def separation(path: Path, **values: Any) -> Separation:
    result = run("separate", path, model="halves", **values)
    assert isinstance(result, Separation)
    return result


@pytest.mark.parametrize(("samples", "chunk"), [(100, 100), (101, 100), (1000, 100), (999, 64), (7, 100)])
def test_chunks_cover_the_sound_and_overlap_enough(samples: int, chunk: int) -> None:
    places = chunk_places(samples, chunk)
    assert (places[0][0], places[-1][1]) == (0, samples)
    assert all(stop - start == min(chunk, samples) for start, stop in places)
    for (_, stop), (start, _) in itertools.pairwise(places):
        assert stop - start >= round(chunk * OVERLAP) - 1


def test_stems_stay_on_their_tracks_where_the_network_swaps_them() -> None:
    tones = two_tones(5)
    network, mixed = Halves(), tones.sum(0)
    parts = list(separated(network, mixed, RATE, Progress()))[-1]
    assert network.calls == len(parts) > 5
    stems = joined(parts, len(mixed), RATE, ordered=False)
    assert np.abs(stems - tones)[:, 400:-400].max() < 0.02
    assert np.allclose(stems.sum(0), mixed, atol=1e-5)
    swapped = joined(parts, len(mixed), RATE, ordered=True)
    assert np.abs(swapped - tones)[:, 400:-400].max() > 0.1


def test_a_cancelled_run_goes_on_from_its_chunks() -> None:
    mixed = two_tones(5).sum(0)
    whole = list(separated(Halves(ordered=True), mixed, RATE, Progress()))[-1]
    network = Halves(ordered=True)
    again = list(separated(network, mixed, RATE, Progress(), whole[:4]))[-1]
    assert network.calls == len(whole) - 4
    for one, other in zip(whole, again, strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("rate", [8000, 11_025, 44_100, 192_000])
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_any_rate_and_number_of_channels(tmp_path: Path, rate: int, channels: int) -> None:
    tones = two_tones(1.5, rate)
    sound = np.repeat(tones.sum(0)[None], channels, 0)
    found = separation(saved(tmp_path / "a.wav", sound, rate))
    assert (found.sound_rate_hz, found.sound_samples, found.rate_hz) == (rate, sound.shape[1], RATE)
    assert found.stems.shape == (2, -(-sound.shape[1] * RATE // rate))
    levels = found.levels_db
    assert levels[0] == pytest.approx(-17, abs=0.3)
    assert levels[1] == pytest.approx(-23, abs=0.3)


def test_a_channel_may_be_chosen(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.wav", np.stack([np.zeros(RATE, np.float32), two_tones(1).sum(0)]), RATE)
    assert separation(path, channel="left").headline() == "silence"
    assert separation(path, channel="right").silent == ()
    # The last one stands for those that are missing.
    assert separation(path, channel="7").silent == ()


def test_silence_one_voice_half_a_second_and_samples_that_are_no_numbers(tmp_path: Path) -> None:
    silent = separation(saved(tmp_path / "silent.wav", np.zeros((1, RATE), np.float32), RATE))
    assert silent.headline() == "silence"
    assert not silent.stems.any()
    alone = separation(saved(tmp_path / "alone.wav", two_tones(2)[:1], RATE))
    assert alone.silent == ("voice 2",)
    assert alone.headline() == "silent: voice 2"
    table = alone.table()
    assert table.quiet == {1}
    short = separation(saved(tmp_path / "short.wav", two_tones(0.5).sum(0, keepdims=True), RATE))
    assert short.stems.shape == (2, RATE // 2)
    clipped = two_tones(1).sum(0, keepdims=True) * 20
    clipped = np.clip(clipped, -1, 1)
    clipped[0, 5:9] = np.nan
    clipped[0, 20] = np.inf
    assert np.isfinite(separation(saved(tmp_path / "clipped.wav", clipped, RATE)).stems).all()


def test_levels_are_those_of_the_whole_stems_and_go_on_with_each_mix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cvstudio.results.separation._BLOCK", 1000)
    path = saved(tmp_path / "a.wav", two_tones(0.6).sum(0, keepdims=True), RATE)
    found = separation(path)
    expected = 10 * np.log10(np.mean(found.stems.astype(np.float64) ** 2, axis=1))
    assert found.levels_db == pytest.approx(expected)
    monkeypatch.setattr("cvstudio.results.separation._level_db", lambda stem: pytest.fail("computed again"))
    assert mixed(found, gain_1=3.0).levels_db == found.levels_db


def mixed(found: Separation, **values: Any) -> Separation:
    (result,) = run_mix(Inputs({}, previous=found), MixParams(**values), Progress())
    assert isinstance(result, Separation)
    return result


def test_a_mix_has_chosen_stems_and_gains_and_says_what_it_does_not_have(tmp_path: Path) -> None:
    found = separation(saved(tmp_path / "a.wav", two_tones(1).sum(0, keepdims=True), RATE))
    assert found.gains == (1.0, 1.0, 0.0)
    assert mixed(found, heard=("voice 2",), gain_residual=0.0).gains == (0.0, 1.0, 0.0)
    assert mixed(found, heard=("voice 1",), gain_1=6.0).gains == pytest.approx((1.9953, 0.0, 0.0), abs=1e-4)
    assert mixed(found, gain_1=-60.0, gain_residual=-20.0).gains == pytest.approx((0.0, 1.0, 0.1))
    assert mixed(found, show="stem 2").show == "voice 2"
    with pytest.raises(ParamsError, match="no stem 'voice 3'"):
        mixed(found, heard=("voice 3",))
    with pytest.raises(ParamsError, match="stem 3"):
        mixed(found, show="stem 3")


@pytest.mark.parametrize("rate", [8000, 44_100])
def test_stems_and_residual_are_written_and_add_up_to_the_sound(tmp_path: Path, rate: int) -> None:
    sound = np.stack([two_tones(2, rate).sum(0), 0.5 * two_tones(2, rate)[0]])
    if rate > RATE:
        # Above what the network hears.
        sound += 0.05 * np.sin(2 * np.pi * 15_000 * np.arange(sound.shape[1]) / rate).astype(np.float32)
    instance = make_instance("separate", {"sound": saved(tmp_path / "talk.wav", sound, rate)}, model="halves")
    with Runner() as runner:
        item = export_item(runner, ExportRequest(instance, tmp_path), Progress())
    export(EXPORTERS["stems"], tmp_path / "stems", item, Progress())
    paths = sorted((tmp_path / "stems").glob("*.wav"))
    assert [path.name for path in paths] == ["talk residual.wav", "talk voice 1.wav", "talk voice 2.wav"]
    tracks = [soundfile.read(path, dtype="float32") for path in paths]
    assert {found_rate for _, found_rate in tracks} == {rate}
    assert np.abs(sum(track for track, _ in tracks) - sound.mean(0)).max() < 1e-5
    assert np.abs(tracks[1][0] - (two_tones(2, rate)[0] * 0.75))[rate // 10 : -rate // 10].max() < 0.02
    export(EXPORTERS["flac"], tmp_path / "mix.flac", item, Progress())
    mix, mix_rate = soundfile.read(tmp_path / "mix.flac", dtype="float32")
    assert mix_rate == rate
    assert np.abs(mix - tracks[1][0] - tracks[2][0]).max() < 1e-5


@pytest.mark.parametrize("show", ["stems", "masks", "stem 1", "residual"])
def test_each_view_is_drawn(tmp_path: Path, show: str) -> None:
    from cvstudio.draw import Look, render_alone
    from cvstudio.draw.sound.separation import track_colour

    found = separation(saved(tmp_path / "a.wav", two_tones(2).sum(0, keepdims=True), RATE), show=show)
    picture = render_alone(found, Look(), 1000)
    assert picture.shape == (found.size.height, found.size.width, 3)
    hz = RATE / found.spectra[0].window
    low, high = (picture[found.size.height - 1 - round(tone / hz), found.size.width // 2] for tone in (300, 3000))
    if show == "masks":
        assert np.abs(low.astype(int) - track_colour(found, "voice 1")).max() <= 3
        assert np.abs(high.astype(int) - track_colour(found, "voice 2")).max() <= 3
    elif show == "stem 1":
        assert low.max() > 150
        assert high.max() < 30
    elif show == "residual":
        assert picture.max() < 10
    else:
        assert min(low.max(), high.max()) > 150


def test_the_longest_sound_depends_on_the_rate_and_the_number_of_stems(monkeypatch: pytest.MonkeyPatch) -> None:
    from cvstudio.analyses.sound import separate as module
    from cvstudio.foundation.errors import MediaError

    class Hours:
        rate_hz, channels, n_samples = 8_000, 1, 8_000 * 3600 * 3

        def read(self, start: int, stop: int) -> Any:
            raise AssertionError("it is refused before it is read")

    network: Any = Halves()
    network.rate_hz = 16_000
    inputs = Inputs({"sound": Hours()}, network=network)
    with pytest.raises(MediaError, match=r"at most 1\.8 hours of sound with this model, found 3\.0"):
        next(module.run_separate(inputs, module.SeparateParams(), Progress()))
    network.rate_hz = 8_000  # three hours of two voices at 8 kHz are read
    with pytest.raises(AssertionError, match="refused"):
        next(module.run_separate(inputs, module.SeparateParams(), Progress()))
