"""What users of labelling and dataset programs reported about labels, each with the report that it follows.

Expected numbers are written down by hand from the format's description, or come from pycocotools and PIL.
"""

from __future__ import annotations

import base64
import io
import json
import math
import unicodedata

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_masks

from cvstudio.data.geometry import Size
from cvstudio.media.annotations import annotation_format


def read(path, key):
    """The set at `path`, which is recognised as `key`."""
    found = annotation_format(path)
    assert found.key == key
    return found.read(path)


def boxes(labelled, name):
    """Class and box of each object of a picture."""
    return [(labelled.categories[item.category].name, item.box) for item in labelled.labels(name).annotations]


def reasons(labelled):
    return {(item.reason, item.where): item.count for item in labelled.check()}


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


def test_a_rectangle_of_four_corners(tmp_path, put_pictures):
    """CVHub520/X-AnyLabeling#1262, #1040: rectangles hold four corners since 2.2, from any of them on (#222)."""
    put_pictures(tmp_path, "a.png")
    labelme(tmp_path, [shape("rectangle", [[20, 18], [3, 18], [3, 4], [20, 4]])])
    labelled = read(tmp_path, "labelme")
    assert boxes(labelled, "a.png") == [("cat", (3, 4, 20, 18))]
    assert labelled.labels("a.png").annotations[0].polygons == ()
    assert labelled.check() == ()


@pytest.mark.parametrize("kind", ["rotation", "oriented_rectangle", "quadrilateral"])
def test_a_turned_box_is_its_outline(tmp_path, put_pictures, kind):
    """CVHub520/X-AnyLabeling#397: turned boxes were exported without a corner."""
    put_pictures(tmp_path, "a.png")
    corners = [[10, 5], [20, 10], [15, 20], [5, 15]]
    labelme(tmp_path, [shape(kind, corners, direction=0.46)])
    labelled = read(tmp_path, "labelme")
    assert boxes(labelled, "a.png") == [("cat", (5, 5, 20, 20))]
    assert labelled.labels("a.png").annotations[0].polygons == (tuple(map(tuple, corners)),)


def test_lines_and_points_are_told_not_made_areas(tmp_path, put_pictures):
    """wkentaro/labelme#1213: a line came out as the area that it encloses."""
    put_pictures(tmp_path, "a.png")
    line = [[3, 4], [20, 4], [20, 18]]
    shapes = [shape("linestrip", line), shape("line", line[:2]), shape("point", line[:1]), shape("points", line)]
    labelme(tmp_path, shapes)
    labelled = read(tmp_path, "labelme")
    assert labelled.labels("a.png").annotations == ()
    assert sum(reasons(labelled).values()) == 4
    assert any("linestrip" in reason for reason, _ in reasons(labelled))


def test_a_rectangle_drawn_from_its_lower_right_and_a_circle(tmp_path, put_pictures):
    """PaddlePaddle/PaddleDetection#1296, RapidAI/LabelConvert#16."""
    put_pictures(tmp_path, "a.png")
    labelme(tmp_path, [shape("rectangle", [[20, 18], [3, 4]]), shape("circle", [[20, 15], [23, 19]])])
    (first, second) = read(tmp_path, "labelme").labels("a.png").annotations
    assert first.box == (3, 4, 20, 18)
    assert second.box == pytest.approx((15, 10, 25, 20))
    x, y = np.array(second.polygons[0]).T
    assert np.hypot(x - 20, y - 15) == pytest.approx(5)


def test_many_shapes_before_the_picture_in_the_file(tmp_path, put_pictures):
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
def test_a_file_in_the_code_page_of_windows_does_not_spoil_the_others(tmp_path, put_pictures, encoding):
    """wkentaro/labelme#299, #683: old files from Windows are not UTF-8."""
    put_pictures(tmp_path, "a.png", "b.png")
    good = labelme(tmp_path, [shape("rectangle", [[3, 4], [20, 18]])])
    text = good.read_text(encoding="utf-8").replace("cat", {"gb2312": "行人", "cp949": "사람"}[encoding])
    (tmp_path / "b.json").write_bytes(text.replace("a.png", "b.png").encode(encoding))
    labelled = read(tmp_path, "labelme")
    assert boxes(labelled, "a.png") == [("cat", (3, 4, 20, 18))]
    assert [where for _, where in reasons(labelled)] == ["b.png"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_json_that_begins_with_a_byte_order_mark(tmp_path, put_pictures, encoding):
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


def test_a_byte_order_mark(tmp_path, put_pictures):
    """CVHub520/X-AnyLabeling#51, chroblert/WindowsVulnScan#2."""
    put_pictures(tmp_path, "a.png")
    path = coco(tmp_path / "set.json", [annotation()])
    path.write_text(path.read_text(encoding="utf-8"), encoding="utf-8-sig")
    assert boxes(read(path, "coco"), "a.png") == [("cat", (2, 3, 12, 18))]


def test_run_lengths_in_any_dress_are_those_of_pycocotools(tmp_path, put_pictures):
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


def test_run_lengths_of_a_turned_picture_are_refused(tmp_path, put_pictures):
    """HumanSignal/label-studio#6608: width and height are swapped in the export of an upright photograph."""
    put_pictures(tmp_path, "a.png")
    path = coco(tmp_path / "set.json", [annotation(segmentation={"size": [40, 30], "counts": [0, 1200]})])
    labelled = read(path, "coco")
    assert labelled.labels("a.png").annotations[0].mask is None
    assert any("run lengths" in reason for reason, _ in reasons(labelled))


def test_ids_from_zero_with_gaps_and_repeated(tmp_path, put_pictures):
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


def test_ids_that_are_texts(tmp_path, put_pictures):
    """laclouis5/globox#13, open-mmlab/mmdetection#89, cocodataset/cocoapi#373: pictures are numbered by names."""
    put_pictures(tmp_path, "a.png", "b.png")
    images = [{"id": "a_00", "file_name": "a.png"}, {"id": "0012", "file_name": "b.png"}]
    own = [annotation(image_id="a_00"), annotation(id=2, image_id="0012"), annotation(id=3, image_id="c")]
    labelled = read(coco(tmp_path / "set.json", own, images=images), "coco")
    assert boxes(labelled, "a.png") == boxes(labelled, "b.png") == [("cat", (2, 3, 12, 18))]
    assert reasons(labelled) == {("A label belongs to no picture: the id c is not among the images.", ""): 1}


@pytest.mark.parametrize("segmentation", [None, [], [[]], {}, [[2, 3, 12]], "none"])
def test_an_outline_that_is_none_leaves_the_box(tmp_path, put_pictures, segmentation):
    """cvat-ai/cvat#6014, RapidAI/LabelConvert#13, obss/sahi#452."""
    put_pictures(tmp_path, "a.png")
    labelled = read(coco(tmp_path / "set.json", [annotation(segmentation=segmentation)]), "coco")
    assert boxes(labelled, "a.png") == [("cat", (2, 3, 12, 18))]
    assert bool(labelled.check()) == (segmentation not in (None, []))


def test_a_polygon_without_the_list_around_it(tmp_path, put_pictures):
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
def test_the_path_of_another_machine(tmp_path, put_pictures, written):
    """HumanSignal/label-studio#7294, #4903, label-studio-converter#139, #188: the picture lies in `images`."""
    put_pictures(tmp_path / "images", "a.png", "b.png")
    images = [{"id": 1, "file_name": written, "width": 40, "height": 30}]
    labelled = read(coco(tmp_path / "result.json", [annotation()], images=images), "coco")
    (name,) = labelled.names
    assert labelled.pictures[name] == tmp_path / "images" / "a.png"
    assert labelled.check() == ()


def test_two_paths_of_another_machine_with_one_name_stay_missing(tmp_path, put_pictures):
    """The other side of it: which of both the picture belongs to cannot be known."""
    put_pictures(tmp_path / "images", "a.png")
    images = [{"id": number, "file_name": f"C:\\set\\{number}\\a.png"} for number in (1, 2)]
    labelled = read(coco(tmp_path / "result.json", [annotation()], images=images), "coco")
    assert labelled.pictures == {}
    assert len(reasons(labelled)) == 2


def test_names_in_capitals_coded_and_decomposed(tmp_path, put_pictures):
    """AlexeyAB/Yolo_mark#48, HumanSignal/label-studio#1266, renpy/renpy#2327."""
    decomposed = unicodedata.normalize("NFD", "décran.png")
    put_pictures(tmp_path, "IMG_1.JPG", decomposed, "사람 1.png", "b c.png")
    names = ["img_1.jpg", "décran.png", "사람 1.png", "b%20c.png"]
    images = [{"id": number, "file_name": name} for number, name in enumerate(names)]
    labelled = read(coco(tmp_path / "set.json", [annotation()], images=images), "coco")
    found = [labelled.pictures[name].name for name in names]
    assert found == ["IMG_1.JPG", decomposed, "사람 1.png", "b c.png"]


def test_an_upright_photograph_whose_size_is_stated_as_it_lies(tmp_path):
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


# YOLO ---------------------------------------------------------------------------------------------------------------


def yolo(folder, lines, *, names=("cat", "dog"), yaml=True):
    (folder / "labels").mkdir(parents=True, exist_ok=True)
    for name, text in lines.items():
        (folder / "labels" / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    if yaml:
        (folder / "data.yaml").write_text(f"train: images\nval: images\nnames: {list(names)}\n")
    elif names:
        (folder / "classes.txt").write_text("\n".join(names))
    return folder


def test_rows_of_boxes_and_polygons_in_one_file(tmp_path, put_pictures):
    """ultralytics/ultralytics#14862, open-edge-platform/geti#7420, voxel51/fiftyone#4070."""
    put_pictures(tmp_path / "images", "a.png")
    yolo(tmp_path, {"a.txt": "0 0.5 0.5 0.5 0.2\n1 0.1 0.1 0.6 0.1 0.6 0.9\n1 0.1 0.2 0.3 0.4 0.9\n"})
    labelled = read(tmp_path, "yolo")
    first, second, third = labelled.labels("a.png").annotations
    assert first.box == pytest.approx((10, 12, 30, 18))
    assert first.polygons == ()
    assert second.box == pytest.approx((4, 3, 24, 27))
    assert len(second.polygons[0]) == 3
    assert third.box == pytest.approx((-2, 0, 10, 12))  # the last number is a score
    assert labelled.categories[third.category].name == "dog"


@pytest.mark.parametrize("number", ["1.0", "1.000000000000000000e+00"])
@pytest.mark.parametrize("yaml", [True, False])
def test_class_numbers_that_are_written_as_decimals(tmp_path, put_pictures, number, yaml):
    """roboflow/supervision#2580: what numpy.savetxt writes."""
    put_pictures(tmp_path / "images", "a.png")
    yolo(tmp_path, {"a.txt": f"{number} 5.0e-01 5.0e-01 5.0e-01 2.0e-01\n"}, yaml=yaml)
    assert boxes(read(tmp_path, "yolo"), "a.png") == [("dog", pytest.approx((10, 12, 30, 18)))]


def test_background_pictures_come_first_and_a_byte_order_mark(tmp_path, put_pictures):
    """Deci-AI/super-gradients#843: empty files are pictures without objects; nothing else names the form."""
    put_pictures(tmp_path / "images", *(f"{number}.png" for number in range(6)))
    lines = {f"{number}.txt": "" for number in range(5)}
    yolo(tmp_path, {**lines, "5.txt": "\ufeff0 0.5 0.5 0.5 0.2\r\n".encode()}, yaml=False)
    labelled = read(tmp_path, "yolo")
    assert len(labelled.names) == 6
    assert boxes(labelled, "5.png") == [("cat", pytest.approx((10, 12, 30, 18)))]
    assert labelled.labels("0.png").annotations == ()
    assert labelled.check() == ()


@pytest.mark.parametrize("line", ["0, 0.5, 0.5, 0.5, 0.2", "0,0.5,0.5,0.5,0.2", "0 0,5 0,5 0,5 0,2"])
def test_commas_are_named(tmp_path, put_pictures, line):
    """eriklindernoren/PyTorch-YOLOv3#644, ultralytics/ultralytics#7907, Babyhamsta/Yoable#7."""
    put_pictures(tmp_path / "images", "a.png")
    labelled = read(yolo(tmp_path, {"a.txt": f"{line}\n1 0.5 0.5 0.5 0.2\n"}), "yolo")
    assert boxes(labelled, "a.png") == [("dog", pytest.approx((10, 12, 30, 18)))]
    ((reason, _),) = reasons(labelled)
    assert "comma" in reason


def test_names_of_labels_that_are_coded_as_in_an_address(tmp_path, put_pictures):
    """HumanSignal/label-studio#1266: "Capture_décran.png" has its labels in "Capture_d%C3%A9cran.txt"."""
    put_pictures(tmp_path / "images", "Capture_décran.png", "100%25.png")
    lines = {"Capture_d%C3%A9cran.txt": "0 0.5 0.5 0.5 0.2\n", "100%25.txt": "1 0.5 0.5 0.5 0.2\n"}
    labelled = read(yolo(tmp_path, lines), "yolo")
    assert sorted(labelled.names) == ["100%25.png", "Capture_décran.png"]
    assert boxes(labelled, "Capture_décran.png") == [("cat", pytest.approx((10, 12, 30, 18)))]
    assert boxes(labelled, "100%25.png") == [("dog", pytest.approx((10, 12, 30, 18)))]
    assert labelled.check() == ()


def test_a_declaration_that_leads_to_another_folder(tmp_path, put_pictures):
    """ultralytics/yolov5#4561, ultralytics/ultralytics#2221: `path` of data.yaml is relative to it."""
    put_pictures(tmp_path / "dataset" / "images" / "val", "a.png")
    labels = tmp_path / "dataset" / "labels" / "val"
    labels.mkdir(parents=True)
    (labels / "a.txt").write_text("0 0.5 0.5 0.5 0.2\n")
    (tmp_path / "code").mkdir()
    declaration = tmp_path / "code" / "own.yaml"
    declaration.write_text("path: ../dataset\ntrain: images/train\nval: images/val\nnc: 1\nnames: ['bed']\n")
    labelled = read(declaration, "yolo")
    assert [boxes(labelled, name) for name in labelled.names] == [[("bed", pytest.approx((10, 12, 30, 18)))]]
    assert len(labelled.pictures) == 1


def test_the_first_picture_alone_is_missing(tmp_path, put_pictures):
    """laclouis5/globox#23: coco128 has labels without a picture; the others keep theirs."""
    put_pictures(tmp_path / "images", "b.png", "c.png")
    lines = dict.fromkeys(("a.txt", "b.txt", "c.txt"), "0 0.5 0.5 0.5 0.2\n")
    labelled = read(yolo(tmp_path, lines), "yolo")
    assert sorted(labelled.pictures) == ["b.png", "c.png"]
    assert reasons(labelled) == {("The picture is not there.", "a"): 1}


def test_class_numbers_beyond_the_names(tmp_path, put_pictures):
    """ultralytics/ultralytics#3956 and many: "Label class 7 exceeds nc"."""
    put_pictures(tmp_path / "images", "a.png")
    labelled = read(yolo(tmp_path, {"a.txt": "7 0.5 0.5 0.5 0.2\n0 0.5 0.5 0.5 0.2\n"}), "yolo")
    assert len(labelled.labels("a.png").annotations) == 1
    assert reasons(labelled) == {("The class 7 is not declared.", "a.png"): 1}


# Pascal VOC ---------------------------------------------------------------------------------------------------------


def voc(path, objects, *, head='<?xml version="1.0"?>', encoding="utf-8"):
    size = "<size><width>40</width><height>30</height><depth>3</depth></size>"
    text = f"{head}<annotation><filename>{path.stem}.png</filename>{size}{objects}</annotation>"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(encoding))
    return path


def voc_object(name, box, *, tag="object"):
    corners = "".join(
        f"<{key}>{value}</{key}>" for key, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    )
    return f"<{tag}><name>{name}</name><bndbox>{corners}</bndbox></object>"


def test_pixels_from_one_and_fractions(tmp_path, put_pictures):
    """Tony607/voc2coco#5, HumanSignal/labelImg#422, adityaarun1/Detectron.pytorch#1."""
    put_pictures(tmp_path, "a.png")
    path = voc(tmp_path / "a.xml", voc_object("cat", (1, 1, 40, 30)) + voc_object("dog", (2.5, "3.0", 10.25, 12)))
    labelled = read(path, "voc")
    assert boxes(labelled, "a.png") == [("cat", (0, 0, 40, 30)), ("dog", (1.5, 2, 10.25, 12))]


@pytest.mark.parametrize("encoding", ["iso-8859-1", "gb2312", "cp949", "utf-16"])
def test_xml_in_its_own_encoding(tmp_path, put_pictures, encoding):
    """wkentaro/labelme#299 and #676: files of Windows programs are in its code page."""
    put_pictures(tmp_path, "a.png")
    name = {"iso-8859-1": "vélo", "gb2312": "行人", "cp949": "사람", "utf-16": "사람"}[encoding]
    head = f'<?xml version="1.0" encoding="{encoding}"?>'
    path = voc(tmp_path / "a.xml", voc_object(name, (2, 3, 10, 12)), head=head, encoding=encoding)
    assert boxes(read(path, "voc"), "a.png") == [(name, (1, 2, 10, 12))]


def test_an_object_with_an_attribute_and_a_name_in_cdata(tmp_path, put_pictures):
    """voxel51/fiftyone and CLoDSA: elements carry attributes, names stand in CDATA."""
    put_pictures(tmp_path, "a.png")
    first = voc_object("cat", (2, 3, 10, 12), tag='object id="4"')
    path = voc(tmp_path / "a.xml", first + voc_object("<![CDATA[R&D]]>", (1, 1, 4, 4)))
    assert boxes(read(path, "voc"), "a.png") == [("cat", (1, 2, 10, 12)), ("R&D", (0, 0, 4, 4))]


# CVAT ---------------------------------------------------------------------------------------------------------------


def cvat(path, shapes):
    image = f'<image id="0" name="a.png" width="40" height="30">{shapes}</image>'
    path.write_text(f"<annotations><version>1.1</version>{image}</annotations>")
    return path


def test_a_turned_box_of_cvat_is_where_it_is_drawn(tmp_path, put_pictures):
    """cvat-ai/cvat#6785, #4745: turned boxes came back without the turn. Clockwise about the centre, in degrees."""
    put_pictures(tmp_path, "a.png")
    box = 'xtl="10" ytl="10" xbr="30" ybr="20"'
    shapes = f'<box label="cat" {box} rotation="90.0"/><box label="cat" {box} rotation="30"/><box label="cat" {box}/>'
    labelled = read(cvat(tmp_path / "a.xml", shapes), "cvat")
    first, second, third = labelled.labels("a.png").annotations
    assert first.box == pytest.approx((15, 5, 25, 25))
    turn = complex(math.cos(math.pi / 6), math.sin(math.pi / 6))
    corners = [complex(20, 15) + turn * complex(x, y) for x, y in ((-10, -5), (10, -5), (10, 5), (-10, 5))]
    assert np.array(second.polygons[0]) == pytest.approx(np.array([(item.real, item.imag) for item in corners]))
    assert third.box == (10, 10, 30, 20)
    assert third.polygons == ()
    assert labelled.check() == ()


def test_an_ellipse_of_cvat_is_its_area(tmp_path, put_pictures):
    """cvat-ai/cvat: an ellipse has an area; of radii 10 and 5 turned by 90 degrees its box is upright."""
    put_pictures(tmp_path, "a.png")
    shapes = '<ellipse label="cat" cx="20" cy="15" rx="10" ry="5" rotation="90"/>'
    labelled = read(cvat(tmp_path / "a.xml", shapes), "cvat")
    (item,) = labelled.labels("a.png").annotations
    assert item.box == pytest.approx((15, 5, 25, 25))
    x, y = np.array(item.polygons[0]).T
    assert ((x - 20) / 5) ** 2 + ((y - 15) / 10) ** 2 == pytest.approx(1)
    assert labelled.check() == ()


def test_frames_of_a_track_outside_of_the_picture(tmp_path):
    """cvat-ai/cvat#900, #3879: where "outside" is set there is no object, key frame or not."""
    shapes = "".join(
        f'<box frame="{frame}" outside="{outside}" occluded="0" keyframe="{key}" xtl="{frame}" ytl="2" xbr="20" '
        f'ybr="9"/>'
        for frame, outside, key in ((10, 0, 1), (11, 0, 0), (12, 1, 1), (15, 0, 1))
    )
    path = tmp_path / "video.xml"
    path.write_text(f'<annotations><version>1.1</version><track id="3" label="car">{shapes}</track></annotations>')
    labelled = read(path, "cvat")
    assert labelled.names == ("frame_000010", "frame_000011", "frame_000015")
    assert [item.track_id for name in labelled.names for item in labelled.labels(name).annotations] == [3, 3, 3]


# Masks --------------------------------------------------------------------------------------------------------------


def masks(folder, *pixels, names=()):
    (folder / "masks").mkdir()
    for number, item in enumerate(pixels):
        picture = item if isinstance(item, Image.Image) else Image.fromarray(item)
        picture.save(folder / "masks" / f"{number}.png")
    if names:
        (folder / "classes.txt").write_text("\n".join(names))
    return folder


def two_halves(value):
    pixels = np.zeros((30, 40), np.uint8)
    pixels[:, 25:] = value
    return pixels


@pytest.mark.parametrize("names", [(), ("background", "lane"), ("lane",)])
def test_masks_of_black_and_white(tmp_path, put_pictures, names):
    """datvuthanh/HybridNets#60, PaddlePaddle/PaddleX#1674: two classes as 0 and 255, where 255 is no void."""
    put_pictures(tmp_path / "images", "0.png", "1.png")
    labelled = read(masks(tmp_path, two_halves(255), two_halves(0), names=names), "class-masks")
    classes = labelled.labels("0.png").label_map.classes
    object_class = len(labelled.categories) - 1
    assert (classes[:, 25:] == object_class).all()
    assert object_class == 1
    assert (classes[:, :25] == 0).all()
    assert labelled.categories[1].name == (names[-1] if names else "class 255")
    assert (labelled.labels("1.png").label_map.classes == 0).all()


def test_255_stays_void_where_there_are_more_values(tmp_path, put_pictures):
    """The other side of it: Pascal VOC's masks."""
    put_pictures(tmp_path / "images", "0.png", "1.png")
    third = two_halves(255)
    third[:5] = 1
    labelled = read(masks(tmp_path, two_halves(255), third, names=("background", "lane")), "class-masks")
    assert (labelled.labels("0.png").label_map.classes[:, 25:] == -1).all()
    assert (labelled.labels("1.png").label_map.classes[:5] == 1).all()


def test_masks_of_one_bit_and_with_a_palette(tmp_path, put_pictures):
    """nicolov/segmentation_keras#14: the value is the class, whatever its colour."""
    put_pictures(tmp_path / "images", "0.png", "1.png")
    coloured = Image.fromarray(two_halves(1), "P")
    coloured.putpalette([9, 9, 9, 200, 0, 0])
    labelled = read(masks(tmp_path, Image.fromarray(two_halves(255)).convert("1"), coloured), "class-masks")
    for name in labelled.names:
        assert (labelled.labels(name).label_map.classes == two_halves(1)).all()
