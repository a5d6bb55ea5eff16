"""The first embedded detector, trained from nothing: persons, cars, cats, buses and trains with their masks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cvstudio.data.samples import Image
from cvstudio.foundation.params import NoParams, Range
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS, Architecture, ModelSpec
from cvstudio.models.detection._cells import candidates_of, scored_cells
from cvstudio.models.runtime.explainable import ScoredCandidates
from cvstudio.models.runtime.torch_network import TorchNetwork
from cvstudio.models.shared.candidates import FLOOR
from cvstudio.models.shared.preprocessing import fit_long_side
from cvstudio.results.detections import Detections
from cvstudio.weights.embedded import embedded_defaults, embedded_weights

if TYPE_CHECKING:
    from cvstudio.models.shared.pyramid import DetectorNet

KEY = "pyramid-5"
LABELS = ("person", "car", "cat", "bus", "train")
SIZE = 416
"""Length of the picture's longer side in the network's input, in pixels."""


class PyramidNetwork(TorchNetwork):
    """The embedded detector on one device, its normalisations folded into the convolutions."""

    feature_layer = "trunk"

    def __init__(self, model: DetectorNet, labels: tuple[str, ...], device: str) -> None:
        from cvstudio.models.shared.residual import fuse

        super().__init__(fuse(model), labels, device)

    def warm_up(self, progress: Progress) -> None:
        """Run once, so that allocations and kernel selection do not delay the first picture."""
        self.predict(Image(np.zeros((234, SIZE, 3), np.uint8)), NoParams(), progress)

    def predict(self, image: Image, params: NoParams, progress: Progress) -> Detections:
        """Candidates above `FLOOR`, with masks: each is a cell of the maps with one of its classes."""
        import torch

        from cvstudio.models.shared.residual import normalise

        progress.check()
        pixels, scale = fit_long_side(image, SIZE)
        with self.computing():
            network_input = normalise(torch.from_numpy(pixels[None]).to(self.device))
            raw = self.forward(network_input)
            return candidates_of(raw.logits[0].sigmoid(), raw, pixels.shape[:2], scale, self.labels, image.size)

    def scored(self, image: Image, params: NoParams, progress: Progress) -> ScoredCandidates:
        """Every cell with each class."""
        import torch

        from cvstudio.models.shared.residual import normalise

        progress.check()
        pixels, scale = fit_long_side(image, SIZE)
        network_input = normalise(torch.from_numpy(pixels[None]).to(self.device))
        raw = self.model(network_input.contiguous(memory_format=self.memory_format))
        return scored_cells(raw.logits[0].sigmoid(), raw, pixels.shape[:2], scale)


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
        title="Five classes with masks",
        task="detect",
        family="Single shot",
        paper="Tian et al., FCOS: Fully Convolutional One-Stage Object Detection, ICCV 2019",
        year=2019,
        load=load,
        weights=embedded_weights(KEY, {"box mAP50 of 5 classes": "voc5 mAP50"}),
        ranges={"score": Range(FLOOR, 1, step=0.01)},
        defaults={"score": 0.4, "iou": 0.55, **embedded_defaults(KEY, "score")},
        labels=LABELS,
        capabilities=frozenset({"gradients", "hooks", "reentrant", "logits", "scores"}),
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
        summary=(
            "Finds persons, cars, cats, buses and trains, trained from nothing on few photographs: an example for the "
            "course; comes with the program."
        ),
        architecture=Architecture(build, (SIZE, SIZE), parameters=4_558_044, macs=2_613_113_152),
        better=("pyramid-lite0", "yolox-s"),
    )
)
