"""FCOS with ResNet-50 and a feature pyramid: anchor-free, each cell predicts the distances to its box's sides.

Source: Tian et al., "FCOS: Fully Convolutional One-Stage Object Detection", ICCV 2019 (section 3.3, centre-ness).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cvstudio.models import MODELS
from cvstudio.models.detection._torchvision import TorchvisionDetector, coco_weights, detector_spec
from cvstudio.models.runtime.torch_network import full
from cvstudio.models.shared.candidates import FLOOR

if TYPE_CHECKING:
    from torch import Tensor


class FcosNetwork(TorchvisionDetector):
    """Each cell is a candidate for each class; its score is the geometric mean of class score and centre-ness."""

    def _candidates(self, batch: Any, raw: Any) -> tuple[Tensor, Tensor, Tensor]:
        from torchvision.ops import clip_boxes_to_image

        model = self.model
        features, head = raw
        (cells,) = model.anchor_generator(batch, features)
        class_logits, centreness_logits = full(head["cls_logits"][0]), full(head["bbox_ctrness"][0])
        rows, outputs, best_scores = self._best((class_logits.sigmoid() * centreness_logits.sigmoid()).sqrt(), FLOOR)
        boxes = model.box_coder.decode(full(head["bbox_regression"][0][rows]), cells[rows])
        return clip_boxes_to_image(boxes, batch.image_sizes[0]), best_scores, self._label_of[outputs]


MODELS.register(
    detector_spec(
        key="fcos",
        title="FCOS R50",
        builder="fcos_resnet50_fpn",
        network=FcosNetwork,
        weights=coco_weights("fcos_resnet50_fpn_coco-99b0c9b7.pth", 123.608, 39.2),
        input_size=(800, 800),
        parameters=32_322_720,
        gmacs=128.207,
        family="Single shot",
        paper="Tian et al., FCOS: Fully Convolutional One-Stage Object Detection, ICCV 2019",
        year=2019,
        defaults={"score": 0.4, "iou": 0.6},
        keywords=(
            "FCOS",
            "ResNet-50",
            "anchor-free",
            "centerness",
            "centre-ness",
            "FPN",
            "feature pyramid",
            "one-stage",
        ),
        summary="Finds 80 classes of objects without anchors: each place tells its class and the sides of its box.",
    )
)
