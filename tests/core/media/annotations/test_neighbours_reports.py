"""What users of neighbouring programs reported about groups, tracks, backgrounds and boxes, each with its report.

Expected numbers are written down by hand, are those of the report, or come from pycocotools and supervision.
"""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
import supervision
from PIL import Image
from pycocotools import mask as coco_masks
from pycocotools.coco import COCO

from cvstudio.data.geometry import Size
from cvstudio.data.labels import Annotation, Category, LabelledMask, PictureLabels
from cvstudio.foundation.progress import Progress
from cvstudio.media.annotations import ANNOTATION_FORMATS, WriteOptions
from cvstudio.media.annotations.writing import write_labels


def cvat(path, shapes, size=(40, 30)):
    image = f'<image id="0" name="a.png" width="{size[0]}" height="{size[1]}">{shapes}</image>'
    path.write_text(f"<annotations><version>1.1</version>{image}</annotations>")
    return path


def coco(path, annotations, categories=({"id": 1, "name": "cat"},), **image):
    picture = {"id": 1, "file_name": "a.png", "width": 40, "height": 30, **image}
    annotations = [
        {"id": number, "image_id": 1, "category_id": 1, **item} for number, item in enumerate(annotations, 1)
    ]
    path.write_text(json.dumps({"images": [picture], "annotations": annotations, "categories": list(categories)}))
    return path


def labelme(path, shapes, picture="a.png"):
    content = {"version": "5.5.0", "flags": {}, "imagePath": picture, "imageData": None}
    path.write_text(json.dumps({**content, "shapes": shapes}))
    return path


LEFT = "1,2;9,2;9,12"
RIGHT = "20,2;29,2;29,12"


def test_an_object_behind_another_one_has_two_polygons(tmp_path, put_pictures, read):
    """cvat-ai/cvat#2600, #2381: an object that another one parts in two is a group of polygons, and one object in
    COCO, with the box around both."""
    put_pictures(tmp_path, "a.png")
    shapes = "".join(f'<polygon label="cat" group_id="1" points="{points}"/>' for points in (LEFT, RIGHT))
    labelled = read(cvat(tmp_path / "a.xml", shapes), "cvat")
    write_labels(labelled, tmp_path / "b.json", ANNOTATION_FORMATS["coco"], Progress())
    judge = COCO(str(tmp_path / "b.json"))
    (label,) = judge.anns.values()
    assert [len(part) for part in label["segmentation"]] == [6, 6]
    assert label["bbox"] == pytest.approx([1, 2, 28, 10])
    assert int(coco_masks.area(judge.annToRLE(label))) == pytest.approx(85, abs=10)


def test_a_person_and_the_hat_of_a_group_stay_two_objects(tmp_path, put_pictures, read, boxes):
    """cvat-ai/cvat#5693: a group that relates boxes of a person and a hat left one of them in the COCO file."""
    put_pictures(tmp_path, "a.png")
    shapes = '<box label="person" group_id="3" xtl="1" ytl="2" xbr="20" ybr="28"/>'
    shapes += '<box label="hat" group_id="3" xtl="5" ytl="2" xbr="12" ybr="8"/>'
    labelled = read(cvat(tmp_path / "a.xml", shapes), "cvat")
    write_labels(labelled, tmp_path / "b.json", ANNOTATION_FORMATS["coco"], Progress())
    again = read(tmp_path / "b.json", "coco")
    assert boxes(again, "a.png") == [("person", (1, 2, 20, 28)), ("hat", (5, 2, 12, 8))]
    # What the group relates is kept, there and back.
    write_labels(again, tmp_path / "c.xml", ANNOTATION_FORMATS["cvat"], Progress())
    assert (tmp_path / "c.xml").read_text().count('group_id="3"') == 2


def test_a_group_of_polygons_is_one_line_of_yolo(tmp_path, put_pictures, read):
    """cvat-ai/cvat#10182: each polygon of a group was a line of its own, and another object."""
    pictures = put_pictures(tmp_path, "a.png")
    shapes = "".join(f'<polygon label="cat" group_id="1" points="{points}"/>' for points in (LEFT, RIGHT))
    labelled = read(cvat(tmp_path / "a.xml", shapes), "cvat")
    out = tmp_path / "out"
    write_labels(labelled, out, ANNOTATION_FORMATS["yolo"], Progress(), options=WriteOptions(pictures=True))
    assert len((out / "labels/a.txt").read_text().splitlines()) == 1
    theirs = supervision.DetectionDataset.from_yolo(
        str(out / "images"), str(out / "labels"), str(out / "data.yaml"), force_masks=True
    )
    (found,) = theirs.annotations.values()
    assert found.xyxy == pytest.approx(np.array([[1, 2, 29, 12]]), abs=0.01)
    assert pictures[0].exists()


def test_the_masks_of_a_group_of_labelme_are_one_object(tmp_path, put_pictures, read):
    """wkentaro/labelme#714, #633: shapes with one group are one instance, whether drawn or found by a network."""
    put_pictures(tmp_path, "a.png")
    buffer = io.BytesIO()
    Image.new("1", (3, 2), 1).save(buffer, "PNG")
    coded = base64.b64encode(buffer.getvalue()).decode()
    shapes = [
        {"label": "cat", "points": [[x, 4], [x + 2, 5]], "shape_type": "mask", "mask": coded, "group_id": group}
        for x, group in ((1, 7), (20, 7), (30, None))
    ]
    first, second = read(labelme(tmp_path / "a.json", shapes), "labelme").labels("a.png").annotations
    assert (first.box, int(first.mask.pixels.sum())) == ((1, 4, 23, 6), 12)
    assert second.box == (30, 4, 33, 6)


def test_tracks_of_ultralytics_keep_their_identity(tmp_path, put_pictures, read, boxes):
    """ultralytics/ultralytics#1357, #1181: "cls *bbox track_id" and "cls *bbox conf track_id", -1 for none; the last
    was read as the outline of a triangle."""
    names = put_pictures(tmp_path / "images", "a.png", "b.png")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/a.txt").write_text(
        "0 0.5 0.5 0.5 0.2 0.9 1\n0 0.5 0.5 0.2 0.2 0.8 12\n0 0.5 0.5 0.1 0.1 0.7 -1\n"
    )
    (tmp_path / "labels/b.txt").write_text("0 0.5 0.5 0.5 0.2 1\n")
    (tmp_path / "classes.txt").write_text("cat\n")
    labelled = read(tmp_path, "yolo")
    assert [item.track_id for item in labelled.labels("a.png").annotations] == [1, 12, None]
    assert boxes(labelled, "a.png")[0] == ("cat", pytest.approx((10, 12, 30, 18)))
    (moved,) = labelled.labels("b.png").annotations
    assert (moved.track_id, moved.polygons) == (1, ())
    assert labelled.check() == ()
    assert len(names) == 2


def test_the_pictures_without_labels_are_named(tmp_path, put_pictures, read, reasons):
    """ultralytics/yolov5#5373, #3951: a folder of backgrounds needs no file of labels, but one would like to know by
    name what was forgotten."""
    put_pictures(tmp_path / "images", "train/a.png", "train/b.png", "background/c.png")
    (tmp_path / "labels/train").mkdir(parents=True)
    (tmp_path / "labels/train/a.txt").write_text("0 0.5 0.5 0.5 0.2\n")
    yaml = "train: [images/train, images/background]\nval: images/train\nnames: [cat]\n"
    (tmp_path / "data.yaml").write_text(yaml)
    labelled = read(tmp_path / "data.yaml", "yolo")
    assert labelled.names == ("train/a.png", "train/b.png", "background/c.png")
    reason = "A picture has no file of labels; it counts as one without objects."
    assert reasons(labelled) == {(reason, "train/b.png"): 1, (reason, "background/c.png"): 1}


def test_a_turned_box_of_a_picture_that_is_not_square(tmp_path, put_pictures, read):
    """HumanSignal/label-studio#2293: the box of 300 x 100 pixels, turned by 90 degrees, was turned in percent of the
    picture, and became 200 x 150 pixels. The numbers are those of the report."""
    put_pictures(tmp_path, "a.png", size=Size(1000, 500))
    # CVAT turns around the centre, Label Studio around the first corner.
    turned = '<box label="b" xtl="0" ytl="200" xbr="300" ybr="300" rotation="90"/>'
    upright = '<box label="c" xtl="100" ytl="100" xbr="200" ybr="400"/>'
    labelled = read(cvat(tmp_path / "a.xml", turned + upright, (1000, 500)), "cvat")
    out = tmp_path / "out"
    write_labels(labelled, out, ANNOTATION_FORMATS["yolo"], Progress(), options=WriteOptions(pictures=True))
    first, second = (out / "labels/a.txt").read_text().splitlines()
    assert second == "1 0.15 0.5 0.1 0.6"
    corners = np.array(first.split()[1:], float).reshape(-1, 2)
    assert corners.min(0).tolist() == pytest.approx([0.1, 0.2])
    assert corners.max(0).tolist() == pytest.approx([0.2, 0.8])


def test_a_box_that_was_drawn_from_another_corner(tmp_path, put_pictures, read, boxes):
    """HumanSignal/label-studio#3140: a height of -60.7 percent. In the picture it is an ordinary box."""
    put_pictures(tmp_path, "a.png")
    path = coco(tmp_path / "a.json", [{"bbox": [10, 25, 20, -15]}, {"bbox": [30, 25, -20, -15]}])
    assert boxes(read(path, "coco"), "a.png") == [("cat", (10, 10, 30, 25))]  # the second is the same label
    put_pictures(tmp_path / "yolo" / "images", "a.png")
    (tmp_path / "yolo/labels").mkdir()
    (tmp_path / "yolo/labels/a.txt").write_text("0 0.5 0.5 0.5 -0.2\n")
    (tmp_path / "yolo/classes.txt").write_text("cat\n")
    assert boxes(read(tmp_path / "yolo", "yolo"), "a.png") == [("cat", pytest.approx((10, 12, 30, 18)))]


def test_the_path_of_another_system_is_no_loss(tmp_path, put_pictures, read, boxes):
    """wkentaro/labelme#1725, CVHub520/X-AnyLabeling#342: "..\\\\files\\\\a.png", written on Windows, was not found, and
    what was labelled since was lost."""
    (picture,) = put_pictures(tmp_path / "files", "a.png")
    (tmp_path / "labels").mkdir()
    shape = {"label": "cat", "points": [[1, 2], [9, 8]], "shape_type": "rectangle"}
    labelme(tmp_path / "labels/a.json", [shape], "..\\files\\a.png")
    labelled = read(tmp_path / "labels", "labelme")
    (name,) = labelled.names
    assert labelled.pictures == {name: picture}
    assert boxes(labelled, name) == [("cat", (1, 2, 9, 8))]


def test_labels_name_their_pictures_with_the_whole_path(tmp_path, put_pictures, read):
    """voxel51/fiftyone#1200: with the whole path of the picture, outlines were lost. Here also with that of another
    machine, and in the folder "data" that FiftyOne writes beside the labels."""
    (picture,) = put_pictures(tmp_path / "data", "a.png")
    for number, file_name in enumerate((str(picture), "/elsewhere/set/data/a.png", "C:\\set\\data\\a.png", "a.png")):
        outline = {"bbox": [1, 2, 9, 10], "segmentation": [[1, 2, 10, 2, 10, 12]]}
        labelled = read(coco(tmp_path / f"{number}.json", [outline], file_name=file_name), "coco")
        (name,) = labelled.names
        assert labelled.pictures == {name: picture}
        assert labelled.labels(name).annotations[0].polygons == (((1, 2), (10, 2), (10, 12)),)


def test_an_outline_that_reaches_beyond_the_picture_is_drawn(tmp_path, put_pictures, read):
    """voxel51/fiftyone#4421: with a box that begins left of the picture, the mask was missing."""
    put_pictures(tmp_path, "a.png")
    outline = {"bbox": [-3.5, -2, 13.5, 14], "segmentation": [[-3.5, -2, 10, -2, 10, 12, -3.5, 12]]}
    labelled = read(coco(tmp_path / "a.json", [outline]), "coco")
    from cvstudio.data.label_editing import mask_of

    mask = mask_of(labelled.labels("a.png").annotations[0], Size(40, 30))
    assert int(mask.pixels.sum()) == 10 * 12
    assert [item.reason for item in labelled.check()] == [
        "The box reaches beyond the picture; what is outside is not drawn."
    ]


def test_numbers_of_classes_begin_with_1_in_coco(tmp_path, put_pictures, read, set_of):
    """roboflow/supervision#1181, voxel51/fiftyone#2428: CVAT refuses a file whose classes begin with 0."""
    pictures = put_pictures(tmp_path, "a.png")
    labels = PictureLabels(Size(40, 30), (Annotation(0, (1, 2, 9, 8)), Annotation(1, (1, 2, 9, 9))))
    labelled = set_of({"a.png": labels}, (Category("cat"), Category("dog")), {"a.png": pictures[0]})
    write_labels(labelled, tmp_path / "a.json", ANNOTATION_FORMATS["coco"], Progress())
    judge = COCO(str(tmp_path / "a.json"))
    assert {number: item["name"] for number, item in judge.cats.items()} == {1: "cat", 2: "dog"}
    assert [item["category_id"] for item in judge.anns.values()] == [1, 2]
    assert min(judge.anns) >= 1
    assert min(judge.imgs) >= 1


def test_a_box_with_empty_outlines_and_a_turn_of_0_stays_as_it_is(tmp_path, put_pictures, read, boxes):
    """cvat-ai/cvat#10885: the box of such a label was another one after it was read."""
    put_pictures(tmp_path, "a.png", size=Size(640, 640))
    box = [39.34389253723204, 346.2769535900205, 489.10975420797774, 129.76159508548062]
    attributes = {"occluded": False, "rotation": 0.0, "track_id": 0, "keyframe": True}
    label = {"bbox": box, "area": 63467.66187789456, "segmentation": [], "iscrowd": 0, "attributes": attributes}
    labelled = read(coco(tmp_path / "a.json", [label], width=640, height=640), "coco")
    x, y, width, height = box
    assert boxes(labelled, "a.png") == [("cat", pytest.approx((x, y, x + width, y + height), abs=1e-9))]
    write_labels(labelled, tmp_path / "b.json", ANNOTATION_FORMATS["coco"], Progress())
    (again,) = COCO(str(tmp_path / "b.json")).anns.values()
    assert again["bbox"] == pytest.approx(box, abs=1e-9)


def test_the_outline_of_a_mask_lies_in_its_box(tmp_path, put_pictures, read, set_of):
    """voxel51/fiftyone#2847: corners of outlines made of masks lay a pixel outside of the box."""
    pictures = put_pictures(tmp_path, "a.png")
    pixels = np.random.default_rng(3).random((9, 11)) > 0.3
    pixels[:, [0, -1]] = pixels[[0, -1]] = True
    label = Annotation(0, (5, 6, 16, 15), mask=LabelledMask(pixels, 5, 6))
    labelled = set_of({"a.png": PictureLabels(Size(40, 30), (label,))}, (Category("cat"),), {"a.png": pictures[0]})
    out = tmp_path / "out"
    write_labels(labelled, out, ANNOTATION_FORMATS["yolo"], Progress(), options=WriteOptions(pictures=True))
    corners = np.array((out / "labels/a.txt").read_text().split()[1:], float).reshape(-1, 2) * (40, 30)
    assert corners.min(0).tolist() == pytest.approx([5, 6])
    assert corners.max(0).tolist() == pytest.approx([16, 15])


def test_the_root_class_of_roboflow_is_measured_by_nobody(tmp_path, put_pictures, read):
    """roboflow/rf-detr#1303: the export begins with a class 0 that is the kind of all others and has no objects; it
    took a channel, and all numbers of classes were one off."""
    put_pictures(tmp_path, "a.png")
    categories = [
        {"id": 0, "name": "pets", "supercategory": "none"},
        {"id": 1, "name": "cat", "supercategory": "pets"},
        {"id": 2, "name": "dog", "supercategory": "pets"},
    ]
    path = coco(tmp_path / "_annotations.coco.json", [{"bbox": [1, 2, 9, 8], "category_id": 2}], categories)
    labelled = read(path, "coco")
    (label,) = labelled.labels("a.png").annotations
    assert labelled.categories[label.category].name == "dog"
    write_labels(labelled, tmp_path / "b.json", ANNOTATION_FORMATS["coco"], Progress())
    (again,) = COCO(str(tmp_path / "b.json")).anns.values()
    assert again["category_id"] == 2
