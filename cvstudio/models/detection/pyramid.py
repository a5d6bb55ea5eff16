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
"""Length of the picture's longer side in the network's input, in pixels."""


def prepare(image: Image) -> tuple[NDArray[np.uint8], tuple[float, float]]:
    """Resize and pad a picture for the network.

    Returns
    -------
    uint8 RGB (h, w, 3), the longer side `SIZE`, padded on the right and bottom to multiples of 32; and its scale in x
    and y: pixels of the input per pixel of the picture
    """
    import cv2

    pixels = image.rgb8
    height, width = pixels.shape[:2]
    scale = SIZE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # Exact halving is far faster than averaging over fractional areas, and averages of averages are as good.
    while not (pixels.shape[0] % 2 or pixels.shape[1] % 2) and pixels.shape[0] >= 4 * size[1]:
        half_size = (pixels.shape[1] // 2, pixels.shape[0] // 2)
        pixels = np.asarray(cv2.resize(pixels, half_size, interpolation=cv2.INTER_AREA), np.uint8)
    kernel = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    resized = cv2.resize(pixels, size, interpolation=kernel)
    right, bottom = (-side % 32 for side in size)
    padded = cv2.copyMakeBorder(resized, 0, bottom, 0, right, cv2.BORDER_CONSTANT, value=GREY)
    return np.asarray(padded, np.uint8), (size[0] / width, size[1] / height)


class PyramidNetwork(TorchNetwork):
    """The embedded detector on one device, its normalisations folded into the convolutions."""

    def __init__(self, model: DetectorNet, labels: tuple[str, ...], device: str) -> None:
        from cvstudio.models.shared.residual import fuse

        super().__init__(fuse(model), labels, device)

    def warm_up(self, progress: Progress) -> None:
        """Run once, so that allocations and kernel selection do not delay the first picture."""
        self.predict(Image(np.zeros((234, SIZE, 3), np.uint8)), NoParams(), progress)

    def predict(self, image: Image, params: NoParams, progress: Progress) -> Detections:
        """Candidates above `FLOOR`, with masks: each is a cell of the maps with one of its classes."""
        import torch

        from cvstudio.models.shared.pyramid import PROTOTYPE_STRIDE, decode, places
        from cvstudio.models.shared.residual import normalise

        progress.check()
        pixels, scale = prepare(image)
        height, width = pixels.shape[:2]
        with self.computing():
            network_input = normalise(torch.from_numpy(pixels[None]).to(self.device))
            raw = self.forward(network_input)
            scores = raw.logits[0].sigmoid().flatten()
            best_indices = scores.topk(min(MAX_CANDIDATES, len(scores))).indices
            best_indices = best_indices[scores[best_indices] >= FLOOR]
            rows, classes = best_indices // len(self.labels), best_indices % len(self.labels)
            centres, strides = places(height, width, self.device)
            boxes = decode(raw.distances[0][rows], centres[rows], strides[rows]).cpu().numpy()
            coefficients = raw.coefficients[0][rows].cpu().numpy()
            prototypes = raw.prototypes[0].cpu().numpy()
            best_scores = scores[best_indices].cpu().numpy()
            class_indices = classes.cpu().numpy()
        x_scale, y_scale = scale
        boxes = boxes / np.array([x_scale, y_scale, x_scale, y_scale], np.float32)
        boxes = np.clip(boxes, 0, np.array([*image.size, *image.size], np.float32)).astype(np.float32)
        prototype_scale = (x_scale / PROTOTYPE_STRIDE, y_scale / PROTOTYPE_STRIDE)
        return Detections(
            boxes,
            best_scores,
            class_indices,
            self.labels,
            np.arange(len(best_scores), dtype=np.int64),
            image.size,
            masks=PrototypeMasks(prototypes, coefficients, prototype_scale),
        )


def build() -> DetectorNet:
    """Build the bare network with random weights."""
    from cvstudio.models.shared.pyramid import DetectorNet

    return DetectorNet(len(LABELS)).eval()


def load(device: str, checkpoint: Path | None) -> PyramidNetwork:
    """Load the network with `checkpoint`, or with the embedded weights. Raises WeightsError."""
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
        title="Built-in detector with masks",
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
