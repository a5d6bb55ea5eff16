"""CutMix beside torchvision's, and the shares of its labels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from torchvision.transforms import v2

from cvstudio.training.mix import cutmix, cutmix_box

WIDTH, HEIGHT = 64, 48
DRAWS = 4000


def boxes(alpha: float) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.array([cutmix_box(rng, WIDTH, HEIGHT, alpha) for _ in range(DRAWS)])


def torchvisions(alpha: float) -> np.ndarray:
    torch.manual_seed(0)
    transform = v2.CutMix(alpha=alpha, num_classes=2)
    blank = torch.zeros(2, 3, HEIGHT, WIDTH)
    return np.array([transform.make_params([blank])["box"] for _ in range(DRAWS)])


def shares(found: np.ndarray) -> np.ndarray:
    return (found[:, 2] - found[:, 0]) * (found[:, 3] - found[:, 1]) / (WIDTH * HEIGHT)


def smoothed(values: np.ndarray) -> np.ndarray:
    """Whole pixels spread over the pixel, as both round to them in their own way."""
    return values + np.random.default_rng(1).uniform(-1, 1, len(values))


@pytest.mark.parametrize("alpha", [0.3, 1.0])
def test_boxes_are_spread_as_torchvisions(alpha):
    mine, theirs = boxes(alpha), torchvisions(alpha)
    for column in range(4):
        found = stats.ks_2samp(smoothed(mine[:, column]), smoothed(theirs[:, column]))
        assert found.statistic < 0.05, column
    assert stats.ks_2samp(shares(mine), shares(theirs)).statistic < 0.05


def test_another_distribution_would_be_noticed():
    assert stats.ks_2samp(shares(boxes(1.0)), shares(torchvisions(0.3))).statistic > 0.1


def test_the_area_of_whole_boxes_is_uniform_for_alpha_1():
    """Beta(1, 1) is uniform; a box that reaches over no edge has the whole area that was drawn (equation 2)."""
    rng = np.random.default_rng(0)
    twin = np.random.default_rng(0)
    checked = 0
    for _ in range(500):
        x1, y1, x2, y2 = cutmix_box(rng, 1000, 1000)
        area = 1 - twin.beta(1.0, 1.0)
        twin.uniform(size=2)
        if min(x1, y1) > 0 and max(x2, y2) < 1000:
            # Each side is rounded to whole pixels.
            assert (x2 - x1) * (y2 - y1) / 1e6 == pytest.approx(area, abs=0.003)
            checked += 1
        else:
            assert (x2 - x1) * (y2 - y1) / 1e6 <= area + 0.003
    assert checked > 50


def test_the_share_of_a_label_is_the_pasted_area_exactly():
    n, classes = 6, 4
    generator = torch.Generator().manual_seed(0)
    # Every picture is one colour: where it was pasted can be counted.
    colours = torch.arange(1, n + 1, dtype=torch.uint8) * 30
    pictures = colours[:, None, None, None].expand(n, HEIGHT, WIDTH, 3).clone()
    targets = torch.rand(n, classes, generator=generator).softmax(dim=1)
    before = pictures.clone(), targets.clone()
    rng = np.random.default_rng(1)
    pasted = 0
    for _ in range(40):
        mixed, shared, order = cutmix(rng, pictures, targets)
        assert sorted(order.tolist()) == list(range(n))
        for row in range(n):
            partner = int(order[row])
            own = (mixed[row] == colours[row]).all(dim=-1)
            other = (mixed[row] == colours[partner]).all(dim=-1)
            assert bool((own | other).all())
            if partner == row:
                assert torch.allclose(shared[row], targets[row])
                continue
            part = float(other.float().mean())
            pasted += part > 0
            assert torch.allclose(shared[row], targets[row] * (1 - part) + targets[partner] * part, atol=1e-6)
        assert torch.allclose(shared.sum(dim=1), torch.ones(n))
    assert pasted > 100
    assert torch.equal(pictures, before[0])
    assert torch.equal(targets, before[1])


def test_the_generator_decides_everything():
    pictures = torch.arange(5 * HEIGHT * WIDTH * 3).reshape(5, HEIGHT, WIDTH, 3) % 251
    targets = torch.eye(5)
    results = []
    for seed, torch_seed in ((7, 0), (7, 1), (8, 0)):
        torch.manual_seed(torch_seed)
        results.append(cutmix(np.random.default_rng(seed), pictures, targets))
    first, same, other = results
    assert all(torch.equal(one, two) for one, two in zip(first, same, strict=True))
    assert not torch.equal(first[0], other[0])


def test_boxes_stay_within_the_smallest_pictures():
    rng = np.random.default_rng(0)
    for width, height in ((1, 1), (2, 1), (1, 7)):
        for _ in range(200):
            x1, y1, x2, y2 = cutmix_box(rng, width, height)
            assert 0 <= x1 <= x2 <= width
            assert 0 <= y1 <= y2 <= height
