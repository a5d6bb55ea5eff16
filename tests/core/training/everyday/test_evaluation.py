"""Figures of the everyday detector's evaluation, against the average precision that the project has."""

from __future__ import annotations

import numpy as np
import pytest

from cvstudio.models.shared.coco import LABELS
from cvstudio.training.average_precision import ImageBoxes, average_precision
from cvstudio.training.everyday.evaluation import bootstrap, class_hits
from cvstudio.training.figures.detection_figures import best_score, false_boxes, missed_boxes


def boxes(rng: np.random.Generator, count: int) -> ImageBoxes:
    corners = rng.random((count, 2)) * 50
    return ImageBoxes(
        np.concatenate([corners, corners + 5 + rng.random((count, 2)) * 30], axis=1).astype(np.float32),
        rng.integers(0, 4, count),
        rng.random(count).astype(np.float32),
    )


@pytest.fixture
def scene() -> tuple[list[ImageBoxes], list[ImageBoxes]]:
    rng = np.random.default_rng(0)
    truth = [boxes(rng, int(rng.integers(1, 6))) for _ in range(12)]
    predicted = [
        ImageBoxes(
            np.concatenate([t.boxes + rng.normal(0, 1.5, t.boxes.shape).astype(np.float32), boxes(rng, 3).boxes]),
            np.concatenate([t.classes, rng.integers(0, 4, 3)]),
            rng.random(len(t.boxes) + 3).astype(np.float32),
        )
        for t in truth
    ]
    return predicted, truth


def test_precision_is_the_projects(scene):
    predicted, truth = scene
    expected = average_precision(predicted, truth, len(LABELS))
    found = [of_class.precision(np.ones(len(truth), np.int64)) for of_class in class_hits(predicted, truth)]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_picture_counted_twice_is_a_picture_given_twice(scene):
    predicted, truth = scene
    repeats = np.array([2, 0, 1, *[1] * 8, 3])
    rows = np.repeat(np.arange(12), repeats)
    expected = average_precision([predicted[row] for row in rows], [truth[row] for row in rows], len(LABELS))
    found = [of_class.precision(repeats) for of_class in class_hits(predicted, truth)]
    # Equal scores of copies are in another order, which moves the precision between them only.
    np.testing.assert_allclose(found[:4], expected[:4], atol=0.02)


def test_the_interval_holds_the_figure_and_is_repeatable(scene):
    predicted, truth = scene
    hits = class_hits(predicted, truth)
    low, high = bootstrap(hits, [0, 1, 2, 3])
    figure = np.mean([hits[kind].precision(np.ones(12, np.int64)) for kind in range(4)])
    assert low < figure < high
    assert bootstrap(hits, [0, 1, 2, 3]) == (low, high)


def test_false_boxes_fit_nothing_of_their_class():
    truth = ImageBoxes(np.array([[0, 0, 10, 10]], np.float32), np.array([1]), np.ones(1, np.float32))
    found = ImageBoxes(
        np.array([[0, 0, 10, 10], [0, 0, 10, 10], [0, 0, 10, 11], [50, 50, 60, 60]], np.float32),
        np.array([1, 2, 1, 1]),
        np.ones(4, np.float32),
    )
    # The right one is none; its copy, the one of another class and the one elsewhere are.
    assert false_boxes(found, truth) == 3
    assert missed_boxes(found, truth, [1, 2]) == 0
    assert missed_boxes(truth, found, [1, 2]) == 3
    assert missed_boxes(truth, found, [1]) == 2


def test_the_default_score_has_the_best_f1_with_few_false_boxes():
    truth = ImageBoxes(
        np.array([[0, 0, 10, 10], [20, 0, 30, 10]], np.float32), np.array([1, 1]), np.ones(2, np.float32)
    )
    nothing = ImageBoxes(np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, np.float32))
    predicted = ImageBoxes(
        np.array([[0, 0, 10, 10], [50, 0, 60, 10], [50, 20, 60, 30], [20, 0, 30, 10]], np.float32),
        np.ones(4, np.int64),
        np.array([0.9, 0.8, 0.7, 0.6], np.float32),
    )
    # F1 is 2/3 at the first box, 1/2 and 2/5 at the false ones, and 2/3 at the last, which needs all of them.
    assert best_score([predicted], [truth], [1]) == 0.9
    more = ImageBoxes(truth.boxes, truth.classes, np.array([0.65, 0.61], np.float32))
    both, labels = [predicted, more], [truth, truth]
    assert best_score(both, labels, [1]) == 0.6
    assert best_score(both, labels, [1], most_false=0.4) == 0.9
    assert best_score([*both, nothing], [*labels, nothing], [1], most_false=0.7) == 0.6
    assert best_score(both, labels, [0, 1]) == 0.6
