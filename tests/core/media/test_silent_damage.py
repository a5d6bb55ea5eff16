"""Damage that decoders pass over, or print instead of telling it: one sentence or fact of ours, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest
import soundfile
import tifffile
from numpy.typing import NDArray

from cvstudio.cli.main import main
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.native_messages import NATIVE_MESSAGES, muted
from cvstudio.media import MediaKind, open_media, open_reader
from cvstudio.media.damage.losses import LOSSES
from cvstudio.media.facts import facts

from .conftest import tone, write_media

FLAW = "some of its data are wrong, so that part of the picture is"


@pytest.fixture(autouse=True)
def nothing_known() -> None:
    LOSSES.forget()


@pytest.fixture(scope="module")
def large() -> NDArray[np.uint8]:
    y, x = np.mgrid[:240, :320]
    noise = np.random.default_rng(0).integers(0, 40, (240, 320, 3))
    return np.clip(np.stack([x // 2, y, (x + y) // 3], 2) + noise, 0, 255).astype(np.uint8)


def damage_of(path: Path) -> str:
    return dict(facts(open_media(path))).get("Damage", "")


def hurt(path: Path, begin: float, end: float, fill: int | None = 0) -> None:
    """Overwrite a part of the file with a byte, or with noise."""
    content = path.read_bytes()
    start, stop = round(len(content) * begin), round(len(content) * end)
    noise = np.random.default_rng(0).integers(0, 256, stop - start, np.uint8).tobytes()
    path.write_bytes(content[:start] + (noise if fill is None else bytes([fill]) * (stop - start)) + content[stop:])


@pytest.mark.parametrize("options", [{}, {"restart_marker_rows": 1}, {"grey": True}])
@pytest.mark.parametrize("fill", [0x55, 0])
def test_a_jpeg_with_wrong_data_says_so(
    tmp_path: Path, large: NDArray[np.uint8], options: dict[str, int], fill: int
) -> None:
    path = tmp_path / "a.jpg"
    options = dict(options)
    picture = PIL.Image.fromarray(large)
    picture = picture.convert("L") if options.pop("grey", False) else picture
    picture.save(path, quality=90, **options)  # type: ignore[arg-type]
    assert damage_of(path) == ""
    hurt(path, 0.5, 0.53, fill)
    told = ""
    try:
        told = damage_of(path)
    except MediaError as error:  # its lower part is filled up in grey
        told = str(error)
    assert told in (FLAW, "'a.jpg' is damaged or was cut short; get a fresh copy of it.")
    assert told == FLAW or not options


def test_a_reader_of_such_a_jpeg_tells_it(tmp_path: Path, large: NDArray[np.uint8]) -> None:
    path = tmp_path / "a.jpg"
    PIL.Image.fromarray(large).save(path, quality=90, restart_marker_rows=1)
    hurt(path, 0.5, 0.53, 0x55)
    with open_reader(open_media(path)) as reader:
        reader.read()
    assert LOSSES.sentences() == [f"'a.jpg' is damaged: {FLAW}."]


@pytest.mark.parametrize("count", [1, 16])
def test_what_cameras_leave_before_the_end_marker_is_no_damage(
    tmp_path: Path, large: NDArray[np.uint8], count: int
) -> None:
    path = tmp_path / "a.jpg"
    PIL.Image.fromarray(large).save(path, quality=90)
    path.write_bytes(path.read_bytes()[:-2] + b"\x11" * count + b"\xff\xd9")
    assert damage_of(path) == ""


def test_a_webp_with_a_lost_sector_says_so(tmp_path: Path, large: NDArray[np.uint8]) -> None:
    path = tmp_path / "a.webp"
    PIL.Image.fromarray(large).save(path, quality=95)
    assert damage_of(path) == ""
    content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes(content[:middle] + bytes(1024) + content[middle + 1024 :])
    assert damage_of(path) == FLAW
    # A plain picture consists of hardly anything but zeros.
    PIL.Image.new("RGB", (8000, 6000), (10, 200, 30)).save(path)
    assert damage_of(path) == ""


@pytest.mark.parametrize("way", ["cut", "zeroed"])
def test_an_animated_gif_that_breaks_off_says_so(tmp_path: Path, large: NDArray[np.uint8], way: str) -> None:
    path = tmp_path / "a.gif"
    frames = [PIL.Image.fromarray(np.roll(large, 9 * number, 1)) for number in range(4)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=80)
    assert damage_of(path) == ""
    content = path.read_bytes()
    left = content[: len(content) * 2 // 3]
    path.write_bytes(left if way == "cut" else left[:-3000] + bytes(3000) + content[len(left) :])
    assert damage_of(path).startswith("it breaks off, so that pictures at its end may be missing")


def test_missing_strips_of_a_tiff_are_counted(tmp_path: Path, large: NDArray[np.uint8]) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, large, rowsperstrip=40, compression="zlib")
    assert damage_of(path) == ""
    with tifffile.TiffFile(path) as tiff:
        counts = tiff.pages[0].aspage().tags["StripByteCounts"]
        place, size = counts.valueoffset, counts.valuebytecount // counts.count
    content = bytearray(path.read_bytes())
    content[place + 2 * size : place + 4 * size] = bytes(2 * size)
    path.write_bytes(content)
    assert damage_of(path) == "2 of 6 strips or tiles are missing and black"


def test_wrong_jpeg_data_within_a_tiff(tmp_path: Path, large: NDArray[np.uint8]) -> None:
    path = tmp_path / "a.tif"
    PIL.Image.fromarray(large).save(path, compression="jpeg")
    assert damage_of(path) == ""
    content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes(content[:middle] + b"\x55" * 300 + content[middle + 300 :])
    assert damage_of(path) == FLAW


@pytest.mark.parametrize(
    ("name", "codec", "told"),
    [
        ("a.aac", "aac", "0.4"),
        ("a.m4a", "aac", "0.4"),
        ("a.ogg", "", "0.5"),
        ("a.opus", "libopus", "1.0"),
        ("a.tta", "tta", "1.0"),
    ],
)
def test_sound_that_is_lost_is_told_in_seconds(tmp_path: Path, name: str, codec: str, told: str) -> None:
    path = tmp_path / name
    if codec:
        write_media(path, sound=tone(4, 48000), sound_codec=codec)
    else:
        soundfile.write(path, tone(4, 44100).T, 44100)
    assert damage_of(path) == ""
    if name == "a.opus":
        hurt(path, 0.4, 0.4001, 0x55)
    else:
        hurt(path, 0.4, 0.5, None)
    assert damage_of(path).startswith(told)
    assert damage_of(path).endswith(" s of the sound could not be decoded and are silent")
    media = open_media(path, kind=MediaKind.AUDIO)
    with open_reader(media) as reader:
        samples = reader.read(0, reader.n_samples).samples
    silent = float((np.abs(samples).max(0) == 0).sum()) / media.rate_hz
    assert float(told) == pytest.approx(silent, abs=0.12)


def test_lost_frames_of_an_mp3_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    soundfile.write(path, tone(4, 44100).T, 44100)
    assert damage_of(path) == ""
    hurt(path, 0.4, 0.5)
    assert damage_of(path).startswith("other bytes are amid its frames, so that some are lost (155 frames stated, 139")


def test_a_lost_frame_of_a_streamed_flac_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, tone(2, 44100).T, 44100)
    content = bytearray(path.read_bytes())
    content[22:26] = bytes(4)  # the number of samples, which a stream does not know
    path.write_bytes(content)
    assert damage_of(path) == ""
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)
    assert damage_of(path).startswith("some of its frames are damaged and left out")


def test_a_cut_rf64_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.rf64"
    soundfile.write(path, tone(2, 44100).T, 44100, format="RF64")
    assert "Length" not in dict(facts(open_media(path)))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert dict(facts(open_media(path)))["Length"] == "2.00 s stated, but the file ends before; read to its end"


def test_zeros_within_a_streamed_flac_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, tone(0.5, 44100).T, 44100)
    content = bytearray(path.read_bytes())
    content[22:26] = bytes(4)
    start = len(content) * 2 // 3
    content[start : start + 8000] = bytes(8000)
    path.write_bytes(content)
    assert damage_of(path).startswith("some of its frames are damaged and left out")


def test_a_matroska_sound_that_ends_before_its_length(tmp_path: Path) -> None:
    path = tmp_path / "a.mka"
    write_media(path, sound=tone(4, 48000), sound_codec="flac")
    assert "Length" not in dict(facts(open_media(path)))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert dict(facts(open_media(path)))["Length"] == "4.00 s stated, but the sound ends before"


def cut_files(folder: Path, large: NDArray[np.uint8]) -> list[Path]:
    """Files whose heads are whole and whose data are not, on which libraries print."""
    import OpenEXR

    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    with OpenEXR.File(header, {"RGB": large.astype(np.float16)}) as file:
        file.write(str(folder / "a.exr"))
    tifffile.imwrite(folder / "a.tif", large, compression="zlib")
    cv2.imwrite(str(folder / "a.png"), large)
    soundfile.write(folder / "a.flac", tone(2, 44100).T, 44100)
    paths = [folder / "a.exr", folder / "a.tif", folder / "a.flac"]
    for path in paths:
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    png = bytearray((folder / "a.png").read_bytes())
    png[len(png) // 2] ^= 1
    (folder / "a.png").write_bytes(png)
    return [*paths, folder / "a.png"]


def test_info_of_a_cut_file_says_so_and_nothing_else_is_printed(
    tmp_path: Path, large: NDArray[np.uint8], capfd: pytest.CaptureFixture[str]
) -> None:
    sentence = "is damaged or was cut short; get a fresh copy of it."
    for path in cut_files(tmp_path, large):
        code = main(["info", str(path)])
        out, err = capfd.readouterr()
        assert f"'{path.name}' {sentence}" in out + err
        assert (out + err).count("\n") == (1 if code else out.count("\n  ") + 1 + err.count("\n"))
        assert err in ("", f"cvstudio: '{path.name}' {sentence}\n")
        assert "Warning" not in out


def test_run_prints_one_sentence(tmp_path: Path, large: NDArray[np.uint8]) -> None:
    for path in (cut_files(tmp_path, large)[0], tmp_path / "a.png"):
        command = [sys.executable, "-m", "cvstudio", "run", "hog", str(path), "-o", str(tmp_path / "o.png"), "--quiet"]
        done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), check=False)
        assert done.returncode == 1
        assert done.stderr == f"cvstudio: '{path.name}' is damaged or was cut short; get a fresh copy of it.\n"
        assert done.stdout == ""


def test_what_other_threads_print_meanwhile_is_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    begun, done = threading.Event(), threading.Event()

    def library() -> int:
        os.write(2, b"Corrupt JPEG data: 134 extraneous bytes before marker 0xd0\n")
        begun.set()
        assert done.wait(10)
        return 7

    def other() -> None:
        begun.wait(10)
        os.write(2, b"\rhalf done")
        print("for people")
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    with muted():
        print("of the library")
        answer, messages = NATIVE_MESSAGES.of(library)
    thread.join()
    assert (answer, messages.alone) == (7, True)
    assert messages.text == "Corrupt JPEG data: 134 extraneous bytes before marker 0xd0\n"
    out, err = capfd.readouterr()
    assert (out, err) == ("for people\n", "\rhalf done")


def test_two_libraries_at_once_are_not_alone(capfd: pytest.CaptureFixture[str]) -> None:
    def outer() -> bool:
        _, inner = NATIVE_MESSAGES.of(lambda: os.write(2, b"libpng warning: x\n"))
        return inner.alone

    inner_alone, messages = NATIVE_MESSAGES.of(outer)
    assert not inner_alone
    assert not messages.alone
    assert messages.text == "libpng warning: x\n"
    with pytest.raises(MediaError):
        NATIVE_MESSAGES.of(_refuse)
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_nobody_listens_to_standard_error_any_more(capfd: pytest.CaptureFixture[str]) -> None:
    """As behind ``2>&1 | head``: what was printed meanwhile is lost, and the picture is not."""
    kept = os.dup(2)
    reading, writing = os.pipe()
    os.dup2(writing, 2)
    os.close(writing)
    os.close(reading)
    try:
        answer, _ = NATIVE_MESSAGES.of(lambda: os.write(2, b"of another thread\n"))
    finally:
        os.dup2(kept, 2)
        os.close(kept)
    assert answer == len("of another thread\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def _refuse() -> None:
    raise MediaError("no")
