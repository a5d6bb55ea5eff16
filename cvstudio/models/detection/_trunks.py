"""Convolutional parts of torchvision's detectors as separate modules, which OpenVINO can run."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


class Dense(nn.Module):
    """Trunk and head of a one-stage detector: returns the maps in a list, and the head's outputs by name."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.backbone, self.head = model.backbone, model.head

    def forward(self, pixels: Tensor) -> tuple[list[Tensor], dict[str, Tensor]]:
        maps = list(self.backbone(pixels).values())
        return maps, self.head(maps)


class Proposing(nn.Module):
    """Trunk and first stage of a two-stage detector: returns the maps by name, and for each the objectness and the box
    deltas of its anchors."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.backbone, self.head = model.backbone, model.rpn.head

    def forward(self, pixels: Tensor) -> tuple[dict[str, Tensor], tuple[list[Tensor], list[Tensor]]]:
        maps = self.backbone(pixels)
        return maps, self.head(list(maps.values()))
