"""A class for each folder, as torchvision reads it."""

from __future__ import annotations

import pytest
import torchvision

from cvstudio.data.geometry import Size
from cvstudio.data.labels import Category, PictureLabels
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.progress import Progress
from cvstudio.media.annotations import ANNOTATION_FORMATS, WriteOptions, annotation_format
from cvstudio.media.annotations.writing import write_labels

FOLDERS = ANNOTATION_FORMATS["class-folders"]


def read(path):
    found = annotation_format(path)
    assert (found.key, found.implied) == ("class-folders", False)
    return found.read(path)


@pytest.mark.parametrize("parts", [("",), ("train/", "val/")])
def test_folders_are_classes(tmp_path, put_pictures, parts):
    names = [f"{part}{name}" for part in parts for name in ("cat/1.png", "cat/x/2.png", "dog/1.png")]
    put_pictures(tmp_path, *names)
    labelled = read(tmp_path)
    assert [item.name for item in labelled.categories] == ["cat", "dog"]
    assert set(labelled.names) == set(names)
    assert {name: labelled.labels(name).classes for name in names} == {name: (int("dog" in name),) for name in names}
    assert labelled.labels(names[0]).size == Size(40, 30)
    assert labelled.check() == ()
    if parts == ("",):
        theirs = torchvision.datasets.ImageFolder(str(tmp_path))
        assert [(path, number) for path, number in theirs.samples] == [
            (str(tmp_path / name), labelled.labels(name).classes[0]) for name in sorted(names)
        ]


def test_what_was_written_reads_back_equal(tmp_path, put_pictures, set_of):
    labels = {"a.png": (0,), "x/a.png": (0,), "b.png": (1, 0), "c.png": (), "gone.png": (1,)}
    put_pictures(tmp_path, *(name for name in labels if name != "gone.png"))
    labelled = set_of(
        {name: PictureLabels(classes=classes) for name, classes in labels.items()},
        (Category("cat"), Category("dog/wolf")),
        {name: tmp_path / name for name in labels if name != "gone.png"},
    )
    told = write_labels(labelled, tmp_path / "out", FOLDERS, Progress())
    assert {(item.reason, item.where) for item in told} == {
        ("A picture is in one folder; its further classes are left out.", "b.png"),
        ("The picture has no class.", "c.png"),
        ("The picture is not there.", "gone.png"),
    }
    again = read(tmp_path / "out")
    assert {name: again.labels(name).classes for name in again.names} == {
        "cat/a.png": (0,),
        "cat/a-2.png": (0,),
        "dog_wolf/b.png": (1,),
    }
    assert (tmp_path / "out" / "cat" / "a-2.png").read_bytes() == (tmp_path / "x" / "a.png").read_bytes()


def test_pictures_are_moved_as_planned_once_all_are_copied(tmp_path, put_pictures, set_of):
    labels = {"a.png": (0,), "x/a.png": (0,), "b.png": (1,), "c.png": ()}
    paths = put_pictures(tmp_path, *labels)
    before = {path: path.read_bytes() for path in paths}
    labelled = set_of(
        {name: PictureLabels(classes=classes) for name, classes in labels.items()},
        (Category("cat"), Category("dog")),
        {name: tmp_path / name for name in labels},
    )
    planned = FOLDERS.plan(labelled, Progress())
    assert [(item.source, item.target) for item in planned] == [
        (tmp_path / "a.png", "cat/a.png"),
        (tmp_path / "x" / "a.png", "cat/a-2.png"),
        (tmp_path / "b.png", "dog/b.png"),
    ]
    assert {path: path.read_bytes() for path in paths} == before, "a plan touches nothing"
    out = tmp_path / "out"
    write_labels(labelled, out, FOLDERS, Progress(), options=WriteOptions(move=True))
    assert {item.source: (out / item.target).read_bytes() for item in planned} == {
        path: content for path, content in before.items() if path.name != "c.png"
    }
    assert [path for path in paths if path.exists()] == [tmp_path / "c.png"]


def test_an_empty_folder_gives_one_sentence(tmp_path):
    with pytest.raises(MediaError, match="is expected to hold a folder of pictures for each class"):
        FOLDERS.read(tmp_path)


def test_links_that_lead_back_are_not_followed(tmp_path, put_pictures):
    put_pictures(tmp_path / "set", "cat/1.png", "cat/x/2.png", "dog/1.png")
    for name, target in (("cat/self", "cat"), ("dog/whole", "."), ("dog/above", ".."), ("wolf", ".")):
        (tmp_path / "set" / name).symlink_to(tmp_path / "set" / target, target_is_directory=True)
    labelled = read(tmp_path / "set")
    assert set(labelled.names) == {"cat/1.png", "cat/x/2.png", "dog/1.png"}
    assert [item.name for item in labelled.categories] == ["cat", "dog"]


def test_parts_that_lead_back_are_not_followed(tmp_path, put_pictures):
    put_pictures(tmp_path, "train/cat/1.png", "train/dog/1.png")
    (tmp_path / "val").symlink_to(tmp_path, target_is_directory=True)
    assert set(read(tmp_path).names) == {"train/cat/1.png", "train/dog/1.png"}
