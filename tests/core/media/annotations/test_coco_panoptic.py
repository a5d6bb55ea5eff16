"""COCO panoptic, against values worked out by hand and the files of the real set."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from PIL import Image

from cvstudio.data.geometry import Size
from cvstudio.data.labels import NO_CLASS, Annotation, Category, LabelledMask, LabelMap, PictureLabels
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.progress import Progress
from cvstudio.media.annotations import ANNOTATION_FORMATS, WriteOptions, annotation_format
from cvstudio.media.annotations.writing import write_labels

PANOPTIC = ANNOTATION_FORMATS["coco-panoptic"]
CLASSES = (Category("cat", "animal", file_id=17), Category("sky", is_thing=False, file_id=187))


def read(path):
    found = annotation_format(path)
    assert found.key == "coco-panoptic"
    return found.read(path)


def whole(pixels, left, top, category, identity, **more):
    height, width = pixels.shape
    box = (float(left), float(top), float(left + width), float(top + height))
    return Annotation(
        category, box, mask=LabelledMask(pixels, left, top), file_id=identity, area=float(pixels.sum()), **more
    )


@pytest.fixture
def labels():
    ring = np.ones((8, 10), bool)
    ring[3:5, 4:6] = False
    annotations = (
        whole(ring, 5, 6, 0, 5_000_000),
        whole(np.ones((4, 5), bool), 30, 2, 0, 12, crowd=True),
        whole(np.ones((5, 40), bool), 0, 25, 1, 300),
    )
    return {"a.png": PictureLabels(Size(40, 30), annotations), "deep/b.png": PictureLabels(Size(40, 30))}


def test_what_was_written_reads_back_equal(tmp_path, labels, put_pictures, set_of):
    put_pictures(tmp_path, *labels)
    labelled = set_of(labels, CLASSES, {name: tmp_path / name for name in labels})
    out = tmp_path / "out"
    assert write_labels(labelled, out, PANOPTIC, Progress(), options=WriteOptions(pictures=True)) == ()
    for path in (out, out / "panoptic.json"):
        again = read(path)
        assert again.categories == CLASSES
        assert again.check() == ()
        assert {name: again.labels(name) for name in again.names} == labels
        assert again.pictures == {name: out / "images" / name for name in labels}


def test_a_map_is_not_taken_for_the_picture_of_its_name(tmp_path, labels, put_pictures, set_of):
    put_pictures(tmp_path, *labels)
    labelled = set_of(labels, CLASSES, {name: tmp_path / name for name in labels})
    out = tmp_path / "out"
    assert write_labels(labelled, out, PANOPTIC, Progress()) == ()
    assert (out / "panoptic" / "a.png").is_file()
    assert read(out).pictures == {name: tmp_path / name for name in labels}


def test_others_read_what_was_written(tmp_path, labels, set_of):
    write_labels(set_of(labels, CLASSES), tmp_path / "out", PANOPTIC, Progress())
    content = json.loads((tmp_path / "out" / "panoptic.json").read_text())
    assert [(item["id"], item["isthing"]) for item in content["categories"]] == [(17, 1), (187, 0)]
    first = content["annotations"][0]
    blue, green, red = np.moveaxis(
        cv2.imread(str(tmp_path / "out" / "panoptic" / first["file_name"])).astype(int), 2, 0
    )
    numbers = red + 256 * green + 65536 * blue
    for segment in first["segments_info"]:
        assert segment["area"] == (numbers == segment["id"]).sum()
    assert [(item["id"], item["category_id"], item["iscrowd"]) for item in first["segments_info"]] == [
        *((5_000_000, 17, 0), (12, 17, 1), (300, 187, 0)),
    ]
    assert first["segments_info"][0]["bbox"] == [5, 6, 10, 8]


def test_pictures_keep_the_ids_of_their_file(tmp_path, labels, set_of):
    write_labels(set_of(labels, CLASSES), tmp_path / "in", PANOPTIC, Progress())
    path = tmp_path / "in" / "panoptic.json"
    content = json.loads(path.read_text())
    for item, key in [(item, "id") for item in content["images"]] + [
        (item, "image_id") for item in content["annotations"]
    ]:
        item[key] = {1: 139, 2: 7}[item[key]]
    path.write_text(json.dumps(content))
    labelled = read(path).with_edits({"new.png": PictureLabels(Size(40, 30))})
    write_labels(labelled, tmp_path / "out", PANOPTIC, Progress())
    written = json.loads((tmp_path / "out" / "panoptic.json").read_text())
    assert {item["file_name"]: item["id"] for item in written["images"]} == {
        "a.png": 139,
        "deep/b.png": 7,
        "new.png": 140,
    }
    assert [item["image_id"] for item in written["annotations"]] == [139, 7, 140]


def test_a_cut_segment_has_the_area_that_is_left(tmp_path, set_of):
    whole = np.ones((10, 10), bool)
    labels = PictureLabels(
        Size(40, 30), tuple(Annotation(0, (x, 0, x + 10, 10), mask=LabelledMask(whole, x, 0)) for x in (0, 6))
    )
    write_labels(set_of({"a.png": labels}, CLASSES), tmp_path / "out", PANOPTIC, Progress())
    content = json.loads((tmp_path / "out" / "panoptic.json").read_text())
    assert [item["area"] for item in content["annotations"][0]["segments_info"]] == [100, 60]


def test_a_map_of_classes_is_written_as_stuff(tmp_path, set_of):
    classes = np.full((30, 40), NO_CLASS, np.int32)
    classes[:4], classes[20:] = 1, 0
    labels = {"a.png": PictureLabels(Size(40, 30), label_map=LabelMap(classes))}
    assert write_labels(set_of(labels, CLASSES), tmp_path / "out", PANOPTIC, Progress()) == ()
    found = read(tmp_path / "out").labels("a.png").annotations
    assert [(item.category, item.box) for item in found] == [(0, (0, 20, 40, 30)), (1, (0, 0, 40, 4))]


def test_overlapping_objects_and_boxes_are_told(tmp_path, everything, categories, set_of):
    told = write_labels(set_of(everything, categories), tmp_path / "out", PANOPTIC, Progress())
    assert {(item.reason, item.where, item.count) for item in told} == {
        ("A segment needs pixels that no other has; a box alone is left out.", "a.png", 1),
        ("Segments do not overlap; what lies over another is cut off.", "a.png", 1),
        ("A segment needs pixels that no other has; a box alone is left out.", "deep/b.png", 1),
    }


def test_what_cannot_be_taken_is_left_out_with_its_reason(tmp_path):
    numbers = np.zeros((30, 40, 3), np.uint8)
    numbers[:5, :, 0], numbers[5:9, :, 0], numbers[9:12, :, 1] = 1, 2, 1
    Image.fromarray(numbers).save(tmp_path / "a.png")
    segments = [{"id": 1, "category_id": 1}, {"id": 1, "category_id": 1}, {"id": 9, "category_id": 1}]
    segments += [{"id": 2, "category_id": 5}, {"id": "x"}]
    images = [{"id": number, "file_name": f"{number}.jpg", "width": 40, "height": 30} for number in (1, 2)]
    images.append({"id": 3, "file_name": "3.jpg", "width": 41, "height": 30})
    maps = [{"image_id": 1, "file_name": "a.png", "segments_info": segments}]
    maps += [{"image_id": 2, "file_name": "b.png", "segments_info": []}, {**maps[0], "image_id": 3}]
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"images": images, "annotations": maps, "categories": [{"id": 1, "name": "cat"}]}))
    labelled = read(path)
    (found,) = labelled.labels("1.jpg").annotations
    assert (found.box, found.mask.pixels.sum()) == ((0, 0, 40, 5), 200)
    reasons = {
        (item.reason, item.where, item.count) for item in labelled.check() if "picture is not" not in item.reason
    }
    assert reasons == {
        ("A segment has no pixel in the map, or is there twice.", "1.jpg", 2),
        ("The class id 5 is not declared.", "1.jpg", 1),
        ("The class id None is not declared.", "1.jpg", 1),
        ("Pixels belong to a segment that is not declared.", "1.jpg", 2),
        ("The map of segments is not there.", "2.jpg", 1),
        ("The map of segments is 40 x 30, the picture another size.", "3.jpg", 1),
    }
    path = labelled.path
    (tmp_path / "a.png").write_bytes(b"nothing")
    with pytest.raises(MediaError, match="is damaged"):
        read(path).labels("1.jpg")


def test_a_real_set_has_the_areas_that_it_states(data):
    path = data("coco128", "panoptic_segmentation", "annotations", "panoptic_train2017.json")
    labelled = read(path)
    assert len(labelled.pictures) == len(labelled.names) == 100
    stated = {item["file_name"]: item["segments_info"] for item in json.loads(path.read_text())["annotations"]}
    for name in labelled.names[:12]:
        labels = labelled.labels(name)
        segments = stated[name.replace(".jpg", ".png")]
        assert [int(item.mask.pixels.sum()) for item in labels.annotations] == [item["area"] for item in segments]
        boxes = [(x, y, x + w, y + h) for x, y, w, h in (item["bbox"] for item in segments)]
        assert [item.box for item in labels.annotations] == boxes
