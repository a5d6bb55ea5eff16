"""Networks of depth of the transformers library on one device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from cvstudio.data.samples import Image
from cvstudio.foundation.params import Doc, Range
from cvstudio.foundation.progress import Progress
from cvstudio.models.runtime.torch_network import TorchNetwork, full, stoppable
from cvstudio.models.shared.imagenet import MEAN, STD
from cvstudio.results.spatial.nearness import NearnessMap

if TYPE_CHECKING:
    from torch import Tensor, nn

LABELS = ("relative depth",)
"""What the networks answer."""

SIDE = 518
LONGEST_RATIO = 3.0
"""Of a longer picture the shorter side is made smaller, to bound the memory."""


@dataclass(frozen=True)
class DepthSizeParams:
    """Parameters of the predict stage: the size of the input."""

    depth_side: Annotated[
        int,
        Range(196, 1036, step=14, unit="px", from_model="depth_side"),
        Doc(
            "Shorter side",
            "The picture is resized to this first; the network was trained for the default.",
            "Raise it for thin objects; it takes longer.",
            more=True,
        ),
    ] = SIDE


@dataclass(frozen=True)
class DepthForm:
    """A family of networks.

    Parameters
    ----------
    family, summary, keywords : as in `ModelSpec`
    side, sides : shorter side of the input, and the smallest and largest one that can be chosen
    patch : sides of the input are multiples of it
    mean, std : of the normalisation of RGB values in 0..1
    """

    family: str
    summary: str
    keywords: tuple[str, ...]
    side: int
    sides: tuple[float, float]
    patch: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    params: type[Any] = DepthSizeParams


DEPTH_ANYTHING = DepthForm(
    "Depth Anything",
    "Tells near from far in any photograph, also outdoors, with sharp edges; seconds a picture without a GPU.",
    ("Depth Anything", "DINOv2", "zero-shot"),
    SIDE,
    (196.0, 1036.0),
    14,
    MEAN,
    STD,
)
DPT = DepthForm(
    "DPT",
    "Tells near from far in any photograph; the transformer of the MiDaS family.",
    ("MiDaS", "DPT", "zero-shot"),
    384,
    (192.0, 768.0),
    32,
    (0.5, 0.5, 0.5),
    (0.5, 0.5, 0.5),
)

_SIZES: dict[str, dict[str, Any]] = {
    "small": {"hidden_size": 384, "num_attention_heads": 6, "num_hidden_layers": 12},
    "base": {"hidden_size": 768, "num_attention_heads": 12, "num_hidden_layers": 12},
    "large": {"hidden_size": 1024, "num_attention_heads": 16, "num_hidden_layers": 24},
}
_STAGES = {"small": (3, 6, 9, 12), "base": (3, 6, 9, 12), "large": (5, 12, 18, 24)}
_NECKS = {"small": [48, 96, 192, 384], "base": [96, 192, 384, 768], "large": [256, 512, 1024, 1024]}
_FUSED = {"small": 64, "base": 128, "large": 256}


def build(form: DepthForm, size: str) -> Any:
    """Build the network of ``transformers`` with random weights, in evaluation mode."""
    module: Any = _depth_anything(size) if form is DEPTH_ANYTHING else _dpt()
    return module.eval()


def _depth_anything(size: str) -> Any:
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

    stages = _STAGES[size]
    options: dict[str, Any] = {
        **_SIZES[size],
        "image_size": SIDE,
        "patch_size": 14,
        "out_features": [f"stage{number}" for number in stages],
        "reshape_hidden_states": False,
        "apply_layernorm": True,
    }
    backbone = Dinov2Config(**options)
    config = DepthAnythingConfig(
        backbone_config=backbone,
        patch_size=14,
        reassemble_hidden_size=_SIZES[size]["hidden_size"],
        reassemble_factors=[4, 2, 1, 0.5],
        neck_hidden_sizes=_NECKS[size],
        fusion_hidden_size=_FUSED[size],
        head_in_index=-1,
        head_hidden_size=32,
    )
    return DepthAnythingForDepthEstimation(config)


def _dpt() -> Any:
    from transformers import DPTConfig, DPTForDepthEstimation

    # The defaults of the configuration are those of the published large network.
    return DPTForDepthEstimation(
        DPTConfig(hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096)
    )


class TransformerDepth(TorchNetwork):
    """A network of depth on one device."""

    def __init__(self, model: nn.Module, form: DepthForm, device: str) -> None:
        super().__init__(model, LABELS, device)
        self._form = form

    def predict(self, image: Image, params: Any, progress: Progress) -> NearnessMap:
        """Inverse depth, up to a factor and an addend that are unknown."""
        progress.check()
        pixels = network_input(image, params.depth_side, self._form).to(self.device)
        with self.computing(), stoppable(self._layers(), progress):
            depth = self.model(pixel_values=pixels).predicted_depth
            values = full(depth)[0].cpu().numpy()
        return NearnessMap(np.maximum(values, 0), image.size)

    def _layers(self) -> Any:
        from torch import nn

        lists = (module for module in self.model.modules() if isinstance(module, nn.ModuleList))
        return max(lists, key=len)


def input_size(size: tuple[int, int], side: int, patch: int) -> tuple[int, int]:
    """Width and height of the input of a picture of width and height `size`: the shorter side near `side`, both
    multiples of `patch`."""
    width, height = size
    scale = side / min(width, height) * min(1.0, LONGEST_RATIO * min(width, height) / max(width, height))
    across, down = (max(patch, round(length * scale / patch) * patch) for length in (width, height))
    return across, down


def network_input(image: Image, side: int, form: DepthForm) -> Tensor:
    """Normalised input float (1, 3, h, w) of a picture."""
    import cv2
    import torch

    size = input_size(image.size, side, form.patch)
    shrinks = size[0] < image.size.width
    resized = cv2.resize(image.rgb8, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    values = (resized.astype(np.float32) / 255 - np.asarray(form.mean, np.float32)) / np.asarray(form.std, np.float32)
    return torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1)[None]))
