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


POSE = (
    {"label": "person", "points": [[1, 1], [30, 25]], "shape_type": "rectangle", "group_id": 3},
    {"label": "nose", "points": [[10, 5]], "shape_type": "point", "group_id": 3},
    {"label": "right hand", "points": [[20.5, 15]], "shape_type": "point", "group_id": 3, "flags": {"occluded": True}},
    {"label": "person", "points": [[2, 2], [20, 20]], "shape_type": "rectangle", "group_id": 4},
    {"label": "nose", "points": [[6, 5]], "shape_type": "point", "group_id": 4},
    {"label": "left hand", "points": [[3, 9]], "shape_type": "point", "group_id": 4, "difficult": True},
)


def test_points_of_a_group_are_the_key_points_of_its_object(tmp_path, put_pictures):
    put_pictures(tmp_path, "a.png")
    put(tmp_path / "a.json", [*POSE, {"label": "cat", "points": [[5, 5], [9, 9]], "shape_type": "rectangle"}])
    labelled = read(tmp_path)
    assert labelled.categories == (
        Category("cat"),
        Category("person", keypoints=("nose", "left hand", "right hand")),
    )
    first, second, cat = labelled.labels("a.png").annotations
    assert first.box == (1, 1, 30, 25)
    assert first.keypoints == ((10, 5, 2), (0, 0, 0), (20.5, 15, 1))
    assert second.keypoints == ((6, 5, 2), (3, 9, 1), (0, 0, 0))
    assert (cat.category, cat.keypoints) == (0, ())
    assert labelled.check() == ()


def test_landmarks_without_a_group_are_one_object_and_equal_points_none(tmp_path, put_pictures):
    put_pictures(tmp_path, "a.png", "b.png")
    eyes = [{"label": name, "points": [[x, 8]], "shape_type": "point"} for name, x in (("left", 20), ("right", 5))]
    put(tmp_path / "a.json", eyes)
    cells = [{"label": "cell", "points": [[x, 8]], "shape_type": "point"} for x in (3, 9)]
    put(tmp_path / "b.json", cells, imagePath="b.png")
    labelled = read(tmp_path)
    (face,) = labelled.labels("a.png").annotations
    assert labelled.categories[face.category] == Category("object", keypoints=("left", "right"))
    assert face.keypoints == ((20, 8, 2), (5, 8, 2))
    assert face.box == (5, 7.5, 20, 8.5)
    assert labelled.labels("b.png").annotations == ()
    assert [(item.where, item.count) for item in labelled.check()] == [("b.png", 2)]


def test_key_points_are_written_and_read_back(tmp_path, put_pictures, set_of):
    put_pictures(tmp_path, "a.png")
    person = Category("person", keypoints=("nose", "left hand", "right hand"))
    objects = (
        Annotation(0, (1, 1, 30, 25), keypoints=((10, 5, 2), (0, 0, 0), (20.5, 15, 1))),
        Annotation(0, (2, 2, 20, 20), (((2, 2), (20, 2), (20, 20)),), keypoints=((6, 5, 2), (3, 9, 1), (4, 4, 2))),
        Annotation(0, (2, 2, 9, 9)),
    )
    labels = {"a.png": PictureLabels(Size(40, 30), objects)}
    out = tmp_path / "out"
    labelled = set_of(labels, (person,), {"a.png": tmp_path / "a.png"})
    assert write_labels(labelled, out, LABELME, Progress(), options=WriteOptions(pictures=True)) == ()
    shapes = json.loads((out / "a.json").read_text())["shapes"]
    assert [(shape["label"], shape["shape_type"], shape["group_id"]) for shape in shapes] == [
        *(("person", "rectangle", 0), ("nose", "point", 0), ("right hand", "point", 0)),
        *(("person", "polygon", 1), ("nose", "point", 1), ("left hand", "point", 1), ("right hand", "point", 1)),
        ("person", "rectangle", None),
    ]
    assert [shape["flags"] for shape in shapes[1:3]] == [{}, {"occluded": True}]
    back = read(out)
    assert back.categories == (person,)
    assert back.labels("a.png").annotations == objects
    lined = set_of(labels, (Category("person", keypoints=person.keypoints, skeleton=((0, 1),)),))
    told = write_labels(lined, tmp_path / "lines", LABELME, Progress())
    assert [item.reason for item in told] == ["LabelMe holds no lines between key points."]


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
