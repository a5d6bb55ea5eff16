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
    labels : class names by index
    device : "cpu", "cuda", "cuda:1" or "mps"
    cut : preprocessing
    layers : its layers with feature maps
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
        """Run once, so that allocations and kernel selection do not delay the first picture."""
        side = self.cut.crop
        self.predict(Image(np.zeros((side, side, 3), np.uint8)), NoParams(), progress)

    def logits(self, images: Sequence[Image], progress: Progress) -> NDArray[np.float32]:
        """Logits float32 (n, classes) of a batch of pictures."""
        progress.check()
        with self.computing(), stoppable(self._blocks, progress):
            logits: NDArray[np.float32] = full(self.forward(self._batch(images))).cpu().numpy()
        return logits

    def features(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """Inputs of the last layer, float32 (n, d), averaged over positions."""
        with self.computing():
            features: NDArray[np.float32] = full(pooled(self.model, self._batch(images))).cpu().numpy()
        return features

    def predict(self, image: Image, params: NoParams, progress: Progress) -> Logits:
        """Logits of each class, before temperature and threshold."""
        return Logits(self.logits([image], progress)[0], self.labels, image.size)

    def steps(self) -> tuple[LayerStep, ...]:
        """Its layers with feature maps, and its head; none for a network without feature maps."""
        return self._layers.steps

    def preprocess(self, image: Image) -> tuple[Tensor, Rect]:
        """Normalised centre crop float32 (1, 3, crop, crop), and its rectangle in pixels of the picture."""
        pixels, rect = cut_out(image, self.cut)
        return self._normalised([pixels]), rect

    def class_weights(self) -> NDArray[np.float32] | None:
        """Weights float32 (classes, maps) of the linear layer behind global average pooling; None for another head."""
        if self._layers.linear is None:
            return None
        weights: NDArray[np.float32] = self._layers.linear.weight.detach().float().cpu().numpy()
        return weights

    def _batch(self, images: Sequence[Image]) -> Tensor:
        return self._normalised([cut_out(image, self.cut)[0] for image in images])

    def _normalised(self, pictures: Sequence[NDArray[np.uint8]]) -> Tensor:
        import torch

        pixels = torch.from_numpy(np.stack(pictures)).to(self.device).permute(0, 3, 1, 2)
        return ((pixels.float() / 255 - self._mean) / self._std).contiguous(memory_format=self.memory_format)


def bare(make: Callable[[], Any]) -> Any:
    """The module that `make` builds, in evaluation mode, on torch's default device.

    Some builders compute widths with tensors and read their values, which meta tensors lack: those stay on the CPU.
    """
    import torch

    with _sequences_on_cpu():
        model = make()
    return model.eval().to(torch.get_default_device())


@contextmanager
def _sequences_on_cpu() -> Iterator[None]:
    """Context in which torch creates tensors from values on the CPU, whatever the default device."""
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
