"""How faithful a map is to its network: insertion and deletion, and the same map of a network with random weights.

Sources: Petsiuk et al., "RISE: Randomized Input Sampling for Explanation of Black-box Models", BMVC 2018, section 4.3;
Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018, section 3.1 (cascading randomisation).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses.explain._backprop import input_gradient
from cvstudio.analyses.explain._class_activation import grad_cam
from cvstudio.analyses.explain._explained_class import ExplainedClass
from cvstudio.data.geometry import Rect
from cvstudio.foundation.progress import Progress
from cvstudio.models.runtime.explainable import LayerStep
from cvstudio.models.runtime.layer_outputs import as_maps, cut_outputs

if TYPE_CHECKING:
    from torch import Tensor, nn

BATCH = 8
GRAD_CAM, GRADIENT, GUIDED = "Grad-CAM", "Gradient", "Guided backpropagation"
METHODS = (GRAD_CAM, GRADIENT, GUIDED)


def on_input(values: NDArray[np.float32], rect: Rect, shown: Rect, size: tuple[int, int]) -> NDArray[np.float32]:
    """A map over `rect` at each pixel of an input of `size` (height, width) that shows the part `shown`, all in image
    pixels; interpolated between the centres of its cells: float32 (height, width)."""
    import cv2

    height, width = size
    rows, columns = values.shape
    y = shown.y + (np.arange(height) + 0.5) / height * shown.height
    x = shown.x + (np.arange(width) + 0.5) / width * shown.width
    grid_y = ((y - rect.y) / rect.height * rows - 0.5).astype(np.float32)
    grid_x = ((x - rect.x) / rect.width * columns - 0.5).astype(np.float32)
    across, down = np.meshgrid(grid_x, grid_y)
    found = cv2.remap(values, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32)


def replaced_in_order(
    score: Callable[[Tensor], NDArray[np.float64]],
    first: Tensor,
    last: Tensor,
    importance: NDArray[np.float32],
    steps: int,
    progress: Progress,
) -> Iterator[NDArray[np.float64]]:
    """Scores of `first` (1, 3, h, w) as its pixels are replaced by those of `last`, the most important first.

    Yields the scores so far, at shares 0, 1 / steps, 2 / steps, …, 1 of the pixels; of equal ones the upper left first.

    score : callable (n, 3, h, w) -> float64 (n,)
    """
    import torch

    order = np.argsort(-importance.ravel(), kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    ranks = torch.from_numpy(rank.reshape(importance.shape)).to(first.device)
    bounds = np.rint(np.linspace(0, len(order), steps + 1)).astype(int).tolist()
    scores = np.zeros(0)
    for start in range(0, len(bounds), BATCH):
        progress(start / len(bounds), f"{start} of {len(bounds)} pictures")
        pictures = [torch.where(ranks < bound, last, first) for bound in bounds[start : start + BATCH]]
        scores = np.concatenate([scores, score(torch.cat(pictures))])
        yield scores


class Whole:
    """A torch classifier as one step, for what asks for no more."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def steps(self) -> tuple[LayerStep, ...]:
        return (LayerStep("network", self._model),)


def map_of(model: nn.Module, pixels: Tensor, explained: ExplainedClass, method: str, layer: str) -> NDArray[np.float32]:
    """Map of a bare classifier by one of `METHODS`, float32 (h, w), positive; `layer` is that of Grad-CAM."""
    import torch

    if method != GRAD_CAM:
        rule: Any = "guided" if method == GUIDED else None
        network: Any = Whole(model)
        gradient = input_gradient(network, pixels, explained, Progress(), rule)
        return np.asarray(np.abs(gradient[0].cpu().numpy()).max(axis=0), np.float32)
    with cut_outputs(model, layer) as leaves:
        # A module that is called several times, such as an activation: its last call.
        (slope,) = torch.autograd.grad(explained.score(model(pixels)[0]), leaves[-1:])
    layout = as_maps((int(pixels.shape[2]), int(pixels.shape[3])))
    arrays = [layout(item.detach()) for item in (leaves[-1], slope)]
    maps, slopes = (item[0].float().cpu().numpy() for item in arrays if item is not None)
    return np.maximum(grad_cam(maps, slopes), 0)


def last_maps_of(model: nn.Module, pixels: Tensor) -> str:
    """Name of the last module that answers feature maps with more than one place; empty where there is none."""
    import torch

    from cvstudio.models.runtime.torch_network import in_this_thread

    layout = as_maps((int(pixels.shape[2]), int(pixels.shape[3])))
    last = ""
    handles: list[Any] = []

    def remember(name: str) -> Callable[..., None]:
        def hook(module: Any, inputs: Any, output: Any) -> None:
            nonlocal last
            if isinstance(output, torch.Tensor) and layout(output) is not None:
                last = name

        return hook

    try:
        for name, module in model.named_modules():
            if name:
                handles.append(module.register_forward_hook(in_this_thread(remember(name))))
        with torch.no_grad():
            model(pixels)
    finally:
        for handle in handles:
            handle.remove()
    return last


def randomised_cascade(model: nn.Module, seed: int) -> Iterator[tuple[str, nn.Module]]:
    """A copy of `model` of which the weights become random layer by layer, the last layer first; yields the name of the
    layer and the copy, which is the same object each time.

    A layer's weights are drawn from a normal distribution with their own mean and deviation; what has no deviation,
    such as a single bias, stays.
    """
    import torch

    changed = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(seed)
    layers = [
        (name, part)
        for name, part in changed.named_modules()
        if any(parameter.ndim > 1 for parameter in part.parameters(recurse=False))
    ]
    for name, part in reversed(layers):
        with torch.no_grad():
            for parameter in part.parameters(recurse=False):
                noise = torch.randn(parameter.shape, generator=generator).to(parameter.device)
                deviation = parameter.std() if parameter.numel() > 1 else torch.zeros((), device=parameter.device)
                parameter.copy_(parameter.mean() + deviation * noise if float(deviation) > 0 else parameter)
        yield name, changed


def rank_correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Spearman's rank correlation of two maps, -1..1; 0 where one of them is flat."""
    from scipy.stats import rankdata

    ranks = [rankdata(values.ravel()) for values in (one, other)]
    deviations = [float(values.std()) for values in ranks]
    if min(deviations) == 0:
        return 0.0
    covariance = float(((ranks[0] - ranks[0].mean()) * (ranks[1] - ranks[1].mean())).mean())
    return covariance / (deviations[0] * deviations[1])
