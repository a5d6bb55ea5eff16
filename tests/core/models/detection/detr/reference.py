"""DETR once more, from its paper, with torch's own attention and torchvision's ResNet: to compare with.

Carion et al., "End-to-End Object Detection with Transformers", ECCV 2020, appendix A.3 and A.4. The parts are named as
in the authors' checkpoints.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchvision.models import resnet50
from torchvision.models._utils import IntermediateLayerGetter
from torchvision.ops import FrozenBatchNorm2d

WIDTH, HEADS, LAYERS, QUERIES = 256, 8, 6, 100


class EncoderLayer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(WIDTH, HEADS)
        self.linear1, self.linear2 = nn.Linear(WIDTH, 2048), nn.Linear(2048, WIDTH)
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)

    def forward(self, x: Tensor, where: Tensor) -> Tensor:
        x = self.norm1(x + self.self_attn(x + where, x + where, x)[0])
        return self.norm2(x + self.linear2(self.linear1(x).relu()))


class DecoderLayer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(WIDTH, HEADS)
        self.multihead_attn = nn.MultiheadAttention(WIDTH, HEADS)
        self.linear1, self.linear2 = nn.Linear(WIDTH, 2048), nn.Linear(2048, WIDTH)
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)

    def forward(self, x: Tensor, queries: Tensor, seen: Tensor, where: Tensor) -> tuple[Tensor, Tensor]:
        x = self.norm1(x + self.self_attn(x + queries, x + queries, x)[0])
        looked, weights = self.multihead_attn(x + queries, seen + where, seen, average_attn_weights=False)
        x = self.norm2(x + looked)
        return self.norm3(x + self.linear2(self.linear1(x).relu())), weights


class Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Module(), nn.Module()
        self.encoder.layers = nn.ModuleList(EncoderLayer() for _ in range(LAYERS))
        self.decoder.layers = nn.ModuleList(DecoderLayer() for _ in range(LAYERS))
        self.decoder.norm = nn.LayerNorm(WIDTH)


class Head(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 4)])

    def forward(self, x: Tensor) -> Tensor:
        return self.layers[2](self.layers[1](self.layers[0](x).relu()).relu()).sigmoid()


class Reference(nn.Module):
    """``forward(pixels)`` gives logits (100, 92), boxes (100, 4) and the last cross-attention (8, 100, places)."""

    def __init__(self, *, dilation: bool) -> None:
        super().__init__()
        trunk = resnet50(norm_layer=FrozenBatchNorm2d, replace_stride_with_dilation=[False, False, dilation])
        body = nn.Module()
        body.body = IntermediateLayerGetter(trunk, {"layer4": "0"})
        self.backbone = nn.ModuleList([body])
        self.transformer = Transformer()
        self.input_proj = nn.Conv2d(2048, WIDTH, 1)
        self.query_embed = nn.Embedding(QUERIES, WIDTH)
        self.class_embed, self.bbox_embed = nn.Linear(WIDTH, 92), Head()

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        maps = self.input_proj(self.backbone[0].body(pixels)["0"])
        where = positions(*maps.shape[-2:]).flatten(1).T[:, None]
        x = maps.flatten(2).permute(2, 0, 1)
        for layer in self.transformer.encoder.layers:
            x = layer(x, where)
        queries = self.query_embed.weight[:, None]
        found, weights = torch.zeros_like(queries), x
        for layer in self.transformer.decoder.layers:
            found, weights = layer(found, queries, x, where)
        found = self.transformer.decoder.norm(found)[:, 0]
        return self.class_embed(found), self.bbox_embed(found), weights[0]


def positions(height: int, width: int) -> Tensor:
    """Sines and cosines of y, then of x, each over 128 channels: (256, height, width)."""
    y = torch.arange(1, height + 1) / (height + 1e-6) * 2 * torch.pi
    x = torch.arange(1, width + 1) / (width + 1e-6) * 2 * torch.pi
    frequencies = 10000.0 ** (-torch.arange(64) * 2 / 128)

    def waves(values: Tensor) -> Tensor:
        angles = values[:, None] * frequencies
        return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)

    down, across = waves(y).T, waves(x).T
    return torch.cat([down[:, :, None].expand(-1, -1, width), across[:, None].expand(-1, height, -1)])
