from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from cvstudio.data.samples import Waveform
from cvstudio.foundation.errors import MediaError, UserError
from cvstudio.media.playback.player import AHEAD_SECS, Player
from cvstudio.media.playback.sound_card import Fill, PlaybackError, SoundDevice

RATE_HZ = 8000
LENGTH = 20000


def wait_until(condition: Callable[[], Any], secs: float = 10.0) -> None:
    end = time.monotonic() + secs
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.001)


class FakeReader:
    """Sample k of channel c is k + 1 + c / 2: every sample tells where it comes from, and none is silence."""

    def __init__(self, n_samples: int = LENGTH, channels: int = 2) -> None:
        self.rate_hz, self.channels, self.n_samples = RATE_HZ, channels, n_samples
        self.open_gate = threading.Event()
        self.open_gate.set()
        self.closed = 0
        self.threads: set[str] = set()
        self.ends_at = n_samples
        self.error: Exception | None = None

    def read(self, start: int, stop: int) -> Waveform:
        self.open_gate.wait(60)
        self.threads.add(threading.current_thread().name)
        if self.error is not None:
            raise self.error
        return Waveform(truth(start, min(stop, self.ends_at), self.channels).T.copy(), RATE_HZ, start)

    def close(self) -> None:
        self.threads.add(threading.current_thread().name)
        self.closed += 1


def truth(start: int, stop: int, channels: int = 2) -> np.ndarray:
    at = np.arange(start, max(start, stop), dtype=np.float32)[:, None] + 1
    return at + np.arange(channels, dtype=np.float32) / 2


class FakeCard:
    """A sound card that asks for sound when the test says so."""

    def __init__(self) -> None:
        self.fill: Fill | None = None
        self.channels = self.rate_hz = self.opened = self.closed = self.starts = 0
        self.stops: list[bool] = []
        self.running = False
        self.open_error: Exception | None = None
        self.start_error: Exception | None = None

    def open(self, rate_hz: int, channels: int, fill: Fill) -> FakeCard:
        if self.open_error is not None:
            raise self.open_error
        self.rate_hz, self.channels, self.fill = rate_hz, channels, fill
        self.opened += 1
        return self

    def start(self) -> None:
        if self.start_error is not None:
            raise self.start_error
        self.starts += 1
        self.running = True

    def stop(self, *, drain: bool) -> None:
        self.stops.append(drain)
        self.running = False

    def close(self) -> None:
        self.running = False
        self.closed += 1

    def pull(self, frames: int, delay_secs: float = 0.0) -> np.ndarray:
        assert self.running
        assert self.fill is not None
        out = np.full((frames, self.channels), np.nan, np.float32)
        self.fill(out, delay_secs)
        return out


class Bench:
    """A player on a fake card, file and clock."""

    def __init__(self, reader: FakeReader) -> None:
        self.reader, self.card, self.now = reader, FakeCard(), 50.0
        self.opened = 0
        self.player = Player(self.open, backend=self.card, clock=lambda: self.now)

    def open(self) -> FakeReader:
        self.opened += 1
        return self.reader

    def play(self, from_secs: float | None = None) -> None:
        self.player.play(from_secs)
        wait_until(lambda: self.player._segment is not None and self.card.running)
        self.card.pull(0)

    def pull(self, frames: int, delay_secs: float = 0.0) -> np.ndarray:
        """One block of the card, once the feeder has that much ready; what a block lasts passes on the clock."""
        ring = self.player._ring
        segment = self.player._segment

        def ready() -> bool:
            begin = max(ring.taken, segment.origin if segment else 0)
            return ring.written - begin >= frames or self.player._end is not None

        wait_until(ready)
        out = self.card.pull(frames, delay_secs)
        self.now += frames / RATE_HZ
        return out

    def seek(self, secs: float) -> None:
        self.player.seek(secs)
        wait_until(lambda: self.player._segment is not None)
        if self.card.running:
            # The card goes on asking, and so drops what is older than the seek.
            self.card.pull(0)


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench(FakeReader())
    yield made
    made.reader.open_gate.set()
    made.player.close()


def test_every_sample_is_played_once_and_in_order(bench):
    bench.play(0.0)
    random = np.random.default_rng(0)
    blocks = []
    while sum(map(len, blocks)) < LENGTH - 600:
        blocks.append(bench.pull(int(random.integers(1, 600))))
    played = np.concatenate(blocks)
    np.testing.assert_array_equal(played, truth(0, len(played)))
    assert len(played) > 2 * bench.player._ring.capacity


def test_the_file_is_opened_read_and_closed_by_one_thread(bench):
    bench.play(0.0)
    bench.pull(100)
    bench.player.close()
    assert bench.opened == bench.reader.closed == 1
    assert bench.reader.threads == {"cvstudio-playback"}


def test_seeks_are_exact_to_the_sample(bench):
    bench.play(0.0)
    random = np.random.default_rng(1)
    for _ in range(40):
        place = int(random.integers(0, LENGTH - 3000))
        bench.seek(place / RATE_HZ)
        assert bench.player.position_secs == place / RATE_HZ
        frames = int(random.integers(1, 3000))
        np.testing.assert_array_equal(bench.pull(frames), truth(place, place + frames))


def test_after_a_seek_nothing_old_is_played(bench):
    bench.play(0.0)
    wait_until(lambda: bench.player._ring.free < 900)
    bench.pull(10)
    bench.reader.open_gate.clear()
    bench.player.seek(1.0)
    assert not bench.card.pull(500).any()
    wait_until(lambda: bench.player._segment is not None)
    assert not bench.card.pull(500).any()
    assert bench.player.position_secs == 1.0
    bench.reader.open_gate.set()
    np.testing.assert_array_equal(bench.pull(500), truth(RATE_HZ, RATE_HZ + 500))


def test_running_dry_is_silence_and_the_position_waits(bench):
    read = bench.reader.read

    def read_once(start, stop):
        wave = read(start, stop)
        bench.reader.open_gate.clear()
        return wave

    bench.reader.read = read_once
    bench.play(0.5)
    ready = bench.player._ring.written - bench.player._ring.taken
    out = bench.card.pull(ready + 300)
    np.testing.assert_array_equal(out[:ready], truth(4000, 4000 + ready))
    assert not out[ready:].any()
    bench.now += 100
    assert bench.player.position_secs == pytest.approx((4000 + ready) / RATE_HZ, abs=1e-9)
    assert not bench.card.pull(200).any()
    bench.now += 100
    assert bench.player.position_secs == pytest.approx((4000 + ready) / RATE_HZ, abs=1e-9)
    assert bench.player.playing
    bench.reader.open_gate.set()
    np.testing.assert_array_equal(bench.pull(200), truth(4000 + ready, 4200 + ready))


def test_the_position_is_what_is_heard(bench):
    bench.play(1.0)
    assert bench.player.position_secs == 1.0
    bench.card.pull(400, delay_secs=0.1)
    bench.now += 0.06
    assert bench.player.position_secs == 1.0
    bench.now += 0.06
    assert bench.player.position_secs == pytest.approx(1.02)
    bench.card.pull(400, delay_secs=0.03)
    assert bench.player.position_secs == pytest.approx(1.02)
    bench.now += 0.04
    assert bench.player.position_secs == pytest.approx(1.06)
    bench.now += 9
    assert bench.player.position_secs == pytest.approx(1.1)


def test_the_position_never_goes_back_though_the_delay_wavers(bench):
    bench.play(0.0)
    random = np.random.default_rng(2)
    before = 0.0
    for _ in range(100):
        bench.card.pull(80, delay_secs=float(random.uniform(0.02, 0.08)))
        for _ in range(3):
            bench.now += 0.01 / 3
            position = bench.player.position_secs
            assert before <= position <= bench.player._ring.taken / RATE_HZ
            before = position
        wait_until(lambda: bench.player._ring.written - bench.player._ring.taken > 80 or bench.player._end)
    assert before > 0.8


def test_pause_falls_silent_and_keeps_the_place(bench):
    bench.play(0.25)
    bench.pull(1000)
    assert bench.player.position_secs == pytest.approx(0.375)
    bench.player.pause()
    assert not bench.player.playing
    if bench.card.running:
        assert bench.card.fill is not None
        out = np.full((10, 2), np.nan, np.float32)
        bench.card.fill(out, 0.0)
        assert not out.any()
    wait_until(lambda: not bench.card.running)
    assert bench.card.stops == [False]
    bench.now += 100
    assert bench.player.position_secs == pytest.approx(0.375)
    assert bench.player.clock() is None
    bench.play()
    np.testing.assert_array_equal(bench.pull(50), truth(3000, 3050))
    assert bench.card.opened == 1


def test_a_seek_while_paused_stays_silent(bench):
    bench.play(0.0)
    bench.player.pause()
    bench.player.seek(2.0)
    wait_until(lambda: not bench.card.running)
    assert bench.player.position_secs == 2
    time.sleep(0.05)
    assert not bench.card.running
    bench.play()
    np.testing.assert_array_equal(bench.pull(50), truth(16000, 16050))


def test_the_end_stops_and_a_seek_plays_again(bench):
    bench.play(2.4)
    out = bench.pull(1000)
    left = LENGTH - round(2.4 * RATE_HZ)
    np.testing.assert_array_equal(out[:left], truth(LENGTH - left, LENGTH))
    assert not out[left:].any()
    wait_until(lambda: bench.player.ended and not bench.card.running)
    assert bench.card.stops == [True]
    assert bench.player.position_secs == LENGTH / RATE_HZ
    assert not bench.player.playing
    assert bench.player.clock() is None
    bench.seek(0.0)
    wait_until(lambda: bench.card.running)
    np.testing.assert_array_equal(bench.pull(100), truth(0, 100))
    assert bench.player.clock() is not None


def test_the_last_sample_is_heard_before_it_ends(bench):
    bench.play(2.4)
    bench.pull(800, delay_secs=0.5)
    assert not bench.player.ended
    bench.now += 0.49
    assert not bench.player.ended
    bench.now += 0.02
    assert bench.player.ended


@pytest.mark.parametrize("secs", [LENGTH / RATE_HZ, 99.0])
def test_playing_from_beyond_the_end_is_the_end(bench, secs):
    bench.player.play(secs)
    wait_until(lambda: bench.player.ended)
    assert bench.player.position_secs == secs
    assert bench.player.clock() is None
    assert bench.card.starts == 0


def test_a_file_that_ends_early_ends(bench):
    bench.reader.ends_at = 10000
    bench.play(1.0)
    out = bench.pull(3000)
    np.testing.assert_array_equal(out[:2000], truth(8000, 10000))
    assert not out[2000:].any()
    wait_until(lambda: bench.player.ended)
    assert bench.player.position_secs == pytest.approx(1.25)


def test_volume_and_mute(bench):
    bench.play(0.0)
    bench.player.set_volume(0.5)
    np.testing.assert_array_equal(bench.pull(10), truth(0, 10) / 2)
    bench.player.mute()
    assert not bench.pull(10).any()
    bench.player.set_volume(0.25)
    assert not bench.pull(10).any()
    bench.player.mute(False)
    np.testing.assert_array_equal(bench.pull(10), truth(30, 40) / 4)
    bench.player.set_volume(7)
    np.testing.assert_array_equal(bench.pull(10), truth(40, 50))
    assert bench.player.position_secs == pytest.approx(50 / RATE_HZ)


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_channels(channels):
    made = Bench(FakeReader(channels=channels))
    made.play(0.0)
    expected = truth(0, 100, channels)
    if channels > 2:
        expected = expected.mean(1, keepdims=True).repeat(2, 1)
    np.testing.assert_array_equal(made.pull(100), expected)
    made.player.close()


def test_what_is_no_number_is_silence(bench, monkeypatch):
    broken = np.ones((2, LENGTH), np.float32)
    broken[0, 5], broken[1, 7] = np.nan, np.inf
    monkeypatch.setattr(bench.reader, "read", lambda a, b: Waveform(broken[:, a:b].copy(), RATE_HZ, a))
    bench.play(0.0)
    expected = np.ones((20, 2), np.float32)
    expected[5, 0] = expected[7, 1] = 0
    np.testing.assert_array_equal(bench.pull(20), expected)


def playback_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "cvstudio-playback"]


def test_closing_leaves_nothing(bench):
    bench.play(0.0)
    assert playback_threads() == ["cvstudio-playback"]
    bench.player.close()
    bench.player.close()
    assert playback_threads() == []
    assert bench.card.closed == bench.reader.closed == 1
    assert not bench.card.running


def test_closing_before_anything_was_played(bench):
    bench.player.close()
    assert playback_threads() == []


def test_a_missing_device_is_one_sentence_and_leaves_no_thread():
    reader, card = FakeReader(), FakeCard()
    card.open_error = PlaybackError("Playing expects a sound device, found none.")
    player = Player(lambda: reader, backend=card)
    for _ in range(2):
        with pytest.raises(PlaybackError, match="expects a sound device"):
            player.play(0.0)
    assert isinstance(player.error, UserError)
    assert not player.playing
    assert player.clock() is None
    wait_until(lambda: not playback_threads())
    assert reader.closed == 1
    player.close()


def test_a_file_that_cannot_be_opened_is_its_own_error():
    def fail() -> FakeReader:
        raise MediaError("song.wav is damaged; copy it again.")

    card = FakeCard()
    player = Player(fail, backend=card)
    with pytest.raises(MediaError, match=r"song\.wav"):
        player.play()
    player.close()
    assert card.opened == 0


@pytest.mark.parametrize(
    ("break_it", "sentence"),
    [
        (lambda bench: setattr(bench.card, "running", False), "has stopped answering"),
        (lambda bench: setattr(bench.reader, "error", MediaError("song.wav is gone.")), "song.wav is gone"),
        (lambda bench: setattr(bench.reader, "error", RuntimeError("boom")), r"cannot be played \(boom\)"),
    ],
)
def test_what_breaks_off_while_playing_lets_the_clock_go_on(bench, break_it, sentence):
    bench.play(0.0)
    bench.pull(4000)
    position = bench.player.position_secs
    break_it(bench)
    wait_until(lambda: bench.player.error is not None)
    assert bench.player.clock() is None
    assert bench.player.position_secs == pytest.approx(position)
    wait_until(lambda: not playback_threads())
    assert bench.card.closed == bench.reader.closed == 1
    with pytest.raises(UserError, match=sentence):
        bench.player.play()


def test_a_device_that_does_not_start():
    made = Bench(FakeReader())
    made.card.start_error = PlaybackError("The sound device does not start.")
    made.player.play(0.0)
    wait_until(lambda: made.player.error is not None)
    assert made.player.clock() is None
    made.player.close()
    assert playback_threads() == []


def test_wishes_in_a_row_end_with_the_last(bench):
    bench.play(0.0)
    for number in range(300):
        bench.player.seek((number % 17) / 10)
        if number % 5 == 0:
            bench.player.pause()
            bench.player.play()
    bench.player.seek(1.5)
    bench.play(1.5)
    wait_until(lambda: bench.player._segment is not None)
    np.testing.assert_array_equal(bench.pull(1000), truth(12000, 13000))


def test_a_card_in_its_own_thread_hears_only_true_samples(bench):
    """Seeks while a thread pulls as a card does: what is heard is silence or a true stretch of the sound."""
    bench.play(0.0)
    heard: list[np.ndarray] = []
    over = threading.Event()

    def card() -> None:
        assert bench.card.fill is not None
        while not over.is_set():
            out = np.full((64, 2), np.nan, np.float32)
            bench.card.fill(out, 0.0)
            heard.append(out)
            time.sleep(0.0005)

    thread = threading.Thread(target=card)
    thread.start()
    random = np.random.default_rng(3)
    for _ in range(40):
        bench.player.seek(float(random.uniform(0, 2)))
        time.sleep(float(random.uniform(0, 0.03)))
    over.set()
    thread.join()
    played = np.concatenate(heard)
    left, right = played.T
    sounding = left != 0
    assert sounding.mean() > 0.05
    np.testing.assert_array_equal(left[sounding] + 0.5, right[sounding])
    steps = np.diff(left)[sounding[1:] & sounding[:-1]]
    # Within a block every step is one sample; only a seek jumps.
    assert (steps != 1).sum() <= 40


def test_it_reads_ahead_no_farther_than_the_ring(bench):
    bench.play(0.0)
    wait_until(lambda: bench.player._ring.free < RATE_HZ // 10)
    time.sleep(0.05)
    assert bench.player._ring.written <= AHEAD_SECS * RATE_HZ


def test_the_real_device_plays():
    try:
        SoundDevice().open(44100, 2, lambda out, delay: None).close()
    except PlaybackError as error:
        pytest.skip(f"no sound device here: {error}")
    reader = FakeReader()
    reader.rate_hz, reader.n_samples = 44100, 22050
    player = Player(lambda: reader)
    player.set_volume(0.0)
    player.play(0.0)
    wait_until(lambda: player.position_secs > 0.2)
    wait_until(lambda: player.ended)
    player.close()
    assert playback_threads() == []
