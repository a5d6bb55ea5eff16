"""Faster R-CNN: the first stage proposes boxes, the second classifies and refines each of them.

Sources: Ren et al., "Faster R-CNN: Towards Real-Time Object Detection with Region Proposal Networks", NeurIPS 2015;
Lin et al., "Feature Pyramid Networks", CVPR 2017; the second version's recipe and heads as torchvision documents them
(Li et al., "Benchmarking Detection Transfer Learning with Vision Transformers", 2021); Howard et al., "Searching for
MobileNetV3", ICCV 2019.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cvstudio.models import MODELS
from cvstudio.models.detection._torchvision import TorchvisionDetector, coco_weights, detector_spec
from cvstudio.models.runtime.torch_network import full
from cvstudio.models.shared.candidates import FLOOR

if TYPE_CHECKING:
    from torch import Tensor, nn

    from cvstudio.models.detection._proposals import Regions

PAPER = "Ren et al., Faster R-CNN: Towards Real-Time Object Detection with Region Proposal Networks, NeurIPS 2015"
KEYWORDS = (
    *("Faster R-CNN", "R-CNN", "RPN", "region proposal network", "proposals", "RoI pooling", "RoI align"),
    *("two-stage", "anchors", "FPN", "feature pyramid"),
)
SMALLEST = 1e-2
"""Shortest side of a valid box, in pixels of the batch."""


class FasterRcnnNetwork(TorchvisionDetector):
    """Each proposal is a candidate for each class, with its own box for each.

    It is scored by a softmax over classes and background.
    """

    more_capabilities = frozenset({"anchors"})

    def _make_trunk(self) -> nn.Module:
        from cvstudio.models.detection._trunks import Proposing

        return Proposing(self.model)

    @staticmethod
    def heads(model: Any, pixels: Tensor) -> Any:
        """Raw outputs for all anchors, and for the largest number of proposals."""
        features = model.backbone(pixels)
        rpn, roi = model.rpn, model.roi_heads
        rpn_outputs = rpn.head(list(features.values()))
        first_map = next(iter(features.values()))
        # The proposals depend on the picture; their cost does not.
        pooled_size = roi.box_roi_pool.output_size
        pooled_features = first_map.new_zeros(rpn.post_nms_top_n(), first_map.shape[1], *pooled_size)
        return rpn_outputs, roi.box_predictor(roi.box_head(pooled_features))

    def _candidates(self, batch: Any, raw: Any) -> tuple[Tensor, Tensor, Tensor]:
        from torchvision.ops import clip_boxes_to_image, remove_small_boxes

        _, _, proposals, _, logits, regression = self._both_stages(batch, raw)
        rows, outputs, scores = self._best(full(logits).softmax(dim=-1), FLOOR)
        boxes = self.model.roi_heads.box_coder.decode(full(regression), proposals)[rows, outputs]
        boxes = clip_boxes_to_image(boxes, batch.image_sizes[0])
        valid_rows = remove_small_boxes(boxes, SMALLEST)
        return boxes[valid_rows], scores[valid_rows], self._label_of[outputs[valid_rows]]

    def _regions(self, batch: Any) -> Regions:
        import torch
        from torchvision.ops import clip_boxes_to_image

        from cvstudio.models.detection._proposals import Regions, likeliest, map_sizes

        maps, anchors, proposals, objectness, logits, regression = self._both_stages(batch, self.forward(batch.tensors))
        scores, outputs = likeliest(full(logits).softmax(dim=-1), self._label_of)
        rows = torch.arange(len(outputs), device=outputs.device)
        boxes = self.model.roi_heads.box_coder.decode(full(regression), proposals)[rows, outputs]
        refined_boxes = clip_boxes_to_image(boxes, batch.image_sizes[0])
        order = objectness[0].argsort(descending=True, stable=True)
        return Regions(
            anchors[0],
            map_sizes(maps),
            proposals[0][order],
            objectness[0][order],
            refined_boxes[order],
            scores[order],
            outputs[order],
            two_stages=True,
        )

    def _both_stages(
        self, batch: Any, raw: Any
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor], Tensor, Tensor]:
        """Maps, anchors, proposals with their objectness 0..1, and the second stage's outputs for each proposal: logits
        (m, outputs) and box deltas (m, 4 outputs); `raw` are the outputs of `trunk`."""
        roi_heads = self.model.roi_heads
        features, (objectness, deltas) = raw
        maps = list(features.values())
        anchors, proposals, proposal_objectness = self._proposals(batch, maps, objectness, deltas)
        pooled = roi_heads.box_roi_pool(features, proposals, batch.image_sizes)
        logits, regression = roi_heads.box_predictor(roi_heads.box_head(pooled))
        return maps, anchors, proposals, proposal_objectness, logits, regression

    def _proposals(
        self, batch: Any, maps: list[Tensor], objectness: Any, deltas: Any
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """Anchors, proposals and their objectness, selected as torchvision's proposal network does.

        Its steps are called one by one, as boxes must be decoded in float32 whatever the precision of the convolutions.
        """
        from torchvision.models.detection.rpn import concat_box_prediction_layers

        rpn = self.model.rpn
        anchors = rpn.anchor_generator(batch, maps)
        counts = [level.shape[1] * level.shape[2] * level.shape[3] for level in objectness]
        flat_objectness, flat_deltas = concat_box_prediction_layers(
            [full(o) for o in objectness], [full(d) for d in deltas]
        )
        boxes = rpn.box_coder.decode(flat_deltas, anchors).view(1, -1, 4)
        proposals, scores = rpn.filter_proposals(boxes, flat_objectness, batch.image_sizes, counts)
        return anchors, proposals, scores


MODELS.register(
    detector_spec(
        key="faster-rcnn-mobile-320",
        title="Faster R-CNN mobile 320",
        builder="fasterrcnn_mobilenet_v3_large_320_fpn",
        network=FasterRcnnNetwork,
        weights=coco_weights("fasterrcnn_mobilenet_v3_large_320_fpn-907ea3f9.pth", 74.239, 22.8),
        input_size=(320, 320),
        parameters=19_410_754,
        gmacs=2.873,
        family="Two stages",
        paper=PAPER,
        year=2015,
        defaults={"score": 0.5, "iou": 0.5},
        keywords=(*KEYWORDS, "MobileNet v3 large"),
        summary="Proposes regions, then names them; small enough for live video, with 80 classes of objects.",
    )
)
MODELS.register(
    detector_spec(
        key="faster-rcnn-mobile",
        title="Faster R-CNN mobile",
        builder="fasterrcnn_mobilenet_v3_large_fpn",
        network=FasterRcnnNetwork,
        weights=coco_weights("fasterrcnn_mobilenet_v3_large_fpn-fb6a3cc7.pth", 74.239, 32.8),
        input_size=(800, 800),
        parameters=19_410_754,
        gmacs=18.853,
        family="Two stages",
        paper=PAPER,
        year=2015,
        defaults={"score": 0.5, "iou": 0.5},
        keywords=(*KEYWORDS, "MobileNet v3 large"),
        summary="The mobile Faster R-CNN at full resolution: slower, and better at small things.",
    )
)
MODELS.register(
    detector_spec(
        key="faster-rcnn-r50-v2",
        title="Faster R-CNN R50 v2",
        builder="fasterrcnn_resnet50_fpn_v2",
        network=FasterRcnnNetwork,
        weights=coco_weights("fasterrcnn_resnet50_fpn_v2_coco-dd69338a.pth", 167.104, 46.7),
        input_size=(800, 800),
        parameters=43_712_278,
        gmacs=280.371,
        family="Two stages",
        paper=PAPER,
        year=2015,
        defaults={"score": 0.5, "iou": 0.5},
        keywords=(*KEYWORDS, "ResNet-50"),
        summary="The most accurate detector here: proposes regions, then names 80 classes of objects; takes seconds.",
    )
)
MODELS.register(
    detector_spec(
        key="faster-rcnn-r50",
        title="Faster R-CNN R50",
        builder="fasterrcnn_resnet50_fpn",
        network=FasterRcnnNetwork,
        weights=coco_weights("fasterrcnn_resnet50_fpn_coco-258fb6c6.pth", 159.743, 37.0),
        input_size=(800, 800),
        parameters=41_808_406,
        gmacs=134.38,
        family="Two stages",
        paper=PAPER,
        year=2015,
        defaults={"score": 0.5, "iou": 0.5},
        keywords=(*KEYWORDS, "ResNet-50"),
        summary="Faster R-CNN with a ResNet-50 and a feature pyramid, as most papers compare with it.",
        norm_eps=0.0,
    )
)
