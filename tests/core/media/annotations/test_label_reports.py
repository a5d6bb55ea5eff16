"""What users of labelling and dataset programs reported about labels, each with the report that it follows.

Expected numbers are written down by hand from the format's description, or come from pycocotools and PIL.
"""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

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
        **{"version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": picture, "imageData": data},
        **{"imageHeight": 30, "imageWidth": 40, **more},
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
