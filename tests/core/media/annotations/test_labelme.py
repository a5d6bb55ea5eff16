"""LabelMe JSON, against the JSON itself and pictures decoded by OpenCV."""

from __future__ import annotations

import base64
import json

import cv2
import numpy as np
import pytest

from cvstudio.data.geometry import Size
from cvstudio.data.labels import Annotation, Category, LabelledMask, PictureLabels
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.progress import Progress
from cvstudio.media.annotations import ANNOTATION_FORMATS, WriteOptions, annotation_format
from cvstudio.media.annotations.writing import write_labels

LABELME = ANNOTATION_FORMATS["labelme"]
CLASSES = (Category("cat"), Category("dog"), Category("sunny"))


def read(path):
    found = annotation_format(path)
    assert found.key == "labelme"
    return found.read(path)


@pytest.fixture
def ring():
    pixels = np.ones((8, 10), bool)
    pixels[3:5, 4:6] = False
    return LabelledMask(pixels, 5, 6)


@pytest.fixture
def labels(ring):
    parts = (((3.0, 4.0), (20.0, 4.0), (20.0, 18.0)), ((4.0, 9.0), (6.0, 9.0), (5.0, 12.0)))
    annotations = (
        Annotation(0, (1.5, 2.25, 10.75, 20.0), attributes={"occluded": "true", "description": "the left one"}),
        Annotation(1, (3.0, 4.0, 20.0, 18.0), parts),
        Annotation(1, (5.0, 6.0, 15.0, 14.0), mask=ring),
    )
    return {"a.png": PictureLabels(Size(40, 30), annotations, (2,)), "deep/b.png": PictureLabels(Size(40, 30))}


@pytest.fixture
def written(tmp_path, labels, put_pictures, set_of):
    put_pictures(tmp_path, *labels)
    labelled = set_of(labels, CLASSES, {name: tmp_path / name for name in labels})
    out = tmp_path / "out"
    assert write_labels(labelled, out, LABELME, Progress(), options=WriteOptions(pictures=True)) == ()
    return out


def test_what_was_written_reads_back_equal(written, labels):
    labelled = read(written)
    assert labelled.categories == CLASSES
    assert labelled.check() == ()
    assert {name: labelled.labels(name) for name in labelled.names} == labels
    assert read(written / "a.json").labels("a.png") == labels["a.png"]


def test_the_json_is_as_labelme_has_it(written, ring):
    content = json.loads((written / "a.json").read_text())
    assert (content["imagePath"], content["imageWidth"], content["imageHeight"]) == ("a.png", 40, 30)
    assert content["flags"] == {"sunny": True}
    assert [shape["shape_type"] for shape in content["shapes"]] == ["rectangle", "polygon", "polygon", "mask"]
    assert content["shapes"][0]["points"] == [[1.5, 2.25], [10.75, 20.0]]
    assert [shape["group_id"] for shape in content["shapes"]] == [None, 1, 1, None]
    mask = content["shapes"][3]
    # The last pixel belongs to a mask of LabelMe.
    assert mask["points"] == [[5, 6], [14, 13]]
    decoded = cv2.imdecode(np.frombuffer(base64.b64decode(mask["mask"]), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert np.array_equal(decoded > 0, ring.pixels)


def put(path, shapes, **more):
    path.write_text(json.dumps({"version": "5", "flags": {}, "shapes": shapes, "imagePath": "..\\a.png", **more}))


def test_all_shapes_are_read_or_told(tmp_path, put_pictures):
    put_pictures(tmp_path, "a.png")
    (tmp_path / "json").mkdir()
    shapes = [
        {"label": "cat", "points": [[10, 15], [10, 10]], "shape_type": "circle"},
        {"label": "cat", "points": [[9, 8], [3, 2]], "shape_type": "rectangle"},
        {"label": "cat", "points": [[9, 8], [3, 2]], "shape_type": "line"},
        {"label": "cat", "points": [[9, 8]], "shape_type": "point"},
        {"label": "", "points": [[9, 8], [3, 2]], "shape_type": "rectangle", "description": 5},
        {"label": "cat", "points": [[9, "x"], [3, 2]], "shape_type": "rectangle"},
        {"label": "cat", "points": [[9, 8], [3, 2]], "shape_type": "polygon"},
        {"label": "cat", "points": [[9, 8], [3, 2]], "shape_type": "mask", "mask": "no picture"},
        {"label": 5, "points": []},
    ]
    put(tmp_path / "json" / "x.json", shapes)
    labelled = read(tmp_path / "json")
    assert labelled.pictures == {"a.png": tmp_path / "a.png"}
    circle, box = labelled.labels("a.png").annotations
    assert np.allclose(circle.box, (5, 10, 15, 20), atol=0.02)
    assert box.box == (3, 2, 9, 8)
    assert {(item.reason, item.count) for item in labelled.check()} == {
        ("A shape of the kind 'line' has no area; it is left out.", 1),
        ("A shape of the kind 'point' has no area; it is left out.", 1),
        ("A shape has no label.", 2),
        ("A shape has corners that are no pairs of finite numbers.", 1),
        ("A polygon has fewer than three corners.", 1),
        ("A mask holds no picture with set pixels.", 1),
        ("The same label is there twice.", 1),
    }


def test_one_damaged_file_spoils_no_other(tmp_path, put_pictures):
    put_pictures(tmp_path, "a.png", "b.png")
    put(tmp_path / "a.json", [{"label": "cat", "points": [[9, 8], [3, 2]], "shape_type": "rectangle"}])
    (tmp_path / "b.json").write_text('{"imagePath": "b.png", "shapes": [')
    labelled = read(tmp_path)
    assert len(labelled.labels("a.png").annotations) == 1
    assert [(item.reason, item.where) for item in labelled.check()] == [
        ("'b.json' is no valid JSON at line 1; get a fresh copy of it.", "b.png")
    ]
    with pytest.raises(MediaError, match="is no valid JSON"):
        labelled.labels("b.png")
