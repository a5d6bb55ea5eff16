"""Base class of networks that run through torch: device, precision, engine, and cancellation between layers."""

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
    model : the torch module; its parameters stay float32 and are made outside of inference mode, so that explanations
        can compute gradients
    labels : class names by index
    device : "cpu", "cuda", "cuda:1" or "mps"

    Attributes
    ----------
    notice : what the user should know once it is loaded, such as that a part of it is missing; empty for nothing
    """

    notice = ""

    def __init__(self, model: nn.Module, labels: tuple[str, ...], device: str) -> None:
        self.labels = labels
        self.device = device
        self.model: Any = model.eval().to(device)
        self._engine: Engine | None = None
        self._engine_lock = threading.Lock()
        self.precision = Precision()
        self.use_precision(self.precision)

    def use_precision(self, precision: Precision) -> None:
        """Set the precision, from the thread that runs the network, between two runs."""
        if (precision.engine, precision.dtype) != (self.precision.engine, self.precision.dtype):
            self._engine = None
        self.precision = precision
        self.model.to(memory_format=self.memory_format)

    def trunk(self) -> nn.Module:
        """The submodule that OpenVINO may run in place of torch, by default the whole module.

        It maps pixels to tensors, or to tuples, lists and dicts of them.
        """
        module: nn.Module = self.model
        return module

    def forward(self, pixels: Tensor) -> Any:
        """Outputs of `trunk` for pixels float32 (n, 3, h, w); called within `computing`.

        Raises
        ------
        EngineError
            OpenVINO was chosen and cannot run the network.
        """
        if self.precision.engine == "openvino":
            with self._engine_lock:
                if self._engine is None:
                    self._engine = Engine(self.trunk(), pixels, self.precision.dtype)
                engine = self._engine
            if engine.takes(pixels):
                return engine(pixels)
        return self.trunk()(pixels.contiguous(memory_format=self.memory_format))

    @property
    def memory_format(self) -> torch.memory_format:
        """Memory layout of inputs and feature maps."""
        import torch

        return torch.channels_last if self.precision.channels_last else torch.contiguous_format

    @property
    def nbytes(self) -> int:
        """Memory of parameters and buffers in bytes, including the engine's copy."""
        module_bytes: int = sum(tensor.numel() * tensor.element_size() for tensor in self.model.state_dict().values())
        return module_bytes + (self._engine.nbytes if self._engine is not None else 0)

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Context without gradients and in the chosen precision."""
        import torch

        autocast = self.precision.dtype == "bfloat16"
        kind = torch.device(self.device).type
        with torch.inference_mode(), torch.autocast(kind, torch.bfloat16, enabled=autocast):
            yield


def full(tensor: Tensor) -> Tensor:
    """`tensor` in float32 or wider: boxes and probabilities are computed in it, whatever the network's precision."""
    import torch

    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def in_this_thread(hook: Callable[..., Any]) -> Callable[..., Any]:
    """`hook` for a module, called in this thread only: the same network may run in another for another picture."""
    thread = threading.get_ident()

    def thread_hook(*args: Any) -> Any:
        return hook(*args) if threading.get_ident() == thread else None

    return thread_hook


@contextmanager
def stoppable(blocks: Iterable[nn.Module], progress: Progress) -> Iterator[None]:
    """Check `progress` for cancellation before each of `blocks` runs in this thread; the hooks are always removed."""
    check = in_this_thread(lambda module, inputs: progress.check())
    hooks: list[Any] = []
    try:
        hooks.extend(block.register_forward_pre_hook(check) for block in blocks)
        yield
    finally:
        for hook in hooks:
            hook.remove()
