"""Further reports of users of labelling and dataset programs, each with the report that it follows, where there is one.

Expected numbers are written down by hand from the description of the form, or come from pycocotools and supervision.
"""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from pycocotools import mask as coco_masks
from pycocotools.coco import COCO

from cvstudio.data.geometry import Size
from cvstudio.data.labels import Annotation, Category, PictureLabels
from cvstudio.foundation.progress import Progress
from cvstudio.media.annotations import ANNOTATION_FORMATS
from cvstudio.media.annotations.writing import write_labels


def coco(path, annotations, categories, **image):
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": 40, "height": 30, **image}],
        "annotations": [{"image_id": image.get("id", 1), **item} for item in annotations],
        "categories": categories,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def cvat(path, shapes, labels=""):
    meta = f"<meta><task><labels>{labels}</labels></task></meta>" if labels else ""
    image = f'<image id="0" name="a.png" width="40" height="30">{shapes}</image>'
    path.write_text(f"<annotations><version>1.1</version>{meta}{image}</annotations>")
    return path


def triangle(category, x=1.0):
    return Annotation(category, (x, 2.0, x + 9, 12.0), polygons=(((x, 2.0), (x + 9, 2.0), (x + 9, 12.0)),))


@pytest.mark.parametrize("degrees", [90.0, 30.0, 330.0])
def test_a_turned_box_in_the_coco_file_of_cvat_is_where_its_xml_has_it(tmp_path, put_pictures, degrees, read):
    """cvat-ai/cvat#4745: the turn is stated beside the box as it was before the turn."""
    put_pictures(tmp_path, "a.png")
    label = {"id": 1, "category_id": 1, "bbox": [10, 10, 20, 10], "area": 200, "iscrowd": 0, "segmentation": []}
    turned = {**label, "attributes": {"occluded": False, "rotation": degrees}}
    upright = {**label, "id": 2, "bbox": [1, 2, 3, 4], "attributes": {"rotation": 0.0}}
    labelled = read(coco(tmp_path / "a.json", [turned, upright], [{"id": 1, "name": "cat"}]), "coco")
    first, second = labelled.labels("a.png").annotations
    xml = f'<box label="cat" xtl="10" ytl="10" xbr="30" ybr="20" rotation="{degrees}"/>'
    (expected,) = read(cvat(tmp_path / "a.xml", xml), "cvat").labels("a.png").annotations
    assert np.array(first.polygons) == pytest.approx(np.array(expected.polygons))
    assert first.box == pytest.approx(expected.box)
    if degrees == 90.0:
        assert first.box == pytest.approx((15, 5, 25, 25))
    assert (second.box, second.polygons) == ((1, 2, 4, 6), ())
    # It is not turned again, here or by others.
    write_labels(labelled, tmp_path / "b.json", ANNOTATION_FORMATS["coco"], Progress())
    again, _ = read(tmp_path / "b.json", "coco").labels("a.png").annotations
    assert again.box == pytest.approx(first.box)
    judge = COCO(str(tmp_path / "b.json"))
    assert int(coco_masks.area(judge.annToRLE(judge.anns[1]))) == pytest.approx(200, abs=16)
    assert "rotation" not in judge.anns[1].get("attributes", {})


def test_ids_of_any_size(tmp_path, put_pictures, read, boxes):
    """voxel51/fiftyone#4293, #1472: the id of a class was taken for its place in a list; ids of 63 bits."""
    put_pictures(tmp_path, "a.png")
    large = 7706992903151817196
    categories = [{"id": 74673216, "name": "panel"}, {"id": large, "name": "roof"}]
    outline = [[1, 2, 10, 2, 10, 12]]
    items = [
        {"id": 15567, "category_id": 74673216, "bbox": [1, 2, 9, 10], "segmentation": outline},
        {"id": large, "category_id": large, "bbox": [20, 10, 5, 5]},
    ]
    labelled = read(coco(tmp_path / "a.json", items, categories, id=large), "coco")
    assert boxes(labelled, "a.png") == [("panel", (1, 2, 10, 12)), ("roof", (20, 10, 25, 15))]
    write_labels(labelled, tmp_path / "b.json", ANNOTATION_FORMATS["coco"], Progress())
    judge = COCO(str(tmp_path / "b.json"))
    assert sorted(judge.anns) == [15567, large]
    assert {item["id"]: item["name"] for item in judge.cats.values()} == {74673216: "panel", large: "roof"}
    write_labels(labelled, tmp_path / "masks", ANNOTATION_FORMATS["class-masks"], Progress())
    assert (tmp_path / "masks/classes.txt").read_text().split("\n")[:2] == ["panel", "roof"]


def test_what_json_cannot_say_spoils_one_label_only(tmp_path, put_pictures, read, boxes, reasons):
    """Programs that divide by 0 write NaN and Infinity, which JSON does not have and Python's reader takes."""
    put_pictures(tmp_path, "a.png")
    items = [
        {"id": 1, "category_id": 1, "bbox": [10, 10, 20, 10], "area": math.nan},
        {"id": 2, "category_id": 1, "bbox": [10, math.nan, 20, 10], "area": 1},
        {"id": 3, "category_id": 1, "bbox": [1, 2, 3, 4], "score": math.inf},
    ]
    labelled = read(coco(tmp_path / "a.json", items, [{"id": 1, "name": "cat"}]), "coco")
    assert boxes(labelled, "a.png") == [("cat", (10, 10, 30, 20)), ("cat", (1, 2, 4, 6))]
    assert labelled.labels("a.png").annotations[0].area is None
    assert reasons(labelled) == {("A label has no box of four finite numbers, and no outline.", "a.png"): 1}


def test_space_around_the_name_of_a_class_of_cvat(tmp_path, put_pictures, read, set_of):
    """cvat-ai/cvat#220 has the symptom, "Unknown label found in annotation file", without its cause. Here it was this:
    a class that was declared was not found by its shapes, and stood twice in the list."""
    put_pictures(tmp_path, "a.png")
    declared = "<label><name>\n  cat \n</name></label><label><name>dog</name></label>"
    shapes = '<box label=" cat " xtl="1" ytl="2" xbr="9" ybr="8"/><tag label="dog "/>'
    labelled = read(cvat(tmp_path / "a.xml", shapes, declared), "cvat")
    assert [item.name for item in labelled.categories] == ["cat", "dog"]
    labels = labelled.labels("a.png")
    assert [item.category for item in labels.annotations] == [0]
    assert labels.classes == (1,)
    assert labelled.check() == ()


@pytest.mark.parametrize("form", ["yolo", "voc", "labelme", "class-masks", "coco-panoptic"])
def test_two_pictures_that_differ_in_their_ending_only(tmp_path, put_pictures, form, set_of):
    """cvat-ai/cvat#7523, ryouchinsa/Rectlabel-support#84: both wrote into one file, and nobody was told."""
    names = ("a.jpg", "a.png", "b/a.png")
    pictures = put_pictures(tmp_path / "from", *names)
    labels = {name: PictureLabels(Size(40, 30), (triangle(0, 1.0 + 5 * place),)) for place, name in enumerate(names)}
    labelled = set_of(labels, (Category("cat"),), dict(zip(names, pictures, strict=True)))
    target = tmp_path / "to"
    told = write_labels(labelled, target, ANNOTATION_FORMATS[form], Progress())
    assert [item.where for item in told if "but for its ending" in item.reason] == ["a.png"]
    put_pictures(target if form == "labelme" else target / "images", "a.jpg", "b/a.png")
    again = ANNOTATION_FORMATS[form].read(target)
    found = {name: again.labels(name) for name in again.names}
    assert [name.rpartition("images/")[2].rpartition(".")[0] for name in sorted(found)] == ["a", "b/a"]
    if form not in ("class-masks", "coco-panoptic"):
        left = [round(item.annotations[0].box[0]) for _, item in sorted(found.items())]
        assert left == [1, 11]


def test_pictures_of_one_name_in_two_folders_have_their_own_labels(tmp_path, put_pictures, read, boxes):
    """ultralytics/ultralytics#20440: 1.txt of one folder must not be paired with 1.jpg of another."""
    put_pictures(tmp_path / "images", "dogs/1.png", "not_dogs/1.png", "cats/1.png")
    for folder, x in (("dogs", 0.5), ("cats", 0.25)):
        (tmp_path / "labels" / folder).mkdir(parents=True)
        (tmp_path / "labels" / folder / "1.txt").write_text(f"0 {x} 0.5 0.2 0.2\n")
    (tmp_path / "data.yaml").write_text("train: images\nval: images\nnames: [pet]\n")
    labelled = read(tmp_path, "yolo")
    assert boxes(labelled, "dogs/1.png") == [("pet", pytest.approx((16, 12, 24, 18)))]
    assert boxes(labelled, "cats/1.png") == [("pet", pytest.approx((6, 12, 14, 18)))]
    assert not [name for name in labelled.names if "not_dogs" in name and boxes(labelled, name)]


def test_a_name_with_more_than_one_dot(tmp_path, put_pictures, read, boxes, set_of):
    """cvat-ai/cvat#6319: the labels of example.rgb.jpg were not found, or were those of example.jpg."""
    names = ("example.png", "example.rgb.png")
    pictures = put_pictures(tmp_path / "images", *names)
    labels = {name: PictureLabels(Size(40, 30), (triangle(0, 1.0 + 5 * place),)) for place, name in enumerate(names)}
    labelled = set_of(labels, (Category("cat"),), dict(zip(names, pictures, strict=True)))
    for form in ("yolo", "voc", "labelme", "class-masks"):
        target = tmp_path / form
        told = write_labels(labelled, target, ANNOTATION_FORMATS[form], Progress())
        assert not [item for item in told if "but for its ending" in item.reason]
        put_pictures(target / "images", *names)
        again = ANNOTATION_FORMATS[form].read(target)
        assert {name.rpartition("/")[2] for name in again.pictures} == set(names), form
        if form != "class-masks":
            left = {name: round(again.labels(name).annotations[0].box[0]) for name in again.names}
            assert sorted(left.values()) == [1, 6], form


def test_the_export_of_label_studio(tmp_path, put_pictures, read, boxes):
    """HumanSignal/label-studio#6416: the numbers of the labels follow classes.txt; notes.json has others. Its COCO
    file names pictures with the separator of Windows, and begins to count at 0."""
    put_pictures(tmp_path / "images", "8f-a.png")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/8f-a.txt").write_text("1 0.5 0.5 0.5 0.2\n")
    (tmp_path / "classes.txt").write_text("safe_b\nsafe_h\n")
    notes = {"categories": [{"id": "1", "name": "safe_b"}, {"id": "0", "name": "safe_h"}], "info": {"version": "1.0"}}
    (tmp_path / "notes.json").write_text(json.dumps(notes))
    assert boxes(read(tmp_path, "yolo"), "8f-a.png") == [("safe_h", pytest.approx((10, 12, 30, 18)))]
    label = {"id": 0, "category_id": 0, "bbox": [10, 12, 20, 6], "ignore": 0, "iscrowd": 0, "area": 120}
    path = coco(tmp_path / "result.json", [label], [{"id": 0, "name": "safe_h"}], id=0, file_name="images\\8f-a.png")
    labelled = read(path, "coco")
    assert boxes(labelled, "images/8f-a.png") == [("safe_h", (10, 12, 30, 18))]
    assert "images/8f-a.png" in labelled.pictures


def test_an_object_without_a_height_is_told(tmp_path, put_pictures, read, boxes, reasons):
    """cocodataset/cocoapi#355: an annotation of COCO's own train2017 has a height of 0."""
    put_pictures(tmp_path, "a.png")
    flat = [[29.65, 18.33, 29.65, 18.33, 29.68, 18.33, 29.68, 18.33]]
    items = [
        {
            "id": 918,
            "category_id": 58,
            "bbox": [29.65, 18.33, 1.03, 0.0],
            "area": 0.0,
            "iscrowd": 0,
            "segmentation": flat,
        },
        {"id": 919, "category_id": 58, "bbox": [1, 2, 3, 4], "area": 12.0, "iscrowd": 0},
    ]
    labelled = read(coco(tmp_path / "a.json", items, [{"id": 58, "name": "hot dog"}]), "coco")
    assert boxes(labelled, "a.png") == [("hot dog", (1, 2, 4, 6))]
    assert sum(reasons(labelled).values()) == 1
