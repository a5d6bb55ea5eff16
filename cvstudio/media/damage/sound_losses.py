"""What is lost of a damaged sound, found by reading all of it."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Protocol

from cvstudio.data.samples import Waveform
from cvstudio.foundation.progress import Progress
from cvstudio.media.base import Media, MediaKind
from cvstudio.media.damage.losses import LOSSES
from cvstudio.media.damage.sound_frames import dolby_flaw, true_audio_flaw
from cvstudio.media.file_identity import decoding
from cvstudio.media.sound_lengths import mp3_length
from cvstudio.media.sound_tracks import chosen_track

_MOST_SECS = 1200
"""Seconds of sound that are read to find what is lost: some seconds of work."""
_MOST_BYTES = 256 << 20
_SHORT_SECS = 0.25
"""A track may end so much before its stated end: encoders fill up their last block."""
_AT_END, _IN_PAGES = -2, -3
"""Stand for the times of what is lost where it is not known by its time."""
_OPUS_HZ = 48_000
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_FLAWS: Mapping[str, Callable[[Path], str]] = {
    "ac3": dolby_flaw,
    "eac3": dolby_flaw,
    "tta": true_audio_flaw,
}


class SearchedSound(Protocol):
    """What is needed of a reader of sound; see `AudioReader`."""

    rate_hz: int
    n_samples: int

    def read(self, start: int, stop: int) -> Waveform: ...

    @property
    def unread_secs(self) -> float: ...


def find_silence(media: Media, sound: SearchedSound, progress: Progress | None = None) -> None:
    """Find what is lost of the `sound` of `media`, unless it is long, and tell `LOSSES`.

    Raises
    ------
    MediaError
        It cannot be read to its end.
    """
    if (media.duration_secs or 0) > _MOST_SECS:
        return
    for start in range(0, sound.n_samples, sound.rate_hz):
        sound.read(start, start + sound.rate_hz)
        if progress is not None:
            progress.check()
    unread = sound.unread_secs
    if unread > _SHORT_SECS and media.kind is MediaKind.AUDIO:
        LOSSES.add_sound(media, chosen_track(media), _AT_END, unread)
    form = media.details.get("format", "").partition(",")[0]
    if media.path.stat().st_size > _MOST_BYTES:
        return
    if form.lower() == "mp3":
        _, text, broken = mp3_length(media.path)
        if broken:
            LOSSES.add_content(
                media, f"other bytes are amid its frames, so that some are lost{f' ({text})' if text else ''}"
            )
    elif form in _FLAWS:
        if flaw := _FLAWS[form](media.path):
            LOSSES.add_content(media, flaw)
    elif form == "OGG":
        lost = _lost_in_pages(media)
        if lost:
            LOSSES.add_sound(media, 1, _IN_PAGES, lost)


@dataclass(frozen=True)
class _Page:
    """A page of an Ogg file (RFC 3533, section 6).

    Parameters
    ----------
    stream, number : serial number of its stream, and its own
    position : its granule position: the number of samples up to its end
    """

    stream: int
    number: int
    position: int


def _lost_in_pages(media: Media) -> float:
    """Seconds of sound in the pages of an Ogg file that are missing, or whose checksum is wrong: none is decoded."""
    pages = _whole_pages(media.path)
    rate = _OPUS_HZ if media.details.get("codec") == "OPUS" else media.rate_hz
    secs = 0.0
    for stream in {page.stream for page in pages}:
        mine = [page for page in pages if page.stream == stream and page.position >= 0]
        usual = median([after.position - before.position for before, after in pairwise(mine)] or [0])
        for before, after in pairwise(mine):
            if after.number - before.number > 1:
                secs += max(0.0, after.position - before.position - usual) / rate
    return secs


def _whole_pages(path: Path) -> list[_Page]:
    with decoding(path):
        data = path.read_bytes()
    pages = []
    start = data.find(b"OggS")
    while 0 <= start < len(data) - 27:
        body = start + 27 + data[start + 26]
        stop = body + sum(data[start + 27 : body])
        page = data[start:stop]
        if len(page) == stop - start and _checksum(page) == int.from_bytes(page[22:26], "little"):
            position = int.from_bytes(page[6:14], "little", signed=True)
            stream, number = int.from_bytes(page[14:18], "little"), int.from_bytes(page[18:22], "little")
            pages.append(_Page(stream, number, position))
            start = data.find(b"OggS", stop)
        else:
            start = data.find(b"OggS", start + 4)
    return pages


def _checksum(page: bytes) -> int:
    """CRC-32 of a page (RFC 3533, section 6): that of zlib with the bits in the other order, and not inverted."""
    mirrored = (page[:22] + bytes(4) + page[26:]).translate(_REVERSED)
    return int(f"{zlib.crc32(mirrored, 0xFFFFFFFF) ^ 0xFFFFFFFF:032b}"[::-1], 2)
