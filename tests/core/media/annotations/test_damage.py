"""Damaged labels of every form: one sentence, never another error, and good files beside them stay good."""

from __future__ import annotations

import json
import os
import random
import shutil

import pytest

from cvstudio.data.geometry import Size
from cvstudio.data.labels import Annotation, Category, LabelledSet, LeftOut, PictureLabels
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.progress import Progress
from cvstudio.media.annotations import ANNOTATION_FORMATS, WriteOptions, annotation_format
from cvstudio.media.annotations.writing import write_labels
from cvstudio.media.examples.files import sample_path

FORMS = [entry.key for entry in ANNOTATION_FORMATS if entry.write is not None]
TEXTS = (".json", ".xml", ".yaml", ".txt")
ROUNDS = 25
TOKENS = (b"-1", b"1e999", b"null", b"[]", b"{}", b'"', b"NaN", b"<", b"\xff")


@pytest.fixture(scope="module", params=FORMS)
def written(request, tmp_path_factory):
    """The sample in one form: the entry, and its file or folder."""
    entry = ANNOTATION_FORMATS[request.param]
    source = sample_path("photo-labels")
    path = tmp_path_factory.mktemp(entry.key) / f"set{entry.suffix}"
    labelled = annotation_format(source).read(source)
    write_labels(labelled, path, entry, Progress(), options=WriteOptions(pictures=True))
    return entry, path


def read_all(entry, path):
    """Whether the labels could be read; any other error than that of a damaged file is raised."""
    entry.recognises(path)
    labelled, told = None, "."
    try:
        labelled = entry.read(path)
    except MediaError as error:
        told = str(error)
    assert told.endswith(".")
    if labelled is None:
        return False
    for name in labelled.names:
        try:
            labels = labelled.labels(name)
        except MediaError:
            continue
        assert all(0 <= item.category < len(labelled.categories) for item in labels.annotations)
        assert all(0 <= category < len(labelled.categories) for category in labels.classes)
    assert all(item.reason.endswith(".") for item in labelled.check())
    return True


@pytest.mark.parametrize("form", FORMS)
def test_a_picture_whose_labels_cannot_be_read_is_left_out_and_the_others_are_written(form, tmp_path, put_pictures):
    entry, path = ANNOTATION_FORMATS[form], tmp_path / f"out{ANNOTATION_FORMATS[form].suffix}"
    pictures = dict(
        zip(("a.png", "b.png", "c.png"), put_pictures(tmp_path / "in", "a.png", "b.png", "c.png"), strict=True)
    )
    good = PictureLabels(
        Size(40, 30),
        (Annotation(0, (2.0, 3.0, 20.0, 18.0), polygons=(((2.0, 3.0), (20.0, 3.0), (20.0, 18.0)),)),),
        (0,),
    )

    def load(name):
        if name in unreadable:
            raise MediaError(f"{name} is damaged.")
        return good

    unreadable = {"b.png"}
    labelled = LabelledSet(None, "", (Category("cat"),), tuple(pictures), pictures, load)
    # A new label, before which the numbers of all are looked at.
    labelled = labelled.with_labels("a.png", good)
    told = write_labels(labelled, path, entry, Progress(), options=WriteOptions(pictures=True))
    assert LeftOut("b.png is damaged.", "b.png") in told
    again = entry.read(path)
    written = {name.rpartition("/")[2] for name in again.names if again.labels(name) != PictureLabels()}
    assert written == {"a.png", "c.png"}
    unreadable |= {"a.png", "c.png"}
    with pytest.raises(MediaError, match="is damaged"):
        write_labels(
            LabelledSet(None, "", (Category("cat"),), tuple(pictures), pictures, load),
            tmp_path / f"none{entry.suffix}",
            entry,
            Progress(),
        )
    assert not (tmp_path / f"none{entry.suffix}").exists()


def damaged(content, rng):
    """`content` with bytes exchanged, cut out, doubled, or cut off."""
    content = bytearray(content)
    for _ in range(rng.randint(1, 6)):
        if not content:
            break
        place = rng.randrange(len(content))
        kind = rng.randrange(5)
        if kind == 0:
            content[place] = rng.randrange(256)
        elif kind == 1:
            del content[place : place + rng.randint(1, 40)]
        elif kind == 2:
            content[place:place] = content[place : place + rng.randint(1, 40)]
        elif kind == 3:
            content[place : place + 1] = rng.choice(
                [b"-1", b"1e999", b"null", b"[]", b"{}", b'"', b"NaN", b"<", b"\xff"]
            )
        else:
            del content[place:]
    return bytes(content)


def test_random_damage_gives_nothing_but_a_sentence(written, tmp_path):
    entry, source = written
    rng = random.Random(entry.key)
    files = [source] if source.is_file() else sorted(path for path in source.rglob("*") if path.is_file())
    labels = [path for path in files if path.suffix in TEXTS or "masks" in path.parts or "panoptic" in path.parts]
    good = 0
    for number in range(ROUNDS if labels else 0):
        victim = rng.choice(labels)
        copy = tmp_path / f"{number}{entry.suffix}"
        if source.is_file():
            copy.write_bytes(damaged(source.read_bytes(), rng))
        else:
            shutil.copytree(source, copy, copy_function=os.link)
            target = copy / victim.relative_to(source)
            target.unlink()
            target.write_bytes(damaged(victim.read_bytes(), rng))
        good += read_all(entry, copy)
        shutil.rmtree(copy) if copy.is_dir() else copy.unlink()
    assert good or not labels or source.is_file()


@pytest.mark.parametrize("value", [None, 5, "x", [], {}, [[]], [None], True, 1e300, -1, [1e308, 1e308, 1e308, 1e308]])
def test_any_value_at_any_place_of_a_coco_file(tmp_path, value):
    def content():
        return {
            "images": [{"id": 1, "file_name": "a.png", "width": 40, "height": 30}],
            "annotations": [
                {
                    "id": 1,
                    "image_id": 1,
                    "category_id": 1,
                    "bbox": [1, 1, 5, 5],
                    "segmentation": {"size": [30, 40], "counts": [40, 5, 1155]},
                    "keypoints": [1, 1, 2],
                    "area": 3,
                    "iscrowd": 0,
                    "attributes": {"a": "b"},
                }
            ],
            "categories": [{"id": 1, "name": "cat", "keypoints": ["a"], "skeleton": [[1, 1]]}],
        }

    path = tmp_path / "a.json"
    for part, entries in content().items():
        for key in entries[0]:
            changed = content()
            changed[part][0][key] = value
            path.write_text(json.dumps(changed))
            assert read_all(ANNOTATION_FORMATS["coco"], path)
        path.write_text(json.dumps({**content(), part: [value]}))
        assert read_all(ANNOTATION_FORMATS["coco"], path)
