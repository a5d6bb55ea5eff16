"""EfficientNet-Lite0 as a head on the shared trunk: the last maps of the whole picture, pooled over what is no padding.

Imported only where torch is in use.
"""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from cvstudio.models.shared.efficientnet_lite import HEAD_WIDTH, STAGES, LiteTrunk, SameConv, batch_norm


class LiteHead(nn.Module):
    """What stands behind the trunk: the last maps, and the layer that classifies their means."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.conv_head, self.bn2 = SameConv(STAGES[-1].width, HEAD_WIDTH, 1), batch_norm(HEAD_WIDTH)
        self.act = nn.ReLU6(inplace=True)
        self.classifier = nn.Linear(HEAD_WIDTH, n_classes)

    def last_maps(self, coarsest: Tensor) -> Tensor:
        """The last maps, from the trunk's map of stride 32."""
        return cast(Tensor, self.act(self.bn2(self.conv_head(coarsest))))


class LiteScene(LiteHead):
    """``forward(x)`` takes float (n, 3, h, w), normalised RGB with h and w multiples of 32, and returns the maps of the
    trunk and the last maps (n, `HEAD_WIDTH`, h / 32, w / 32), whose mean ``classifier`` takes."""

    def __init__(self, n_classes: int) -> None:
        super().__init__(n_classes)
        self.trunk = LiteTrunk()

    def forward(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        maps = self.trunk(x)
        return maps, self.last_maps(maps[-1])
