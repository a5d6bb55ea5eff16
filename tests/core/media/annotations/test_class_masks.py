"""Mask pictures, against their values read by OpenCV and the real sets."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from cvstudio.data.geometry import Size
from cvstudio.data.labels import NO_CLASS, Category, LabelMap, PictureLabels
from cvstudio.foundation.errors import ExportError, MediaError
from cvstudio.foundation.progress import Progress
from cvstudio.media.annotations import ANNOTATION_FORMATS, WriteOptions, annotation_format
from cvstudio.media.annotations.writing import write_labels

MASKS = ANNOTATION_FORMATS["class-masks"]
CLASSES = (Category("sky", is_thing=False, file_id=0), Category("traffic light", is_thing=False, file_id=1))


def read(path):
    found = annotation_format(path)
    assert found.key == "class-masks"
    return found.read(path)


@pytest.fixture
def labels():
    classes = np.full((30, 40), NO_CLASS, np.int32)
    classes[:10], classes[12:20, 5:9] = 0, 1
    maps = {"a.png": classes, "deep/b.jpg": np.zeros((30, 40), np.int32)}
    return {name: PictureLabels(Size(40, 30), label_map=LabelMap(values)) for name, values in maps.items()}


def test_what_was_written_reads_back_equal(tmp_path, labels, put_pictures, set_of):
    put_pictures(tmp_path, *labels)
    labelled = set_of(labels, CLASSES, {name: tmp_path / name for name in labels})
    out = tmp_path / "out"
    assert write_labels(labelled, out, MASKS, Progress(), options=WriteOptions(pictures=True)) == ()
    again = read(out)
    assert again.categories == CLASSES
    assert again.check() == ()
    assert {name: again.labels(name) for name in again.names} == labels
    assert again.pictures == {name: out / "images" / name for name in labels}
    # Without the list, the names are in the masks themselves.
    (out / "classes.txt").unlink()
    assert [item.name for item in read(out / "masks").categories] == ["sky", "traffic light"]
    with Image.open(out / "masks" / "a.png") as picture:
        values = np.asarray(picture)
    assert (picture.mode, values[0, 0], values[13, 6], values[29, 0]) == ("P", 0, 1, 255)


def test_objects_are_painted_in_their_order(tmp_path, everything, categories, set_of):
    told = write_labels(set_of(everything, categories), tmp_path / "out", MASKS, Progress())
    assert {(item.reason, item.where, item.count) for item in told} == {
        ("Masks hold the class of each pixel; objects of one class are no longer told apart.", "a.png", 1),
        ("An object that is a mere box has no pixels.", "a.png", 1),
        ("Masks hold the class of each pixel; objects of one class are no longer told apart.", "deep/b.png", 1),
        ("An object that is a mere box has no pixels.", "deep/b.png", 1),
    }
    with Image.open(tmp_path / "out" / "masks" / "a.png") as picture:
        values = np.asarray(picture)
    ring = everything["a.png"].annotations[2].mask.full(Size(40, 30))
    assert set(values[ring]) == {0}
    assert values[5, 18] == 1


def test_more_classes_than_values_are_refused(tmp_path, labels, set_of):
    many = tuple(Category(str(number)) for number in range(256))
    with pytest.raises(ExportError, match="hold at most 255 classes, found 256"):
        write_labels(set_of(labels, many), tmp_path / "out", MASKS, Progress())
    assert list(tmp_path.iterdir()) == []


def grey(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


def test_values_without_a_class_and_other_sizes_are_told(tmp_path, put_pictures):
    put_pictures(tmp_path, "images/a.png", "images/b.png")
    values = np.zeros((30, 40), np.uint8)
    values[0], values[1], values[2] = 7, 1, 255
    grey(tmp_path / "masks" / "a.png", values)
    grey(tmp_path / "masks" / "b_mask.png", values[:, :20])
    grey(tmp_path / "masks" / "c.png", np.zeros((30, 40, 3), np.uint8))
    (tmp_path / "classes.txt").write_text("sky\ncar\n\n")
    labelled = read(tmp_path)
    assert [item.name for item in labelled.categories] == ["sky", "car"]
    assert labelled.labels("a.png").label_map.classes[:4, 0].tolist() == [NO_CLASS, 1, NO_CLASS, 0]
    assert {(item.reason, item.where) for item in labelled.check()} == {
        ("The value 7 is the number of no class; its pixels count as not labelled.", "a.png"),
        ("The value 7 is the number of no class; its pixels count as not labelled.", "b.png"),
        ("The mask is 20 x 30, the picture 40 x 30.", "b.png"),
        ("The picture is not there.", "c.png"),
        ("'c.png' is expected to have one channel, found RGB; it is no mask.", "c.png"),
    }


def test_values_name_classes_where_nothing_else_does(tmp_path, put_pictures):
    put_pictures(tmp_path, "images/a.png")
    grey(tmp_path / "masks" / "a.png", np.array([[0, 3], [255, 1]], np.uint8))
    labelled = read(tmp_path)
    assert [item.name for item in labelled.categories] == ["class 0", "class 1", "class 2", "class 3"]
    assert labelled.labels("a.png").label_map.classes.tolist() == [[0, 3], [NO_CLASS, 1]]


def test_a_damaged_mask_gives_one_sentence(tmp_path):
    grey(tmp_path / "masks" / "a.png", np.zeros((4, 4), np.uint8))
    grey(tmp_path / "masks" / "b.png", np.random.default_rng(0).integers(0, 255, (40, 40), np.uint8))
    path = tmp_path / "masks" / "b.png"
    path.write_bytes(path.read_bytes()[:600])
    labelled = read(tmp_path)
    assert labelled.labels("a.png").label_map.classes.shape == (4, 4)
    with pytest.raises(MediaError, match=r"'b.png' is damaged"):
        labelled.labels("b.png")


@pytest.mark.parametrize(
    ("parts", "masks"),
    [
        (("coco128", "semantic_segmentation"), "masks/train2017/{}.png"),
        (("camvid", "val"), "labels/{}.png"),
        (("voc5", "masks"), "{}.png"),
    ],
)
def test_real_masks_have_the_values_of_their_files(data, parts, masks):
    root = data(*parts)
    labelled = read(root)
    assert len(labelled.pictures) == len(labelled.names) > 80
    number_of = [item.file_id for item in labelled.categories]
    for name in labelled.names[:3]:
        path = root / masks.format(name.rpartition("/")[2].rpartition(".")[0])
        with Image.open(path) as picture:
            indexed = picture.mode == "P"
            values = np.asarray(picture) if indexed else cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        classes = labelled.labels(name).label_map.classes
        theirs = np.where(values == 255, NO_CLASS, values.astype(int))
        assert np.array_equal(np.where(classes == NO_CLASS, NO_CLASS, np.array(number_of)[classes]), theirs)


def test_two_masks_of_one_picture_are_told(tmp_path, put_pictures):
    put_pictures(tmp_path, "images/a.png")
    grey(tmp_path / "masks" / "a.png", np.zeros((30, 40), np.uint8))
    grey(tmp_path / "masks" / "a_mask.png", np.ones((30, 40), np.uint8))
    labelled = read(tmp_path)
    assert labelled.labels("a.png").label_map.classes[0, 0] == 0
    assert "Two files hold labels of this picture; the first is taken." in {item.reason for item in labelled.check()}
