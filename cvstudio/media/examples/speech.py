"""Makes the spoken samples in resources/samples/speech with espeak-ng. A developer's tool: users get its output.

Run ``python -m cvstudio.media.examples.speech FOLDER`` with espeak-ng on the path.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 16_000
DURATION_SECS = 9.6


@dataclass(frozen=True)
class Voice:
    """A voice of espeak-ng: its name, pitch (0..99), words a minute, and how loud it is in the mixture (peak)."""

    key: str
    name: str
    pitch: int
    speed: int
    peak: float


@dataclass(frozen=True)
class Line:
    """A line of the dialogue, beginning at `start_secs`."""

    voice: str
    start_secs: float
    text: str


VOICES = (Voice("voice-a", "en-us+m3", 32, 165, 0.46), Voice("voice-b", "en-gb+f4", 64, 172, 0.46))
LINES = (
    Line("voice-a", 0.2, "Good morning. What can you see in this picture?"),
    Line("voice-b", 2.9, "A cat, a cup of coffee, and somebody in an orange suit."),
    # Both speak for about a second here: there is something to separate.
    Line("voice-a", 5.05, "Wonderful! And how far away is the red ball?"),
    Line("voice-b", 8.0, "Less than two metres away."),
)


def speak(voice: Voice, text: str) -> NDArray[np.float64]:
    """`text` in that voice, (n,) at 16 kHz, peak 1, silence at both ends cut off."""
    import soundfile
    from scipy.signal import resample_poly

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "line.wav"
        command = ["espeak-ng", "-v", voice.name, "-p", str(voice.pitch), "-s", str(voice.speed), "-w", str(path), text]
        subprocess.run(command, check=True)
        samples, rate = soundfile.read(path)
    # 22,050 Hz to 16,000 Hz.
    samples = resample_poly(samples, RATE_HZ // 50, rate // 50)
    loud = np.flatnonzero(np.abs(samples) > 0.003)
    samples = samples[loud[0] : loud[-1] + 1]
    return np.asarray(samples / np.abs(samples).max(), np.float64)


def voices() -> dict[str, NDArray[np.int16]]:
    """The track of each voice in the dialogue, int16 (n,) by key; all begin together and are equally long."""
    result = {}
    for voice in VOICES:
        track = np.zeros(round(DURATION_SECS * RATE_HZ))
        for line in LINES:
            if line.voice == voice.key:
                spoken = speak(voice, line.text)
                start = round(line.start_secs * RATE_HZ)
                track[start : start + spoken.size] += spoken
        result[voice.key] = np.rint(track * voice.peak * 32767).astype(np.int16)
    return result


def main(folder: Path) -> None:
    """Write dialogue.flac, voice-a.flac and voice-b.flac; the first is exactly the sum of the others."""
    import soundfile

    folder.mkdir(parents=True, exist_ok=True)
    tracks = voices()
    mixture = np.sum([track.astype(np.int32) for track in tracks.values()], axis=0)
    assert np.abs(mixture).max() <= 32767, "the mixture clips: make the voices quieter"
    for key, track in {**tracks, "dialogue": mixture.astype(np.int16)}.items():
        soundfile.write(folder / f"{key}.flac", track, RATE_HZ, subtype="PCM_16", compression_level=1.0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
