"""Pseudo-labels: what is chosen, and what may be expected of it, beside scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import precision_recall_curve, precision_score
from sklearn.model_selection import train_test_split

from cvstudio.training.unlabelled.pseudo import PseudoLabels, expectation, select


@pytest.fixture(scope="module")
def held_out() -> tuple[np.ndarray, np.ndarray]:
    """What a model that learnt from few digits says of others, and their classes."""
    pixels, classes = load_digits(return_X_y=True)
    few, rest, few_classes, rest_classes = train_test_split(
        pixels / 16, classes, train_size=60, random_state=0, stratify=classes
    )
    model = LogisticRegression(max_iter=1000).fit(few, few_classes)
    return model.predict_proba(rest), rest_classes


def random_answers(rng: np.random.Generator, n: int, classes: int) -> np.ndarray:
    return rng.dirichlet(np.full(classes, 0.5), size=n)


def test_what_is_confident_enough_is_taken_in_order():
    answers = np.array([[0.5, 0.4, 0.1], [0.05, 0.05, 0.9], [0.8, 0.1, 0.1], [0.3, 0.3, 0.4], [0.2, 0.8, 0.0]])
    found = select(answers, threshold=0.8)
    assert found.rows.tolist() == [1, 2, 4]
    assert found.classes.tolist() == [2, 0, 1]
    assert np.array_equal(found.targets, np.eye(3, dtype=np.float32)[[2, 0, 1]])
    assert found.confidence == pytest.approx([0.9, 0.8, 0.8])
    assert (found.rows.dtype, found.targets.dtype, found.confidence.dtype) == (np.int64, np.float32, np.float32)
    soft = select(answers, threshold=0.8, soft=True)
    assert np.array_equal(soft.targets, answers[[1, 2, 4]].astype(np.float32))
    assert np.array_equal(soft.classes, found.classes)
    nothing = select(answers, threshold=0.95)
    assert len(nothing) == 0
    assert nothing.targets.shape == (0, 3)


def test_the_most_confident_of_each_class_are_taken():
    rng = np.random.default_rng(0)
    answers = random_answers(rng, 300, 4)
    found = select(answers, threshold=0.5, per_class=7)
    confident = answers.max(axis=1) >= 0.5
    for number in range(4):
        rows = np.flatnonzero((answers.argmax(axis=1) == number) & confident)
        best = rows[np.argsort(answers[rows, number])[::-1][:7]]
        assert sorted(best) == found.rows[found.classes == number].tolist()


def test_of_equals_the_first_are_taken():
    assert select(np.tile([0.9, 0.1], (6, 1)), threshold=0.5, per_class=2).rows.tolist() == [0, 1]


@pytest.mark.parametrize("per_class", [None, 2, 4, 9])
def test_balanced_classes_are_of_one_size(per_class):
    answers = np.array([[0.9, 0.1, 0.0]] * 5 + [[0.2, 0.8, 0.0], [0.05, 0.95, 0.0], [0.4, 0.3, 0.3]])
    found = select(answers, threshold=0.5, per_class=per_class, balanced=True)
    size = 5 if per_class is None else per_class
    assert np.bincount(found.classes, minlength=3).tolist() == [size, size, 0]
    # The more confident one comes first, and so as often or once more.
    again = np.bincount(found.rows, minlength=8)
    assert again[6] - again[5] in (0, 1)
    assert again[7] == 0
    assert np.array_equal(found.confidence, answers.max(axis=1)[found.rows].astype(np.float32))


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(0, 40),
    classes=st.integers(1, 5),
    threshold=st.floats(0, 1),
    per_class=st.none() | st.integers(1, 10),
    balanced=st.booleans(),
)
@settings(deadline=None, max_examples=150)
def test_whatever_is_asked_every_pseudo_label_is_a_confident_answer(seed, n, classes, threshold, per_class, balanced):
    answers = random_answers(np.random.default_rng(seed), n, classes)
    found = select(answers, threshold=threshold, per_class=per_class, balanced=balanced)
    assert np.all(np.diff(found.rows) >= 0)
    assert (answers.max(axis=1)[found.rows] >= threshold).all()
    assert np.array_equal(found.classes, answers.argmax(axis=1)[found.rows])
    counts = np.bincount(found.classes, minlength=classes)
    if per_class is not None:
        assert counts.max(initial=0) <= per_class
    if balanced:
        assert len({int(count) for count in counts if count}) <= 1
    else:
        assert len(set(found.rows.tolist())) == len(found)
    # Asking less of them never loses one.
    if per_class is None and not balanced:
        assert set(found.rows) <= set(select(answers, threshold=threshold / 2).rows)


def test_answers_are_left_alone_and_pseudo_labels_cannot_be_written_to():
    answers = random_answers(np.random.default_rng(0), 20, 3)
    before = answers.copy()
    found = select(answers, threshold=0.0, soft=True)
    assert np.array_equal(answers, before)
    assert answers.flags.writeable
    for array in (found.rows, found.targets, found.confidence):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_the_expected_precision_and_coverage_are_scikit_learns(held_out):
    answers, classes = held_out
    found = expectation(answers, classes)
    right, confidence = answers.argmax(axis=1) == classes, answers.max(axis=1)
    precision, recall, thresholds = precision_recall_curve(right, confidence)
    assert np.array_equal(found.thresholds, thresholds)
    assert np.allclose(found.precision, precision[:-1])
    # Recall is of the right ones, coverage of all: right and passed = precision * passed.
    assert np.allclose(found.coverage * found.precision * len(right), recall[:-1] * right.sum())
    assert found.coverage[0] == 1


def test_a_given_threshold_is_what_select_lets_through(held_out):
    answers, classes = held_out
    thresholds = [0.99, 0.0, 0.5, 0.8, 1.0]
    found = expectation(answers, classes, thresholds=thresholds)
    assert found.thresholds.tolist() == sorted(thresholds)
    for threshold, precision, coverage in zip(found.thresholds, found.precision, found.coverage, strict=True):
        chosen = select(answers, threshold=float(threshold))
        assert coverage == pytest.approx(len(chosen) / len(classes))
        if len(chosen):
            score = precision_score(classes[chosen.rows], chosen.classes, average="micro")
            assert precision == pytest.approx(score)
        else:
            assert np.isnan(precision)
    assert np.isnan(found.precision[-1])
    assert len(answers) > found.coverage[2] * len(answers) > 0


def test_the_threshold_for_a_precision_lets_most_through(held_out):
    answers, classes = held_out
    found = expectation(answers, classes)
    threshold = found.threshold_for(0.97)
    assert threshold is not None
    place = int(np.flatnonzero(found.thresholds == threshold)[0])
    assert found.precision[place] >= 0.97
    assert (found.precision[:place] < 0.97).all()
    assert 0 < place < len(found.thresholds) - 1
    never_right = (answers.argmax(axis=1) + 1) % 10
    assert expectation(answers, never_right, thresholds=[0.2, 1.0]).threshold_for(0.97) is None


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        (np.zeros(3), "shape"),
        (np.zeros((3, 0)), "shape"),
        (np.array([[3.0, -2.0]]), "softmax"),
        (np.array([[0.2, np.nan]]), "softmax"),
    ],
)
def test_what_are_no_probabilities_is_refused(answers, words):
    with pytest.raises(ValueError, match=words):
        select(answers, threshold=0.5)
    with pytest.raises(ValueError, match=words):
        expectation(answers, np.zeros(len(answers), int))


def test_numbers_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="label for each example, but found 2 for 1"):
        expectation(np.array([[0.5, 0.5]]), np.zeros(2, int))
    with pytest.raises(ValueError, match="found 0 for 0"):
        expectation(np.zeros((0, 2)), np.zeros(0, int))
    with pytest.raises(ValueError, match="at least 1 of each class, but found 0"):
        select(np.array([[0.5, 0.5]]), threshold=0.5, per_class=0)
    with pytest.raises(ValueError, match="2 rows, 1 targets"):
        PseudoLabels(np.zeros(2, np.int64), np.zeros((1, 3), np.float32), np.zeros(2, np.float32))
