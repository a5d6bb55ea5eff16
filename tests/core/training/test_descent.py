"""Gradient descent through an epoch, against the same steps written out."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cvstudio.foundation.errors import Cancelled
from cvstudio.foundation.progress import Progress
from cvstudio.training.descent import LARGEST_NORM, descend


def network_and_batches() -> tuple[nn.Linear, list[torch.Tensor]]:
    generator = torch.Generator().manual_seed(3)
    network = nn.Linear(4, 1)
    with torch.no_grad():
        network.weight.copy_(torch.randn(1, 4, generator=generator))
        network.bias.zero_()
    # Large enough that the gradients are clipped.
    return network, [100 * torch.randn(8, 4, generator=generator) for _ in range(5)]


def optimiser_of(network: nn.Linear) -> torch.optim.SGD:
    return torch.optim.SGD([{"params": [network.weight]}, {"params": [network.bias]}], lr=1.0, momentum=0.9)


def factor(step: int) -> float:
    return 1.0 / (step + 1)


@pytest.mark.parametrize("clipped", [False, True])
def test_it_takes_the_steps_of_a_plain_loop(clipped: bool) -> None:
    expected, batches = network_and_batches()
    optimiser, losses = optimiser_of(expected), []
    for step, batch in enumerate(batches):
        optimiser.param_groups[0]["lr"], optimiser.param_groups[1]["lr"] = 0.1 * factor(step), 0.02 * factor(step)
        loss = expected(batch).square().mean()
        optimiser.zero_grad()
        loss.backward()
        if clipped:
            torch.nn.utils.clip_grad_norm_(expected.parameters(), LARGEST_NORM)
        optimiser.step()
        losses.append(loss.item())

    network, batches = network_and_batches()
    reports, after = [], []

    def losses_of(batch: torch.Tensor) -> dict[str, torch.Tensor]:
        answers = network(batch)
        return {"loss": answers.square().mean(), "largest": answers.abs().max()}

    means = descend(
        batches,
        losses_of,
        optimiser_of(network),
        [0.1, 0.02],
        factor,
        reports.append,
        Progress(),
        steps=len(batches),
        clipped=network if clipped else None,
        after_step=lambda: after.append(network.bias.item()),
    )
    assert torch.equal(network.weight, expected.weight)
    assert torch.equal(network.bias, expected.bias)
    assert set(means) == {"loss", "largest"}
    assert means["loss"] == pytest.approx(sum(losses) / 5)
    assert [report["loss"] for report in reports] == losses
    assert [report["fraction"] for report in reports] == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert [report["rate"] for report in reports] == [0.1 * factor(step) for step in range(5)]
    assert len(after) == 5
    assert after[-1] == network.bias.item()


def test_it_ends_between_two_steps_when_it_is_cancelled() -> None:
    network, batches = network_and_batches()
    progress, done = Progress(), []

    def cancel(values: object) -> None:
        done.append(values)
        progress.cancel()

    with pytest.raises(Cancelled):
        descend(
            batches,
            lambda batch: {"loss": network(batch).mean()},
            optimiser_of(network),
            [0.1, 0.1],
            factor,
            cancel,
            progress,
            steps=5,
        )
    assert len(done) == 1
