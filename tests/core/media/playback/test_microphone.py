"""Sound as a device records it, and the file that keeps it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from cvstudio.exporters.sound.recording import record_sound
from cvstudio.foundation.errors import Cancelled, ExportError
from cvstudio.foundation.progress import Progress
from cvstudio.media.playback import microphone
from cvstudio.media.playback.microphone import SoundTap, Take

RATE = 8_000


class Device:
    """Gives its blocks as soon as it starts; each may be one before which sound was lost."""

    rate_hz = RATE

    def __init__(self, *blocks: np.ndarray, lost: frozenset[int] = frozenset()) -> None:
        self.blocks, self.lost, self.running = blocks, lost, True
        self.channels = blocks[0].shape[1] if blocks else 1
        self.closed = 0

    def open(self, take: Take) -> Device:
        self._take = take
        return self

    def start(self) -> None:
        for number, block in enumerate(self.blocks):
            # As PortAudio does: the same memory for each block.
            lent = block.copy()
            self._take(lent, number in self.lost)
            lent[:] = 9.0
        self.running = False

    def close(self) -> None:
        self.closed += 1


def noise(count: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.9, 0.9, (count, channels)).astype(np.float32)


def test_every_sample_is_in_the_file_in_order(tmp_path: Path) -> None:
    blocks = [noise(count, 2, seed) for seed, count in enumerate((100, 1, 640, 33))]
    device = Device(*blocks)
    recorded = record_sound(tmp_path / "take.flac", SoundTap(device), Progress())
    samples, rate_hz = soundfile.read(tmp_path / "take.flac", dtype="float32")
    assert rate_hz == RATE
    np.testing.assert_allclose(samples, np.concatenate(blocks), atol=2**-23)
    assert recorded.secs == len(samples) / RATE
    assert (recorded.gaps, recorded.clipped, recorded.ended) == (0, False, "device")
    assert device.closed == 1


def test_it_ends_after_the_seconds_that_were_asked_for(tmp_path: Path) -> None:
    device = Device(*[noise(1000, seed=seed) for seed in range(20)])
    recorded = record_sound(tmp_path / "take.flac", SoundTap(device), Progress(), secs=1.5)
    assert soundfile.info(tmp_path / "take.flac").frames == 12_000
    assert (recorded.secs, recorded.ended) == (1.5, "stopped")


def test_lost_and_clipped_sound_is_told_and_does_not_wrap_around(tmp_path: Path) -> None:
    loud = np.full((50, 1), 1.5, np.float32)
    device = Device(noise(50), loud, -loud, lost=frozenset({1}))
    recorded = record_sound(tmp_path / "take.flac", SoundTap(device), Progress())
    assert (recorded.gaps, recorded.clipped) == (1, True)
    samples, _ = soundfile.read(tmp_path / "take.flac")
    assert samples[50:100].min() > 0.999
    assert samples[100:].max() < -0.999


def test_what_is_seen_is_the_newest_and_no_sample_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(microphone, "RECENT_SECS", 0.05)
    blocks = [noise(150, seed=seed) for seed in range(8)]
    tap = SoundTap(Device(*blocks))
    assert tap.taken == 1200
    kept = tap.since(0)
    assert 400 <= len(kept) < 400 + 150
    np.testing.assert_array_equal(kept, np.concatenate(blocks)[-len(kept) :])
    np.testing.assert_array_equal(tap.since(1150), blocks[-1][-50:])
    assert len(tap.since(1200)) == 0
    assert tap.peaks() == (pytest.approx(np.abs(np.concatenate(blocks)).max()),)
    assert tap.peaks() == ()
    tap.close()


def test_what_cannot_be_written_in_time_is_lost_and_counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(microphone, "WAITING_SECS", 0.1)
    blocks = [noise(500, seed=seed) for seed in range(5)]
    recorded = record_sound(tmp_path / "take.flac", SoundTap(Device(*blocks)), Progress())
    assert recorded.gaps == 3
    assert soundfile.info(tmp_path / "take.flac").frames == 1000


def test_a_recording_without_sound_or_cancelled_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="sent no sound"):
        record_sound(tmp_path / "take.flac", SoundTap(Device()), Progress())
    progress = Progress()
    progress.cancel()
    with pytest.raises(Cancelled):
        record_sound(tmp_path / "take.flac", SoundTap(Device(noise(10))), progress)
    assert list(tmp_path.iterdir()) == []
