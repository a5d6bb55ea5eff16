"""Loops without a gap, speeds that keep the pitch, tracks that are mixed while they play, and meters."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from cvstudio.data.samples import Waveform
from cvstudio.media.playback.feed import Feed, Stretcher
from tests.core.media.playback.test_player import LENGTH, RATE_HZ, Bench, FakeReader, truth, wait_until


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench(FakeReader())
    yield made
    made.player.close()


def played(bench: Bench, frames: int, block: int = 160) -> np.ndarray:
    return np.concatenate([bench.pull(block) for _ in range(frames // block)])


def test_a_loop_is_played_round_and_round_without_a_gap(bench: Bench) -> None:
    bench.player.set_loop((0.1, 0.25))
    bench.play(0.1)
    start, stop = 800, 2000
    frames = played(bench, 8 * 1200)
    expected = np.concatenate([truth(start, stop)] * 8)
    np.testing.assert_array_equal(frames, expected)


def test_a_loop_of_sixty_seconds_has_every_sample(bench: Bench) -> None:
    """A minute of a loop that no block divides: sample for sample what was meant."""
    bench.player.set_loop((0.0, LENGTH / RATE_HZ))
    bench.play(0.0)
    frames = played(bench, 60 * RATE_HZ, 512)
    expected = truth(0, LENGTH)[np.arange(len(frames)) % LENGTH]
    np.testing.assert_array_equal(frames, expected)


def test_the_position_goes_round_with_what_is_heard(bench: Bench) -> None:
    bench.player.set_loop((0.1, 0.25))
    bench.play(0.2)
    for block in range(40):
        bench.pull(170, delay_secs=0.05)
        # Nothing is heard before the delay has passed.
        heard = 0.2 + max(0.0, (block + 1) * 170 / RATE_HZ - 0.05)
        expected = heard if heard < 0.25 else 0.1 + (heard - 0.1) % 0.15
        assert bench.player.position_secs == pytest.approx(expected, abs=2 / RATE_HZ)


def test_a_position_beyond_the_loop_begins_it_and_one_before_plays_up_to_it(bench: Bench) -> None:
    bench.player.set_loop((0.1, 0.2))
    bench.play(1.5)
    np.testing.assert_array_equal(bench.pull(100), truth(800, 900))
    bench.seek(0.0)
    frames = played(bench, 3200)
    np.testing.assert_array_equal(frames[:1600], truth(0, 1600))
    np.testing.assert_array_equal(frames[1600:2400], truth(800, 1600))


def test_a_loop_that_ends_lets_the_sound_go_on(bench: Bench) -> None:
    bench.player.set_loop((0.1, 0.2))
    bench.play(0.1)
    played(bench, 1600)
    bench.player.set_loop(None)
    wait_until(lambda: bench.player._segment is not None)
    bench.card.pull(0)
    place = round(bench.player.position_secs * RATE_HZ)
    np.testing.assert_array_equal(bench.pull(1600), truth(place, place + 1600))


def tone(hertz: float, secs: float, channels: int) -> np.ndarray:
    wave = np.sin(2 * np.pi * hertz * np.arange(round(secs * 16_000)) / 16_000)
    return np.stack([wave * (number + 1) / channels for number in range(channels)], 1).astype(np.float32)


@pytest.mark.parametrize("speed", [0.25, 0.5, 0.75, 1.5, 2.0, 3.0])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_another_speed_keeps_the_pitch_and_the_channels(speed: float, channels: int) -> None:
    given = tone(500, 4.0, channels)
    stretcher = Stretcher(16_000, channels, speed)
    parts = [stretcher.push(given[start : start + 1600]) for start in range(0, len(given), 1600)]
    found = np.concatenate([*parts, stretcher.push(given[:0], last=True)])
    assert len(found) == pytest.approx(len(given) / speed, rel=0.02)
    inner = found[len(found) // 4 : -len(found) // 4]
    spectrum = np.abs(np.fft.rfft(inner[:, 0] * np.hanning(len(inner))))
    assert spectrum.argmax() * 16_000 / len(inner) == pytest.approx(500, abs=3)
    # The channels stay together: they differ by their gain alone.
    for number in range(channels):
        np.testing.assert_allclose(inner[:, number] * channels, inner[:, 0] * channels * (number + 1), atol=1e-4)


class Ramp:
    """A sound in which each sample tells its place."""

    rate_hz, channels, n_samples = 16_000, 1, 160_000

    def read(self, start: int, stop: int) -> Waveform:
        return Waveform(np.arange(start, min(stop, 160_000), dtype=np.float32)[None] / 160_000, 16_000, start)

    def close(self) -> None: ...


@pytest.mark.parametrize("speed", [0.5, 2.0])
def test_at_another_speed_the_position_is_what_is_heard(speed: float) -> None:
    feed = Feed(Ramp(), 16_000, None, speed, 1)
    parts = []
    while not feed.done:
        parts.append(feed.next())
    found = np.concatenate(parts)[:, 0] * 160_000
    at = np.arange(0, len(found), 1000)
    # Overlapping pieces are moved by up to a half of a window, some tens of milliseconds.
    assert np.abs(found[at] - (16_000 + at * speed)).max() < 0.06 * 16_000


def test_a_loop_at_another_speed_goes_on() -> None:
    feed = Feed(Ramp(), 32_000, (32_000, 48_000), 2.0, 1)
    found = np.concatenate([feed.next() for _ in range(80)])[:, 0] * 160_000
    assert not feed.done
    assert len(found) > 5 * 8_000
    assert found[2000:].min() > 31_000
    assert found.max() < 49_000
    (_, first), *_ = feed.parts
    assert first == 32_000
    assert [place for place, _ in feed.parts] == [round(turn * 16_000 / 2) for turn in range(len(feed.parts))]


class Tracks(FakeReader):
    """Three tracks of constants, of which the second is loudest."""

    def __init__(self) -> None:
        super().__init__(channels=3)
        self.matrix = np.array([[1, 0], [0, 1], [0, 0]], np.float32)

    def read(self, start: int, stop: int) -> Waveform:
        levels = np.array([[0.1], [0.2], [0.4]], np.float32)
        return Waveform(np.repeat(levels, stop - start, 1), RATE_HZ, start)


def test_tracks_are_mixed_by_the_callback_and_a_gain_is_heard_with_the_next_block() -> None:
    bench = Bench(Tracks())
    try:
        bench.play()
        assert bench.card.channels == 2
        np.testing.assert_allclose(bench.pull(80)[-1], [0.1, 0.2])
        written = bench.player._ring.written
        bench.player.set_mix(np.array([[0.5, 0], [0, 0], [1, 1]], np.float32))
        # Not a sample later, and nothing is read anew: within the block of the card, which is far below 50 ms.
        np.testing.assert_allclose(bench.card.pull(80), np.tile([0.45, 0.4], (80, 1)), rtol=1e-6)
        assert bench.player._ring.written >= written
        bench.player.set_volume(0.5)
        np.testing.assert_allclose(bench.card.pull(80)[0], [0.225, 0.2], rtol=1e-6)
        bench.player.mute()
        assert not bench.card.pull(80).any()
        bench.player.mute(False)
        np.testing.assert_allclose(bench.card.pull(80)[0], [0.225, 0.2], rtol=1e-6)
    finally:
        bench.player.close()


def test_meters_tell_the_peaks_since_they_were_last_read() -> None:
    bench = Bench(Tracks())
    try:
        assert bench.player.take_peaks() == ()
        bench.play()
        bench.pull(80)
        assert bench.player.take_peaks() == pytest.approx((0.1, 0.2))
        assert bench.player.take_peaks() == ()
        bench.player.set_volume(0.0)
        bench.pull(80)
        assert bench.player.take_peaks() == (0, 0)
    finally:
        bench.player.close()
