"""Any module of a network as a layer: its name as a parameter, its maps, and the gradient of a score in them."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses.explain._explained_class import ExplainedClass
from cvstudio.data.geometry import readonly
from cvstudio.data.samples import Image
from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.params import Choices, Doc
from cvstudio.foundation.progress import Progress
from cvstudio.models.runtime.layer_outputs import as_maps, cut_outputs, layer_names, read_outputs

Module = Annotated[
    str,
    Choices(from_model="modules", empty="the layer above"),
    Doc(
        "Any module",
        "Takes the maps of this module of the network, by its name in PyTorch, in place of the layer.",
        "Search for conv or attn.",
        more=True,
        later=True,
    ),
]
"""Parameter: dotted name of a module; which there are is known when the network is loaded."""


def module_names(network: Any) -> tuple[str, ...]:
    """Names that the parameter takes for this network; none for one that does not run through torch."""
    model: Any = getattr(network, "model", None)
    return layer_names(model) if hasattr(model, "named_modules") else ()


def module_maps(network: Any, image: Image, name: str, progress: Progress) -> NDArray[np.float32]:
    """Maps float32 (k, h, w) of a module of a classifier. Raises ParamsError for one that has none."""
    import torch

    pixels, _ = network.preprocess(image)
    progress.check()
    with torch.no_grad(), read_outputs(network.model, name) as outputs:
        network.model(pixels)
    layout = as_maps((int(pixels.shape[2]), int(pixels.shape[3])))
    maps = next((maps for output in outputs if (maps := layout(output)) is not None), None)
    if maps is None:
        raise ParamsError(f"The module '{name}' answers no feature maps; choose another one.")
    return readonly(maps[0].float().cpu().numpy())


def module_gradient(
    network: Any, image: Image, name: str, explained: ExplainedClass, progress: Progress
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Maps float32 (k, h, w) of a module of a classifier, and the gradient of the score of a class in them.

    Only what runs after the module is gone back through. Raises ParamsError for a module without maps, or of which the
    score does not depend.
    """
    import torch

    pixels, _ = network.preprocess(image)
    progress.check()
    with cut_outputs(network.model, name) as leaves:
        logits = network.model(pixels)
        gradients = torch.autograd.grad(explained.score(logits[0]), leaves, allow_unused=True) if leaves else ()
    layout = as_maps((int(pixels.shape[2]), int(pixels.shape[3])))
    for leaf, gradient in zip(leaves, gradients, strict=True):
        maps = layout(leaf.detach())
        slopes = None if gradient is None else layout(gradient)
        if maps is not None and slopes is not None:
            arrays = (item[0].float().cpu().numpy() for item in (maps, slopes))
            activation, slope = (readonly(np.ascontiguousarray(array)) for array in arrays)
            return activation, slope
    raise ParamsError(f"The module '{name}' answers no feature maps that the score depends on; choose another one.")
