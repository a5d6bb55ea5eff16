"""The moving average of a network's weights, which is better than the weights of any one step.

Sources: Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", SIAM J. Control Optim. 1992;
Tarvainen and Valpola, "Mean teachers are better role models", NeurIPS 2017 (exponential, with a shorter memory first).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn


class Ema:
    """An average of parameters and buffers; `network` holds it, in evaluation mode.

    At its n-th update, from 1, the past keeps a share of min(`decay`, (1 + n) / (10 + n)), so that the random start
    is forgotten quickly. What is no floating-point number (a counter of batches) is taken over as it is.

    Parameters
    ----------
    network : copied; it is not changed
    decay : 0..1, the share that the past keeps in the long run
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self._decay = decay
        self._updates = 0

    def update(self, network: nn.Module) -> None:
        """Move the average towards `network`, which is of the same kind as the one that it began with."""
        import torch

        self._updates += 1
        keep = min(self._decay, (1 + self._updates) / (10 + self._updates))
        with torch.no_grad():
            for mine, theirs in zip(self.network.state_dict().values(), network.state_dict().values(), strict=True):
                if mine.dtype.is_floating_point:
                    mine.lerp_(theirs, 1 - keep)
                else:
                    mine.copy_(theirs)

    def state_dict(self) -> dict[str, Any]:
        """The average and the number of updates; as with torch, the tensors are the living ones."""
        return {"network": self.network.state_dict(), "updates": self._updates}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was taken."""
        self.network.load_state_dict(state["network"])
        self._updates = state["updates"]
