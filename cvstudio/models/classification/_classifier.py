"""A classifier of photographs that runs through torch: torchvision's and timm's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Rect
from cvstudio.data.samples import Image
from cvstudio.foundation.params import NoParams
from cvstudio.foundation.progress import Progress
from cvstudio.models.classification._features import pooled
from cvstudio.models.runtime.torch_network import TorchNetwork, full, stoppable
from cvstudio.models.shared.imagenet import CentreCrop, cut_out
from cvstudio.results.classification import Logits

if TYPE_CHECKING:
    from torch import Tensor, nn

    from cvstudio.models.classification._classifier_layers import Layers
    from cvstudio.models.runtime.explainable import LayerStep


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

    def __init__(self, model: nn.Module, labels: tuple[str, ...], device: str, cut: CentreCrop, layers: Layers) -> None:
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
        progress.check()
        with self.computing(), stoppable(self._blocks, progress):
            found: NDArray[np.float32] = full(self.forward(self._batch(images))).cpu().numpy()
        return found

    def features(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """What the last layer decides by, float32 (n, d), averaged over places where it has some."""
        with self.computing():
            found: NDArray[np.float32] = full(pooled(self.model, self._batch(images))).cpu().numpy()
        return found

    def predict(self, image: Image, params: NoParams, progress: Progress) -> Logits:
        """What the network says of each class, before temperature and threshold."""
        return Logits(self.logits([image], progress)[0], self.labels, image.size)

    def steps(self) -> tuple[LayerStep, ...]:
        """Its feature maps and its head; none where it works on something else."""
        return self._layers.steps

    def preprocess(self, image: Image) -> tuple[Tensor, Rect]:
        """The middle of the picture as the network sees it, and where that is."""
        pixels, rect = cut_out(image, self.cut)
        return self._normalised([pixels]), rect

    def class_weights(self) -> NDArray[np.float32] | None:
        """Weights (classes, maps) of the linear layer behind a global average; None where the head is another."""
        if self._layers.linear is None:
            return None
        found: NDArray[np.float32] = self._layers.linear.weight.detach().float().cpu().numpy()
        return found

    def _batch(self, images: Sequence[Image]) -> Tensor:
        return self._normalised([cut_out(image, self.cut)[0] for image in images])

    def _normalised(self, pictures: Sequence[NDArray[np.uint8]]) -> Tensor:
        import torch

        pixels = torch.from_numpy(np.stack(pictures)).to(self.device).permute(0, 3, 1, 2)
        return ((pixels.float() / 255 - self._mean) / self._std).contiguous(memory_format=self.memory_format)


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
