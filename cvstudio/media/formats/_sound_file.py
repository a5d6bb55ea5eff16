"""Decoder of sound files through libsndfile, addressed by sample index."""

from __future__ import annotations

import io
import re
import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from cvstudio.foundation.closing import Closeable
from cvstudio.media.file_identity import HEAD_BYTES, decoding

# Lossy codecs predict a block from earlier ones: decode this many samples ahead of the start. The largest
# Vorbis block has 8192 samples, an MPEG layer III frame with its reservoir refers back 10 x 1152.
_PREROLL = {"OGG": 16_384, "MP3": 16_384, "MPEG": 16_384}


class SoundFile(Closeable):
    """A sound file through libsndfile.

    Parameters
    ----------
    path : of the file
    part : open binary file of the part of it that is read; None reads all

    Attributes
    ----------
    length_is_guessed : whether `n_samples` may be far off

    Raises
    ------
    MediaError
        It is damaged, or of a codec that libsndfile does not know.
    """

    def __init__(self, path: Path, part: BinaryIO | None = None) -> None:
        import soundfile

        with decoding(path):
            position = _unwritten_size(path) if part is None else None
            self._unfinished = None if position is None else _UnfinishedWav(path, position)
            source = part or self._unfinished or str(path)
            try:
                self._file: Any = soundfile.SoundFile(source)
            except BaseException:
                self._close_unfinished()
                raise
        self.rate_hz = int(self._file.samplerate)
        self.channels = int(self._file.channels)
        self.n_samples = int(self._file.frames)
        self.details = {"format": str(self._file.format), "codec": str(self._file.subtype)}
        if position is not None:
            self.details["length"] = "not written by the recorder; read to the end of the file"
        self._preroll = _PREROLL.get(self._file.format, 0)
        self.length_is_guessed = self._file.format in ("MP3", "MPEG") and not _states_length(path)

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        if start != self._file.tell():
            before = max(0, start - self._preroll)
            self._file.seek(before)
            self._file.read(start - before, dtype="float32")
        samples = np.zeros((stop - start, self.channels), np.float32)
        # The length that an MP3 states may be off: what is missing at its end stays silent.
        self._file.read(out=samples)
        return samples.T

    def reaches_its_end(self) -> bool:
        """Whether there is sound at the end that the file states; an MP3's may be off by 2 %."""
        fraction = 0.98 if self._file.format in ("MP3", "MPEG") else 1.0
        self._file.seek(max(0, int(self.n_samples * fraction) - 1))
        n_read = len(self._file.read(1, dtype="float32", always_2d=True))
        self._file.seek(0)
        return n_read == 1

    def close(self) -> None:
        self._file.close()
        self._close_unfinished()

    def _close_unfinished(self) -> None:
        if self._unfinished is not None:
            self._unfinished.close()


class _UnfinishedWav(io.FileIO):
    """A WAV file whose recorder stopped before it wrote the size of the samples, with that size filled in.

    Parameters
    ----------
    path : of the file
    position : of the size, in bytes
    """

    def __init__(self, path: Path, position: int) -> None:
        super().__init__(path, "rb")
        self._position = position
        self._size = struct.pack("<I", min(path.stat().st_size - position - 4, 0xFFFFFFFF))

    def readinto(self, buffer: Any) -> int:
        start = self.tell()
        n_read = super().readinto(buffer) or 0
        view = memoryview(buffer).cast("B")
        for number in range(4):
            if 0 <= self._position + number - start < n_read:
                view[self._position + number - start] = self._size[number]
        return n_read


def _unwritten_size(path: Path) -> int | None:
    """Position of the size of the samples in a WAV file that states 0 and has samples; None in any other file."""
    length = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return None
        (whole,) = struct.unpack("<I", head[4:8])
        while len(chunk := file.read(8)) == 8:
            (size,) = struct.unpack("<I", chunk[4:])
            if chunk[:4] == b"data":
                start = file.tell()
                # Where the file states to go on behind its samples, other chunks follow and there really are none.
                unwritten = whole in (0, 0xFFFFFFFF) or whole + 8 <= start
                return start - 4 if size == 0 and start < length and unwritten else None
            file.seek(size + size % 2, 1)
    return None


def _states_length(path: Path) -> bool:
    """Whether the first frame of an MPEG file holds the number of frames (Xing, Info or VBRI); its bit rate is a guess
    where they differ in length."""
    with decoding(path), path.open("rb") as file:
        head = file.read(10)
        if head.startswith(b"ID3") and len(head) == 10:
            # ID3v2, 3.1: four bytes of seven bits.
            file.seek(10 + sum(byte << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True)))
            head = b""
        return re.search(rb"Xing|Info|VBRI", head + file.read(HEAD_BYTES)) is not None
