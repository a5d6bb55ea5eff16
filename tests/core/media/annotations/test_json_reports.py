"""What users of labelling and dataset programs reported about labels in JSON, each with the report that it follows.

Expected numbers are written down by hand from the format's description, or come from pycocotools and PIL.
"""

from __future__ import annotations

import base64
import io
import itertools
import json
import unicodedata

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_masks

from cvstudio.data.geometry import Size

# LabelMe and X-AnyLabeling ------------------------------------------------------------------------------------------


def labelme(folder, shapes, *, name="a", picture="a.png", data=None, **more):
    content = {
        "version": "5.5.0",
        "flags": {},
        "shapes": shapes,
        "imagePath": picture,
        "imageData": data,
        "imageHeight": 30,
        "imageWidth": 40,
        **more,
    }
    path = folder / f"{name}.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def shape(kind, points, **more):
    return {"label": "cat", "points": points, "group_id": None, "shape_type": kind, "flags": {}, **more}


def test_a_rectangle_of_four_corners(tmp_path, put_pictures, read, boxes):
    """CVHub520/X-AnyLabeling#1262, #1040: rectangles hold four corners since 2.2, from any of them on (#222)."""
    put_pictures(tmp_path, "a.png")
    labelme(tmp_path, [shape("rectangle", [[20, 18], [3, 18], [3, 4], [20, 4]])])
    labelled = read(tmp_path, "labelme")
    assert boxes(labelled, "a.png") == [("cat", (3, 4, 20, 18))]
    assert labelled.labels("a.png").annotations[0].polygons == ()
    assert labelled.check() == ()


@pytest.mark.parametrize("kind", ["rotation", "oriented_rectangle", "quadrilateral"])
def test_a_turned_box_is_its_outline(tmp_path, put_pictures, kind, read, boxes):
    """CVHub520/X-AnyLabeling#397: turned boxes were exported without a corner."""
    put_pictures(tmp_path, "a.png")
    corners = [[10, 5], [20, 10], [15, 20], [5, 15]]
    labelme(tmp_path, [shape(kind, corners, direction=0.46)])
    labelled = read(tmp_path, "labelme")
    assert boxes(labelled, "a.png") == [("cat", (5, 5, 20, 20))]
    assert labelled.labels("a.png").annotations[0].polygons == (tuple(map(tuple, corners)),)


def test_lines_and_points_are_told_not_made_areas(tmp_path, put_pictures, read, reasons):
    """wkentaro/labelme#1213: a line came out as the area that it encloses."""
    put_pictures(tmp_path, "a.png")
    line = [[3, 4], [20, 4], [20, 18]]
    shapes = [shape("linestrip", line), shape("line", line[:2]), shape("point", line[:1]), shape("points", line)]
    labelme(tmp_path, shapes)
    labelled = read(tmp_path, "labelme")
    assert labelled.labels("a.png").annotations == ()
    assert sum(reasons(labelled).values()) == 4
    assert any("linestrip" in reason for reason, _ in reasons(labelled))


def test_a_rectangle_drawn_from_its_lower_right_and_a_circle(tmp_path, put_pictures, read):
    """PaddlePaddle/PaddleDetection#1296, RapidAI/LabelConvert#16."""
    put_pictures(tmp_path, "a.png")
    labelme(tmp_path, [shape("rectangle", [[20, 18], [3, 4]]), shape("circle", [[20, 15], [23, 19]])])
    (first, second) = read(tmp_path, "labelme").labels("a.png").annotations
    assert first.box == (3, 4, 20, 18)
    assert second.box == pytest.approx((15, 10, 25, 20))
    x, y = np.array(second.polygons[0]).T
    assert np.hypot(x - 20, y - 15) == pytest.approx(5)


def test_many_shapes_before_the_picture_in_the_file(tmp_path, put_pictures, read):
    """wkentaro/labelme#1529 and others carry the picture in the file: the keys around it lie far from both ends."""
    put_pictures(tmp_path, "a.png")
    rng = np.random.default_rng(0)
    noise = io.BytesIO()
    Image.fromarray(rng.integers(0, 255, (200, 200, 3), np.uint8)).save(noise, "PNG")
    data = base64.b64encode(noise.getvalue()).decode()
    corners = rng.uniform(1, 29, (3000, 3, 2)).tolist()
    path = labelme(tmp_path, [shape("polygon", item) for item in corners], data=data)
    assert len(data) > 1 << 16
    assert len(read(path, "labelme").labels("a.png").annotations) == 3000


@pytest.mark.parametrize("encoding", ["gb2312", "cp949"])
def test_a_file_in_the_code_page_of_windows_does_not_spoil_the_others(
    tmp_path, put_pictures, encoding, read, boxes, reasons
):
    """wkentaro/labelme#299, #683: old files from Windows are not UTF-8."""
    put_pictures(tmp_path, "a.png", "b.png")
    good = labelme(tmp_path, [shape("rectangle", [[3, 4], [20, 18]])])
    text = good.read_text(encoding="utf-8").replace("cat", {"gb2312": "行人", "cp949": "사람"}[encoding])
    (tmp_path / "b.json").write_bytes(text.replace("a.png", "b.png").encode(encoding))
    labelled = read(tmp_path, "labelme")
    assert boxes(labelled, "a.png") == [("cat", (3, 4, 20, 18))]
    assert [where for _, where in reasons(labelled)] == ["b.png"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_json_that_begins_with_a_byte_order_mark(tmp_path, put_pictures, encoding, read, boxes):
    """CVHub520/X-AnyLabeling#51, chroblert/WindowsVulnScan#2: PowerShell and Notepad write such files."""
    put_pictures(tmp_path, "a.png")
    path = labelme(tmp_path, [shape("rectangle", [[3, 4], [20, 18]])])
    path.write_text(path.read_text(encoding="utf-8"), encoding=encoding)
    assert boxes(read(path, "labelme"), "a.png") == [("cat", (3, 4, 20, 18))]


# COCO ---------------------------------------------------------------------------------------------------------------


def coco(path, annotations, *, images=None, categories=None):
    content = {
        "images": images or [{"id": 1, "file_name": "a.png", "width": 40, "height": 30}],
        "categories": categories or [{"id": 7, "name": "cat"}],
        "annotations": annotations,
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def annotation(**more):
    return {"id": 1, "image_id": 1, "category_id": 7, "bbox": [2, 3, 10, 15], "area": 150, "iscrowd": 0, **more}


def test_a_byte_order_mark(tmp_path, put_pictures, read, boxes):
    """CVHub520/X-AnyLabeling#51, chroblert/WindowsVulnScan#2."""
    put_pictures(tmp_path, "a.png")
    path = coco(tmp_path / "set.json", [annotation()])
    path.write_text(path.read_text(encoding="utf-8"), encoding="utf-8-sig")
    assert boxes(read(path, "coco"), "a.png") == [("cat", (2, 3, 12, 18))]


def test_run_lengths_in_any_dress_are_those_of_pycocotools(tmp_path, put_pictures, read):
    """cocodataset/cocoapi#135, facebookresearch/Detectron#100: columns first, lists of counts or a coded text."""
    put_pictures(tmp_path, "a.png")
    pixels = np.random.default_rng(3).random((30, 40)) > 0.6
    coded = coco_masks.encode(np.asfortranarray(pixels.astype(np.uint8)))["counts"].decode()
    flat = np.concatenate([[False], pixels.ravel(order="F")])
    edges = np.flatnonzero(np.diff(flat.astype(int)) != 0)
    counts = np.diff(np.concatenate([[0], edges, [pixels.size]])).tolist()
    own = [annotation(segmentation={"size": [30, 40], "counts": item}, iscrowd=1) for item in (coded, counts)]
    path = coco(tmp_path / "set.json", [own[0], {**own[1], "id": 2, "iscrowd": 0}])
    for item in read(path, "coco").labels("a.png").annotations:
        assert np.array_equal(item.mask.full(Size(40, 30)), pixels)


def test_run_lengths_of_a_turned_picture_are_refused(tmp_path, put_pictures, read, reasons):
    """HumanSignal/label-studio#6608: width and height are swapped in the export of an upright photograph."""
    put_pictures(tmp_path, "a.png")
    path = coco(tmp_path / "set.json", [annotation(segmentation={"size": [40, 30], "counts": [0, 1200]})])
    labelled = read(path, "coco")
    assert labelled.labels("a.png").annotations[0].mask is None
    assert any("run lengths" in reason for reason, _ in reasons(labelled))


@pytest.mark.parametrize("order", list(itertools.permutations(("images", "categories", "annotations"))))
def test_long_lists_in_any_order(tmp_path, order, read, boxes):
    """HumanSignal/label-studio writes the classes between the pictures and the labels, far from both ends."""
    images = [{"id": number, "file_name": f"{number}.png", "width": 40, "height": 30} for number in range(2000)]
    content = {
        "images": images,
        "categories": [{"id": 7, "name": "cat"}],
        "annotations": [annotation(id=number, image_id=number) for number in range(2000)],
    }
    path = tmp_path / "result.json"
    path.write_text(json.dumps({key: content[key] for key in order}))
    labelled = read(path, "coco")
    assert boxes(labelled, "1999.png") == [("cat", (2, 3, 12, 18))]


def test_ids_from_zero_with_gaps_and_repeated(tmp_path, put_pictures, read, boxes):
    """voxel51/fiftyone#4293, cocodataset/cocoapi#507, roboflow/supervision#285: ids are no indices."""
    put_pictures(tmp_path, "a.png", "b.png")
    images = [{"id": 0, "file_name": "a.png"}, {"id": 90210, "file_name": "b.png"}]
    categories = [{"id": 74673216, "name": "panel"}, {"id": 0, "name": "roof"}]
    own = [
        annotation(id=0, image_id=0, category_id=0),
        annotation(id=0, image_id=90210, category_id=74673216, bbox=[1, 1, 2, 2]),
        annotation(id=5, image_id=90210, category_id=0, bbox=[4, 4, 2, 2]),
    ]
    labelled = read(coco(tmp_path / "set.json", own, images=images, categories=categories), "coco")
    assert boxes(labelled, "a.png") == [("roof", (2, 3, 12, 18))]
    assert boxes(labelled, "b.png") == [("panel", (1, 1, 3, 3)), ("roof", (4, 4, 6, 6))]
    assert labelled.check() == ()


def test_ids_that_are_texts(tmp_path, put_pictures, read, boxes, reasons):
    """laclouis5/globox#13, open-mmlab/mmdetection#89, cocodataset/cocoapi#373: pictures are numbered by names."""
    put_pictures(tmp_path, "a.png", "b.png")
    images = [{"id": "a_00", "file_name": "a.png"}, {"id": "0012", "file_name": "b.png"}]
    own = [annotation(image_id="a_00"), annotation(id=2, image_id="0012"), annotation(id=3, image_id="c")]
    labelled = read(coco(tmp_path / "set.json", own, images=images), "coco")
    assert boxes(labelled, "a.png") == boxes(labelled, "b.png") == [("cat", (2, 3, 12, 18))]
    assert reasons(labelled) == {("A label belongs to no picture: the id c is not among the images.", ""): 1}


@pytest.mark.parametrize("segmentation", [None, [], [[]], {}, [[2, 3, 12]], "none"])
def test_an_outline_that_is_none_leaves_the_box(tmp_path, put_pictures, segmentation, read, boxes):
    """cvat-ai/cvat#6014, RapidAI/LabelConvert#13, obss/sahi#452."""
    put_pictures(tmp_path, "a.png")
    labelled = read(coco(tmp_path / "set.json", [annotation(segmentation=segmentation)]), "coco")
    assert boxes(labelled, "a.png") == [("cat", (2, 3, 12, 18))]
    assert bool(labelled.check()) == (segmentation not in (None, []))


@pytest.mark.parametrize(
    ("bbox", "box"),
    [
        (["2", 3, "10.0", 15], (2, 3, 12, 18)),
        ([2, 3, float("nan"), 15], None),
        ([2, 3, 10**400, 15], None),
        ([2, 3, True, 15], None),
        ([2, 3, 10], None),
    ],
)
def test_numbers_that_are_texts_or_none(tmp_path, put_pictures, bbox, box, read, boxes, reasons):
    """facebookresearch/detectron2 and others: boxes as texts, NaN from a division, and true."""
    put_pictures(tmp_path, "a.png")
    labelled = read(coco(tmp_path / "set.json", [annotation(bbox=bbox)]), "coco")
    assert boxes(labelled, "a.png") == ([("cat", box)] if box else [])
    assert len(reasons(labelled)) == (box is None)


def test_a_polygon_without_the_list_around_it(tmp_path, put_pictures, read):
    """roboflow/supervision#205, ryouchinsa/Rectlabel-support#219."""
    put_pictures(tmp_path, "a.png")
    labelled = read(coco(tmp_path / "set.json", [annotation(segmentation=[2, 3, 12, 3, 12, 18])]), "coco")
    assert labelled.labels("a.png").annotations[0].polygons == (((2, 3), (12, 3), (12, 18)),)


@pytest.mark.parametrize(
    "written",
    [
        "images\\1/a.png",
        "..\\..\\label-studio\\label-studio\\media\\upload\\4\\a.png",
        "C:\\Users\\me\\set\\a.png",
        "/data/upload/4/a.png",
        "https://localhost/data/upload/1/a.png",
        "/data/local-files/?d=set/a.png",
    ],
)
def test_the_path_of_another_machine(tmp_path, put_pictures, written, read):
    """HumanSignal/label-studio#7294, #4903, label-studio-converter#139, #188: the picture lies in `images`."""
    put_pictures(tmp_path / "images", "a.png", "b.png")
    images = [{"id": 1, "file_name": written, "width": 40, "height": 30}]
    labelled = read(coco(tmp_path / "result.json", [annotation()], images=images), "coco")
    (name,) = labelled.names
    assert labelled.pictures[name] == tmp_path / "images" / "a.png"
    assert labelled.check() == ()


def test_a_path_of_another_machine_leads_to_no_picture_beyond_the_set(tmp_path, put_pictures, read):
    """A picture further up that happens to have the name is another one; beside "annotations" lies the set's own."""
    images = [{"id": 1, "file_name": "C:\\set\\a.png", "width": 40, "height": 30}]
    put_pictures(tmp_path, "a.png")
    for folder in ("mine", "annotations"):
        (tmp_path / folder).mkdir()
    assert read(coco(tmp_path / "mine" / "set.json", [annotation()], images=images), "coco").pictures == {}
    (file,) = read(coco(tmp_path / "annotations" / "set.json", [], images=images), "coco").pictures.values()
    assert file == tmp_path / "a.png"


def test_two_paths_of_another_machine_with_one_name_stay_missing(tmp_path, put_pictures, read, reasons):
    """The other side of it: which of both the picture belongs to cannot be known."""
    put_pictures(tmp_path / "images", "a.png")
    images = [{"id": number, "file_name": f"C:\\set\\{number}\\a.png"} for number in (1, 2)]
    labelled = read(coco(tmp_path / "result.json", [annotation()], images=images), "coco")
    assert labelled.pictures == {}
    assert len(reasons(labelled)) == 2


def test_names_in_capitals_coded_and_decomposed(tmp_path, put_pictures, read):
    """AlexeyAB/Yolo_mark#48, HumanSignal/label-studio#1266, renpy/renpy#2327."""
    decomposed = unicodedata.normalize("NFD", "décran.png")
    put_pictures(tmp_path, "IMG_1.JPG", decomposed, "사람 1.png", "b c.png")
    names = ["img_1.jpg", "décran.png", "사람 1.png", "b%20c.png"]
    images = [{"id": number, "file_name": name} for number, name in enumerate(names)]
    labelled = read(coco(tmp_path / "set.json", [annotation()], images=images), "coco")
    found = [labelled.pictures[name].name for name in names]
    assert found == ["IMG_1.JPG", decomposed, "사람 1.png", "b c.png"]


def test_an_upright_photograph_whose_size_is_stated_as_it_lies(tmp_path, read, boxes, reasons):
    """HumanSignal/label-studio#6608: width and height are swapped, the boxes are those of the upright picture."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 30)).save(tmp_path / "a.jpg", exif=exif)
    images = [{"id": 1, "file_name": "a.jpg", "width": 40, "height": 30}]
    path = coco(tmp_path / "set.json", [annotation(bbox=[5, 32, 20, 6])], images=images)
    labelled = read(path, "coco")
    assert boxes(labelled, "a.jpg") == [("cat", (5, 32, 25, 38))]
    ((reason, where),) = reasons(labelled)
    assert "swapped" in reason
    assert where == "a.jpg"
