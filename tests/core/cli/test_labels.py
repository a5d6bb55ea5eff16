"""`cvstudio labels` and `cvstudio info` of a labelled set."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from cvstudio.cli.main import main
from cvstudio.media.annotations import ANNOTATION_FORMATS, annotation_format
from cvstudio.media.examples.files import sample_path


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
        "            cat            1 objects",
        "            traffic light  1 objects",
        "  left out  1 x The box lies outside of the picture. (a.png)",
        "            1 x The picture is not there. (gone.png)",
    ]
    assert main(["info", "--json", str(coco)]) == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert (entry["kind"], entry["facts"]["objects"]) == ("labels", "2")


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
