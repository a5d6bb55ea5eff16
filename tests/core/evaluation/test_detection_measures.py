"""Curves, confusion matrix, kinds of errors and worst pictures, against scikit-learn and counts by hand."""

from __future__ import annotations

import numpy as np
import pytest

from cvstudio.data.boxes import pairwise_iou
from cvstudio.evaluation.average_precision import matches
from cvstudio.evaluation.confusion import class_pairs
from cvstudio.evaluation.error_kinds import ErrorKind, detection_errors
from cvstudio.evaluation.overlaps import ObjectOverlaps, OverlapsBuilder, PictureObjects
from cvstudio.evaluation.precision_recall import precision_recall
from cvstudio.evaluation.worst import picture_counts

Box = tuple[float, float, float, float]
NAMES = ("cat", "dog", "cow")


def measured(*pictures: tuple[list[tuple[int, Box]], list[tuple[int, float, Box]]], crowds: int = 0) -> ObjectOverlaps:
    """Pictures with (class, box) of true objects and (class, score, box) of predictions; the first `crowds` true
    objects of each picture are crowds."""
    builder = OverlapsBuilder(len(NAMES))
    for truth, found in pictures:
        boxes = [np.array([entry[-1] for entry in side], np.float64).reshape(-1, 4) for side in (truth, found)]
        areas = [np.prod(side[:, 2:] - side[:, :2], axis=1) for side in boxes]
        group = np.arange(len(truth)) < crowds
        builder.add(
            PictureObjects(
                np.array([kind for kind, _ in truth], np.int32),
                areas[0],
                group,
                group,
                np.array([kind for kind, _, _ in found], np.int32),
                np.array([score for _, score, _ in found], np.float32),
                areas[1],
                pairwise_iou(boxes[1], boxes[0]) if truth and found else np.zeros((len(found), len(truth))),
            )
        )
    return builder.build()


def box(x: float, width: float = 10) -> Box:
    return (x, 0, x + width, 10)


EACH_KIND = measured(
    (
        # Cats at 0, 100 and 200, dogs at 300, 400 and 500.
        [*((0, box(x)) for x in (0, 100, 200)), *((1, box(x)) for x in (300, 400, 500))],
        [
            (0, 0.9, box(0)),  # right
            (0, 0.8, box(1)),  # the same cat again: IoU 9/11
            (0, 0.7, box(105)),  # beside its cat: IoU 5/15
            (0, 0.6, box(300)),  # a dog called a cat
            (0, 0.5, box(405)),  # beside a dog, called a cat
            (2, 0.4, box(700)),  # out of nowhere
        ],
    )
)
"""One error of each kind; missed are the cat at 200 and the dogs at 400 and 500."""


def test_each_kind_of_error_is_told_as_it_was_made() -> None:
    errors = detection_errors(EACH_KIND)
    kinds = [ErrorKind.DUPLICATE, ErrorKind.PLACE, ErrorKind.CLASS, ErrorKind.BOTH, ErrorKind.BACKGROUND]
    assert errors.kinds.tolist() == [-1, *kinds]
    assert errors.targets.tolist() == [-1, -1, 1, 3, -1, -1]
    assert np.flatnonzero(errors.missed()).tolist() == [2, 4, 5]
    assert errors.counts() == {**dict.fromkeys(kinds, 1), ErrorKind.MISSED: 3}
    # Above 0.65 the dog that was called a cat is not found at all.
    assert errors.counts(0.65)[ErrorKind.MISSED] == 4
    assert errors.counts(0.65)[ErrorKind.CLASS] == 0


def test_the_cost_of_each_kind_is_the_gain_in_ap_worked_by_hand() -> None:
    """AP50 of cats: one right of three, so the 34 recalls up to 1/3 have precision 1. Cows are asked for nowhere."""
    costs = detection_errors(EACH_KIND).costs()
    cat = 34 / 101
    # The dog has its right class: one of three dogs, as the first of its class. The cats' curve does not change.
    assert costs[ErrorKind.CLASS] == pytest.approx(34 / 101 / 2)
    # The second cat is right behind the duplicate: precision 2/3 up to a recall of 2/3.
    assert costs[ErrorKind.PLACE] == pytest.approx((34 + 33 * 2 / 3) / 101 / 2 - cat / 2)
    # What goes after the last right one changes nothing.
    assert costs[ErrorKind.DUPLICATE] == costs[ErrorKind.BOTH] == costs[ErrorKind.BACKGROUND] == 0
    # Two cats are left, of which one is found (51 recalls), and one dog, which is not.
    assert costs[ErrorKind.MISSED] == pytest.approx((51 / 101 - cat) / 2)


def test_the_confusion_matrix_has_what_is_missed_and_what_is_not_there() -> None:
    matrix = class_pairs(EACH_KIND, 0.5).matrix(0.0, NAMES)
    assert matrix.counts.tolist() == [[1, 0, 0, 2], [1, 0, 0, 2], [0, 0, 0, 0], [3, 0, 1, 0]]
    assert matrix.fractions()[0].tolist() == [1 / 3, 0, 0, 2 / 3]
    assert matrix.occurring().tolist() == [0, 1, 2]
    assert class_pairs(EACH_KIND, 0.5).matrix(0.65, NAMES).counts.tolist()[1] == [0, 0, 0, 3]
    assert class_pairs(EACH_KIND, 0.3).matrix(0.0, NAMES).counts.tolist()[:2] == [[2, 0, 0, 1], [2, 0, 0, 1]]


def test_an_object_is_matched_by_its_own_class_before_another() -> None:
    objects = measured(([(1, box(0)), (0, box(2))], [(0, 0.9, box(0)), (1, 0.8, box(0))]))
    assert class_pairs(objects, 0.5).matrix(0.0, NAMES).counts.tolist()[:2] == [[1, 0, 0, 0], [0, 1, 0, 0]]


def test_what_lies_in_a_crowd_is_neither_right_nor_wrong() -> None:
    objects = measured(([(0, box(0, 100))], [(0, 0.9, box(0, 90)), (0, 0.8, box(5, 90))]), crowds=1)
    assert class_pairs(objects, 0.5).matrix(0.0, NAMES).counts.sum() == 0
    assert set(detection_errors(objects).counts().values()) == {0}
    assert precision_recall(objects, matches(objects, 0.5)).total == 0


def test_the_curve_is_that_of_scikit_learn_where_all_is_found() -> None:
    from sklearn.metrics import precision_recall_curve

    rng = np.random.default_rng(3)
    scores = rng.permutation(np.arange(1, 61)) / 64
    right = rng.random(60) < 0.6
    objects = measured(
        *(([(0, box(0))] if hit else [], [(0, score, box(0))]) for score, hit in zip(scores, right, strict=True))
    )
    curve = precision_recall(objects, matches(objects, 0.5), 0)
    precision, recall, thresholds = precision_recall_curve(right, scores)
    assert curve.scores[::-1].tolist() == thresholds.tolist()
    assert np.allclose(curve.precision[::-1], precision[:-1])
    assert np.allclose(curve.recall[::-1], recall[:-1])
    f1 = 2 * precision * recall / (precision + recall)
    assert curve.best().f1 == pytest.approx(f1.max())
    assert curve.best().score == thresholds[f1[:-1].argmax()]


def test_the_point_of_a_score_counts_what_reaches_it() -> None:
    curve = precision_recall(EACH_KIND, matches(EACH_KIND, 0.5))
    point = curve.at(float(np.float32(0.8)))
    assert (point.right, point.wrong, point.missed) == (1, 1, 5)
    assert (point.precision, point.recall) == (0.5, 1 / 6)
    assert curve.at(0.95)[2:4] == (0.0, 0.0)
    assert np.isnan(curve.at(0.95).precision)
    assert curve.at(0.9).right == 1


def test_the_worst_picture_is_the_one_with_the_most_errors() -> None:
    good = ([(0, box(0))], [(0, 0.9, box(0))])
    bad = ([(0, box(0)), (0, box(50))], [(0, 0.9, box(200)), (1, 0.2, box(0))])
    objects = measured(good, bad, ([(1, box(0))], []))
    counts = picture_counts(objects, matches(objects, 0.5), 0.5)
    assert [values.tolist() for values in counts] == [[1, 0, 0], [0, 1, 0], [0, 2, 1]]
    assert counts.worst_first().tolist() == [1, 2]
