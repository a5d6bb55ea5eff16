"""Average precision against hand-made cases and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from cvstudio.training.average_precision import ImageBoxes, average_precision, match


def boxes(rng: np.random.Generator, n: int) -> np.ndarray:
    corner = rng.uniform(0, 80, (n, 2))
    return np.concatenate([corner, corner + rng.uniform(5, 40, (n, 2))], axis=1).astype(np.float32)


def of(rows: np.ndarray, scores: list[float] | None = None, kinds: list[int] | None = None) -> ImageBoxes:
    n = len(rows)
    return ImageBoxes(
        np.asarray(rows, np.float32).reshape(-1, 4),
        np.array(kinds if kinds is not None else [0] * n, np.int64),
        np.array(scores if scores is not None else [1.0] * n, np.float32),
    )


def test_each_thing_is_found_once_and_by_the_best():
    truth = np.array([[0, 0, 10, 10], [20, 0, 30, 10]], np.float32)
    found = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [20, 1, 30, 11]], np.float32)
    assert match(found, truth, 0.5).tolist() == [0, -1, 1]
    assert match(found, truth[:0], 0.5).tolist() == [-1, -1, -1]


def test_far_apart_boxes_give_scikit_learns_area_under_the_raw_curve():
    """Where precision never rises with recall, making it monotone changes nothing, and 101 recalls are a fine sum."""
    rng = np.random.default_rng(2)
    n = 400
    truth = np.array([[100 * i, 0, 100 * i + 50, 50] for i in range(n)], np.float32)
    right = rng.random(n) < np.linspace(0.95, 0.3, n)
    found = truth.copy()
    found[~right] += 10_000_000
    scores = np.linspace(0.99, 0.01, n)
    mine = average_precision(
        [of(found[i : i + 1], [scores[i]]) for i in range(n)], [of(truth[i : i + 1]) for i in range(n)], 1
    )
    # scikit-learn counts recall over the hits, not over all that there was to find.
    theirs = average_precision_score(right, scores) * right.mean()
    assert mine[0] == pytest.approx(theirs, abs=0.02)


def test_a_class_without_boxes_is_no_number_and_a_missed_one_is_zero():
    truth = [of(np.array([[0, 0, 10, 10]]), kinds=[1])]
    found = [of(np.array([[0, 0, 10, 10]]), [0.9], kinds=[0])]
    values = average_precision(found, truth, 3)
    assert np.isnan(values[0])
    assert values[1] == 0
    assert np.isnan(values[2])


def test_a_false_box_before_the_right_one_halves_the_precision():
    truth = [of(np.array([[0, 0, 10, 10]]))]
    found = [of(np.array([[50, 50, 60, 60], [0, 0, 10, 10]]), [0.9, 0.8])]
    assert average_precision(found, truth, 1)[0] == pytest.approx(0.5)
