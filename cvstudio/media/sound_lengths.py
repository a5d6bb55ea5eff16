"""Lengths in the headers of sound files that recorders, streams and editors leave wrong, and what they must be."""

from __future__ import annotations

import io
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cvstudio.media.container import audio_stream, open_container
from cvstudio.media.file_identity import HEAD_BYTES, decoding

_UNKNOWN = 0xFFFF_FFFF
_STREAMED = 0x7FFF_F000
"""Sizes from here on are those of programs that cannot go back to fill in the size: SoX, GStreamer, arecord, FFmpeg."""
_RECORDER = "not written by the recorder; read to the end of the file"
_LARGEST_FRAME = 2881
"""Bytes of the largest frame of MPEG layer I to III (ISO/IEC 11172-3, 2.4.3.1); FFmpeg takes noise for part of one."""
_XING, _COUNT = re.compile(rb"(?:Xing|Info)\0\0\0(.)", re.DOTALL), 0x01
_INDEXED = re.compile(rb"Xing|Info")


@dataclass(frozen=True)
class Correction:
    """Bytes of a header that are read instead of those in the file.

    Parameters
    ----------
    position : of the first byte in the file
    content : bytes there
    """

    position: int
    content: bytes


class CorrectedFile(io.FileIO):
    """A file as if `correction` stood in it."""

    def __init__(self, path: Path, correction: Correction) -> None:
        super().__init__(path, "rb")
        self._correction = correction

    def readinto(self, buffer: Any) -> int:
        start = self.tell()
        n_read = super().readinto(buffer) or 0
        view = memoryview(buffer).cast("B")
        for place, byte in enumerate(self._correction.content, self._correction.position - start):
            if 0 <= place < n_read:
                view[place] = byte
        return n_read


def wav_length(path: Path) -> tuple[Correction | None, str]:
    """What is wrong with the size of the samples that a WAV file states.

    Returns
    -------
    Correction or None
        The size, where a decoder would find no samples by that of the file; any other is cut to the file by itself.
    str
        What is told of it; "" where nothing is wrong, and for every other file
    """
    length = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return None, ""
        (whole,) = struct.unpack("<I", head[4:8])
        rate = 0
        while len(chunk := file.read(8)) == 8:
            (size,) = struct.unpack("<I", chunk[4:])
            if chunk[:4] == b"data":
                return _wav_data(file.tell(), size, whole, length, rate)
            content = file.read(min(size, 12)) if chunk[:4] == b"fmt " else b""
            rate = struct.unpack("<I", content[8:])[0] if len(content) == 12 else rate
            file.seek(size + size % 2 - len(content), 1)
    return None, ""


def _wav_data(start: int, size: int, whole: int, length: int, rate: int) -> tuple[Correction | None, str]:
    """As for `wav_length`; `size` bytes of samples are stated to begin at `start`, `rate` bytes a second."""
    there = length - start
    if size == 0:
        # Where the file states to go on behind its samples, other chunks follow and there really are none.
        unwritten = there > 0 and (whole in (0, _UNKNOWN) or whole + 8 <= start)
        content = struct.pack("<I", min(there, _UNKNOWN))
        return (Correction(start - 4, content), _RECORDER) if unwritten else (None, "")
    if size <= there:
        return None, ""
    if size >= _STREAMED:
        return None, _RECORDER
    stated = f"{size / rate:,.2f} s" if rate else f"{size:,} bytes"
    return None, f"{stated} stated, but the file ends before; read to its end"


def mp3_length(path: Path) -> tuple[Correction | None, str, bool]:
    """As `wav_length`, for the number of frames in the first frame of an MPEG file (Xing, Info).

    The third value says whether other bytes are amid the frames, at which libsndfile gives up.
    """
    with decoding(path), path.open("rb") as file:
        start = _after_tags(file.read(10))
        file.seek(start)
        index = _XING.search(head := file.read(HEAD_BYTES))
    if index is None or not index[1][0] & _COUNT or len(head) < index.end() + 4:
        return None, "", False
    (stated,) = struct.unpack_from(">I", head, index.end())
    with open_container(path) as container:
        stream = audio_stream(container)
        # The frame with the index has no sound, and is left out by FFmpeg; the last packet is empty.
        sizes = [] if stream is None else [packet.size for packet in container.demux(stream) if packet.size]
    # A tag behind the last frame is taken for part of it.
    frames, broken = len(sizes), max(sizes[:-1], default=0) > _LARGEST_FRAME
    # Some encoders count the frame with the index, and some not the last one.
    if not frames or abs(stated - frames) <= 1:
        return None, "", broken
    text = f"{stated:,} frames stated, {frames:,} found and read"
    return Correction(start + index.end(), struct.pack(">I", frames)), text, broken


def states_length(path: Path) -> bool:
    """Whether the first frame of an MPEG file holds the number of frames (Xing, Info); without, libsndfile guesses it.

    It ignores the index that Fraunhofer's encoders write (VBRI).
    """
    with decoding(path), path.open("rb") as file:
        file.seek(_after_tags(file.read(10)))
        return _INDEXED.search(file.read(HEAD_BYTES)) is not None


def _after_tags(head: bytes) -> int:
    """Length of the ID3v2 tags at the beginning of a file; they are stated as four bytes of seven bits (ID3v2, 3.1)."""
    if not head.startswith(b"ID3") or len(head) < 10:
        return 0
    return 10 + sum(byte << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
