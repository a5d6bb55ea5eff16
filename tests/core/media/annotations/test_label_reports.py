"""What users of labelling and dataset programs reported about labels in folders, XML and masks, each with its report.

Expected numbers are written down by hand from the format's description, or come from pycocotools and PIL.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image

from cvstudio.data.geometry import Size
from cvstudio.data.labels import Annotation, Category, PictureLabels
from cvstudio.foundation.progress import Progress
from cvstudio.media.annotations import ANNOTATION_FORMATS, WriteOptions
from cvstudio.media.annotations.writing import write_labels

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


def test_rows_of_boxes_and_polygons_in_one_file(tmp_path, put_pictures, read):
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
def test_class_numbers_that_are_written_as_decimals(tmp_path, put_pictures, number, yaml, read, boxes):
    """roboflow/supervision#2580: what numpy.savetxt writes."""
    put_pictures(tmp_path / "images", "a.png")
    yolo(tmp_path, {"a.txt": f"{number} 5.0e-01 5.0e-01 5.0e-01 2.0e-01\n"}, yaml=yaml)
    assert boxes(read(tmp_path, "yolo"), "a.png") == [("dog", pytest.approx((10, 12, 30, 18)))]


def test_background_pictures_come_first_and_a_byte_order_mark(tmp_path, put_pictures, read, boxes):
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
def test_commas_are_named(tmp_path, put_pictures, line, read, boxes, reasons):
    """eriklindernoren/PyTorch-YOLOv3#644, ultralytics/ultralytics#7907, Babyhamsta/Yoable#7."""
    put_pictures(tmp_path / "images", "a.png")
    labelled = read(yolo(tmp_path, {"a.txt": f"{line}\n1 0.5 0.5 0.5 0.2\n"}), "yolo")
    assert boxes(labelled, "a.png") == [("dog", pytest.approx((10, 12, 30, 18)))]
    ((reason, _),) = reasons(labelled)
    assert "comma" in reason


def test_names_of_labels_that_are_coded_as_in_an_address(tmp_path, put_pictures, read, boxes):
    """HumanSignal/label-studio#1266: "Capture_décran.png" has its labels in "Capture_d%C3%A9cran.txt"."""
    put_pictures(tmp_path / "images", "Capture_décran.png", "100%25.png")
    lines = {"Capture_d%C3%A9cran.txt": "0 0.5 0.5 0.5 0.2\n", "100%25.txt": "1 0.5 0.5 0.5 0.2\n"}
    labelled = read(yolo(tmp_path, lines), "yolo")
    assert sorted(labelled.names) == ["100%25.png", "Capture_décran.png"]
    assert boxes(labelled, "Capture_décran.png") == [("cat", pytest.approx((10, 12, 30, 18)))]
    assert boxes(labelled, "100%25.png") == [("dog", pytest.approx((10, 12, 30, 18)))]
    assert labelled.check() == ()


def test_a_declaration_that_leads_to_another_folder(tmp_path, put_pictures, read, boxes):
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


def test_key_points_of_two_or_three_numbers_whichever_is_declared(tmp_path, put_pictures, read, reasons):
    """LibreYOLO/libreyolo#873, ultralytics/ultralytics#3041: rows of another length are no outlines."""
    put_pictures(tmp_path / "images", "a.png")
    box = "0 0.5 0.5 0.5 0.2"
    rows = [f"{box} 0.1 0.2 0.3 0.4", f"{box} 0.1 0.2 2 0.3 0.4 1", f"{box} 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8", box]
    yolo(tmp_path, {"a.txt": "\n".join(rows)})
    with (tmp_path / "data.yaml").open("a") as file:
        file.write("kpt_shape: [2, 2]\n")
    labelled = read(tmp_path, "yolo")
    first, second, third = labelled.labels("a.png").annotations
    assert np.array(first.keypoints) == pytest.approx(np.array([(4, 6, 2), (12, 12, 2)]))
    assert np.array(second.keypoints) == pytest.approx(np.array([(4, 6, 2), (12, 12, 1)]))
    assert (third.keypoints, third.polygons) == ((), ())
    ((reason, where),) = reasons(labelled)
    assert "2 key points" in reason
    assert where == "a.png"


def test_the_first_picture_alone_is_missing(tmp_path, put_pictures, read, reasons):
    """laclouis5/globox#23: coco128 has labels without a picture; the others keep theirs."""
    put_pictures(tmp_path / "images", "b.png", "c.png")
    lines = dict.fromkeys(("a.txt", "b.txt", "c.txt"), "0 0.5 0.5 0.5 0.2\n")
    labelled = read(yolo(tmp_path, lines), "yolo")
    assert sorted(labelled.pictures) == ["b.png", "c.png"]
    assert reasons(labelled) == {("The picture is not there.", "a"): 1}


def test_class_numbers_beyond_the_names(tmp_path, put_pictures, read, reasons):
    """ultralytics/ultralytics#3956 and many: "Label class 7 exceeds nc"."""
    put_pictures(tmp_path / "images", "a.png")
    labelled = read(yolo(tmp_path, {"a.txt": "7 0.5 0.5 0.5 0.2\n0 0.5 0.5 0.5 0.2\n"}), "yolo")
    assert len(labelled.labels("a.png").annotations) == 1
    assert reasons(labelled) == {("The class 7 is not declared.", "a.png"): 1}


def test_the_export_of_cvat_beside_its_pictures_and_that_of_roboflow_for_darknet(tmp_path, put_pictures, read, boxes):
    """cvat-ai/cvat and Roboflow: names in obj.names above the labels, or in _darknet.labels beside them."""
    put_pictures(tmp_path / "cvat" / "obj_train_data", "a.png")
    put_pictures(tmp_path / "darknet" / "train", "a.png")
    (tmp_path / "cvat" / "obj.names").write_text("cat\ndog\n")
    (tmp_path / "cvat" / "obj.data").write_text("classes = 2\nnames = data/obj.names\n")
    (tmp_path / "cvat" / "train.txt").write_text("data/obj_train_data/a.png\n")
    (tmp_path / "darknet" / "train" / "_darknet.labels").write_text("cat\ndog")
    for folder in (tmp_path / "cvat" / "obj_train_data", tmp_path / "darknet" / "train"):
        (folder / "a.txt").write_text("1 0.5 0.5 0.5 0.2\n")
    for root in (tmp_path / "cvat", tmp_path / "darknet"):
        labelled = read(root, "yolo")
        assert [boxes(labelled, name) for name in labelled.names] == [[("dog", pytest.approx((10, 12, 30, 18)))]]
        assert len(labelled.pictures) == 1
        assert labelled.check() == ()


def test_fractions_are_those_of_the_upright_photograph(tmp_path, read, boxes):
    """HumanSignal/labelImg#376, #395: whether the turn of EXIF counts. Ultralytics and this program: it does."""
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "images").mkdir()
    Image.new("RGB", (40, 30)).save(tmp_path / "images" / "a.jpg", exif=exif)
    labelled = read(yolo(tmp_path, {"a.txt": "0 0.5 0.5 0.2 0.5\n"}), "yolo")
    assert labelled.labels("a.jpg").size == Size(30, 40)
    assert boxes(labelled, "a.jpg") == [("cat", pytest.approx((12, 10, 18, 30)))]


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


def test_pixels_from_one_and_fractions(tmp_path, put_pictures, read, boxes):
    """Tony607/voc2coco#5, HumanSignal/labelImg#422, adityaarun1/Detectron.pytorch#1."""
    put_pictures(tmp_path, "a.png")
    path = voc(tmp_path / "a.xml", voc_object("cat", (1, 1, 40, 30)) + voc_object("dog", (2.5, "3.0", 10.25, 12)))
    labelled = read(path, "voc")
    assert boxes(labelled, "a.png") == [("cat", (0, 0, 40, 30)), ("dog", (1.5, 2, 10.25, 12))]


@pytest.mark.parametrize("encoding", ["iso-8859-1", "gb2312", "cp949", "utf-16"])
def test_xml_in_its_own_encoding(tmp_path, put_pictures, encoding, read, boxes):
    """wkentaro/labelme#299 and #676: files of Windows programs are in its code page."""
    put_pictures(tmp_path, "a.png")
    name = {"iso-8859-1": "vélo", "gb2312": "行人", "cp949": "사람", "utf-16": "사람"}[encoding]
    head = f'<?xml version="1.0" encoding="{encoding}"?>'
    path = voc(tmp_path / "a.xml", voc_object(name, (2, 3, 10, 12)), head=head, encoding=encoding)
    assert boxes(read(path, "voc"), "a.png") == [(name, (1, 2, 10, 12))]


def test_an_object_with_an_attribute_and_a_name_in_cdata(tmp_path, put_pictures, read, boxes):
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


def test_a_turned_box_of_cvat_is_where_it_is_drawn(tmp_path, put_pictures, read):
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


def test_an_ellipse_of_cvat_is_its_area(tmp_path, put_pictures, read):
    """cvat-ai/cvat: an ellipse has an area; of radii 10 and 5 turned by 90 degrees its box is upright."""
    put_pictures(tmp_path, "a.png")
    shapes = '<ellipse label="cat" cx="20" cy="15" rx="10" ry="5" rotation="90"/>'
    labelled = read(cvat(tmp_path / "a.xml", shapes), "cvat")
    (item,) = labelled.labels("a.png").annotations
    assert item.box == pytest.approx((15, 5, 25, 25))
    x, y = np.array(item.polygons[0]).T
    assert ((x - 20) / 5) ** 2 + ((y - 15) / 10) ** 2 == pytest.approx(1)
    assert labelled.check() == ()


def test_frames_of_a_track_outside_of_the_picture(tmp_path, read):
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
def test_masks_of_black_and_white(tmp_path, put_pictures, names, read):
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


def test_255_stays_void_where_there_are_more_values(tmp_path, put_pictures, read):
    """The other side of it: Pascal VOC's masks."""
    put_pictures(tmp_path / "images", "0.png", "1.png")
    third = two_halves(255)
    third[:5] = 1
    labelled = read(masks(tmp_path, two_halves(255), third, names=("background", "lane")), "class-masks")
    assert (labelled.labels("0.png").label_map.classes[:, 25:] == -1).all()
    assert (labelled.labels("1.png").label_map.classes[:5] == 1).all()


@pytest.mark.parametrize("length", [0, 40])
def test_a_damaged_mask_does_not_spoil_the_others(tmp_path, put_pictures, length, read, reasons):
    """ultralytics/ultralytics#707 and many: one file that was cut off while it was copied."""
    put_pictures(tmp_path / "images", "0.png", "1.png")
    masks(tmp_path, two_halves(255), two_halves(255))
    path = tmp_path / "masks" / "0.png"
    path.write_bytes(path.read_bytes()[:length])
    labelled = read(tmp_path, "class-masks")
    assert (labelled.labels("1.png").label_map.classes == two_halves(1)).all()
    assert [where for _, where in reasons(labelled) if where] == ["0.png"]


def test_masks_of_one_bit_and_with_a_palette(tmp_path, put_pictures, read):
    """nicolov/segmentation_keras#14: the value is the class, whatever its colour."""
    put_pictures(tmp_path / "images", "0.png", "1.png")
    coloured = Image.fromarray(two_halves(1), "P")
    coloured.putpalette([9, 9, 9, 200, 0, 0])
    labelled = read(masks(tmp_path, Image.fromarray(two_halves(255)).convert("1"), coloured), "class-masks")
    for name in labelled.names:
        assert (labelled.labels(name).label_map.classes == two_halves(1)).all()


# A class per folder -------------------------------------------------------------------------------------------------


def test_a_class_without_a_picture_yet_and_files_of_the_system(tmp_path, put_pictures, read, reasons):
    """pytorch/vision#4925, #109, #2831: an empty folder, .DS_Store, .ipynb_checkpoints and Thumbs.db."""
    put_pictures(tmp_path, "cat/a.png", "dog/b.png", ".ipynb_checkpoints/c.png")
    for name in (".DS_Store", "cat/.DS_Store", "dog/Thumbs.db"):
        (tmp_path / name).write_bytes(b"\0")
    (tmp_path / "horse").mkdir()
    labelled = read(tmp_path, "class-folders")
    assert [item.name for item in labelled.categories] == ["cat", "dog"]
    assert labelled.names == ("cat/a.png", "dog/b.png")
    assert reasons(labelled) == {("The folder of a class has no picture.", "horse"): 1}


# All forms ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["yolo", "voc", "labelme"])
def test_a_set_whose_pictures_all_lie_in_folders_is_recognised_as_it_was_written(
    tmp_path, put_pictures, set_of, key, read, boxes
):
    """HumanSignal/label-studio#7294: names with folders of a server, in the form in which this program writes them."""
    names = ["media/upload/1/a.png", "media/upload/2/a.png"]
    files = put_pictures(tmp_path / "set", *names)
    labels = {name: PictureLabels(Size(40, 30), (Annotation(0, (2, 3, 12, 18)),)) for name in names}
    labelled = set_of(labels, (Category("cat"),), dict(zip(names, files, strict=True)))
    for number, pictures in enumerate((False, True)):
        out = tmp_path / f"out{number}"
        entry = ANNOTATION_FORMATS[key]
        assert write_labels(labelled, out, entry, Progress(), options=WriteOptions(pictures=pictures)) == ()
        if pictures:
            again = read(out, key)
            assert again.names == tuple(names)
            assert [boxes(again, name) for name in names] == [[("cat", pytest.approx((2, 3, 12, 18)))]] * 2
        else:
            assert len(read(out, key).names) == 2


@pytest.mark.parametrize("key", ["yolo", "cvat"])
@pytest.mark.parametrize("declared", [(), ("nose",)])
def test_key_points_that_the_class_does_not_declare_are_told(tmp_path, put_pictures, set_of, key, declared):
    """cvat-ai/cvat#8484, ultralytics/ultralytics#3041: they were lost, or made rows of unequal length."""
    put_pictures(tmp_path, "a.png")
    item = Annotation(0, (2, 3, 12, 18), keypoints=((3.0, 4.0, 2), (5.0, 6.0, 1)))
    labelled = set_of({"a.png": PictureLabels(Size(40, 30), (item,))}, (Category("cat", keypoints=declared),))
    entry = ANNOTATION_FORMATS[key]
    left_out = write_labels(labelled, tmp_path / f"out{entry.suffix}", entry, Progress())
    assert any("more key points than its class declares" in reason.reason for reason in left_out)
    if key == "yolo":
        line = (tmp_path / "out" / "labels" / "a.txt").read_text().split()
        assert len(line) == 5 + 3 * len(declared)


@pytest.mark.parametrize(
    "listed", ["names: [no, on, 1e3, 2024-01-01, 007]", "names: {0: no, 1: on, 2: 1e3, 3: 2024-01-01, 4: 007}"]
)
def test_class_names_are_as_they_are_written_in_yaml(tmp_path, put_pictures, listed, read, boxes):
    """carmen-ruby/carmen#4, OpenCageData/address-formatting#27: YAML 1.1 takes "no" for a truth value, "007" for a
    number."""
    put_pictures(tmp_path / "images", "a.png")
    lines = "".join(f"{number} 0.5 0.5 0.5 0.2\n" for number in range(5))
    yolo(tmp_path, {"a.txt": lines}, yaml=False)
    (tmp_path / "data.yaml").write_text(f"train: images\nval: images\nskip_if_label_file_missing: true\n{listed}\n")
    put_pictures(tmp_path / "images", "b.png")
    labelled = read(tmp_path, "yolo")
    assert [name for name, _ in boxes(labelled, "a.png")] == ["no", "on", "1e3", "2024-01-01", "007"]
    assert labelled.names == ("a.png",)
    assert labelled.check() == ()
