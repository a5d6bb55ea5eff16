from __future__ import annotations

from typing import Any

import librosa
import numpy as np
import pytest
import soundfile
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import hann

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.sound._spectrum import BLOCK_SAMPLES, stream
from cvstudio.analyses.sound.spectrogram import HOPS, LevelsParams, TransformParams
from cvstudio.analyses.stages import Providers, Request, first_missing, run_chain, stage_keys
from cvstudio.data.geometry import Size
from cvstudio.data.samples import Waveform
from cvstudio.draw.sound.spectrogram_levels import render_levels
from cvstudio.foundation.cache import Cache
from cvstudio.foundation.errors import Cancelled, MediaError, ParamsError
from cvstudio.foundation.progress import Progress
from cvstudio.results.spectrogram import Spectrogram

HALF_LEVEL_DB = 120 / 255 / 2


class ArrayReader:
    """Reads from memory and notes what it was asked for."""

    def __init__(self, samples: np.ndarray, rate_hz: int = 44100) -> None:
        self.samples = np.atleast_2d(samples).astype(np.float32)
        self.rate_hz = rate_hz
        self.channels, self.n_samples = self.samples.shape
        self.asked: list[tuple[int, int]] = []

    def read(self, start: int, stop: int) -> Waveform:
        self.asked.append((start, stop))
        return Waveform(self.samples[:, start:stop].copy(), self.rate_hz, start)


def compute(reader: ArrayReader, window: int = 1024, hop: int = 256, channel: int | None = None) -> Spectrogram:
    *_, last = stream(reader, window=window, hop=hop, channel=channel, progress=Progress())
    return last


def decibels(spectrogram: Spectrogram) -> np.ndarray:
    return spectrogram.low_db + spectrogram.levels / 255 * (spectrogram.high_db - spectrogram.low_db)


def one_sided_db(spectrum: np.ndarray, window: int) -> np.ndarray:
    """Amplitudes of a one-sided spectrum in dB relative to a sine of amplitude 1, between the storage limits."""
    amplitude = np.abs(spectrum) * 2 / hann(window, sym=False).sum()
    amplitude[[0, -1]] /= 2
    return np.clip(20 * np.log10(np.maximum(amplitude, 1e-12)), -120, 0)


def noise(seconds: float = 3.0, rate_hz: int = 44100, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, round(seconds * rate_hz)).astype(np.float32)


@pytest.mark.parametrize("window", [512, 1024, 2048, 4096])
@pytest.mark.parametrize("part", HOPS.values())
def test_equals_librosa(window, part):
    samples = noise(1.37)
    hop = window // part
    expected = librosa.stft(samples, n_fft=window, hop_length=hop, window="hann", center=True, pad_mode="constant")
    found = compute(ArrayReader(samples), window, hop)
    assert found.levels.shape == expected.shape
    assert np.abs(decibels(found) - one_sided_db(expected, window)).max() <= HALF_LEVEL_DB + 0.01


def test_equals_scipy():
    samples = noise(2.0, seed=3)
    transform = ShortTimeFFT(hann(1024, sym=False), 256, 44100, fft_mode="onesided", phase_shift=None)
    found = compute(ArrayReader(samples))
    expected = transform.stft(samples, p0=0, p1=found.levels.shape[1])
    assert np.abs(decibels(found) - one_sided_db(expected, 1024)).max() <= HALF_LEVEL_DB + 0.01


@pytest.mark.parametrize("name", ["esc10/Rooster.ogg", "esc10/Rain.ogg", "speech_16k"])
def test_real_sounds_equal_librosa(data, name):
    path = data(*name.split("/"))
    path = (
        next(entry for entry in sorted(path.iterdir()) if entry.suffix in (".wav", ".flac")) if path.is_dir() else path
    )
    samples, rate_hz = soundfile.read(str(path), dtype="float32", always_2d=True)
    found = compute(ArrayReader(samples.T, rate_hz), 2048, 512)
    spectra = librosa.stft(samples.T, n_fft=2048, hop_length=512, pad_mode="constant")
    expected = np.sqrt(np.square(np.abs(spectra)).mean(axis=0))
    assert found.levels.shape == expected.shape
    assert found.levels.max() > 100
    assert np.abs(decibels(found) - one_sided_db(expected, 2048)).max() <= 0.5


@pytest.mark.parametrize("window", [512, 2048, 4096])
@pytest.mark.parametrize("bin_number", [7, 100, 255])
def test_a_full_scale_sine_reads_0_dbfs(window, bin_number):
    wave = np.sin(2 * np.pi * bin_number / window * np.arange(44100))
    found = decibels(compute(ArrayReader(wave), window, window // 4))
    inner = found[:, 8:-8]
    assert np.abs(inner[bin_number]).max() <= 0.3
    assert np.all(inner.argmax(0) == bin_number)
    assert np.abs(decibels(compute(ArrayReader(wave / 10), window, window // 4))[bin_number, 8:-8] + 20).max() <= 0.3


def test_a_constant_reads_its_own_level():
    inner = decibels(compute(ArrayReader(np.full(20000, 0.5))))[:, 8:-8]
    assert np.abs(inner[0] + 6.02).max() <= 0.3
    assert inner[3:].max() == -120


def test_silence_reads_the_floor():
    found = compute(ArrayReader(np.zeros(5000)))
    assert not found.levels.any()
    assert found.low_db == -120
    assert found.high_db == 0


@pytest.mark.parametrize("length", [1, 255, 256, 1023, 1024, 5000])
def test_short_sounds(length):
    samples = noise(1.0)[:length]
    padded = np.pad(samples.astype(float), (512, 512))
    begins = range(0, length + 1, 256)
    windows = np.stack([np.resize(np.append(padded[begin : begin + 1024], [0.0] * 1024), 1024) for begin in begins])
    expected = np.fft.rfft(windows * hann(1024, sym=False)).T
    found = compute(ArrayReader(samples))
    assert found.levels.shape == expected.shape
    assert np.abs(decibels(found) - one_sided_db(expected, 1024)).max() <= HALF_LEVEL_DB + 0.01


def test_streams_in_chunks_read_once_and_forwards():
    samples = noise(40.0)
    reader = ArrayReader(samples)
    results = list(stream(reader, window=512, hop=64, channel=None, progress=Progress()))
    assert len(results) > 3
    assert reader.asked[0][0] == 0
    assert all(before[1] == after[0] for before, after in zip(reader.asked, reader.asked[1:], strict=False))
    assert reader.asked[-1][1] == reader.n_samples
    assert max(stop - start for start, stop in reader.asked) <= BLOCK_SAMPLES
    done = [result.columns_done for result in results]
    assert done == sorted(set(done))
    assert done[-1] == results[-1].levels.shape[1] == 1 + len(samples) // 64
    expected = librosa.stft(samples, n_fft=512, hop_length=64, pad_mode="constant")
    assert np.abs(decibels(results[-1]) - one_sided_db(expected, 512)).max() <= HALF_LEVEL_DB + 0.01


def test_what_was_published_stays():
    growing = stream(ArrayReader(noise(30.0)), window=512, hop=64, channel=None, progress=Progress())
    seen: list[tuple[Spectrogram, np.ndarray]] = []
    for result in growing:
        seen.append((result, result.levels[:, : result.columns_done].copy()))
        assert not result.levels.flags.writeable
        assert not result.levels[:, result.columns_done :].any()
    assert len(seen) > 2
    for result, before in seen:
        np.testing.assert_array_equal(result.levels[:, : result.columns_done], before)
        assert np.shares_memory(result.levels, seen[0][0].levels)


def test_a_cancelled_stream_stops_at_the_next_chunk():
    progress = Progress()
    reader = ArrayReader(noise(40.0))
    growing = stream(reader, window=512, hop=64, channel=None, progress=progress)
    next(growing)
    progress.cancel()
    with pytest.raises(Cancelled):
        next(growing)
    assert reader.asked[-1][1] < reader.n_samples


def test_channels():
    stereo = np.stack([noise(0.5, seed=1), noise(0.5, seed=2)])
    spectra = librosa.stft(stereo, n_fft=1024, hop_length=256, pad_mode="constant")
    mix = one_sided_db(np.sqrt(np.square(np.abs(spectra)).mean(axis=0)), 1024)
    assert np.abs(decibels(compute(ArrayReader(stereo))) - mix).max() <= HALF_LEVEL_DB + 0.01
    for channel, expected in ((0, stereo[0]), (1, stereo[1])):
        found = compute(ArrayReader(stereo), channel=channel)
        np.testing.assert_array_equal(found.levels, compute(ArrayReader(expected)).levels)
    np.testing.assert_array_equal(
        compute(ArrayReader(stereo[0]), channel=1).levels, compute(ArrayReader(stereo[0])).levels
    )


@pytest.mark.parametrize(("signs", "level_db"), [((1, -1), -6.02), ((1, 0), -9.03), ((1, -1, 1, -1, 0, 0), -7.78)])
def test_nothing_cancels_in_the_mix(signs, level_db):
    """A line of 1 kHz at half the full scale, out of phase: its power is the mean of the channels' powers."""
    wave = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(48000) / 48000)
    channels = np.multiply.outer(signs, wave)
    found = decibels(compute(ArrayReader(channels, 48000), 1536, 384))[:, 8:-8]
    assert np.all(found.argmax(0) == 32)
    assert np.abs(found[32] - level_db).max() <= HALF_LEVEL_DB + 0.01


@pytest.mark.parametrize("number", [3, 6])
def test_every_channel_can_be_chosen(number):
    channels = np.stack([noise(0.3, seed=seed) for seed in range(6)])
    request = make_request(TransformParams("512", "50 %", str(number)), LevelsParams())
    providers = Providers(lambda: {"sound": ArrayReader(channels)})
    *_, last = run_chain(request, providers, Cache(), Progress())
    expected = compute(ArrayReader(channels[number - 1]), 512, 256)
    np.testing.assert_array_equal(last.levels, expected.levels)


def test_what_is_no_number_counts_as_silence():
    samples = noise(0.5)
    holes = samples.copy()
    holes[[100, 5000, 9000]] = np.nan, np.inf, -np.inf
    samples[[100, 5000, 9000]] = 0
    np.testing.assert_array_equal(compute(ArrayReader(holes)).levels, compute(ArrayReader(samples)).levels)


def test_a_sound_that_ends_early_is_silent_from_there_on():
    class Short(ArrayReader):
        def read(self, start: int, stop: int) -> Waveform:
            return Waveform(self.samples[:, start : min(stop, 10000)].copy(), self.rate_hz, start)

    samples = noise(0.5)
    silent = samples.copy()
    silent[10000:] = 0
    np.testing.assert_array_equal(compute(Short(samples)).levels, compute(ArrayReader(silent)).levels)


def test_a_sound_of_many_hours_is_refused_before_anything_is_read():
    reader = ArrayReader(np.zeros(10))
    reader.n_samples = 44100 * 3600 * 24
    with pytest.raises(MediaError, match=r"at most 3\.4 hours of sound, found 24\.0; choose"):
        compute(reader, 2048, 512)
    assert reader.asked == []


def make_request(transform: TransformParams, levels: LevelsParams) -> Request:
    return Request("spectrogram", ANALYSES["spectrogram"].stages, (("sound", "a", None),), (transform, levels))


def test_display_limits_change_no_cell_and_cost_no_memory():
    cache = Cache()
    reader = ArrayReader(noise(2.0))

    def run(**limits: float) -> Any:
        request = make_request(TransformParams("512", "50 %", "left"), LevelsParams(**limits))
        *_, last = run_chain(request, Providers(lambda: {"sound": reader}), cache, Progress())
        return last

    first = run()
    asked, used = len(reader.asked), cache.used_bytes
    second = run(floor=-60.0, ceiling=-10.0)
    assert (first.show_low_db, first.show_high_db) == (-90, 0)
    assert (second.show_low_db, second.show_high_db) == (-60, -10)
    assert second.window == 512
    assert second.hop == 256
    assert np.shares_memory(first.levels, second.levels)
    assert len(reader.asked) == asked
    assert cache.used_bytes == used
    crossed = run(floor=-20.0, ceiling=-60.0)
    assert (crossed.show_low_db, crossed.show_high_db) == (-70, -60)
    request = make_request(TransformParams("1024", "50 %", "left"), LevelsParams())
    assert first_missing(stage_keys(request), cache) == 0


def test_values_are_checked_by_the_declaration():
    spec = ANALYSES["spectrogram"]
    assert spec.make_params({"window": "512", "overlap": "87.5 %", "floor": -40}, None) == (
        TransformParams("512", "87.5 %"),
        LevelsParams(-40.0),
    )
    for wrong in ({"window": "500"}, {"overlap": "10 %"}, {"channel": "up"}, {"floor": -121}, {"ceiling": 1}):
        with pytest.raises(ParamsError):
            spec.make_params(wrong, None)


def random_levels(bins: int = 65, columns: int = 400) -> Spectrogram:
    levels = np.random.default_rng(0).integers(0, 256, (bins, columns)).astype(np.uint8)
    # Storage and display limits are the same: what is drawn is what is stored.
    return Spectrogram(levels, 12800, 64, 128, -120.0, 0.0, columns, show_low_db=-120.0, show_high_db=0.0)


COLUMN_SECS, BIN_HZ = 64 / 12800, 100.0


def test_rendered_cell_for_cell_it_is_the_stored_levels_upside_down():
    given = random_levels()
    times = (0, 400 * COLUMN_SECS)
    found = render_levels(given, times, (0, 65 * BIN_HZ), Size(400, 65))
    np.testing.assert_array_equal(found, given.levels[::-1])


def test_shrunk_a_pixel_is_the_loudest_of_its_cells():
    given = random_levels()
    times, tones = (10 * COLUMN_SECS, 210 * COLUMN_SECS), (5 * BIN_HZ, 65 * BIN_HZ)
    found = render_levels(given, times, tones, Size(40, 20))
    expected = given.levels[5:65, 10:210].reshape(20, 3, 40, 5).max((1, 3))
    np.testing.assert_array_equal(found, expected[::-1])


@pytest.mark.parametrize("width", [1, 7, 33, 150, 399])
def test_a_click_never_vanishes(width):
    levels = np.zeros((65, 400), np.uint8)
    levels[:, 123] = 200
    given = Spectrogram(levels, 12800, 64, 128, -120.0, 0.0, 400, show_low_db=-120.0, show_high_db=0.0)
    found = render_levels(given, (0, 400 * COLUMN_SECS), (0, 6400), Size(width, 10))
    assert (found.max(0) == 200).sum() == 1


def test_enlarged_a_cell_fills_its_pixels():
    given = random_levels()
    # A hair inside, as the edges of cells are not exact in binary.
    times, tones = (9.5001 * COLUMN_SECS, 13.5001 * COLUMN_SECS), (19.5001 * BIN_HZ, 22.5001 * BIN_HZ)
    found = render_levels(given, times, tones, Size(32, 30))
    np.testing.assert_array_equal(found, given.levels[20:23, 10:14].repeat(10, 0).repeat(8, 1)[::-1])


def test_outside_of_the_sound_and_of_what_is_done_is_dark():
    bright = np.full((65, 400), 255, np.uint8)
    given = Spectrogram(bright, 12800, 64, 128, -120.0, 0.0, 100)
    found = render_levels(given, (-100 * COLUMN_SECS, 200 * COLUMN_SECS), (-10 * BIN_HZ, 75 * BIN_HZ), Size(300, 85))
    expected = np.zeros((85, 300), np.uint8)
    expected[10:75, 100:200] = 255
    np.testing.assert_array_equal(found, expected)
    for times in ((-5.0, -1.0), (50.0, 60.0)):
        assert not render_levels(given, times, (0, 6400), Size(20, 20)).any()
    assert not render_levels(given, (0, 1), (9000, 9500), Size(20, 20)).any()


def test_display_limits_stretch_what_is_drawn():
    levels = np.arange(256, dtype=np.uint8)[None].repeat(65, 0)
    given = Spectrogram(levels, 12800, 64, 128, -120.0, 0.0, 256, show_low_db=-80.0, show_high_db=-40.0)
    row = render_levels(given, (0, 256 * COLUMN_SECS), (0, 50), Size(256, 1))[0]
    db = -120 + np.arange(256) / 255 * 120
    np.testing.assert_allclose(row, np.clip((db + 80) / 40, 0, 1) * 255, atol=0.51)
    assert row[0] == 0
    assert row[-1] == 255


@pytest.mark.parametrize("hop", [256, 1000, 512])
def test_the_length_of_the_sound_is_told_and_not_that_of_its_columns(hop):
    """The last column begins within the sound and is centred on its beginning: a second was told as 1.01 s."""
    found = compute(ArrayReader(np.zeros(48_000), 48_000), hop=hop)
    assert (found.headline(), found.sound_secs) == ("1.00 s", 1.0)
