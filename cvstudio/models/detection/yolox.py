"""YOLOX in its six published sizes: an anchor-free one-stage detector of the 80 COCO classes.

Source: Ge et al., "YOLOX: Exceeding YOLO Series in 2021", arXiv 2107.08430. The figures are those that its authors
publish with the checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Rect
from cvstudio.data.samples import Image
from cvstudio.foundation.params import NoParams, Range
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS, ModelSpec
from cvstudio.models.runtime.explainable import ScoredCandidates
from cvstudio.models.runtime.torch_network import TorchNetwork, stoppable
from cvstudio.models.shared.candidates import FLOOR, best_of, decode_grid, to_detections
from cvstudio.models.shared.labels import COCO_80
from cvstudio.models.shared.preprocessing import Preparation, fit, to_input
from cvstudio.models.spec import Architecture
from cvstudio.results.detections import Detections
from cvstudio.weights.declaration import Weights

if TYPE_CHECKING:
    from cvstudio.models.shared.yolox_net import YoloxNet

RELEASE = "https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0/"


@dataclass(frozen=True)
class YoloxVariant:
    """A published size.

    depth, width, depthwise : see `cvstudio.models.shared.yolox_net.Scale`; side : of the input in pixels;
    parameters; gmacs : billions of multiply-adds at that side; box_ap : 0..100 on COCO val2017
    """

    name: str
    depth: float
    width: float
    side: int
    parameters: int
    gmacs: float
    box_ap: float
    sha256: str
    size_bytes: int
    depthwise: bool = False

    @property
    def key(self) -> str:
        return f"yolox-{self.name}"

    @property
    def title(self) -> str:
        return f"YOLOX-{self.name.upper() if len(self.name) == 1 else self.name.title()}"

    @property
    def preparation(self) -> Preparation:
        """Letterbox into the top left corner, BGR, 0..255, no normalisation (since release 0.1.1rc0)."""
        return Preparation((self.side, self.side), "corner", 114, channels="BGR")


# The authors' table counts a multiplication and its addition as two; this program counts them as one.
VARIANTS = (
    YoloxVariant(
        *("nano", 0.33, 0.25, 416, 912_159, 0.54, 25.8),
        sha256="cd28f55fbbc1829f99d9ac9b38a16d259a22889739c8728ea877610201feff7b",
        size_bytes=7_705_786,
        depthwise=True,
    ),
    YoloxVariant(
        *("tiny", 0.33, 0.375, 416, 5_055_855, 3.23, 32.8),
        sha256="9de513de589ac98bb92d3bca53b5af7b9acfa9b0bacb831f7999d0f7afaee8f0",
        size_bytes=40_755_013,
    ),
    YoloxVariant(
        *("s", 0.33, 0.5, 640, 8_968_255, 13.4, 40.5),
        sha256="f55ded7181e1b0c13285c56e7790b8f0e8f8db590fe4edb37f0b7f345c913a30",
        size_bytes=72_089_125,
    ),
    YoloxVariant(
        *("m", 0.67, 0.75, 640, 25_326_495, 36.9, 46.9),
        sha256="60076992b32da82951c90cfa7bd6ab70eba9eda243e08b940a396f60ac2d19b6",
        size_bytes=203_114_461,
    ),
    YoloxVariant(
        *("l", 1.0, 1.0, 640, 54_208_895, 77.8, 49.7),
        sha256="1e6b7fa6240375370b2a8a8eab9066b3cdd43fd1d0bfa8d2027fd3a51def2917",
        size_bytes=434_355_880,
    ),
    YoloxVariant(
        *("x", 1.33, 1.25, 640, 99_071_455, 140.9, 51.1),
        sha256="5652330b6ae860043f091b8f550a60c10e1129f416edfdb65c259be6caf355cf",
        size_bytes=793_463_373,
    ),
)


class YoloxNetwork(TorchNetwork):
    """YOLOX on one device, its normalisations folded into the convolutions."""

    feature_layer = "backbone.backbone"

    def __init__(self, model: YoloxNet, preparation: Preparation, device: str) -> None:
        from cvstudio.models.shared.residual import fuse

        super().__init__(fuse(model), COCO_80, device)
        self.preparation = preparation
        net = self.model
        self._parts = [*net.backbone.backbone.children(), *list(net.backbone.children())[:-1], *net.head.stems]

    def warm_up(self, progress: Progress) -> None:
        """Run once, so that allocations and kernel selection do not delay the first picture."""
        width, height = self.preparation.size
        self.predict(Image(np.zeros((height, width, 3), np.uint8)), NoParams(), progress)

    def raw(self, pixels: NDArray[np.float32], progress: Progress) -> NDArray[np.float32]:
        """Raw outputs of `YoloxNet` for an input (1, 3, h, w): float32 (cells, 5 + classes)."""
        import torch

        progress.check()
        with self.computing(), stoppable(self._parts, progress):
            x = torch.from_numpy(pixels).to(self.device)
            outputs: NDArray[np.float32] = self.forward(x)[0].float().cpu().numpy()
        return outputs

    def predict(self, image: Image, params: NoParams, progress: Progress) -> Detections:
        """Candidates above `FLOOR`: each is a cell of the grid with one of its classes."""
        pixels, placement = fit(image.rgb8, self.preparation)
        raw = self.raw(to_input(pixels, self.preparation), progress)
        raw_boxes = best_of(decode_grid(raw, self.preparation.size), raw[:, 4:5] * raw[:, 5:])
        return to_detections(raw_boxes, placement, self.labels, image.size)

    def scored(self, image: Image, params: NoParams, progress: Progress) -> ScoredCandidates:
        """Every cell of the grid with each class."""
        import torch

        pixels, placement = fit(image.rgb8, self.preparation)
        network_input = torch.from_numpy(to_input(pixels, self.preparation)).to(self.device)
        with stoppable(self._parts, progress):
            raw = self.model(network_input.contiguous(memory_format=self.memory_format))[0]
        scores = raw[:, 4:5] * raw[:, 5:]
        boxes = placement.to_picture(decode_grid(raw.detach().cpu().numpy(), self.preparation.size))
        cells, count = scores.shape
        width, height = self.preparation.size
        left, top, right, bottom = placement.to_picture(np.array([0.0, 0.0, width, height])).tolist()
        return ScoredCandidates(
            np.repeat(boxes, count, axis=0),
            scores.flatten(),
            np.tile(np.arange(count), cells),
            Rect(left, top, right - left, bottom - top),
            (height, width),
        )


def _weights(variant: YoloxVariant) -> Weights:
    file_name = f"yolox_{variant.name}.pth"
    return Weights(
        key="coco",
        file_name=file_name,
        url=RELEASE + file_name,
        sha256=variant.sha256,
        size_bytes=variant.size_bytes,
        licence="Apache-2.0; the photographs of COCO under their own terms",
        trained_on="COCO 2017",
        metrics=f"box mAP {variant.box_ap} on COCO val2017 at {variant.side} x {variant.side}",
        labels=COCO_80,
        scores={"box mAP": variant.box_ap},
    )


def _builder(variant: YoloxVariant) -> Callable[[], YoloxNet]:
    def build() -> YoloxNet:
        from cvstudio.models.shared.yolox_net import Scale, YoloxNet

        return YoloxNet(Scale(variant.depth, variant.width, variant.depthwise), len(COCO_80)).eval()

    return build


def _loader(variant: YoloxVariant) -> Callable[[str, Path | None], YoloxNetwork]:
    def load(device: str, checkpoint: Path | None) -> YoloxNetwork:
        """Load the network with `checkpoint`, or with the published one from torch's cache. Raises WeightsError."""
        from cvstudio.weights.checks import load_into
        from cvstudio.weights.store import load_state_dict, require_weights

        # Before the network is built, so that a missing file is reported at once.
        state_dict = load_state_dict(require_weights(_weights(variant), checkpoint))
        model = _builder(variant)()
        load_into(model, state_dict, variant.title)
        return YoloxNetwork(model, variant.preparation, device)

    return load


for _variant in VARIANTS:
    MODELS.register(
        ModelSpec(
            key=_variant.key,
            title=_variant.title,
            task="detect",
            family="YOLO",
            paper="Ge et al., YOLOX: Exceeding YOLO Series in 2021, arXiv 2107.08430",
            year=2021,
            load=_loader(_variant),
            weights=(_weights(_variant),),
            ranges={"score": Range(FLOOR, 1, step=0.01)},
            defaults={"score": 0.3, "iou": 0.45},
            labels=COCO_80,
            capabilities=frozenset({"gradients", "hooks", "reentrant", "logits", "scores"}),
            keywords=("YOLO", "YOLOX", "anchor-free", "one-stage", "decoupled head", "CSPDarknet", "PAFPN", "COCO"),
            summary=(
                f"Finds 80 classes of everyday objects in one look; {_variant.parameters / 1e6:.1f} M parameters, "
                f"{_variant.gmacs:g} G multiply-adds at {_variant.side} x {_variant.side}."
            ),
            architecture=Architecture(
                _builder(_variant),
                (_variant.side, _variant.side),
                parameters=_variant.parameters,
                macs=round(_variant.gmacs * 1e9),
            ),
        )
    )
