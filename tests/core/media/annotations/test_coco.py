"""COCO JSON, against pycocotools and values worked out by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from cvstudio.data.geometry import Size
from cvstudio.data.label_editing import with_added
from cvstudio.data.labels import Annotation, PictureLabels
from cvstudio.foundation.errors import ExportError, MediaError
from cvstudio.foundation.progress import Progress
from cvstudio.media.annotations import ANNOTATION_FORMATS, annotation_format
from cvstudio.media.annotations.writing import write_labels

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

COCO_JSON = ANNOTATION_FORMATS["coco"]


def put(path, images=(), annotations=(), categories=(), **more):
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories, **more}))
    return path


def image(number=1, name="a.png"):
    return {"id": number, "file_name": name, "width": 40, "height": 30}


CATS = [{"id": 5, "name": "cat"}]


def reasons(labelled):
    return {(item.reason, item.where, item.count) for item in labelled.check()}


def one(path):
    labelled = annotation_format(path).read(path)
    return labelled, labelled.labels(labelled.names[0]).annotations


def test_what_was_written_reads_back_equal(tmp_path, everything, categories, set_of):
    path = tmp_path / "out.json"
    assert write_labels(set_of(everything, categories), path, COCO_JSON, Progress()) == ()
    labelled = annotation_format(path).read(path)
    assert labelled.format == "coco"
    assert labelled.categories == categories
    assert labelled.names == ("a.png", "deep/b.png", "c.png")
    numbers = [item.file_id for name in labelled.names for item in labelled.labels(name).annotations]
    assert numbers[0] == 7
    assert numbers[2] == 9
    assert len(set(numbers)) == 4
    for name, labels in everything.items():
        read = labelled.labels(name)
        assert read.size == labels.size
        for ours, theirs in zip(read.annotations, labels.annotations, strict=True):
            for field in ("category", "box", "polygons", "mask", "keypoints", "crowd", "attributes", "track_id"):
                assert getattr(ours, field) == getattr(theirs, field), field


def test_a_new_label_leaves_the_ids_of_the_others(tmp_path, everything, categories, set_of):
    path = tmp_path / "in.json"
    write_labels(set_of(everything, categories), path, COCO_JSON, Progress())
    labelled = annotation_format(path).read(path)
    before = {name: [item.file_id for item in labelled.labels(name).annotations] for name in labelled.names}
    new = with_added(labelled.labels("a.png"), Annotation(0, (9.0, 9.0, 20.0, 20.0)))
    write_labels(labelled.with_labels("a.png", new), tmp_path / "out.json", COCO_JSON, Progress())
    again = annotation_format(tmp_path / "out.json").read(tmp_path / "out.json")
    after = {name: [item.file_id for item in again.labels(name).annotations] for name in again.names}
    highest = max(number for numbers in before.values() for number in numbers)
    assert after == {**before, "a.png": [*before["a.png"], highest + 1]}


def test_pycocotools_reads_what_was_written(tmp_path, everything, categories, set_of):
    path = tmp_path / "out.json"
    write_labels(set_of(everything, categories), path, COCO_JSON, Progress())
    coco = COCO(str(path))
    assert {item["id"]: item["name"] for item in coco.loadCats(coco.getCatIds())} == {
        1: "person",
        10: "traffic light",
        3: "hand",
    }
    box, polygons, ring = coco.imgToAnns[1]
    assert (box["bbox"], box["area"], box["id"]) == ([1.5, 2.25, 9.25, 17.75], 170.9, 7)
    assert polygons["area"] == 0.5 * 17 * 14 + 0.5 * 2 * 3
    assert ring["iscrowd"] == 1
    expected = np.zeros((30, 40), np.uint8)
    expected[6:14, 5:15] = 1
    expected[9:11, 9:11] = 0
    assert np.array_equal(coco.annToMask(ring), expected)
    hand = coco.imgToAnns[2][0]
    assert (hand["keypoints"], hand["num_keypoints"]) == ([1.5, 2.0, 2, 0.0, 0.0, 0, 12.0, 20.5, 1], 2)
    assert coco.loadCats(3)[0]["skeleton"] == [[1, 2], [2, 3]]


def test_run_lengths_are_read_as_pycocotools_does(tmp_path):
    rng = np.random.default_rng(3)
    annotations, masks = [], []
    for number in range(20):
        mask = np.zeros((30, 40), np.uint8)
        y, x = rng.integers(0, 20), rng.integers(0, 30)
        mask[y : y + 10, x : x + 10] = rng.random((10, 10)) < 0.6
        masks.append(mask)
        code = coco_mask.encode(np.asfortranarray(mask))
        if number % 2:
            flat = mask.ravel(order="F")
            edges = np.flatnonzero(np.diff(flat)) + 1
            counts = np.diff([0, *edges, flat.size]).tolist()
            counts = counts if flat[0] == 0 else [0, *counts]
        else:
            counts = code["counts"].decode()
        box = coco_mask.toBbox(code).tolist()
        segmentation = {"size": [30, 40], "counts": counts}
        annotations.append({"id": number, "image_id": 1, "category_id": 5, "bbox": box, "segmentation": segmentation})
    labelled, found = one(put(tmp_path / "a.json", [image()], annotations, CATS))
    assert labelled.check() == (labelled.check()[0],)  # only the picture is not there
    for annotation, mask in zip(found, masks, strict=True):
        assert np.array_equal(annotation.mask.full(Size(40, 30)), mask.astype(bool))


def test_what_cannot_be_taken_is_left_out_with_its_reason(tmp_path, put_pictures):
    put_pictures(tmp_path / "images", "a.png")
    bad = [
        {"bbox": [50, 0, 5, 5]},
        {"bbox": [1, 1, 0, 5]},
        {"bbox": [float("nan"), 1, 5, 5]},
        {"bbox": [1, 1, 5, 5], "category_id": 6},
        {"bbox": [1, 1, 5, 5], "image_id": 99},
        {"bbox": [30, 20, 30, 5]},
        {"bbox": [2, 2, 5, 5], "segmentation": [[1, 1, 2, 2]]},
        {"bbox": [3, 3, 5, 5], "segmentation": {"size": [30, 40], "counts": [5, 100000]}},
        {"bbox": [4, 4, 5, 5]},
        {"bbox": [4, 4, 5, 5]},
        "nothing",
    ]
    full = [{"id": 1, "image_id": 1, "category_id": 5, **item} if isinstance(item, dict) else item for item in bad]
    labelled, found = one(put(tmp_path / "a.json", [image(), image(2, "gone.png")], full, CATS))
    assert labelled.pictures == {"a.png": tmp_path / "images" / "a.png"}
    assert [item.box[:2] for item in found] == [(30, 20), (2, 2), (3, 3), (4, 4)]
    assert [item.polygons for item in found] == [()] * 4
    assert reasons(labelled) == {
        ("A label belongs to no picture: the id 99 is not among the images.", "", 1),
        ("The box lies outside of the picture.", "a.png", 1),
        ("A label has no box of four finite numbers, and no outline.", "a.png", 2),
        ("The class id 6 is not declared.", "a.png", 1),
        ("The box reaches beyond the picture; what is outside is not drawn.", "a.png", 1),
        ("A polygon has fewer than three corners.", "a.png", 1),
        ("The run lengths of a mask do not fill the picture.", "a.png", 1),
        ("The same label is there twice.", "a.png", 1),
        ("The picture is not there.", "gone.png", 1),
    }


@pytest.mark.parametrize(
    "counts", [[5, 100000], [3], [], [-5, 1205], "zzzz", "0", "é", [1.5, 1198.5], ["x"], None, {"a": 1}, [2**70]]
)
def test_hostile_run_lengths_are_left_out(tmp_path, counts):
    segmentation = {"size": [30, 40], "counts": counts}
    item = {"id": 1, "image_id": 1, "category_id": 5, "bbox": [1, 1, 5, 5], "segmentation": segmentation}
    _, (found,) = one(put(tmp_path / "a.json", [image()], [item], CATS))
    assert found.mask is None


def test_a_mask_of_an_absurd_size_is_left_out(tmp_path):
    segmentation = {"size": [10**9, 10**9], "counts": [0, 10**18]}
    item = {"id": 1, "image_id": 1, "category_id": 5, "bbox": [1, 1, 5, 5], "segmentation": segmentation}
    _, (found,) = one(put(tmp_path / "a.json", [{"id": 1, "file_name": "a.png"}], [item], CATS))
    assert found.mask is None


def test_a_picture_twice_and_a_class_twice_are_told(tmp_path):
    path = put(tmp_path / "a.json", [image(), image(2), image(1, "b.png"), {"id": 4}], [], [*CATS, *CATS, {"id": "x"}])
    labelled = annotation_format(path).read(path)
    assert (labelled.names, len(labelled.categories)) == (("a.png",), 1)
    told = [item.reason for item in labelled.check()]
    assert told.count("A class has no id, or that of another.") == 2
    assert "A picture is there twice; its first entry is taken." in told


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ('{"images": [], "annotations": ', "is no valid JSON at line 1"),
        ('{"images": 5, "annotations": []}', "is expected to hold COCO's images and annotations"),
        ('{"images": [], "annotations": [' + "[" * 100_000, "is damaged or was cut short"),
    ],
)
def test_a_damaged_file_gives_one_sentence(tmp_path, content, sentence):
    path = tmp_path / "a.json"
    path.write_text(content)
    with pytest.raises(MediaError, match=sentence):
        annotation_format(path).read(path)


def test_pictures_are_found_where_sets_have_them(tmp_path, put_pictures):
    put_pictures(tmp_path / "val2017", "a.png")
    (tmp_path / "annotations").mkdir()
    path = put(tmp_path / "annotations" / "instances_val2017.json", [image()], [], CATS)
    assert annotation_format(path).read(path).pictures == {"a.png": tmp_path / "val2017" / "a.png"}


def test_the_folder_of_one_file_is_that_file(tmp_path, put_pictures):
    put_pictures(tmp_path / "val2017", "a.png")
    (tmp_path / "annotations").mkdir()
    put(tmp_path / "annotations" / "instances_val2017.json", [image()], [], CATS)
    labelled = annotation_format(tmp_path).read(tmp_path)
    assert labelled.pictures == {"a.png": tmp_path / "val2017" / "a.png"}
    assert labelled.path == tmp_path
    put(tmp_path / "annotations" / "instances_train2017.json", [image()], [], CATS)
    with pytest.raises(MediaError, match="holds no labels of a known form"):
        annotation_format(tmp_path)


def test_a_real_set_is_read_whole(data):
    path = data("voc5", "instances.json")
    labelled = annotation_format(path).read(path)
    content = json.loads(path.read_text())
    assert len(labelled.pictures) == len(labelled.names) == len(content["images"]) == 1907
    assert [item.name for item in labelled.categories] == ["person", "car", "cat", "bus", "train"]
    told = labelled.check()
    boxes = sum(len(labelled.labels(name).annotations) for name in labelled.names)
    assert boxes + sum(item.count for item in told if "reaches beyond" not in item.reason) == 4733
    assert boxes > 4700


def test_nothing_is_written_over_what_it_comes_from(tmp_path, put_pictures):
    (picture,) = put_pictures(tmp_path, "a.png")
    path = put(tmp_path / "a.json", [image()], [], CATS)
    before = path.read_text()
    labelled = annotation_format(path).read(path)
    for target, sentence in (
        (path, "is what the labels were read from"),
        (picture, "is one of the pictures"),
        (tmp_path, "found a folder"),
    ):
        with pytest.raises(ExportError, match=sentence):
            write_labels(labelled, target, COCO_JSON, Progress())
    assert path.read_text() == before


@pytest.mark.parametrize(
    "content",
    [
        '\ufeff { "images" : [ ] , "annotations":[],"categories" : [ {"id":1, "name":"a]}"} ] , "x": {"a": [1]} }\n',
        '{"info": null, "n": -1.5e3, "annotations": [], "images": [], "categories": [], "last": "]"}',
    ],
)
def test_any_valid_json_is_read(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_text(content)
    assert json.loads(content.removeprefix("\ufeff"))
    assert COCO_JSON.read(path).names == ()


@pytest.mark.parametrize(
    "content",
    [
        *("", "[]", "{", '{"images"}', '{"images":}', '{"images":[}', '{"images":[1}', '{"images":[1,]}'),
        *('{"images":[1 2]}', '{"images":[]', '{"images":[],', '{"images":[],}', "{5:[]}", '{"a":nul}'),
        '{"images":[] "annotations":[]}',
    ],
)
def test_what_is_no_json_gives_one_sentence(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_text(content)
    with pytest.raises(MediaError, match=r"is no valid JSON at line 1"):
        COCO_JSON.read(path)


def test_pictures_and_labels_keep_the_ids_of_their_file_and_new_ones_get_the_next(tmp_path):
    box = {"image_id": 139, "category_id": 5, "bbox": [1, 2, 3, 4], "area": 12, "iscrowd": 0}
    text = {"image_id": "s-1", "category_id": 5, "bbox": [5, 6, 7, 8], "area": 56, "iscrowd": 0}
    images = [image(139, "z.png"), image("s-1", "b.png"), image(7, "a.png")]
    path = put(tmp_path / "in.json", images, [{"id": 501, **box}, {"id": 40, **text}], CATS)
    labelled = annotation_format(path).read(path)
    new = PictureLabels(Size(40, 30), (Annotation(0, (1.0, 1.0, 4.0, 4.0)),))
    labelled = labelled.with_edits({"new.png": new}, pictures={"new.png": tmp_path / "new.png"})
    write_labels(labelled, tmp_path / "out.json", COCO_JSON, Progress())
    written = json.loads((tmp_path / "out.json").read_text())
    ids = {item["file_name"]: item["id"] for item in written["images"]}
    assert ids == {"z.png": 139, "b.png": "s-1", "a.png": 7, "new.png": 140}
    owners = [(item["id"], item["image_id"]) for item in written["annotations"]]
    assert owners == [(501, 139), (40, "s-1"), (502, 140)]


def test_the_flag_ignore_is_kept_where_it_was(tmp_path, put_pictures):
    put_pictures(tmp_path, "a.png")
    boxes = [{"id": n, "image_id": 1, "category_id": 5, "bbox": [n, 2, 9, 9], "iscrowd": 0} for n in (1, 2, 3)]
    flags = [{"ignore": 1}, {"ignore": 0}, {}]
    path = put(tmp_path / "in.json", [image()], [{**box, **more} for box, more in zip(boxes, flags, strict=True)], CATS)
    labelled, annotations = one(path)
    assert [item.attributes for item in annotations] == [{"ignore": "1"}, {"ignore": "0"}, {}]
    write_labels(labelled, tmp_path / "out.json", COCO_JSON, Progress())
    written = COCO(str(tmp_path / "out.json")).loadAnns([1, 2, 3])
    assert [{key: item[key] for key in ("ignore", "attributes") if key in item} for item in written] == flags


def test_a_label_that_is_no_json_does_not_spoil_the_others(tmp_path):
    path = put(tmp_path / "a.json", [image()], [{"image_id": 1, "category_id": 5, "bbox": [1, 2, 3, 4]}] * 2, CATS)
    path.write_text(path.read_text().replace("[1, 2, 3, 4]", "[1 2]", 1))
    labelled, annotations = one(path)
    assert [item.box for item in annotations] == [(1.0, 2.0, 4.0, 6.0)]
    assert ("A label is no valid JSON.", "a.png", 1) in reasons(labelled)


@pytest.mark.parametrize(
    "label",
    [
        '{"image_id": 2, "x": "\\"image_id\\": 3", "image_id": 1}',
        '{"x": {"image_id": 2}, "image_id": 1}',
        '{"x": "image_id", "y": "}", "image_id" : 1 }',
        '{"image_id": "1"}',
        '{"image\\u005fid": 1}',
    ],
)
def test_the_picture_of_a_label_however_it_is_written(tmp_path, label):
    path = put(tmp_path / "a.json", [image(1), image(2, "b.png"), image(3, "c.png")], ["LABEL"], CATS)
    path.write_text(
        path.read_text().replace('"LABEL"', label.replace("{", '{"category_id": 5, "bbox": [1, 2, 3, 4], ', 1))
    )
    labelled = COCO_JSON.read(path)
    assert [len(labelled.labels(name).annotations) for name in ("a.png", "b.png", "c.png")] == [1, 0, 0]
