"""Video: the exact frame for every time, whatever the container does with time stamps."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cvstudio.media import MediaKind, open_media, open_reader
from cvstudio.media.formats.video import VideoReader

from .conftest import number_of, write_media

STEADY = [40 * i for i in range(75)]
UNSTEADY = list(itertools.accumulate(random.Random(3).choices([10, 20, 40, 90, 400], k=75)))
CASES: dict[str, tuple[str, list[int], dict[str, Any]]] = {
    "mp4 with B-frames": ("v.mp4", STEADY, {}),
    "mp4, variable rate": ("v.mp4", UNSTEADY, {}),
    "mkv that starts at 700 ms": ("v.mkv", [700 + t for t in UNSTEADY], {}),
    "open GOP": ("v.mkv", STEADY, {"options": {"g": "12", "bf": "3", "x264-params": "open-gop=1"}}),
    "one key frame": ("v.mp4", STEADY, {"options": {"g": "500", "bf": "2"}}),
    "transport stream": ("v.ts", STEADY, {}),
    "mpeg-2 transport stream": ("v.ts", STEADY, {"codec": "mpeg2video", "options": {"g": "12", "bf": "2"}}),
    "mpeg-2 program stream": ("v.mpg", STEADY, {"codec": "mpeg2video", "options": {"g": "12", "bf": "2"}}),
    "flash": ("v.flv", STEADY, {}),
    "windows media": ("v.wmv", STEADY, {"codec": "wmv2", "options": {"g": "12"}}),
    "avi": ("v.avi", STEADY, {"codec": "mpeg4", "options": {"g": "12"}}),
    "webm": (
        "v.webm",
        STEADY,
        {"codec": "libvpx-vp9", "options": {"g": "12", "cpu-used": "8", "deadline": "realtime"}},
    ),
}


@pytest.fixture(params=CASES)
def video(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, list[float]]:
    """A file and the time of each of its frames, in seconds from the first."""
    name, times, options = CASES[request.param]
    return write_media(tmp_path / name, times, **options), [(time - times[0]) / 1000 for time in times]


def test_at_gives_the_frame_that_is_shown_then(video: tuple[Path, list[float]]) -> None:
    path, times = video
    draw = random.Random(7)
    with VideoReader(open_media(path)) as reader:
        for _ in range(40):
            number = draw.randrange(len(times))
            end = times[number + 1] if number + 1 < len(times) else times[number] + 0.04
            # Containers round to a millisecond or to 1/90000 s: stay clear of the edges, then ask for the edge itself.
            frame = reader.at(draw.uniform(times[number] + 0.001, end - 0.001))
            assert number_of(frame.pixels) == number
            assert frame.pts == pytest.approx(times[number], abs=0.001)
            assert reader.at(frame.pts) is frame
        assert number_of(reader.at(-5.0).pixels) == 0
        assert number_of(reader.at(1e6).pixels) == len(times) - 1


def test_next_plays_all_frames_in_order(video: tuple[Path, list[float]]) -> None:
    path, times = video
    with VideoReader(open_media(path)) as reader:
        frames = list(iter(reader.next, None))
        assert [number_of(frame.pixels) for frame in frames] == list(range(len(times)))
        assert frames[0].pts == 0.0
        assert [frame.pts for frame in frames] == pytest.approx(times, abs=0.001)
        assert reader.next() is None
        assert number_of(reader.at(times[30] + 0.002).pixels) == 30
        assert [number_of(reader.next().pixels) for _ in range(3)] == [31, 32, 33]


def test_step_goes_exactly_one_frame(video: tuple[Path, list[float]]) -> None:
    path, times = video
    with VideoReader(open_media(path)) as reader:
        pts = reader.at(1e6).pts
        for number in range(len(times) - 2, -1, -1):
            frame = reader.step(pts, -1)
            assert number_of(frame.pixels) == number
            pts = frame.pts
        assert reader.step(0.0, -1).pts == 0.0
        for number in range(1, len(times)):
            frame = reader.step(pts, 1)
            assert number_of(frame.pixels) == number
            pts = frame.pts
        assert reader.step(pts, 1).pts == pts


def test_sequential_play_does_not_seek(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_media(tmp_path / "v.mp4", STEADY)
    with VideoReader(open_media(path)) as reader:
        monkeypatch.setattr(reader, "_seek", lambda target: pytest.fail("it sought"))
        for number in range(0, 75, 3):
            assert number_of(reader.at(number * 0.04).pixels) == number


def test_frames_that_are_kept_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cvstudio.media.formats.video._KEPT_BYTES", 0)
    path = write_media(tmp_path / "v.mp4", STEADY)
    with VideoReader(open_media(path)) as reader:
        assert number_of(reader.at(2.0).pixels) == 50
        assert len(reader._recent) <= 4
        assert [number_of(reader.step(t / 1000, -1).pixels) for t in (2000, 1960, 1000, 960)] == [49, 48, 24, 23]


def test_facts(tmp_path: Path) -> None:
    path = write_media(tmp_path / "영상 a.mp4", STEADY, sound=np.zeros((2, 48000 * 3), np.float32))
    media = open_media(path)
    assert (media.kind, media.size, media.frame_count) == (MediaKind.VIDEO, (160, 96), 75)
    assert media.duration_secs == pytest.approx(3.0, abs=0.05)
    assert media.frame_rate == pytest.approx(25.0, abs=0.4)
    assert (media.rate_hz, media.channels, media.has_sound) == (48000, 2, True)
    assert media.details["codec"] == "h264"
    assert not open_media(write_media(tmp_path / "mute.mp4", STEADY[:5])).has_sound


@pytest.mark.parametrize("codec", ["libx264", "png"])
@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_rotation_is_honoured(tmp_path: Path, turns: int, codec: str) -> None:
    """The display matrix of the track header is written by hand and compared with OpenCV's own player."""
    import cv2

    plain: dict[str, Any] = {} if codec == "libx264" else {"options": {"g": "1"}, "pixel_format": "rgb24"}
    path = write_media(tmp_path / "v.mov", STEADY[:3], pictures=_corner, codec=codec, **plain)
    one, none = 0x10000, 0
    matrix = [(one, none, none, one), (none, one, -one, none), (-one, none, none, -one), (none, -one, one, none)][turns]
    data = bytearray(path.read_bytes())
    place = data.index(b"tkhd") + 4 + 40
    for slot, value in zip((0, 1, 3, 4), matrix, strict=True):
        data[place + 4 * slot : place + 4 * slot + 4] = value.to_bytes(4, "big", signed=True)
    path.write_bytes(data)
    media = open_media(path)
    with VideoReader(media) as reader:
        frame = reader.at(0.0)
    assert media.size == frame.size == ((160, 96) if turns % 2 == 0 else (96, 160))
    player = cv2.VideoCapture(str(path))
    expected = cv2.cvtColor(player.read()[1], cv2.COLOR_BGR2RGB)
    player.release()
    assert np.abs(frame.pixels.astype(int) - expected).mean() < 2
    corner = np.rot90(_corner(0), -turns)
    assert np.abs(frame.pixels.astype(int) - corner).mean() < 4


def _corner(number: int) -> Any:
    picture = np.full((96, 160, 3), 60, np.uint8)
    picture[:48, :80] = 200
    return picture


@pytest.mark.parametrize(
    ("space", "range_", "pixel_format"),
    [(5, 1, "yuv420p"), (1, 1, "yuv420p"), (5, 2, "yuvj420p"), (1, 2, "yuv444p"), (1, 1, "yuv420p10le")],
)
def test_colours_follow_matrix_and_range(tmp_path: Path, space: int, range_: int, pixel_format: str) -> None:
    """Flat colours, turned into YUV by the formulas of BT.601 and BT.709, come back as they were."""
    import av

    kr, kb = {5: (0.299, 0.114), 1: (0.2126, 0.0722)}[space]
    path = tmp_path / "v.mp4"
    colours = [(200, 30, 40), (20, 180, 60), (30, 60, 220), (128, 128, 128), (250, 240, 20)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixel_format
        stream.codec_context.color_range, stream.codec_context.colorspace = range_, space
        for red, green, blue in colours:
            y = kr * red + (1 - kr - kb) * green + kb * blue
            u, v = (blue - y) / (2 - 2 * kb), (red - y) / (2 - 2 * kr)
            low, luma, chroma = (0, 1.0, 1.0) if range_ == 2 else (16, 219 / 255, 224 / 255)
            scale = 4 if "10" in pixel_format else 1
            frame = av.VideoFrame(64, 48, pixel_format)
            for plane, value in zip(frame.planes, (low + y * luma, 128 + u * chroma, 128 + v * chroma), strict=True):
                dtype = "<u2" if scale == 4 else "u1"
                plane.update(np.full(plane.buffer_size // np.dtype(dtype).itemsize, round(value * scale), dtype))
            frame.colorspace, frame.color_range = space, range_
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with VideoReader(open_media(path)) as reader:
        for colour in colours:
            frame = reader.next()
            assert np.abs(frame.pixels.reshape(-1, 3).astype(int) - colour).max() <= 4


def test_what_a_caller_does_wrong(tmp_path: Path) -> None:
    with VideoReader(open_media(write_media(tmp_path / "v.mp4", STEADY[:3]))) as reader:
        with pytest.raises(ValueError, match="finite"):
            reader.at(float("nan"))
        with pytest.raises(ValueError, match="1 or -1"):
            reader.step(0.0, 2)
    reader.close()


@pytest.mark.parametrize("name", ["faces_1080p.mp4", "talk_1080p.mp4"])
def test_real_clips(data: Callable[..., Path], name: str) -> None:
    """Random times equal a plain decode from the beginning, as many frames as OpenCV counts, and the pictures of
    FFmpeg's filter with the matrix of HD, which the clips do not state."""
    import av
    import cv2

    path = data("video", name)
    player = cv2.VideoCapture(str(path))
    count = 0
    while player.grab():
        count += 1
    player.release()
    draw = random.Random(5)
    wanted = sorted(draw.sample(range(count), 20))
    times, expected = [], {}
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            times.append(float(frame.pts * frame.time_base))
            if number == 0:
                graph = av.filter.Graph()
                graph.link_nodes(
                    graph.add_buffer(container.streams.video[0]),
                    graph.add("scale", "in_color_matrix=bt709"),
                    graph.add("format", "rgb24"),
                    graph.add("buffersink"),
                ).configure()
            if number in wanted:
                graph.push(frame)
                expected[number] = graph.pull().to_ndarray()
    assert len(times) == count
    media = open_media(path)
    assert media.frame_count == len(times)
    draw.shuffle(wanted)
    with open_reader(media) as reader:
        for number in wanted:
            frame = reader.at(times[number] - times[0] + 0.005)
            assert frame.pts == pytest.approx(times[number] - times[0], abs=1e-9)
            assert np.abs(frame.pixels.astype(np.int16) - expected[number]).max() <= 4
