"""`cvstudio labels` and `cvstudio info` of a labelled set."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from PIL import Image

from cvstudio.cli.main import main
from cvstudio.media.annotations import ANNOTATION_FORMATS, annotation_format
from cvstudio.media.annotations.coco import JsonObject
from cvstudio.media.examples.files import sample_path
from cvstudio.models import MODELS


@pytest.fixture
def coco(tmp_path):
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    boxes = [[1, 2, 9, 9], [3, 3, 9, 9], [90, 3, 9, 9]]
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": 40, "height": 30}, {"id": 2, "file_name": "gone.png"}],
        "annotations": [{"id": n, "image_id": 1, "category_id": n % 2, "bbox": box} for n, box in enumerate(boxes)],
        "categories": [{"id": 0, "name": "cat"}, {"id": 1, "name": "traffic light"}],
    }
    path = tmp_path / "x.json"
    path.write_text(json.dumps(content))
    return path


def test_info_counts_classes_pictures_and_what_was_left_out(coco, capsys):
    assert main(["info", str(coco)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        str(coco),
        "  labels    COCO JSON",
        "  pictures  2, of which 1 are not there, 1 without a label",
        "  objects   2",
        "  classes   2",
        "            cat            1 object",
        "            traffic light  1 object",
        "  left out  1 x The box lies outside of the picture. (a.png)",
        "            1 x The picture is not there. (gone.png)",
    ]
    assert main(["info", "--json", str(coco)]) == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert (entry["kind"], entry["facts"]["objects"]) == ("labels", "2")


def test_info_of_a_long_file_shows_progress_and_can_be_interrupted(coco, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert main(["info", str(coco)]) == 0
    told = capsys.readouterr().err
    assert "reading x.json" in told
    assert "gone.png 50%" in told
    assert told.endswith("\x1b[K")


def test_info_reads_each_label_once(coco, capsys, monkeypatch):
    parsed = []
    whole = JsonObject.parsed
    monkeypatch.setattr(JsonObject, "parsed", lambda self, span: parsed.append(span) or whole(self, span))
    assert main(["info", str(coco)]) == 0
    assert len(parsed) == len(set(parsed)) == 3


def test_info_tells_what_is_no_set(tmp_path, capsys):
    assert main(["info", str(tmp_path)]) == 1
    assert "holds no labels of a known form; known are: COCO panoptic, COCO JSON" in capsys.readouterr().err


@pytest.mark.parametrize("key", [entry.key for entry in ANNOTATION_FORMATS if entry.write is not None])
def test_the_sample_is_converted_into_every_form(key, tmp_path, capsys):
    out = tmp_path / f"out{ANNOTATION_FORMATS[key].suffix}"
    source = sample_path("photo-labels")
    assert main(["labels", "convert", str(source), "--to", key, "-o", str(out), "-q", "--pictures"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == str(out)
    found = annotation_format(out)
    assert found.key == key
    labelled = found.read(out)
    assert {name.rpartition("/")[2] for name in labelled.names} == {"astronaut.png", "chelsea.png", "coffee.png"}
    assert {"cup", "person"} <= {item.name for item in labelled.categories}


def test_what_a_form_cannot_hold_is_said(coco, tmp_path, capsys):
    assert main(["labels", "convert", str(coco), "--to", "class-folders", "-o", str(tmp_path / "out"), "-q"]) == 0
    told = capsys.readouterr().err
    assert "1 x A class for each folder holds no objects and no maps of classes. (a.png)" in told
    assert main(["labels", "convert", str(coco), "--to", "coco", "-o", str(coco), "-q"]) == 1
    assert "is what the labels were read from" in capsys.readouterr().err


def test_a_file_without_an_ending_gets_that_of_its_form(coco, tmp_path, capsys):
    assert main(["labels", "convert", str(coco), "--to", "cvat", "-o", str(tmp_path / "out"), "-q"]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "out.xml")
    assert main(["info", str(tmp_path / "out.xml")]) == 0
    assert "CVAT XML" in capsys.readouterr().out


@pytest.fixture
def rectangles(blob_finder, tmp_path):
    """Two pictures of bright rectangles, one of none, and a detector that finds the first to the pixel."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    places = {"a.png": [(0, 10, 20), (2, 60, 30)], "b.png": [(1, 5, 5)], "c.png": []}
    for name, rows in places.items():
        pixels = np.full((80, 100, 3), 60, np.uint8)
        for channel, x, y in rows:
            colour = np.full(3, 20, np.uint8)
            colour[channel] = 230
            pixels[y : y + 12, x : x + 16] = colour
        Image.fromarray(pixels).save(folder / name)
    with MODELS.lend(blob_finder.SPEC):
        yield folder


def test_what_a_model_finds_becomes_labels_in_a_file(rectangles, tmp_path, capsys):
    out = tmp_path / "out.json"
    (rectangles / "notes.txt").write_text("not a picture")
    (rectangles / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n torn")
    run = ["labels", "accept", str(rectangles), "--model", "blobs", "--score", "0.2", "--device", "cpu", "-q"]
    # A damaged picture spoils none, and is told.
    assert main([*run, "-o", str(out)]) == 1
    told = capsys.readouterr()
    assert told.out.splitlines() == [str(out)]
    assert "torn.png" in told.err
    assert "3 labels added on 3 pictures; 0 were there already" in told.err
    (rectangles / "torn.png").unlink()
    written = json.loads(out.read_text())
    names = {item["id"]: item["name"] for item in written["categories"]}
    files = {item["id"]: item["file_name"].rpartition("/")[2] for item in written["images"]}
    assert sorted(files.values()) == ["a.png", "b.png", "c.png"]
    found = sorted((files[a["image_id"]], names[a["category_id"]], a["bbox"]) for a in written["annotations"])
    assert found == [
        ("a.png", "blue", [60, 30, 16, 12]),
        ("a.png", "red", [10, 20, 16, 12]),
        ("b.png", "green", [5, 5, 16, 12]),
    ]


def test_labels_that_are_there_stay_and_are_not_doubled(rectangles, tmp_path, capsys):
    """Only one rectangle is labelled, under another name that the user prefers."""
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": 100, "height": 80}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 7, "bbox": [10, 20, 16, 12]}],
        "categories": [{"id": 7, "name": "tomato"}],
    }
    (rectangles / "mine.json").write_text(json.dumps(content))
    run = ["labels", "accept", "--labels", str(rectangles / "mine.json"), "--model", "blobs", "--score", "0.2", "-q"]
    assert main([*run, "--device", "cpu", "-o", str(tmp_path / "all.json")]) == 0
    assert "1 label added on 1 picture; 1 was there already" in capsys.readouterr().err
    written = json.loads((tmp_path / "all.json").read_text())
    assert [item["name"] for item in written["categories"]] == ["tomato", "blue"]
    assert len(written["annotations"]) == 2
    assert main([*run, "--class", "green", "--to", "yolo", "-o", str(tmp_path / "yolo")]) == 0
    assert "0 labels added" in capsys.readouterr().err
    assert annotation_format(tmp_path / "yolo").key == "yolo"


def test_what_cannot_be_accepted_is_told_before_the_work(rectangles, blob_finder, tmp_path, capsys):
    run = ["labels", "accept", str(rectangles), "--model", "blobs", "-q", "-o"]
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    blob_finder.SEEN.clear()
    for arguments, words in (
        ([*run, str(tmp_path / "o.json"), "--score", "2"], "--score is expected to be 0 to 1, found 2.0"),
        ([*run, str(tmp_path / "full"), "--score", "0.5", "--to", "yolo"], "a new or an empty folder"),
        ([*run, str(tmp_path / "o.json"), "--score", "0.5", "--set", "tile"], "--set expects NAME=VALUE"),
        ([*run, str(tmp_path / "o.json"), "--score", "0.5", "--class", "cow"], "Classes has no 'cow'"),
        (
            ["labels", "accept", str(tmp_path / "full"), *run[3:], str(tmp_path / "o.json"), "--score", "0.5"],
            "found none",
        ),
    ):
        assert main(arguments) == 1
        assert words in capsys.readouterr().err
    assert blob_finder.SEEN == []
    assert not (tmp_path / "o.json").exists()


def test_pictures_are_moved_into_folders_of_their_classes_or_only_planned(tmp_path, capsys):
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    table, out = tmp_path / "classes.csv", tmp_path / "out"
    table.write_text("picture,class\na.png,cat\n")
    convert = ["labels", "convert", str(table), "-q", "-o", str(out), "--to"]
    assert main([*convert, "class-folders", "--plan"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'a.png'} -> {out / 'cat' / 'a.png'}\n"
    assert not out.exists()
    assert main([*convert, "coco", "--move"]) == 1
    assert "--plan and --move are for class-folders" in capsys.readouterr().err
    assert main([*convert, "class-folders", "--move"]) == 0
    assert (out / "cat" / "a.png").exists()
    assert not (tmp_path / "a.png").exists()


def test_a_model_that_finds_no_boxes_is_refused_in_one_sentence(rectangles, colour_models, tmp_path, capsys):
    run = ["labels", "accept", str(rectangles), "--model", "colour-points", "--score", "0.2", "-o", str(tmp_path / "o")]
    assert main(run) == 1
    assert capsys.readouterr().err.strip() == (
        "cvstudio: Expected a model that finds boxes, found Colour Points for keypoint detection; choose one of object "
        "detection from `cvstudio list`."
    )
