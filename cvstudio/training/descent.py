"""Gradient descent through the batches of an epoch: what the training loops of the recipes share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from cvstudio.foundation.progress import Progress
from cvstudio.training.base import Report
from cvstudio.training.prefetch import prefetch

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer

Batch = TypeVar("Batch")

LARGEST_NORM = 10.0
"""Norm to which gradients are clipped where a task asks for it."""


def descend(
    batches: Iterable[Batch],
    figures_of: Callable[[Batch], Mapping[str, Tensor]],
    optimiser: Optimizer,
    rates: Sequence[float],
    factor: Callable[[int], float],
    report: Report,
    progress: Progress,
    *,
    steps: int,
    clipped: nn.Module | None = None,
    largest_norm: float = LARGEST_NORM,
    after_step: Callable[[], None] = lambda: None,
) -> dict[str, float]:
    """Take one step of `optimiser` for each batch and return the means of the figures.

    Parameters
    ----------
    batches : made in a thread, while the network is trained on the one before
    figures_of : scalars of a batch by name, of which the first is minimised
    rates : learning rate of each of the optimiser's groups
    factor : of the rates at a step of this epoch, from 0
    report : is given, after each step, `fraction`, the `rate` of the first group, and the figures
    steps : number of batches
    clipped : a network the norm of whose gradients, all together, is limited to `largest_norm`
    after_step : what follows a step, such as an average of the weights

    Raises
    ------
    Cancelled
        `progress` was cancelled.
    """
    import torch

    sums: dict[str, float] = {}
    for step, batch in enumerate(prefetch(batches)):
        progress.check()
        for group, rate in zip(optimiser.param_groups, rates, strict=True):
            group["lr"] = rate * factor(step)
        figures = figures_of(batch)
        optimiser.zero_grad(set_to_none=True)
        next(iter(figures.values())).backward()  # type: ignore[no-untyped-call]
        if clipped is not None:
            torch.nn.utils.clip_grad_norm_(clipped.parameters(), largest_norm)
        optimiser.step()
        after_step()
        values = {name: float(figure.detach()) for name, figure in figures.items()}
        for name, value in values.items():
            sums[name] = sums.get(name, 0.0) + value
        report({"fraction": (step + 1) / steps, "rate": rates[0] * factor(step), **values})
    return {name: total / max(1, steps) for name, total in sums.items()}
