"""Sound: sound files, and the sound tracks of videos."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.samples import Waveform
from cvstudio.foundation.errors import MediaError
from cvstudio.media.base import BaseReader, Format, Media, MediaKind, SoundTrack
from cvstudio.media.container import check_whole, is_container, open_container, sound_tracks
from cvstudio.media.damage.gaps import find_gaps
from cvstudio.media.damage.losses import LOSSES
from cvstudio.media.damage.sound_losses import find_silence
from cvstudio.media.file_identity import HEAD_BYTES, FileGuard, damaged, decoding, quoted
from cvstudio.media.formats import FORMATS
from cvstudio.media.formats._sound_chain import SoundChain, first_link, sound_links
from cvstudio.media.formats._sound_file import SoundFile
from cvstudio.media.formats._sound_track import Track
from cvstudio.media.sound_channels import channel_readings, chosen_part, pick_channels
from cvstudio.media.sound_lengths import finds_frames
from cvstudio.media.sound_tracks import SoundSettings, chosen_track, sound_settings, with_track

# WAV and its 64-bit forms, FLAC, Ogg, AIFF, Sun, Core Audio, ID3, WavPack, True Audio, Monkey's Audio, Musepack, AMR,
# AC-3, NIST SPHERE, Creative VOC, MPEG layer II or III, AAC (ADTS).
_SOUNDS = re.compile(
    rb"RIFF.{4}WAVE|RF64.{4}WAVE|riff\x2e\x91\xcf\x11|fLaC|OggS|FORM.{4}AIF[FC]|\.snd|caff|ID3"
    rb"|wvpk|TTA1|MAC |MPCK|MP\+|#!AMR|\x0b\x77|NIST_1A\n|Creative Voice File\x1a"
    rb"|\xff[\xe2-\xe7\xf2-\xf7\xfa-\xfd\xf1\xf9]",
    re.DOTALL,
)
_ADTS = re.compile(rb"\xff[\xf0\xf1\xf8\xf9]", re.DOTALL)
# The first byte of an MPEG frame, and of an AC-3 frame: other files may match the same magic number.
_WEAK = (b"\xff", b"\x0b")
_BLANK = 256
"""With so many zeros an MP3 may begin where a program left room for its tags, or with other bytes in front of its
frames; its name alone tells what it is."""


class _Backend(Protocol):
    """A decoder: samples by index, silence where the file has none."""

    rate_hz: int
    channels: int
    n_samples: int
    details: dict[str, str]

    def read(self, start: int, stop: int) -> NDArray[np.float32]: ...

    def close(self) -> None: ...


class AudioReader(BaseReader):
    """Reads the sound of a sound file or of a video.

    Sample `i` is heard `i / rate_hz` seconds after the beginning of the medium. A video begins at its first frame:
    sound that begins later is preceded by silence, sound that begins earlier is cut.

    Parameters
    ----------
    media : of kind AUDIO, or a VIDEO that has sound

    Attributes
    ----------
    rate_hz : samples per second
    channels, n_samples : number of channels that are read, and of samples in each

    Raises
    ------
    MediaError
        It has no sound, is damaged, or was removed or changed since `media` was made.
    """

    def __init__(self, media: Media) -> None:
        self._path = media.path
        self._guard = FileGuard(media)
        with decoding(self._path), self._path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        self._backend = _open(self._path, head, chosen_track(media), partial(LOSSES.add_sound, media))
        self.rate_hz = self._backend.rate_hz
        self._part = chosen_part(media)
        self.channels = 1 if self._part else self._backend.channels
        self.n_samples = self._backend.n_samples

    def read(self, start: int, stop: int) -> Waveform:
        """Samples `start` to `stop` (exclusive), clamped to 0..`n_samples`: float32 (channels, n) of what is chosen.

        Continuing where the last call ended does not seek. Lossless files, Vorbis, Opus and MP3 give the same
        samples however the range is split; so does AAC when read in order. After a jump, AAC may differ in bands
        that it fills with noise, as its decoder draws that noise at random.

        Raises
        ------
        MediaError
            The file is damaged, or was removed or changed since.
        """
        self._guard.check()
        start = min(max(0, start), self.n_samples)
        stop = min(max(start, stop), self.n_samples)
        if stop == start:
            return Waveform(np.zeros((self.channels, 0), np.float32), self.rate_hz, start)
        with decoding(self._path):
            samples = self._backend.read(start, stop)
        return Waveform(pick_channels(samples, self._part), self.rate_hz, start)

    @property
    def unread_secs(self) -> float:
        """Seconds between the sound that was read last and the end that the file states, once all was read."""
        return self._backend.unread_samples() / self.rate_hz if isinstance(self._backend, Track) else 0.0

    def close(self) -> None:
        self._backend.close()


def _open(path: Path, head: bytes, number: int = 1, lost: Callable[[int, int, float], None] | None = None) -> _Backend:
    """The decoder of the sound track `number` of a file that begins with `head`, `lost` as for `Track`.

    Raises MediaError.
    """
    if number > 1 or _ADTS.match(head) or (is_container(head) and not head.startswith(b"OggS")):
        return Track(path, number, lost)
    if links := sound_links(path, head):
        try:
            return SoundChain(path, links)
        except MediaError:
            if head.startswith(b"OggS"):
                raise
            return first_link(path, links)
    try:
        sound = SoundFile(path)
    except MediaError:
        # Theora with its sound, Speex, and AAC behind an ID3 tag are beyond libsndfile.
        return Track(path, lost=lost)
    if sound.details["codec"].startswith("NMS_ADPCM"):
        # libsndfile reads it from its beginning only, and FFmpeg takes it for another codec.
        sound.close()
        raise MediaError(f"{quoted(path)} uses a sound codec that is not supported, NMS ADPCM; save it as PCM WAV.")
    if sound.length_is_guessed or not sound.seeks:
        try:
            with sound:
                return Track(path, lost=lost)
        except MediaError:
            return SoundFile(path)
    return sound


def _tracks(path: Path, backend: _Backend) -> tuple[SoundTrack, ...]:
    if isinstance(backend, SoundFile):
        return ()
    with open_container(path) as container:
        return sound_tracks(container)


def _probe(path: Path, head: bytes, identity: str, forced: bool) -> Media | None:
    blank = path.suffix.lower() == ".mp3" and (not any(head[:_BLANK]) or finds_frames(head))
    if not (_SOUNDS.match(head) or is_container(head) or blank):
        return None
    check_whole(path, head)
    try:
        backend = _open(path, head)
    except MediaError:
        if blank or head.startswith(_WEAK):
            return None
        raise
    try:
        if backend.n_samples < 1:
            raise MediaError(f"{quoted(path)} holds no sound: its length is 0; choose another file.")
        with decoding(path):
            whole = not isinstance(backend, SoundFile) or backend.reaches_its_end()
        if not whole:
            raise damaged(path)
        tracks = _tracks(path, backend)
        alike = {track.channels for track in tracks} <= {backend.channels}
        return Media(
            identity,
            path,
            MediaKind.AUDIO,
            duration_secs=backend.n_samples / backend.rate_hz,
            rate_hz=backend.rate_hz,
            channels=backend.channels,
            details=backend.details,
            sound_tracks=tracks,
            # Of tracks that differ in it, a channel of one may be missing in another.
            readings=channel_readings(backend.channels) if alike else (),
        )
    finally:
        backend.close()


def _facts(media: Media, sample: Any) -> Iterator[tuple[str, str]]:
    """What is lost of a damaged sound."""
    if not LOSSES.searched(media):
        try:
            if media.sound_tracks:  # those that libsndfile reads have none
                find_gaps(media)
            with AudioReader(media) as sound:
                find_silence(media, sound)
        except MediaError:
            yield "Damage", "it is damaged or was cut short, and cannot be read to its end"
            return
        LOSSES.add_searched(media)
    if lost := LOSSES.text(media):
        yield "Damage", lost


def _read_as(media: Media) -> Media:
    return dataclasses.replace(media, channels=1) if media.reading is not None and media.reading.part else media


FORMATS.register(
    Format(
        key="audio",
        kind=MediaKind.AUDIO,
        title="sound",
        suffixes=(
            ".wav",
            ".flac",
            ".ogg",
            ".oga",
            ".opus",
            ".mp3",
            ".m4a",
            ".aac",
            ".aiff",
            ".aif",
            ".au",
            ".caf",
            ".w64",
            ".wv",
            ".tta",
            ".ape",
            ".mpc",
            ".amr",
            ".ac3",
            ".sph",
            ".voc",
        ),
        probe=_probe,
        reader=AudioReader,
        settings=SoundSettings,
        settings_for=sound_settings,
        configure=with_track,
        facts=_facts,
        read_as=_read_as,
        order=40,
    )
)
