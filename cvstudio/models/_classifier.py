"""A classifier of photographs that runs through torch: torchvision's and timm's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.models._imagenet import Cut, cut_out
from cvstudio.models._torch import TorchNetwork, full, stoppable
from cvstudio.progress import Progress
from cvstudio.results import Logits
from cvstudio.stages import NoParams
from cvstudio.types import Image, Rect

if TYPE_CHECKING:
    from torch import Tensor, nn

    from cvstudio.explain import Step
    from cvstudio.models._classifier_layers import Layers


class PhotoClassifier(TorchNetwork):
    """A classifier on one device.

    Parameters
    ----------
    model : ``model(x)`` takes float (n, 3, crop, crop) and returns logits (n, classes)
    labels : of the classes by index
    device : where it runs
    cut : what it sees of a picture
    layers : its feature maps
    """

    temperature: float = 1.0

    def __init__(self, model: nn.Module, labels: tuple[str, ...], device: str, cut: Cut, layers: Layers) -> None:
        import torch

        super().__init__(model, labels, device)
        self.cut = cut
        self._layers = layers
        self._blocks = [part for part in model.modules() if isinstance(part, torch.nn.Conv2d | torch.nn.Linear)]
        self._mean = torch.tensor(cut.mean, device=device).view(3, 1, 1)
        self._std = torch.tensor(cut.std, device=device).view(3, 1, 1)

    def warm_up(self, progress: Progress) -> None:
        """Let the first run's allocations and choices of kernels happen before they are waited for."""
        side = self.cut.crop
        self.predict(Image(np.zeros((side, side, 3), np.uint8)), NoParams(), progress)

    def logits(self, images: Sequence[Image], progress: Progress) -> NDArray[np.float32]:
        """Logits float32 (n, classes) of several pictures at once."""
        return self._run(self.forward, images, progress)

    def features(self, images: Sequence[Image], progress: Progress) -> NDArray[np.float32]:
        """What the last layer decides by, float32 (n, k): its input, averaged over places where it has some."""
        kept: list[Tensor] = []

        def keep(module: Any, inputs: tuple[Tensor, ...]) -> None:
            kept.append(inputs[0])

        hook = self._blocks[-1].register_forward_pre_hook(keep)
        try:
            self._run(self.model, images, progress)
        finally:
            hook.remove()
        (found,) = kept
        pooled: NDArray[np.float32] = full(found.flatten(2).mean(-1) if found.ndim == 4 else found).cpu().numpy()
        return pooled

    def predict(self, image: Image, params: NoParams, progress: Progress) -> Logits:
        """What the network says of each class, before temperature and threshold."""
        return Logits(self.logits([image], progress)[0], self.labels, image.size)

    def steps(self) -> tuple[Step, ...]:
        """Its feature maps and its head; none where it works on something else."""
        return self._layers.steps

    def seen(self, image: Image) -> tuple[Tensor, Rect]:
        """The middle of the picture as the network sees it, and where that is."""
        pixels, rect = cut_out(image, self.cut)
        return self._normalised([pixels]), rect

    def class_weights(self) -> NDArray[np.float32] | None:
        """Weights (classes, maps) of the linear layer behind a global average; None where the head is another."""
        if self._layers.linear is None:
            return None
        found: NDArray[np.float32] = self._layers.linear.weight.detach().float().cpu().numpy()
        return found

    def _normalised(self, pictures: Sequence[NDArray[np.uint8]]) -> Tensor:
        import torch

        pixels = torch.from_numpy(np.stack(pictures)).to(self.device).permute(0, 3, 1, 2)
        return ((pixels.float() / 255 - self._mean) / self._std).contiguous(memory_format=self.memory_format)

    def _run(
        self, network: Callable[[Tensor], Any], images: Sequence[Image], progress: Progress
    ) -> NDArray[np.float32]:
        progress.check()
        pictures = [cut_out(image, self.cut)[0] for image in images]
        with self.computing(), stoppable(self._blocks, progress):
            found: NDArray[np.float32] = full(network(self._normalised(pictures))).cpu().numpy()
        return found


def bare(make: Callable[[], Any]) -> Any:
    """The module that `make` builds, in evaluation mode, on the device that torch is set to.

    Some builders compute widths with tensors and read them, which "meta" tensors do not allow: those stay on the CPU.
    """
    import torch

    with _sequences_on_cpu():
        model = make()
    return model.eval().to(torch.get_default_device())


@contextmanager
def _sequences_on_cpu() -> Iterator[None]:
    import torch
    from torch.overrides import TorchFunctionMode

    class OnCpu(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = dict(kwargs or {})
            if func in (torch.arange, torch.linspace, torch.tensor):
                kwargs.setdefault("device", "cpu")
            return func(*args, **kwargs)

    with OnCpu():
        yield
