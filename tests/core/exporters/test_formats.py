from __future__ import annotations

import csv
import dataclasses
import errno
import json
import os

import numpy as np
import pytest
from PIL import Image as Pillow

import cvstudio.exporters.pictures as pictures
from cvstudio.data.geometry import View
from cvstudio.data.samples import Frame, Image
from cvstudio.draw import Look, render
from cvstudio.draw.spectrogram import colour_lut
from cvstudio.exporters import (
    EXPORTERS,
    Exporter,
    default_exporters,
    export,
    exporter_for_suffix,
    exporters_for,
    of,
    recipe_path,
)
from cvstudio.foundation.errors import Cancelled, ExportError, ParamsError
from cvstudio.foundation.progress import Progress
from cvstudio.results.detections import Detections
from cvstudio.results.picture import Picture
from cvstudio.results.spectrogram import Spectrogram


def write(key, path, item):
    export(EXPORTERS[key], path, item, Progress())
    return path


def test_a_png_holds_what_the_screen_shows(tmp_path, item, picture, found):
    path = write("png", tmp_path / "사진 1.png", item(found))
    wanted = render(picture, [(found, Look(line_width=3))], View.whole(picture.size))
    with Pillow.open(path) as read:
        assert read.format == "PNG"
        np.testing.assert_array_equal(np.asarray(read), wanted)
    assert (wanted != picture.pixels).any()


def test_a_jpeg_is_close_to_it(tmp_path, item, refocused):
    smooth = np.broadcast_to(np.linspace(0, 255, 160, dtype=np.uint8)[None, :, None], (120, 160, 3))
    result = Picture(np.ascontiguousarray(smooth), refocused.rect, 1.0, refocused.size)
    path = write("jpeg", tmp_path / "p.jpg", item(result))
    with Pillow.open(path) as read:
        assert read.format == "JPEG"
        assert np.abs(np.asarray(read).astype(int) - smooth).max() < 6


def test_a_jpeg_has_sides_of_16_bits(tmp_path, item):
    wide = Image(np.zeros((1, 65_536, 3), np.uint8))
    result = Picture(wide.pixels, View.whole(wide.size).rect, 1.0, wide.size)
    with pytest.raises(ExportError, match="at most 65535"):
        write("jpeg", tmp_path / "p.jpg", item(result, wide))
    assert list(tmp_path.iterdir()) == []


def test_a_picture_result_is_written_pixel_for_pixel(tmp_path, item, refocused):
    for base in (None, Image(np.zeros_like(refocused.pixels))):
        with Pillow.open(write("png", tmp_path / "p.png", item(refocused, base))) as read:
            np.testing.assert_array_equal(np.asarray(read), refocused.pixels)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_deep_pictures_become_8_bit(dtype, tmp_path, item, found):
    peak = 65_535 if dtype == np.uint16 else 1.0
    deep = Image(np.full((120, 160, 3), peak, dtype))
    with Pillow.open(write("png", tmp_path / "p.png", item(found, deep))) as read:
        assert read.mode == "RGB"
        assert read.getpixel((159, 0)) == (255, 255, 255)


def test_a_large_picture_with_alpha_lies_on_white_pixel_for_pixel(tmp_path, item, found):
    rng = np.random.default_rng(2)
    pixels = rng.integers(0, 256, (3000, 4000, 3), np.uint8)
    large = Image(pixels, rng.integers(0, 256, (3000, 4000), np.uint8))
    one = Detections(
        np.array([[3700, 2800, 4000, 3000]], np.float32),
        found.scores[:1],
        found.classes[:1],
        found.labels,
        found.ids[:1],
        large.size,
    )
    with Pillow.open(write("png", tmp_path / "p.png", item(one, large))) as read:
        assert (read.mode, read.size) == ("RGB", (4000, 3000))
        shown = np.asarray(read)
    white = Pillow.new("RGBA", (4000, 3000), "white")
    white.alpha_composite(Pillow.fromarray(np.dstack([pixels, large.alpha])))
    wanted = np.asarray(white.convert("RGB")).astype(int)
    assert np.abs(shown[:2700] - wanted[:2700]).max() <= 1
    # Four times as large as a window, so the lines of 3 pixels have 12, and their hairlines 4.
    assert np.abs(shown[2820:2980, 3720:3980] - wanted[2820:2980, 3720:3980]).max() <= 1
    assert (np.abs(shown[2800:, 3700:] - wanted[2800:, 3700:]) > 1).any()


def test_a_spectrogram_is_a_coloured_picture(tmp_path, item, sound):
    with Pillow.open(write("png", tmp_path / "s.png", item(sound, None))) as read:
        shown = np.asarray(read)
    assert shown.shape == (65, 250, 3)
    decibels = -120 + sound.levels[::-1, :250] / 255 * 120
    brightness = np.clip((decibels - sound.show_low_db) / (sound.show_high_db - sound.show_low_db), 0, 1)
    wanted = colour_lut("viridis")[(brightness * 255 + 0.5).astype(np.uint8)]
    np.testing.assert_array_equal(shown, wanted)


def test_a_long_spectrogram_keeps_its_peaks(tmp_path, item, monkeypatch):
    monkeypatch.setattr(pictures, "MAX_COLUMNS", 100)
    levels = np.zeros((65, 1000), np.uint8)
    levels[:, 777] = 255
    sound = Spectrogram(levels, 16_000, 32, 128, -120.0, 0.0, 1000)
    with Pillow.open(write("png", tmp_path / "s.png", item(sound, None))) as read:
        assert read.size == (100, 65)
        assert np.flatnonzero((np.asarray(read) == colour_lut("viridis")[255]).all(axis=(0, 2))).tolist() == [77]


def test_json_holds_every_number_exactly(tmp_path, item, found):
    text = write("json", tmp_path / "d.json", item(found)).read_text(encoding="utf-8")
    read = json.loads(text, parse_constant=lambda name: pytest.fail(name))
    assert {key: read[key] for key in ("format", "version", "file", "width", "height", "model", "score_kind")} == {
        "format": "cvstudio-detections",
        "version": 1,
        "file": "길거리 사진.jpg",
        "width": 160,
        "height": 120,
        "model": "hog",
        "score_kind": "probability",
    }
    (frame,) = read["frames"]
    assert frame["time_secs"] is None
    rows = frame["detections"]
    assert [row["id"] for row in rows] == [41, 7]
    assert [row["label"] for row in rows] == ["person", '=사람, "a"']
    np.testing.assert_array_equal(np.array([row["box"] for row in rows], np.float32), found.boxes)
    np.testing.assert_array_equal(np.array([row["score"] for row in rows], np.float32), found.scores)
    assert "0.93," in text


def test_json_has_no_nan(tmp_path, item, found):
    odd = Detections(
        np.array([[0, 0, np.inf, 5]], np.float32),
        np.array([np.nan], np.float32),
        np.array([0]),
        found.labels,
        np.array([0]),
        found.size,
    )
    text = write("json", tmp_path / "d.json", item(odd)).read_text()
    (row,) = json.loads(text, parse_constant=lambda name: pytest.fail(name))["frames"][0]["detections"]
    assert row["score"] is None
    assert row["box"] == [0, 0, None, 5]


def test_json_of_nothing_found(tmp_path, item, found):
    read = json.loads(write("json", tmp_path / "d.json", item(found.take([]))).read_text())
    assert read["frames"] == [{"time_secs": None, "detections": []}]


def test_csv_opens_in_a_spreadsheet(tmp_path, item, found):
    path = write("csv", tmp_path / "d.csv", item(found))
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == ["person", '\'=사람, "a"']  # no label is taken for a formula
    for name, column in zip(("x1", "y1", "x2", "y2"), found.boxes.T, strict=True):
        np.testing.assert_array_equal(np.array([row[name] for row in rows], np.float32), column)
    assert [row["time_secs"] for row in rows] == ["", ""]


@pytest.mark.parametrize("key", ["json", "csv"])
def test_data_of_a_whole_video_has_every_frame(key, tmp_path, item, picture, found):
    frames = [(Frame(picture.pixels, pts=time), found.take(range(n))) for n, time in enumerate((0.0, 0.04, 0.1))]
    text = write(key, tmp_path / f"{key}.out", item(None, None, frames)).read_text(encoding="utf-8-sig")
    if key == "json":
        read = json.loads(text)["frames"]
        assert [(frame["time_secs"], len(frame["detections"])) for frame in read] == [(0.0, 0), (0.04, 1), (0.1, 2)]
    else:
        rows = list(csv.DictReader(text.splitlines()))
        assert [row["time_secs"] for row in rows] == ["0.040000", "0.100000", "0.100000"]


def test_npz_holds_decibels_times_and_frequencies(tmp_path, item, sound):
    with np.load(write("npz", tmp_path / "s.npz", item(sound, None)), allow_pickle=False) as read:
        np.testing.assert_array_equal(read["levels"], sound.levels[:, :250])
        assert read["levels"].dtype == np.uint8
        assert (float(read["low_db"]), float(read["high_db"])) == (-120, 0)
        np.testing.assert_allclose(read["times_secs"], np.arange(250) * 32 / 16_000)
        np.testing.assert_allclose(read["frequencies_hz"], np.fft.rfftfreq(128, 1 / 16_000))
        assert (int(read["rate_hz"]), int(read["hop"]), int(read["window"])) == (16_000, 32, 128)


def test_the_recipe_lies_beside(tmp_path, item, found):
    path = write("png", tmp_path / "a.png", item(found))
    assert recipe_path(path) == tmp_path / "a.png.recipe.json"
    assert json.loads(recipe_path(path).read_text(encoding="utf-8")) == item(found).recipe
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.png", "a.png.recipe.json"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EACCES, "may not be written to"),
        (errno.EROFS, "may not be written to"),
        (errno.EIO, "choose another"),
    ],
)
def test_what_goes_wrong_is_one_sentence_and_the_old_file_stays(number, words, tmp_path, item, found):
    def fail(path, item, progress):
        path.write_bytes(b"half")
        raise OSError(number, os.strerror(number))

    path = tmp_path / "a.bin"
    path.write_text("old")
    exporter = Exporter("fail", "Fail", ".bin", of(Detections), fail)
    with pytest.raises(ExportError, match=words) as caught:
        export(exporter, path, item(found), Progress())
    assert str(caught.value).startswith("a.bin cannot be written: ")
    assert str(caught.value).count(".") == 2
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_and_a_folder_in_the_way(tmp_path, item, found):
    with pytest.raises(ExportError, match="its folder is not there"):
        write("json", tmp_path / "gone" / "a.json", item(found))
    (tmp_path / "taken.json").mkdir()
    with pytest.raises(ExportError, match="a folder has that name"):
        write("json", tmp_path / "taken.json", item(found))
    assert [entry.name for entry in tmp_path.iterdir()] == ["taken.json"]
    (tmp_path / "file").touch()
    with pytest.raises(ExportError, match=r"a\.json cannot be written: file is a file, not a folder; choose another f"):
        write("json", tmp_path / "file" / "a.json", item(found))


@pytest.mark.parametrize("key", ["png", "jpeg", "npz", "json", "csv", "coco", "labelme", "mot"])
def test_cancelling_leaves_nothing(key, tmp_path, item, found, sound, picture):
    progress = Progress()
    progress.cancel()
    exporter = EXPORTERS[key]
    result = found if exporter.accepts(Detections) else sound
    frames = [(Frame(picture.pixels), found)] if exporter.video else None
    given = item(None if exporter.video else result, None if result is sound else picture, frames)
    with pytest.raises(Cancelled):
        export(exporter, tmp_path / "x", given, progress)
    assert list(tmp_path.iterdir()) == []


def test_a_format_that_cannot_hold_the_result_says_so(tmp_path, item, found, sound, picture):
    frames = [(Frame(picture.pixels), found)]
    for key, given, words in (
        ("npz", item(found), "expects spectrogram, found detections"),
        ("csv", item(sound, None), "CSV table expects a result with a table, found spectrogram"),
        ("mp4", item(found), "expects a whole video"),
        ("png", item(None, None, frames), "expects one moment"),
    ):
        with pytest.raises(ExportError, match=words):
            write(key, tmp_path / "x", given)
    assert list(tmp_path.iterdir()) == []


def keys(exporters):
    return [exporter.key for exporter in exporters]


def test_formats_for_results():
    data = {"json", "csv", "coco", "yolo", "voc", "cutouts"}
    # Another format is none of this test's business.
    known = {"png", "jpeg", "npz-boxes", "labelme", "npz", "mp4", "mot", *data}
    assert known & set(keys(exporters_for(Detections))) == {"png", "jpeg", "npz-boxes", "labelme", *data}
    assert known & set(keys(exporters_for(Picture))) == {"png", "jpeg"}
    assert known & set(keys(exporters_for(Spectrogram))) == {"png", "jpeg", "npz"}
    assert known & set(keys(exporters_for(Detections, video=True))) == {"mp4", "mot", *data}
    assert set(keys(default_exporters(Detections))) == {"png", "json"}
    assert set(keys(default_exporters(Spectrogram))) == {"png", "npz"}
    assert set(keys(default_exporters(Detections, video=True))) == {"mp4", "json"}
    assert EXPORTERS.broken == ()


def test_formats_by_suffix():
    assert exporter_for_suffix(".JPEG", Detections).key == "jpeg"
    assert exporter_for_suffix(".json", Detections, video=True).key == "json"
    assert exporter_for_suffix("street.coco.json", Detections).key == "coco"
    assert exporter_for_suffix("street.json", Detections).key == "json"
    with pytest.raises(ExportError, match=r"no format '\.tiff'.*\.png"):
        exporter_for_suffix(".tiff", Picture)
    with pytest.raises(ExportError, match=r"\.mp4"):
        exporter_for_suffix(".mp4", Detections)


def test_every_format_is_declared_in_full():
    for exporter in EXPORTERS:
        assert exporter.suffix == "" if exporter.folder else exporter.suffix.startswith(".")
        assert exporter.summary.endswith(".")
        assert exporter.accepts.words
        assert exporter.title


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_a_picture_is_written_at_a_scale(scale, tmp_path, item, found, picture):
    for key, suffix in (("png", ".png"), ("jpeg", ".jpg")):
        scaled_item = dataclasses.replace(item(found), options={"scale": scale})
        with Pillow.open(write(key, tmp_path / f"p{suffix}", scaled_item)) as read:
            assert read.size == (160 * scale, 120 * scale)
            shown = np.asarray(read).astype(int)
        wanted = render(picture, [(found, Look(line_width=3))], View(View.whole(picture.size).rect, scale))
        assert np.abs(shown - wanted).max() <= (0 if key == "png" else 60)


def test_the_quality_of_a_jpeg_is_chosen(tmp_path, item, found):
    sizes = []
    for quality in (30, 95):
        path = tmp_path / f"{quality}.jpg"
        sizes.append(write("jpeg", path, dataclasses.replace(item(found), options={"quality": quality})).stat().st_size)
    assert sizes[1] > 2 * sizes[0]
    with pytest.raises(ParamsError, match="Quality expects 1 to 100"):
        write("jpeg", tmp_path / "x.jpg", dataclasses.replace(item(found), options={"quality": 0}))


@pytest.mark.parametrize("opacity", [1.0, 0.4])
def test_the_overlay_alone_lies_on_another_picture_as_on_its_own(opacity, tmp_path, item, found, picture):
    alone = dataclasses.replace(item(found), options={"overlay_only": True}, look={"line_width": 3, "opacity": opacity})
    with Pillow.open(write("png", tmp_path / "p.png", alone)) as read:
        assert read.mode == "RGBA"
        assert read.getpixel((159, 0)) == (0, 0, 0, 0)
        together = Pillow.fromarray(picture.pixels).convert("RGBA")
        together.alpha_composite(read)
    wanted = render(picture, [(found, Look(line_width=3, opacity=opacity))], View.whole(picture.size)).astype(int)
    assert np.abs(np.asarray(together)[..., :3] - wanted).max() <= 2
