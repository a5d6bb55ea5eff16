"""Decoder of sound files that were put one behind the other, and of chained Ogg: recordings of a stream."""

from __future__ import annotations

import mmap
import struct
from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from cvstudio.foundation.errors import MediaError
from cvstudio.media.container import ogg_links
from cvstudio.media.file_identity import decoding, quoted
from cvstudio.media.formats._sound_file import SoundFile
from cvstudio.media.sound_lengths import FilePart

_FLAC = b"fLaC\0\0\0\x22"
"""The beginning of a FLAC file with its first block (RFC 9639, 8.2); amid data it does not stand by chance."""
_MAX_SEARCHED = 1 << 28
_KEPT_OPEN = 4


def sound_links(path: Path, head: bytes) -> list[int]:
    """Offsets at which the sound files in a file that begins with `head` begin, ending with the length of the last one.

    [] where there is one only, and for formats in which several are none, or go on by themselves.

    Raises
    ------
    MediaError
        The file cannot be read.
    """
    if head.startswith(b"OggS"):
        links = ogg_links(path)
    elif head.startswith(b"fLaC"):
        links = _flac_links(path)
    elif head.startswith(b"RIFF") and head[8:12] == b"WAVE":
        links = _wav_links(path)
    else:
        return []
    return links if len(links) > 2 else []


def _flac_links(path: Path) -> list[int]:
    with decoding(path), path.open("rb") as file:
        length = path.stat().st_size
        if length > _MAX_SEARCHED:
            return []
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            links, place = [0], content.find(_FLAC, len(_FLAC))
            while place >= 0:
                links.append(place)
                place = content.find(_FLAC, place + len(_FLAC))
    return [*links, length]


def _wav_links(path: Path) -> list[int]:
    """Each follows the one before it at once; where a size is not written, the last one goes to the end."""
    links, length = [0], path.stat().st_size
    with decoding(path), path.open("rb") as file:
        while True:
            file.seek(links[-1])
            name, size, kind = struct.unpack("<4sI4s", file.read(12).ljust(12, b"\0"))
            if name != b"RIFF" or kind != b"WAVE":
                return links
            links.append(min(length, links[-1] + 8 + size + size % 2))


def first_link(path: Path, links: Sequence[int]) -> SoundFile:
    """The first sound of a file whose others differ from it, or cannot be read. Raises MediaError."""
    with decoding(path):
        sound = SoundFile(path, cast("BinaryIO", FilePart(path, 0, links[1])))
    sound.details["left"] = "another sound behind it, which differs or is damaged"
    return sound


class SoundChain:
    """The links of a chain one after another. libsndfile alone ends with the first, FFmpeg's clock begins anew in each.

    Parameters
    ----------
    path : of the file
    links : offsets at which the links begin, then the length of the file

    Raises
    ------
    MediaError
        A link is damaged, or differs from the first in its sample rate or number of channels.
    """

    def __init__(self, path: Path, links: Sequence[int]) -> None:
        self._path = path
        self._places = list(pairwise(links))
        self._open: OrderedDict[int, SoundFile] = OrderedDict()
        self._starts = [0]
        try:
            first = self._link(0)
            self.rate_hz, self.channels, details = first.rate_hz, first.channels, first.details
            for number in range(len(self._places)):
                link = self._link(number)
                self._starts.append(self._starts[-1] + link.n_samples)
                if (link.rate_hz, link.channels) != (self.rate_hz, self.channels):
                    raise MediaError(
                        f"{quoted(path)} changes its sample rate or channels midway; convert it, e.g. to WAV."
                    )
        except MediaError:
            self.close()
            raise
        self.n_samples = self._starts[-1]
        self.details = {**details, "format": f"{details['format']}, {len(self._places)} links in a chain"}

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        """Samples `start` to `stop`, float32 (channels, stop - start)."""
        pieces = []
        for number, (low, high) in enumerate(pairwise(self._starts)):
            if start < high and low < stop:
                pieces.append(self._link(number).read(max(start, low) - low, min(stop, high) - low))
        return np.concatenate(pieces, axis=1)

    def _link(self, number: int) -> SoundFile:
        """The link `number` from 0 on; only the last few stay open, as a recording of a radio may have thousands."""
        if number not in self._open:
            begin, end = self._places[number]
            with decoding(self._path):
                part = FilePart(self._path, begin, end - begin)
                self._open[number] = SoundFile(self._path, cast("BinaryIO", part))
            while len(self._open) > _KEPT_OPEN:
                self._open.popitem(last=False)[1].close()
        self._open.move_to_end(number)
        return self._open[number]

    def close(self) -> None:
        while self._open:
            self._open.popitem()[1].close()
