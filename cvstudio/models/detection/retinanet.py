"""RetinaNet with ResNet-50 and a feature pyramid: dense anchors, trained with the focal loss.

Sources: Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017; the second version's recipe and heads as
torchvision documents them (Zhang et al., "Bridging the Gap Between Anchor-based and Anchor-free Detection", CVPR 2020).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from cvstudio.models import MODELS
from cvstudio.models.detection._torchvision import TorchvisionDetector, coco_weights, detector_spec
from cvstudio.models.runtime.torch_network import full
from cvstudio.models.shared.candidates import FLOOR
from cvstudio.models.spec import MAX_CANDIDATES

if TYPE_CHECKING:
    from torch import Tensor

    from cvstudio.models.detection._proposals import Regions

PAPER = "Lin et al., Focal Loss for Dense Object Detection, ICCV 2017"
KEYWORDS = ("RetinaNet", "focal loss", "FPN", "feature pyramid", "one-stage", "anchors", "ResNet-50")


class RetinaNetwork(TorchvisionDetector):
    """Each anchor is a candidate for each class, scored by a sigmoid."""

    more_capabilities = frozenset({"anchors"})

    def _candidates(self, batch: Any, raw: Any) -> tuple[Tensor, Tensor, Tensor]:
        from torchvision.ops import clip_boxes_to_image

        model = self.model
        features, head = raw
        (anchors,) = model.anchor_generator(batch, features)
        # There are millions of logits: the floor is applied to them, and the sigmoid to the rest only.
        rows, outputs, best_logits = self._best(head["cls_logits"][0], math.log(FLOOR / (1 - FLOOR)))
        boxes = model.box_coder.decode_single(full(head["bbox_regression"][0][rows]), anchors[rows])
        return clip_boxes_to_image(boxes, batch.image_sizes[0]), full(best_logits).sigmoid(), self._label_of[outputs]

    def _regions(self, batch: Any) -> Regions:
        from torchvision.ops import clip_boxes_to_image

        from cvstudio.models.detection._proposals import Regions, likeliest, map_sizes

        model = self.model
        features, head = self.forward(batch.tensors)
        (anchors,) = model.anchor_generator(batch, features)
        scores, outputs = likeliest(full(head["cls_logits"][0]).sigmoid(), self._label_of)
        best, rows = scores.topk(min(MAX_CANDIDATES, len(scores)))
        boxes = model.box_coder.decode_single(full(head["bbox_regression"][0][rows]), anchors[rows])
        refined_boxes = clip_boxes_to_image(boxes, batch.image_sizes[0])
        return Regions(
            anchors, map_sizes(features), anchors[rows], best, refined_boxes, best, outputs[rows], two_stages=False
        )


MODELS.register(
    detector_spec(
        key="retinanet-v2",
        title="RetinaNet R50 v2",
        builder="retinanet_resnet50_fpn_v2",
        network=RetinaNetwork,
        weights=coco_weights("retinanet_resnet50_fpn_v2_coco-5905b1c5.pth", 146.037, 41.5),
        input_size=(800, 800),
        parameters=38_198_935,
        gmacs=152.238,
        family="Single shot",
        paper=PAPER,
        year=2017,
        defaults={"score": 0.4, "iou": 0.5},
        keywords=KEYWORDS,
        summary="Finds 80 classes of objects with anchors on a pyramid; the focal loss keeps the background quiet.",
    )
)
MODELS.register(
    detector_spec(
        key="retinanet",
        title="RetinaNet R50",
        builder="retinanet_resnet50_fpn",
        network=RetinaNetwork,
        weights=coco_weights("retinanet_resnet50_fpn_coco-eeacb38b.pth", 130.267, 36.4),
        input_size=(800, 800),
        parameters=34_068_119,
        gmacs=151.54,
        family="Single shot",
        paper=PAPER,
        year=2017,
        defaults={"score": 0.4, "iou": 0.5},
        keywords=KEYWORDS,
        summary="RetinaNet as in its paper: dense anchors on a feature pyramid, trained with the focal loss.",
        norm_eps=0.0,
    )
)
