"""Tables of pictures and their classes, against the csv module and values worked out by hand."""

from __future__ import annotations

import csv

import pytest

from cvstudio.analyses.label_sets import implied_format
from cvstudio.data.labels import Annotation, Category, PictureLabels
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.progress import Progress
from cvstudio.media.annotations import ANNOTATION_FORMATS, annotation_format
from cvstudio.media.annotations.writing import write_labels

TABLE = ANNOTATION_FORMATS["class-table"]


def test_what_was_written_reads_back_equal_and_as_a_table(tmp_path, put_pictures, set_of):
    labels = {"a.png": (0,), 'x/b, "c".png': (1, 0), "d.png": ()}
    put_pictures(tmp_path, *labels)
    path = tmp_path / "classes.csv"
    labelled = set_of(
        {name: PictureLabels(classes=classes) for name, classes in labels.items()},
        (Category("cat"), Category("dog, brown")),
        {name: tmp_path / name for name in labels},
    )
    assert write_labels(labelled, path, TABLE, Progress()) == ()
    with path.open(newline="") as file:
        assert [*csv.reader(file)] == [
            ["picture", "classes"],
            *(["a.png", "cat"], ['x/b, "c".png', "dog, brown;cat"], ["d.png", ""]),
        ]
    assert implied_format(path) is TABLE
    back = annotation_format(path).read(path)
    assert [item.name for item in back.categories] == ["cat", "dog, brown"]
    assert {name: back.labels(name).classes for name in back.names} == labels
    assert back.pictures == {name: tmp_path / name for name in labels}
    assert back.check() == ()


@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_tables_of_others_have_a_line_for_each_class(tmp_path, put_pictures, separator):
    put_pictures(tmp_path, "a.png", "b.png")
    rows = [("split", "Label", "filename"), ("x", "cat", "a.png"), ("x", "dog", "a.png"), ("x", "cat", "b.png"), ("x",)]
    path = tmp_path / "labels.csv"
    path.write_text("\ufeff" + "\r\n".join(separator.join(row) for row in rows), encoding="utf-8")
    labelled = annotation_format(path).read(path)
    assert {name: labelled.labels(name).classes for name in labelled.names} == {"a.png": (0, 1), "b.png": (0,)}
    assert [(item.reason, item.where) for item in labelled.check()] == [("A line names no picture.", "line 5")]


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "picture,class\n1,cat\n", "x" * 200_000, '"a\n', "\x00,\x00"])
def test_other_tables_are_no_labels(tmp_path, content):
    path = tmp_path / "other.csv"
    path.write_text(content)
    assert implied_format(path) is None


def test_a_table_without_the_columns_gives_one_sentence(tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(MediaError, match="is expected to have a column of pictures"):
        TABLE.read(path)


def test_what_a_table_cannot_hold_is_told(tmp_path, set_of):
    labels = {"a.png": PictureLabels(annotations=(Annotation(0, (1, 1, 5, 5)),), classes=(0,))}
    told = write_labels(set_of(labels, (Category("x;y"),)), tmp_path / "out.csv", TABLE, Progress())
    assert [item.reason for item in told] == [
        "A table of classes holds no objects and no maps of classes.",
        "The name of a class has a “;”, which parts classes; it is written as “,”.",
    ]
