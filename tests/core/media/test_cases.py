"""A test for each row of ../shared/cases/README.md, called as the case is, with the right value that it states.

The folder is not in the repository: the tests beside this one make files of the same kinds for themselves.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cvstudio.cli.main import main
from cvstudio.foundation.errors import MediaError
from cvstudio.media import Media, MediaKind, open_media, open_reader
from cvstudio.media.facts import facts
from cvstudio.running.runner import Runner, make_instance

ROOT = Path(__file__).resolve().parents[3]
CASES = Path(os.environ.get("CVSTUDIO_DATA") or ROOT.parent / "shared" / "data").parent / "cases"
Check = Callable[[Path, Path, pytest.CaptureFixture[str]], None]
CHECKS: dict[str, Check] = {}
PATCHES = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0], [128, 128, 128], [255, 255, 0]]
PATCHES += [[30, 120, 200]]
"""Colours of the patches of 8 columns of several cases."""


def row(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register the check of the cases `names`, called with the file, an empty folder, and what was printed."""

    def register(check: Callable[..., None]) -> Callable[..., None]:
        for name in names:
            CHECKS[name] = check
        return check

    return register


@pytest.fixture
def cases() -> Path:
    if not CASES.is_dir():
        pytest.skip("needs ../shared/cases, or cases beside $CVSTUDIO_DATA")
    return CASES


def sample(path: Path, **options: Any) -> Any:
    with open_reader(open_media(path, **options)) as reader:
        return reader.read()


def sound(path: Path, **options: Any) -> NDArray[np.float32]:
    """All samples, (channels, n)."""
    with open_reader(open_media(path, **options)) as reader:
        return np.asarray(reader.read(0, 10_000_000).samples)


def frames(media: Media) -> Iterator[Any]:
    with open_reader(media) as reader:
        while (frame := reader.next()) is not None:
            yield frame


def told(path: Path, **options: Any) -> dict[str, str]:
    return dict(facts(open_media(path, **options)))


def along(path: Path, **options: Any) -> list[Any]:
    """The middle of each patch at 8 bits."""
    return sample(path, **options).rgb8[24, 4::8].tolist()


def run(*arguments: object) -> int:
    """Exit status of a detection with the quickest detector."""
    return main(["run", "detect", "--model", "haar-face", "-q", *map(str, arguments)])


def refused(path: Path, text: str) -> None:
    with pytest.raises(MediaError, match=text):
        sample(path)


@row("two/x/001.jpg")
def _input_is_spared(path: Path, folder: Path, printed: Any) -> None:
    photo = Path(shutil.copy(path, folder / "p.jpg"))
    before = photo.read_bytes()
    (folder / "link.jpg").symlink_to(photo)
    os.link(photo, folder / "hard.jpg")
    for target in (photo, folder / "link.jpg", folder / "hard.jpg", folder / ".." / folder.name / "p.jpg"):
        assert run(photo, "-o", target) == 1
        assert "is an input file" in printed.readouterr().err
        assert photo.read_bytes() == before


@row("two")
def _two_folders(path: Path, folder: Path, printed: Any) -> None:
    import json

    pictures = [path / name / "001.jpg" for name in ("x", "y")]
    code = run(*pictures, "-o", folder / "out", "--format", "coco")
    assert code == 0, printed.readouterr().err
    target = folder / "out" / "detect.coco.json"
    names = [image["file_name"] for image in json.loads(target.read_text())["images"]]
    assert sorted(names) == ["x/001.jpg", "y/001.jpg"]


@row("two/my cat.jpg")
def _name_with_a_blank(path: Path, folder: Path, printed: Any) -> None:
    for form, suffix in (("yolo", ".txt"), ("voc", ".xml")):
        code = run(
            path, path.parent / "x" / "001.jpg", "-o", folder / form, "--format", form, f"--{form}-pictures", "false"
        )
        assert code == 0, printed.readouterr().err
        assert [label.name for label in (folder / form).rglob(f"my*{suffix}")] == [f"my cat{suffix}"]


@row("(a name in Latin-1 bytes)")
def _latin_1(path: Path, folder: Path, printed: Any) -> None:
    if sys.platform in ("darwin", "win32"):
        pytest.skip("file names are Unicode there")
    odd = os.fsdecode(os.fsencode(folder) + b"/caf\xe9.jpg")
    shutil.copy(CASES / "two" / "x" / "001.jpg", odd)
    program = [sys.executable, "-m", "cvstudio"]
    # In processes of their own: what they print is no UTF-8, which pytest cannot capture.
    for command in (["info"], ["run", "detect", "--model", "haar-face", "-q", "-o", folder / "out.json"]):
        subprocess.run([*program, *command, odd], cwd=ROOT, capture_output=True, check=True)
    assert (folder / "out.json").stat().st_size > 0


@row("(-o below a file, /proc/nope)")
def _no_folder(path: Path, folder: Path, printed: Any) -> None:
    photo = str(CASES / "two" / "x" / "001.jpg")
    (folder / "file").write_text("")
    for target in (folder / "file" / "a.json", Path("/proc/nope/a.json")):
        assert run(photo, "-o", target) == 1
        message = printed.readouterr().err.strip()
        assert message.endswith(".")
        assert "Traceback" not in message


@row("draco.glb")
def _draco(path: Path, folder: Path, printed: Any) -> None:
    refused(path, "KHR_draco_mesh_compression")


@row("live.webm")
def _live(path: Path, folder: Path, printed: Any) -> None:
    media = open_media(path)
    assert (media.duration_secs, media.frame_count) == (pytest.approx(2.0), 50)


@row("vbr.mp3")
def _vbr(path: Path, folder: Path, printed: Any) -> None:
    assert sound(path).shape[1] == 13_824


@row("chained.ogg")
def _chained(path: Path, folder: Path, printed: Any) -> None:
    # 23,872 samples come out of a decoder that loses the first block of the second link.
    assert sound(path).shape[1] in (23_872, 24_000)


@row("xray16.png")
def _xray(path: Path, folder: Path, printed: Any) -> None:
    assert (open_media(path).kind, open_media(path, read_as="depth").kind) == (MediaKind.IMAGE, MediaKind.DEPTH)
    assert {"picture", "picture=10-bit", "picture=12-bit"} <= {reading.key for reading in open_media(path).readings}
    assert main(["info", str(path), "--read-as", "picture"]) == 0
    code = run(path, path, "--read-as", "picture", "-o", folder / "out", "--format", "json")
    assert code == 0, printed.readouterr().err


@row("bf32zero.bmp")
def _bit_fields(path: Path, folder: Path, printed: Any) -> None:
    image = sample(path)
    assert image.alpha is None or image.alpha.min() == 255
    assert along(path) == PATCHES


@row("a98.png", "a98.jpg")
def _adobe_rgb(path: Path, folder: Path, printed: Any) -> None:
    np.testing.assert_allclose(along(path)[:3], [[221, 62, 62], [0, 192, 46], [62, 62, 196]], atol=2)
    assert "converted to sRGB" in told(path)["Colour profile"]


@row("lab8.tif")
def _lab(path: Path, folder: Path, printed: Any) -> None:
    assert along(path)[3] == [255, 255, 255]
    # L*a*b* in 8 bits is coarse.
    np.testing.assert_allclose(along(path), PATCHES, atol=10)


@row("mw16.tif")
def _white_is_zero(path: Path, folder: Path, printed: Any) -> None:
    assert [color[0] for color in along(path, read_as="picture")][:3] == [16, 48, 80]


@row("la16.tif")
def _grey_and_alpha(path: Path, folder: Path, printed: Any) -> None:
    image = sample(path)
    assert (image.pixels.dtype, image.alpha.dtype, set(image.alpha.ravel().tolist())) == (np.uint16, np.uint16, {32768})
    assert [color[0] for color in along(path)][:3] == [16, 48, 80]


@row("labels_u32.tif", "half.tif", "p_zstd.tif")
def _whole_tiffs(path: Path, folder: Path, printed: Any) -> None:
    import tifffile

    numbers = tifffile.imread(path)
    if path.name == "p_zstd.tif":
        np.testing.assert_array_equal(sample(path).pixels, numbers)
    elif path.name == "half.tif":
        np.testing.assert_array_equal(sample(path, read_as="depth").values, numbers.astype(np.float32))
    else:
        labels = np.unique(numbers)
        assert told(path, read_as="labels")["Labels"] == f"{len(labels) - 1}, 1 to {labels[-1]}"


@row("rawlike.dng")
def _raw_like(path: Path, folder: Path, printed: Any) -> None:
    assert sample(path).size == (128, 96)


@row("ome.ome.tif")
def _pages(path: Path, folder: Path, printed: Any) -> None:
    import tifffile

    assert told(path)["Pages"] == "3; the first is shown"
    with tifffile.TiffFile(path) as tiff:
        pages = [page.asarray() for page in tiff.pages]
    for number, key in enumerate(("picture", "picture=2", "picture=3")):
        np.testing.assert_array_equal(sample(path, read_as=key).pixels[..., 0], pages[number])


@row("cut_then_other.jpg")
def _cut_then_other(path: Path, folder: Path, printed: Any) -> None:
    refused(path, "damaged or was cut short")


@row("edit.mp4")
def _edit_list(path: Path, folder: Path, printed: Any) -> None:
    media = open_media(path)
    assert (media.frame_count, len(list(frames(media)))) == (36, 36)
    assert "edit list" in told(path)["Not read"]


@row("vfr.mp4")
def _variable_rate(path: Path, folder: Path, printed: Any) -> None:
    media = open_media(path)
    with open_reader(media) as reader:
        times = list(reader.frame_times())
        assert times[-1] == pytest.approx(2.28)
        assert reader.at(times[-1]).pts == pytest.approx(2.28)
    assert media.duration_secs is not None
    assert media.duration_secs > 2.28


@row("rchange.ts")
def _size_changes(path: Path, folder: Path, printed: Any) -> None:
    media = open_media(path)
    shown = list(frames(media))
    assert {frame.size for frame in shown} == {media.size}
    assert "320 × 240" in told(path)["Size changes"]


@row("hdun.mp4")
def _untagged_hd(path: Path, folder: Path, printed: Any) -> None:
    with open_reader(open_media(path)) as reader:
        pixels = reader.at(0.0).rgb8.reshape(-1, 3).astype(int)
    assert np.abs(pixels - (200, 40, 40)).max(axis=1).min() <= 3


@row("sar.mp4")
def _pixel_aspect(path: Path, folder: Path, printed: Any) -> None:
    media = open_media(path)
    assert media.size == (320, 120)
    assert {frame.size for frame in frames(media)} == {(320, 120)}


@row("antiphase.wav")
def _out_of_phase(path: Path, folder: Path, printed: Any) -> None:
    with Runner() as runner:
        result = runner.result(make_instance("spectrogram", {"sound": path}))
    decibels = result.low_db + result.levels[:, : result.columns_done].max(1) / 255 * (result.high_db - result.low_db)
    loudest = int(decibels.argmax())
    assert abs(loudest * result.rate_hz / result.window - 1000) <= result.rate_hz / result.window
    assert decibels[loudest] == pytest.approx(-6, abs=1)
    assert "mean power of all channels" in told(path)["Mix"]
    assert np.abs(sound(path, read_as="sound=left")).max() == pytest.approx(0.5, abs=1e-3)


@row("zero.wav")
def _no_samples(path: Path, folder: Path, printed: Any) -> None:
    refused(path, "holds no sound: its length is 0")


@row("covnoflag.mp4")
def _cover(path: Path, folder: Path, printed: Any) -> None:
    media = open_media(path)
    assert (media.kind, media.duration_secs) == (MediaKind.AUDIO, pytest.approx(9.25, abs=0.03))


@row("calib_first.npz")
def _array(path: Path, folder: Path, printed: Any) -> None:
    depth = sample(path)
    assert (depth.values.shape, depth.unit) == ((48, 64), "m")
    np.testing.assert_array_equal(depth.values, np.load(path)["depth"])
    assert told(path)["Read"] == "array depth"


@row("crlf.pfm")
def _crlf(path: Path, folder: Path, printed: Any) -> None:
    values = sample(path).values
    assert (values.min(), values.max()) == (0.5, 5)


@row("sky.exr")
def _sky(path: Path, folder: Path, printed: Any) -> None:
    depth = sample(path)
    measured = depth.values[~depth.invalid]
    assert (measured.min(), measured.max()) == (pytest.approx(1.25, abs=1e-3), pytest.approx(5))
    assert not told(path)["Measured"].startswith("100")


@row("inv65535.png")
def _missing(path: Path, folder: Path, printed: Any) -> None:
    depth = sample(path, settings={"depth_missing": "largest"})
    assert depth.values[~depth.invalid].max() == pytest.approx(5)
    kept = sample(path, settings={"depth_missing": "none"})
    assert kept.values[~kept.invalid].max() == pytest.approx(65.535)


@row("quant.glb")
def _quantised(path: Path, folder: Path, printed: Any) -> None:
    mesh = sample(path)
    assert mesh.vertices.tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
    # Linear 0.74 is 223 of 255 in sRGB.
    assert mesh.colours.tolist() == [[223, 0, 0], [0, 223, 0], [0, 0, 223]]


@row("ushortcol.ply")
def _colours_of_16_bits(path: Path, folder: Path, printed: Any) -> None:
    assert sample(path).colours.tolist() == [[255, 128, 0], [0, 255, 255]]


@row("concave.obj")
def _concave(path: Path, folder: Path, printed: Any) -> None:
    mesh = sample(path)
    corners = mesh.vertices[mesh.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert np.linalg.norm(normals, axis=1).sum() / 2 == pytest.approx(10)


@row("nancloud.ply")
def _not_measured(path: Path, folder: Path, printed: Any) -> None:
    assert np.isfinite(sample(path).points).all()
    assert told(path)["Left out"] == "1 point that was not measured (NaN or infinite)"


@row("utm.ply")
def _surveyed(path: Path, folder: Path, printed: Any) -> None:
    assert "730200.913 to 730200.918" in told(path)["Extent"]


@row("cont.obj")
def _continued(path: Path, folder: Path, printed: Any) -> None:
    mesh = sample(path)
    assert (len(mesh.vertices), len(mesh.triangles)) == (4, 2)


@row("header.xyz")
def _header(path: Path, folder: Path, printed: Any) -> None:
    assert sample(path).points.tolist() == [[0.5, 1.5, 2.5], [1.5, 2.5, 3.5]]


@row("coff.off", "r_g_b.pcd", "vcolmix.obj", "normals.ply")
def _colours_and_normals(path: Path, folder: Path, printed: Any) -> None:
    kept = sample(path)
    if path.name == "coff.off":
        assert kept.colours.tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    elif path.name == "r_g_b.pcd":
        assert kept.colours.tolist() == [[200, 100, 50]] * 2
    elif path.name == "vcolmix.obj":
        assert kept.colours.tolist() == [[255, 255, 255]] * 3 + [[255, 0, 0]] * 3
    else:
        assert kept.normals.tolist() == [[0, 0, 1], [0, 1, 0]]


@pytest.mark.parametrize("name", CHECKS)
def test_row(name: str, cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    CHECKS[name](cases / name, tmp_path, capsys)


def test_every_row_has_its_test(cases: Path) -> None:
    lines = (cases / "README.md").read_text(encoding="utf-8").splitlines()
    table = [line.split("|")[1].strip() for line in lines if line.startswith("|")][2:]
    names = [name.strip() for cell in table for name in ([cell] if cell.startswith("(") else cell.split(","))]
    assert {name.rstrip("/") for name in names} == set(CHECKS)


def test_info_of_every_case(cases: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each is told, or refused in one sentence: no traceback."""
    refusals = {"draco.glb", "cut_then_other.jpg", "zero.wav"}
    paths = sorted(path for path in cases.rglob("*") if path.is_file() and path.name != "README.md")
    assert len(paths) > 40
    for path in paths:
        code = main(["info", str(path)])
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err + printed.out
        if path.name in refusals:
            assert (code, printed.err.strip()[-1], len(printed.err.strip().splitlines())) == (1, ".", 1)
        else:
            assert (code, printed.err) == (0, "")
            assert path.name in printed.out
