"""Playback of the active medium: clock, sound and the timer that requests frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from cvstudio.foundation.errors import UserError
from cvstudio.media import Media, MediaKind
from cvstudio.media.camera import frame_number
from cvstudio.media.playback.feed import Sound
from cvstudio.media.playback.player import Player
from cvstudio.media.playback.sound_card import SoundDevice
from cvstudio.media.playback.transport import Transport

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cvstudio.media.formats.audio import AudioReader

MakeSound = Callable[["AudioReader"], Sound]

TICK_MS = 8
"""Timer interval, half a frame at 60 Hz. Ticks are cheap: a request that still waits is replaced by the next one."""


class Playback(QObject):
    """Transport of the active medium: position, playing, speed, loop and volume. Main thread only.

    The clock follows the sound card where a sound plays, and the frames on screen where `every_frame` is set. Sound
    that cannot be played is reported by `failed`; playing goes on without it.

    Signals
    -------
    moved : position in seconds whose frame is to be shown
    sought : the position jumped
    position_changed : position in seconds, for displays and cursors
    playing_changed : whether the medium plays
    media_changed : (duration in seconds, has sound)
    peaks_played : largest magnitude of each channel since the last time, while sound plays
    failed : reason why the sound cannot be played, one sentence
    """

    moved = Signal(float)
    sought = Signal()
    position_changed = Signal(float)
    playing_changed = Signal(bool)
    media_changed = Signal(float, bool)
    peaks_played = Signal(tuple)
    failed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._media: Media | None = None
        self._transport = Transport(0.0)
        self._player: Player | None = None
        self._make_sound: MakeSound | None = None
        self._running = False  # whether a camera plays, which has no clock
        self._silent = False
        self._told: set[str] = set()
        self._device = ""
        self._volume = 1.0
        self._muted = False
        self._frame_pts: float | None = None
        self._began_secs = 0.0
        self.frames_shown = 0
        self._first_number: int | None = None  # of the camera's frame that was shown first
        self._frames_made = 0
        self.every_frame = False
        self._led_secs = 0.0  # position of the clock while it follows the frames
        self._timer = QTimer(self, interval=TICK_MS)
        self._timer.timeout.connect(self._tick)

    @property
    def media(self) -> Media | None:
        """The active medium."""
        return self._media

    @property
    def position_secs(self) -> float:
        """Position in seconds; of a camera the time of its newest frame on screen."""
        return self._transport.position_secs if not self._is_camera else self._frame_pts or 0.0

    @property
    def _is_camera(self) -> bool:
        return self._media is not None and self._media.kind is MediaKind.CAMERA

    @property
    def playing(self) -> bool:
        """Whether the medium plays."""
        return self._running or self._transport.playing

    @property
    def duration_secs(self) -> float:
        """Duration of the medium in seconds; 0 for a still picture or a camera."""
        return self._transport.duration_secs

    @property
    def shows_frames(self) -> bool:
        """Whether a video or camera plays."""
        return self.playing and self._media is not None and self._media.moving

    @property
    def frames_dropped(self) -> int:
        """Number of frames that were due since playing began, and were not shown: of a camera all that it has made up
        to the one on screen, of a video all up to its position."""
        if self._is_camera:
            return max(0, self._frames_made - self.frames_shown)
        rate = (self._media.frame_rate if self._media else None) or 0.0
        if self.every_frame:
            return 0
        return max(0, int((self.position_secs - self._began_secs) * rate) - self.frames_shown)

    def set_media(self, media: Media | None, *, going_on: bool = False) -> None:
        """Set the active medium, stopped at its start; with `going_on`, position and playing stay as they are."""
        position_secs, playing = (self.position_secs, self.playing) if going_on else (0.0, False)
        self.pause()
        self._close_player()
        self._media = media
        self._make_sound = None
        self._silent = False
        duration = (media.duration_secs if media else None) or 0.0
        self._transport = Transport(duration)
        self._frame_pts = None
        self._transport.seek(min(position_secs, duration))
        self.media_changed.emit(duration, bool(media and media.has_sound))
        self.position_changed.emit(self.position_secs)
        if playing:
            self.play()

    @property
    def has_sound_of_its_own(self) -> bool:
        """Whether something else is heard than the sound of the medium; see `set_sound`."""
        return self._make_sound is not None

    def set_sound(self, make: MakeSound | None) -> None:
        """Play what `make` makes of the open sound of the medium, such as a mix of its stems; None plays the sound.

        `make` is called in the player's thread. It holds until another medium is set.
        """
        self._make_sound = make
        self._close_player()
        if self.playing:
            self._start_sound()

    def set_mix(self, matrix: NDArray[np.float32]) -> None:
        """Mix the tracks of a sound of its own otherwise, at once; see `cvstudio.media.stem_mix.mix_matrix`."""
        if self._player is not None:
            self._player.set_mix(matrix)

    def toggle(self) -> None:
        """Play or pause."""
        self.pause() if self.playing else self.play()

    def play(self) -> None:
        """Play from the current position, or from the start if that is the end; no effect on a still picture."""
        if self._is_camera:
            self._running, self.frames_shown = True, 0
            self._first_number, self._frames_made = None, 0
            self._timer.start()
            self.playing_changed.emit(True)
            return
        if self._media is None or self.duration_secs <= 0:
            return
        if self.position_secs >= self.duration_secs - 1e-3:
            self._transport.seek(0.0)
        self._start_sound()
        self._began_secs, self.frames_shown = self.position_secs, 0
        self._transport.play()
        self._timer.start()
        self.playing_changed.emit(True)

    def pause(self) -> None:
        """Stop at the current position; no effect if nothing plays."""
        if not self.playing:
            return
        self._running = False
        self._transport.pause()
        if self._player is not None:
            self._player.pause()
        self._transport.follow(None)
        self._timer.stop()
        self.playing_changed.emit(False)
        self.position_changed.emit(self.position_secs)

    def seek(self, secs: float) -> None:
        """Jump to the position `secs`, limited to the duration; playing goes on. No effect on a camera."""
        if self._is_camera:
            return
        playing = self.playing
        self._began_secs, self.frames_shown = secs, 0
        self._frame_pts, self._led_secs = None, min(max(secs, 0.0), self.duration_secs)
        self._transport.seek(self._led_secs)
        if playing and self._player is not None:
            self._player.seek(self.position_secs)
        self.sought.emit()
        self.position_changed.emit(self.position_secs)
        self.moved.emit(self.position_secs)

    def step(self, frames: int) -> None:
        """Pause and step by `frames` frames, back if negative. A sound steps by tenths of a second, a camera not."""
        if self._is_camera:
            return
        self.pause()
        rate = (self._media.frame_rate if self._media else None) or 10.0
        base = self._frame_pts if self._frame_pts is not None else self.position_secs
        # To the middle of the target frame, as rounding at its start could yield the frame before.
        self.seek(base + frames / rate + (0.5 / rate if self._frame_pts is not None else 0.0))

    @property
    def loop(self) -> tuple[float, float] | None:
        """Start and stop of the loop in seconds; None without a loop."""
        return self._transport.loop

    def set_loop(self, start: float | None, stop: float | None) -> None:
        """Repeat the range from `start` to `stop`, in seconds; None for either ends the loop."""
        self._transport.loop = (start, stop) if start is not None and stop is not None else None
        if self._player is not None:
            self._player.set_loop(self._transport.loop)

    def set_speed(self, speed: float) -> None:
        """Set the speed, 1 being normal; 0 shows every frame as soon as it is ready, without sound. The pitch stays."""
        self.every_frame = speed == 0
        self._transport.speed = speed or 1.0
        if self.playing:
            self._stop_sound()
            self._start_sound()

    def finish(self) -> None:
        """Stop at the end, once the last frame is on screen at the speed "every frame"."""
        if self.playing:
            self.pause()
            self._transport.seek(self.duration_secs)
            self.position_changed.emit(self.position_secs)

    def set_volume(self, volume: float) -> None:
        """Set the volume of the sound, 0..1."""
        self._volume = volume
        if self._player is not None:
            self._player.set_volume(volume)

    def set_muted(self, muted: bool) -> None:
        """Mute the sound, or end that; the volume stays."""
        self._muted = muted
        if self._player is not None:
            self._player.mute(muted)

    def set_device(self, name: str) -> None:
        """Play on the device with this name from now on; empty for the default of the system."""
        if name == self._device:
            return
        self._device, self._silent = name, False
        self._close_player()
        if self.playing and not self._is_camera:
            self._start_sound()

    def shown(self, pts: float | None) -> None:
        """Note that the frame at `pts` seconds is on screen, from which `step` counts; None for no frame."""
        if pts is not None and pts != self._frame_pts:
            self.frames_shown += 1
            self._frame_pts = pts
            if self._is_camera and self._media is not None and (number := frame_number(self._media.id, pts)):
                self._first_number = self._first_number or number
                self._frames_made = number - self._first_number + 1
        if pts is not None and self._transport.playing:
            self._led_secs = pts

    def close(self) -> None:
        """Stop the timer and close the sound device."""
        self._timer.stop()
        self._running = False
        self._transport.pause()
        self._close_player()

    def _start_sound(self) -> None:
        media = self._media
        if self.every_frame:
            self._led_secs = self._transport.position_secs
            self._transport.follow(lambda: self._led_secs)
            return
        if media is None or not media.has_sound or self._silent:
            return
        try:
            if self._player is None:
                from cvstudio.media.formats.audio import AudioReader

                make = self._make_sound
                backend = SoundDevice(self._device)
                self._player = Player(lambda: make(AudioReader(media)) if make else AudioReader(media), backend=backend)
                self._player.set_volume(self._volume)
                self._player.mute(self._muted)
            self._player.set_loop(self._transport.loop)
            self._player.set_speed(self._transport.speed)
            self._player.play(self.position_secs)
        except UserError as error:
            self._go_silent(error)
            return
        self._transport.follow(self._player.clock, self._player.seek)

    def _go_silent(self, error: UserError) -> None:
        """Report a failure of the sound once, and continue with the system clock."""
        self._silent = True
        self._close_player()
        if str(error) not in self._told:
            # The same lack of a device for every file would only be in the way.
            self._told.add(str(error))
            self.failed.emit(str(error))

    def _stop_sound(self) -> None:
        self._transport.follow(None)
        if self._player is not None:
            self._player.pause()

    def _close_player(self) -> None:
        self._transport.follow(None)
        if self._player is not None:
            self._player.close()
            self._player = None

    def _tick(self) -> None:
        if self._player is not None and self._player.error is not None:
            self._go_silent(self._player.error)
        loop = self._transport.loop
        if self.every_frame and loop is not None and self._led_secs >= loop[1]:
            self.seek(loop[0])
        position_secs = self.position_secs
        self.position_changed.emit(position_secs)
        if self._player is not None and (peaks := self._player.take_peaks()):
            self.peaks_played.emit(peaks)
        if self._media is not None and self._media.moving:
            self.moved.emit(position_secs)
        if not self.playing:
            self._stop_sound()
            self._timer.stop()
            self.playing_changed.emit(False)
