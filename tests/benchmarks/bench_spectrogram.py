"""How much faster the streamed spectrogram is than librosa's: `python tests/benchmarks/bench_spectrogram.py`.

Five minutes of 44.1 kHz noise, window 2048, overlap 75 %, both to uint8-ready decibels, measured in turn.
"""

from __future__ import annotations

import time

import librosa
import numpy as np

from cvstudio.analyses.sound._spectrum import stream
from cvstudio.data.geometry import Size
from cvstudio.data.samples import Waveform
from cvstudio.draw.sound.spectrogram_levels import render_levels
from cvstudio.foundation.progress import Progress

ROUNDS = 3
RATE_HZ = 44100


class Noise:
    """A sound in memory."""

    def __init__(self, seconds: int) -> None:
        self.samples = np.random.default_rng(0).normal(0, 0.1, (1, seconds * RATE_HZ)).astype(np.float32)
        self.rate_hz, self.channels, self.n_samples = RATE_HZ, 1, self.samples.shape[1]

    def read(self, start: int, stop: int) -> Waveform:
        return Waveform(self.samples[:, start:stop], RATE_HZ, start)


def main() -> None:
    sound = Noise(300)
    librosa.amplitude_to_db(np.abs(librosa.stft(sound.samples[0, :RATE_HZ])), ref=1.0)
    ours, theirs, chunks, results = [], [], [], []
    for _ in range(ROUNDS):
        began = last = time.perf_counter()
        for result in stream(sound, window=2048, hop=512, channel=None, progress=Progress()):
            results = [result]
            chunks.append(time.perf_counter() - last)
            last = time.perf_counter()
        ours.append(last - began)
        began = time.perf_counter()
        librosa.amplitude_to_db(np.abs(librosa.stft(sound.samples[0], pad_mode="constant")), ref=1.0)
        theirs.append(time.perf_counter() - began)
    began = time.perf_counter()
    render_levels(results[0], (0, 300), (0, RATE_HZ / 2), Size(1600, 600))
    drawn = time.perf_counter() - began
    own, other = float(np.median(ours)), float(np.median(theirs))
    print(f"librosa {other:.2f} s, streamed {own:.2f} s, longest chunk {1e3 * max(chunks):.0f} ms")
    print(f"drawing all of it {1e3 * drawn:.0f} ms")
    print(f"ratio {other / own:.1f}x")


if __name__ == "__main__":
    main()
