"""What is told of a medium, in the window and by `cvstudio info`."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import PIL.Image
import pytest
import soundfile
import tifffile

from cvstudio.cli.main import main
from cvstudio.media import Media, MediaKind, open_media
from cvstudio.media.facts import byte_size, duration, facts, quick_facts, slow_facts

from .conftest import tone, write_media


def told(path: Path) -> dict[str, str]:
    return dict(facts(open_media(path)))


@pytest.mark.parametrize("kind", list(MediaKind))
def test_something_is_told_of_every_kind(tmp_path: Path, kind: MediaKind) -> None:
    media = Media("id", tmp_path / "a", kind)
    assert len(dict(quick_facts(media))["Kind"]) > 3
    assert dict(slow_facts(media)).get("Folder", str(tmp_path)) == str(tmp_path)


def test_a_picture(tmp_path: Path) -> None:
    PIL.Image.fromarray(np.zeros((900, 1600, 4), np.uint8)).save(tmp_path / "a.png")
    found = told(tmp_path / "a.png")
    assert (found["Kind"], found["Format"], found["Bits"], found["Channels"]) == ("picture", "PNG", "8", "RGBA")
    assert found["Size"] == "1600 × 900 (1.44 megapixels)"
    assert found["File size"] == byte_size((tmp_path / "a.png").stat().st_size)
    assert found["Folder"] == str(tmp_path)


def test_the_bits_are_those_of_the_file(tmp_path: Path) -> None:
    """And not those after reading, which knows uint8, uint16 and float32 only."""
    assert told(Path(__file__).parent / "cases" / "half.tif")["Values"] == "16-bit floats"
    y, x = np.mgrid[:40, :60]
    for dtype, text in (("f2", "16-bit floats"), ("f4", "32-bit floats"), ("f8", "64-bit floats"), ("u2", "16-bit in")):
        distances = (1 + x // 10 + y // 10).astype(dtype)
        tifffile.imwrite(tmp_path / "depth.tif", distances)
        np.save(tmp_path / "depth.npy", distances)
        assert told(tmp_path / "depth.tif")["Values"].startswith(text)
        assert told(tmp_path / "depth.npy")["Values"].startswith(text)
    for dtype, number, bits in (("f2", "float", 16), ("f4", "float", 32), ("u4", "integer", 32)):
        planes = np.dstack([x + y] * 3).astype(dtype)
        with OpenEXR.File({}, {"R": planes[..., 0], "G": planes[..., 1] + 1, "B": planes[..., 2]}) as file:
            file.write(str(tmp_path / "a.exr"))
        assert told(tmp_path / "a.exr")["Bits"] == f"{bits} ({number})"
        with OpenEXR.File({}, {"Z": planes[..., 0]}) as file:
            file.write(str(tmp_path / "depth.exr"))
        assert told(tmp_path / "depth.exr")["Values"] == f"{bits}-bit {number}s"


@pytest.mark.parametrize(
    ("name", "mode", "options", "bits"),
    [
        ("a.png", "1", {}, ("1", "grey")),
        ("a.png", "P", {"bits": 4}, ("4", "palette")),
        ("a.png", "P", {}, ("8", "palette")),
        ("a.png", "I;16", {}, ("16", "grey")),
        ("a.bmp", "1", {}, ("1", "palette")),
        ("a.bmp", "P", {}, ("8", "palette")),
        ("a.bmp", "RGB", {}, ("8", "RGB")),
        ("a.gif", "P", {}, ("8", "palette")),
        ("a.pbm", "1", {}, ("1", "grey")),
        ("a.pgm", "L", {}, ("8", "grey")),
    ],
)
def test_the_bits_of_pictures(
    tmp_path: Path, name: str, mode: str, options: dict[str, Any], bits: tuple[str, str]
) -> None:
    levels = np.random.default_rng(0).integers(0, 15 if "bits" in options else 255, (40, 60), np.uint8)
    picture = PIL.Image.fromarray(levels.astype(np.uint16) * 257 if mode == "I;16" else levels)
    if mode == "P":
        picture.putpalette(np.random.default_rng(1).integers(0, 255, 48 if options else 768, np.uint8).tobytes())
    path = tmp_path / name
    (picture if mode in ("P", "I;16") else picture.convert(mode)).save(path, **options)
    found = told(path)
    assert (found["Bits"], found["Channels"]) == bits


def test_the_white_of_a_netpbm_file_and_the_masks_of_a_bmp_say_the_bits(tmp_path: Path) -> None:
    path = tmp_path / "a.ppm"
    path.write_bytes(b"P6 2 1 1023\n" + bytes(12))
    assert told(path)["Bits"] == "10, white is 1,023"
    path = tmp_path / "a.pgm"
    path.write_bytes(b"P5 2 1 15\n\1\2")
    assert told(path)["Bits"] == "4, white is 15"
    for packing, masks, bits in ((0, (), "5"), (3, (0xF800, 0x7E0, 0x1F), "6")):
        body = struct.pack("<IiiHHIIiiII", 40, 2, 1, 1, 16, packing, 4, 0, 0, 0, 0)
        body += struct.pack(f"<{len(masks)}I", *masks)
        content = struct.pack("<2sIHHI", b"BM", 18 + len(body), 0, 0, 14 + len(body)) + body + bytes(4)
        path = tmp_path / "a.bmp"
        path.write_bytes(content)
        assert told(path)["Bits"] == bits


def test_steady_and_unsteady_video(tmp_path: Path) -> None:
    steady = write_media(tmp_path / "a.mp4", [40 * number for number in range(60)], sound=tone(2.4, 48000))
    found = told(steady)
    assert (found["Frame rate"], found["Duration"], found["Codec"]) == ("25 fps", "2.400 s", "h264")
    assert found["Sound"] == "48,000 Hz, stereo"
    assert found["Mix"].startswith("a spectrogram shows the mean power of all channels")
    # NTSC in Matroska: its times are rounded to milliseconds, which does not make them uneven.
    ntsc = write_media(tmp_path / "b.mkv", [round(1001 / 30 * number) for number in range(400)], rate=30)
    assert "variable" not in told(ntsc)["Frame rate"]
    times = np.cumsum(np.random.default_rng(0).integers(15, 90, 60)).tolist()
    uneven = write_media(tmp_path / "c.mkv", times)
    assert told(uneven)["Frame rate"].startswith("variable, ")


def test_a_variable_rate_is_told_with_its_range(tmp_path: Path) -> None:
    """0.04 s, later 0.12 s and once 0.48 s, 23 frames in 2.4 s; the track states 2.16 s, to which FFmpeg counts."""
    path = Path(__file__).parent / "cases" / "vfr.mp4"
    assert told(path)["Frame rate"] == "variable, 2.08 to 25 fps, 9.583 on average"
    assert open_media(path).frame_rate == pytest.approx(23 / 2.4)
    # The rate changes late in the film.
    times = np.cumsum([40] * 400 + [100] * 100).tolist()
    assert told(write_media(tmp_path / "a.mp4", times))["Frame rate"].startswith("variable, 10 to 25 fps, ")
    # One lost frame is no variable rate.
    times = [40 * number for number in range(200) if number != 70]
    assert told(write_media(tmp_path / "b.mp4", times))["Frame rate"] == (
        "25 fps; 1 frame lasts longer or shorter, up to 0.08 s"
    )
    edited = Path(__file__).parent / "cases" / "edit.mp4"
    assert told(edited)["Frame rate"] == "25 fps"


def test_sound(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", tone(1.5, 44100, 1).T, 44100, subtype="PCM_24")
    found = told(tmp_path / "a.flac")
    assert (found["Kind"], found["Format"], found["Codec"]) == ("sound", "FLAC", "PCM_24")
    assert (found["Sound"], found["Duration"]) == ("44,100 Hz, mono", "1.500 s")
    assert "Mix" not in found


@pytest.mark.parametrize(
    ("secs", "text"),
    [
        *((0.79, "0.790 s"), (59.9, "59.900 s"), (65.2, "1:05.20"), (3605.2, "1:00:05.2")),
        *((59.9996, "1:00.00"), (119.999, "2:00.00"), (3599.996, "1:00:00.0"), (7199.96, "2:00:00.0")),
    ],
)
def test_durations(secs: float, text: str) -> None:
    assert duration(secs) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        *((7, "7 bytes"), (999, "999 bytes"), (1000, "1 kB"), (4_740_000, "4.74 MB"), (2e12, "2 TB")),
        *((999_400, "999 kB"), (999_600, "1 MB")),
    ],
)
def test_byte_sizes(count: float, text: str) -> None:
    assert byte_size(int(count)) == text


def test_the_command_tells_as_text_and_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in (1, 2):
        PIL.Image.fromarray(np.zeros((10, 20 * number, 3), np.uint8)).save(tmp_path / f"{number}.png")
    paths = [str(tmp_path / f"{number}.png") for number in (1, 2)]
    assert main(["info", *paths]) == 0
    out = capsys.readouterr().out
    assert all(text in out for text in (*paths, "20 × 10", "40 × 10"))
    assert main(["info", "--json", *paths]) == 0
    read = json.loads(capsys.readouterr().out)
    assert [(item["path"], item["kind"], item["width"], item["height"]) for item in read] == [
        (paths[0], "image", 20, 10),
        (paths[1], "image", 40, 10),
    ]
    assert read[0]["facts"]["Format"] == "PNG"


def test_one_bad_file_does_not_hide_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    PIL.Image.fromarray(np.zeros((10, 20, 3), np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"nonsense")
    assert main(["info", str(tmp_path / "b.png"), str(tmp_path / "a.png")]) == 1
    told_ = capsys.readouterr()
    assert "20 × 10" in told_.out
    assert "'b.png' is of no known format" in told_.err
    assert len(told_.err) < 300
    with pytest.raises(SystemExit):
        main(["info", "--help"])
    assert ".flac" in capsys.readouterr().out


def test_real_media(data: Callable[..., Path]) -> None:
    depth = told(data("rgbd", "frame-000000.depth.png"))
    assert (depth["Kind"], depth["Values"], depth["Scale"]) == ("depth map", "16-bit integers", "1/1000 m")
    bunny = told(data("meshes", "stanford-bunny.obj"))
    assert (bunny["Vertices"], bunny["Faces"], bunny["Watertight"]) == ("35,947", "69,451 triangles", "no")
    clip = told(data("video", "faces_1080p.mp4"))
    assert (clip["Size"], clip["Frame rate"]) == ("1920 × 1080 (2.07 megapixels)", "25 fps")


@pytest.mark.parametrize(("suffix", "form"), [(".gif", "GIF"), (".png", "PNG"), (".webp", "WEBP")])
def test_the_last_picture_of_an_animation_counts_for_its_rate(tmp_path: Path, suffix: str, form: str) -> None:
    frames = [PIL.Image.fromarray(np.random.default_rng(i).integers(0, 255, (40, 60, 3), np.uint8)) for i in range(6)]
    delays = [40, 40, 200, 40, 40, 400]
    path = tmp_path / f"a{suffix}"
    frames[0].save(path, form, save_all=True, append_images=frames[1:], duration=delays)
    assert told(path)["Frame rate"] == "variable, 2.5 to 25 fps, 7.895 on average"
