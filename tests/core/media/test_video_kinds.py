"""Kinds of videos that recorders, editors and networks make: each is generated, and shows what a plain decode holds."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from cvstudio.media import open_media, open_reader
from cvstudio.media.facts import facts

from .conftest import number_of, numbered, tone, write_media

TIMES = [40 * number for number in range(50)]
SHORT_GROUPS = {"g": "12", "bf": "2"}


def told(path: Path) -> dict[str, str]:
    return dict(facts(open_media(path)))


def transport_stream(path: Path, keep: Callable[[int], bool]) -> Path:
    """A transport stream without the frames, in the order of decoding, that `keep` rejects."""
    data = write_media(path, TIMES, options=SHORT_GROUPS).read_bytes()
    kept, number = bytearray(), -1
    for start in range(0, len(data), 188):
        packet = data[start : start + 188]
        of_video = (packet[1] & 0x1F) << 8 | packet[2] == 0x100
        number += of_video and bool(packet[1] & 0x40)
        if not of_video or keep(number):
            kept += packet
    path.write_bytes(kept)
    return path


def with_stated_secs(path: Path, secs: float) -> Path:
    """A Matroska file with sound whose header states another duration (element 0x4489, in ms)."""
    data = bytearray(write_media(path, TIMES, sound=tone(2.0, 48_000)).read_bytes())
    place = data.index(b"\x44\x89\x88") + 3
    data[place : place + 8] = struct.pack(">d", secs * 1000)
    path.write_bytes(data)
    return path


def with_long_track(path: Path, secs: int) -> Path:
    """An MP4 whose track states another duration, in its own header and in the edit list."""
    data = bytearray(write_media(path, TIMES).read_bytes())
    for name, clock, place in ((b"elst", b"mvhd", 12), (b"mdhd", b"mdhd", 20)):
        rate = int.from_bytes(data[data.index(clock) + 16 :][:4], "big")
        start = data.index(name) + place
        data[start : start + 4] = (secs * rate).to_bytes(4, "big")
    path.write_bytes(data)
    return path


def cut(path: Path) -> Path:
    data = write_media(path, [40 * number for number in range(150)], sound=tone(6.0, 48_000)).read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    return path


def odd(path: Path, codec: str, pixel_format: str) -> Path:
    def picture(number: int) -> NDArray[np.uint8]:
        return np.pad(numbered(number), ((0, 1), (0, 1), (0, 0)), mode="edge")

    options = {"qp": "5"} if codec == "libx264" else {"level": "3"}
    return Path(
        write_media(path, TIMES[:20], codec=codec, pixel_format=pixel_format, options=options, pictures=picture)
    )


def raw(path: Path, pixel_format: str) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("rawvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 96, pixel_format
        for number in range(20):
            frame = av.VideoFrame.from_ndarray(numbered(number)).reformat(format=pixel_format)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def edited(path: Path, *edits: tuple[int, int], bf: int = 0) -> Path:
    """An MP4 with an edit list (ISO/IEC 14496-12, 8.6.6): length and first frame of each part, -1 for a pause."""
    data = write_media(path, TIMES, options={"g": "12", "bf": str(bf)}).read_bytes()

    def box(name: bytes, start: int) -> tuple[int, int]:
        place = data.index(name, start) - 4
        return place, place + int.from_bytes(data[place : place + 4], "big")

    def ticks(name: bytes) -> int:
        return int.from_bytes(data[data.index(name) + 16 :][:4], "big") // 25

    (movie, end), (track, _), (list_, list_end) = (box(name, 0) for name in (b"moov", b"trak", b"edts"))
    assert end == len(data)  # else the places of the frames would have to be corrected
    entries = b"".join(
        struct.pack(">Iihh", length * ticks(b"mvhd"), first if first < 0 else first * ticks(b"mdhd"), 1, 0)
        for length, first in edits
    )
    new = struct.pack(">I4sI4sII", 24 + len(entries), b"edts", 16 + len(entries), b"elst", 0, len(edits)) + entries
    changed = bytearray(data[:list_] + new + data[list_end:])
    for place in (movie, track):
        size = int.from_bytes(data[place : place + 4], "big") + len(new) - (list_end - list_)
        changed[place : place + 4] = size.to_bytes(4, "big")
    path.write_bytes(changed)
    return path


EDITS: dict[str, tuple[tuple[tuple[int, int], ...], int, list[int]]] = {
    "beginning": (((12, 0),), 0, list(range(12))),
    "middle": (((20, 15),), 0, list(range(15, 35))),
    "middle, with B-frames": (((20, 17),), 2, list(range(15, 35))),
    "two parts": (((10, 0), (10, 30)), 0, [*range(10), *range(30, 40)]),
    "later part first": (((10, 30), (10, 0)), 0, [*range(30, 40), *range(10)]),
    "a part twice": (((10, 5), (10, 5)), 0, [*range(5, 15), *range(5, 15)]),
    "pause before the beginning": (((12, -1), (50, 0)), 0, list(range(50))),
}


@pytest.mark.parametrize("kind", EDITS)
def test_edit_lists_are_followed(tmp_path: Path, kind: str) -> None:
    edits, bf, numbers = EDITS[kind]
    path = edited(tmp_path / "v.mp4", *edits, bf=bf)
    media = open_media(path)
    assert media.frame_count == len(numbers)
    assert media.duration_secs == pytest.approx(len(numbers) / 25)
    order = list(range(len(numbers)))
    random.Random(4).shuffle(order)
    with open_reader(media) as reader:
        assert [number_of(frame.pixels) for frame in iter(reader.next, None)] == numbers
        for place in order:
            assert number_of(reader.at(place / 25 + 0.002).pixels) == numbers[place]
    left = 50 - len(numbers)
    assert told(path).get("Not read", "") == (f"{left} frames that the edit list leaves out" if left else "")
    assert told(path)["Frame rate"] == "25 fps"


MAKERS: dict[str, Callable[[Path], Path]] = {
    "fragments": lambda folder: write_media(folder / "v.mp4", TIMES, movflags="frag_keyframe+empty_moov"),
    "dash": lambda folder: write_media(folder / "v.mp4", TIMES, movflags="dash+frag_keyframe+empty_moov"),
    "live Matroska": lambda folder: write_media(folder / "v.mkv", TIMES, live="1"),
    "live Flash": lambda folder: write_media(folder / "v.flv", TIMES, flvflags="no_duration_filesize"),
    "program stream": lambda folder: write_media(folder / "v.mpg", TIMES, codec="mpeg2video", options=SHORT_GROUPS),
    "clock far from 0": lambda folder: write_media(folder / "v.mkv", [3_600_000 + time for time in TIMES]),
    "clock far from 0, transport stream": lambda folder: write_media(
        folder / "v.ts", [90_000_000 + time for time in TIMES]
    ),
    # 33 bits at 90 kHz end after 95443.7 s.
    "clock that overflows": lambda folder: write_media(folder / "v.ts", [95_443_000 + time for time in TIMES]),
    "first frames without a key": lambda folder: transport_stream(folder / "v.ts", lambda number: number >= 4),
    "stated an hour": lambda folder: with_stated_secs(folder / "v.mkv", 3600),
    "stated a moment": lambda folder: with_stated_secs(folder / "v.mkv", 0.5),
    "track stated an hour": lambda folder: with_long_track(folder / "v.mp4", 3600),
    "cut": lambda folder: cut(folder / "v.mkv"),
    "odd sides": lambda folder: odd(folder / "v.mp4", "libx264", "yuv444p"),
    "odd sides with half chroma": lambda folder: odd(folder / "v.mkv", "ffv1", "yuv420p"),
    "raw BGR": lambda folder: raw(folder / "v.avi", "bgr24"),
    "raw YUYV": lambda folder: raw(folder / "v.avi", "yuyv422"),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_every_frame_is_found_by_its_time(tmp_path: Path, kind: str) -> None:
    """Numbers and times of a plain decode; the length ends with the last frame, or a little later with the sound."""
    path = MAKERS[kind](tmp_path)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [(frame.pts, number_of(frame.to_ndarray(format="rgb24"))) for frame in container.decode(stream)]
        assert stream.time_base is not None
        times = [float((pts - frames[0][0]) * stream.time_base) for pts, _ in frames]
    numbers = [number for _, number in frames]
    assert all(after == before + 1 for before, after in pairwise(numbers))
    media = open_media(path)
    assert media.duration_secs == pytest.approx(times[-1] + 0.04, abs=0.041)
    assert (media.duration_secs or 0.0) >= times[-1] - 1e-6
    order = list(range(len(times)))
    random.Random(4).shuffle(order)
    with open_reader(media) as reader:
        assert [number_of(frame.pixels) for frame in iter(reader.next, None)] == numbers
        for place in order:
            frame = reader.at(times[place] + 0.002)
            assert number_of(frame.pixels) == numbers[place]
            assert frame.pts == pytest.approx(times[place], abs=1e-6)
        assert number_of(reader.at(media.duration_secs or 0.0).pixels) == numbers[-1]


def test_a_wrong_length_in_a_header_is_told(tmp_path: Path) -> None:
    assert (
        told(with_stated_secs(tmp_path / "a.mkv", 3600))["Length"] == "3600.000 s in the file's header, which is wrong"
    )
    assert told(cut(tmp_path / "b.mkv"))["Length"].startswith("6.0")
    assert "Length" not in told(write_media(tmp_path / "c.mkv", TIMES, sound=tone(2.0, 48_000)))


def test_frames_behind_a_lost_key_frame_do_not_stop_the_video(tmp_path: Path) -> None:
    path = transport_stream(tmp_path / "v.ts", lambda number: number not in (12, 13))
    media = open_media(path)
    assert media.duration_secs == pytest.approx(2.0, abs=0.041)
    with open_reader(media) as reader:
        shown = [number_of(frame.pixels) for frame in iter(reader.next, None)]
        assert (shown[:10], shown[-12:]) == (list(range(10)), list(range(38, 50)))
        assert number_of(reader.at(1.9).pixels) == 47
        assert number_of(reader.at(0.2).pixels) == 5


MATRICES = [(a, b, -b * flip, a * flip) for a, b in ((1, 0), (0, 1), (-1, 0), (0, -1)) for flip in (1, -1)]


@pytest.mark.parametrize("matrix", MATRICES)
def test_every_orientation_is_upright(tmp_path: Path, matrix: tuple[int, int, int, int]) -> None:
    """Each stored pixel is put where the display matrix maps it (ISO/IEC 14496-12, 8.3.2)."""

    def picture(number: int) -> NDArray[np.uint8]:
        pixels = np.full((96, 160, 3), 40, np.uint8)
        pixels[:32, :64] = (230, 60, 60)
        pixels[:32, 128:] = (60, 230, 60)
        return pixels

    path = write_media(tmp_path / "v.mp4", TIMES[:2], pictures=picture)
    data = bytearray(path.read_bytes())
    place = data.index(b"tkhd") + 44
    for slot, value in zip((0, 1, 3, 4), matrix, strict=True):
        data[place + 4 * slot : place + 4 * slot + 4] = struct.pack(">i", value << 16)
    path.write_bytes(data)
    a, b, c, d = matrix
    rows, columns = np.mgrid[:96, :160]
    x, y = a * columns + c * rows, b * columns + d * rows
    expected = np.zeros((np.ptp(y) + 1, np.ptp(x) + 1, 3), np.uint8)
    expected[y - y.min(), x - x.min()] = picture(0)
    media = open_media(path)
    with open_reader(media) as reader:
        frame = reader.at(0.0)
    assert media.size == frame.size == expected.shape[1::-1]
    assert ("Mirrored" in told(path)) == (a * d - b * c < 0)
    assert np.abs(frame.pixels.astype(int) - expected).mean() < 5


def test_a_pixel_aspect_is_applied_before_the_rotation(tmp_path: Path) -> None:
    source = Path(__file__).parent / "cases" / "sar.mp4"
    data = bytearray(source.read_bytes())
    place = data.index(b"tkhd") + 44
    for slot, value in zip((0, 1, 3, 4), (0, 1, -1, 0), strict=True):
        data[place + 4 * slot : place + 4 * slot + 4] = struct.pack(">i", value << 16)
    path = tmp_path / "v.mp4"
    path.write_bytes(data)
    player = cv2.VideoCapture(str(source))
    stored = cv2.cvtColor(player.read()[1], cv2.COLOR_BGR2RGB)
    player.release()
    media = open_media(path)
    with open_reader(media) as reader:
        frame = reader.at(0.0)
    assert media.size == frame.size == (120, 320)
    expected = cv2.rotate(cv2.resize(stored, (320, 120)), cv2.ROTATE_90_CLOCKWISE)
    assert np.abs(frame.pixels.astype(int) - expected).mean() < 2
    assert told(path)["Pixel aspect"] == "2:1 (stored as 160 × 120)"


@pytest.mark.parametrize(
    ("stored", "aspect", "shown"),
    [((720, 480), (8, 9), (640, 480)), ((720, 576), (64, 45), (1024, 576)), ((1440, 1080), (4, 3), (1920, 1080))],
)
def test_sizes_of_television(
    tmp_path: Path, stored: tuple[int, int], aspect: tuple[int, int], shown: tuple[int, int]
) -> None:
    path = tmp_path / "v.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = *stored, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(*aspect)
        stream.sample_aspect_ratio = Fraction(*aspect)
        container.mux(stream.encode(av.VideoFrame(*stored, "yuv420p")))
        container.mux(stream.encode(None))
    media = open_media(path)
    assert media.size == shown
    with open_reader(media) as reader:
        assert reader.at(0.0).size == shown


def write_alpha(path: Path, codec: str, pixel_format: str, **options: str) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 160, 96, pixel_format
        for number in range(5):
            pixels = np.dstack([numbered(number), np.full((96, 160), 128, np.uint8)])
            pixels[:48, :, 3] = 255
            frame = av.VideoFrame.from_ndarray(pixels, format="rgba").reformat(format=pixel_format)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format", "options"),
    [
        ("v.mov", "prores_ks", "yuva444p10le", {"profile": "4"}),
        ("v.mov", "qtrle", "argb", {}),
        ("v.mov", "png", "rgba", {}),
        ("v.apng", "apng", "rgba", {}),
    ],
)
def test_transparency_is_kept(
    tmp_path: Path, name: str, codec: str, pixel_format: str, options: dict[str, str]
) -> None:
    with open_reader(open_media(write_alpha(tmp_path / name, codec, pixel_format, **options))) as reader:
        frame = reader.at(0.09)
    assert number_of(frame.pixels) == 2
    assert frame.alpha is not None
    assert np.abs(frame.alpha[:48].astype(int) - 255).max() <= 2
    assert np.abs(frame.alpha[48:].astype(int) - 128).max() <= 2


def test_transparency_that_is_not_read_is_told(tmp_path: Path) -> None:
    path = write_alpha(tmp_path / "v.webm", "libvpx-vp9", "yuva420p", deadline="realtime")
    assert told(path)["Not read"] == "transparency"
    with open_reader(open_media(raw(tmp_path / "v.avi", "bgr24"))) as reader:
        assert reader.at(0.0).alpha is None


def test_a_second_video_track_is_told(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    with av.open(str(path), "w") as container:
        streams: list[Any] = [container.add_stream("libx264", rate=25) for _ in range(2)]
        for stream in streams:
            stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for number in range(5):
            for offset, stream in enumerate(streams):
                frame = av.VideoFrame.from_ndarray(numbered(number + 100 * offset))
                frame.pts, frame.time_base = number, Fraction(1, 25)
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode(None))
    assert told(path)["Not read"] == "another video track"
    with open_reader(open_media(path)) as reader:
        assert [number_of(frame.pixels) for frame in iter(reader.next, None)] == [0, 1, 2, 3, 4]


def test_interlaced_video_is_told(tmp_path: Path) -> None:
    options = {"flags": "+ildct+ilme", "g": "12"}
    path = write_media(tmp_path / "v.ts", TIMES[:20], codec="mpeg2video", options=options)
    assert told(path)["Scan"] == "interlaced (a picture shows both fields)"
    assert "Scan" not in told(write_media(tmp_path / "w.ts", TIMES[:20], codec="mpeg2video", options={"g": "12"}))


@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9"])
def test_a_call_changes_its_size(tmp_path: Path, codec: str) -> None:
    """As browsers record calls and shared screens: wider, then upright."""
    path = tmp_path / "v.webm"
    options = {"cpu-used": "8", "deadline": "realtime"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for part, size in enumerate(((160, 96), (320, 192), (96, 160))):
            encoder: Any = av.CodecContext.create(codec, "w")
            encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = *size, "yuv420p", Fraction(1, 25)
            encoder.options = options
            for number in (*range(15 * part, 15 * part + 15), None):
                frame = None
                if number is not None:
                    frame = av.VideoFrame.from_ndarray(numbered(number)).reformat(*size, format="yuv420p")
                    frame.pts, frame.time_base = number, Fraction(1, 25)
                for packet in encoder.encode(frame):
                    packet.stream, packet.time_base = stream, Fraction(1, 25)
                    container.mux(packet)
    media = open_media(path)
    assert media.size == (160, 96)
    with open_reader(media) as reader:
        frames = list(iter(reader.next, None))
    assert {frame.size for frame in frames} == {media.size}
    assert [number_of(frame.pixels) for frame in frames] == list(range(45))
    assert told(path)["Size changes"] == "to 320 × 192 and 96 × 160 (scaled to the first one's size)"


def test_frames_whose_times_come_again_are_told(tmp_path: Path) -> None:
    """A clock that begins anew all the time is no row of recordings (see `test_spliced`)."""
    path = write_media(tmp_path / "v.ts", TIMES[:12])
    assert "Not read" not in told(path)
    path.write_bytes(path.read_bytes() * 300)
    with av.open(str(path)) as container:
        count = sum(1 for _ in container.decode(video=0))
    with open_reader(open_media(path)) as reader:
        shown = sum(1 for _ in iter(reader.next, None))
    assert told(path)["Not read"].startswith(f"{count - shown:,} frames whose times come again")
    assert (count, shown) == (3600, 12)


def av1_packets(size: tuple[int, int], count: int) -> list[bytes]:
    """Key frames of one level each."""
    encoder = av.CodecContext.create("libsvtav1", "w")
    encoder.width, encoder.height = size
    encoder.pix_fmt, encoder.time_base = "yuv420p", Fraction(1, 25)
    encoder.options = {"preset": "12", "svtav1-params": "keyint=1"}
    packets = []
    for number in range(count):
        frame = av.VideoFrame.from_ndarray(np.full((size[1], size[0], 3), 40 * number, np.uint8), format="rgb24")
        frame.pts = number
        packets += encoder.encode(frame.reformat(format="yuv420p"))
    return [bytes(packet) for packet in (*packets, *encoder.encode(None))]


READ_ALL = """
import sys
from cvstudio.media import open_media, open_reader
with open_reader(open_media(sys.argv[1])) as reader:
    while reader.next() is not None:
        pass
    print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def test_frames_of_one_packet_are_not_all_in_memory_at_once(tmp_path: Path) -> None:
    """dav1d decodes a packet to its end, and thousands of large frames of one level are a few kilobytes."""
    frames = b"".join(av1_packets((1920, 1080), 3))
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libsvtav1", rate=25, options={"preset": "12"})
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        first = av.VideoFrame.from_ndarray(np.zeros((1080, 1920, 3), np.uint8), format="rgb24")
        first.pts = 0
        (*_, packet) = [*stream.encode(first.reformat(format="yuv420p")), *stream.encode(None)]
        many = av.Packet(frames * 300)
        many.stream, many.pts, many.dts, many.time_base, many.is_keyframe = stream, 0, 0, packet.time_base, True
        container.mux(many)
    assert path.stat().st_size < 100_000
    # 900 frames are 2.8 GB.
    command = [sys.executable, "-c", READ_ALL, str(path)]
    used = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert int(used) * 1024 < 700_000_000


def test_av1_gives_all_frames(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.mp4", TIMES, codec="libsvtav1", options={"preset": "12"})
    with open_reader(open_media(path)) as reader:
        frames = list(iter(reader.next, None))
        assert [number_of(frame.pixels) for frame in frames] == list(range(len(TIMES)))
        assert number_of(reader.at(frames[20].pts).pixels) == 20
