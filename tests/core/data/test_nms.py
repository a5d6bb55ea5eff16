from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cvstudio.data import boxes as nms_module
from cvstudio.data.boxes import nms, smallest_at
from cvstudio.models.spec import MAX_CANDIDATES


def clustered(
    n: int, clusters: int, *, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """Candidates as detectors give them: many around each thing, mostly of one class."""
    random = np.random.default_rng(seed)
    centre, size = random.uniform(0, [1920, 1080], (clusters, 2)), random.uniform(40, 300, (clusters, 2))
    own = random.integers(0, clusters, n)
    middle = centre[own] + random.normal(0, 0.15, (n, 2)) * size[own]
    half = size[own] * np.exp(random.normal(0, 0.15, (n, 2))) / 2
    boxes = np.concatenate((middle - half, middle + half), axis=1).astype(np.float32)
    classes = np.where(random.random(n) < 0.6, own % 80, random.integers(0, 80, n))
    return boxes, random.permutation(n).astype(np.float32) / n, classes


def torchvision_nms(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], classes: NDArray[np.int64] | None, iou: float
) -> list[int]:
    """Each class on its own: `batched_nms` shifts small inputs by class, and the shift rounds the boxes."""
    groups = np.zeros(len(boxes), np.int64) if classes is None else classes
    kept: list[int] = []
    for label in np.unique(groups):
        rows = np.flatnonzero(groups == label)
        found = torchvision.ops.nms(torch.from_numpy(boxes[rows]), torch.from_numpy(scores[rows]), iou)
        kept += rows[found.numpy()].tolist()
    return sorted(kept, key=lambda row: (-scores[row], row))


@pytest.mark.parametrize("few_pairs", [0, nms_module._FEW_PAIRS, 10**9], ids=["blocks", "either", "pairs"])
@pytest.mark.parametrize("clusters", [5, 100, 2000])
@pytest.mark.parametrize("iou", [0.0, 0.3, 0.5, 0.55, 0.9])
def test_equals_batched_nms_at_the_candidate_cap(
    clusters: int, iou: float, few_pairs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nms_module, "_FEW_PAIRS", few_pairs)
    boxes, scores, classes = clustered(MAX_CANDIDATES, clusters, seed=clusters)
    tensors = torch.from_numpy(boxes), torch.from_numpy(scores)
    # Above 1,000 boxes torchvision goes class by class, without its rounding shift.
    expected = torchvision.ops.batched_nms(*tensors, torch.from_numpy(classes), iou)
    np.testing.assert_array_equal(nms(boxes, scores, classes, iou), expected.numpy())
    np.testing.assert_array_equal(nms(boxes, scores, None, iou), torchvision.ops.nms(*tensors, iou).numpy())


@st.composite
def candidates(draw: st.DrawFn) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """Small whole numbers, so that equal scores, empty boxes and overlaps of exactly 1/2 or 1/3 are common."""
    n = draw(st.integers(0, 90))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    corner = random.integers(-8, 8, (n, 2))
    size = random.integers(0, draw(st.integers(1, 12)) + 1, (n, 2))
    scale = draw(st.sampled_from([1.0, 0.1, 33.3, 1000.0]))
    boxes = (np.concatenate((corner, corner + size), axis=1) * scale).astype(np.float32)
    scores = random.choice(np.linspace(-1, 3, draw(st.sampled_from([2, 50, 10_000]))), n).astype(np.float32)
    return boxes, scores, random.integers(0, draw(st.integers(1, 4)), n)


@settings(deadline=None, max_examples=200)
@given(
    candidates(),
    st.one_of(st.sampled_from([0.0, 0.2, 0.25, 1 / 3, 0.5, 0.6, 1.0]), st.floats(0, 1)),
    st.booleans(),
    st.booleans(),
)
def test_equals_torchvision(
    given: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]], iou: float, by_class: bool, pairs: bool
) -> None:
    boxes, scores, classes = given
    with mock.patch.object(nms_module, "_FEW_PAIRS", 10**9 if pairs else 0):
        kept = nms(boxes, scores, classes if by_class else None, iou)
    assert kept.dtype == np.int64
    if iou == 1.0:
        assert len(kept) == len(boxes)
    assert kept.tolist() == torchvision_nms(boxes, scores, classes if by_class else None, iou)


def test_one_keeps_all_best_first() -> None:
    boxes = np.zeros((3, 4), np.float32)
    assert nms(boxes, np.array([0.1, 0.9, 0.5], np.float32), None, 1.0).tolist() == [1, 2, 0]


def test_changes_nothing() -> None:
    boxes, scores, classes = clustered(300, 10, seed=0)
    for array in (boxes, scores, classes):
        array.flags.writeable = False
    nms(boxes, scores, classes, 0.5)


def test_the_smallest_box_around_a_place() -> None:
    boxes = np.array([[0, 0, 10, 10], [2, 2, 6, 6], [2, 2, 6, 6], [4, 0, 9, 2]], np.float32)
    assert [smallest_at(boxes, x, y) for x, y in ((1, 1), (2, 2), (6, 6), (5, 1), (9, 1), (10, 5))] == [
        0,
        1,  # of equal ones the first
        0,  # the right and the lower edge are outside
        3,
        0,
        None,
    ]
    assert smallest_at(np.zeros((0, 4), np.float32), 1, 1) is None
