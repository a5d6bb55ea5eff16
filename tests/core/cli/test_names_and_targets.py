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
    assert detect(odd, "-o", tmp_path / "out", "--format", "json", "--format", "coco", "--format", "csv") == 0
    coco = json.loads((tmp_path / "out" / os.fsdecode(b"caf\xe9-detect.coco.json")).read_text("utf-8"))
    assert coco["images"][0]["file_name"] == name
    Pillow.new("RGB", (40, 40)).save(photo.with_name("plain.png"))
    assert detect(photo.parent, "-o", tmp_path / "batch", "--format", "coco", "--format", "csv") == 0
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
