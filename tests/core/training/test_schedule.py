"""The learning rate beside torch's schedulers."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR

from cvstudio.training.schedule import warm_cosine, warm_hold_decay


def torchs(total: int, warm_up: int, floor: float) -> list[float]:
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    cosine = CosineAnnealingLR(optimiser, T_max=total - warm_up, eta_min=floor)
    schedule: torch.optim.lr_scheduler.LRScheduler = cosine
    if warm_up:
        line = LinearLR(optimiser, start_factor=1 / (warm_up + 1), total_iters=warm_up)
        schedule = SequentialLR(optimiser, [line, cosine], milestones=[warm_up])
    rates = []
    for _ in range(total):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    return rates


@pytest.mark.filterwarnings("ignore:The epoch parameter in `scheduler.step:UserWarning")
@pytest.mark.parametrize(("total", "warm_up", "floor"), [(40, 0, 0.0), (40, 0, 0.1), (40, 7, 0.0), (100, 25, 0.02)])
def test_it_is_torchs_line_and_cosine(total, warm_up, floor):
    found = [warm_cosine(step, total, warm_up, floor) for step in range(total)]
    assert found == pytest.approx(torchs(total, warm_up, floor), abs=1e-9)


def test_it_rises_to_1_falls_to_the_floor_and_stays_there():
    total, warm_up, floor = 60, 10, 0.05
    factors = [warm_cosine(step, total, warm_up, floor) for step in range(total + 1)]
    assert factors[0] == pytest.approx(1 / 11)
    assert all(one < other for one, other in itertools.pairwise(factors[: warm_up + 1]))
    assert factors[warm_up] == 1
    assert all(one > other for one, other in itertools.pairwise(factors[warm_up:]))
    assert factors[warm_up + 25] == pytest.approx((1 + floor) / 2)
    assert factors[total] == warm_cosine(total + 5, total, warm_up, floor) == floor


@pytest.mark.parametrize(("total", "warm_up"), [(1, 0), (1, 0.25), (1, 1), (2, 5), (7, 1.75)])
def test_short_runs_and_parts_of_steps_are_no_trouble(total, warm_up):
    factors = [warm_cosine(step, total, warm_up, 0.01) for step in range(total)]
    assert all(0 < factor <= 1 and math.isfinite(factor) for factor in factors)


@pytest.mark.parametrize("total", [40, 60])
def test_until_the_decay_a_longer_run_is_the_same(total):
    found = [warm_hold_decay(step, total, 5, 10, 0.1) for step in range(total + 3)]
    assert found[:6] == pytest.approx([1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1])
    assert set(found[5 : total - 9]) == {1.0}
    assert found[total - 10 : total] == pytest.approx(torchs(10, 0, 0.1), abs=1e-9)
    assert found[total:] == [0.1] * 3
