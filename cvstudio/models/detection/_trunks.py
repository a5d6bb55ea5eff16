"""The convolutional parts of torchvision's detectors as modules of their own, which an engine can run."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


class Dense(nn.Module):
    """Of a detector that answers for every place: the maps in a list, and what the head says of them."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.backbone, self.head = model.backbone, model.head

    def forward(self, pixels: Tensor) -> tuple[list[Tensor], dict[str, Tensor]]:
        maps = list(self.backbone(pixels).values())
        return maps, self.head(maps)


class Proposing(nn.Module):
    """Of a detector in two stages: the maps by their names, and for each of them the objectness and the shifts of the
    anchors."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.backbone, self.head = model.backbone, model.rpn.head

    def forward(self, pixels: Tensor) -> tuple[dict[str, Tensor], tuple[list[Tensor], list[Tensor]]]:
        maps = self.backbone(pixels)
        return maps, self.head(list(maps.values()))
