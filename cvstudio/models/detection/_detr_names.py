"""Parameter names of DETR's published checkpoints, converted to those of the network.

The authors' files (dl.fbaipublicfiles.com/detr) keep query, key and value of an attention layer in one matrix. The
files on the Hugging Face hub name the trunk's layers after timm or, in the revision "no_timm", after transformers' own
ResNet.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

_LAYER = r"layers\.(\d+)\."

_HUB = (
    (r"backbone\.conv_encoder\.", "backbone."),
    (r"\.out_proj\.", ".o_proj."),
    (rf"{_LAYER}(fc[12])\.", r"layers.\1.mlp.\2."),
)

_AUTHORS = (
    (r"^backbone\.0\.body\.", "model.backbone.model."),
    (r"^transformer\.decoder\.norm\.", "model.decoder.layernorm."),
    (r"^transformer\.", "model."),
    (r"\.multihead_attn\.", ".encoder_attn."),
    (rf"{_LAYER}linear([12])\.", r"layers.\1.mlp.fc\2."),
    (rf"{_LAYER}norm1\.", r"layers.\1.self_attn_layer_norm."),
    (rf"(encoder\.{_LAYER})norm2\.", r"\1final_layer_norm."),
    (rf"(decoder\.{_LAYER})norm2\.", r"\1encoder_attn_layer_norm."),
    (rf"{_LAYER}norm3\.", r"layers.\1.final_layer_norm."),
    (r"^input_proj\.", "model.input_projection."),
    (r"^query_embed\.", "model.query_position_embeddings."),
    (r"^class_embed\.", "class_labels_classifier."),
    (r"^bbox_embed\.", "bbox_predictor."),
)


def _stage(match: re.Match[str]) -> str:
    return f"layer{int(match[1]) + 1}.{match[2]}."


def _part(match: re.Match[str]) -> str:
    kind = "conv" if match[2] == "convolution" else "bn"
    return f".{kind}{int(match[1]) + 1}."


def unified(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """`state_dict` with the names of ``transformers.DetrForObjectDetection``; unknown names stay.

    Batch counters, of which the files on the hub contain some, are left out: the normalisations are frozen.
    """
    is_authors_file = any(name.startswith("transformer.") for name in state_dict)
    renamed: dict[str, Tensor] = {}
    for name, tensor in state_dict.items():
        if name.endswith("num_batches_tracked"):
            continue
        if is_authors_file and ".in_proj_" in name:
            # The order in torch.nn.MultiheadAttention.
            for part, rows in zip(("q_proj", "k_proj", "v_proj"), tensor.chunk(3), strict=True):
                renamed[_renamed(name.replace("in_proj_", f"{part}."), _AUTHORS)] = rows
            continue
        renamed[_resnet(_renamed(_renamed(name, _AUTHORS) if is_authors_file else name, _HUB))] = tensor
    return renamed


def _renamed(name: str, rules: tuple[tuple[str, str], ...]) -> str:
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name


def _resnet(name: str) -> str:
    """A ResNet parameter's name in transformers, converted to that of torchvision and timm."""
    if not name.startswith("model.backbone."):
        return name
    name = name.replace("embedder.embedder.convolution", "conv1").replace("embedder.embedder.normalization", "bn1")
    name = re.sub(r"encoder\.stages\.(\d+)\.layers\.(\d+)\.", _stage, name)
    name = name.replace("shortcut.convolution", "downsample.0").replace("shortcut.normalization", "downsample.1")
    return re.sub(r"\.layer\.(\d+)\.(convolution|normalization)\.", _part, name)
