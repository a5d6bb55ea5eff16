"""Truth as layers: each against the labels themselves, and on the sample that comes with the program."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

import cvstudio
from cvstudio.analyses import ANALYSES
from cvstudio.analyses.binding import AnnotationSet, open_annotations
from cvstudio.cli.main import main
from cvstudio.data.adjustments import Adjustments
from cvstudio.data.geometry import Size, View
from cvstudio.data.labels import Annotation, PictureLabels
from cvstudio.draw import Look
from cvstudio.draw._labels import label_text
from cvstudio.draw.base import Emphasis
from cvstudio.draw.classification import paint_classification
from cvstudio.foundation.text_search import ranked
from cvstudio.media.examples.files import sample_path
from cvstudio.running.runner import Runner, make_instance

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
KEYS = ("labelled-boxes", "labelled-keypoints", "labelled-regions", "labelled-class")


@pytest.fixture
def coco(tmp_path):
    Image.new("RGB", (40, 30), "white").save(tmp_path / "a.png")
    Image.new("RGB", (40, 30), "black").save(tmp_path / "other.png")
    ring = np.zeros((30, 40), np.uint8)
    ring[6:14, 5:15] = 1
    ring[9:11, 9:11] = 0
    code = coco_mask.encode(np.asfortranarray(ring))
    outline = [1.5, 16.0, 20.0, 16.0, 20.0, 25.5, 9.0, 28.0]
    base = {"image_id": 1, "iscrowd": 0}
    annotations = [
        {**base, "id": 4, "category_id": 2, "bbox": [30, 20, 20, 20]},
        {
            **base,
            "id": 5,
            "category_id": 1,
            "bbox": [5, 6, 10, 8],
            "iscrowd": 1,
            "segmentation": {"size": [30, 40], "counts": code["counts"].decode()},
        },
        {**base, "id": 6, "category_id": 1, "bbox": [1.5, 16, 18.5, 12], "segmentation": [outline], "track_id": 7},
        {**base, "id": 7, "category_id": 3, "bbox": [1, 1, 9, 9], "keypoints": [1, 2, 2, 0, 0, 0, 8, 9, 1]},
    ]
    names = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    names.append({"id": 3, "name": "hand", "keypoints": ["wrist", "thumb", "tip"], "skeleton": [[1, 3]]})
    content = {"images": [{"id": 1, "file_name": "a.png", "width": 40, "height": 30}]}
    path = tmp_path / "labels.json"
    path.write_text(json.dumps({**content, "annotations": annotations, "categories": names}))
    return path, ring.astype(bool), outline


def test_boxes_and_masks_are_those_of_the_file(coco):
    path, ring, outline = coco
    found = cvstudio.run("labelled-boxes", path.parent / "a.png", path)
    assert found.boxes.tolist() == [[30, 20, 40, 30], [5, 6, 15, 14], [1.5, 16, 20, 28], [1, 1, 10, 10]]
    assert [found.label(row) for row in range(4)] == ["dog", "cat", "cat", "hand"]
    assert found.ids.tolist() == [0, 1, 2, 3]
    assert (found.scores == 1).all()
    # No score is written beside what nobody guessed.
    assert label_text(found, 0, Look(show_scores=True)) == "dog"
    assert [column.key for column in found.table().columns if column.shown] == ["label", "box", "track_id"]
    assert found.track_ids.tolist() == [-1, -1, 7, -1]
    assert not found.masks.full(0, found.boxes[0], found.size).any()
    assert np.array_equal(found.masks.full(1, found.boxes[1], found.size), ring)
    # pycocotools draws outlines a little wider: no pixel is more than one away.
    theirs = coco_mask.decode(coco_mask.frPyObjects([outline], 30, 40))[..., 0].astype(bool)
    ours = found.masks.full(2, found.boxes[2], found.size)
    assert (ours & theirs).sum() / (ours | theirs).sum() > 0.9
    few = found.take([2, 1])
    assert np.array_equal(few.masks.full(1, few.boxes[1], few.size), ring)
    assert len(found.take([]).masks) == 0
    alone = cvstudio.run("labelled-boxes", path.parent / "a.png", path, crowds=False)
    assert alone.ids.tolist() == [0, 2, 3]


def test_a_picture_without_labels_has_an_empty_layer(coco):
    path = coco[0]
    other = path.parent / "other.png"
    assert len(cvstudio.run("labelled-boxes", other, path)) == 0
    assert len(cvstudio.run("labelled-keypoints", other, path)) == 0
    assert (cvstudio.run("labelled-regions", other, path).classes == -1).all()
    unlabelled = cvstudio.run("labelled-class", other, path)
    assert (len(unlabelled), unlabelled.headline(), unlabelled.unknown) == (0, "no class yet", False)
    assert not unlabelled.table().rows
    card = np.zeros((300, 400, 3), np.uint8)
    on_large = dataclasses.replace(unlabelled, size=Size(400, 300))
    paint_classification(on_large, card, View.whole(on_large.size), Look(), Emphasis())
    assert card.any(), "the picture says so"


def test_key_points_keep_their_visibility(coco):
    path = coco[0]
    found = cvstudio.run("labelled-keypoints", path.parent / "a.png", path)
    assert found.labels == ("wrist", "thumb", "tip")
    assert found.points.tolist() == [[[1, 2], [0, 0], [8, 9]]]
    assert found.above_threshold().tolist() == [[True, False, True]]
    assert (found.ids.tolist(), found.skeleton) == ([3], ((0, 2),))
    visible = cvstudio.run("labelled-keypoints", path.parent / "a.png", path, hidden=False)
    assert visible.above_threshold().tolist() == [[True, False, False]]


def test_regions_are_the_objects_painted_in_their_order(coco):
    path, ring, _ = coco
    found = cvstudio.run("labelled-regions", path.parent / "a.png", path)
    assert found.labels == ("cat", "dog", "hand")
    assert (found.classes[ring] == 0).all()
    assert found.classes[20, 15] == 0
    assert found.classes[25, 35] == -1


def test_edits_show_at_once(coco):
    path = coco[0]
    annotations = open_annotations(path)
    instance = make_instance("labelled-boxes", {"picture": path.parent / "a.png", "labels": annotations})
    labels = PictureLabels(Size(40, 30), (Annotation(1, (2.0, 3.0, 9.0, 9.0)),))
    with Runner() as runner:
        assert len(runner.result(instance)) == 4
        edited = instance.with_binding("labels", annotations.with_labels("a.png", labels))
        assert runner.result(edited).boxes.tolist() == [[2, 3, 9, 9]]
        begun = instance.with_binding("labels", AnnotationSet())
        assert len(runner.result(begun)) == 0


@pytest.mark.parametrize(
    "how", ["rotate=90", "flip=h", "rotate=180", "crop=3,4,30,20", "crop=3,4,30,20 rotate=270 flip=v"]
)
def test_adjustments_leave_labels_where_they_are_in_the_file(coco, how):
    path, ring, _ = coco
    inputs = {"picture": path.parent / "a.png", "labels": path}
    adjustments = {"picture": Adjustments.from_text(how)}
    with Runner() as runner:
        found, points, regions = (
            runner.result(make_instance(key, inputs, adjustments=adjustments)) for key in KEYS[:3]
        )
        plain = runner.result(make_instance("labelled-regions", inputs))
    assert found.size == points.size == regions.size == Size(40, 30)
    row = found.ids.tolist().index(1)
    assert found.boxes[row].tolist() == [5, 6, 15, 14]
    assert np.array_equal(found.masks.full(row, found.boxes[row], found.size), ring)
    assert points.points[0, 0].tolist() == [1, 2]
    inside = np.zeros((30, 40), bool)
    inside[4:24, 3:33] = True
    inside |= "crop" not in how
    # The centres of pixels lie on no outline here, so that turning changes none.
    assert np.array_equal(regions.classes[inside], plain.classes[inside])


@pytest.mark.parametrize("key", KEYS)
def test_each_shows_its_sample(key):
    spec = ANALYSES[key]
    result = cvstudio.run(key, *(sample_path(spec.samples[slot.name]) for slot in spec.inputs))
    table = result.table()
    assert len(table.rows) > 0
    if key == "labelled-boxes":
        assert [result.label(row) for row in range(len(result))] == ["saucer", "cup", "spoon"]
        assert result.masks is not None
    if key == "labelled-class":
        assert result.headline() == "cat 100%"


@dataclasses.dataclass(frozen=True)
class Entry:
    """An analysis as the palette finds it."""

    key: str
    title: str
    keywords: tuple[str, ...]
    words: str


@pytest.mark.parametrize("words", ["ground truth", "정답", "어노테이션", "show labels", "annotations"])
def test_they_are_found_under_their_words(words):
    entries = [Entry(item.key, item.title, (*item.keywords, item.action), item.summary) for item in ANALYSES]
    assert "labelled-boxes" in [item.key for item in ranked(entries, words)[:4]]


def test_the_command_line_shows_and_exports_truth(coco, tmp_path, capsys):
    path = coco[0]
    out = tmp_path / "out.json"
    arguments = ["run", "labelled-boxes", str(path.parent / "a.png"), "--labels", str(path), "-o", str(out), "-q"]
    assert main([*arguments, "--format", "json"]) == 0
    assert [row["label"] for row in json.loads(out.read_text())["frames"][0]["detections"]] == [
        "dog",
        "cat",
        "cat",
        "hand",
    ]
    assert main(["run", "labelled-boxes", str(path.parent / "a.png"), "--labels", str(tmp_path / "gone.json")]) == 1
    assert "cannot be found; check the path" in capsys.readouterr().err
