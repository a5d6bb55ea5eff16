"""Candidates of torchvision's single-shot detectors with default boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cvstudio.models.detection._torchvision import TorchvisionDetector
from cvstudio.models.runtime.torch_network import full
from cvstudio.models.shared.candidates import FLOOR
from cvstudio.models.spec import MAX_CANDIDATES

if TYPE_CHECKING:
    from torch import Tensor

    from cvstudio.models.detection._proposals import Regions


class SsdNetwork(TorchvisionDetector):
    """Each default box is a candidate for each class, scored by a softmax over classes and background."""

    more_capabilities = frozenset({"anchors"})

    def _candidates(self, batch: Any, raw: Any) -> tuple[Tensor, Tensor, Tensor]:
        from torchvision.ops import clip_boxes_to_image

        model = self.model
        features, head = raw
        (anchors,) = model.anchor_generator(batch, features)
        scores = full(head["cls_logits"][0]).softmax(dim=-1)
        rows, outputs, best_scores = self._best(scores, FLOOR)
        boxes = model.box_coder.decode_single(full(head["bbox_regression"][0][rows]), anchors[rows])
        return clip_boxes_to_image(boxes, batch.image_sizes[0]), best_scores, self._label_of[outputs]

    def _regions(self, batch: Any) -> Regions:
        from torchvision.ops import clip_boxes_to_image

        from cvstudio.models.detection._proposals import Regions, likeliest, map_sizes

        model = self.model
        features, head = self.forward(batch.tensors)
        (anchors,) = model.anchor_generator(batch, features)
        scores, outputs = likeliest(full(head["cls_logits"][0]).softmax(dim=-1), self._label_of)
        best, rows = scores.topk(min(MAX_CANDIDATES, len(scores)))
        boxes = model.box_coder.decode_single(full(head["bbox_regression"][0][rows]), anchors[rows])
        refined_boxes = clip_boxes_to_image(boxes, batch.image_sizes[0])
        return Regions(
            anchors, map_sizes(features), anchors[rows], best, refined_boxes, best, outputs[rows], two_stages=False
        )
