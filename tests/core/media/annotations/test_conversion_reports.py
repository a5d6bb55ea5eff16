"""What users reported about converting labels from one form into another, each with the report that it follows.

Expected numbers are written down by hand from the description of the form.
"""

from __future__ import annotations

import numpy as np
import pytest

from cvstudio.data.geometry import Size
from cvstudio.data.labels import Annotation, Category, PictureLabels
from cvstudio.foundation.progress import Progress
from cvstudio.media.annotations import ANNOTATION_FORMATS
from cvstudio.media.annotations.writing import write_labels


def boxes_of(labelled):
    return [item.box for item in labelled.labels("a.png").annotations]


# Pascal VOC ---------------------------------------------------------------------------------------------------------


def voc(folder, objects, *, width=40, height=30):
    size = f"<size><width>{width}</width><height>{height}</height><depth>3</depth></size>"
    path = folder / "a.xml"
    path.write_text(f"<annotation><filename>a.png</filename>{size}{objects}</annotation>")
    return path


def bndbox(xmin, ymin, xmax, ymax):
    return f"<bndbox><ymax>{ymax}</ymax><xmin>{xmin}</xmin><ymin>{ymin}</ymin><xmax>{xmax}</xmax></bndbox>"


def test_all_boxes_of_a_class_in_one_object(tmp_path, put_pictures, read):
    """drainingsun/ybat#6: programs that write one object for each class, with all of its boxes; only one was read."""
    put_pictures(tmp_path, "a.png")
    many = f"<object><name>car</name>{bndbox(1, 1, 5, 5)}{bndbox(11, 2, 20, 9)}{bndbox('x', 1, 2, 2)}</object>"
    labelled = read(voc(tmp_path, many + f"<object><name>cat</name>{bndbox(3, 3, 9, 9)}</object>"), "voc")
    assert boxes_of(labelled) == [(0, 0, 5, 5), (10, 1, 20, 9), (2, 2, 9, 9)]
    assert [item.reason for item in labelled.check()] == ["The box of an object is no four finite numbers."]


def test_an_object_with_an_outline_in_place_of_a_box(tmp_path, put_pictures, read):
    """ssaru/convert2Yolo#16: Labelbox writes <polygon> with x1, y1, … in place of <bndbox>."""
    put_pictures(tmp_path, "a.png")
    corners = "".join(f"<x{n}>{x}</x{n}><y{n}>{y}</y{n}>" for n, (x, y) in enumerate(((4, 5), (20, 5), (9, 25)), 1))
    labelled = read(voc(tmp_path, f"<object><name>car</name><polygon>{corners}</polygon></object>"), "voc")
    assert boxes_of(labelled) == [(4, 5, 20, 25)]
    assert labelled.labels("a.png").annotations[0].polygons == (((4, 5), (20, 5), (9, 25)),)
    assert labelled.check() == ()


def test_a_size_of_nothing_is_that_of_the_picture(tmp_path, put_pictures, read):
    """HCIILAB/SCUT-HEAD-Dataset-Release#4, pranoyr/head-detection-using-yolo#13: 0 x 0, and boxes of one column."""
    put_pictures(tmp_path, "a.png")
    objects = "".join(f"<object><name>head</name>{box}</object>" for box in (bndbox(7, 3, 7, 9), bndbox(9, 3, 7, 9)))
    labelled = read(voc(tmp_path, objects, width=0, height=0), "voc")
    assert labelled.labels("a.png").size == Size(40, 30)
    assert boxes_of(labelled) == [(6, 2, 7, 9)]
    assert [item.reason for item in labelled.check()] == ["The box has no area."]


def test_parts_before_the_box_are_not_the_object(tmp_path, put_pictures, read):
    """rbgirshick/fast-rcnn#107, rykov8/ssd_keras#124: a head was taken for the person."""
    put_pictures(tmp_path, "a.png")
    part = f"<part><name>head</name>{bndbox(8, 8, 12, 12)}</part>"
    flags = "<truncated>1</truncated><difficult>1</difficult>"
    labelled = read(voc(tmp_path, f"<object><name>person</name>{flags}{part}{bndbox(3, 3, 20, 29)}</object>"), "voc")
    assert [item.name for item in labelled.categories] == ["person"]
    assert boxes_of(labelled) == [(2, 2, 20, 29)]
    attributes = labelled.labels("a.png").annotations[0].attributes
    assert (attributes["truncated"], attributes["difficult"]) == ("1", "1")


# CVAT ---------------------------------------------------------------------------------------------------------------

LABELS = "<meta><task><labels>{}</labels></task></meta>".format(
    "".join(
        f"<label><name>{name}</name><type>{kind}</type>{f'<parent>{parent}</parent>' if parent else ''}</label>"
        for name, kind, parent in (
            ("person", "skeleton", ""),
            ("head", "points", "person"),
            ("foot", "points", "person"),
            ("head", "rectangle", ""),
        )
    )
)


def skeleton(frame, *points):
    inner = "".join(f'<points label="{name}" outside="{int(out)}" points="{x},{y}"/>' for name, x, y, out in points)
    return f'<skeleton frame="{frame}" keyframe="1">{inner}</skeleton>'


def test_a_class_that_is_called_as_a_point_of_a_skeleton(tmp_path, put_pictures, read):
    """cvat-ai/cvat#5600, #5257: sets with a skeleton were not exported; "head" is a class, and a point of another."""
    put_pictures(tmp_path, "a.png")
    shapes = '<box label="head" xtl="3" ytl="2" xbr="9" ybr="8"/>' + skeleton(0, ("head", 5, 5, 0), ("foot", 9, 25, 0))
    shapes = shapes.replace("<skeleton", '<skeleton label="person"')
    image = f'<image id="0" name="a.png" width="40" height="30">{shapes}</image>'
    path = tmp_path / "a.xml"
    path.write_text(f"<annotations><version>1.1</version>{LABELS}{image}</annotations>")
    labelled = read(path, "cvat")
    assert [(item.name, item.keypoints) for item in labelled.categories] == [
        ("person", ("head", "foot")),
        ("head", ()),
    ]
    assert boxes_of(labelled) == [(3, 2, 9, 8), (5, 5, 9, 25)]
    assert labelled.check()[1:] == ()


def test_a_skeleton_that_has_left_the_picture(tmp_path, read):
    """cvat-ai/cvat#7669: in a track each point says for itself that it is outside."""
    shapes = skeleton(4, ("head", 5, 5, 0), ("foot", 9, 25, 1)) + skeleton(5, ("head", 5, 5, 1), ("foot", 9, 25, 1))
    path = tmp_path / "a.xml"
    track = f'<track id="7" label="person">{shapes}</track>'
    path.write_text(f"<annotations><version>1.1</version>{LABELS}{track}</annotations>")
    labelled = read(path, "cvat")
    assert labelled.names == ("frame_000004",)
    assert {item.reason for item in labelled.check()} <= {"The picture is not there.", "The box has no area."}


def test_a_mask_of_cvat_runs_along_the_rows_of_its_box(tmp_path, put_pictures, read):
    """cvat-ai/cvat#4723, #6487, #8124: taken for COCO's columns of the whole picture, a mask was elsewhere."""
    put_pictures(tmp_path, "a.png")
    image = (
        '<image id="0" name="a.png" width="40" height="30"><mask label="cat" rle="1, 2, 1, 3, 2" left="7" top="5" '
        'width="3" height="3"/></image>'
    )
    path = tmp_path / "a.xml"
    path.write_text(f"<annotations><version>1.1</version>{image}</annotations>")
    (item,) = read(path, "cvat").labels("a.png").annotations
    expected = np.zeros((30, 40), bool)
    expected[5:8, 7:10] = [[False, True, True], [False, True, True], [True, False, False]]
    assert item.mask is not None
    assert (item.mask.full(Size(40, 30)) == expected).all()
    assert item.box == (7, 5, 10, 8)


# LabelMe ------------------------------------------------------------------------------------------------------------


def test_a_circle_without_a_radius_and_shapes_without_a_kind(tmp_path, put_pictures, read):
    """wkentaro/labelme#2031 (centre and edge are one point), #537, #658 and #587 (keys that old files lack)."""
    put_pictures(tmp_path, "a.png")
    shapes = (
        '{"label": "a", "points": [[9, 9], [9, 9]], "shape_type": "circle"}',
        '{"label": "a", "points": [[20, 15], [23, 19]], "shape_type": "circle"}',
        '{"label": "a", "points": [[1, 1], [9, 1], [9, 8]], "line_color": null}',
        '{"label": "a", "points": [], "shape_type": "point"}',
    )
    (tmp_path / "a.json").write_text(f'{{"shapes": [{", ".join(shapes)}], "imagePath": "a.png", "imageData": null}}')
    labelled = read(tmp_path / "a.json", "labelme")
    first, second = labelled.labels("a.png").annotations
    assert first.box == pytest.approx((15, 10, 25, 20))
    assert second.polygons == (((1, 1), (9, 1), (9, 8)),)
    assert {item.reason for item in labelled.check()} == {
        "The box has no area.",
        "A shape has corners that are no pairs of finite numbers.",
    }


# YOLO ---------------------------------------------------------------------------------------------------------------


def test_nothing_is_written_beyond_the_picture(tmp_path, put_pictures, set_of):
    """ultralytics/ultralytics#10246: points that are not labelled lay at -250; one number below 0 or above 1, and all
    labels of the picture are left out as corrupt."""
    (picture,) = put_pictures(tmp_path, "a.png")
    points = ((4.0, 5.0, 2), (-250.0, 1090.0, 0), (50.0, 5.0, 1))
    labels = PictureLabels(Size(40, 30), (Annotation(0, (-4.0, 3.0, 44.0, 9.0), keypoints=points),))
    pose = set_of({"a.png": labels}, (Category("fly", keypoints=("a", "b", "c")),), {"a.png": picture})
    told = write_labels(pose, tmp_path / "pose", ANNOTATION_FORMATS["yolo"], Progress())
    numbers = [float(item) for item in (tmp_path / "pose" / "labels" / "a.txt").read_text().split()]
    assert numbers == pytest.approx([0, 0.5, 0.2, 1, 0.2, 0.1, 1 / 6, 2, 0, 0, 0, 0, 0, 0])
    assert {item.reason for item in told} == {
        "YOLO holds fractions of 0 to 1; what lies outside of the picture is cut off.",
        "A key point lies outside of the picture; YOLO holds it as one that is not labelled.",
    }
    outline = PictureLabels(
        Size(40, 30), (Annotation(0, (-4.0, 3.0, 44.0, 9.0), (((-4.0, 3.0), (44.0, 3.0), (9.0, 9.0)),)),)
    )
    flat = set_of({"a.png": outline}, (Category("fly"),), {"a.png": picture})
    write_labels(flat, tmp_path / "flat", ANNOTATION_FORMATS["yolo"], Progress())
    numbers = [float(item) for item in (tmp_path / "flat" / "labels" / "a.txt").read_text().split()]
    assert numbers == pytest.approx([0, 0, 0.1, 1, 0.1, 0.225, 0.3])
