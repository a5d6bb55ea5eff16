"""Pascal VOC, against the XML itself, supervision and torchvision."""

from __future__ import annotations

import time
import xml.etree.ElementTree as ElementTree

import pytest
import supervision
import torchvision

from cvstudio.data.geometry import Size
from cvstudio.data.labels import Annotation, Category, PictureLabels
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.progress import Progress
from cvstudio.media.annotations import ANNOTATION_FORMATS, WriteOptions, annotation_format
from cvstudio.media.annotations.writing import write_labels

VOC = ANNOTATION_FORMATS["voc"]
CLASSES = (Category("cat"), Category("dog & cow"))


@pytest.fixture
def written(tmp_path, put_pictures, set_of):
    boxes = (
        Annotation(0, (0.0, 0.0, 40.0, 30.0), attributes={"pose": "Left", "truncated": "1", "difficult": "0"}),
        Annotation(1, (3.0, 4.0, 20.0, 18.0), attributes={"pose": "Unspecified", "truncated": "0", "difficult": "1"}),
    )
    labels = {"a.jpg": PictureLabels(Size(40, 30), boxes), "deep/b.jpg": PictureLabels(Size(40, 30))}
    put_pictures(tmp_path, *labels)
    labelled = set_of(labels, CLASSES, {name: tmp_path / name for name in labels})
    told = write_labels(labelled, tmp_path / "out", VOC, Progress(), options=WriteOptions(pictures=True))
    assert told == ()
    return tmp_path / "out", labels


def read(path):
    found = annotation_format(path)
    assert found.key == "voc"
    return found.read(path)


def test_what_was_written_reads_back_equal(written):
    out, labels = written
    for place in (out, out / "VOCdevkit" / "VOC2012"):
        labelled = read(place)
        assert labelled.categories == CLASSES
        assert labelled.names == tuple(labels)
        assert labelled.check() == ()
        assert {name: labelled.labels(name) for name in labels} == labels
    one = read(out / "VOCdevkit" / "VOC2012" / "Annotations" / "a.xml")
    assert one.labels("a.jpg") == labels["a.jpg"]


def test_others_read_what_was_written(written):
    out, _ = written
    root = out / "VOCdevkit" / "VOC2012"
    element = ElementTree.parse(root / "Annotations" / "a.xml")
    values = [[box.findtext(name) for name in ("xmin", "ymin", "xmax", "ymax")] for box in element.iter("bndbox")]
    assert values == [["1", "1", "40", "30"], ["4", "5", "20", "18"]]
    theirs = torchvision.datasets.VOCDetection(str(out), year="2012", image_set="trainval")
    assert len(theirs) == 2
    picture, target = theirs[0]
    assert picture.size == (40, 30)
    assert [item["name"] for item in target["annotation"]["object"]] == ["cat", "dog & cow"]
    found = supervision.DetectionDataset.from_pascal_voc(str(root / "JPEGImages"), str(root / "Annotations"))
    assert sorted(found.classes) == ["cat", "dog & cow"]


def test_what_boxes_cannot_hold_is_told(tmp_path, everything, categories, set_of):
    told = write_labels(set_of(everything, categories), tmp_path / "out", VOC, Progress())
    assert {(item.reason, item.where, item.count) for item in told} == {
        ("Pascal VOC counts whole pixels; a box is rounded.", "a.png", 1),
        ("Pascal VOC holds boxes; outlines, masks and key points are left out.", "a.png", 2),
        ("A crowd becomes an object that is difficult.", "a.png", 1),
        ("Pascal VOC counts whole pixels; a box is rounded.", "deep/b.png", 1),
        ("Pascal VOC holds boxes; outlines, masks and key points are left out.", "deep/b.png", 1),
    }


BOX = "<bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox>"


def xml(*objects, more=""):
    return f"<annotation><filename>x.png</filename>{more}{''.join(objects)}</annotation>"


def thing(*box, name="cat"):
    return f"<object><name>{name}</name>{BOX.format(*box)}</object>"


def test_what_cannot_be_taken_is_left_out_with_its_reason(tmp_path, put_pictures):
    put_pictures(tmp_path, "a.png")
    good = thing(0, 0, 9.5, 9)
    bad = (thing(1, 1, "x", 5), thing(60, 1, 70, 5), thing(5, 5, 4, 9), "<object><name/></object>", good)
    (tmp_path / "a.xml").write_text(xml(good, *bad))
    (tmp_path / "gone.xml").write_text(xml())
    (tmp_path / "broken.xml").write_text(xml()[:-5])
    labelled = read(tmp_path)
    assert [item.box for item in labelled.labels("a.png").annotations] == [(0, 0, 9.5, 9)]
    assert {(item.reason, item.where, item.count) for item in labelled.check()} == {
        ("The box of an object is no four finite numbers.", "a.png", 1),
        ("The box lies outside of the picture.", "a.png", 1),
        ("The box has no area.", "a.png", 1),
        ("An object has no name.", "a.png", 1),
        ("The same label is there twice.", "a.png", 1),
        ("The picture is not there.", "gone", 1),
        ("The picture is not there.", "broken", 1),
        ("'broken.xml' is no valid XML; get a fresh copy of it.", "broken", 1),
    }


def test_two_files_of_one_picture_that_disagree_are_told(tmp_path, put_pictures):
    put_pictures(tmp_path, "a.png")
    size = "<size><width>80</width><height>60</height></size>"
    (tmp_path / "a.xml").write_text(xml(thing(1, 1, 9, 9), more=size))
    (tmp_path / "Annotations").mkdir()
    (tmp_path / "Annotations" / "a.xml").write_text(xml(thing(1, 1, 5, 5, name="dog")))
    labelled = VOC.read(tmp_path)
    assert [item.box for item in labelled.labels("a.png").annotations] == [(0, 0, 9, 9)]
    assert {(item.reason, item.where) for item in labelled.check()} == {
        ("Two files hold labels of this picture; the first is taken.", "a.png"),
        ("The picture has another size than its labels state; they are taken as they are.", "a.png"),
    }


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in zip("abcdefgh", "bcdefghi", strict=True))
    + "]><annotation><filename>&i;</filename></annotation>"
)
OUTSIDE = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation><filename>&x;</filename></annotation>'


@pytest.mark.parametrize("content", [BOMB.encode(), OUTSIDE.encode(), BOMB.encode("utf-16")])
def test_harmful_xml_is_refused(tmp_path, content):
    path = tmp_path / "a.xml"
    path.write_bytes(content)
    with pytest.raises(MediaError, match=r"declares entities or a document type|holds no annotations"):
        VOC.read(path).labels("a")


def test_a_class_name_with_a_control_character_is_written_as_an_escape(tmp_path, set_of):
    labels = {
        "a.png": PictureLabels(Size(40, 30), (Annotation(0, (1.0, 2.0, 9.0, 8.0)), Annotation(1, (2.0, 2.0, 9.0, 8.0))))
    }
    labelled = set_of(labels, (Category("a\x01b"), Category("ab\udce9")))
    told = write_labels(labelled, tmp_path / "out", VOC, Progress())
    reason = "XML holds no control characters; those in the name of a class are written as escapes."
    assert [(item.reason, item.count) for item in told] == [(reason, 2)]
    again = read(tmp_path / "out")
    assert [item.name for item in again.categories] == ["a\\u0001b", "ab\\udce9"]
    assert [item.category for item in again.labels(again.names[0]).annotations] == [0, 1]


def test_a_long_file_of_objects_without_a_name_is_read_in_time(tmp_path):
    objects = "<object></object>" * 40_000 + "<object><name>" * 20_000
    objects += f"<object><name>{' ' * 20_000}<x/></name></object>" + thing(5, 5, 9, 9)
    path = tmp_path / "a.xml"
    path.write_text(f"<annotation><filename>a</filename>{objects}</annotation>")
    begun = time.perf_counter()
    # Cut off where an object does not end, it is no XML; the names of its classes are looked for none the less.
    assert [item.name for item in VOC.read(path).categories] == ["cat"]
    assert time.perf_counter() - begun < 5


def test_names_are_found_as_the_parser_finds_them(tmp_path):
    box = BOX.format(5, 5, 9, 9)
    names = ["<![CDATA[a<b]]>", " cat &amp; dog ", "\n<![CDATA[ c ]]> "]
    objects = "".join(f"<object id='1'><pose>x</pose><name>{name}</name>{box}</object>" for name in names)
    path = tmp_path / "a.xml"
    path.write_text(f"<annotation><filename>a</filename><objects/>{objects}</annotation>")
    labelled = VOC.read(path)
    assert {item.name for item in labelled.categories} == {"a<b", "cat & dog", "c"}
    assert len(labelled.labels("a").annotations) == 3
