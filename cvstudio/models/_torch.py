"""What networks that run through torch have in common: where and how they compute, and that they can be stopped."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cvstudio.precision import Precision
from cvstudio.progress import Progress

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


class TorchNetwork:
    """A network on one device, in evaluation mode.

    Parameters
    ----------
    model : the torch module; its parameters stay float32 and are made outside of inference mode, so that what looks
        inside can ask for gradients
    labels : the classes by index
    device : where it runs
    """

    def __init__(self, model: nn.Module, labels: tuple[str, ...], device: str) -> None:
        self.labels = labels
        self.device = device
        self.model: Any = model.eval().to(device)
        self.precision = Precision()
        self.use_precision(self.precision)

    def use_precision(self, precision: Precision) -> None:
        """Compute in this way from now on. Called by the thread that runs the network, between two runs."""
        self.precision = precision
        self.model.to(memory_format=self.memory_format)

    @property
    def memory_format(self) -> torch.memory_format:
        """The layout of pictures and maps."""
        import torch

        return torch.channels_last if self.precision.channels_last else torch.contiguous_format

    @property
    def nbytes(self) -> int:
        """Memory of parameters and buffers in bytes."""
        return sum(tensor.numel() * tensor.element_size() for tensor in self.model.state_dict().values())

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Without gradients and in the chosen precision."""
        import torch

        lower = self.precision.dtype == "bfloat16"
        kind = torch.device(self.device).type
        with torch.inference_mode(), torch.autocast(kind, torch.bfloat16, enabled=lower):
            yield


def full(tensor: Tensor) -> Tensor:
    """`tensor` in float32 at least: what boxes and probabilities are computed in, whatever the network computes in."""
    import torch

    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


@contextmanager
def stoppable(blocks: Iterable[nn.Module], progress: Progress) -> Iterator[None]:
    """Ask `progress` before each of `blocks` runs in this thread; the hooks are gone afterwards, whatever happens."""
    thread = threading.get_ident()

    def check(module: Any, inputs: Any) -> None:
        # The same network may run in another thread for another job.
        if threading.get_ident() == thread:
            progress.check()

    hooks: list[Any] = []
    try:
        hooks.extend(block.register_forward_pre_hook(check) for block in blocks)
        yield
    finally:
        for hook in hooks:
            hook.remove()
