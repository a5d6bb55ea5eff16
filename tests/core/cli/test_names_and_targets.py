"""Names and targets of exports: inputs are never replaced, any file name works, a bad target is one sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from cvstudio.cli.main import main

ROOT = Path(__file__).parents[3]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "x" / "my cat.jpg"
    path.parent.mkdir()
    Pillow.fromarray(np.random.default_rng(3).integers(0, 255, (48, 64, 3), np.uint8)).save(path)
    return path


def detect(*arguments: object) -> int:
    return main(["run", "detect", "--model", "haar-face", "-q", *map(str, arguments)])


@pytest.mark.parametrize("way", ["itself", "symbolic", "hard", "dots", "relative", "open elsewhere"])
def test_an_input_is_never_replaced(photo, way, monkeypatch, capsys):
    target = photo.with_name("link.jpg")
    if way == "symbolic":
        target.symlink_to(photo)
    elif way == "hard":
        os.link(photo, target)
    elif way == "dots":
        target = photo.parent / ".." / "x" / photo.name
    elif way == "relative":
        monkeypatch.chdir(photo.parent)
        target = Path(photo.name)
    else:
        target = photo
    before = photo.read_bytes()
    assert detect(photo, "-o", target, "--format", "png") == 1
    assert "is an input file" in capsys.readouterr().err
    assert photo.read_bytes() == before


def test_every_atomic_writer_spares_an_open_medium(photo, tmp_path):
    import gc

    from cvstudio.foundation.atomic_files import atomic_path
    from cvstudio.foundation.errors import ExportError
    from cvstudio.media import open_media

    media = open_media(photo)
    with pytest.raises(ExportError, match="is an input file"), atomic_path(photo):
        pass
    del media
    gc.collect()
    with atomic_path(photo) as temporary:
        temporary.write_bytes(b"closed")
    assert photo.read_bytes() == b"closed"


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="file names are Unicode there")
def test_a_name_that_is_not_utf8_works(photo, tmp_path):
    name = os.fsdecode(b"caf\xe9.jpg")
    odd = photo.rename(photo.with_name(name))
    run = [sys.executable, "-m", "cvstudio"]
    told = subprocess.run([*run, "info", "--json", odd], cwd=ROOT, capture_output=True, check=True)
    assert json.loads(told.stdout)[0]["path"] == str(odd)
    # In processes of their own: what they print is no UTF-8, which pytest cannot capture.
    # Without torch, which these processes would import for as long as everything else takes.
    search = [*run, "run", "detect", "--model", "haar-face"]
    wanted = ["-o", tmp_path / "out", "--format", "json", "--format", "coco", "--format", "csv"]
    subprocess.run([*search, odd, *wanted], cwd=ROOT, capture_output=True, check=True)
    coco = json.loads((tmp_path / "out" / os.fsdecode(b"caf\xe9-detect.coco.json")).read_text("utf-8"))
    assert coco["images"][0]["file_name"] == name
    Pillow.new("RGB", (40, 40)).save(photo.with_name("plain.png"))
    wanted = ["-o", tmp_path / "batch", "--format", "coco", "--format", "csv"]
    subprocess.run([*search, photo.parent, *wanted], cwd=ROOT, capture_output=True, check=True)
    images = json.loads((tmp_path / "batch" / "detect.coco.json").read_text("utf-8"))["images"]
    assert {image["file_name"] for image in images} == {name, "plain.png"}


@pytest.mark.parametrize("place", ["below a file", "/proc/nope"])
def test_a_folder_that_cannot_be_made_is_one_sentence(photo, place, tmp_path, capsys):
    target = photo / "below" if place == "below a file" else Path(place)
    for out in (target / "a.png", target):
        assert detect(photo, "-o", out) == 1
        error = capsys.readouterr().err
        assert error.startswith("cvstudio: ")
        assert error.count("\n") == 1
    assert detect(photo, photo, "-o", target) == 1
    error = capsys.readouterr().err
    assert error.startswith("cvstudio: ")
    assert error.count("\n") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_stdout_that_is_full_or_closed_is_no_traceback(photo):
    command = f"'{sys.executable}' -m cvstudio info '{photo}'"
    for ending in (">/dev/full", ">&-", "| true"):
        ended = subprocess.run(f"{command} {ending}", shell=True, cwd=ROOT, capture_output=True, check=False)
        assert b"Traceback" not in ended.stderr
        assert ended.stderr.count(b"\n") <= (ending == ">/dev/full")


def test_class_mask_and_picture_have_names_of_their_own():
    from cvstudio.exporters import EXPORTERS

    suffixes = [exporter.suffix for exporter in EXPORTERS if exporter.suffix and "Segment" in exporter.accepts.words]
    assert EXPORTERS["class-mask"].suffix == ".classes.png" != EXPORTERS["png"].suffix
    assert len(suffixes) == len(set(suffixes))


@pytest.fixture
def twins(tmp_path: Path) -> Path:
    for folder in ("x", "y"):
        (tmp_path / "two" / folder).mkdir(parents=True)
        Pillow.new("RGB", (64, 48)).save(tmp_path / "two" / folder / "001.jpg")
    return tmp_path / "two"


def test_two_folders_with_one_file_name_stay_apart(twins, tmp_path):
    out = tmp_path / "out"
    options = ("--format", "coco", "--format", "yolo", "--format", "voc")
    assert detect(twins, "-o", out, *options, "--yolo-pictures", "no", "--voc-pictures", "no") == 0
    images = json.loads((out / "detect.coco.json").read_text())["images"]
    assert [image["file_name"] for image in images] == ["x/001.jpg", "y/001.jpg"]
    labels = out / "yolo" / "labels"
    assert {path.relative_to(labels).as_posix() for path in labels.rglob("*.txt")} == {"x/001.txt", "y/001.txt"}
    voc = out / "voc" / "VOCdevkit" / "VOC2012"
    assert (voc / "ImageSets" / "Main" / "trainval.txt").read_text().split() == ["x/001", "y/001"]
    assert "<filename>y/001.jpg</filename>" in (voc / "Annotations" / "y" / "001.xml").read_text()


def test_labels_beside_uncopied_pictures_have_the_pictures_own_name(photo, tmp_path):
    for key in ("yolo", "voc"):
        assert detect(photo, "-o", tmp_path / "out", "--format", key, f"--{key}-pictures", "no") == 0
    written = {path.name for path in (tmp_path / "out").rglob("my*")} - {"my cat-detect-yolo", "my cat-detect-voc"}
    assert {"my cat.txt", "my cat.xml"} <= written
    xml = next((tmp_path / "out").rglob("my cat.xml")).read_text()
    assert "<filename>my cat.jpg</filename>" in xml


def test_several_targets_and_a_folder_with_a_dot(photo, tmp_path):
    folder = tmp_path / "run.v2"
    assert detect(photo, "-o", tmp_path / "a.json", "-o", tmp_path / "a.csv", "-o", f"{folder}/") == 0
    assert json.loads((tmp_path / "a.json").read_text())["file"] == "my cat.jpg"
    assert "time_secs" in (tmp_path / "a.csv").read_text("utf-8-sig")
    assert (folder / "my cat-detect.json").is_file()


def test_a_name_with_a_dot_is_a_folder_where_it_is_no_ending(photo, tmp_path, capsys):
    for name in ("run.v2", "2026.11.30", "a.b1"):
        assert detect(photo, "-o", tmp_path / name, "--format", "json", "--format", "csv") == 0
        assert {path.name for path in (tmp_path / name).glob("*.json")} >= {"my cat-detect.json"}
    # The recipe of a folder with a dot does again what it says, also the format.
    recipe = tmp_path / "run.v2" / "my cat-detect.csv.recipe.json"
    assert main(["run", "--recipe", str(recipe), "-q", "-o", f"{tmp_path / 'once.more'}/"]) == 0
    assert [path.name for path in (tmp_path / "once.more").glob("*.csv")] == ["my cat-detect.csv"]
    # An ending that no format has is a mistake, not a folder.
    assert detect(photo, "-o", tmp_path / "a.gif") == 1
    assert "There is no format '.gif'" in capsys.readouterr().err


def test_a_batch_writes_to_every_target(photo, tmp_path):
    outs = (tmp_path / "one", tmp_path / "two.v2")
    assert detect(photo, photo.parent, *(text for out in outs for text in ("-o", out)), "--format", "json") == 0
    assert all([path.name for path in (out / "json").iterdir()] == ["my_cat.json"] for out in outs)


def test_one_missing_name_of_several_fails_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Pillow.fromarray(np.zeros((64, 64, 3), np.uint8)).save(tmp_path / "a.png")
    given = [str(tmp_path / name) for name in ("none*.png", "gone.png", "a.png")]
    assert main(["run", "detect", *given, "--model", "haar-face", "-o", str(tmp_path / "out")]) == 1
    err = capsys.readouterr().err
    assert "none*.png" in err
    assert "gone.png" in err
    assert "2 failed" in err
    assert (tmp_path / "out" / "json" / "a.json").is_file()
    assert main(["run", "detect", given[0], "--model", "haar-face", "-q", "-o", str(tmp_path / "o")]) == 1
    assert "at least one file" in capsys.readouterr().err


@pytest.mark.parametrize("taken", ["my cat-detect.json", "my cat-detect.json.recipe.json", "my cat-detect-yolo/a.txt"])
def test_what_others_put_into_a_folder_stays(photo, tmp_path, taken, capsys):
    path = tmp_path / "out" / taken
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    assert detect(photo, "-o", tmp_path / "out", "--format", "json", "--format", "yolo") == 1
    assert "is no export of cvstudio" in capsys.readouterr().err
    assert path.read_text() == "mine"
    assert [other for other in (tmp_path / "out").rglob("*") if other.is_file()] == [path]


def test_an_earlier_export_and_a_named_file_are_replaced(photo, tmp_path):
    out = tmp_path / "out"
    for score in ("0.2", "0.9"):
        assert detect(photo, "-o", out, "--format", "json", "--format", "yolo", "--score", score) == 0
    named = tmp_path / "named.json"
    named.write_text("mine")
    assert detect(photo, "-o", named) == 0
    assert json.loads(named.read_text())["file"] == photo.name


@pytest.mark.parametrize("taken", ["batch-report.csv", "batch.recipe.json", "detect.coco.json", "json/a.json"])
def test_a_batch_leaves_what_others_put_into_a_folder(photo, tmp_path, taken, capsys):
    path = tmp_path / "out" / taken
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    other = tmp_path / "out" / "notes.txt"
    other.write_text("mine, too")
    options = ("-o", tmp_path / "out", "--format", "coco", "--format", "json")
    assert detect(photo, photo.parent, *options) == 1
    assert "is of no batch" in capsys.readouterr().err
    assert {item for item in (tmp_path / "out").rglob("*") if item.is_file()} == {path, other}
    assert path.read_text() == "mine"
    path.unlink()
    assert detect(photo, photo.parent, *options) == 0
    assert detect(photo, photo.parent, *options, "--score", "0.9") == 0
