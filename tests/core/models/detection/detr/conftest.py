"""DETR with seeded weights: in memory, and as the hub's library writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from cvstudio.data.samples import Image
from cvstudio.models.detection._detr import build


def seeded() -> Any:
    """A network whose queries find different things: as it is made, all would say the same."""
    torch.manual_seed(5)
    module = build("resnet50", dilation=False)
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, part in module.named_modules():
            if not isinstance(part, nn.Linear) or "coder.layers" not in name:
                continue
            gain = 1.5 if name.endswith(("v_proj", "o_proj")) else 3.0 if name.endswith(("q_proj", "k_proj")) else 1.0
            if "self_attn" in name:
                # What mixes all with all makes all alike.
                gain = 0.4 if name.endswith(("v_proj", "o_proj")) else 1.0
            nn.init.xavier_uniform_(part.weight, gain=gain, generator=generator)
        for layer in module.bbox_predictor.layers:
            nn.init.xavier_uniform_(layer.weight, gain=2.0, generator=generator)
        module.model.query_position_embeddings.weight.normal_(0, 1, generator=generator)
        module.class_labels_classifier.weight.normal_(0, 0.2, generator=generator)
        shake(module)
        part_places(module.model.input_projection, lambda x: module.model.backbone(x, torch.ones_like(x[:, 0]))[-1][0])
    return module


def shake(module: nn.Module) -> None:
    """Normalisations that do something."""
    generator = torch.Generator().manual_seed(11)
    for name, buffer in module.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(0, 0.05, generator=generator)
        elif name.endswith("running_var"):
            buffer.uniform_(0.6, 1.6, generator=generator)


def part_places(projection: nn.Conv2d, trunk: Any) -> None:
    """Let what the transformer gets differ from place to place, which an untrained trunk hardly lets it."""
    noise = torch.randn(1, 3, 192, 256, generator=torch.Generator().manual_seed(2))
    projection.bias.zero_()
    values = projection(trunk(noise))[0].flatten(1)
    projection.weight.div_(values.std(1)[:, None, None, None])
    projection.bias.copy_(-values.mean(1) / values.std(1))


@pytest.fixture(scope="session")
def module() -> Any:
    return seeded()


@pytest.fixture(scope="session")
def reference_network() -> Any:
    """callable (dilation) -> the second network, with weights of its own."""

    def make(dilation: bool) -> nn.Module:
        import importlib.util

        spec = importlib.util.spec_from_file_location("detr_reference", Path(__file__).with_name("reference.py"))
        assert spec is not None
        assert spec.loader is not None
        reference = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(reference)
        torch.manual_seed(3)
        made: nn.Module = reference.Reference(dilation=dilation).eval()
        with torch.no_grad():
            shake(made)
            part_places(made.input_proj, lambda x: made.backbone[0].body(x)["0"])
            made.class_embed.weight.normal_(0, 0.2)
            for layer in (*made.transformer.encoder.layers, *made.transformer.decoder.layers):
                layer.self_attn.out_proj.weight.mul_(0.2)
            for layer in made.transformer.decoder.layers:
                layer.multihead_attn.in_proj_weight[:512].mul_(3)
        return made

    return make


@pytest.fixture(scope="session")
def hub_folder_of(module: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the hub's library saves: config.json and model.safetensors with the published names."""
    folder = tmp_path_factory.mktemp("hub") / "detr"
    module.save_pretrained(folder)
    return Path(folder)


@pytest.fixture(scope="session")
def photo() -> Image:
    pixels = np.random.default_rng(3).integers(0, 256, (12, 16, 3), np.uint8)
    # Areas of one colour with edges between them, as in a photograph.
    return Image(np.kron(pixels, np.ones((20, 20, 1), np.uint8)))
