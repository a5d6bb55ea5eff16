"""The sound card, behind an interface that tests can replace."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

from cvstudio.foundation.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Fill: TypeAlias = "Callable[[NDArray[np.float32], float], None]"
"""Called by the card's own thread to fill float32 (frames, channels); the number is the delay in seconds until the
first of them is heard."""

LONGEST_DELAY_SECS = 2.0


class PlaybackError(UserError):
    """The sound device cannot be used; the picture goes on without sound."""


class Output(Protocol):
    """An open device. One thread may call `start` and `stop` repeatedly."""

    @property
    def running(self) -> bool:
        """Whether the device requests sound; False also where it failed."""
        ...

    def start(self) -> None:
        """Begin to request sound. Raises PlaybackError."""
        ...

    def stop(self, *, drain: bool) -> None:
        """Stop requesting sound before this returns. With `drain`, sound already delivered is played first."""
        ...

    def close(self) -> None: ...


class Backend(Protocol):
    """Opens devices."""

    def open(self, rate_hz: int, channels: int, fill: Fill) -> Output:
        """Open the default device, stopped. Raises PlaybackError."""
        ...


def portaudio() -> Any:
    """The module `sounddevice`. Raises PlaybackError where the library that it binds is missing."""
    try:
        import sounddevice
    except OSError:
        raise PlaybackError(
            "Sound expects the PortAudio library, found none; install it (Debian: libportaudio2)."
        ) from None
    return sounddevice


def device_names(*, inputs: bool = False) -> tuple[str, ...]:
    """Names of the devices that play, or that record; empty where there are none, or no library to ask."""
    try:
        sounddevice = portaudio()
        devices = sounddevice.query_devices()
    except (PlaybackError, OSError, RuntimeError):  # PortAudio's own error is a RuntimeError
        return ()
    channels = "max_input_channels" if inputs else "max_output_channels"
    return tuple(dict.fromkeys(str(device["name"]) for device in devices if device[channels] > 0))


class SoundDevice:
    """A device of the system, through PortAudio.

    name : of `device_names`; the system's default where it is empty or not connected
    """

    def __init__(self, name: str = "") -> None:
        self.name = name

    def open(self, rate_hz: int, channels: int, fill: Fill) -> Output:
        name = self.name if self.name in device_names() else None
        return _Stream(portaudio(), rate_hz, channels, fill, name)


class _Stream:
    def __init__(self, sounddevice: Any, rate_hz: int, channels: int, fill: Fill, name: str | None) -> None:
        self._failure = (sounddevice.PortAudioError, ValueError, OSError)
        self._delay_secs = 0.0

        def callback(out: NDArray[np.float32], frames: int, times: Any, status: Any) -> None:
            delay_secs = times.outputBufferDacTime - times.currentTime
            # Some drivers report no delay, or an impossible one.
            fill(out, delay_secs if 0 < delay_secs < LONGEST_DELAY_SECS else self._delay_secs)

        try:
            self._stream = sounddevice.OutputStream(
                samplerate=rate_hz, channels=channels, dtype="float32", callback=callback, device=name
            )
            self._delay_secs = float(self._stream.latency)
        except self._failure as error:
            raise PlaybackError(
                f"No sound device plays {rate_hz} Hz ({error}); connect one, or play without sound."
            ) from None

    @property
    def running(self) -> bool:
        return bool(self._stream.active)

    def start(self) -> None:
        try:
            self._stream.start()
        except self._failure as error:
            raise PlaybackError(
                f"The sound device does not start ({error}); close the program that uses it, or play without sound."
            ) from None

    def stop(self, *, drain: bool) -> None:
        if drain:
            self._stream.stop(ignore_errors=True)
        else:
            self._stream.abort(ignore_errors=True)

    def close(self) -> None:
        self._stream.close(ignore_errors=True)
