"""Parts of a file that can be read in place of its usual one: arrays, pages, layers, channels."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import av
import numpy as np
import OpenEXR
import pytest
import soundfile
import tifffile

from cvstudio.cli.main import main
from cvstudio.foundation.errors import MediaError, ReadingError
from cvstudio.media import Media, MediaKind, open_media, open_reader
from cvstudio.media.facts import facts
from cvstudio.media.open import read_again
from cvstudio.running.recipe import media_from_json, media_to_json
from cvstudio.running.runner import Runner, make_instance

CASES = Path(__file__).parent / "cases"
METRES = np.linspace(0.5, 5, 48 * 64, dtype=np.float32).reshape(48, 64)
SEGMENTS = np.kron(np.array([[0, 1], [2, 7]], np.uint8), np.ones((24, 32), np.uint8))
RGB = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)


def sample(media: Media) -> Any:
    with open_reader(media) as reader:
        decoded = reader.read()
    assert decoded.size == media.size
    return decoded


def keys(media: Media) -> list[str]:
    return [reading.key for reading in media.readings]


def npz(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def test_the_camera_matrix_before_the_depth() -> None:
    media = open_media(CASES / "calib_first.npz")
    assert (media.kind, media.read_as, media.size) == (MediaKind.DEPTH, "depth=depth", (64, 48))
    assert sample(media).extent == (0.5, 5.0)
    text = dict(facts(media))
    assert text["Read as"] == "depth=depth, as an array is called depth"
    assert text["Or as"].startswith("depth=intrinsics: ")
    matrix = open_media(media.path, read_as="depth=intrinsics")
    assert matrix.size == (3, 3)
    assert matrix.file_id == media.file_id
    assert matrix.id != media.id
    assert dict(facts(matrix))["Not read"] == "depth (48, 64)"


def test_every_array_of_a_file_can_be_read(tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz", left_depth=METRES, disparity=METRES * 8, seg=SEGMENTS, image=RGB, valid=METRES > 1)
    media = open_media(path)
    assert media.read_as == "depth=left_depth"
    assert sorted(keys(media)) == [
        *("depth=disparity", "depth=left_depth", "depth=seg"),
        *("labels=seg", "labels=valid", "picture=image", "picture=seg"),
    ]
    np.testing.assert_array_equal(sample(open_media(path, read_as="depth=disparity")).values, METRES * 8)
    np.testing.assert_array_equal(sample(open_media(path, read_as="picture=image")).pixels, RGB)
    np.testing.assert_array_equal(sample(open_media(path, read_as="picture=seg")).pixels[..., 2], SEGMENTS)
    labels = open_media(path, read_as="labels=seg")
    colours = sample(labels).pixels
    assert len(np.unique(colours.reshape(-1, 3), axis=0)) == 4
    assert (colours[SEGMENTS == 0] == 0).all()
    assert dict(facts(labels))["Read"] == "array seg"
    mask = sample(open_media(path, read_as="labels=valid")).pixels
    np.testing.assert_array_equal(mask.any(2), METRES > 1)
    # A name alone is the likeliest part.
    assert open_media(path, read_as="labels").read_as == "labels=seg"
    assert open_media(path, kind=MediaKind.IMAGE).read_as == "picture=image"
    with pytest.raises(ReadingError, match="cannot be read as picture=left_depth; it can be read as depth=left_depth"):
        open_media(path, read_as="picture=left_depth")


@pytest.mark.parametrize(
    ("arrays", "read_as"),
    [
        ({"image": RGB, "mask": METRES > 1}, "picture=image"),
        ({"image": RGB, "labels": SEGMENTS}, "picture=image"),
        ({"labels": SEGMENTS, "K": np.eye(3)}, "labels=labels"),
        ({"x": METRES, "labels": SEGMENTS}, "depth=x"),
        ({"x": SEGMENTS}, "depth"),
        ({"mask": METRES > 1}, "labels"),
        ({"image": RGB}, "picture"),
        ({"K": np.eye(3)}, "depth"),
    ],
)
def test_the_likeliest_array_is_read(tmp_path: Path, arrays: dict[str, Any], read_as: str) -> None:
    media = open_media(npz(tmp_path / "a.npz", **arrays))
    assert media.read_as == read_as
    assert sample(media) is not None


def test_an_npy_is_what_its_file_is_called(tmp_path: Path) -> None:
    for name, values, read_as in (
        ("a.npy", SEGMENTS, "depth"),
        ("a_mask.npy", SEGMENTS, "labels"),
        ("valid.npy", METRES > 1, "labels"),
        ("b.npy", RGB.astype(">u2") * 200, "picture"),
        ("c.npy", np.dstack([RGB, SEGMENTS]), "picture"),
    ):
        np.save(tmp_path / name, values)
        media = open_media(tmp_path / name)
        assert media.read_as == read_as, name
        decoded = sample(media)
    np.testing.assert_array_equal(decoded.alpha, SEGMENTS)
    np.testing.assert_array_equal(sample(open_media(tmp_path / "b.npy")).pixels, RGB.astype(np.uint16) * 200)


def test_an_array_without_a_valid_value_is_refused_alone(tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz", depth=METRES * 0, disparity=METRES)
    with pytest.raises(MediaError, match="no valid depth"):
        open_media(path)
    np.testing.assert_array_equal(sample(open_media(path, read_as="depth=disparity")).values, METRES)


def test_many_arrays_take_no_longer_each(tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz", **{f"a{number}": np.ones((5, 5), np.float32) for number in range(1500)})
    begun = time.process_time()
    assert len(open_media(path).readings) == 1500
    assert time.process_time() - begun < 4
    assert open_media(path, read_as="depth=a1499").details["source"] == "array a1499"


def test_what_is_no_map_is_refused_as_before(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no two-dimensional array"):
        open_media(npz(tmp_path / "a.npz", a=np.ones(7), b=np.ones((2, 3, 4, 5))))
    with pytest.raises(MediaError, match="holds values of complex128"):
        open_media(npz(tmp_path / "b.npz", a=METRES.astype(complex)))
    with pytest.raises(MediaError, match="holds values of bool"):
        open_media(npz(tmp_path / "c.npz", a=METRES > 1), read_as="depth")


def test_parts_are_saved_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = npz(tmp_path / "a.npz", depth=METRES, disparity=METRES * 8)
    shutil.copy(path, tmp_path / "b.npz")
    media = open_media(path, read_as="depth=disparity", settings={"depth_scale": "px"})
    assert media_from_json(media_to_json(media, tmp_path), tmp_path) == media
    assert read_again(media, "depth=depth").settings == {"depth_scale": "px"}
    picture = CASES / "a98.png"
    out = ["--read-as", "depth:depth=disparity", "-q", "-o", str(tmp_path / "out")]
    assert main(["info", "--read-as", "depth=disparity", str(path)]) == 0
    assert "array disparity" in capsys.readouterr().out
    assert main(["run", "refocus", str(picture), "--depth", str(path), *out]) in (0, 1)
    assert "cannot be read as" not in capsys.readouterr().err


def test_every_page_of_a_tiff_can_be_read() -> None:
    media = open_media(CASES / "ome.ome.tif")
    assert keys(media) == [f"{name}{part}" for part in ("", "=2", "=3") for name in ("picture", "depth", "labels")]
    with tifffile.TiffFile(media.path) as tiff:
        stored = [page.asarray() for page in tiff.pages]
    for number, values in enumerate(stored, 1):
        page = open_media(media.path, read_as=f"picture={number}" if number > 1 else "picture")
        np.testing.assert_array_equal(sample(page).pixels[..., 0], values)
        assert page.file_id == media.file_id
    assert dict(facts(open_media(media.path, read_as="picture=2")))["Pages"] == "3; page 2 is shown"
    depth = open_media(media.path, read_as="depth=3")
    np.testing.assert_array_equal(sample(depth).values[stored[2] > 0], stored[2][stored[2] > 0])
    labels = dict(facts(open_media(media.path, read_as="labels=2")))
    assert labels["Labels"].split(",")[0] == str(len(set(stored[1].ravel()) - {0}))
    with pytest.raises(ReadingError, match="cannot be read as picture=4; it can be read as picture, depth, labels, "):
        open_media(media.path, read_as="picture=4")


def test_pages_of_other_sizes_and_types(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    deep = np.arange(20 * 30, dtype=np.uint16).reshape(20, 30) + 500
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(RGB, photometric="rgb")
        tiff.write(deep, photometric="minisblack")
        tiff.write(METRES, photometric="minisblack")
    media = open_media(path)
    assert (media.read_as, media.size) == ("picture", (64, 48))
    assert keys(media) == ["picture", "picture=2", "depth=2", "labels=2", "picture=3", "depth=3"]
    np.testing.assert_array_equal(sample(media).pixels, RGB)
    assert (sample(open_media(path, read_as="picture=2")).pixels[..., 0] == deep).all()
    depth = open_media(path, read_as="depth=2")
    np.testing.assert_array_equal(sample(depth).values, (deep / 1000).astype(np.float32))
    assert depth.details["unit"] == "m"
    np.testing.assert_array_equal(sample(open_media(path, read_as="depth=3")).values, METRES)
    # The first page is in colour; the kind alone takes the first page that can be depth.
    assert open_media(path, kind=MediaKind.DEPTH).read_as == "depth=2"


def test_the_small_preview_of_a_photograph_can_be_read() -> None:
    media = open_media(CASES / "rawlike.dng")
    assert (media.size, keys(media)[-1]) == ((128, 96), "picture=1")
    assert sample(open_media(media.path, read_as="picture=1")).size == (32, 24)


def test_a_long_stack_is_told_in_short(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.arange(300, dtype=np.uint8)[:, None, None].repeat(8, 1).repeat(8, 2) % 250 + 1)
    media = open_media(path)
    text = dict(facts(media))
    assert text["Pages"] == "300; the first is shown"
    assert len(text["Or as"].split("\n")) == 9
    assert text["Or as"].endswith("and 759 more, up to labels=256")
    assert sample(open_media(path, read_as="picture=256")).pixels[0, 0, 0] == 255 % 250 + 1
    with pytest.raises(ReadingError, match=r"and 756 more, up to labels=256\.$"):
        open_media(path, read_as="picture=300")


def wave(path: Path, *tones_hz: int, rate_hz: int = 8000) -> Path:
    time = np.arange(rate_hz) / rate_hz
    samples = [np.float32(0.4) * np.sin(2 * np.pi * hz * time).astype(np.float32) for hz in tones_hz]
    soundfile.write(path, np.stack(samples, 1), rate_hz, subtype="FLOAT")
    return path


def waveform(media: Media) -> Any:
    with open_reader(media) as reader:
        assert reader.channels == media.channels
        return reader.read(0, reader.n_samples)


def test_every_channel_of_a_sound_can_be_read(tmp_path: Path) -> None:
    media = open_media(wave(tmp_path / "a.wav", 440, 880))
    assert keys(media) == ["sound", "sound=left", "sound=right", "sound=mix", "sound=difference"]
    stored = soundfile.read(media.path, dtype="float32")[0].T
    np.testing.assert_array_equal(waveform(media).samples, stored)
    for part, expected in (
        ("left", stored[0]),
        ("right", stored[1]),
        ("mix", (stored[0] + stored[1]) / 2),
        ("difference", (stored[0] - stored[1]) / 2),
    ):
        chosen = open_media(media.path, read_as=f"sound={part}")
        assert (chosen.channels, chosen.file_id) == (1, media.file_id)
        np.testing.assert_allclose(waveform(chosen).samples, expected[None], atol=1e-7)
    told = dict(facts(open_media(media.path, read_as="sound=left")))
    assert (told["Read as"], told["Sound"]) == ("sound=left, as chosen", "8,000 Hz, mono")
    with open_reader(chosen) as reader:
        assert reader.read(50, 50).samples.shape == (1, 0)
    # Mono leaves nothing open, and what it is called by itself is accepted.
    mono = wave(tmp_path / "b.wav", 440)
    assert open_media(mono, read_as="sound") == open_media(mono)
    assert keys(open_media(mono)) == []


def test_channels_have_numbers_where_there_are_more(tmp_path: Path) -> None:
    media = open_media(wave(tmp_path / "a.wav", 200, 300, 400, 500))
    assert keys(media) == ["sound", "sound=1", "sound=2", "sound=3", "sound=4", "sound=mix"]
    stored = soundfile.read(media.path, dtype="float32")[0].T
    np.testing.assert_array_equal(waveform(open_media(media.path, read_as="sound=3")).samples, stored[2:3])
    with pytest.raises(ReadingError, match="cannot be read as sound=left"):
        open_media(media.path, read_as="sound=left")


def test_channels_of_a_compressed_file_and_its_only_track(tmp_path: Path) -> None:
    stereo = wave(tmp_path / "a.wav", 440, 880, rate_hz=48000)
    path = tmp_path / "a.m4a"
    with av.open(str(path), "w") as target, av.open(str(stereo)) as source:
        stream = target.add_stream("aac", rate=48000, layout="stereo")
        for frame in source.decode(audio=0):
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    right = open_media(path, read_as="sound=right")
    assert (right.channels, len(right.sound_tracks)) == (1, 1)
    samples = waveform(right).samples[0, 4800:28800]
    assert np.abs(np.fft.rfft(samples * np.hanning(24000))).argmax() * 2 == 880


def test_channels_that_cancel_out_are_seen_one_by_one(tmp_path: Path) -> None:
    time = np.arange(48000) / 48000
    tone = (0.5 * np.sin(2 * np.pi * 1000 * time)).astype(np.float32)
    path = tmp_path / "antiphase.wav"
    soundfile.write(path, np.stack([tone, -tone], 1), 48000)
    for part, level in (("left", 0.5), ("difference", 0.5), ("mix", 0.0)):
        samples = waveform(open_media(path, read_as=f"sound={part}")).samples
        assert abs(float(np.abs(samples).max()) - level) < 1e-3
    instance = make_instance("spectrogram", {"sound": path}, read_as={"sound": "sound=left"})
    with Runner() as runner:
        result = runner.result(instance)
    loudest = result.levels[:, : result.columns_done].astype(int).sum(axis=1).argmax()
    assert abs(loudest * result.rate_hz / result.window - 1000) <= result.rate_hz / result.window


def exr(path: Path, *parts: tuple[str, dict[str, Any]]) -> Path:
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    made = [
        OpenEXR.Part({**header}, {key: OpenEXR.Channel(key, values) for key, values in channels.items()}, name)
        for name, channels in parts
    ]
    OpenEXR.File(made).write(str(path))
    return path


def test_every_layer_and_channel_of_an_exr_can_be_read(tmp_path: Path) -> None:
    light = RGB.astype(np.float32) / 100
    ids = SEGMENTS.astype(np.float32)
    channels = {f"View.Combined.{name}": light[..., place].copy() for place, name in enumerate("RGB")}
    channels |= {f"View.Diffuse.{name}": light[..., place] * 2 for place, name in enumerate("RGB")}
    channels |= {"View.Depth.Z": METRES, "View.Mist.V": METRES / 10, "View.IndexOB.X": ids}
    path = exr(tmp_path / "a.exr", ("", channels))
    media = open_media(path)
    assert (media.kind, media.read_as, media.readings[0].key) == (MediaKind.IMAGE, "picture", "picture")
    assert sorted(keys(media)) == [
        *("depth", "depth=View.IndexOB.X", "depth=View.Mist.V", "labels=View.IndexOB.X"),
        *("picture", "picture=View.Depth.Z", "picture=View.Diffuse", "picture=View.IndexOB.X", "picture=View.Mist.V"),
    ]
    np.testing.assert_array_equal(sample(media).pixels, light)
    np.testing.assert_array_equal(sample(open_media(path, read_as="picture=View.Diffuse")).pixels, light * 2)
    depth = open_media(path, read_as="depth")
    np.testing.assert_array_equal(sample(depth).values, METRES)
    assert dict(facts(depth))["Read"] == "channel View.Depth.Z"
    mist = open_media(path, read_as="depth=View.Mist.V")
    np.testing.assert_array_equal(sample(mist).values, METRES / 10)
    assert "View.Depth.Z" in dict(facts(mist))["Not read"]
    labels = open_media(path, read_as="labels=View.IndexOB.X")
    assert dict(facts(labels))["Labels"] == "3, 1 to 7"
    colours = sample(labels).pixels
    assert colours.dtype == np.uint8
    assert len(np.unique(colours.reshape(-1, 3), axis=0)) == 4
    assert read_again(labels, "picture") == media


def test_a_layer_and_a_channel_of_one_name(tmp_path: Path) -> None:
    light = RGB.astype(np.float32) / 100
    channels = {name: light[..., place].copy() for place, name in enumerate("RGB")}
    channels |= {f"mist.{name}": light[..., place] * 2 for place, name in enumerate("RGB")} | {"mist": METRES / 10}
    path = exr(tmp_path / "a.exr", ("", channels))
    found = keys(open_media(path))
    assert len(set(found)) == len(found)
    np.testing.assert_array_equal(sample(open_media(path, read_as="picture=mist")).pixels, light * 2)
    both = [
        sample(open_media(path, read_as=key)).pixels for key in found if key.startswith("picture=") and "mist" in key
    ]
    assert any(np.array_equal(pixels[..., 0], METRES / 10) for pixels in both)


def test_thousands_of_channels_are_counted(tmp_path: Path) -> None:
    light = RGB.astype(np.float32) / 100
    channels = {name: light[..., place].copy() for place, name in enumerate("RGB")}
    channels |= {f"crypto{number:04}": METRES for number in range(500)}
    left = dict(facts(open_media(exr(tmp_path / "a.exr", ("", channels)))))["Not read"]
    assert left.endswith("and 488 more")
    assert len(left) < 300
    np.savez(tmp_path / "a.npz", depth=METRES, **{f"x{number}": METRES for number in range(40)})
    assert dict(facts(open_media(tmp_path / "a.npz")))["Not read"].endswith("and 28 more")


def test_the_header_of_an_exr_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    light = RGB.astype(np.float32) / 100
    path = exr(tmp_path / "a.exr", ("", {name: light[..., place].copy() for place, name in enumerate("RGB")}))
    opened: list[bool] = []
    real = OpenEXR.File

    def counted(*arguments: Any, **options: Any) -> Any:
        opened.append(bool(options.get("header_only")))
        return real(*arguments, **options)

    monkeypatch.setattr(OpenEXR, "File", counted)
    sample(open_media(path))
    assert opened.count(True) == 1
    other = exr(tmp_path / "b.exr", ("", {"Z": METRES}))
    os.replace(other, path)
    np.testing.assert_array_equal(sample(open_media(path)).values, METRES)


def test_parts_of_an_exr_are_named(tmp_path: Path) -> None:
    light = RGB.astype(np.float32) / 100
    one = {name: light[..., place].copy() for place, name in enumerate("RGB")}
    two = {name: values * 3 for name, values in one.items()}
    path = exr(tmp_path / "a.exr", ("left", one), ("right", two), ("far", {"Z": METRES}))
    media = open_media(path)
    assert keys(media) == ["picture", "depth", "picture=right", "picture=far/Z"]
    np.testing.assert_array_equal(sample(open_media(path, read_as="picture=right")).pixels, light * 3)
    np.testing.assert_array_equal(sample(open_media(path, read_as="depth")).values, METRES)


def test_an_exr_of_one_channel_is_depth_and_can_be_a_picture(tmp_path: Path) -> None:
    path = exr(tmp_path / "a.exr", ("", {"Z": METRES}))
    media = open_media(path)
    assert (media.kind, keys(media)) == (MediaKind.DEPTH, ["depth", "picture"])
    np.testing.assert_array_equal(sample(open_media(path, read_as="picture")).pixels[..., 1], METRES)
    colour = {name: METRES + place for place, name in enumerate("RGB")}
    path = exr(tmp_path / "b.exr", ("", colour))
    assert keys(open_media(path)) == []
    with pytest.raises(MediaError, match="is a colour picture"):
        open_media(path, read_as="depth")


@pytest.mark.parametrize(("name", "layer"), [("render_depth0001.exr", ""), ("a.exr", "ViewLayer.Depth")])
def test_depth_in_three_equal_channels_of_an_exr(tmp_path: Path, name: str, layer: str) -> None:
    """Renderers write a pass with one value as grey; only the name says what it is."""
    path = exr(tmp_path / name, ("", {f"{layer}.{channel}".lstrip("."): METRES for channel in "RGB"}))
    media = open_media(path)
    assert (media.kind, keys(media)) == (MediaKind.DEPTH, ["depth", "picture"])
    np.testing.assert_array_equal(sample(media).values, METRES)
    np.testing.assert_array_equal(sample(open_media(path, read_as="picture")).pixels[..., 2], METRES)
    # What is only called depth is a picture.
    colour = {f"{layer}.{channel}".lstrip("."): METRES + place for place, channel in enumerate("RGB")}
    media = open_media(exr(tmp_path / f"colour_{name}", ("", colour)))
    assert (media.kind, keys(media)) == (MediaKind.IMAGE, [])
    # A channel of depth beside the picture is that of the file.
    both = exr(tmp_path / "b_depth.exr", ("", {**dict.fromkeys("RGB", METRES), "Z": METRES + 1}))
    np.testing.assert_array_equal(sample(open_media(both, read_as="depth")).values, METRES + 1)
