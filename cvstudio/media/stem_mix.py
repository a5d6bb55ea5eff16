"""A mix of the stems of a sound, read like the sound itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from cvstudio.data.resample import resampled
from cvstudio.data.samples import Waveform

if TYPE_CHECKING:
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


class StemMix:
    """Stems times their gains, at the rate and length of the sound that they are parts of; it has one channel.

    Parameters
    ----------
    reader : of the sound; closed with the mix
    stems : float32 (stems, n) at `rate_hz`
    channel : of the sound that was parted (the last one where there are fewer); None for the mean of all
    gains : linear, of each stem in order, and last of the residual; may be replaced at any time, from any thread
    """

    channels = 1

    def __init__(
        self,
        reader: SoundReader,
        stems: NDArray[np.float32],
        rate_hz: int,
        channel: int | None,
        gains: tuple[float, ...],
    ) -> None:
        self.gains = gains
        self.rate_hz, self.n_samples = reader.rate_hz, reader.n_samples
        self._reader = reader
        self._stems, self._stems_rate_hz = stems, rate_hz
        self._channel = channel

    def read(self, start: int, stop: int) -> Waveform:
        """Samples `start` to `stop` (exclusive) of the mix, clamped to the sound. Raises MediaError."""
        start = min(max(0, start), self.n_samples)
        stop = min(max(start, stop), self.n_samples)
        *gains, residual = self.gains
        # The residual is the sound without its stems: (mixture - sum of stems) * residual + sum of stems * gains.
        weights = np.array(gains, np.float32) - np.float32(residual)

        def weighted(low: int, high: int) -> NDArray[np.float32]:
            total: NDArray[np.float32] = np.tensordot(weights, self._stems[:, low:high], 1)[None]
            return total

        mixed = np.zeros((1, stop - start), np.float32)
        if residual:
            mixed += np.float32(residual) * mono(self._reader, self._channel, start, stop)
        if weights.any() and stop > start:
            mixed += resampled(
                weighted,
                self._stems.shape[1],
                self._stems_rate_hz,
                self.rate_hz,
                start,
                stop,
            )
        return Waveform(mixed, self.rate_hz, start)

    def close(self) -> None:
        self._reader.close()
