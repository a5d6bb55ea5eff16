"""The moving average beside torch's own, worked out by hand, and going on where it stopped."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from cvstudio.training.ema import Ema


def number(value: float) -> nn.Linear:
    layer = nn.Linear(1, 1, bias=False)
    nn.init.constant_(layer.weight, value)
    return layer


def drift(network: nn.Module, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator))


def test_it_begins_with_a_short_memory():
    """The n-th of a run of values keeps min(decay, (1 + n) / (10 + n)) of what was before."""
    values = [3.0, -1.0, 4.0, 1.0, -5.0, 9.0, 2.0, 6.0] * 20
    ema, wanted = Ema(number(100.0), 0.9), 100.0
    for n, value in enumerate(values, start=1):
        ema.update(number(value))
        keep = min(0.9, (1 + n) / (10 + n))
        wanted = keep * wanted + (1 - keep) * value
        assert ema.network.weight.item() == pytest.approx(wanted, rel=1e-5)
    # By then the start weighs nothing; with the long memory from the first step on, it would.
    assert abs(ema.network.weight.item()) < 10


def test_the_first_update_keeps_two_elevenths():
    ema = Ema(number(11.0), 0.999)
    ema.update(number(0.0))
    assert ema.network.weight.item() == pytest.approx(2.0)


def test_once_warm_it_is_torchs_average():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    decay = 0.1  # Under 2 / 11, so that it holds from the first update on.
    ema = Ema(network, decay)
    theirs = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)
    theirs.update_parameters(network)
    for step in range(5):
        drift(network, step)
        network(torch.randn(2, 3, 8, 8))
        ema.update(network)
        theirs.update_parameters(network)
    for name, tensor in theirs.module.state_dict().items():
        if tensor.dtype.is_floating_point:
            assert torch.allclose(ema.network.state_dict()[name], tensor, atol=1e-6), name


def test_statistics_are_averaged_and_counters_taken_over():
    network = nn.BatchNorm1d(2)
    ema = Ema(network, 0.5)
    for _ in range(3):
        network(torch.randn(4, 2) + 5)
        ema.update(network)
    assert ema.network.num_batches_tracked.item() == 3
    assert not torch.equal(ema.network.running_mean, network.running_mean)
    assert ema.network.running_mean.abs().min() > 0


def test_it_neither_learns_nor_touches_the_network():
    network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    ema = Ema(network, 0.9)
    drift(ema.network, 0)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert network.training
    assert not ema.network.training
    assert not any(parameter.requires_grad for parameter in ema.network.parameters())
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_it_goes_on_where_it_was_kept(tmp_path):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    whole = Ema(network, 0.9)
    for step in range(4):
        drift(network, step)
        whole.update(network)
    torch.save(whole.state_dict(), tmp_path / "ema.pt")
    resumed = Ema(nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)), 0.9)
    resumed.load_state_dict(torch.load(tmp_path / "ema.pt", weights_only=True))
    for step in range(4, 8):
        drift(network, step)
        whole.update(network)
        resumed.update(network)
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(resumed.network.state_dict()[name], tensor)
    assert resumed.state_dict()["updates"] == 8
