"""DETR in its four published variants: a transformer that predicts a set of objects, without anchors and NMS.

Source: Carion et al., "End-to-End Object Detection with Transformers", ECCV 2020; the figures are those of its table 1
and of the authors' model zoo.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvstudio.foundation.params import Range
from cvstudio.models import MODELS, Architecture, ModelSpec
from cvstudio.models.detection._detr import DetrParams
from cvstudio.models.shared.coco import LABELS
from cvstudio.weights.declaration import Weights

if TYPE_CHECKING:
    from cvstudio.models.detection._detr import DetrNetwork

HUB = "https://huggingface.co/facebook/"
AUTHORS = "https://dl.fbaipublicfiles.com/detr/"
LICENCE = "Apache-2.0; the photographs of COCO under their own terms"


@dataclass(frozen=True)
class DetrVariant:
    """A published variant.

    name : of the repository on the hub; backbone : name of the trunk; dilation : whether its last stage is dilated,
    which doubles the resolution of its map; file_name : of the authors' checkpoint; size_bytes : of either checkpoint;
    box_ap : 0..100 on COCO val2017
    """

    name: str
    title: str
    backbone: str
    dilation: bool
    file_name: str
    parameters: int
    size_bytes: int
    box_ap: float

    def weights(self) -> tuple[Weights, ...]:
        """The converted checkpoint on the Hugging Face hub, and the authors' own in torch's cache."""
        common: dict[str, Any] = {
            "size_bytes": self.size_bytes,
            "licence": LICENCE,
            "trained_on": "COCO 2017",
            "metrics": f"box mAP {self.box_ap} on COCO val2017",
            "labels": LABELS,
            "scores": {"box mAP": self.box_ap},
        }
        return (
            # The hub knows the hash.
            Weights("hub", "model.safetensors", f"{HUB}{self.name}/resolve/main/model.safetensors", "", **common),
            Weights("authors", self.file_name, AUTHORS + self.file_name, self.file_name[-12:-4], **common),
        )


VARIANTS = (
    DetrVariant(
        *("detr-resnet-50", "DETR R50", "resnet50", False, "detr-r50-e632da11.pth"),
        parameters=41_524_768,
        size_bytes=166_600_000,
        box_ap=42.0,
    ),
    DetrVariant(
        *("detr-resnet-50-dc5", "DETR R50-DC5", "resnet50", True, "detr-r50-dc5-f0fb7ef5.pth"),
        parameters=41_524_768,
        size_bytes=166_600_000,
        box_ap=43.3,
    ),
    DetrVariant(
        *("detr-resnet-101", "DETR R101", "resnet101", False, "detr-r101-2c7b67e5.pth"),
        parameters=60_464_672,
        size_bytes=242_800_000,
        box_ap=43.5,
    ),
    DetrVariant(
        *("detr-resnet-101-dc5", "DETR R101-DC5", "resnet101", True, "detr-r101-dc5-a2e86def.pth"),
        parameters=60_464_672,
        size_bytes=242_800_000,
        box_ap=44.9,
    ),
)


def _builder(variant: DetrVariant) -> Callable[[], Any]:
    def build() -> Any:
        from cvstudio.models.detection._detr import build as build_network

        return build_network(variant.backbone, dilation=variant.dilation)

    return build


def _loader(variant: DetrVariant) -> Callable[[str, Path | None], DetrNetwork]:
    def load(device: str, checkpoint: Path | None) -> DetrNetwork:
        """Load the network with `checkpoint` (a file, or a folder of the hub), or a published one from the caches.

        Raises WeightsError.
        """
        from cvstudio.models.detection._detr import DetrNetwork, check_dilation
        from cvstudio.models.detection._detr_names import unified
        from cvstudio.weights.checks import load_into
        from cvstudio.weights.store import find_weights, load_state_dict, require_weights

        hub, authors = variant.weights()
        if checkpoint is None and find_weights(hub) is None:
            checkpoint = find_weights(authors)
        # Before the network is built, so that a missing file is reported at once.
        path = require_weights(hub, checkpoint)
        check_dilation(path, dilation=variant.dilation, title=variant.title)
        state_dict = unified(load_state_dict(path))
        model = _builder(variant)()
        load_into(model, state_dict, variant.title)
        return DetrNetwork(model, device)

    return load


for _variant in VARIANTS:
    MODELS.register(
        ModelSpec(
            key=_variant.name,
            title=_variant.title,
            task="detect",
            family="DETR",
            paper="Carion et al., End-to-End Object Detection with Transformers, ECCV 2020",
            year=2020,
            load=_loader(_variant),
            weights=_variant.weights(),
            params=DetrParams,
            # All hundred candidates are kept: there is no floor.
            ranges={"score": Range(0, 1, step=0.01)},
            # Each object query predicts another object: there is nothing to suppress.
            defaults={"score": 0.7, "iou": 1.0},
            labels=LABELS,
            capabilities=frozenset({"gradients", "hooks", "reentrant", "logits", "attention", "scores"}),
            keywords=(
                *("DETR", "detection transformer", "transformer", "object query", "set prediction"),
                *("Hungarian matching", "bipartite matching", "encoder-decoder", "COCO", "트랜스포머"),
            ),
            summary=(
                f"Finds 80 classes of everyday objects with 100 object queries, without anchors and suppression; "
                f"{'maps of twice the size' if _variant.dilation else 'the plain form'}, {_variant.backbone} trunk."
            ),
            architecture=Architecture(_builder(_variant), (800, 1066), parameters=_variant.parameters),
        )
    )
