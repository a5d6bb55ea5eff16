"""A model on a labelled set: pictures whose errors are known, stops, wrong files, and names that differ."""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from cvstudio.data.labels import LabelledSet, PictureLabels
from cvstudio.evaluation.error_kinds import ErrorKind
from cvstudio.evaluation.evaluate import EvaluationPlan, measure
from cvstudio.evaluation.evaluation import Evaluation
from cvstudio.foundation.errors import BindingError, Cancelled, MediaError, ParamsError
from cvstudio.foundation.progress import Progress


@pytest.fixture
def colours(colour_models: ModuleType) -> ModuleType:
    colour_models.CALLS.clear()
    return colour_models


@pytest.fixture
def labelled(colours: Any, tmp_path: Path) -> LabelledSet:
    """Three pictures: all right; one moved and one called another colour; one too small for its score to be shown."""
    box = colours.Rectangle
    return colours.labelled_set(
        tmp_path / "set",
        [
            [box(0, 5, 5, 30, 20), box(1, 60, 40, 25, 20)],
            [box(0, 5, 5, 30, 20, colours.MOVED), box(1, 60, 40, 30, 20, colours.RENAMED)],
            [box(2, 10, 10, 8, 8), box(2, 60, 40, 30, 24)],
        ],
    )


def run(model: str, labelled: LabelledSet, tmp_path: Path, progress: Progress | None = None, **plan: Any) -> Evaluation:
    return measure(EvaluationPlan(model, **plan), labelled, progress, store_folder=tmp_path / "store")


def test_boxes_are_measured_as_they_were_painted(colours: Any, labelled: LabelledSet, tmp_path: Path) -> None:
    done = run("colour-boxes", labelled, tmp_path)
    boxes = done.objects["boxes"]
    assert list(done.objects) == ["boxes"]
    assert (done.score, done.names) == (0.3, labelled.names)
    assert done.mapping.unmatched_labels == ("violet",)
    point = boxes.curve(0.5).at(done.score)
    # Right are both of the first picture and the large one of the third.
    assert (point.right, point.wrong, point.missed) == (3, 2, 3)
    assert boxes.curve(0.5).at(0.0).right == 4
    errors = boxes.errors(0.5)
    assert errors.counts(0.3)[ErrorKind.PLACE] == errors.counts(0.3)[ErrorKind.CLASS] == 1
    assert errors.counts(0.3)[ErrorKind.MISSED] == 1
    assert boxes.confusion(0.5, 0.3).counts.tolist() == [[1, 0, 0, 1], [0, 1, 1, 0], [0, 0, 1, 1], [1, 0, 0, 0]]
    pictures = [[boxes.in_cell(0.5, 0.3, row, column) for column in (0, 1, 2, -1)] for row in (0, 1, 2, -1)]
    assert (np.sum(pictures, axis=2) == boxes.confusion(0.5, 0.3).counts).all()
    assert pictures[1][2].tolist() == [0, 1, 0]
    assert boxes.counts(0.5, 0.3).worst_first().tolist() == [1, 2]
    assert boxes.average_precision.ap(iou=0.5, classes=[0]) == pytest.approx(0.5, abs=0.01)


def test_two_classes_of_one_name_are_measured_as_one(colours: Any, labelled: LabelledSet, tmp_path: Path) -> None:
    def parted(name: str) -> PictureLabels:
        labels = labelled.load(name)
        annotations = tuple(
            dataclasses.replace(item, category=len(labelled.categories))
            if item.category == 0 and name != first
            else item
            for item in labels.annotations
        )
        return dataclasses.replace(labels, annotations=annotations)

    first = labelled.names[0]
    twice = dataclasses.replace(labelled, categories=(*labelled.categories, labelled.categories[0]), load=parted)
    assert any(item.category == 3 for item in twice.labels(labelled.names[1]).annotations)
    for plan in ({}, {"every_class": True}, {"classes": (labelled.categories[0].name,)}):
        done, expected = (run("colour-boxes", item, tmp_path, **plan) for item in (twice, labelled))
        assert done.measured == expected.measured
        assert done.summary() == pytest.approx(expected.summary(), nan_ok=True)


def test_masks_and_panoptic_quality(colours: Any, labelled: LabelledSet, tmp_path: Path) -> None:
    done = run("colour-masks", labelled, tmp_path)
    assert list(done.objects) == ["boxes", "masks"]
    same = [done.objects[form].average_precision.summary() for form in ("boxes", "masks")]
    # The masks fill the boxes.
    assert same[0] == pytest.approx(same[1], nan_ok=True)
    assert done.panoptic is None
    stuff = dataclasses.replace(
        labelled,
        categories=tuple(dataclasses.replace(item, is_thing=item.name != "green") for item in labelled.categories),
    )
    panoptic = run("colour-masks", stuff, tmp_path).panoptic
    assert panoptic is not None
    # Red: one right, one moved, of which 16 of 30 columns lie where nobody labelled anything; green: one right, one
    # missed; blue: one right, one below the score, one wrong.
    assert panoptic.matched.tolist() == [1, 1, 1]
    assert (panoptic.wrong.tolist(), panoptic.missed.tolist()) == ([0, 0, 1], [1, 1, 1])
    assert panoptic.ious.tolist() == [1, 1, 1]


def test_class_maps_are_measured(colours: Any, labelled: LabelledSet, tmp_path: Path) -> None:
    done = run("colour-maps", labelled, tmp_path)
    assert done.semantic is not None
    red = 2 * 30 * 20
    # Of the moved red rectangle 14 columns are still covered; nobody labelled what it covers beside.
    assert done.semantic.counts[0].tolist() == [red - 16 * 20, 0, 0, 16 * 20]
    assert done.semantic.counts[1].tolist() == [0, 25 * 20, 30 * 20, 0]
    assert done.semantic.iou[0] == pytest.approx((red - 320) / red)
    assert done.semantic.worst_first().tolist() == [1]


def test_whole_pictures_are_named(colours: Any, labelled: LabelledSet, tmp_path: Path) -> None:
    def classes(name: str) -> PictureLabels:
        return PictureLabels(classes=({"000.png": 0, "001.png": 1, "002.png": 2}[name],))

    done = run("colour-classes", dataclasses.replace(labelled, load=classes), tmp_path)
    assert done.classification is not None
    assert done.classification.top(1) == pytest.approx(2 / 3)
    assert done.classification.answers.tolist()[::2] == [0, 2]
    assert done.classification.worst_first().tolist() == [1]
    by_objects = run("colour-classes", labelled, tmp_path).classification
    assert by_objects is not None
    assert len(by_objects) == 3


def test_key_points_are_measured_by_their_similarity(colours: Any, labelled: LabelledSet, tmp_path: Path) -> None:
    done = run("colour-points", labelled, tmp_path)
    points = done.objects["keypoints"]
    assert points.class_counts.tolist() == [2, 0, 0]
    # exp(-d² / (2 (2 sigma)² area)) with a distance of 5, sigma 0.05 and an area of 600: 0.12.
    assert sorted(points.overlaps.values.tolist()) == pytest.approx([np.exp(-25 / (2 * 0.01 * 600)), 1])
    assert done.measured == (0,)


def test_again_with_another_score_needs_no_network(colours: Any, labelled: LabelledSet, tmp_path: Path) -> None:
    first = run("colour-boxes", labelled, tmp_path)
    assert set(colours.CALLS) == {"colour-boxes"}
    colours.CALLS.clear()
    again = run("colour-boxes", labelled, tmp_path, score=0.05)
    assert colours.CALLS == []
    summaries = [done.objects["boxes"].average_precision.summary() for done in (again, first)]
    assert summaries[0] == pytest.approx(summaries[1], nan_ok=True)
    run("colour-boxes", labelled, tmp_path, values={"iou": 0.9})
    assert len(colours.CALLS) >= 3


def test_what_was_stopped_goes_on(colours: Any, labelled: LabelledSet, tmp_path: Path) -> None:
    progress = Progress(lambda fraction, message: progress.cancel() if message.startswith("picture 2") else None)
    with pytest.raises(Cancelled):
        run("colour-boxes", labelled, tmp_path, progress)
    n_before = len(colours.CALLS)
    run("colour-boxes", labelled, tmp_path)
    assert len(colours.CALLS) - n_before <= 2


def test_a_changed_picture_is_looked_at_again(colours: Any, labelled: LabelledSet, tmp_path: Path) -> None:
    run("colour-boxes", labelled, tmp_path)
    colours.CALLS.clear()
    path = labelled.pictures["001.png"]
    path.write_bytes(labelled.pictures["000.png"].read_bytes() + b" ")
    run("colour-boxes", labelled, tmp_path)
    assert len(colours.CALLS) == 1


def test_damaged_predictions_are_made_anew(colours: Any, labelled: LabelledSet, tmp_path: Path) -> None:
    first = run("colour-boxes", labelled, tmp_path)
    for path in (tmp_path / "store").iterdir():
        path.write_bytes(b"not a database" * 100)
    again = run("colour-boxes", labelled, tmp_path)
    assert again.objects["boxes"].average_precision.ap() == first.objects["boxes"].average_precision.ap()


@pytest.mark.parametrize("begun", [False, True])
def test_predictions_that_another_program_has_locked_are_left_to_it(
    begun: bool, colours: Any, labelled: LabelledSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cvstudio.evaluation.prediction_store._WAIT_SECS", 0.3)
    told: list[str] = []
    expected = run("colour-boxes", labelled, tmp_path).summary()
    (path,) = (tmp_path / "store").glob("*.sqlite")
    if not begun:
        path.unlink()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        other.execute("CREATE TABLE theirs (number)")
        identity = path.stat().st_ino
        done = measure(
            EvaluationPlan("colour-boxes"), labelled, notice=told.append, store_folder=tmp_path / "store"
        ).summary()
        assert path.stat().st_ino == identity
        other.execute("COMMIT")
    assert done == pytest.approx(expected, nan_ok=True)
    assert told == [
        "Predictions are not kept this time (another program is writing them): measuring again needs the network again."
    ]
    with contextlib.closing(sqlite3.connect(path)) as base:
        assert base.execute("SELECT count(*) FROM theirs").fetchone() == (0,)
    colours.CALLS.clear()
    run("colour-boxes", labelled, tmp_path)
    assert bool(colours.CALLS) is not begun


def test_an_outline_behind_the_fiftieth_picture_is_measured(colours: Any, tmp_path: Path) -> None:
    box = colours.Rectangle
    labelled = colours.labelled_set(tmp_path / "set", [[box(0, 5, 5, 30, 20)]] * 60)
    last = labelled.names[-1]

    def load(name: str) -> PictureLabels:
        labels = labelled.load(name)
        plain = tuple(dataclasses.replace(item, polygons=(), mask=None) for item in labels.annotations)
        (x1, y1, x2, y2) = plain[0].box
        outlined = (dataclasses.replace(plain[0], polygons=(((x1, y1), (x2, y1), (x2, y2), (x1, y2)),)),)
        return dataclasses.replace(labels, annotations=outlined if name == last else plain)

    done = run("colour-masks", dataclasses.replace(labelled, load=load), tmp_path)
    assert done.objects["masks"].class_counts.tolist() == [1, 0, 0]


def test_wrong_pictures_are_left_out_and_said(colours: Any, labelled: LabelledSet, tmp_path: Path) -> None:
    labelled.pictures["001.png"].write_bytes(b"no picture")
    pictures = {name: path for name, path in labelled.pictures.items() if name != "000.png"}

    def load(name: str) -> PictureLabels:
        return labelled.load(name) if name != "003.png" else PictureLabels()

    done = run("colour-boxes", dataclasses.replace(labelled, pictures=pictures, load=load), tmp_path)
    assert done.names == ("002.png",)
    assert [(item.where, item.count) for item in done.left_out] == [("", 1), ("001.png", 1)]
    assert "cannot be found" in done.left_out[0].reason


def test_labels_for_another_size_are_left_out(colours: Any, labelled: LabelledSet, tmp_path: Path) -> None:
    def load(name: str) -> PictureLabels:
        return dataclasses.replace(labelled.load(name), size=(640, 480) if name == "000.png" else colours.SIZE)

    def sized(name: str) -> PictureLabels:
        labels = load(name)
        return dataclasses.replace(labels, size=type(colours.SIZE)(*labels.size))

    done = run("colour-boxes", dataclasses.replace(labelled, load=sized), tmp_path)
    assert done.names == ("001.png", "002.png")
    assert "640 x 480 pixels, and the picture has 120 x 80" in done.left_out[0].reason
    with pytest.raises(MediaError, match="No picture could be measured: The labels are for 640 x 480"):
        run("colour-boxes", dataclasses.replace(labelled, load=sized), tmp_path, limit=1)


def test_names_are_mapped_and_what_has_no_name_is_left_out(colours: Any, labelled: LabelledSet, tmp_path: Path) -> None:
    renamed = dataclasses.replace(
        labelled,
        categories=tuple(
            dataclasses.replace(item, name=name)
            for item, name in zip(labelled.categories, ("red", "lime", "azure"), strict=True)
        ),
    )
    done = run("colour-boxes", renamed, tmp_path)
    assert done.measured == (0,)
    assert done.objects["boxes"].class_counts.tolist() == [2, 0, 0]
    assert done.mapping.unmatched_categories == ("lime", "azure")
    mapped = run("colour-boxes", renamed, tmp_path, mapping={"GREEN": "lime", "blue": "azure"})
    assert mapped.objects["boxes"].class_counts.tolist() == [2, 2, 2]
    every = run("colour-boxes", renamed, tmp_path, every_class=True)
    assert every.objects["boxes"].class_counts.tolist() == [2, 2, 2]
    assert every.objects["boxes"].average_precision.ap(classes=[1]) == 0
    assert run("colour-boxes", renamed, tmp_path, classes=("lime",), mapping={"GREEN": "lime"}).measured == (1,)
    with pytest.raises(BindingError, match="no class 'pink'"):
        run("colour-boxes", renamed, tmp_path, classes=("pink",))
    with pytest.raises(ParamsError, match="'pink', which the model does not have"):
        run("colour-boxes", renamed, tmp_path, mapping={"pink": "lime"})
    strange = dataclasses.replace(
        labelled, categories=tuple(dataclasses.replace(item, name=f"x{item.name}") for item in labelled.categories)
    )
    with pytest.raises(BindingError, match="no class in common: the model has Red, GREEN"):
        run("colour-boxes", strange, tmp_path)


def test_a_set_without_pictures_is_one_sentence(colours: Any, labelled: LabelledSet, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"None of the 3 pictures of labels\.json can be opened"):
        run("colour-boxes", dataclasses.replace(labelled, pictures={}), tmp_path)
    bare = tuple(dataclasses.replace(item, keypoints=()) for item in labelled.categories)
    with pytest.raises(BindingError, match="the labelled set has none"):
        run("colour-points", dataclasses.replace(labelled, categories=bare), tmp_path)
