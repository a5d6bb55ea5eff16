"""The embedded classifier: a small residual network that names 60 kinds of things."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.models import MODELS, ModelSpec
from cvstudio.progress import Progress
from cvstudio.results import Logits
from cvstudio.stages import NoParams
from cvstudio.types import Image
from cvstudio.weights.embedded import embedded_defaults, embedded_weights

if TYPE_CHECKING:
    from cvstudio.models._residual import Classifier

KEY = "residual-60"
SIZE = 128

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
    """What the network sees of a picture: uint8 RGB (128, 128, 3), the middle of it with the shorter side whole."""
    import cv2

    pixels = image.rgb8
    height, width = pixels.shape[:2]
    scale = SIZE / min(height, width)
    # Of a very long picture only the middle is enlarged or reduced.
    side = min(height, width)
    left, top = (width - side) // 2, (height - side) // 2
    middle = pixels[top : top + side, left : left + side]
    kernel = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(middle, (SIZE, SIZE), interpolation=kernel), np.uint8)


class ResidualNetwork:
    """The classifier on one device, in evaluation mode. `model` is the torch module, for hooks and gradients."""

    def __init__(self, model: Classifier, labels: tuple[str, ...], device: str) -> None:
        import torch

        self.labels = labels
        self._device = device
        # Built outside of inference mode: what looks inside later needs gradients.
        self.model: Any = model.eval().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def nbytes(self) -> int:
        """Memory of parameters and buffers in bytes."""
        return sum(tensor.numel() * tensor.element_size() for tensor in self.model.state_dict().values())

    def warm_up(self, progress: Progress) -> None:
        """Let the first run's allocations and choices of kernels happen before they are waited for."""
        self.predict(Image(np.zeros((SIZE, SIZE, 3), np.uint8)), NoParams(), progress)

    def logits(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """Logits float32 (n, classes) of several pictures at once."""
        import torch

        from cvstudio.models._residual import normalise

        pixels = torch.from_numpy(np.stack([prepare(image) for image in images])).to(self._device)
        with torch.inference_mode():
            found: NDArray[np.float32] = self.model(normalise(pixels)).float().cpu().numpy()
        return found

    def predict(self, image: Image, params: NoParams, progress: Progress) -> Logits:
        """What the network says of each class, before temperature and threshold."""
        progress.check()
        return Logits(self.logits([image])[0], self.labels, image.size)


def load(device: str, checkpoint: Path | None) -> ResidualNetwork:
    """The network with `checkpoint`, or with the weights that come with the program. Raises WeightsError."""
    from cvstudio.weights import load_into, load_state_dict
    from cvstudio.weights.embedded import require_embedded

    state = load_state_dict(require_embedded(KEY, checkpoint))
    from cvstudio.models._residual import Classifier

    model = Classifier(len(LABELS))
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
        weights=embedded_weights(KEY),
        defaults=embedded_defaults(KEY, "temperature", "threshold"),
        labels=LABELS,
        capabilities=frozenset({"gradients", "hooks", "logits"}),
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
        summary="Names 60 kinds of things, from goldfish to espresso; comes with the program.",
    )
)
