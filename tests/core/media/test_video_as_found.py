"""Videos as users have them: what they show is compared with OpenCV's own player and with a plain decode."""

from __future__ import annotations

import random
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from cvstudio.cli.main import main
from cvstudio.media import MediaKind, open_media, open_reader
from cvstudio.media.facts import facts
from cvstudio.media.thumbnails import make_thumbnail

from .conftest import number_of, tone, write_media

CASES = Path(__file__).parent / "cases"


def told(path: Path) -> dict[str, str]:
    return dict(facts(open_media(path)))


def played(path: Path) -> list[NDArray[np.uint8]]:
    """Every frame that OpenCV's player shows, RGB."""
    player = cv2.VideoCapture(str(path))
    frames = []
    while (shown := player.read())[0]:
        frames.append(cv2.cvtColor(shown[1], cv2.COLOR_BGR2RGB))
    player.release()
    return frames


def decoded_times(path: Path) -> list[float]:
    """Times of all frames of a plain decode, in seconds from the first."""
    with av.open(str(path)) as container:
        times = [float(frame.pts * frame.time_base) for frame in container.decode(video=0)]
    return [time - times[0] for time in times]


def check_random_access(path: Path) -> int:
    """Every frame found by its time in a random order is the one of the player; returns their number."""
    expected, times = played(path), decoded_times(path)
    assert len(expected) == len(times)
    order = list(range(len(times)))
    random.Random(2).shuffle(order)
    with open_reader(open_media(path)) as reader:
        assert len(list(iter(reader.next, None))) == len(times)
        for number in order:
            frame = reader.at(times[number] + 0.002)
            assert frame.pts == pytest.approx(times[number], abs=1e-6)
            assert np.abs(frame.pixels.astype(int) - expected[number]).mean() < 2
    return len(times)


def test_a_live_recording_states_no_length() -> None:
    media = open_media(CASES / "live.webm")
    assert (media.duration_secs, media.frame_count) == (2.0, 50)
    assert check_random_access(CASES / "live.webm") == 50


def test_frames_that_an_edit_list_leaves_out_are_not_counted() -> None:
    media = open_media(CASES / "edit.mp4")
    assert media.frame_count == len(played(CASES / "edit.mp4")) == 36
    assert media.duration_secs == pytest.approx(1.47)
    assert told(CASES / "edit.mp4")["Not read"] == "14 frames that the edit list leaves out"
    assert check_random_access(CASES / "edit.mp4") == 36
    assert "Not read" not in told(CASES / "vfr.mp4")


def test_the_last_frame_may_end_behind_the_stated_length() -> None:
    """The track states 2.16 s; its last frame begins at 2.28 s and lasts 0.12 s."""
    media = open_media(CASES / "vfr.mp4")
    assert media.duration_secs == pytest.approx(2.4)
    with open_reader(media) as reader:
        last = reader.at(media.duration_secs or 0.0)
    assert last.pts == pytest.approx(2.28)
    assert np.abs(last.pixels.astype(int) - played(CASES / "vfr.mp4")[-1]).mean() < 2
    assert check_random_access(CASES / "vfr.mp4") == 23


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.ts"])
def test_one_picture_is_shown_for_the_whole_sound(tmp_path: Path, name: str) -> None:
    """Music on video sites and recorded talks: a video of one frame that every player holds to the end of the sound."""
    media = open_media(write_media(tmp_path / name, [0], options={"crf": "1"}, sound=tone(2, 48000)))
    assert (media.kind, media.has_sound) == (MediaKind.VIDEO, True)
    assert media.duration_secs == pytest.approx(2, abs=0.05)
    assert "Length" not in told(media.path)
    with open_reader(media) as reader:
        assert reader.at(1.9).pts == reader.at(0).pts == 0
    with open_reader(open_media(media.path, kind=MediaKind.AUDIO)) as reader:
        assert reader.n_samples / 48000 == pytest.approx(2, abs=0.05)


def test_a_cover_picture_without_its_flag_is_no_video(capsys: pytest.CaptureFixture[str]) -> None:
    media = open_media(CASES / "covnoflag.mp4")
    with av.open(str(CASES / "covnoflag.mp4")) as container:
        n_samples = sum(frame.samples for frame in container.decode(audio=0))
    assert media.kind is MediaKind.AUDIO
    assert media.duration_secs == pytest.approx(9.25, abs=1e-6)
    with open_reader(media) as reader:
        assert reader.n_samples == 444_000 <= n_samples < 444_000 + 2 * 1024
    assert main(["info", str(CASES / "covnoflag.mp4")]) == 0
    assert "9.250 s" in capsys.readouterr().out


def _with_picture(path: Path, picture_codec: str, count: int, sound_secs: float, pixel_format: str) -> Path:
    """Sound and `count` pictures at 25 per second, as tools write covers that they do not flag."""
    sound = tone(sound_secs, 48_000)
    return write_media(
        path, [40 * number for number in range(count)], codec=picture_codec, options={"strict": "-1"},
        pixel_format=pixel_format, sound=sound, sound_codec="aac",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("a.mp4", "mjpeg", "yuvj420p"),
        ("a.mkv", "mjpeg", "yuvj420p"),
        ("a.mov", "mjpeg", "yuvj420p"),
        ("a.mp4", "png", "rgb24"),
        ("a.mov", "png", "rgb24"),
    ],
)
def test_covers_of_other_containers(tmp_path: Path, name: str, codec: str, pixel_format: str) -> None:
    media = open_media(_with_picture(tmp_path / name, codec, 1, 3.0, pixel_format))
    assert media.kind is MediaKind.AUDIO
    assert media.duration_secs == pytest.approx(3.0, abs=0.05)


@pytest.mark.parametrize("name", ["v.mp4", "v.mkv", "v.avi"])
def test_motion_jpeg_with_sound_is_a_video(tmp_path: Path, name: str) -> None:
    media = open_media(_with_picture(tmp_path / name, "mjpeg", 20, 3.0, "yuvj420p"))
    assert (media.kind, media.has_sound) == (MediaKind.VIDEO, True)
    with open_reader(media) as reader:
        assert [number_of(frame.pixels) for frame in iter(reader.next, None)] == list(range(20))


PATCHES = ((200, 40, 40), (40, 200, 40), (40, 40, 200), (255, 255, 255), (0, 0, 0), (128, 128, 128))


def test_untagged_hd_has_the_matrix_of_bt709() -> None:
    """Patches of 160 pixels, encoded as BT.709 without a tag."""
    with open_reader(open_media(CASES / "hdun.mp4")) as reader:
        row = reader.at(0.0).pixels[100, 80::160].astype(int)
    for colour in PATCHES:
        assert np.abs(row - colour).max(axis=1).min() <= 2
    assert np.abs(row[0] - (200, 40, 40)).max() <= 2


# Luma coefficients and code of each matrix (ISO/IEC 23091-2).
BT601, BT709, BT2020 = (0.299, 0.114, 5), (0.2126, 0.0722, 1), (0.2627, 0.0593, 9)


LOSSLESS = {
    "libx264": {"qp": "0"},
    "ffv1": {},
}


def write_patches(
    path: Path, signals: NDArray[np.float64], matrix: tuple[float, float, int], size: tuple[int, int],
    *, codec: str = "libx264", space: int | None = None, primaries: int = 2, transfer: int = 2, full: bool = False,
) -> Path:  # fmt: skip
    """One frame with a column for each R'G'B' signal (n, 3), 0..1, in 10 bits; `space` is the tag of the matrix."""
    kr, kb, code = matrix
    width, height = size
    y = signals @ (kr, 1 - kr - kb, kb)
    u, v = (signals[:, 2] - y) / (2 - 2 * kb), (signals[:, 0] - y) / (2 - 2 * kr)
    luma, chroma, low = (1023, 1023, 0) if full else (876, 896, 64)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=LOSSLESS[codec])
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv444p10le"
        context = stream.codec_context
        context.colorspace, context.color_range = code if space is None else space, 2 if full else 1
        context.color_primaries, context.color_trc = primaries, transfer
        frame = av.VideoFrame(width, height, "yuv444p10le")
        frame.colorspace, frame.color_range = context.colorspace, context.color_range
        frame.color_primaries, frame.color_trc = primaries, transfer
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        for plane, values in zip(frame.planes, (low + luma * y, 512 + chroma * u, 512 + chroma * v), strict=True):
            row = np.zeros(plane.line_size // 2, "<u2")
            row[:width] = np.repeat(values.round().clip(0, 1023), width // len(signals))
            plane.update(np.tile(row, (height, 1)))
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def shown_patches(path: Path, count: int) -> NDArray[np.int64]:
    with open_reader(open_media(path)) as reader:
        pixels = reader.at(0.0).pixels
    step = pixels.shape[1] // count
    return np.asarray(pixels[pixels.shape[0] // 2, step // 2 :: step][:count], np.int64)


@pytest.mark.parametrize(
    ("size", "matrix", "space"),
    [
        ((1280, 64), BT709, 2),
        ((640, 580), BT709, 2),
        ((640, 480), BT601, 2),
        ((640, 576), BT601, 2),
        # What a file states is obeyed.
        ((1280, 64), BT601, 6),
        ((640, 480), BT709, 1),
        ((640, 480), BT2020, 9),
    ],
)
@pytest.mark.parametrize("full", [False, True])
def test_the_matrix_is_stated_or_guessed_from_the_size(
    tmp_path: Path, size: tuple[int, int], matrix: tuple[float, float, int], space: int, full: bool
) -> None:
    colours = np.array([*PATCHES, (20, 90, 160), (250, 240, 20)])
    path = write_patches(tmp_path / "v.mp4", colours / 255, matrix, size, space=space, full=full)
    assert np.abs(shown_patches(path, len(colours)) - colours).max() <= 2


def to_linear(colours: NDArray[Any]) -> NDArray[np.float64]:
    values = np.asarray(colours) / 255
    return np.asarray(np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4))


def from_linear(light: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.where(light <= 0.0031308, light * 12.92, 1.055 * light.clip(0) ** (1 / 2.4) - 0.055))


def pq(nits: NDArray[np.float64]) -> NDArray[np.float64]:
    power = (nits / 10_000) ** 0.1593017578125
    return np.asarray(((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375)


# ITU-R BT.2087, and SMPTE EG 432-1.
BT2020_OF_BT709 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
P3_OF_BT709 = np.array([[0.8225, 0.1774, 0.0], [0.0332, 0.9669, 0.0], [0.0171, 0.0724, 0.9108]])
# Darker than the knee of the tone curve: these colours stay.
DIM = np.array([(0, 0, 0), (40, 40, 40), (120, 120, 120), (165, 165, 165), (160, 50, 40), (30, 150, 60), (50, 60, 160)])


@pytest.mark.parametrize(("codec", "name"), [("libx264", "v.mp4"), ("ffv1", "v.mkv")])
def test_dim_colours_of_pq_are_what_they_were(tmp_path: Path, codec: str, name: str) -> None:
    nits = to_linear(DIM) @ BT2020_OF_BT709.T * 203
    path = write_patches(
        tmp_path / name, pq(nits), BT2020, (16 * len(DIM), 64), codec=codec, primaries=9, transfer=16
    )  # fmt: skip
    assert np.abs(shown_patches(path, len(DIM)) - DIM).max() <= 4
    assert told(path)["Light"].startswith("HDR (PQ), tone mapped from 1000 to 203 cd/m²")


def test_bright_light_of_pq_is_mapped_by_bt2390(tmp_path: Path) -> None:
    """The curve of ITU-R BT.2390 by hand: relative to the peak in PQ, a spline from the knee to the display's white."""
    nits = np.array([88.0, 150, 203, 400, 700, 1000, 4000])
    path = write_patches(
        tmp_path / "v.mp4", pq(np.repeat(nits[:, None], 3, axis=1)), BT2020, (112, 64), primaries=9, transfer=16
    )  # fmt: skip
    limit = float(pq(np.array(203.0)) / pq(np.array(1000.0)))
    knee = 1.5 * limit - 0.5
    expected = []
    for value in np.minimum(nits, 1000):
        t = max(0.0, (float(pq(value) / pq(np.array(1000.0))) - knee) / (1 - knee))
        mapped = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (3 * t**2 - 2 * t**3) * limit
        grid = np.linspace(0, 300, 300_001)
        light = np.interp(mapped * pq(np.array(1000.0)), pq(grid), grid)
        expected.append(255 * float(from_linear(np.array(light / 203))))
    shown = shown_patches(path, len(nits))
    assert np.abs(shown - np.array(expected)[:, None]).max() <= 2
    assert shown[-1].min() == 255
    assert np.all(np.diff(shown[:5, 0]) > 1)


def test_hlg_is_shown_as_on_a_display_of_1000_nits(tmp_path: Path) -> None:
    """Greys below the knee: the square of the signal over 3, to the system gamma of 1.2 (ITU-R BT.2100)."""
    signals = np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])
    path = write_patches(
        tmp_path / "v.mp4", np.repeat(signals[:, None], 3, axis=1), BT2020, (96, 64), primaries=9, transfer=18
    )  # fmt: skip
    expected = 255 * from_linear(1000 * (signals**2 / 3) ** 1.2 / 203)
    assert np.abs(shown_patches(path, len(signals)) - expected[:, None]).max() <= 2
    assert told(path)["Light"].startswith("HDR (HLG)")


@pytest.mark.parametrize(
    ("primaries", "of_bt709", "matrix", "title"),
    [(9, BT2020_OF_BT709, BT2020, "BT.2020"), (12, P3_OF_BT709, BT709, "P3")],
)
def test_a_wide_gamut_is_converted(
    tmp_path: Path, primaries: int, of_bt709: NDArray[np.float64], matrix: tuple[float, float, int], title: str
) -> None:
    colours = np.array([*PATCHES, (30, 150, 60)])
    signals = from_linear(to_linear(colours) @ of_bt709.T)
    path = write_patches(
        tmp_path / "v.mp4", signals, matrix, (16 * len(colours), 64), primaries=primaries, transfer=1
    )  # fmt: skip
    assert np.abs(shown_patches(path, len(colours)) - colours).max() <= 4
    assert told(path)["Light"] == f"wide gamut ({title}), converted to sRGB"


def test_tags_of_the_container_count_where_the_stream_states_none() -> None:
    """HEVC of `PATCHES` as BT.601 and of `DIM` as PQ: only the `colr` box (ISO/IEC 14496-12, 12.1.5) says so, and the
    decoder forgets it."""
    with av.open(str(CASES / "hevc_pq.mp4")) as container:
        assert next(container.decode(video=0)).color_trc == 2
    assert np.abs(shown_patches(CASES / "hevc_601.mp4", len(PATCHES)) - PATCHES).max() <= 2
    assert np.abs(shown_patches(CASES / "hevc_pq.mp4", len(DIM)) - DIM).max() <= 4
    assert told(CASES / "hevc_pq.mp4")["Light"].startswith("HDR (PQ)")


@pytest.mark.parametrize("space", [3, 8, 10, 14])
def test_a_matrix_that_is_not_known_does_not_stop_the_video(tmp_path: Path, space: int) -> None:
    colours = np.array(PATCHES)
    path = write_patches(tmp_path / "v.mkv", colours / 255, BT601, (96, 64), codec="ffv1", space=space)
    assert np.abs(shown_patches(path, len(colours)) - colours).max() <= 2
    assert told(path).get("Light", "").startswith("colours approximate") == (space != 3)


def test_what_is_guessed_of_ordinary_light_is_told(tmp_path: Path) -> None:
    assert told(CASES / "hdun.mp4")["Matrix"] == "BT.709 (none is stated; guessed from the size)"
    assert told(CASES / "sar.mp4")["Matrix"].startswith("BT.601")
    path = write_patches(tmp_path / "v.mp4", np.array(PATCHES) / 255, BT709, (96, 64), primaries=1, transfer=1)
    assert not {"Matrix", "Light"} & set(told(path))
    assert "Light" not in told(CASES / "hdun.mp4")


def test_pixels_that_are_not_square_are_shown_as_they_look() -> None:
    media = open_media(CASES / "sar.mp4")
    assert media.size == (320, 120)
    expected = [cv2.resize(frame, (320, 120)) for frame in played(CASES / "sar.mp4")]
    with open_reader(media) as reader:
        for number in (0, 30, 49, 7):
            frame = reader.at(number / 25 + 0.01)
            assert frame.size == media.size
            assert np.abs(frame.pixels.astype(int) - expected[number]).mean() < 2
    assert told(CASES / "sar.mp4")["Pixel aspect"] == "2:1 (stored as 160 × 120)"
    assert make_thumbnail(CASES / "sar.mp4").pixels.shape == (72, 192, 3)


def test_frames_of_another_size_are_scaled_to_the_first() -> None:
    media = open_media(CASES / "rchange.ts")
    assert media.size == (160, 120)
    assert media.duration_secs == pytest.approx(2.92)
    decoded = [frame.to_ndarray(format="rgb24") for frame in av.open(str(CASES / "rchange.ts")).decode(video=0)]
    expected = decoded[:50] + [cv2.resize(frame, (160, 120), interpolation=cv2.INTER_LINEAR) for frame in decoded[52:]]
    with open_reader(media) as reader:
        frames = list(iter(reader.next, None))
        # The first two frames of the second part overlap the last two of the first.
        assert len(frames) == 73
        for frame, wanted in zip(frames, expected, strict=True):
            assert frame.size == (160, 120)
            assert np.abs(frame.pixels.astype(int) - wanted).mean() < 2
        assert np.array_equal(reader.at(2.5).pixels, frames[62].pixels)
    assert told(CASES / "rchange.ts")["Size changes"] == "to 320 × 240 (scaled to the first one's size)"
    assert "Size changes" not in told(CASES / "live.webm")
