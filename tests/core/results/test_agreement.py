"""Agreement of two results, against what is worked out by hand and other ways to find it."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import confusion_matrix, jaccard_score
from torchvision.ops import box_iou

from cvstudio.data.boxes import pairwise_iou
from cvstudio.data.geometry import Rect, Size
from cvstudio.results.agreements.agreement import (
    BoxAgreement,
    HeatAgreement,
    LabelAgreement,
    RegionAgreement,
    compare_boxes,
    divergence_bits,
    match,
)
from cvstudio.results.classification import Classification, Logits
from cvstudio.results.detections import Detections
from cvstudio.results.heat_map import HeatMap
from cvstudio.results.result import agreement
from cvstudio.results.segmentation import Segmentation

SIZE = Size(100, 100)


def boxes(rows: list[tuple[list[float], float, str]], labels: tuple[str, ...]) -> Detections:
    return Detections(
        np.array([row[0] for row in rows], np.float32).reshape(-1, 4),
        np.array([row[1] for row in rows], np.float32),
        np.array([labels.index(row[2]) for row in rows], np.int64),
        labels,
        np.arange(len(rows)) + 10,
        SIZE,
    )


def test_boxes_agree_as_worked_out_by_hand() -> None:
    left = boxes(
        [
            ([0, 0, 10, 10], 0.9, "cat"),
            ([50, 50, 70, 70], 0.8, "cat"),
            ([20, 0, 30, 10], 0.7, "dog"),
            ([80, 80, 90, 90], 0.6, "bus"),
            ([0, 80, 10, 90], 0.5, "cat"),
        ],
        ("cat", "dog", "bus"),
    )
    right = boxes(
        [
            # Moved by 2 of 10: 8/12; by 5 of 20: 15/25; the dog is a cat here; the cup is known here only.
            ([2, 0, 12, 10], 0.8, "cat"),
            ([55, 50, 75, 70], 0.7, "cat"),
            ([20, 0, 30, 10], 0.6, "cat"),
            ([40, 0, 50, 10], 0.5, "cup"),
        ],
        ("cup", "cat", "dog"),
    )
    found = compare_boxes(left, right)
    assert found.pairs.tolist() == [[0, 0], [1, 1]]
    assert found.pair_iou == pytest.approx([8 / 12, 15 / 25])
    assert found.renamed.tolist() == [[2, 2]]
    assert found.only_left.tolist() == [3, 4]
    assert found.only_right.tolist() == [3]
    # No bus on the right, no cup on the left.
    assert (found.unknown_left, found.unknown_right) == (1, 1)
    assert found.share == pytest.approx(4 / 9)
    assert found.mean_iou == pytest.approx((8 / 12 + 15 / 25) / 2)
    assert found.correlation is None
    assert found.partner(1, of_left=True) == 1
    assert found.partner(2, of_left=False) == 2
    assert found.partner(3, of_left=True) is None
    assert dict(found.summary_lines())["Agreement"] == "44%"
    stricter = compare_boxes(left, right, 0.65)
    assert stricter.pairs.tolist() == [[0, 0]]
    assert stricter.only_left.tolist() == [1, 3, 4]


def test_nothing_agrees_with_nothing_and_not_with_something() -> None:
    nothing, one = boxes([], ("cat",)), boxes([([0, 0, 9, 9], 0.5, "cat")], ("cat",))
    empty = compare_boxes(nothing, nothing)
    assert empty.share == 1.0
    assert empty.mean_iou is None
    assert compare_boxes(one, nothing).share == 0.0
    assert compare_boxes(nothing, one).only_right.tolist() == [0]
    same = compare_boxes(one, one)
    assert (same.share, same.mean_iou) == (1.0, 1.0)


def test_scores_are_correlated_as_scipy_says() -> None:
    random = np.random.default_rng(4)
    corners = np.stack(np.meshgrid(np.arange(5) * 20.0, np.arange(4) * 20.0), axis=-1).reshape(-1, 2)
    rows = [[*corner, *(corner + 12)] for corner in corners]
    scores = random.uniform(0.2, 1, (2, len(rows)))
    left, right = (boxes([(r, s, "cat") for r, s in zip(rows, side, strict=True)], ("cat",)) for side in scores)
    found = compare_boxes(left, right)
    assert found.correlation == pytest.approx(stats.pearsonr(scores[0], scores[1]).statistic, abs=1e-5)
    flat = compare_boxes(left, boxes([(row, 0.5, "cat") for row in rows], ("cat",)))
    assert flat.correlation is None


def best_by_trying(shares: np.ndarray, allowed: np.ndarray) -> tuple[int, float]:
    """How many pairs there can be, and the most that so many can share: every way is tried."""
    if shares.shape[0] > shares.shape[1]:
        shares, allowed = shares.T, allowed.T
    n, m = shares.shape
    best = (0, 0.0)
    for columns in itertools.permutations(range(m), n):
        used = [(row, column) for row, column in enumerate(columns) if allowed[row, column]]
        best = max(best, (len(used), round(sum(float(shares[pair]) for pair in used), 9)))
    return best


@settings(deadline=None, max_examples=120)
@given(st.integers(0, 5), st.integers(0, 5), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.3, 0.5, 0.9]))
def test_no_other_way_to_pair_is_better(n: int, m: int, seed: int, floor: float) -> None:
    random = np.random.default_rng(seed)
    shares = np.round(random.random((n, m)), 2)
    allowed = shares >= floor
    found = match(shares, allowed)
    assert len(set(found[:, 0].tolist())) == len(set(found[:, 1].tolist())) == len(found)
    assert all(allowed[row, column] for row, column in found)
    total = round(sum(float(shares[row, column]) for row, column in found), 9)
    assert (len(found), total) == best_by_trying(shares, allowed)


def test_greedy_pairing_would_have_lost_one() -> None:
    # The best single pair (0, 0) leaves nothing for the other row; both find one where it is given up.
    shares = np.array([[0.9, 0.6], [0.8, 0.1]])
    assert match(shares, shares >= 0.5).tolist() == [[0, 1], [1, 0]]


def test_shares_are_those_of_torchvision() -> None:
    random = np.random.default_rng(1)
    corner = random.uniform(0, 90, (2, 30, 2))
    sets = np.concatenate((corner, corner + random.uniform(0, 40, (2, 30, 2))), axis=2).astype(np.float32)
    expected = box_iou(torch.from_numpy(sets[0]).double(), torch.from_numpy(sets[1]).double()).numpy()
    assert pairwise_iou(*(boxes.astype(np.float64) for boxes in sets[:2])) == pytest.approx(expected, abs=1e-12)
    assert pairwise_iou(np.zeros((1, 4), np.float32), np.zeros((1, 4), np.float32)).tolist() == [[0.0]]


def labels(names: list[str], probabilities: list[float]) -> Classification:
    known = ("a", "b", "c", "d", "e", "f")
    order = np.array([known.index(name) for name in names], np.int64)
    return Classification(order, np.array(probabilities, np.float32), known, SIZE)


def test_guesses_agree_by_name_and_by_how_likely() -> None:
    left, right = labels(["a", "b", "c"], [0.5, 0.3, 0.1]), labels(["b", "a", "d"], [0.6, 0.2, 0.1])
    # KL of (1/2, 1/4, 1/4) from (1/4, 1/4, 1/2): 1/2 lb 2 + 1/4 lb 1/2 = 1/4 bit, the same the other way round.
    one = Logits(np.log(np.array([0.5, 0.25, 0.25], np.float32)), ("x", "y", "z"), SIZE)
    other = Logits(np.log(np.array([0.25, 0.5, 0.25], np.float32)) + 3, ("y", "z", "x"), SIZE)
    assert agreement(left, right).divergence_bits is None
    found = agreement(dataclasses.replace(left, logits=one), dataclasses.replace(right, logits=other))
    assert isinstance(found, LabelAgreement)
    assert (found.same, found.shared, found.top) == (False, ("a", "b"), 3)
    assert found.divergence_bits == pytest.approx((0.25, 0.25), abs=1e-6)
    random = np.random.default_rng(0)
    logits = [Logits(random.normal(0, 3, 40).astype(np.float32), tuple(map(str, range(40))), SIZE) for _ in range(2)]
    p, q = (item.probabilities().astype(np.float64) for item in logits)
    assert divergence_bits(*logits) == pytest.approx(
        (stats.entropy(p, q, base=2), stats.entropy(q, p, base=2)), rel=1e-4
    )
    assert divergence_bits(one, logits[0]) is None


def test_regions_agree_as_scikit_learn_says() -> None:
    random = np.random.default_rng(2)
    names = ("sky", "tree", "road")
    maps = random.integers(-1, 3, (2, 8, 12)).astype(np.int16)
    # The right one has its classes in another order.
    order = np.array([2, 0, 1])
    moved = np.where(maps[1] < 0, -1, order[maps[1]]).astype(np.int16)
    renamed = tuple(names[int(np.flatnonzero(order == number)[0])] for number in range(3))
    found = agreement(Segmentation(maps[0], names, SIZE), Segmentation(moved, renamed, SIZE))
    assert isinstance(found, RegionAgreement)
    truth, said = maps[0].ravel(), maps[1].ravel()
    table = confusion_matrix(truth, said)
    assert found.share == pytest.approx(np.trace(table) / table.sum())
    expected = jaccard_score(truth, said, labels=[0, 1, 2], average=None)
    assert dict(found.by_class) == pytest.approx({name: expected[number] for number, name in enumerate(names)})
    assert found.mean_iou == pytest.approx(expected.mean())
    coarse = Segmentation(maps[0][::2, ::2].copy(), names, SIZE)
    fine = Segmentation(np.repeat(np.repeat(maps[0][::2, ::2], 2, axis=0), 2, axis=1), names, SIZE)
    assert agreement(coarse, fine).share == 1.0


def test_heat_maps_are_correlated() -> None:
    values = np.random.default_rng(6).normal(0, 1, (2, 6, 7)).astype(np.float32)
    rect = Rect(0, 0, 100, 100)
    left, right = (HeatMap(item, rect, SIZE, -1, 1) for item in values)
    found = agreement(left, right)
    assert isinstance(found, HeatAgreement)
    assert found.correlation == pytest.approx(np.corrcoef(values[0].ravel(), values[1].ravel())[0, 1], abs=1e-6)
    flat = HeatMap(np.full((6, 7), 0.3, np.float32), rect, SIZE, 0, 1)
    assert agreement(left, flat) == HeatAgreement(None)
    assert agreement(left, left) == HeatAgreement(pytest.approx(1.0))


def test_what_is_of_two_kinds_or_two_pictures_is_not_compared() -> None:
    one = boxes([], ("cat",))
    other = Detections(one.boxes, one.scores, one.classes, one.labels, one.ids, Size(50, 50))
    assert agreement(one, labels(["a"], [1.0])) is None
    assert agreement(one, other) is None
    assert isinstance(agreement(one, one), BoxAgreement)
