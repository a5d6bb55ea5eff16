"""Real playback, recorded: `python tests/benchmarks/real_playback.py`, where the default device is a null sink.

    pulseaudio -n -F /dev/null --exit-idle-time=-1 -L "module-null-sink rate=44100 channels=2 format=float32le" \\
        -L module-native-protocol-unix

A loop of ten seconds of noise is played for a minute through PortAudio, and what reaches the sink is recorded by
`parec` from its monitor: every sample is compared with what was meant. Then the volume is changed a few times, and the
time from what is heard at that moment to the change in the recording is measured; and the same of the gain of a track.
A machine that is busy with other things makes ALSA run dry, which it says; such a run tells nothing.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy.signal import fftconvolve

from cvstudio.data.samples import Waveform
from cvstudio.media.playback.player import Player

RATE_HZ = 44_100
LOOP_SECS, PLAYED_SECS, START_SECS = 10.0, 65.0, 3.0
CHANGES = 6
PROBE = 4_000


class Noise:
    """Two channels of noise, or the same as two tracks that are mixed to both sides."""

    rate_hz, channels, n_samples = RATE_HZ, 2, round(LOOP_SECS * RATE_HZ)

    def __init__(self, *, tracks: bool) -> None:
        self.samples = np.random.default_rng(0).uniform(0.2, 0.5, (2, self.n_samples)).astype(np.float32)
        if tracks:
            self.matrix = np.eye(2, dtype=np.float32)

    def read(self, start: int, stop: int) -> Waveform:
        return Waveform(self.samples[:, start:stop], RATE_HZ, start)

    def close(self) -> None: ...


class Recording:
    """What reaches the monitor of the sink, float32 (n, 2)."""

    def __enter__(self) -> Recording:
        self._file = tempfile.NamedTemporaryFile(suffix=".raw", delete=False)
        command = [
            "parec",
            "-d",
            "@DEFAULT_MONITOR@",
            "--raw",
            "--format=float32le",
            f"--rate={RATE_HZ}",
            "--channels=2",
        ]
        self._process = subprocess.Popen(command, stdout=self._file)
        end = time.monotonic() + 20
        while not Path(self._file.name).stat().st_size:  # silence, once it listens
            assert time.monotonic() < end, "parec records nothing"
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        time.sleep(1.0)
        self._process.terminate()
        self._process.wait()
        self._file.close()
        self.samples = np.fromfile(self._file.name, np.float32).reshape(-1, 2)
        Path(self._file.name).unlink()


def aligned(recorded: np.ndarray, sound: Noise) -> tuple[np.ndarray, int]:
    """What was recorded once the sink had started, and the sample of the loop that this begins with.

    A null sink that was idle wakes up after a second or two, and takes nothing until then.
    """
    silent = np.flatnonzero(recorded[:, 0] == 0)
    first = int(np.flatnonzero(recorded[:, 0])[0])
    begin = int(silent[silent < first + START_SECS * RATE_HZ][-1]) + 1
    played, meant = recorded[begin:], sound.samples[0]
    probe = played[:PROBE, 0] - played[:PROBE, 0].mean()
    match = fftconvolve(np.append(meant, meant[:PROBE]) - meant.mean(), probe[::-1], "valid")
    return played, int(match.argmax())


def minute() -> None:
    sound = Noise(tracks=False)
    player = Player(lambda: sound)
    player.set_loop((0.0, LOOP_SECS))
    with Recording() as recording:
        player.play(0.0)
        time.sleep(PLAYED_SECS)
        player.pause()
    player.close()
    played, first = aligned(recording.samples, sound)
    played = played[: 60 * RATE_HZ]
    silence = (played == 0).all(1)
    # A device that runs dry plays silence in between, and then what it would have played: both are told apart.
    played = played[~silence]
    meant = sound.samples.T[(first + np.arange(len(played))) % sound.n_samples]
    wrong = np.flatnonzero(np.abs(played - meant).max(1) > 1e-6)
    length, gaps = len(played) / RATE_HZ, int((np.diff(silence.astype(int)) == 1).sum())
    print(f"{length:.1f} s of a loop of {LOOP_SECS:.0f} s: {len(wrong)} samples differ, run dry {gaps} times")
    if len(wrong):
        print("first difference at", wrong[0] / RATE_HZ, "s")


def changes(*, tracks: bool) -> None:
    sound = Noise(tracks=tracks)
    player = Player(lambda: sound)
    player.set_loop((0.0, LOOP_SECS))
    times, delays = [], []
    with Recording() as recording:
        player.play(0.0)
        time.sleep(START_SECS + 1)
        for number in range(CHANGES):
            gain = 0.5 if number % 2 == 0 else 1.0
            heard = player.position_secs
            if tracks:
                player.set_mix(np.array([[gain, 0], [0, 1]], np.float32))
            else:
                player.set_volume(gain)
            times.append(heard)
            time.sleep(0.8)
        player.pause()
    player.close()
    played, first = aligned(recording.samples, sound)
    meant = sound.samples[0][(first + np.arange(len(played))) % sound.n_samples]
    halved = np.abs(played[:, 0] - meant / 2) < np.abs(played[:, 0] - meant)
    turns = first + np.flatnonzero(np.diff(halved.astype(int)) != 0)[:CHANGES] + 1
    delays = [1000 * (turn / RATE_HZ - heard) for turn, heard in zip(turns, times, strict=False)]
    what = "gain of a track" if tracks else "volume"
    print(f"{what}: heard after {', '.join(f'{delay:.0f}' for delay in delays)} ms; most {max(delays):.0f} ms")


if __name__ == "__main__":
    if "--short" not in sys.argv:
        minute()
    changes(tracks=False)
    changes(tracks=True)
