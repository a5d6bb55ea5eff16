"""Figures of the everyday detector's evaluation, against the average precision that the project has."""

from __future__ import annotations

import numpy as np
import pytest

from cvstudio.models.shared.coco import LABELS, OUTPUTS
from cvstudio.training.average_precision import ImageBoxes, average_precision
from cvstudio.training.everyday.evaluation import COCO_CATEGORIES, bootstrap, class_hits, false_boxes


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


def test_the_numbers_of_the_polygon_files_are_cocos():
    assert COCO_CATEGORIES == OUTPUTS


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
