"""Lengths in the headers of sound files that recorders, streams and editors leave wrong, and what they must be."""

from __future__ import annotations

import functools
import io
import re
import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from cvstudio.media.file_identity import HEAD_BYTES, decoding

_UNKNOWN = 0xFFFF_FFFF
_STREAMED = 0x7FFF_F000
"""Sizes from here on are those of programs that cannot go back to fill in the size: SoX, GStreamer, arecord, FFmpeg."""
_CHUNK = re.compile(rb"[A-Za-z][\w ]{3}")
_EXTENSIBLE = 0xFFFE
_WAV_TYPES = {
    (1, 8): "PCM_U8",
    (1, 16): "PCM_16",
    (1, 24): "PCM_24",
    (1, 32): "PCM_32",
    (3, 32): "FLOAT",
    (3, 64): "DOUBLE",
}
"""libsndfile's names by the tag of a WAV and the bits of a sample."""
_RECORDER = "not written by the recorder; read to the end of the file"
_RATES_1 = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_RATES_2 = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
"""Bit rates of MPEG 1, and of 2 and 2.5, in kbit/s (ISO/IEC 11172-3, 2.4.2.3, and 13818-3, 2.4.2.3)."""
_XING, _COUNT, _BYTES = re.compile(rb"(?:Xing|Info)\0\0\0(.)", re.DOTALL), 0x01, 0x02
_MPEG = re.compile(rb"ID3|\xff[\xe2-\xff]", re.DOTALL)
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


class FilePart(io.FileIO):
    """The bytes of a file from `start` on, `count` of them, as a file of its own."""

    def __init__(self, path: Path, start: int, count: int) -> None:
        super().__init__(path, "rb")
        self._start, self._count = start, count
        super().seek(start)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        places = {io.SEEK_SET: 0, io.SEEK_CUR: self.tell(), io.SEEK_END: self._count}
        return super().seek(self._start + places[whence] + offset) - self._start

    def tell(self) -> int:
        return super().tell() - self._start

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        return super().readinto(view[: max(0, min(len(view), self._count - self.tell()))]) or 0


@dataclass(frozen=True)
class LongWav:
    """Samples of a WAV file of more than 4 GiB, whose header has no room for their size.

    Parameters
    ----------
    start, n_bytes : where they are in the file
    subtype : name of their type in libsndfile
    channels, rate_hz : number of channels, and samples per second
    """

    start: int
    n_bytes: int
    subtype: str
    channels: int
    rate_hz: int


def long_wav(path: Path) -> LongWav | None:
    """The samples of a WAV file whose size was stated modulo 4 GiB, as writers do that count in 32 bits; else None."""
    length = path.stat().st_size
    if length <= _UNKNOWN:
        return None
    with path.open("rb") as file:
        head = file.read(12)
        form: tuple[int, ...] = ()
        while head[:4] == b"RIFF" and len(chunk := file.read(8)) == 8:
            (size,) = struct.unpack("<I", chunk[4:])
            if chunk[:4] == b"fmt ":
                content = file.read(size)
                form = struct.unpack("<HHIIHH", content[:16])
                if form[0] == _EXTENSIBLE and len(content) >= 26:
                    form = (*struct.unpack("<H", content[24:26]), *form[1:])
                continue
            if chunk[:4] == b"data":
                break
            file.seek(size + size % 2, 1)
        else:
            return None
        start = file.tell()
    if not form or size >= _STREAMED or (form[0], form[5]) not in _WAV_TYPES:
        return None
    wraps = (length - start - size) >> 32
    _, channels, rate, _, block, _ = form
    n_bytes = size + (wraps << 32)
    if not wraps or not channels or not block:
        return None
    return LongWav(start, n_bytes // block * block, _WAV_TYPES[form[0], form[5]], channels, rate)


def padded_wav(path: Path) -> bytes | None:
    """The content of a WAV file with the bytes that its writer left out behind chunks of an odd length; None where it
    lacks none in front of its samples. Without them no reader finds the samples."""
    places: list[int] = []
    with path.open("rb") as file:
        head = file.read(12)
        position = 12 if head[:4] == b"RIFF" and head[8:] == b"WAVE" else -1
        while position > 0:
            file.seek(position)
            chunk = file.read(8)
            if len(chunk) < 8 or not _CHUNK.match(chunk) or chunk[:4] == b"data":
                break
            position += 8 + struct.unpack("<I", chunk[4:])[0]
            if position % 2 != len(places) % 2:
                file.seek(position)
                behind = file.read(5)
                if not _CHUNK.match(behind[1:]) and _CHUNK.match(behind):
                    places.append(position)
                else:
                    position += 1
    if not places:
        return None
    content = path.read_bytes()
    edges = [0, *places, len(content)]
    return b"\0".join(content[start:stop] for start, stop in pairwise(edges))


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
        if len(head) < 12 or head[:4] not in (b"RIFF", b"RF64") or head[8:] != b"WAVE":
            return None, ""
        (whole,) = struct.unpack("<I", head[4:8])
        rate = size64 = 0
        while len(chunk := file.read(8)) == 8:
            (size,) = struct.unpack("<I", chunk[4:])
            if chunk[:4] == b"data" and head[:4] == b"RF64":
                return None, _cut_text(size64, rate) if size64 > length - file.tell() else ""
            if chunk[:4] == b"data":
                return _wav_data(file.tell(), size, whole, length, rate)
            content = file.read(min(size, 16)) if chunk[:4] in (b"fmt ", b"ds64") else b""
            if len(content) == 16 and chunk[:4] == b"ds64":  # the sizes in 64 bits (EBU Tech 3306)
                (size64,) = struct.unpack("<Q", content[8:])
            elif len(content) == 16:
                (rate,) = struct.unpack("<I", content[8:12])
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
    return None, _cut_text(size, rate)


def _cut_text(size: int, rate: int) -> str:
    stated = f"{size / rate:,.2f} s" if rate else f"{size:,} bytes"
    return f"{stated} stated, but the file ends before; read to its end"


def stated_length(path: Path) -> tuple[Correction | None, str, bool]:
    """`wav_length` or `mp3_length`, by the beginning of the file."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if _MPEG.match(head) or (not head.startswith(b"RIFF") and finds_frames(head)):
        return mp3_length(path)
    return *wav_length(path), False


def mp3_length(path: Path) -> tuple[Correction | None, str, bool]:
    """As `wav_length`, for the number of frames in the first frame of an MPEG file (Xing, Info).

    The third value says whether other bytes are amid the frames, at which libsndfile gives up.
    """
    with decoding(path):
        data = path.read_bytes()
    start = _after_tags(data[:10])
    index = _XING.search(data, start, start + HEAD_BYTES)
    if index is None or not index[1][0] & _COUNT or len(data) < index.end() + 4:
        return None, "", False
    (stated,) = struct.unpack_from(">I", data, index.end())
    frames, broken = _count_frames(data, start)
    frames -= 1  # that of the index, which has no sound
    # Some encoders count the frame with the index, and some not the last one.
    if frames < 1 or abs(stated - frames) <= 1:
        return None, "", broken
    text = f"{stated:,} frames stated, {frames:,} found and read"
    correct = struct.pack(">I", frames)
    if index[1][0] & _BYTES:
        correct += struct.pack(">I", min(len(data) - start, _UNKNOWN))
    return Correction(index.end(), correct), text, broken


@functools.cache
def _frame_lengths() -> dict[int, int]:
    """Length in bytes by the second and third byte of a frame of MPEG layer III (ISO/IEC 11172-3, 2.4.2.3)."""
    lengths = {}
    for version, divisor, rates in ((3, 1, _RATES_1), (2, 2, _RATES_2), (0, 4, _RATES_2)):
        for rate, kbits in enumerate(rates, 1):
            for sampling, hz in enumerate((44_100, 48_000, 32_000)):
                samples = 144_000 if version == 3 else 72_000
                length = samples * kbits * divisor // hz
                for padding in (0, 1):
                    for unused in (0, 1):  # the private bit
                        third = rate << 4 | sampling << 2 | padding << 1 | unused
                        for checksum in (0, 1):
                            lengths[(0xE2 | version << 3 | checksum) << 8 | third] = length + padding
    return lengths


def _is_frame(data: bytes, position: int, lengths: dict[int, int]) -> bool:
    if position + 3 > len(data) or data[position] != 0xFF:
        return False
    return (data[position + 1] << 8 | data[position + 2]) in lengths


def finds_frames(head: bytes) -> bool:
    """Whether three frames of layer III follow one another in `head`, wherever they begin: by chance they do not."""
    lengths = _frame_lengths()
    position = head.find(b"\xff")
    while position >= 0:
        at = position
        for _ in range(3):
            if not _is_frame(head, at, lengths):
                break
            at += lengths[head[at + 1] << 8 | head[at + 2]]
        else:
            return True
        position = head.find(b"\xff", position + 1)
    return False


def _count_frames(data: bytes, start: int) -> tuple[int, bool]:
    """Number of frames of layer III from byte `start` on, and whether other bytes are amid them.

    The many frames of an hour take a tenth of a second; FFmpeg's demuxer takes ten times as long.
    """
    lengths, count, broken, position = _frame_lengths(), 0, False, start
    while position + 4 <= len(data):
        length = lengths.get(data[position + 1] << 8 | data[position + 2]) if data[position] == 0xFF else None
        if length is not None:
            count += 1
            position += length
            continue
        # Two headers in a row are no chance.
        found = data.find(b"\xff", position + 1)
        while 0 <= found < len(data) - 4:
            length = lengths.get(data[found + 1] << 8 | data[found + 2])
            after = found + (length or 0)
            if length and _is_frame(data, after, lengths):
                break
            found = data.find(b"\xff", found + 1)
        else:
            break
        broken = broken or count > 0
        position = found
    return count, broken


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
