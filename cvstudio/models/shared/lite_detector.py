"""The default detector's network: EfficientNet-Lite0, and YOLOX-nano's pyramid and head behind adapters.

The trunk is the default classifier's and stays as published. Adapters turn its maps into what the pyramid and the head
of the published YOLOX-nano expect, from whose weights these two start: Chen et al., "Knowledge Distillation with the
Reused Teacher Classifier", CVPR 2022 (SimKD); Ge et al., "YOLOX", arXiv 2107.08430 (pyramid and head). Masks are linear
combinations of prototypes (Bolya et al., "YOLACT", ICCV 2019) and of a quadratic form in the box, which is an ellipse
before anything is learnt. Imported only where torch is in use.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from cvstudio.models.shared.efficientnet_lite import MAP_WIDTHS, LiteTrunk
from cvstudio.models.shared.yolox_net import STRIDES, WIDTHS, ConvUnit, Fusion, Head, Scale, SeparableUnit

SCALE = Scale(0.33, 0.25, depthwise=True)
"""Size of the pyramid and the head: YOLOX-nano's."""

FUSED_WIDTHS = tuple(SCALE.channels(width) for width in WIDTHS)
"""Channels of the maps before and behind the pyramid, the finest first."""

HIDDEN = SCALE.channels(256)
"""Channels of the head."""

N_PROTOTYPES = 16
PROTOTYPE_STRIDE = 4
PROTOTYPE_CHANNELS = 32
N_SHAPE = 5
"""Coefficients of 1, u, v, u² and v², where u and v are -1 and 1 at the sides of the box."""

ELLIPSE = (2.5, 0.0, 0.0, -2.5, -2.5)
"""The coefficients before training: positive within the ellipse that touches the sides."""


class LiteRaw(NamedTuple):
    """LiteRaw outputs for a batch, the cells of all levels concatenated (finest level first).

    objectness float32 (n, cells, 1), logits; classes (n, cells, classes), logits of the classes of what is there;
    distances (n, cells, 4): left, top, right, bottom from the cell's centre in strides; coefficients (n, cells,
    `N_PROTOTYPES` + `N_SHAPE`); prototypes (n, `N_PROTOTYPES`, h / 4, w / 4).
    """

    objectness: Tensor
    classes: Tensor
    distances: Tensor
    coefficients: Tensor
    prototypes: Tensor

    @property
    def scores(self) -> Tensor:
        """Score of each class at each cell, 0..1, (n, cells, classes)."""
        return self.objectness.sigmoid() * self.classes.sigmoid()


class Adapter(nn.Module):
    """A map of the trunk in the channels of the pyramid, with the surroundings of each cell added."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.project = ConvUnit(inputs, outputs, 1)
        self.context = SeparableUnit(outputs, outputs, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.project(x)
        return cast(Tensor, x + self.context(x))


class LiteDetector(nn.Module):
    """``forward(x)`` takes float (n, 3, h, w), normalised RGB with h and w multiples of 32, and returns `LiteRaw`."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.trunk = LiteTrunk()
        self.adapters = nn.ModuleList(Adapter(*widths) for widths in zip(MAP_WIDTHS, FUSED_WIDTHS, strict=True))
        self.pyramid = Fusion(SCALE)
        self.head = Head(SCALE, n_classes)
        coefficients = [nn.Conv2d(HIDDEN, N_PROTOTYPES + N_SHAPE, 1) for _ in STRIDES]
        self.coefficients = nn.ModuleList(coefficients)
        self.prototype_in = SeparableUnit(FUSED_WIDTHS[0], PROTOTYPE_CHANNELS, 3)
        self.prototype_out = nn.Sequential(
            SeparableUnit(PROTOTYPE_CHANNELS, PROTOTYPE_CHANNELS, 3), nn.Conv2d(PROTOTYPE_CHANNELS, N_PROTOTYPES, 1)
        )
        for layer in coefficients:
            nn.init.normal_(layer.weight, std=0.01)
            assert layer.bias is not None
            layer.bias.data = torch.tensor([0.0] * N_PROTOTYPES + list(ELLIPSE))

    def fused(self, maps: list[Tensor]) -> list[Tensor]:
        """Fused maps of the trunk's, the finest first."""
        return cast(list[Tensor], self.pyramid([adapt(x) for adapt, x in zip(self.adapters, maps, strict=True)]))

    def outputs(self, levels: list[Tensor]) -> tuple[Tensor, Tensor, Tensor, list[Tensor]]:
        """Objectness, classes and distances, as in `LiteRaw`, of the fused maps, and each level's features of boxes."""
        objectness, classes, distances, features = [], [], [], []
        for index, level in enumerate(levels):
            of_classes, of_boxes, of_objectness, box_features = self.head.branches(index, level)
            classes.append(_cells(of_classes))
            objectness.append(_cells(of_objectness))
            distances.append(_cells(of_boxes))
            features.append(box_features)
        return (
            torch.cat(objectness, 1).float(),
            torch.cat(classes, 1).float(),
            to_distances(torch.cat(distances, 1).float()),
            features,
        )

    def shapes(self, features: list[Tensor]) -> Tensor:
        """Coefficients, as in `LiteRaw`, of each level's features of boxes."""
        pairs = zip(self.coefficients, features, strict=True)
        return torch.cat([_cells(layer(x)) for layer, x in pairs], 1).float()

    def prototypes(self, finest: Tensor) -> Tensor:
        """Mask prototypes from the finest fused map, at twice its resolution."""
        features = functional.interpolate(
            self.prototype_in(finest), scale_factor=2.0, mode="bilinear", align_corners=False
        )
        prototypes: Tensor = self.prototype_out(features)
        return prototypes.float()

    def forward(self, x: Tensor) -> LiteRaw:
        return self.from_maps(self.trunk(x))

    def from_maps(self, maps: list[Tensor]) -> LiteRaw:
        """As `forward`, from the maps of the trunk."""
        levels = self.fused(maps)
        objectness, classes, distances, features = self.outputs(levels)
        return LiteRaw(objectness, classes, distances, self.shapes(features), self.prototypes(levels[0]))


class WithMaps(nn.Module):
    """A detector whose ``forward(x)`` returns the maps of its trunk beside `LiteRaw`, in one pass."""

    def __init__(self, detector: LiteDetector) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, x: Tensor) -> tuple[list[Tensor], LiteRaw]:
        maps = self.detector.trunk(x)
        return maps, self.detector.from_maps(maps)


def _cells(maps: Tensor) -> Tensor:
    """(n, cells, channels) of maps (n, channels, h, w)."""
    return maps.flatten(2).transpose(1, 2)


def to_distances(boxes: Tensor) -> Tensor:
    """Distances from the centre of the cell of YOLOX's boxes (…, 4), both in strides.

    Its offsets of the centre are from the cell's top left corner, its sides are logarithms.
    """
    offset, half = boxes[..., :2] - 0.5, boxes[..., 2:].exp() / 2
    return torch.cat([half - offset, half + offset], dim=-1)
