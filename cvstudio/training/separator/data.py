"""Speech of the separator's training: speakers apart, and mixtures of two made while it trains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.errors import UserError
from cvstudio.foundation.progress import Progress

FILES = ("speech_8k",)
RATE = 8000
"""Samples per second."""

SPEEDS = ((17, 20), (9, 10), (19, 20), (1, 1), (21, 20), (11, 10), (23, 20))
"""Speed perturbation: playback speeds as fractions; they change pitch and tempo, which makes further voices."""

GAINS = 5.0
"""Largest level in dB of the first speaker above or below the second."""

LEVEL = 0.1
"""Root mean square of a mixture."""

QUIET = 0.25
"""A segment is drawn again while its root mean square is below this part of its recording's."""

DRAWS = 8
"""Most draws of one segment."""


def speaker_of(path: Path) -> int:
    """LibriSpeech's number of the speaker: what stands before the first dash of a file's name."""
    return int(path.name.split("-")[0])


@dataclass(frozen=True)
class Split:
    """Recordings of speech, one for each speaker, in three parts that share no speaker."""

    training: tuple[Path, ...]
    validation: tuple[Path, ...]
    test: tuple[Path, ...]


def split(data: Path) -> Split:
    """Of the speakers in the order of their numbers: every 8th is for the test, and every 12th for validation.

    Of LibriSpeech's 251 that makes 31, 21 and 199.
    """
    paths = sorted((data / FILES[0]).glob("*.flac"), key=speaker_of)
    if len({speaker_of(path) for path in paths}) != len(paths):
        raise UserError(
            f"Expected one recording of each speaker in {data / FILES[0]}, but a speaker has several; get the set "
            f"again."
        )
    test = {path for number, path in enumerate(paths) if number % 8 == 3}
    validation = {path for number, path in enumerate(paths) if number % 12 == 5}
    training = tuple(path for path in paths if path not in test | validation)
    return Split(training, tuple(p for p in paths if p in validation), tuple(p for p in paths if p in test))


def read_speech(path: Path) -> NDArray[np.float32]:
    """Samples float32 (n,) of a recording at `RATE`. Raises UserError where it is damaged or at another rate."""
    import soundfile

    try:
        samples, rate = soundfile.read(path, dtype="float32")
    except soundfile.LibsndfileError:
        raise UserError(f"Expected speech in {path}, but it cannot be decoded; get the set again.") from None
    if rate != RATE or samples.ndim != 1:
        raise UserError(f"Expected mono at {RATE} Hz in {path}, but it is at {rate} Hz; get the set again.")
    return np.asarray(samples, np.float32)


def unit_level(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale to a root mean square of 1; silence stays silent."""
    return samples / np.float32(max(float(np.sqrt(np.mean(samples**2))), 1e-6))


def mixture(
    first: NDArray[np.float32], second: NDArray[np.float32], ratio_db: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mix two signals of one length; return the mixture (n,) at `LEVEL` and the sources (2, n) that it is the sum of.

    `ratio_db` is the level of the first above that of the second.
    """
    sources = np.stack([unit_level(first) * np.float32(10 ** (ratio_db / 20)), unit_level(second)])
    scale = LEVEL / max(float(np.sqrt(np.mean(sources.sum(0) ** 2))), 1e-6)
    sources *= np.float32(scale)
    return sources.sum(0), sources


@dataclass(frozen=True, eq=False)
class Speech:
    """Recordings at several speeds.

    samples int16 (n,), memory-mapped; ends int64 (recordings, speeds): where each ends, the next begins there.
    """

    samples: NDArray[np.int16]
    ends: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ends)

    def recording(self, number: int, speed: int) -> NDArray[np.int16]:
        place = number * self.ends.shape[1] + speed
        ends = self.ends.reshape(-1)
        return self.samples[int(ends[place - 1]) if place else 0 : int(ends[place])]

    def segment(self, rng: np.random.Generator, number: int, length: int) -> NDArray[np.float32]:
        """Random segment float32 (length,) of a recording at a random speed, with speech in it."""
        recording = self.recording(number, int(rng.integers(self.ends.shape[1])))
        whole = np.asarray(recording, np.float32) / np.float32(32768)
        if len(whole) <= length:
            return np.pad(whole, (0, length - len(whole)))
        least = QUIET * float(np.sqrt(np.mean(whole**2)))
        for _ in range(DRAWS):
            start = int(rng.integers(len(whole) - length + 1))
            segment = whole[start : start + length]
            if float(np.sqrt(np.mean(segment**2))) >= least:
                break
        return segment

    def mixture(self, rng: np.random.Generator, length: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mixture (length,) of two random speakers, and its sources (2, length)."""
        first, second = rng.choice(len(self), 2, replace=False)
        ratio = rng.uniform(-GAINS, GAINS)
        return mixture(self.segment(rng, int(first), length), self.segment(rng, int(second), length), ratio)


def prepare_speech(paths: Sequence[Path], folder: Path, progress: Progress) -> Speech:
    """Decode recordings at every speed into one array in `folder`, or open what a run has there."""
    from scipy.signal import resample_poly

    samples_path, ends_path = folder / "speech.npy", folder / "speech_ends.npy"
    if not (samples_path.is_file() and ends_path.is_file()):
        parts = []
        for number, path in enumerate(paths):
            progress(number / len(paths), "speech is decoded")
            samples = read_speech(path)
            for numerator, denominator in SPEEDS:
                changed = resample_poly(samples, denominator, numerator) if numerator != denominator else samples
                parts.append(np.clip(np.rint(changed * 32768), -32768, 32767).astype(np.int16))
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_path(samples_path) as temporary, temporary.open("wb") as file:
            np.save(file, np.concatenate(parts))
        with atomic_path(ends_path) as temporary, temporary.open("wb") as file:
            np.save(file, np.cumsum([len(part) for part in parts]).reshape(len(paths), len(SPEEDS)))
    return Speech(np.load(samples_path, mmap_mode="r"), np.load(ends_path))


def fixed_mixtures(
    paths: Sequence[Path], count: int, secs: float, seed: int
) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """The same `count` mixtures (n,) of two speakers each time, with their sources (2, n)."""
    rng = np.random.default_rng(seed)
    recordings = [np.rint(read_speech(path) * 32767).astype(np.int16) for path in paths]
    ends = np.cumsum([len(recording) for recording in recordings])[:, None]
    speech = Speech(np.concatenate(recordings), ends)
    return [speech.mixture(rng, round(secs * RATE)) for _ in range(count)]
