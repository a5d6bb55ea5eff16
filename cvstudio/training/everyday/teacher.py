"""The teacher: YOLOX-nano's fused maps and its outputs at every cell, from which a student of the same grid learns.

Source: Ge et al., "YOLOX", arXiv 2107.08430. The published network's grid (strides 8, 16 and 32 of 416 pixels) is that
of the student, so that the two agree cell by cell, without an assignment of boxes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.boxes import nms
from cvstudio.training.augment import Pixels
from cvstudio.training.detector_teacher import TeacherBoxes

if TYPE_CHECKING:
    from torch import Tensor

SIZE = 416
STRIDES = (8, 16, 32)
CELLS = sum((SIZE // stride) ** 2 for stride in STRIDES)
N_CLASSES = 80


def published(path: Path) -> dict[str, Tensor]:
    """State of a `YoloxNet` out of the ONNX file of YOLOX-nano, in which normalisations are folded in.

    Convolutions are matched by the order in which they run; a normalisation becomes the identity with the folded bias.
    """
    import cv2
    import torch

    from cvstudio.models.shared.lite_detector import SCALE
    from cvstudio.models.shared.yolox_net import EPS, YoloxNet

    graph = cv2.dnn.readNetFromONNX(str(path))
    layers = [graph.getLayer(name) for name in graph.getLayerNames()]
    folded = [layer.blobs for layer in layers if layer.type == "Convolution"]
    model = YoloxNet(SCALE, N_CLASSES).eval()
    names = {module: name for name, module in model.named_modules()}
    order: list[str] = []
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_pre_hook(lambda module, _: order.append(names[module]))
    with torch.inference_mode():
        model(torch.zeros(1, 3, 64, 64))
    state = {}
    for name, (weight, bias) in zip(order, folded, strict=True):
        state[f"{name}.weight"] = torch.from_numpy(np.array(weight))
        values = torch.from_numpy(np.array(bias).reshape(-1))
        if f"{name}.bias" in model.state_dict():
            state[f"{name}.bias"] = values
            continue
        stem = name.removesuffix("conv") + "bn"
        state[f"{stem}.weight"] = torch.ones(len(values))
        state[f"{stem}.bias"] = values
        state[f"{stem}.running_mean"] = torch.zeros(len(values))
        state[f"{stem}.running_var"] = torch.full((len(values),), 1 - EPS)
        state[f"{stem}.num_batches_tracked"] = torch.tensor(1)
    return state


def under(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors under the name `prefix`, without it."""
    start = f"{prefix}."
    return {name.removeprefix(start): tensor for name, tensor in state.items() if name.startswith(start)}


@dataclass(frozen=True, eq=False)
class TeacherOutputs:
    """Outputs for a batch.

    maps : float tensors (n, channels, h, w), the fused ones, the finest first
    objectness float32 (n, cells) and classes (n, cells, classes), 0..1; their products are scores
    boxes float32 (n, cells, 4), x1, y1, x2, y2 in pixels, not clipped
    """

    maps: list[Tensor]
    objectness: NDArray[np.float32]
    classes: NDArray[np.float32]
    boxes: NDArray[np.float32]


class DenseTeacher:
    """YOLOX-nano with the weights of its ONNX file.

    Parameters
    ----------
    path : the ONNX file
    device : "cpu", "cuda", …
    """

    def __init__(self, path: Path, device: str = "cpu") -> None:
        import torch

        from cvstudio.models.shared.lite_detector import SCALE
        from cvstudio.models.shared.pyramid import places
        from cvstudio.models.shared.residual import fuse
        from cvstudio.models.shared.yolox_net import YoloxNet

        self.state = published(path)
        network = YoloxNet(SCALE, N_CLASSES)
        network.load_state_dict(self.state)
        self._network: Any = fuse(network).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._device = device
        self._centres, self._strides = places(SIZE, SIZE, device)

    def outputs(self, views: NDArray[np.uint8]) -> TeacherOutputs:
        """Outputs for views uint8 RGB (n, `SIZE`, `SIZE`, 3)."""
        import torch

        from cvstudio.models.shared.lite_detector import to_distances
        from cvstudio.models.shared.pyramid import decode

        with torch.inference_mode():
            blob = torch.from_numpy(views).to(self._device).flip(-1).permute(0, 3, 1, 2).float()
            levels = self._network.backbone(blob)
            pairs = enumerate(levels)
            raw = torch.cat([self._network.head.level(index, level) for index, level in pairs], dim=1)
            boxes = decode(to_distances(raw[..., :4]), self._centres, self._strides)
        return TeacherOutputs(
            levels, raw[..., 4].cpu().numpy(), raw[..., 5:].cpu().numpy(), boxes.cpu().numpy().astype(np.float32)
        )

    def __call__(self, view: Pixels, *, floor: float = 0.1, iou: float = 0.6) -> TeacherBoxes:
        """Boxes of COCO's 80 classes in a view, with scores of at least `floor`, after NMS."""
        outputs = self.outputs(view[None])
        scores = outputs.objectness[0, :, None] * outputs.classes[0]
        rows, classes = np.nonzero(scores >= floor)
        values = scores[rows, classes].astype(np.float32)
        order = np.argsort(-values, kind="stable")
        boxes = np.clip(outputs.boxes[0][rows[order]], 0, SIZE).astype(np.float32)
        classes, values = classes[order].astype(np.int64), values[order]
        kept = nms(boxes, values, classes, iou)
        return TeacherBoxes(boxes[kept], classes[kept], values[kept])
