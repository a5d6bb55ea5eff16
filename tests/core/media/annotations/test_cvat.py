"""CVAT XML, against the XML itself and values worked out by hand."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from cvstudio.data.geometry import Size
from cvstudio.data.labels import Annotation, Category, LabelledMask, PictureLabels
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.progress import Progress
from cvstudio.media.annotations import ANNOTATION_FORMATS, annotation_format
from cvstudio.media.annotations.writing import write_labels

CVAT = ANNOTATION_FORMATS["cvat"]
CLASSES = (Category("cat"), Category('dog "&" cow'), Category("hand", keypoints=("wrist", "tip", "thumb")))


def read(path):
    found = annotation_format(path)
    assert found.key == "cvat"
    return found.read(path)


@pytest.fixture
def labels():
    pixels = np.ones((8, 10), bool)
    pixels[3:5, 4:6] = False
    outline = ((3.0, 4.0), (20.0, 4.0), (20.0, 18.0))
    first = (
        Annotation(0, (1.5, 2.25, 10.75, 20.0), attributes={"colour": "red", "occluded": "1"}),
        Annotation(1, (3.0, 4.0, 20.0, 18.0), (outline,)),
        Annotation(1, (5.0, 6.0, 15.0, 14.0), mask=LabelledMask(pixels, 5, 6)),
        Annotation(2, (1.5, 2.0, 12.0, 20.5), keypoints=((1.5, 2.0, 2), (0.0, 0.0, 0), (12.0, 20.5, 1))),
    )
    return {"a.png": PictureLabels(Size(40, 30), first, (1, 0)), "deep/b.png": PictureLabels(Size(40, 30))}


def test_what_was_written_reads_back_equal(tmp_path, labels, put_pictures, set_of):
    path = tmp_path / "out.xml"
    put_pictures(tmp_path, *labels)
    assert write_labels(set_of(labels, CLASSES), path, CVAT, Progress()) == ()
    labelled = read(path)
    assert labelled.categories == CLASSES
    assert labelled.check() == ()
    assert labelled.pictures == {name: tmp_path / name for name in labels}
    assert {name: labelled.labels(name) for name in labelled.names} == labels


def test_the_xml_is_as_cvat_has_it(tmp_path, labels, set_of):
    path = tmp_path / "out.xml"
    write_labels(set_of(labels, CLASSES), path, CVAT, Progress())
    root = ElementTree.parse(path).getroot()
    names = [label.findtext("name") for label in root.findall("meta/task/labels/label")]
    assert names == ["cat", 'dog "&" cow', "hand", "wrist", "tip", "thumb"]
    first, second = root.findall("image")
    assert (first.get("name"), first.get("width"), first.get("height"), second.get("id")) == ("a.png", "40", "30", "1")
    assert [first.find("box").get(name) for name in ("xtl", "ytl", "xbr", "ybr")] == ["1.5", "2.25", "10.75", "20.0"]
    assert first.find("polygon").get("points") == "3.0,4.0;20.0,4.0;20.0,18.0"
    assert first.find("mask").get("rle") == "0, 34, 2, 8, 2, 34"
    assert [point.get("outside") for point in first.find("skeleton")] == ["0", "1", "0"]


TRACKS = """<annotations><meta><job><labels><label><name>cat</name></label></labels>
<original_size><width>40</width><height>30</height></original_size></job></meta>
<track id="3" label="cat"><box frame="1" outside="0" xtl="1" ytl="2" xbr="5" ybr="6"/>
<box frame="2" outside="0" xtl="2" ytl="2" xbr="6" ybr="6"/><box frame="3" outside="1" xtl="2" ytl="2" xbr="6" ybr="6"/>
</track><track id="4" label="cat"><polygon frame="2" outside="0" points="1,1;5,1;5,5"/></track></annotations>"""


def test_tracks_are_labels_of_their_frames(tmp_path, put_pictures):
    put_pictures(tmp_path / "images", "frame_000001.png", "frame_000002.PNG")
    path = tmp_path / "video.xml"
    path.write_text(TRACKS)
    labelled = read(path)
    assert labelled.names == ("frame_000001", "frame_000002")
    assert [labelled.pictures[name].name for name in labelled.names] == ["frame_000001.png", "frame_000002.PNG"]
    found = [(item.track_id, item.box) for item in labelled.labels("frame_000002").annotations]
    assert found == [(3, (2, 2, 6, 6)), (4, (1, 1, 5, 5))]
    assert labelled.check() == ()


KEYS = """<annotations><meta><task><source>numbered.mp4</source><labels><label><name>cat</name></label></labels>
<original_size><width>64</width><height>48</height></original_size></task></meta>
<track id="3" label="cat"><box frame="1" keyframe="1" outside="0" xtl="0" ytl="2" xbr="8" ybr="6"/>
<box frame="5" keyframe="1" outside="0" xtl="8" ytl="2" xbr="16" ybr="10"/>
<box frame="7" keyframe="1" outside="1" xtl="12" ytl="2" xbr="20" ybr="10"/></track></annotations>"""


def test_what_lies_between_key_frames_is_interpolated_as_cvat_does(tmp_path, numbered_clip):
    path = tmp_path / "video.xml"
    path.write_text(KEYS)
    labelled = read(path)
    assert labelled.videos == {"": numbered_clip}
    assert labelled.check() == ()
    boxes = {number: labelled.labels(name).annotations[0] for number, name in labelled.frames(numbered_clip).items()}
    assert {number: item.box for number, item in boxes.items()} == {
        1: (0, 2, 8, 6),
        2: (2, 2, 10, 7),
        3: (4, 2, 12, 8),
        4: (6, 2, 14, 9),
        5: (8, 2, 16, 10),
        6: (10, 2, 18, 10),
    }
    assert [number for number, item in boxes.items() if not item.interpolated] == [1, 5]
    assert {item.track_id for item in boxes.values()} == {3}


def test_the_tracks_of_a_video_are_written_and_read_back(tmp_path, numbered_clip):
    path = tmp_path / "video.xml"
    path.write_text(KEYS)
    labelled = read(path)
    posed = Category("person", keypoints=("nose", "hand"))
    extra = (
        Annotation(1, (4, 4, 20, 20), keypoints=((4, 4, 2), (20, 20, 1)), track_id=9),
        Annotation(0, (2, 2, 20, 20), (((2, 2), (20, 2), (20, 20)),), attributes={"kind": "tabby"}, track_id=4),
    )
    before = labelled.labels("frame_000005")
    edits = {"frame_000005": PictureLabels(before.size, (*before.annotations, *extra))}
    labelled = labelled.with_edits(edits, categories=[posed])
    out = tmp_path / "out.xml"
    assert write_labels(labelled, out, CVAT, Progress()) == ()
    root = ElementTree.parse(out).getroot()
    assert [track.get("id") for track in root.iter("track")] == ["3", "9", "4"]
    assert root.find("image") is None
    assert root.find("meta/task/source").text == "numbered.mp4"
    facts = [(item.get("frame"), item.get("keyframe"), item.get("outside")) for item in root.find("track")]
    assert facts == [*((str(n), "1" if n in (1, 5) else "0", "0") for n in range(1, 7)), ("7", "1", "1")]
    assert [item.get("outside") for item in root.findall("track")[1]] == ["0", "1"]
    back = read(out)
    assert back.categories == labelled.categories
    assert back.names == labelled.names
    for name in labelled.names:
        assert {item.track_id: item for item in back.labels(name).annotations} == {
            item.track_id: item for item in labelled.labels(name).annotations
        }


def test_of_two_objects_with_one_track_on_a_frame_the_first_is_written_and_the_other_told(tmp_path, numbered_clip):
    path = tmp_path / "video.xml"
    path.write_text(KEYS)
    labelled = read(path)
    before = labelled.labels("frame_000005")
    twin = Annotation(0, (2, 2, 9, 9), track_id=before.annotations[0].track_id)
    labelled = labelled.with_labels("frame_000005", PictureLabels(before.size, (*before.annotations, twin)))
    out = tmp_path / "out.xml"
    (left_out,) = write_labels(labelled, out, CVAT, Progress())
    assert (left_out.reason, left_out.where, left_out.count) == (
        "Two objects of a frame have the same track; the first is written.",
        "frame_000005",
        1,
    )
    assert [item.box for item in read(out).labels("frame_000005").annotations] == [before.annotations[0].box]


def test_a_track_ends_with_the_video_and_hostile_numbers_fill_nothing(tmp_path, numbered_clip):
    path = tmp_path / "video.xml"
    path.write_text(KEYS.replace('frame="7"', 'frame="23"').replace('outside="1"', 'outside="0"'))
    out = tmp_path / "out.xml"
    assert write_labels(read(path), out, CVAT, Progress()) == ()
    last = ElementTree.parse(out).getroot().find("track")[-1]
    assert (last.get("frame"), last.get("outside")) == ("23", "0"), "the clip has no further frame"
    path.write_text(KEYS.replace('frame="7"', 'frame="900000000"'))
    labelled = read(path)
    assert len(labelled.names) == 5
    assert [item.where for item in labelled.check()] == ["cat"]


def test_what_cannot_be_taken_is_left_out_with_its_reason(tmp_path, put_pictures):
    put_pictures(tmp_path, "a.png")
    plain = '<box label="cat" xtl="1" ytl="2" xbr="5" ybr="6"/>'
    shapes = [
        *(plain, plain, plain.replace('"1"', '"x"'), plain.replace('"5"', '"0"')),
        *('<polygon label="cat" points="1,1;2,nan;3,3"/>', '<polyline label="cat" points="1,1;2,2"/>'),
        '<mask label="cat" rle="3,99999999999" left="0" top="0" width="4" height="4"/>',
        '<mask label="cat" rle="0,1e30" left="0" top="0" width="1e15" height="1e15"/>',
        '<ellipse label="cat" cx="1" cy="x" rx="2" ry="3"/>',
        '<ellipse label="cat" cx="1e308" cy="1" rx="1e308" ry="3" rotation="9"/>',
    ]
    images = f'<image name="a.png" width="40" height="30">{"".join(shapes)}</image><image id="4"/>'
    path = tmp_path / "a.xml"
    path.write_text(f"<annotations>{images}</annotations>")
    labelled = read(path)
    assert len(labelled.labels("a.png").annotations) == 1
    assert {(item.reason, item.count) for item in labelled.check()} == {
        ("An ellipse has coordinates that are no finite numbers, or none.", 2),
        ("The same label is there twice.", 1),
        ("A box has coordinates that are no finite numbers, or none.", 1),
        ("The box has no area.", 1),
        ("A polygon has coordinates that are no finite numbers, or none.", 1),
        ("A shape of the kind 'polyline' has no area; it is left out.", 1),
        ("A mask has coordinates that are no finite numbers, or none.", 2),
        ("A picture has no name, or that of another.", 1),
    }


@pytest.mark.parametrize("content", ["<annotations><image", "<annotations>" * 50_000])
def test_a_damaged_file_gives_one_sentence(tmp_path, content):
    path = tmp_path / "a.xml"
    path.write_text(content)
    with pytest.raises(MediaError, match="is no valid XML"):
        read(path)


def test_harmful_xml_is_refused(tmp_path):
    path = tmp_path / "a.xml"
    path.write_text('<!DOCTYPE a [<!ENTITY x "y">]><annotations>&x;</annotations>')
    with pytest.raises(MediaError, match="declares entities or a document type"):
        read(path)


def test_a_class_name_with_a_control_character_is_written_as_an_escape(tmp_path, set_of):
    box = Annotation(0, (1.0, 2.0, 9.0, 8.0), attributes={"note": "x\x02"})
    labelled = set_of({"a.png": PictureLabels(Size(40, 30), (box,), (1,))}, (Category("a\x01b"), Category("ab")))
    told = write_labels(labelled, tmp_path / "out.xml", CVAT, Progress())
    reason = "XML holds no control characters; those in the name of a class are written as escapes."
    assert [(item.reason, item.count) for item in told] == [(reason, 1)]
    again = read(tmp_path / "out.xml")
    assert [item.name for item in again.categories] == ["a\\u0001b", "ab"]
    labels = again.labels("a.png")
    assert (labels.annotations[0].category, labels.classes) == (0, (1,))
    assert labels.annotations[0].attributes == {"note": "x\\u0002"}


CVAT_SVG = (
    '&lt;line x1="1" y1="2" x2="3" y2="4" stroke="black" data-type="edge" data-node-from="2" stroke-width="0.5" '
    'data-node-to="1"&gt;&lt;/line&gt;&lt;line data-type="edge" data-node-from="2" data-node-to="3"&gt;&lt;/line&gt;'
    '&lt;circle r="0.75" data-type="element node" data-element-id="1" data-node-id="1" data-label-name="nose"&gt;'
    '&lt;/circle&gt;&lt;circle data-node-id="2" data-label-name="left &amp;amp; up"&gt;&lt;/circle&gt;'
    '&lt;circle data-node-id="3" data-label-name="tail"&gt;&lt;/circle&gt;'
)


@pytest.mark.parametrize("named", [True, False])
def test_the_lines_of_a_skeleton_are_those_of_cvats_drawing(tmp_path, named):
    """The order of the points differs from that of the drawing, whose nodes name them; else they are numbered."""
    svg = CVAT_SVG if named else re.sub("data-label-name=.*?&gt;", 'data-label-id="7"&gt;', CVAT_SVG)
    points = ("tail", "nose", "left &amp; up") if named else ("nose", "left &amp; up", "tail")
    parts = "".join(f"<label><name>{name}</name><type>points</type><parent>dog</parent></label>" for name in points)
    path = tmp_path / "a.xml"
    path.write_text(
        f"<annotations><meta><task><labels><label><name>dog</name><type>skeleton</type><svg>{svg}</svg></label>{parts}"
        '</labels></task></meta><image id="0" name="a.png" width="40" height="30"/></annotations>'
    )
    (dog,) = CVAT.read(path).categories
    names = dog.keypoints
    assert [(names[a], names[b]) for a, b in dog.skeleton] == [("left & up", "nose"), ("left & up", "tail")]


def test_the_lines_of_a_skeleton_are_written_and_read_back(tmp_path, set_of):
    names = ("nose", 'the "left" & <right>', "tail")
    categories = (Category("dog", keypoints=names, skeleton=((0, 1), (2, 0))), Category("car"))
    path = tmp_path / "a.xml"
    pose = Annotation(0, (1, 2, 8, 9), keypoints=((1, 2, 2), (8, 9, 1), (0, 0, 0)))
    assert (
        write_labels(set_of({"a.png": PictureLabels(Size(40, 30), (pose,))}, categories), path, CVAT, Progress()) == ()
    )
    assert CVAT.read(path).categories == categories
    drawing = ElementTree.parse(path).getroot().find("meta//label/svg").text
    shapes = list(ElementTree.fromstring(f"<svg>{drawing}</svg>"))
    assert [item.tag for item in shapes] == ["line", "line", "circle", "circle", "circle"]
    assert (shapes[1].get("data-node-from"), shapes[1].get("data-node-to")) == ("3", "1")
    assert [item.get("data-label-name") for item in shapes[2:]] == list(names)


def corners(x, y):
    return f"{x},{y};{x + 5},{y};{x + 5},{y + 5}"


def test_the_parts_of_a_group_are_one_object(tmp_path, put_pictures):
    put_pictures(tmp_path, "a.png")
    shapes = [
        f'<polygon label="cat" group_id="4" points="{corners(1, 1)}">',
        '<attribute name="colour">red</attribute></polygon>',
        f'<polygon label="cat" group_id="5" points="{corners(20, 1)}"/>',
        f'<polygon label="cat" group_id="4" occluded="1" points="{corners(10, 10)}"/>',
        *(f'<polygon label="dog" group_id="0" points="{corners(x, 20)}"/>' for x in (1, 10)),
        '<mask label="dog" group_id="6" rle="0,4" left="1" top="2" width="2" height="2"/>',
        '<mask label="dog" group_id="6" rle="0,2" left="5" top="8" width="2" height="1"/>',
        *(f'<box label="{name}" group_id="7" xtl="1" ytl="2" xbr="5" ybr="6"/>' for name in ("cat", "dog")),
    ]
    path = tmp_path / "a.xml"
    image = f'<image id="0" name="a.png" width="40" height="30">{"".join(shapes)}</image>'
    path.write_text(f"<annotations>{image}</annotations>")
    labelled = read(path)
    assert labelled.check() == ()
    objects = labelled.labels("a.png").annotations
    assert [(item.category, item.box) for item in objects] == [
        *((0, (1, 1, 15, 15)), (0, (20, 1, 25, 6)), (1, (1, 20, 6, 25)), (1, (10, 20, 15, 25))),
        *((1, (1, 2, 7, 9)), (0, (1, 2, 5, 6)), (1, (1, 2, 5, 6))),
    ]
    assert objects[0].polygons == (((1, 1), (6, 1), (6, 6)), ((10, 10), (15, 10), (15, 15)))
    assert objects[0].attributes == {"colour": "red", "occluded": "1"}
    assert int(objects[4].mask.pixels.sum()) == 6
    assert [item.attributes for item in objects[5:]] == [{"group_id": "7"}] * 2
    out = tmp_path / "out.xml"
    assert write_labels(labelled, out, CVAT, Progress()) == ()
    assert read(out).labels("a.png").annotations == objects
    written = ElementTree.parse(out).getroot().find("image")
    first, second, third, *_ = written.findall("polygon")
    assert first.get("group_id") == second.get("group_id") != "7"
    assert third.get("group_id") is None
    assert [item.get("group_id") for item in written.findall("box")] == ["7", "7"]
    assert [item.get("name") for item in written.iter("attribute")] == ["colour", "colour"]


def test_copies_of_an_object_of_a_group_stay_objects(tmp_path, put_pictures, set_of):
    put_pictures(tmp_path, "a.png")
    outline = tuple(tuple(map(float, pair.split(","))) for pair in corners(1, 1).split(";"))
    moved = tuple((x + 20, y) for x, y in outline)
    objects = [Annotation(0, (1, 1, 6, 6), (outline,), attributes={"group_id": "3"})]
    objects += [Annotation(0, (21, 1, 26, 6), (moved,), attributes={"group_id": "3"})]
    objects += [Annotation(1, (1, 1, 6, 6), attributes={"group_id": "3"})]
    objects += [Annotation(1, (1, 1, 9, 9), attributes={"group_id": "mine"})]
    out = tmp_path / "out.xml"
    write_labels(set_of({"a.png": PictureLabels(Size(40, 30), tuple(objects))}, CLASSES), out, CVAT, Progress())
    again = read(out).labels("a.png").annotations
    assert [item.box for item in again] == [item.box for item in objects]
    assert [item.attributes.get("group_id") for item in again] == ["3", None, "3", "mine"]


def test_the_parts_of_a_track_are_one_object_on_each_frame(tmp_path, numbered_clip):
    path = tmp_path / "video.xml"
    tracks = "".join(
        f'<track id="{number}" label="cat" group_id="2">'
        f'<polygon frame="1" keyframe="1" outside="0" points="{corners(x, 1)}"/>'
        f'<polygon frame="3" keyframe="1" outside="0" points="{corners(x + 4, 1)}"/>'
        f'<polygon frame="4" keyframe="1" outside="1" points="{corners(x + 4, 1)}"/></track>'
        for number, x in ((3, 1), (8, 20))
    )
    path.write_text(KEYS[: KEYS.index("<track")] + tracks + "</annotations>")
    labelled = read(path)
    assert labelled.check() == ()
    objects = {name: labelled.labels(name).annotations for name in labelled.names}
    assert {name: [(item.track_id, item.box) for item in own] for name, own in objects.items()} == {
        "frame_000001": [(3, (1, 1, 25, 6))],
        "frame_000002": [(3, (3, 1, 27, 6))],
        "frame_000003": [(3, (5, 1, 29, 6))],
    }
    assert [own[0].interpolated for own in objects.values()] == [False, True, False]
    out = tmp_path / "out.xml"
    assert write_labels(labelled, out, CVAT, Progress()) == ()
    again = read(out)
    assert {name: again.labels(name).annotations for name in again.names} == objects
