"""Sound as a device records it, behind an interface that tests can replace."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

from cvstudio.foundation.closing import Closeable
from cvstudio.media.playback.sound_card import PlaybackError, device_names, portaudio

if TYPE_CHECKING:
    from numpy.typing import NDArray

Take: TypeAlias = "Callable[[NDArray[np.float32], bool], None]"
"""Called by the device's own thread with float32 (frames, channels), and whether sound before them was lost."""

POLL_SECS = 0.1
WAITING_SECS = 60.0
"""Most sound that waits to be written; further blocks are lost and counted."""
RECENT_SECS = 10.0
"""Sound that is kept for who shows it."""


class Input(Protocol):
    """An open device.

    Attributes
    ----------
    rate_hz, channels : of what it records
    """

    rate_hz: int
    channels: int

    @property
    def running(self) -> bool:
        """Whether it records; False where it was taken out."""
        ...

    def start(self) -> None:
        """Record from now on. Raises PlaybackError."""
        ...

    def close(self) -> None: ...


class InputBackend(Protocol):
    """Opens devices that record."""

    def open(self, take: Take) -> Input:
        """Open the device, stopped. Raises PlaybackError."""
        ...


class Microphone:
    """A device of the system, through PortAudio, at its own rate, with its channels but at most two.

    name : of `device_names`; the system's default where it is empty or not connected
    """

    def __init__(self, name: str = "") -> None:
        self.name = name

    def open(self, take: Take) -> Input:
        name = self.name if self.name in device_names(inputs=True) else None
        return _InputStream(portaudio(), take, name)


class _InputStream:
    def __init__(self, sounddevice: Any, take: Take, name: str | None) -> None:
        self._failure = (sounddevice.PortAudioError, ValueError, OSError)

        def callback(block: NDArray[np.float32], frames: int, times: Any, status: Any) -> None:
            take(block, bool(status.input_overflow))

        try:
            device = sounddevice.query_devices(name, "input")
            self.rate_hz = round(device["default_samplerate"])
            self.channels = min(2, int(device["max_input_channels"]))
            self._stream = sounddevice.InputStream(
                samplerate=self.rate_hz, channels=self.channels, dtype="float32", callback=callback, device=name
            )
        except self._failure as error:
            raise _unusable(error) from None

    @property
    def running(self) -> bool:
        return bool(self._stream.active)

    def start(self) -> None:
        try:
            self._stream.start()
        except self._failure as error:
            raise _unusable(error) from None

    def close(self) -> None:
        self._stream.close(ignore_errors=True)


def _unusable(error: Exception) -> PlaybackError:
    return PlaybackError(
        f"Recording expects a microphone, found none that works ({error}); connect one, or free it from other programs."
    )


class SoundTap(Closeable):
    """Queue of the sound that a device records from now on, until the device stops or the tap is closed.

    Parameters
    ----------
    backend : opens the device

    Attributes
    ----------
    rate_hz, channels : of the sound
    taken : samples of each channel so far
    gaps : how often sound was lost: the device or this program was too slow
    failed : whether the device stopped by itself

    Raises
    ------
    PlaybackError
        There is no device that records.
    """

    def __init__(self, backend: InputBackend) -> None:
        self._condition = threading.Condition()
        self._blocks: deque[NDArray[np.float32]] = deque()
        self._recent: deque[NDArray[np.float32]] = deque()
        self._waiting = self._kept = 0
        self._ended = self.failed = False
        self._peaks: NDArray[np.float32] | None = None
        self.taken = self.gaps = 0
        self._input = backend.open(self._take)
        self.rate_hz, self.channels = self._input.rate_hz, self._input.channels
        try:
            self._input.start()
        except PlaybackError:
            self._input.close()
            raise

    def _take(self, block: NDArray[np.float32], lost: bool) -> None:
        block = block.copy()  # the device uses its memory again
        block.flags.writeable = False
        with self._condition:
            self.gaps += lost
            if self._ended:
                return
            self.taken += len(block)
            peaks = np.abs(block).max(0, initial=0)
            self._peaks = peaks if self._peaks is None else np.maximum(self._peaks, peaks)
            self._recent.append(block)
            self._kept += len(block)
            while self._kept - len(self._recent[0]) >= RECENT_SECS * self.rate_hz:
                self._kept -= len(self._recent.popleft())
            if self._waiting > WAITING_SECS * self.rate_hz:
                self.gaps += 1
            else:
                self._blocks.append(block)
                self._waiting += len(block)
            self._condition.notify_all()

    def __iter__(self) -> Iterator[NDArray[np.float32] | None]:
        """Blocks float32 (n, channels) to the end; None where none arrives within `POLL_SECS`."""
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._blocks or self._ended, POLL_SECS)
                block = self._blocks.popleft() if self._blocks else None
                self._waiting -= 0 if block is None else len(block)
                if block is None and self._ended:
                    return
            if block is None and not self._ended and not self._input.running:
                self.failed = True
                self.close()
            yield block

    def since(self, sample: int) -> NDArray[np.float32]:
        """What was recorded from a sample on, as far as it is kept, up to `taken`: float32 (n, channels)."""
        with self._condition:
            blocks, first = list(self._recent), self.taken - self._kept
        if not blocks:
            return np.zeros((0, self.channels), np.float32)
        return np.concatenate(blocks)[max(0, sample - first) :]

    def peaks(self) -> tuple[float, ...]:
        """The largest magnitudes since the last call, one for each channel."""
        with self._condition:
            peaks, self._peaks = self._peaks, None
        return () if peaks is None else tuple(peaks.tolist())

    @property
    def ended(self) -> bool:
        """Whether no more sound comes."""
        return self._ended

    def close(self) -> None:
        """Let go of the device; blocks that wait can still be taken."""
        with self._condition:
            ended, self._ended = self._ended, True
            self._condition.notify_all()
        if not ended:
            self._input.close()
