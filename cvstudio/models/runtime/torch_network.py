"""What networks that run through torch have in common: where and how they compute, and that they can be stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cvstudio.foundation.progress import Progress
from cvstudio.models.runtime.openvino import Engine
from cvstudio.models.runtime.precision import Precision

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
        self._engine: Engine | None = None
        self._starting = threading.Lock()
        self.precision = Precision()
        self.use_precision(self.precision)

    def use_precision(self, precision: Precision) -> None:
        """Compute in this way from now on. Called by the thread that runs the network, between two runs."""
        if (precision.engine, precision.dtype) != (self.precision.engine, self.precision.dtype):
            self._engine = None
        self.precision = precision
        self.model.to(memory_format=self.memory_format)

    def trunk(self) -> nn.Module:
        """The part that an engine may run instead of torch: it takes pixels and returns tensors, also in tuples, lists
        and dicts. The whole module by default."""
        whole: nn.Module = self.model
        return whole

    def forward(self, pixels: Tensor) -> Any:
        """What `trunk` returns of pixels float32 (n, 3, h, w), within `computing`.

        Raises
        ------
        EngineError
            The engine that was chosen cannot run the network.
        """
        if self.precision.engine == "openvino":
            with self._starting:
                if self._engine is None:
                    self._engine = Engine(self.trunk(), pixels, self.precision.dtype)
                engine = self._engine
            if engine.takes(pixels):
                return engine(pixels)
        return self.trunk()(pixels.contiguous(memory_format=self.memory_format))

    @property
    def memory_format(self) -> torch.memory_format:
        """The layout of pictures and maps."""
        import torch

        return torch.channels_last if self.precision.channels_last else torch.contiguous_format

    @property
    def nbytes(self) -> int:
        """Memory of parameters and buffers in bytes, also of the engine's own."""
        own: int = sum(tensor.numel() * tensor.element_size() for tensor in self.model.state_dict().values())
        return own + (self._engine.nbytes if self._engine is not None else 0)

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


def in_this_thread(hook: Callable[..., None]) -> Callable[..., None]:
    """`hook` for a module, deaf to other threads: the same network may run in one for another picture."""
    thread = threading.get_ident()

    def called(*told: Any) -> None:
        if threading.get_ident() == thread:
            hook(*told)

    return called


@contextmanager
def stoppable(blocks: Iterable[nn.Module], progress: Progress) -> Iterator[None]:
    """Ask `progress` before each of `blocks` runs in this thread; the hooks are gone afterwards, whatever happens."""
    check = in_this_thread(lambda module, inputs: progress.check())
    hooks: list[Any] = []
    try:
        hooks.extend(block.register_forward_pre_hook(check) for block in blocks)
        yield
    finally:
        for hook in hooks:
            hook.remove()
