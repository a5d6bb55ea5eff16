"""Every registered network is built; those that are not too large also run, are saved, loaded and compared."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._pytree import tree_leaves

from cvstudio.models import MODELS, Architecture, ModelSpec
from cvstudio.models.custom.store import PREFIX
from cvstudio.models.inspection.trace import build_without_numbers, inspect
from cvstudio.weights.checks import load_into
from cvstudio.weights.store import load_state_dict

LARGE = 30_000_000
"""Parameters from which on a network is only built without numbers."""

HEAVY = 1_000_000_000
"""Multiply-adds from which on running it takes long."""

TORCH_FILES = (".pth", ".pt", ".bin", ".ckpt", ".safetensors")

NETWORKS = [model for model in MODELS if model.architecture is not None]
SMALL = [
    pytest.param(
        model,
        id=model.key,
        marks=pytest.mark.long if model.architecture.macs > HEAVY else (),
    )
    for model in NETWORKS
    if model.architecture.parameters <= LARGE
]


def through_torch(model: ModelSpec) -> bool:
    """Whether a model's weights are torch's, or what it can do needs torch."""
    # What a user has added is a file that brings its own layers.
    return not model.key.startswith(PREFIX) and bool(
        any(weights.file_name.endswith(TORCH_FILES) for weights in model.weights)
        or model.capabilities & {"gradients", "hooks"}
    )


def lacking(models: Any) -> list[str]:
    """The networks that do not declare their layers."""
    return [model.key for model in models if through_torch(model) and model.architecture is None]


def test_every_network_that_runs_through_torch_declares_its_layers():
    assert NETWORKS
    assert lacking(MODELS) == []


def test_one_that_does_not_is_found_out():
    bare = ModelSpec("bare", "Bare", "detect", "", "", 2000, lambda *_: None, capabilities=frozenset({"hooks"}))
    weights = MODELS["ssdlite"].weights
    published = ModelSpec("published", "Published", "detect", "", "", 2000, lambda *_: None, weights=weights)
    classical = ModelSpec("classical", "Classical", "detect", "", "", 2000, lambda *_: None)
    assert lacking([bare, published, classical]) == ["bare", "published"]


@pytest.mark.parametrize("model", NETWORKS, ids=lambda model: model.key)
def test_a_network_is_built_and_runs_without_numbers_at_the_cost_that_it_states(model: ModelSpec):
    stated = model.architecture
    assert stated is not None
    found = inspect(stated)
    # The published number, or what torch counts; building all of them twice takes long.
    counted = stated.parameters or sum(item.numel() for item in build_without_numbers(stated).parameters())
    assert found.parameters == counted
    if stated.macs:
        # Published figures are rounded, and some count activations in.
        assert found.macs == pytest.approx(stated.macs, rel=0.04)
    assert [layer for _, layer in found.root.walk() if layer.macs and layer.calls and layer.shape]


@pytest.fixture(autouse=True)
def memory_is_given_back() -> Iterator[None]:
    yield
    gc.collect()


def answers(architecture: Architecture, module: Any) -> list[torch.Tensor]:
    pixels = torch.rand(1, 3, *architecture.input_size, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        out = module(pixels) if architecture.call is None else architecture.call(module, pixels)
    return [leaf for leaf in tree_leaves(out) if isinstance(leaf, torch.Tensor)]


@pytest.mark.parametrize("model", SMALL)
def test_a_network_runs_is_saved_loaded_and_says_the_same_again(model: ModelSpec, tmp_path: Path):
    architecture = model.architecture
    assert architecture is not None
    torch.manual_seed(3)
    module = architecture.build()
    assert not module.training
    said = answers(architecture, module)
    assert said
    assert all(bool(answer.isfinite().all()) for answer in said)
    path = tmp_path / "network.pth"
    torch.save(module.state_dict(), path)
    torch.manual_seed(4)
    again = architecture.build()
    # Other random numbers until the file is loaded; a network that begins with zeros cannot show it in its answer.
    names = [name for name, value in module.named_parameters() if value.numel() > 1 and value.std() > 0]
    others = dict(again.named_parameters())
    assert any(not torch.equal(module.get_parameter(name), others[name]) for name in names)
    load_into(again, load_state_dict(path), model.title)
    for one, other in zip(said, answers(architecture, again), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("model", SMALL)
def test_the_models_own_loading_fills_this_very_network(model: ModelSpec, tmp_path: Path):
    architecture = model.architecture
    assert architecture is not None
    torch.manual_seed(5)
    module = architecture.build()
    path = tmp_path / "network.pth"
    torch.save(module.state_dict(), path)
    network = model.load("cpu", path)
    loaded = getattr(network, "model", None)
    if loaded is None:
        pytest.skip("its network is wrapped; that it takes the file is what could be seen")
    for one, other in zip(answers(architecture, module), answers(architecture, loaded), strict=True):
        # Some fold their normalisations in, or have their channels last.
        scale = float(one.abs().max()) or 1.0
        torch.testing.assert_close(other.contiguous(), one, rtol=1e-3, atol=1e-4 * scale)
