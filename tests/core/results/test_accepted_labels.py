from __future__ import annotations

import numpy as np

from cvstudio.data.geometry import Size
from cvstudio.data.label_masks import pixels_in
from cvstudio.data.labels import Annotation, Category, PictureLabels
from cvstudio.results.accepted_labels import accept, count_accepted
from cvstudio.results.detections import Detections
from cvstudio.results.masks import PrototypeMasks

SIZE = Size(64, 48)
CLASSES = (Category("Dog"), Category("cat"))


def found(
    boxes: list[tuple[float, ...]], scores: list[float], classes: list[int], masks: PrototypeMasks | None = None
) -> Detections:
    n = len(boxes)
    return Detections(
        np.array(boxes, np.float32).reshape(n, 4),
        np.array(scores, np.float32),
        np.array(classes, np.int64),
        ("cat", "dog", "bird"),
        np.arange(n) + 40,
        SIZE,
        masks=masks,
    )


def test_predictions_above_the_score_become_labels_of_the_same_name() -> None:
    predictions = found(
        [(1, 1, 9, 9), (20, 5, 30, 15), (40, 5, 50, 15), (2, 20, 9, 30)], [0.9, 0.8, 0.5, 0.49], [0, 1, 2, 2]
    )
    accepted = accept(PictureLabels(), CLASSES, predictions, 0.5)
    assert [a.category for a in accepted.labels.annotations] == [1, 0, 2]
    assert accepted.categories == (*CLASSES, Category("bird"))
    assert accepted.labels.annotations[1].box == (20, 5, 30, 15)
    assert (accepted.added, accepted.known, accepted.labels.size) == (3, 0, SIZE)
    assert [count_accepted(PictureLabels(), predictions, score) for score in (0.0, 0.5, 0.85, 1.0)] == [4, 3, 1, 0]
    assert count_accepted(accepted.labels, predictions, 0.0) == 1


def test_what_is_labelled_already_is_not_labelled_again_whatever_its_class() -> None:
    labels = PictureLabels(SIZE, (Annotation(0, (0, 0, 10, 10)),))
    # IoU 0.9 to the digit with the label, and just below.
    predictions = found([(0, 0, 9, 10), (0, 0, 8.9, 10)], [0.9, 0.8], [0, 0])
    accepted = accept(labels, CLASSES, predictions, 0.1)
    assert [a.box[2] for a in accepted.labels.annotations] == [10, np.float32(8.9)]
    assert (accepted.added, accepted.known) == (1, 1)
    again = accept(accepted.labels, accepted.categories, predictions, 0.1)
    assert (again.added, again.known) == (0, 2)
    assert again.labels.annotations == accepted.labels.annotations


def test_only_the_chosen_ones() -> None:
    predictions = found([(1, 1, 9, 9), (20, 5, 30, 15)], [0.9, 0.8], [0, 2])
    accepted = accept(PictureLabels(), CLASSES, predictions, 0.0, ids={40})
    assert [a.category for a in accepted.labels.annotations] == [1]
    assert accepted.categories == CLASSES


def test_a_mask_comes_with_its_box_and_both_are_clipped() -> None:
    rng = np.random.default_rng(5)
    prototypes = rng.normal(size=(2, 12, 16)).astype(np.float32)
    masks = PrototypeMasks(prototypes, np.eye(2, dtype=np.float32), (0.25, 0.25))
    predictions = found([(-5, 4, 31, 30), (10, 10, 80, 60)], [0.9, 0.8], [0, 1], masks)
    accepted = accept(PictureLabels(), CLASSES, predictions, 0.5)
    assert [a.box for a in accepted.labels.annotations] == [(0, 4, 31, 30), (10, 10, 64, 48)]
    for row, annotation in enumerate(accepted.labels.annotations):
        assert annotation.mask is not None
        expected = masks.full(row, predictions.boxes[row], SIZE)
        assert np.array_equal(pixels_in(annotation.mask, (0, 0, *SIZE)), expected)


def test_nothing_to_accept() -> None:
    labels = PictureLabels(SIZE, (Annotation(0, (0, 0, 10, 10)),))
    accepted = accept(labels, CLASSES, found([], [], []), 0.5)
    assert (accepted.added, accepted.known, accepted.categories) == (0, 0, CLASSES)
    outside = accept(labels, CLASSES, found([(100, 100, 120, 120)], [0.9], [2]), 0.5)
    assert (outside.added, outside.categories) == (0, CLASSES)
    assert count_accepted(labels, found([(100, 100, 120, 120)], [0.9], [2]), 0.5) == 0
