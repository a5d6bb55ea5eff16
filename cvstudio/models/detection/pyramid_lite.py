"""The default detector: everyday things with their masks, on the trunk of the default classifier."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cvstudio.data.samples import Image
from cvstudio.foundation.errors import WeightsError
from cvstudio.foundation.params import NoParams, Range
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS, Architecture, ModelSpec
from cvstudio.models.detection._cells import candidates_of, scored_cells, without_second_names
from cvstudio.models.runtime.explainable import ScoredCandidates
from cvstudio.models.runtime.torch_network import TorchNetwork
from cvstudio.models.shared import coco
from cvstudio.models.shared.candidates import FLOOR
from cvstudio.models.shared.lite_trunk import (
    END,
    LITE0,
    PUBLISHED_END,
    SIDE,
    LiteMaps,
    end_digest,
    lite_maps,
    network_input,
    shared_module,
)
from cvstudio.models.shared.second_opinion import FAMILIES, SecondOpinion, load_head
from cvstudio.results.detections import Detections
from cvstudio.weights.embedded import embedded_defaults, embedded_weights, load_card

if TYPE_CHECKING:
    from torch import Tensor, nn

    from cvstudio.models.shared.lite_detector import LiteDetector, LiteRaw
    from cvstudio.models.shared.lite_scene import LiteHead

KEY = "pyramid-lite0"
TITLE = "Everyday things with masks"
SIZE = SIDE
"""Length of the picture's longer side in the network's input, in pixels."""

CLASSES = "classes"
"""Setting on the card: names of the classes that the network knows well enough; it has outputs for all of COCO's."""


class LitePyramidNetwork(TorchNetwork):
    """The default detector on one device, its normalisations folded into the convolutions.

    Parameters
    ----------
    model : network with one output for each of COCO's 80 classes
    labels : classes that are answered, in COCO's order
    device : "cpu", "cuda", "cuda:1" or "mps"
    head : the classifier's layers behind the trunk, which give a second opinion on animals where the trunk is the
        published one; None for none
    """

    feature_layer = "trunk"

    def __init__(self, model: LiteDetector, labels: tuple[str, ...], device: str, head: LiteHead | None = None) -> None:
        from cvstudio.models.shared.lite_detector import WithMaps
        from cvstudio.models.shared.residual import fuse

        self._published_end = end_digest(model.trunk.state_dict()) == PUBLISHED_END
        model.trunk = shared_module(model.trunk, device)
        self._head = head if self._published_end else None
        super().__init__(fuse(model), labels, device)
        self._with_maps = WithMaps(self.model).eval()
        self._all_classes = tuple(self.model.head.cls_preds)
        self.restrict(labels)

    def trunk(self) -> nn.Module:
        return self._with_maps

    @property
    def nbytes(self) -> int:
        head_bytes = sum(tensor.nbytes for tensor in self._head.state_dict().values()) if self._head is not None else 0
        return super().nbytes + head_bytes

    def restrict(self, labels: tuple[str, ...]) -> None:
        """Answer these of COCO's classes only; the others cost no time."""
        import torch

        self.labels = labels
        self._animals = [name for family in FAMILIES for name in family if name in labels]
        # Stands for this network and what it answers, in what other networks are handed.
        self._token = object()
        rows = [coco.LABELS.index(label) for label in labels]
        for index, layer in enumerate(self._all_classes):
            known: Any = torch.nn.Conv2d(layer.in_channels, len(rows), 1, device=layer.weight.device)
            known.weight.data, known.bias.data = layer.weight.data[rows].clone(), layer.bias.data[rows].clone()
            self.model.head.cls_preds[index] = known
        self._second_opinion = SecondOpinion(self._head, labels) if self._head is not None else None
        self._engine = None

    def warm_up(self, progress: Progress) -> None:
        """Run once, so that allocations and kernel selection do not delay the first picture."""
        self.predict(Image(np.zeros((234, SIZE, 3), np.uint8)), NoParams(), progress)

    def predict(self, image: Image, params: NoParams, progress: Progress) -> Detections:
        """Candidates above `FLOOR`, with masks: each is a cell of the maps with one of its classes."""
        detections: Detections = self.trunk_features(image, params, progress).answer
        return detections

    def trunk_features(self, image: Image, params: NoParams, progress: Progress) -> LiteMaps:
        """The maps of the trunk, with what `predict` makes of them."""
        progress.check()
        pixels, input_size, scale = network_input(image, self.device)
        with self.computing():
            maps, raw = self.forward(pixels)
            answer = self._candidates(raw, maps[-1], input_size, scale, image)
            shared = maps if self._published_end else maps[:-1]
            return lite_maps(shared, input_size, scale, self._token, answer)

    def predict_from(self, features: LiteMaps, image: Image, params: NoParams, progress: Progress) -> Detections:
        """As `predict`, from maps that this network or another one has computed."""
        if features.network is self._token:
            detections: Detections = features.answer
            return detections
        progress.check()
        with self.computing():
            maps = features.tensors(self.device, self.memory_format)
            if not self._published_end:
                maps = [*maps[:2], self.model.trunk.blocks[END:](maps[1])]
            return self._candidates(self.model.from_maps(maps), maps[-1], features.input_size, features.scale, image)

    def _candidates(
        self, raw: LiteRaw, coarsest: Tensor, input_size: tuple[int, int], scale: tuple[float, float], image: Image
    ) -> Detections:
        scores = self._scores(raw, coarsest, input_size)
        candidates = candidates_of(scores, raw, input_size, scale, self.labels, image.size)
        # An animal has one name. Vehicles keep theirs: on coco128 the second one is too often the right one.
        return without_second_names(candidates, self._animals)

    def _scores(self, raw: LiteRaw, coarsest: Tensor, input_size: tuple[int, int]) -> Tensor:
        """Score of each class at each cell of the first picture, (cells, classes), with the second opinion."""
        from cvstudio.models.shared.pyramid import decode, places

        if self._second_opinion is None:
            return raw.scores[0]
        boxes = decode(raw.distances[0], *places(*input_size, raw.distances.device))
        objectness, classes = raw.objectness[0].sigmoid(), raw.classes[0].sigmoid()
        return self._second_opinion.revised(objectness, classes, boxes, coarsest)

    def scored(self, image: Image, params: NoParams, progress: Progress) -> ScoredCandidates:
        """Every cell with each class; animals with the second opinion, as `predict` has them."""
        progress.check()
        pixels, input_size, scale = network_input(image, self.device)
        maps, raw = self._with_maps(pixels.contiguous(memory_format=self.memory_format))
        return scored_cells(self._scores(raw, maps[-1], input_size), raw, input_size, scale)


def build() -> LiteDetector:
    """Build the bare network with random weights."""
    from cvstudio.models.shared.lite_detector import LiteDetector

    return LiteDetector(len(coco.LABELS)).eval()


def known_classes(checkpoint: Path | None) -> tuple[str, ...]:
    """Classes that a checkpoint knows: as its card beside it says, or else all of COCO's."""
    if checkpoint is None:
        names: Sequence[str] = embedded_defaults(KEY, CLASSES).get(CLASSES, coco.LABELS)
        return tuple(names)
    card = checkpoint.with_suffix(".json")
    return tuple(load_card(card).settings.get(CLASSES, coco.LABELS)) if card.is_file() else coco.LABELS


def load(device: str, checkpoint: Path | None) -> LitePyramidNetwork:
    """Load the network with `checkpoint`, or with the embedded weights. Raises WeightsError.

    Where the package that carries the classifier's weights is missing or damaged, the network does without its second
    opinion, and says so in `notice`.
    """
    from cvstudio.weights.checks import load_into
    from cvstudio.weights.embedded import require_embedded
    from cvstudio.weights.store import load_state_dict

    state = load_state_dict(require_embedded(KEY, checkpoint))
    model = build()
    load_into(model, state, "the detector of everyday things")
    head, notice = None, ""
    if end_digest(model.trunk.state_dict()) == PUBLISHED_END:
        try:
            head = load_head(device)
        except WeightsError as error:
            notice = f"{TITLE} are found without the classifier's second opinion on animals. {error}"
    network = LitePyramidNetwork(model, known_classes(checkpoint), device, head)
    network.notice = notice
    return network


LABELS = known_classes(None)

MODELS.register(
    ModelSpec(
        key=KEY,
        title=TITLE,
        task="detect",
        family="Single shot",
        paper="Tian et al., FCOS: Fully Convolutional One-Stage Object Detection, ICCV 2019",
        year=2019,
        load=load,
        weights=embedded_weights(KEY, {"box mAP50 of COCO128": "coco128 mAP50"}),
        ranges={"score": Range(FLOOR, 1, step=0.01)},
        # Rather than at .55: on 128 of VOC5's photographs 9 of 53 false boxes go, most of them a second one on the same
        # thing, and 2 of 189 true ones.
        defaults={"score": 0.4, "iou": 0.5, **embedded_defaults(KEY, "score")},
        labels=LABELS,
        capabilities=frozenset({"gradients", "hooks", "reentrant", "logits", "scores"}),
        keywords=(
            "FPN",
            "feature pyramid network",
            "knowledge distillation",
            "YOLACT",
            "anchor-free",
            "instance segmentation",
            "mask",
            "embedded",
            "FCOS",
            "인스턴스 분할",
            "지식 증류",
        ),
        summary=f"Finds {len(LABELS)} kinds of everyday things, live, and draws around them; comes with the program.",
        architecture=Architecture(build, (SIZE, SIZE)),
        trunk=LITE0,
        better=("yolox-s", "faster-rcnn-r50-v2", "detr-resnet-50"),
    )
)
