"""Recordings that were put one behind the other in one file, as by `cat a.ts b.ts`: FFmpeg's concat demuxer reads them
as one, whose times go on where those of the file begin again."""

from __future__ import annotations

import functools
import io
import mmap
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av.container import InputContainer

_FORMATS = ("mpegts", "mpeg", "matroska,webm", "flv")
"""FFmpeg's names of formats that are spliced; of others players, too, read the first part only."""
_CLOCK_HZ, _WRAP = 90_000, 1 << 33
"""Rate of the clock of MPEG systems (ISO/IEC 13818-1, 2.4.2), and where it begins anew."""
_LEAP = 10 * _CLOCK_HZ
"""Ticks by which the clock may go ahead within one recording; FFmpeg's command line closes larger gaps, too."""
_MOST_PARTS = 256
"""More are no recordings, but a clock that is wrong."""
_TS_BYTES = 188
_CLOCK_BYTES = 1 << np.array([25, 17, 9, 1], np.int64)
"""Weights of the bytes of a packet's clock (2.4.3.5); of the fifth only the highest bit belongs to it."""
_ROWS = 1 << 16
_RESYNC_BYTES, _RESYNCS = 1 << 16, 1000
_PACK = re.compile(rb"\x00\x00\x01\xba(.{5})", re.DOTALL)
_EBML = re.compile(rb"\x1aE\xdf\xa3.{0,60}?(?:matroska|webm)", re.DOTALL)
_FLV = re.compile(rb"FLV\x01[\x01\x04\x05]\0\0\0\x09\0\0\0\0")
_SEARCHED_BYTES = 1 << 30
_SAMPLES, _SAMPLE_BYTES = 512, 1 << 19
"""Places of a longer transport stream at which the clock is looked at, and how much is read there."""
_PROTOCOLS = {"protocol_whitelist": "file,subfile"}


_Numbers = NDArray[np.int64]


class _Script(io.BytesIO):
    """A script for the concat demuxer; `name` becomes that of its container, and is FFmpeg's of the parts' format."""

    def __init__(self, content: bytes, name: str) -> None:
        super().__init__(content)
        self.name = name


def format_name(container: InputContainer) -> str:
    """FFmpeg's name of the container's format; of spliced parts that of the first."""
    return container.name if container.format.name == "concat" else container.format.name


def spliced(path: Path, container: InputContainer) -> InputContainer:
    """`container` of the file at `path`; closed, and one of all parts in its place, where it holds several."""
    import av

    name = container.format.name
    if name not in _FORMATS or not (parts := _parts_of(path, name)):
        return container
    container.close()
    script: Any = _Script(_script(path, parts), name)
    whole: InputContainer = av.open(script, format="concat", options={"safe": "0", **_PROTOCOLS})
    return whole


def parts_facts(path: Path, container: InputContainer) -> tuple[str, str]:
    """What is told of the parts of the file at `path` that is open as `container`, and of those that are left out; ""
    where there are none."""
    if container.format.name != "concat":
        return "", ""
    parts = _parts_of(path, container.name)
    shown = len(_alike(parts))
    left = len(parts) - shown
    recordings = "another recording" if left == 1 else f"{left} recordings"
    return (
        f"{shown} recordings one behind the other, shown as one" if shown > 1 else "",
        f"{recordings} behind it, of other streams" if left else "",
    )


@dataclass(frozen=True)
class _Part:
    """One of several recordings in a file.

    Parameters
    ----------
    start, stop : offsets of its first byte, and of the first one behind it
    streams : kind and codec of each stream; () where it cannot be read
    secs : how long it lasts
    """

    start: int
    stop: int
    streams: tuple[tuple[str, str], ...]
    secs: Fraction


def _alike(parts: Sequence[_Part]) -> list[_Part]:
    """The first parts, up to one that differs in its streams from the first."""
    return list(takewhile(lambda part: part.streams == parts[0].streams and part.secs > 0, parts))


def _script(path: Path, parts: Sequence[_Part]) -> bytes:
    """The script for the concat demuxer."""
    lines = [b"ffconcat version 1.0"]
    for part in _alike(parts):
        name = _address(path, part.start, part.stop).replace(b"'", b"'\\''")
        lines += [b"file '%b'" % name, b"duration %.6f" % float(part.secs)]
    return b"\n".join([*lines, b""])


def _address(path: Path, start: int, stop: int) -> bytes:
    """FFmpeg's address of the bytes from `start` to `stop`."""
    return b"subfile,,start,%d,end,%d,,:file:%b" % (start, stop, os.fsencode(path))


def _parts_of(path: Path, name: str) -> tuple[_Part, ...]:
    """The recordings in a file of FFmpeg's format `name`; () for one only."""
    status = path.stat()
    return _read_parts(path, name, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _read_parts(path: Path, name: str, length: int, changed: int) -> tuple[_Part, ...]:
    """`length` and `changed` tell one state of the file from another."""
    starts = [0, *_boundaries(path, name, length)]
    if not 2 <= len(starts) <= _MOST_PARTS or b"\n" in os.fsencode(path):
        return ()
    places = pairwise((*starts, length))
    parts = tuple(
        _Part(start, stop, *_describe(os.fsdecode(_address(path, start, stop)), name)) for start, stop in places
    )
    return parts if _alike(parts) else ()


def _describe(address: str, name: str) -> tuple[tuple[tuple[str, str], ...], Fraction]:
    """Kind and codec of each stream of a part, and how long it lasts in seconds; () and 0 where it cannot be read."""
    import av

    ends: dict[int, Fraction] = {}
    try:
        with av.open(address, format=name, metadata_errors="replace", options=_PROTOCOLS) as part:
            streams = tuple(
                (stream.type, stream.codec_context.name if stream.codec_context else "") for stream in part.streams
            )
            if part.size > _SEARCHED_BYTES and part.duration:
                return streams, Fraction(part.duration, 1_000_000)  # by the packets at both ends
            begin = Fraction(part.start_time or 0, 1_000_000)
            usual = {
                stream.index: 1 / stream.average_rate
                for stream in part.streams.video
                if stream.average_rate is not None
            }
            for packet in part.demux():
                if not packet.size:
                    continue
                end = ends.get(packet.stream_index, begin)
                ticks = packet.dts if packet.pts is None else packet.pts
                at = end if ticks is None else ticks * packet.time_base
                lasting = packet.duration * packet.time_base if packet.duration else usual.get(packet.stream_index, 0)
                ends[packet.stream_index] = max(end, at + lasting)
    except av.FFmpegError:
        return (), Fraction(0)
    return streams, max(ends.values(), default=begin) - begin


def _boundaries(path: Path, name: str, length: int) -> list[int]:
    """Offsets at which parts other than the first begin."""
    with path.open("rb") as file:
        if name == "mpegts":
            spans = [(0, length)] if length <= _SEARCHED_BYTES else _doubtful_spans(file, length)
            return sorted({place for start, stop in spans for place in _ts_boundaries(file, start, stop) if place})
        if length > _SEARCHED_BYTES:
            return []
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            if name == "mpeg":
                clocks = np.array([(pack.start(), _scr(pack[1])) for pack in _PACK.finditer(content)], np.int64)
                return [int(clocks[number, 0]) for number in _leaps(clocks[:, 1])] if len(clocks) else []
            begins = [part.start() for part in (_FLV if name == "flv" else _EBML).finditer(content)]
    return begins[1:] if begins[:1] == [0] else []


def _leaps(clock: _Numbers) -> list[int]:
    """Indices at which a clock goes back or far ahead; a single wrong time is none."""
    if len(clock) < 2:
        return []
    leaps = (np.diff(clock) % _WRAP) > _LEAP
    if len(clock) > 2:
        # The times on both sides of a wrong one go on.
        wrong = leaps[:-1] & leaps[1:] & (((clock[2:] - clock[:-2]) % _WRAP) <= _LEAP)
        leaps[:-1] &= ~wrong
        leaps[1:] &= ~wrong
    return [int(number) + 1 for number in np.flatnonzero(leaps)]


def _scr(pack: bytes) -> int:
    """The clock in a pack header: MPEG 2 (ISO/IEC 13818-1, 2.5.3.3), or MPEG 1."""
    bits = int.from_bytes(pack, "big")
    if pack[0] >> 6 == 1:
        return (bits >> 35 & 7) << 30 | (bits >> 19 & 0x7FFF) << 15 | bits >> 3 & 0x7FFF
    return (bits >> 33 & 7) << 30 | (bits >> 17 & 0x7FFF) << 15 | bits >> 1 & 0x7FFF


def _doubtful_spans(file: io.BufferedReader, length: int) -> list[tuple[int, int]]:
    """Parts of a long transport stream between whose ends the clock goes back, or ahead unlike elsewhere.

    Reading all of a film of 12 GB would take a minute; of each of `_SAMPLES` places a little is read.
    """
    times: list[tuple[int, int]] = []
    pid = -1
    for place in range(0, length, length // _SAMPLES):
        clocks, _ = _ts_clocks(file, place, min(length, place + _SAMPLE_BYTES))
        pid = int(clocks[0, 1]) if pid < 0 and len(clocks) else pid
        clocks = clocks[clocks[:, 1] == pid]
        if len(clocks):
            times.append((int(clocks[0, 0]), int(clocks[0, 2])))
    clock: _Numbers = np.array([ticks for _, ticks in times], np.int64)
    ahead = (clock[1:] - clock[:-1]) % _WRAP
    usual = int(np.median(ahead)) if len(ahead) else 0
    doubtful = np.flatnonzero((ahead > _WRAP // 2) | (ahead > usual + max(_LEAP, 3 * usual)))
    return [(times[number][0], min(length, times[number + 1][0] + _SAMPLE_BYTES)) for number in doubtful.tolist()]


def _ts_clocks(file: io.BufferedReader, start: int, stop: int) -> tuple[_Numbers, _Numbers]:
    """The clocks between two offsets of a transport stream, as (offset, program, ticks), and its tables, as (offset,
    number)."""
    places: list[_Numbers] = [np.zeros((0, 3), np.int64)]
    tables: list[_Numbers] = [np.zeros((0, 2), np.int64)]
    for offsets, rows in _ts_packets(file, start, stop):
        pid = (rows[:, 1] & 0x1F).astype(np.int64) << 8 | rows[:, 2]
        timed = np.flatnonzero((rows[:, 3] & 0x20 != 0) & (rows[:, 4] > 0) & (rows[:, 5] & 0x10 != 0))
        clock = rows[timed, 6:10].astype(np.int64) @ _CLOCK_BYTES + (rows[timed, 10] >> 7)
        places.append(np.stack([offsets[timed], pid[timed], clock], 1))
        table = np.flatnonzero(pid == 0)
        tables.append(np.stack([offsets[table], rows[table, 3] & 15], 1))
    return np.concatenate(places), np.concatenate(tables)


def _ts_boundaries(file: io.BufferedReader, start: int, stop: int) -> list[int]:
    """Offsets between `start` and `stop` at which parts of a transport stream begin: with a table in front of a clock
    that leaps."""
    clocks, tables = _ts_clocks(file, start, stop)
    if not len(clocks):
        return []
    # Programs have clocks of their own.
    clocks = clocks[clocks[:, 1] == clocks[0, 1]]
    table_places, counters = tables.T
    # Tables are numbered; with a part the numbers begin again.
    begins = np.concatenate([[False], np.diff(counters) % 16 != 1])
    boundaries = []
    for number in _leaps(clocks[:, 2]):
        between = (table_places > clocks[number - 1, 0]) & (table_places < clocks[number, 0])
        exact, near = table_places[between & begins], table_places[between]
        boundaries.append(int(exact[0] if len(exact) else near[-1] if len(near) else clocks[number, 0]))
    return boundaries


def _ts_packets(file: io.BufferedReader, start: int, stop: int) -> Iterator[tuple[_Numbers, NDArray[np.uint8]]]:
    """Packets of a transport stream from one offset to another, many at once: their offsets, and their bytes as
    (n, 188).

    Where a recording was cut within a packet, the next one is searched.
    """
    file.seek(0)
    head = file.read(2 * 192)
    lead = 4 if head[:1] != b"G" and head[4:5] == b"G" == head[196:197] else 0  # times in front of Blu-ray's packets
    stride, position = _TS_BYTES + lead, start
    for _ in range(_RESYNCS):
        file.seek(position)
        data = np.frombuffer(file.read(max(0, min(_ROWS * stride, stop - position))), np.uint8)
        count = len(data) // stride
        rows = data[: count * stride].reshape(count, stride)[:, lead:]
        lost = np.flatnonzero(rows[:, 0] != 0x47)
        good = int(lost[0]) if len(lost) else count
        if good:
            yield position + stride * np.arange(good, dtype=np.int64), rows[:good]
            position += good * stride
        elif count < 4:
            return
        else:
            marks = data[: _RESYNC_BYTES + 2 * stride] == 0x47
            stop = len(marks) - 2 * stride
            found = np.flatnonzero(
                marks[1:stop] & marks[1 + stride :][: stop - 1] & marks[1 + 2 * stride :][: stop - 1]
            )
            if not len(found):
                return
            position += 1 + int(found[0]) - lead
