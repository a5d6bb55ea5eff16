"""What a network costs: by hand, as torch's own counter says, and as it was published."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from cvstudio.foundation.errors import Cancelled
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS, Architecture, ModelSpec
from cvstudio.models.inspection.store import (
    NoArchitectureError,
    declared_figures,
    inspection_of,
    known_figures,
    read_kept,
)
from cvstudio.models.inspection.trace import InspectionError, inspect


def net() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1, bias=False),
        nn.BatchNorm2d(8),
        nn.Conv2d(8, 8, 3, 1, 1, groups=4),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 10),
    ).eval()


def test_parameters_and_multiply_adds_by_hand(looked_into):
    found = looked_into(net, (32, 48))
    first, _, second, _, _, last = found.root.children
    # Outputs times inputs of a group times places of the window.
    assert first.macs == 8 * 16 * 24 * 3 * 9
    assert second.macs == 8 * 16 * 24 * 2 * 9
    assert last.macs == 10 * 8
    assert found.macs == found.root.macs == first.macs + second.macs + last.macs
    assert [child.parameters for child in found.root.children] == [216, 16, 8 * 2 * 9 + 8, 0, 0, 90]
    assert found.parameters == 216 + 16 + 152 + 90
    assert first.shape == (1, 8, 16, 24)
    assert first.shape_text == "8 × 16 × 24"


def test_parameters_that_are_shared_count_once_and_runs_add_up(looked_into):
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(3, 4, 1)
            self.one = nn.Conv2d(4, 4, 1)
            self.same = self.one

        def forward(self, x):
            return self.one(self.same(self.stem(x)))

    found = looked_into(Twice, 8)
    assert found.parameters == (3 * 4 + 4) + (4 * 4 + 4)
    one = found.root.children[1]
    assert (one.calls, one.macs) == (2, 2 * 64 * 16)


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "vit_b_16", "swin_t", "efficientnet_b0", "regnet_y_400mf"])
def test_multiply_adds_are_those_of_torchs_counter_on_real_arrays_and_the_published_ones(name, looked_into):
    from torchvision import models

    weights = models.get_model_weights(name).DEFAULT
    model = models.get_model(name, weights=None).eval()
    # With gradients, as attention otherwise takes a way that the counter does not see.
    with FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, 3, 224, 224))
    found = looked_into(lambda: models.get_model(name, weights=None), 224)
    assert found.macs == counter.get_total_flops() // 2
    assert found.macs / 1e9 == pytest.approx(weights.meta["_ops"], abs=6e-4)
    assert found.parameters == weights.meta["num_params"]


def test_nothing_is_left_on_the_network_and_it_was_built_without_numbers():
    made: list[nn.Module] = []

    def build() -> nn.Module:
        made.append(net())
        return made[-1]

    inspect(Architecture(build, (16, 16)))
    (module,) = made
    assert all(parameter.is_meta for parameter in module.parameters())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())


def test_a_network_that_looks_at_numbers_is_refused_in_one_sentence():
    class Curious(nn.Module):
        def forward(self, x):
            return x if x.sum().item() > 0 else -x

    with pytest.raises(InspectionError, match="cannot run without numbers"):
        inspect(Architecture(Curious, (8, 8)))


def test_it_can_be_stopped():
    progress = Progress()
    progress.cancel()
    with pytest.raises(Cancelled):
        inspect(Architecture(net, (16, 16)), progress)


def spec_of(build, **figures) -> ModelSpec:
    return ModelSpec(
        "toy/net",
        "Toy",
        "classify",
        "Toys",
        "",
        0,
        lambda *_: None,
        architecture=Architecture(build, (16, 16), **figures),
    )


def test_what_a_model_does_not_state_is_counted_once_and_kept():
    builds: list[int] = []

    def build() -> nn.Module:
        builds.append(1)
        return net()

    spec = spec_of(build)
    assert declared_figures(spec) is None
    assert known_figures(spec) is None
    found = inspection_of(spec)
    assert inspection_of(spec) == found
    assert len(builds) == 1
    assert known_figures(spec).macs == found.macs
    assert known_figures(spec).parameters == found.parameters
    # Another network under the same name is looked at anew.
    assert read_kept(dataclasses.replace(spec, revision="2")) is None


def test_a_damaged_file_is_made_anew(monkeypatch):
    spec = spec_of(net)
    found = inspection_of(spec)
    from cvstudio.models.inspection import store as kept

    kept._cache_path(spec).write_text('{"of": 1')
    assert known_figures(spec) is None
    assert inspection_of(spec) == found
    assert read_kept(spec) == found


def test_what_is_stated_needs_no_torch_and_a_model_without_layers_says_so():
    assert declared_figures(spec_of(net, parameters=1, macs=2)).macs == 2
    assert known_figures(MODELS["hog"]) is None
    with pytest.raises(NoArchitectureError, match="no network of torch layers"):
        inspection_of(MODELS["hog"])
