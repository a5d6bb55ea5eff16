"""The stems of a sound, and a mix of them, read like the sound itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from cvstudio.data.resample import resampled
from cvstudio.data.samples import Waveform

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class ReadableSound(Protocol):
    """Sound of which any part can be read: samples `start`..`stop`, fewer at its end."""

    rate_hz: int
    n_samples: int

    def read(self, start: int, stop: int) -> Waveform: ...


class SoundReader(ReadableSound, Protocol):
    """An open reader of sound; see `cvstudio.media.formats.audio.AudioReader`."""

    def close(self) -> None: ...


def mono(sound: ReadableSound, channel: int | None, start: int, stop: int) -> NDArray[np.float32]:
    """Samples of one channel (the last one where there are fewer), or the mean of all, float32 (1, n); silence where
    they are not finite."""
    samples = sound.read(start, stop).samples
    samples = samples.mean(0, keepdims=True) if channel is None else samples[[min(channel, len(samples) - 1)]]
    return np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)


def mix_matrix(gains: Sequence[float], pans: Sequence[float]) -> NDArray[np.float32]:
    """How loud each track is on the left and on the right, float32 (tracks, 2).

    gains : linear, of each track
    pans : -1 (left) to 1 (right) of each track; 0 is as loud on both sides as without a pan. Tracks without one are
        in the middle
    """
    places = np.zeros(len(gains), np.float32)
    places[: len(pans)] = pans
    sides = np.stack((np.minimum(1, 1 - places), np.minimum(1, 1 + places)), 1)
    return np.asarray(np.array(gains, np.float32)[:, None] * sides, np.float32)


class StemTracks:
    """The stems and the residual of a sound as channels, at its rate and length; they add up to it.

    Parameters
    ----------
    reader : of the sound; closed with the tracks
    stems : float32 (stems, n) at `rate_hz`
    channel : of the sound that was parted (the last one where there are fewer); None for the mean of all
    matrix : how loud each track is on the left and on the right at first, see `mix_matrix`
    mixture : float32 (n,) at `rate_hz`, what the stems are parts of; None for the sound of `reader`
    """

    def __init__(
        self,
        reader: SoundReader,
        stems: NDArray[np.float32],
        rate_hz: int,
        channel: int | None,
        matrix: NDArray[np.float32],
        mixture: NDArray[np.float32] | None = None,
    ) -> None:
        self.matrix = matrix
        self._mixture = mixture
        self.rate_hz, self.n_samples = reader.rate_hz, reader.n_samples
        self.channels = len(stems) + 1
        self._reader, self._channel = reader, channel
        self._stems, self._stems_rate_hz = stems, rate_hz

    def read(self, start: int, stop: int) -> Waveform:
        """Samples `start` to `stop` (exclusive) of all tracks, clamped to the sound. Raises MediaError."""
        start = min(max(0, start), self.n_samples)
        stop = min(max(start, stop), self.n_samples)
        tracks = np.zeros((self.channels, stop - start), np.float32)
        if stop > start:
            tracks[:-1] = self._stems_between(start, stop)
            tracks[-1] = self._whole(start, stop)[0] - tracks[:-1].sum(0)
        return Waveform(tracks, self.rate_hz, start)

    def _whole(self, start: int, stop: int) -> NDArray[np.float32]:
        """What the stems are parts of, float32 (1, n)."""
        mixture = self._mixture
        if mixture is None:
            return mono(self._reader, self._channel, start, stop)
        rate_hz = self._stems_rate_hz
        return resampled(lambda low, high: mixture[None, low:high], len(mixture), rate_hz, self.rate_hz, start, stop)

    def _stems_between(self, start: int, stop: int) -> NDArray[np.float32]:
        stems, rate_hz = self._stems, self._stems_rate_hz
        return resampled(lambda low, high: stems[:, low:high], stems.shape[1], rate_hz, self.rate_hz, start, stop)

    def close(self) -> None:
        self._reader.close()


class StemMix(StemTracks):
    """The tracks times their gains, with one channel, or with two where a track is on one side.

    Parameters
    ----------
    gains : linear, of each stem in order, and last of the residual
    pans : -1 (left) to 1 (right) of each stem
    """

    def __init__(
        self,
        reader: SoundReader,
        stems: NDArray[np.float32],
        rate_hz: int,
        channel: int | None,
        gains: tuple[float, ...],
        pans: tuple[float, ...] = (),
        mixture: NDArray[np.float32] | None = None,
    ) -> None:
        super().__init__(reader, stems, rate_hz, channel, mix_matrix(gains, pans), mixture)
        self.channels = 2 if any(pans) else 1

    def read(self, start: int, stop: int) -> Waveform:
        """Samples `start` to `stop` (exclusive) of the mix, clamped to the sound. Raises MediaError."""
        start = min(max(0, start), self.n_samples)
        stop = min(max(start, stop), self.n_samples)
        # The residual is the sound without its stems: (mixture - sum of stems) * residual + sum of stems * gains.
        matrix = self.matrix.T[: self.channels]
        residual = matrix[:, -1:]
        weights = matrix[:, :-1] - residual
        mixed = np.zeros((self.channels, stop - start), np.float32)
        if residual.any():
            mixed += residual * self._whole(start, stop)
        if weights.any() and stop > start:
            stems, rate_hz = self._stems, self._stems_rate_hz

            def weighted(low: int, high: int) -> NDArray[np.float32]:
                return np.asarray(weights @ stems[:, low:high], np.float32)

            mixed += resampled(weighted, stems.shape[1], rate_hz, self.rate_hz, start, stop)
        return Waveform(mixed, self.rate_hz, start)
