"""Masks of the everyday detector: views, what the branch learns from, and its loss."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cvstudio.models.shared.lite_detector import ELLIPSE, LiteDetector
from cvstudio.training.detector_data import LabelledPicture, MaskCutOut
from cvstudio.training.everyday import masks as everyday_masks
from cvstudio.training.everyday.masks import SIDE, MaskSet, logits, loss_of, mean_iou
from cvstudio.training.everyday.teacher import SIZE


def picture(side: int = 200) -> LabelledPicture:
    """A grey picture with a disc in a box of a quarter of it, and a box without a mask."""
    y, x = np.mgrid[:100, :100] - 49.5
    return LabelledPicture(
        np.full((side, side, 3), 90, np.uint8),
        np.array([[50, 50, 150, 150], [0, 0, 40, 40]], np.float32),
        np.array([0, 15]),
        np.ones(2, np.float32),
        {0: MaskCutOut(50, 50, (x * x + y * y < 50**2).astype(np.uint8))},
        np.array([1, 0], np.float32),
    )


def test_views_hold_the_things_that_have_a_mask_and_come_back(tmp_path):
    views = [*everyday_masks.views((0, 1), [picture()], 3), *everyday_masks.whole_views([picture()])]
    assert len(views) == 4
    assert all(view.target.classes.tolist() == [0] for view in views)
    (box,) = views[-1].target.boxes
    np.testing.assert_allclose(box, np.array([50, 50, 150, 150]) * SIZE / 200, atol=1e-3)
    assert views[-1].target.masks.sum() * 16 == pytest.approx(np.pi * 104**2, rel=0.03)
    everyday_masks.save(tmp_path / "views.npz", views)
    for mine, theirs in zip(everyday_masks.load(tmp_path / "views.npz"), views, strict=True):
        np.testing.assert_array_equal(mine.pixels, theirs.pixels)
        for key in ("boxes", "classes", "masks", "weights", "mask_weights"):
            np.testing.assert_array_equal(getattr(mine.target, key), getattr(theirs.target, key))


def test_things_too_small_for_a_mask_are_left_out():
    assert list(everyday_masks.whole_views([picture(4000)])) == []


def ellipse() -> torch.Tensor:
    u = (torch.arange(SIDE) + 0.5) / SIDE * 2 - 1
    v, u = torch.meshgrid(u, u, indexing="ij")
    return (u * u + v * v < 1).float()


@pytest.fixture
def mask_set() -> MaskSet:
    """Two views with a thing at each of two levels, whose masks are ellipses."""
    torch.manual_seed(0)
    return MaskSet(
        np.random.default_rng(0).random((2, 8, 8, 64)).astype(np.float16),
        torch.tensor([0, 1]),
        torch.tensor([2, 0]),
        torch.rand(2, 64),
        torch.tensor([[0, 0, 32, 32], [16, 16, 60, 40]], dtype=torch.float32),
        ellipse().repeat(2, 1, 1),
        torch.ones(2),
    )


def test_an_untrained_branch_answers_nearly_the_ellipse(mask_set):
    network = LiteDetector(80).eval()
    assert mean_iou(network, mask_set) > 0.9
    values, rows = logits(network, mask_set, np.array([1]))
    assert rows.tolist() == [1]
    assert values.shape == (1, SIDE, SIDE)
    assert values.max() < sum(value for value in ELLIPSE if value > 0) + 0.5


def test_the_branch_learns_other_masks_and_nothing_in_front_of_it(mask_set):
    network = LiteDetector(80).eval()
    half = torch.zeros_like(mask_set.targets)
    half[:, : SIDE // 2] = 1
    parts = [getattr(network, name) for name in everyday_masks.MASK_PARTS]
    optimiser = torch.optim.Adam([p for part in parts for p in part.parameters()], 0.02)
    losses = []
    for _ in range(60):
        values, rows = logits(network, mask_set, np.array([0, 1]))
        loss = loss_of(values, half[rows], mask_set.weights[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] / 3
    assert all(p.grad is None for p in network.pyramid.parameters())


def test_the_loss_is_cross_entropy_and_dice_by_weight():
    values = torch.tensor([[[0.0, 2.0]], [[1.0, -1.0]]])
    targets = torch.tensor([[[0.0, 1.0]], [[1.0, 1.0]]])
    p = 1 / (1 + np.exp(-values.numpy()))
    t = targets.numpy()
    cross_entropy = -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean(axis=(1, 2))
    dice = 1 - (2 * (p * t).sum(axis=(1, 2)) + 1) / (p.sum(axis=(1, 2)) + t.sum(axis=(1, 2)) + 1)
    weights = np.array([1.0, 0.25])
    expected = ((cross_entropy + dice) * weights).sum() / weights.sum()
    assert float(loss_of(values, targets, torch.tensor(weights))) == pytest.approx(expected, rel=1e-5)
