"""EfficientNet-Lite0, the default classifier; its published weights come with a Python package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cvstudio.models import MODELS, Architecture, ModelSpec
from cvstudio.models.shared.imagenet import CentreCrop, imagenet_labels
from cvstudio.models.shared.lite_weights import KEY, WEIGHTS, adapted
from cvstudio.weights.embedded import embedded_defaults

if TYPE_CHECKING:
    from cvstudio.models.classification._classifier import PhotoClassifier
    from cvstudio.models.shared.efficientnet_lite import LiteClassifier

CUT = CentreCrop(256, 224, "bicubic", mean=(127 / 255,) * 3, std=(128 / 255,) * 3)
LAYERS = ("stem", "stride 4", "stride 8", "stride 16", "stride 32", "last maps")


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
        summary="Names 1000 classes in photographs, and says when it is not sure; comes with the program.",
        architecture=Architecture(build, (CUT.crop, CUT.crop), parameters=4_652_008),
        better=("efficientnet-v2-s", "convnext-tiny"),
    )
)
