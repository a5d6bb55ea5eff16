"""The embedded classifier: a small residual network that names 60 classes of objects."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Rect
from cvstudio.data.samples import Image
from cvstudio.foundation.params import NoParams
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS, Architecture, ModelSpec
from cvstudio.models.runtime.explainable import LayerStep
from cvstudio.models.runtime.torch_network import TorchNetwork
from cvstudio.results.classification import Logits
from cvstudio.weights.embedded import embedded_defaults, embedded_weights

if TYPE_CHECKING:
    from torch import Tensor

    from cvstudio.models.shared.residual import Classifier

KEY = "residual-60"
SIZE = 128
LAYERS = ("stem", "stage 1", "stage 2", "stage 3", "stage 4")

LABELS = (
    *("goldfish", "bullfrog", "American alligator", "tarantula", "goose", "koala", "jellyfish", "snail"),
    *("American lobster", "king penguin", "Chihuahua", "golden retriever", "German shepherd", "standard poodle"),
    *("tabby", "Egyptian cat", "lion", "brown bear", "ladybug", "bee", "monarch", "hog", "bison", "Arabian camel"),
    *("chimpanzee", "African elephant", "lesser panda", "backpack", "barn", "basketball", "beer bottle"),
    *("bullet train", "candle", "computer keyboard", "convertible", "dining table", "fountain", "freight car"),
    *("gondola", "police van", "refrigerator", "rocking chair", "sandal", "school bus", "sports car", "sunglasses"),
    *("suspension bridge", "teapot", "tractor", "trolleybus", "umbrella", "water tower", "ice cream", "mushroom"),
    *("orange", "banana", "pizza", "espresso", "alp", "seashore"),
)


def prepare(image: Image) -> NDArray[np.uint8]:
    """Centre crop of a picture, as large as its shorter side, resized to uint8 RGB (128, 128, 3)."""
    import cv2

    pixels = image.rgb8
    height, width = pixels.shape[:2]
    scale = SIZE / min(height, width)
    # Cropped before it is resized: of a very long picture only the middle is.
    side = min(height, width)
    left, top = (width - side) // 2, (height - side) // 2
    middle = pixels[top : top + side, left : left + side]
    kernel = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(middle, (SIZE, SIZE), interpolation=kernel), np.uint8)


class ResidualNetwork(TorchNetwork):
    """The classifier on one device."""

    temperature: float = embedded_defaults(KEY, "temperature").get("temperature", 1.0)

    def warm_up(self, progress: Progress) -> None:
        """Run once, so that allocations and kernel selection do not delay the first picture."""
        self.predict(Image(np.zeros((SIZE, SIZE, 3), np.uint8)), NoParams(), progress)

    def logits(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """Logits float32 (n, classes) of a batch of pictures."""
        with self.computing():
            logits: NDArray[np.float32] = self.forward(self._batch(images)).float().cpu().numpy()
        return logits

    def features(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """Inputs of the linear layer, float32 (n, 320), for a batch of pictures."""
        from cvstudio.models.classification._features import pooled

        with self.computing():
            features: NDArray[np.float32] = pooled(self.model, self._batch(images)).float().cpu().numpy()
        return features

    def _batch(self, images: Sequence[Image]) -> Tensor:
        import torch

        from cvstudio.models.shared.residual import normalise

        pixels = torch.from_numpy(np.stack([prepare(image) for image in images])).to(self.device)
        return normalise(pixels)

    def steps(self) -> tuple[LayerStep, ...]:
        """The stem, the four stages, and the head: global average pooling and linear layer."""
        trunk, head = self.model.trunk, self.model.head
        stages = (LayerStep(name, stage) for name, stage in zip(LAYERS[1:], trunk.stages, strict=True))
        return (LayerStep(LAYERS[0], trunk.stem), *stages, LayerStep("head", lambda x: head(x.mean(dim=(2, 3)))))

    def preprocess(self, image: Image) -> tuple[Tensor, Rect]:
        """Normalised centre crop float32 (1, 3, 128, 128), and its rectangle in pixels of the picture."""
        import torch

        from cvstudio.models.shared.residual import normalise

        width, height = image.size
        side = min(width, height)
        rect = Rect(float((width - side) // 2), float((height - side) // 2), float(side), float(side))
        return normalise(torch.from_numpy(prepare(image)[None]).to(self.device)), rect

    def class_weights(self) -> NDArray[np.float32]:
        """Weights float32 (classes, maps) of the linear layer behind global average pooling."""
        weights: NDArray[np.float32] = self.model.head.weight.detach().float().cpu().numpy()
        return weights

    def predict(self, image: Image, params: NoParams, progress: Progress) -> Logits:
        """Logits of each class, before temperature and threshold."""
        progress.check()
        return Logits(self.logits([image])[0], self.labels, image.size)


def build() -> Classifier:
    """Build the bare network with random weights."""
    from cvstudio.models.shared.residual import Classifier

    return Classifier(len(LABELS)).eval()


def load(device: str, checkpoint: Path | None) -> ResidualNetwork:
    """Load the network with `checkpoint`, or with the embedded weights. Raises WeightsError."""
    from cvstudio.weights.checks import load_into
    from cvstudio.weights.embedded import require_embedded
    from cvstudio.weights.store import load_state_dict

    state = load_state_dict(require_embedded(KEY, checkpoint))
    model = build()
    load_into(model, state, "the small residual network")
    return ResidualNetwork(model, LABELS, device)


MODELS.register(
    ModelSpec(
        key=KEY,
        title="Small residual network",
        task="classify",
        family="Residual",
        paper="He et al., Deep Residual Learning for Image Recognition, CVPR 2016",
        year=2016,
        load=load,
        weights=embedded_weights(KEY, {"top-1 of 60 classes": "top-1"}),
        defaults=embedded_defaults(KEY, "temperature", "threshold"),
        labels=LABELS,
        options={"layers": LAYERS},
        capabilities=frozenset({"gradients", "hooks", "reentrant", "logits", "maps", "features"}),
        keywords=(
            "ResNet",
            "residual network",
            "skip connection",
            "Tiny ImageNet",
            "ImageNet",
            "embedded",
            "global average pooling",
            "잔차 신경망",
        ),
        summary="Names 60 classes of objects, from goldfish to espresso; comes with the program.",
        architecture=Architecture(build, (SIZE, SIZE), parameters=4_172_892, macs=160_484_096),
        better=("efficientnet-lite0", "efficientnet-v2-s"),
    )
)
