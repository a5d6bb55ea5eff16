"""SSD300 with VGG-16: an early one-stage detector at video speed.

Source: Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016 (section 2.1, default boxes on six maps).
"""

from __future__ import annotations

from cvstudio.models import MODELS
from cvstudio.models.detection._ssd import SsdNetwork
from cvstudio.models.detection._torchvision import coco_weights, detector_spec

MODELS.register(
    detector_spec(
        key="ssd300",
        title="SSD300",
        builder="ssd300_vgg16",
        network=SsdNetwork,
        weights=coco_weights("ssd300_vgg16_coco-b556d3b4.pth", 135.988, 25.1),
        input_size=(300, 300),
        parameters=35_641_826,
        gmacs=34.858,
        family="Single shot",
        paper="Liu et al., SSD: Single Shot MultiBox Detector, ECCV 2016",
        year=2016,
        defaults={"score": 0.4, "iou": 0.45},
        keywords=("SSD", "SSD300", "VGG-16", "one-stage", "anchors", "default boxes", "prior boxes", "MultiBox"),
        summary="Finds 80 classes of objects in one pass of a VGG-16, by default boxes on six maps.",
    )
)
