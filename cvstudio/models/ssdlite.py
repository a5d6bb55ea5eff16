"""SSDlite320 with MobileNetV3-Large, torchvision's small detector of the 80 COCO classes.

Sources: Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016; Sandler et al., "MobileNetV2", CVPR 2018
(SSDlite, section 6.2); Howard et al., "Searching for MobileNetV3", ICCV 2019 (section 6.3).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cvstudio.models import MODELS, ModelSpec
from cvstudio.models.base import MAX_CANDIDATES, Weights
from cvstudio.params import Range
from cvstudio.progress import Progress
from cvstudio.results import Detections
from cvstudio.stages import NoParams
from cvstudio.types import Image

if TYPE_CHECKING:
    from torch import nn

FLOOR = 0.01
"""Probability under which a candidate is not kept; the score slider goes no lower."""

N_OUTPUTS = 91
"""Outputs of the head: COCO's original numbers with their gaps, 0 being the background."""

# COCO took eleven of its 91 classes back; the network has an output for each, and no picture taught it.
_UNUSED = frozenset({0, 12, 26, 29, 30, 45, 66, 68, 69, 71, 83})
OUTPUTS = tuple(number for number in range(N_OUTPUTS) if number not in _UNUSED)
"""Which of the head's outputs belongs to each label."""

LABELS = (
    *("person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light"),
    *("fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow"),
    *("elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee"),
    *("skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard"),
    *("tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple"),
    *("sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch"),
    *("potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone"),
    *("microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors", "teddy bear"),
    *("hair drier", "toothbrush"),
)

COCO_V1 = Weights(
    key="coco-v1",
    file_name="ssdlite320_mobilenet_v3_large_coco-a79551df.pth",
    url="https://download.pytorch.org/models/ssdlite320_mobilenet_v3_large_coco-a79551df.pth",
    sha256="a79551df",
    # Published as 13.418 MiB.
    size_bytes=14_069_793,
    licence="BSD-3-Clause",
    trained_on="COCO 2017",
    metrics="box mAP 21.3 on COCO val2017",
    labels=LABELS,
)


class SsdliteNetwork:
    """The network on one device, in evaluation mode."""

    labels = LABELS

    def __init__(self, model: nn.Module, device: str) -> None:
        import torch

        self._device = device
        self._model: Any = model.eval().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._outputs = torch.tensor(OUTPUTS, device=device)

    @property
    def nbytes(self) -> int:
        """Memory of parameters and buffers in bytes."""
        return sum(tensor.numel() * tensor.element_size() for tensor in self._model.state_dict().values())

    def warm_up(self, progress: Progress) -> None:
        """Let the first run's allocations and choices of kernels happen before they are waited for."""
        self.predict(Image(np.zeros((320, 320, 3), np.uint8)), NoParams(), progress)

    def predict(self, image: Image, params: NoParams, progress: Progress) -> Detections:
        """Candidates above `FLOOR`: each is an anchor with one of its classes."""
        import torch

        progress.check()
        model = self._model
        with torch.inference_mode():
            # One transposed copy: the picture itself is read-only, and torch may not share it.
            pixels = torch.from_numpy(image.rgb8.transpose(2, 0, 1).copy()).to(self._device)
            batch, _ = model.transform([pixels.to(torch.float32) / 255])
            features = list(model.backbone(batch.tensors.contiguous(memory_format=torch.channels_last)).values())
            progress.check()
            head = model.head(features)
            (anchors,) = model.anchor_generator(batch, features)
            scores = head["cls_logits"][0].softmax(dim=-1).index_select(1, self._outputs).flatten()
            best = scores.topk(min(MAX_CANDIDATES, len(scores))).indices
            best = best[scores[best] >= FLOOR]
            rows = best // len(OUTPUTS)
            boxes = self._decode(head["bbox_regression"][0][rows], anchors[rows], batch.image_sizes[0], image)
            return Detections(
                boxes.cpu().numpy(),
                scores[best].cpu().numpy(),
                (best % len(OUTPUTS)).cpu().numpy(),
                LABELS,
                np.arange(len(best), dtype=np.int64),
                image.size,
            )

    def _decode(self, regression: Any, anchors: Any, batch_size: tuple[int, int], image: Image) -> Any:
        """Boxes (n, 4) in pixels of `image`, from what the head says of `anchors` in a batch of (height, width)."""
        from torchvision.ops import clip_boxes_to_image

        boxes = clip_boxes_to_image(self._model.box_coder.decode_single(regression, anchors), batch_size)
        sizes = [(image.size.height, image.size.width)]
        return self._model.transform.postprocess([{"boxes": boxes}], [batch_size], sizes)[0]["boxes"]


def load(device: str, checkpoint: Path | None) -> SsdliteNetwork:
    """The network with `checkpoint`, or with the published one from torch's cache. Raises WeightsError."""
    from cvstudio.weights import load_into, load_state_dict, require_weights

    # Before the network is built: a missing file is told at once.
    state_dict = load_state_dict(require_weights(COCO_V1, checkpoint))
    from torchvision.models.detection import ssdlite320_mobilenet_v3_large

    model = ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=N_OUTPUTS)
    load_into(model, state_dict, "SSDlite320 MobileNetV3-Large")
    return SsdliteNetwork(model, device)


MODELS.register(
    ModelSpec(
        key="ssdlite",
        title="SSDlite320",
        task="detect",
        family="Single shot",
        paper="Liu et al., SSD: Single Shot MultiBox Detector, ECCV 2016",
        year=2019,
        load=load,
        weights=(COCO_V1,),
        ranges={"score": Range(FLOOR, 1, step=0.01)},
        defaults={"score": 0.4, "iou": 0.55},
        labels=LABELS,
        capabilities=frozenset({"gradients", "hooks", "logits"}),
        keywords=(
            "SSD",
            "single shot detector",
            "SSDlite",
            "MobileNet",
            "COCO",
            "one-stage",
            "anchors",
            "default boxes",
            "torchvision",
        ),
        summary="Finds 80 kinds of everyday things, from people and cars to cups and clocks, with one small network.",
    )
)
