"""Labels as other programs write them, damage them, or claim of them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from cvstudio.data.geometry import Size
from cvstudio.foundation.errors import ExportError, MediaError
from cvstudio.foundation.progress import Progress
from cvstudio.media.annotations import ANNOTATION_FORMATS
from cvstudio.media.annotations._values import read_yaml
from cvstudio.media.annotations.writing import write_labels

BOX = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>3</xmax><ymax>3</ymax></bndbox>"


def read(key, path):
    return ANNOTATION_FORMATS[key].read(path)


def coco(path, **more):
    """A COCO file of one box whose picture, annotation and class have `more`."""
    image = {"id": 1, "file_name": "a.png", "width": 40, "height": 30, **more.get("image", {})}
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5], **more.get("annotation", {})}
    content = {"images": [image], "annotations": [annotation], "categories": [{"id": 1, "name": "cat"}]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize("value", ['!!int ""', "!!bool maybe", "!!timestamp x", '!!float ""'])
def test_a_tag_that_does_not_fit_is_no_valid_yaml(tmp_path, value):
    path = tmp_path / "data.yaml"
    path.write_text(f"names: [cat]\nnc: {value}\n")
    with pytest.raises(MediaError, match="no valid YAML"):
        read_yaml(path)
    assert not ANNOTATION_FORMATS["yolo"].recognises(path)


@pytest.mark.parametrize("name", ["a\0/b.png", "\ud800/b.png"])
def test_a_name_that_no_file_can_have_is_that_of_no_picture(tmp_path, name):
    labelled = read("coco", coco(tmp_path / "a.json", image={"file_name": name}))
    assert labelled.pictures == {}
    assert [item.box for item in labelled.labels(name).annotations] == [(1, 1, 6, 6)]


def test_an_attribute_that_is_no_json_is_left_out(tmp_path):
    labelled = read("coco", coco(tmp_path / "a.json", annotation={"scores": [float("nan")], "pose": [1, 2]}))
    assert labelled.labels("a.png").annotations[0].attributes == {"pose": "[1, 2]"}


def test_a_size_that_no_picture_has_is_not_believed(tmp_path):
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    path = coco(tmp_path / "a.json", image={"width": 900_000_000, "height": 900_000_000})
    assert read("coco", path).labels("a.png").size == Size(40, 30)


@pytest.mark.parametrize("value", [10**30, "1e30", -(10**30)])
def test_a_number_of_more_than_64_bits_is_none(tmp_path, value):
    path = coco(tmp_path / "a.json", annotation={"track_id": value, "id": value})
    (annotation,) = read("coco", path).labels("a.png").annotations
    assert (annotation.track_id, annotation.file_id) == (None, None)


def test_a_mask_of_cvat_with_negative_sides_is_none(tmp_path):
    path = tmp_path / "a.xml"
    mask = '<mask label="cat" left="0" top="0" width="-5" height="-5" rle="0, 25"/>'
    path.write_text(f'<annotations><image name="a.png" width="40" height="30">{mask}</image></annotations>')
    labelled = read("cvat", path)
    assert labelled.labels("a.png").annotations == ()
    assert "A mask has coordinates that are no finite numbers, or none." in {item.reason for item in labelled.check()}


@pytest.mark.parametrize("text", ['"label": "a\\q"', '"label": "a", "imagePath": "a\\q.png"'])
def test_a_damaged_file_of_labelme_spoils_no_other(tmp_path, text):
    shape = {"label": "cat", "points": [[0, 0], [9, 0], [9, 9]]}
    good = {"shapes": [shape], "imagePath": "a.png", "imageWidth": 40, "imageHeight": 30}
    (tmp_path / "good.json").write_text(json.dumps(good))
    (tmp_path / "bad.json").write_text(f'{{"shapes": [{{{text}}}], "imagePath": "b.png"}}')
    labelled = read("labelme", tmp_path)
    assert [item.name for item in labelled.categories if item.name != "a"] == ["cat"]
    assert len(labelled.labels("good").annotations) == 1
    assert [item.where for item in labelled.check() if "no valid JSON" in item.reason] == ["bad"]


@pytest.mark.parametrize(
    ("head", "name", "encoding"),
    [
        ("", "B&#228;r", "utf-8"),
        ("", "B&#xE4;r", "utf-8"),
        ('<?xml version="1.0" encoding="ISO-8859-1"?>', "Bär", "latin-1"),
    ],
)
def test_names_of_voc_are_read_as_their_xml_has_them(tmp_path, head, name, encoding):
    path = tmp_path / "a.xml"
    size = "<size><width>40</width><height>30</height></size>"
    content = f"<annotation><filename>a</filename>{size}<object><name>{name}</name>{BOX}</object></annotation>"
    path.write_bytes(f"{head}{content}".encode(encoding))
    labelled = read("voc", path)
    assert [item.name for item in labelled.categories] == ["Bär"]
    assert len(labelled.labels("a").annotations) == 1


def test_yolo_labels_without_a_picture_do_not_hide_those_of_others(tmp_path, put_pictures):
    put_pictures(tmp_path / "images", "b.png", "c.png")
    (tmp_path / "labels").mkdir()
    for name in "abc":
        (tmp_path / "labels" / f"{name}.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    labelled = read("yolo", tmp_path)
    assert labelled.names == ("a", "b.png", "c.png")
    assert labelled.pictures == {name: tmp_path / "images" / name for name in ("b.png", "c.png")}


def test_masks_of_32_bits_do_not_make_a_class_of_every_number(tmp_path):
    (tmp_path / "masks").mkdir()
    Image.fromarray(np.array([[0, 1], [2, 300_000]], np.int32)).save(tmp_path / "masks" / "a.tif")
    labelled = read("class-masks", tmp_path)
    assert len(labelled.categories) == 1 << 15
    reasons = {item.reason for item in labelled.check()}
    assert "The value 300000 is the number of no class; its pixels count as not labelled." in reasons


def test_masks_in_a_hidden_folder_are_no_set(tmp_path):
    (tmp_path / "masks" / ".thumbs").mkdir(parents=True)
    Image.new("L", (4, 3)).save(tmp_path / "masks" / ".thumbs" / "a.png")
    assert not ANNOTATION_FORMATS["class-masks"].recognises(tmp_path)
    with pytest.raises(MediaError, match="holds no masks"):
        read("class-masks", tmp_path)


def test_a_file_of_the_folder_that_was_read_is_not_written_over(tmp_path):
    path = coco(tmp_path / "annotations" / "instances.json")
    before = path.read_bytes()
    labelled = read("coco", tmp_path)
    with pytest.raises(ExportError, match="a file of the set"):
        write_labels(labelled, path, ANNOTATION_FORMATS["coco"], Progress())
    assert path.read_bytes() == before
    assert write_labels(labelled, tmp_path / "corrected.json", ANNOTATION_FORMATS["coco"], Progress()) == ()
