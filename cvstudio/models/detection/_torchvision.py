"""Base class of torchvision's COCO detectors: checkpoints, preprocessing, and selection of the best candidates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from cvstudio.data.geometry import Rect
from cvstudio.data.samples import Image
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.params import NoParams, Range
from cvstudio.foundation.progress import Progress
from cvstudio.models.runtime.explainable import ScoredCandidates
from cvstudio.models.runtime.torch_network import TorchNetwork, stoppable
from cvstudio.models.shared.candidates import FLOOR
from cvstudio.models.shared.coco import LABELS, N_OUTPUTS, OUTPUTS
from cvstudio.models.spec import MAX_CANDIDATES, Architecture, ModelSpec
from cvstudio.results.detections import Detections
from cvstudio.weights.declaration import Weights

if TYPE_CHECKING:
    from torch import Tensor, nn

    from cvstudio.models.detection._proposals import Regions
    from cvstudio.results.proposals import Proposals

URL = "https://download.pytorch.org/models/"
TOO_THIN = "The network sees nothing of a picture this thin; open one with longer sides."


class TorchvisionDetector(TorchNetwork):
    """A detector of torchvision without its NMS; a subclass for each family computes the candidates.

    `predict` is stateless and holds no lock. A family with anchors implements `_regions` and adds "anchors" to
    `more_capabilities`.
    """

    more_capabilities: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, model: nn.Module, device: str) -> None:
        import torch

        super().__init__(model, LABELS, device)
        self._trunk = self._make_trunk()
        self.feature_layer = _feature_layer(self.model.backbone)
        self._label_of = torch.full((N_OUTPUTS,), -1, device=device)
        self._label_of[list(OUTPUTS)] = torch.arange(len(OUTPUTS), device=device)
        # Each takes at most 0.1 s on two cores, except the largest of ResNet-50's at 1333 x 800.
        self._blocks = [
            module for module in self.model.modules() if isinstance(module, torch.nn.Conv2d | torch.nn.Linear)
        ]

    def _make_trunk(self) -> nn.Module:
        from cvstudio.models.detection._trunks import Dense

        return Dense(self.model)

    def trunk(self) -> nn.Module:
        """The convolutional part, which runs on the whole picture."""
        return self._trunk

    def warm_up(self, progress: Progress) -> None:
        """Run once, so that allocations and kernel selection do not delay the first picture."""
        self.predict(Image(np.zeros((64, 96, 3), np.uint8)), NoParams(), progress)

    def predict(self, image: Image, params: NoParams, progress: Progress) -> Detections:
        """Candidates above `FLOOR`, before NMS: each is an anchor, cell or proposal with one of its classes."""
        progress.check()
        with self.computing():
            batch = self._batch(image)
            if batch is None:
                return _no_detections(image)
            with stoppable(self._blocks, progress):
                boxes, scores, classes = self._candidates(batch, self.forward(batch.tensors))
            sizes = [(image.size.height, image.size.width)]
            picture_boxes = self.model.transform.postprocess([{"boxes": boxes}], batch.image_sizes, sizes)[0]["boxes"]
            return Detections(
                picture_boxes.float().cpu().numpy(),
                scores.float().cpu().numpy(),
                classes.cpu().numpy(),
                LABELS,
                np.arange(len(scores), dtype=np.int64),
                image.size,
            )

    def scored(self, image: Image, params: NoParams, progress: Progress) -> ScoredCandidates:
        """The candidates of `predict`. Raises MediaError for a picture in which the network sees nothing."""
        progress.check()
        batch = self._batch(image)
        if batch is None:
            raise MediaError(TOO_THIN)
        batch.tensors = batch.tensors.contiguous(memory_format=self.memory_format)
        with stoppable(self._blocks, progress):
            # The engine that may run the trunk has no gradients.
            boxes, scores, classes = self._candidates(batch, self._trunk(batch.tensors))
        (resized,) = batch.image_sizes
        sizes = [(image.size.height, image.size.width)]
        picture_boxes = self.model.transform.postprocess([{"boxes": boxes.detach()}], [resized], sizes)[0]["boxes"]
        height, width = batch.tensors.shape[-2:]
        x_scale, y_scale = image.size.width / resized[1], image.size.height / resized[0]
        return ScoredCandidates(
            picture_boxes.float().cpu().numpy(),
            scores,
            classes.cpu().numpy(),
            Rect(0.0, 0.0, width * x_scale, height * y_scale),
            (int(height), int(width)),
        )

    @staticmethod
    def heads(model: Any, pixels: Tensor) -> Any:
        """Raw outputs of `model` for normalised pixels (1, 3, h, w), before boxes are decoded."""
        return model.head(list(model.backbone(pixels).values()))

    def inside(self, image: Image, progress: Progress) -> Proposals:
        """Anchors, proposals and refined boxes, at most `MAX_CANDIDATES` of the latter.

        Raises
        ------
        MediaError
            The picture is so thin that a side of it shrinks to nothing in the network's input.
        """
        from cvstudio.models.detection._proposals import to_picture

        progress.check()
        with self.computing():
            batch = self._batch(image)
            if batch is None:
                raise MediaError(TOO_THIN)
            with stoppable(self._blocks, progress):
                regions = self._regions(batch)
            generator = getattr(self.model, "anchor_generator", None) or self.model.rpn.anchor_generator
            anchors_per_cell = generator.num_anchors_per_location()
            return to_picture(regions, anchors_per_cell, self._label_of, batch.image_sizes[0], image.size)

    def _regions(self, batch: Any) -> Regions:
        """Anchors, proposals and refined boxes of a batch of one picture."""
        raise NotImplementedError

    def _candidates(self, batch: Any, raw: Any) -> tuple[Tensor, Tensor, Tensor]:
        """Boxes float32 (n, 4) in pixels of the batch, scores float32 (n,), descending, and classes int64 (n,).

        `raw` are the outputs of `trunk` for the batch. Where it has gradients, the scores have.
        """
        raise NotImplementedError

    def _batch(self, image: Image) -> Any:
        """torchvision's batch of one picture; None where one of its sides would shrink to nothing."""
        import torch
        from torchvision.models.detection.image_list import ImageList

        transform = self.model.transform
        # A copy: the picture is read-only, and torch may not share it.
        pixels = torch.from_numpy(image.rgb8.copy()).to(self.device).permute(2, 0, 1).to(torch.float32)
        if transform.fixed_size is None:
            sides = sorted(pixels.shape[-2:])
            if sides[0] * min(transform.min_size[-1] / sides[0], transform.max_size / sides[1]) < 1:
                return None
        # Resized before it is normalised: both are linear, so the result is the same, and faster for a large picture.
        resized, _ = transform.resize(pixels, None)
        normalised = transform.normalize(resized / 255)
        tensors = transform.batch_images([normalised], transform.size_divisible)
        height, width = normalised.shape[-2:]
        return ImageList(tensors, [(height, width)])

    def _best(self, values: Tensor, floor: float) -> tuple[Tensor, Tensor, Tensor]:
        """The best of `values` (n, `N_OUTPUTS`) of at least `floor`, in outputs that have a label.

        Returns
        -------
        rows, outputs int64 (n,) and values (n,), descending, at most `MAX_CANDIDATES`
        """
        flat = values.flatten()
        # Most are below the floor, which makes sorting the rest fast.
        indices = (flat >= floor).nonzero().squeeze(1)
        indices = indices[self._label_of[indices % N_OUTPUTS] >= 0]
        best_values, order = flat[indices].topk(min(MAX_CANDIDATES, len(indices)))
        best = indices[order]
        return best // N_OUTPUTS, best % N_OUTPUTS, best_values


def _feature_layer(backbone: Any) -> str:
    """The module of a network with this `backbone` that answers the maps of the trunk, before a pyramid or the layers
    that an SSD adds."""
    if hasattr(backbone, "body"):
        return "backbone.body"
    if not hasattr(backbone, "extra"):
        return "backbone"
    # SSDlite's features are a list of two parts, of which the first ends in the finest map.
    return "backbone.features" if hasattr(backbone, "scale_weight") else "backbone.features.0"


def _no_detections(image: Image) -> Detections:
    return Detections(
        np.zeros((0, 4), np.float32),
        np.zeros(0, np.float32),
        np.zeros(0, np.int64),
        LABELS,
        np.zeros(0, np.int64),
        image.size,
    )


def coco_weights(file_name: str, mebibytes: float, box_map: float) -> Weights:
    """The `Weights` of a checkpoint of torchvision, whose file name ends in the first digits of its hash."""
    return Weights(
        key="coco-v1",
        file_name=file_name,
        url=URL + file_name,
        sha256=file_name.removesuffix(".pth").rpartition("-")[2],
        size_bytes=round(mebibytes * 2**20),
        licence="BSD-3-Clause",
        trained_on="COCO 2017 (annotations CC BY 4.0, photographs under Flickr's terms)",
        metrics=f"box mAP {box_map} on COCO val2017",
        labels=LABELS,
        scores={"box mAP": box_map},
    )


def _set_eps(model: nn.Module, eps: float) -> None:
    from torch.nn import BatchNorm2d

    for module in model.modules():
        if isinstance(module, BatchNorm2d):
            module.eps = eps


def detector_spec(
    *,
    key: str,
    title: str,
    builder: str,
    network: type[TorchvisionDetector],
    weights: Weights,
    input_size: tuple[int, int],
    parameters: int,
    gmacs: float,
    family: str,
    paper: str,
    year: int,
    defaults: Mapping[str, float],
    keywords: tuple[str, ...],
    summary: str,
    norm_eps: float | None = None,
) -> ModelSpec:
    """The `ModelSpec` of a detector that ``torchvision.models.detection.<builder>`` builds and `network` runs.

    `gmacs` are billions of multiply-adds for a picture of `input_size` and, with two stages, the largest number of
    proposals. torchvision's own figures differ in two points: it counts no `parameters` of frozen normalisations, and
    no proposals for the mobile detectors.
    `norm_eps` is the epsilon of the checkpoint's normalisations, where it is not the builder's: the oldest ones have
    0, which torchvision sets only when it downloads them itself.
    """

    def build() -> nn.Module:
        from torchvision.models import detection

        model: nn.Module = getattr(detection, builder)(weights=None, weights_backbone=None, num_classes=N_OUTPUTS)
        if norm_eps is not None:
            _set_eps(model, norm_eps)
        return model.eval()

    def load(device: str, checkpoint: Path | None) -> TorchvisionDetector:
        """Load the network with `checkpoint`, or with the published one from torch's cache. Raises WeightsError."""
        from cvstudio.weights.checks import load_into
        from cvstudio.weights.store import load_state_dict, require_weights

        # Before the network is built, so that a missing file is reported at once.
        state_dict = load_state_dict(require_weights(weights, checkpoint))
        model = build()
        load_into(model, state_dict, title)
        return network(model, device)

    return ModelSpec(
        key=key,
        title=title,
        task="detect",
        family=family,
        paper=paper,
        year=year,
        load=load,
        weights=(weights,),
        ranges={"score": Range(FLOOR, 1, step=0.01)},
        defaults=defaults,
        labels=LABELS,
        capabilities=frozenset({"gradients", "hooks", "reentrant", "logits", "scores"}) | network.more_capabilities,
        keywords=(*keywords, "COCO", "torchvision"),
        summary=summary,
        architecture=Architecture(build, input_size, network.heads, parameters, round(gmacs * 1e9)),
    )
