"""mIoU, panoptic quality, top-k and calibration, against scikit-learn and cases worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from cvstudio.data.geometry import Size
from cvstudio.evaluation.calibration import reliability
from cvstudio.evaluation.classification import ClassificationBuilder
from cvstudio.evaluation.comparers import detected_segments
from cvstudio.evaluation.panoptic import PanopticBuilder, Quality, Segments
from cvstudio.evaluation.semantic import SemanticBuilder


def segments(numbers: list[list[int]], classes: list[int], crowds: list[bool] | None = None) -> Segments:
    return Segments(
        np.array(numbers, np.int32),
        np.array(classes, np.int32),
        np.array(crowds if crowds is not None else [False] * len(classes), bool),
    )


def test_the_intersection_over_union_of_classes_is_scikit_learns() -> None:
    from sklearn.metrics import accuracy_score, jaccard_score

    rng = np.random.default_rng(1)
    builder = SemanticBuilder(5)
    truth = [rng.integers(-1, 4, (20, 30)).astype(np.int32) for _ in range(3)]
    found = [np.where(rng.random(part.shape) < 0.6, part, rng.integers(-1, 4, part.shape)) for part in truth]
    for pair in zip(truth, found, strict=True):
        builder.add(pair[0], pair[1].astype(np.int32))
    scores = builder.build()
    labelled = np.concatenate([part.ravel() for part in truth]) >= 0
    flat = [np.concatenate([part.ravel() for part in side])[labelled] for side in (truth, found)]
    expected = jaccard_score(flat[0], flat[1], labels=range(4), average=None)
    assert scores.iou[:4] == pytest.approx(expected, abs=1e-12)
    assert np.isnan(scores.iou[4])
    assert scores.mean_iou() == pytest.approx(expected.mean())
    assert scores.pixel_accuracy() == pytest.approx(accuracy_score(*flat))
    assert scores.worst_first().tolist() == np.argsort(scores.accuracies).tolist()


def test_panoptic_quality_is_that_worked_by_hand() -> None:
    """Things 0 and 1, stuff 2, by panopticapi's definition.

    The truth: thing A (0, six pixels), thing B (0, two), a crowd C (1, four), stuff D (2, four), four pixels void.
    """
    truth = segments(
        [[1, 1, 1, 2, 2], [1, 1, 1, 0, 0], [3, 3, 4, 4, 0], [3, 3, 4, 4, 0]], [0, 0, 1, 2], [False, False, True, False]
    )
    found = segments(
        [
            # 1: five pixels of A and one of the void: IoU 5 / (6 + 6 - 5 - 1) = 5/6, as the void does not count.
            # 2: two pixels of the void: half of it is enough only beyond 0.5, so all of it in the void is excused.
            # 3: a thing of class 1 in the crowd: excused. 4: three pixels of D: IoU 3/4. 5: wrong, class 0 on D.
            [1, 1, 0, 0, 0],
            [1, 1, 1, 1, 0],
            [3, 3, 4, 5, 2],
            [3, 3, 4, 4, 2],
        ],
        [0, 1, 1, 2, 0],
    )
    builder = PanopticBuilder(4)
    builder.add(truth, found)
    scores = builder.build().at(0)
    # Class 0: A is matched, B missed, 5 wrong: PQ = (5/6) / (1 + 1/2 + 1/2).
    assert scores.of_class(0) == Quality(5 / 12, 5 / 6, 1 / 2)
    assert scores.of_class(1) is None
    assert scores.of_class(2) == Quality(3 / 4, 3 / 4, 1)
    assert scores.of_class(3) is None
    assert scores.mean() == pytest.approx(((5 / 12 + 3 / 4) / 2, (5 / 6 + 3 / 4) / 2, 3 / 4))
    assert scores.mean([0, 1]) == scores.of_class(0)
    assert scores.mean([1, 3]) is None
    assert scores.pictures.tolist() == [np.float32((5 / 12 + 3 / 4) / 2)]
    builder.add(truth, segments([[0] * 5] * 4, []))
    again = builder.build().at(0)
    assert (again.missed.tolist(), again.matched.tolist(), again.wrong.tolist()) == (
        [3, 0, 1, 0],
        [1, 0, 1, 0],
        [1, 0, 0, 0],
    )
    assert again.worst_first().tolist() == [1, 0]


@pytest.mark.parametrize("score", [0.0, 0.2, 0.35, 0.5, 0.61, 0.9, 1.0])
def test_panoptic_quality_at_a_score_is_that_of_the_masks_above_it(score: float) -> None:
    """As painting the masks above the score alone gives it; better ones may take half of the pixels of a mask."""
    rng = np.random.default_rng(7)
    size = Size(40, 30)
    builder, above = PanopticBuilder(3), PanopticBuilder(3)
    for _ in range(12):
        corners = rng.integers(0, 25, (20, 2))
        masks = np.zeros((20, 30, 40), np.uint8)
        numbers = np.zeros((30, 40), int)
        for row, (mask, (x, y)) in enumerate(zip(masks, corners, strict=True)):
            mask[y : y + 10, x : x + 12] = 1
            if row % 4 == 0:
                numbers[y + 1 : y + 11, x + 1 : x + 13] = row // 4 + 1
        truth = segments(numbers.tolist(), rng.integers(0, 3, 5).tolist())
        codes = [coco_mask.encode(np.asfortranarray(mask))["counts"] for mask in masks]
        classes = rng.integers(-1, 3, 20).astype(np.int32)
        classes[::4] = truth.classes
        scores = np.sort(rng.random(20).astype(np.float32))[::-1]
        shown = int((scores >= np.float32(score)).sum())
        builder.add(truth, detected_segments(codes, classes, scores, size))
        above.add(truth, detected_segments(codes[:shown], classes[:shown], scores[:shown], size))
    ours, expected = builder.build().at(score), above.build().at(0)
    assert score > 0.6 or (expected.matched.sum() > 3 and expected.wrong.sum() > 3)
    for name in ("ious", "matched", "wrong", "missed", "pictures"):
        assert getattr(ours, name).tolist() == pytest.approx(getattr(expected, name).tolist(), nan_ok=True)


def test_a_segment_over_two_crowds_of_its_class_is_excused() -> None:
    """cocodataset/panopticapi#19: its program looks at the last crowd of a class alone."""
    truth = segments([[1, 1, 2, 2], [3, 3, 3, 3]], [0, 0, 1], crowds=[True, True, False])
    builder = PanopticBuilder(2)
    builder.add(truth, segments([[1, 1, 1, 1], [0, 0, 0, 0]], [0]))
    scores = builder.build().at(0)
    assert (scores.wrong.tolist(), scores.missed.tolist()) == ([0, 0], [0, 1])
    builder = PanopticBuilder(2)
    builder.add(truth, segments([[0, 0, 1, 1], [1, 1, 1, 0]], [0]))
    assert builder.build().at(0).wrong.tolist() == [1, 0]


def test_the_reliability_diagram_has_the_error_of_its_definition() -> None:
    confidence = np.array([0.05, 0.1, 0.95, 1.0, 0.95])
    right = np.array([False, True, True, True, False])
    diagram = reliability(confidence, right, bins=10)
    assert diagram.counts.tolist() == [2, 0, 0, 0, 0, 0, 0, 0, 0, 3]
    assert diagram.accuracy[[0, 9]].tolist() == [0.5, 2 / 3]
    assert diagram.error() == pytest.approx(2 / 5 * (0.5 - 0.075) + 3 / 5 * (2.9 / 3 - 2 / 3))
    assert np.isnan(reliability(np.zeros(0), np.zeros(0, bool)).error())


def test_top_k_is_scikit_learns() -> None:
    from sklearn.metrics import top_k_accuracy_score

    rng = np.random.default_rng(2)
    probabilities = rng.dirichlet(np.ones(6), 50)
    true = rng.integers(0, 6, 50)
    builder = ClassificationBuilder(6, np.arange(6))
    for kind, row in zip(true, probabilities, strict=True):
        builder.add([int(kind)], row)
    scores = builder.build()
    for k in (1, 2, 5):
        assert scores.top(k) == pytest.approx(top_k_accuracy_score(true, probabilities, k=k, labels=range(6)))
    assert scores.answers.tolist() == probabilities.argmax(axis=1).tolist()
    assert scores.confusion(tuple("abcdef")).counts[:6, :6].trace() == (scores.ranks == 0).sum()
    assert scores.top(1, [3]) == pytest.approx((scores.ranks[true == 3] == 0).mean())
    worst = scores.worst_first()
    assert scores.probabilities[worst[0]] == scores.probabilities[scores.ranks > 0].min()


def test_labels_of_one_category_are_added_and_strangers_are_wrong() -> None:
    """Two kinds of dogs are dogs; a label that the set does not have is an answer of its own."""
    builder = ClassificationBuilder(2, np.array([1, 1, -1, 0, -1]))
    builder.add([1], np.array([0.3, 0.2, 0.4, 0.1, 0.0]))
    builder.add([1], np.array([0.1, 0.1, 0.2, 0.1, 0.5]))
    builder.add([0, 1], np.array([0.1, 0.1, 0.2, 0.6, 0.0]))
    scores = builder.build()
    assert scores.answers.tolist() == [1, -1, 0]
    assert scores.ranks.tolist() == [0, 1, 0]
    assert scores.true.tolist() == [1, 1, 0]
    assert scores.confusion(("cat", "dog")).counts.tolist() == [[1, 0, 0], [0, 1, 1], [0, 0, 0]]
    assert scores.confidence[0] == pytest.approx(0.5)
    empty = ClassificationBuilder(2, np.arange(2)).build()
    assert np.isnan(empty.top(1))
