"""YOLO, against supervision, real sets and values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import supervision

from cvstudio.data.geometry import Size
from cvstudio.data.labels import Annotation, Category, PictureLabels
from cvstudio.foundation.errors import ExportError, MediaError
from cvstudio.foundation.progress import Progress
from cvstudio.media.annotations import ANNOTATION_FORMATS, WriteOptions, annotation_format
from cvstudio.media.annotations.writing import write_labels

YOLO = ANNOTATION_FORMATS["yolo"]
CLASSES = (Category("cat"), Category("traffic light"))


def read(path):
    found = annotation_format(path)
    assert found.key == "yolo"
    return found.read(path)


def put(folder, name, *lines):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def boxes_of(labelled, name):
    return [(item.category, *np.round(item.box, 4)) for item in labelled.labels(name).annotations]


@pytest.fixture
def shapes():
    outline = ((3.0, 4.0), (20.0, 4.0), (20.0, 18.0), (5.0, 11.0))
    first = (Annotation(0, (1.5, 2.25, 10.75, 20.0)), Annotation(1, (3.0, 4.0, 20.0, 18.0), (outline,)))
    return {"a.png": PictureLabels(Size(40, 30), first), "deep/b.png": PictureLabels(Size(40, 30))}


def test_what_was_written_reads_back_equal(tmp_path, put_pictures, shapes, set_of):
    put_pictures(tmp_path, *shapes)
    labelled = set_of(shapes, CLASSES, {name: tmp_path / name for name in shapes})
    out = tmp_path / "out"
    assert write_labels(labelled, out, YOLO, Progress(), options=WriteOptions(pictures=True)) == ()
    again = read(out)
    assert again.names == tuple(shapes)
    assert [item.name for item in again.categories] == ["cat", "traffic light"]
    assert again.check() == ()
    for name, labels in shapes.items():
        assert again.pictures[name].read_bytes() == (tmp_path / name).read_bytes()
        assert again.labels(name).size == labels.size
        for ours, theirs in zip(again.labels(name).annotations, labels.annotations, strict=True):
            assert ours.category == theirs.category
            assert np.allclose(ours.box, theirs.box, atol=1e-6)
            assert np.allclose(ours.polygons, theirs.polygons, atol=1e-6)
    # Nothing is put into a folder that holds something.
    with pytest.raises(ExportError, match="is to be a new or an empty folder"):
        write_labels(labelled, out, YOLO, Progress())


def test_supervision_reads_what_was_written(tmp_path, put_pictures, shapes, set_of):
    del shapes["deep/b.png"]  # which supervision does not look for
    put_pictures(tmp_path, *shapes)
    labelled = set_of(shapes, CLASSES, {name: tmp_path / name for name in shapes})
    out = tmp_path / "out"
    write_labels(labelled, out, YOLO, Progress(), options=WriteOptions(pictures=True))
    theirs = supervision.DetectionDataset.from_yolo(
        str(out / "images"), str(out / "labels"), str(out / "data.yaml"), force_masks=True
    )
    assert theirs.classes == ["cat", "traffic light"]
    (found,) = theirs.annotations.values()
    assert found.class_id.tolist() == [0, 1]
    assert np.allclose(found.xyxy, [[1.5, 2.25, 10.75, 20], [3, 4, 20, 18]], atol=0.01)


def test_masks_become_outlines_and_what_is_lost_is_told(tmp_path, everything, categories, set_of, put_pictures):
    pictures = dict(zip(everything, put_pictures(tmp_path, *everything), strict=True))
    mask = everything["a.png"].annotations[2]
    plain = Annotation(0, mask.box, mask=mask.mask)
    labels = {"a.png": PictureLabels(Size(40, 30), (*everything["a.png"].annotations[1:], plain))}
    told = write_labels(set_of(labels, categories[:2], pictures), tmp_path / "out", YOLO, Progress())
    assert [item.reason for item in told] == [
        "A crowd cannot be told from an object.",
        "An outline knows no holes; those of a mask are filled.",
    ]
    lines = (tmp_path / "out" / "labels" / "a.txt").read_text().splitlines()
    assert len(lines) == 2
    values = np.round(np.array(lines[1].split()[1:], float).reshape(-1, 2) * (40, 30), 6)
    assert (values.min(0).tolist(), values.max(0).tolist()) == ([5, 6], [15, 14])


def test_key_points_are_written_and_read(tmp_path, put_pictures, everything, categories, set_of):
    labels = {"b.png": everything["deep/b.png"]}
    put_pictures(tmp_path, "b.png")
    labelled = set_of(labels, categories, {"b.png": tmp_path / "b.png"})
    write_labels(labelled, tmp_path / "out", YOLO, Progress(), options=WriteOptions(pictures=True))
    again = read(tmp_path / "out")
    (hand,) = again.labels("b.png").annotations
    assert again.categories[2].name == "hand"
    assert np.allclose(hand.keypoints, everything["deep/b.png"].annotations[0].keypoints, atol=1e-6)
    assert np.allclose(hand.box, (0, 0, 30.5, 29), atol=1e-6)


@pytest.mark.parametrize(
    ("picture", "labels", "name"),
    [
        ("images/a.png", "labels/a.txt", "a.png"),
        ("images/train/a.png", "labels/train/a.txt", "train/a.png"),
        ("train/images/a.png", "train/labels/a.txt", "train/a.png"),
        ("a.png", "a.txt", "a.png"),
        ("a.png", "labels/a.txt", "a.png"),
    ],
)
def test_the_usual_layouts_are_known(tmp_path, put_pictures, picture, labels, name):
    (path,) = put_pictures(tmp_path, picture)
    put(tmp_path, labels, "0 0.5 0.5 0.25 0.5")
    put(tmp_path, "classes.txt", "cat", "dog", "")
    labelled = read(tmp_path)
    assert labelled.pictures == {name: path}
    assert boxes_of(labelled, name) == [(0, 15, 7.5, 25, 22.5)]
    assert [item.name for item in labelled.categories] == ["cat", "dog"]


def test_names_are_found_in_yaml_or_made(tmp_path, put_pictures):
    put_pictures(tmp_path / "images", "a.png", "empty.png")
    put(tmp_path, "labels/a.txt", "7 0.5 0.5 0.25 0.5", "3 0.5 0.5 0.25 0.5")
    labelled = read(tmp_path)
    assert [item.name for item in labelled.categories] == ["class 3", "class 7"]
    assert {item.reason for item in labelled.check()} == {
        "There is no list of class names; add data.yaml or classes.txt to name them.",
        "A picture has no file of labels; it counts as one without objects.",
    }
    assert labelled.labels("empty.png").annotations == ()
    yaml = put(tmp_path, "my.yaml", "train: images", "names: {3: bird, 7: cow, 9: pig}")
    for path in (tmp_path, yaml):
        labelled = read(path)
        assert [(item.name, item.file_id) for item in labelled.categories] == [("bird", 3), ("cow", 7), ("pig", 9)]
        assert [row[0] for row in boxes_of(labelled, "a.png")] == [1, 0]


def test_what_cannot_be_taken_is_left_out_with_its_reason(tmp_path, put_pictures):
    put_pictures(tmp_path / "images", "a.png")
    put(
        tmp_path,
        "labels/a.txt",
        *("5 0.5 0.5 0.1 0.1", "0 0.5 0.5", "0 nan 0.5 0.1 0.1", "0 2 2 0.1 0.1", "0 0.5 0.5 0 0.1"),
        *("0 .1 .1 .2 .2 .3 .3 .4", "x y", "", "0 0.5 0.5 0.2 0.2 0.9", "0 0.5 0.5 0.2 0.2"),
    )
    put(tmp_path, "labels/gone.txt", "0 0.5 0.5 0.1 0.1")
    put(tmp_path, "data.yaml", "train: images", "names: [cat]")
    labelled = read(tmp_path)
    assert boxes_of(labelled, "a.png") == [(0, 16, 12, 24, 18)]
    assert {(item.reason, item.where, item.count) for item in labelled.check()} == {
        ("The class 5 is not declared.", "a.png", 1),
        ("The class x is not declared.", "a.png", 1),
        ("A line is expected to hold a class and at least four numbers.", "a.png", 2),
        ("The box lies outside of the picture.", "a.png", 1),
        ("The box has no area.", "a.png", 1),
        ("A line is expected to hold pairs of numbers behind the class.", "a.png", 1),
        ("The same label is there twice.", "a.png", 1),
        ("The picture is not there.", "gone", 1),
    }


def test_a_damaged_declaration_gives_one_sentence(tmp_path):
    path = put(tmp_path, "data.yaml", "names: [", "train: x")
    with pytest.raises(MediaError, match="holds no labels of a known form"):
        annotation_format(path)
    with pytest.raises(MediaError, match=r"'data.yaml' is no valid YAML"):
        YOLO.read(path)
    bomb = put(tmp_path, "bomb.yaml", "a: &a [x, x]", "b: &b [*a, *a]", "names: [*b, !!python/object:os.system {}]")
    with pytest.raises(MediaError, match="is no valid YAML"):
        YOLO.read(bomb)


def test_a_name_that_leads_elsewhere_stays_in_the_folder(tmp_path, put_pictures, shapes, set_of):
    (picture,) = put_pictures(tmp_path, "a.png")
    labelled = set_of({"../../a.png": shapes["a.png"]}, CLASSES, {"../../a.png": picture})
    write_labels(labelled, tmp_path / "x" / "out", YOLO, Progress(), options=WriteOptions(pictures=True))
    written = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert written == ["a.png", "x/out/data.yaml", "x/out/images/a.png", "x/out/labels/a.txt"]


def test_a_real_set_is_read_as_supervision_does(data):
    root = data("coco128", "object_detection")
    labelled = read(root)
    assert labelled.names[0] == "train2017/000000000009.jpg"
    # Two files of labels have no picture, and two pictures no labels.
    assert (len(labelled.pictures), len(labelled.names)) == (128, 130)
    assert [item.where for item in labelled.check() if item.reason == "The picture is not there."] == [
        *("train2017/000000000656", "train2017/000000000659"),
    ]
    theirs = supervision.DetectionDataset.from_yolo(
        str(root.parent / "images" / "train2017"), str(root / "labels" / "train2017"), str(root / "config.yaml")
    )
    total = 0
    for name, path in labelled.pictures.items():
        found = theirs.annotations[str(path)]
        ours = labelled.labels(name).annotations
        total += len(ours)
        if len(ours) == len(found):
            assert [item.category for item in ours] == found.class_id.tolist()
            assert np.allclose(np.reshape([item.box for item in ours], (-1, 4)), found.xyxy, atol=0.01)
        else:
            assert any(item.where == name for item in labelled.check())
    assert total > 900


def test_real_outlines_have_names_by_number(data):
    labelled = read(data("coco128", "instance_segmentation", "config.yaml"))
    name = "train2017/000000000009.jpg"
    assert labelled.categories[labelled.labels(name).annotations[0].category].name == "bowl"
    assert all(item.polygons for item in labelled.labels(name).annotations)


def test_a_folder_without_any_file_of_labels_is_told_or_of_pictures_without_objects(tmp_path, put_pictures):
    put_pictures(tmp_path / "images", "train/a.png", "val/a.png", "val/deep/b.png", "test/a.png", "more/a.png")
    put_pictures(tmp_path, ".hidden/a.png")
    put(tmp_path, "labels/train/a.txt", "0 0.5 0.5 0.5 0.2")
    nowhere = {("A folder of pictures has no file of labels; it is left out.", name, 1) for name in ("more", "test")}
    told = {(item.reason, item.where, item.count) for item in read(tmp_path).check()}
    unnamed = {("There is no list of class names; add data.yaml or classes.txt to name them.", "", 1)}
    val = {("A folder of pictures has no file of labels; it is left out.", name, 1) for name in ("val", "val/deep")}
    assert told == nowhere | unnamed | val
    # As Ultralytics reads them: what is declared for training and validation has no objects. Of a test nobody knows.
    for declared in ("val: images/val", "val: ../images/val", "val: [images/val]"):
        put(tmp_path, "data.yaml", "train: images/train", declared, "test: images/test", "names: [cat]")
        labelled = read(tmp_path)
        assert labelled.names == ("train/a.png", "val/a.png", "val/deep/b.png")
        assert boxes_of(labelled, "train/a.png") == [(0, 10, 12, 30, 18)]
        assert labelled.labels("val/deep/b.png") == PictureLabels(Size(40, 30))
        empty = "A picture has no file of labels; it counts as one without objects."
        assert {(item.reason, item.where, item.count) for item in labelled.check()} == nowhere | {
            (empty, "val/a.png", 1),
            (empty, "val/deep/b.png", 1),
        }
    put(tmp_path, "data.yaml", "train: images", "names: [cat]", "skip_if_label_file_missing: True")
    labelled = read(tmp_path)
    assert (labelled.names, labelled.check()) == (("train/a.png",), ())


def test_the_folder_of_labels_alone_tells_of_the_pictures_beside_it(tmp_path, put_pictures):
    put_pictures(tmp_path / "pictures" / "set", "images/train/a.png", "images/val/b.png", "c.png")
    labels = put(tmp_path / "pictures" / "set" / "labels", "train/a.txt", "0 0.5 0.5 0.5 0.2").parent.parent
    put(labels, "classes.txt", "cat")
    labelled = read(labels)
    assert labelled.names == ("train/a.png",)
    assert [(item.reason, item.where) for item in labelled.check()] == [
        ("A folder of pictures has no file of labels; it is left out.", "val")
    ]


def test_a_picture_among_labels_that_is_not_labelled_yet(tmp_path, put_pictures):
    put_pictures(tmp_path, "a.png", "b.png")
    put(tmp_path, "a.txt", "0 0.5 0.5 0.5 0.2")
    put(tmp_path, "classes.txt", "cat")
    labelled = read(tmp_path)
    assert labelled.names == ("a.png",)
    assert [(item.reason, item.where) for item in labelled.check()] == [
        ("A picture has no file of labels; it is left out.", "b.png")
    ]


@pytest.mark.parametrize("names", [["cat"], ["hand"]])
def test_scores_and_tracks_behind_boxes_outlines_and_key_points(tmp_path, put_pictures, names):
    put_pictures(tmp_path / "images", "a.png", "b.png")
    box, corners = "0 0.5 0.5 0.5 0.2", "0 0.1 0.1 0.6 0.1 0.6 0.9"
    points = " 0.1 0.2 2 0.3 0.4 1" if names == ["hand"] else ""
    put(tmp_path, "data.yaml", "train: images", f"names: {names}", "kpt_shape: [2, 3]" if points else "")
    tracked = [f"{box}{points} 0.75 7", f"{box}{points} 1 8", f"{box}{points} 9"]
    outlines = [] if points else [f"{corners} 0.1 0.9", f"{corners} 0.1 0.9 0.75 3", f"{corners} 0.1 0.9 4"]
    put(tmp_path, "labels/a.txt", *tracked, *outlines)
    # Alone a 1 may be the border of the picture; that others end in tracks decides.
    put(tmp_path, "labels/b.txt", f"{box}{points} 0.75 1")
    labelled = read(tmp_path)
    assert labelled.check() == ()
    found = labelled.labels("a.png").annotations
    assert [item.track_id for item in found] == [7, 8, 9, *([] if points else [None, 3, 4])]
    for item in found[:3]:
        assert item.box == pytest.approx((10, 12, 30, 18))
        assert item.polygons == ()
        assert len(item.keypoints) == (2 if points else 0)
    for item in found[3:]:
        assert np.array(item.polygons) == pytest.approx(np.array([[(4, 3), (24, 3), (24, 27), (4, 27)]]))
    (alone,) = labelled.labels("b.png").annotations
    assert (alone.track_id, alone.polygons, len(alone.keypoints)) == (1, (), len(points.split()) // 3)
    if not points:
        (tmp_path / "labels" / "a.txt").unlink()
        (triangle,) = read(tmp_path).labels("b.png").annotations
        assert (triangle.track_id, len(triangle.polygons[0])) == (None, 3)
