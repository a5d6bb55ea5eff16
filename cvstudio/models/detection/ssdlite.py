"""SSDlite320 with MobileNetV3-Large, torchvision's small detector of the 80 COCO classes.

Sources: Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016; Sandler et al., "MobileNetV2", CVPR 2018
(SSDlite, section 6.2); Howard et al., "Searching for MobileNetV3", ICCV 2019 (section 6.3).
"""

from __future__ import annotations

from cvstudio.models import MODELS
from cvstudio.models.detection._ssd import SsdNetwork
from cvstudio.models.detection._torchvision import coco_weights, detector_spec

MODELS.register(
    detector_spec(
        key="ssdlite",
        title="SSDlite320",
        builder="ssdlite320_mobilenet_v3_large",
        network=SsdNetwork,
        weights=coco_weights("ssdlite320_mobilenet_v3_large_coco-a79551df.pth", 13.418, 21.3),
        input_size=(320, 320),
        parameters=3_440_060,
        gmacs=0.583,
        family="Single shot",
        paper="Liu et al., SSD: Single Shot MultiBox Detector, ECCV 2016",
        year=2019,
        defaults={"score": 0.4, "iou": 0.55},
        keywords=(
            *(
                "SSD",
                "single shot detector",
                "SSDlite",
                "MobileNet v3",
                "COCO",
                "one-stage",
                "anchors",
                "default boxes",
            ),
            "torchvision",
        ),
        summary="Finds 80 classes of everyday objects, from people to cups and clocks, with one small network.",
    )
)
