"""The embedded detector: persons, cars, cats, buses and trains with their masks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.samples import Image
from cvstudio.foundation.params import NoParams, Range
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS, Architecture, ModelSpec
from cvstudio.models.runtime.torch_network import TorchNetwork
from cvstudio.models.shared.candidates import FLOOR
from cvstudio.models.shared.imagenet import GREY
from cvstudio.models.spec import MAX_CANDIDATES
from cvstudio.results.detections import Detections
from cvstudio.results.masks import PrototypeMasks
from cvstudio.weights.embedded import embedded_defaults, embedded_weights

if TYPE_CHECKING:
    from cvstudio.models.shared.pyramid import DetectorNet

KEY = "pyramid-5"
LABELS = ("person", "car", "cat", "bus", "train")
SIZE = 416
"""Pixels of the picture's longer side as the network sees it."""


def prepare(image: Image) -> tuple[NDArray[np.uint8], tuple[float, float]]:
    """What the network sees of a picture.

    Returns
    -------
    uint8 RGB (h, w, 3), the longer side `SIZE`, right and bottom filled up to multiples of 32; and how many of its
    pixels make one of the picture, by x and y
    """
    import cv2

    pixels = image.rgb8
    height, width = pixels.shape[:2]
    scale = SIZE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # Halving exactly is far quicker than averaging areas that end within pixels, and averages of averages are as good.
    while not (pixels.shape[0] % 2 or pixels.shape[1] % 2) and pixels.shape[0] >= 4 * size[1]:
        half = (pixels.shape[1] // 2, pixels.shape[0] // 2)
        pixels = np.asarray(cv2.resize(pixels, half, interpolation=cv2.INTER_AREA), np.uint8)
    kernel = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    resized = cv2.resize(pixels, size, interpolation=kernel)
    right, bottom = (-side % 32 for side in size)
    padded = cv2.copyMakeBorder(resized, 0, bottom, 0, right, cv2.BORDER_CONSTANT, value=GREY)
    return np.asarray(padded, np.uint8), (size[0] / width, size[1] / height)


class PyramidNetwork(TorchNetwork):
    """The detector on one device; its normalisations are folded into the convolutions."""

    def __init__(self, model: DetectorNet, labels: tuple[str, ...], device: str) -> None:
        from cvstudio.models.shared.residual import fuse

        super().__init__(fuse(model), labels, device)

    def warm_up(self, progress: Progress) -> None:
        """Let the first run's allocations and choices of kernels happen before they are waited for."""
        self.predict(Image(np.zeros((234, SIZE, 3), np.uint8)), NoParams(), progress)

    def predict(self, image: Image, params: NoParams, progress: Progress) -> Detections:
        """Candidates above `FLOOR`: each is a place of the maps with one of its classes."""
        import torch

        from cvstudio.models.shared.pyramid import PROTOTYPE_STRIDE, decode, places
        from cvstudio.models.shared.residual import normalise

        progress.check()
        pixels, scale = prepare(image)
        height, width = pixels.shape[:2]
        with self.computing():
            seen = normalise(torch.from_numpy(pixels[None]).to(self.device))
            raw = self.forward(seen)
            scores = raw.logits[0].sigmoid().flatten()
            best = scores.topk(min(MAX_CANDIDATES, len(scores))).indices
            best = best[scores[best] >= FLOOR]
            rows, classes = best // len(self.labels), best % len(self.labels)
            centres, strides = places(height, width, self.device)
            boxes = decode(raw.distances[0][rows], centres[rows], strides[rows]).cpu().numpy()
            coefficients = raw.coefficients[0][rows].cpu().numpy()
            prototypes = raw.prototypes[0].cpu().numpy()
            found = scores[best].cpu().numpy()
            kinds = classes.cpu().numpy()
        across, down = scale
        boxes = boxes / np.array([across, down, across, down], np.float32)
        boxes = np.clip(boxes, 0, np.array([*image.size, *image.size], np.float32)).astype(np.float32)
        cells = (across / PROTOTYPE_STRIDE, down / PROTOTYPE_STRIDE)
        return Detections(
            boxes,
            found,
            kinds,
            self.labels,
            np.arange(len(found), dtype=np.int64),
            image.size,
            masks=PrototypeMasks(prototypes, coefficients, cells),
        )


def build() -> DetectorNet:
    """The bare network, with random weights."""
    from cvstudio.models.shared.pyramid import DetectorNet

    return DetectorNet(len(LABELS)).eval()


def load(device: str, checkpoint: Path | None) -> PyramidNetwork:
    """The network with `checkpoint`, or with the weights that come with the program. Raises WeightsError."""
    from cvstudio.weights.checks import load_into
    from cvstudio.weights.embedded import require_embedded
    from cvstudio.weights.store import load_state_dict

    state = load_state_dict(require_embedded(KEY, checkpoint))
    model = build()
    load_into(model, state, "the embedded detector")
    return PyramidNetwork(model, LABELS, device)


MODELS.register(
    ModelSpec(
        key=KEY,
        title="Embedded detector with masks",
        task="detect",
        family="Single shot",
        paper="Tian et al., FCOS: Fully Convolutional One-Stage Object Detection, ICCV 2019",
        year=2019,
        load=load,
        weights=embedded_weights(KEY, {"box mAP50 of 5 classes": "voc5 mAP50"}),
        ranges={"score": Range(FLOOR, 1, step=0.01)},
        defaults={"score": 0.4, "iou": 0.55, **embedded_defaults(KEY, "score")},
        labels=LABELS,
        capabilities=frozenset({"gradients", "hooks", "reentrant", "logits"}),
        keywords=(
            "FPN",
            "feature pyramid network",
            "YOLACT",
            "anchor-free",
            "instance segmentation",
            "mask",
            "embedded",
            "FCOS",
            "인스턴스 분할",
        ),
        summary="Finds persons, cars, cats, buses and trains, live, and draws around them; comes with the program.",
        architecture=Architecture(build, (SIZE, SIZE), parameters=4_558_044, macs=2_613_113_152),
    )
)
