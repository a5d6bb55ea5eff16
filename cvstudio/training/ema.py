"""Exponential moving average of a network's weights.

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
    """Moving average of parameters and buffers; `network` holds it, in evaluation mode.

    The decay of the n-th update, from 1, is min(`decay`, (1 + n) / (10 + n)), so that the random initialisation is
    forgotten quickly. Integer buffers (batch counters) are copied.

    Parameters
    ----------
    network : copied; it is not changed
    decay : 0..1, weight of the previous average in the long run
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self._decay = decay
        self._updates = 0

    def update(self, network: nn.Module) -> None:
        """Update the average with `network`, which has the architecture of the initial one."""
        import torch

        self._updates += 1
        decay = min(self._decay, (1 + self._updates) / (10 + self._updates))
        with torch.no_grad():
            for average, current in zip(self.network.state_dict().values(), network.state_dict().values(), strict=True):
                if average.dtype.is_floating_point:
                    average.lerp_(current, 1 - decay)
                else:
                    average.copy_(current)

    def state_dict(self) -> dict[str, Any]:
        """The average and the number of updates; as in torch, the tensors are references, not copies."""
        return {"network": self.network.state_dict(), "updates": self._updates}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state that `state_dict` returned."""
        self.network.load_state_dict(state["network"])
        self._updates = state["updates"]
