"""Transfer learning: what is frozen stays to the bit, and each part learns at its own rate."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from cvstudio.foundation.errors import WeightsError
from cvstudio.training.transfer import freeze, load_trunk, parameter_groups, unfreeze


def small_network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Sequential(
            nn.InstanceNorm2d(3, track_running_stats=True),
            nn.Conv2d(3, 4, 3, bias=False),
            nn.BatchNorm2d(4),
            nn.ReLU(),
        ),
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.BatchNorm1d(4), nn.Linear(4, 3)),
    )


def snapshot(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def learn(network: nn.Module, optimiser: torch.optim.Optimizer, steps: int = 5) -> None:
    torch.manual_seed(1)
    for _ in range(steps):
        network.train()
        loss = nn.functional.cross_entropy(network(torch.randn(8, 3, 9, 9) * 3 + 1), torch.randint(3, (8,)))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


@pytest.mark.parametrize("everything", [False, True])
def test_what_is_frozen_stays_to_the_bit_and_the_head_learns(everything):
    network = small_network()
    freeze(network, except_=("1",))
    before = snapshot(network)
    # An optimiser that was given all parameters, with decay and momentum, must not touch the frozen ones either.
    parameters = network.parameters() if everything else (p for p in network.parameters() if p.requires_grad)
    learn(network, torch.optim.SGD(parameters, lr=0.1, momentum=0.9, weight_decay=0.1))
    after = network.state_dict()
    for name in before:
        same = torch.equal(before[name], after[name])
        assert same == name.startswith("0."), name
    assert "0.2.running_mean" in before
    assert "0.0.running_var" in before


def test_without_freezing_everything_would_have_changed():
    network = small_network()
    before = snapshot(network)
    learn(network, torch.optim.SGD(network.parameters(), lr=0.1))
    same = [name for name, tensor in network.state_dict().items() if torch.equal(tensor, before[name])]
    # torch does not count the batches of this kind.
    assert same == ["0.0.num_batches_tracked"]


def test_the_frozen_part_says_the_same_in_training_as_in_evaluation():
    network = small_network()
    learn(network, torch.optim.SGD(network.parameters(), lr=0.1))
    freeze(network, except_=("1",))
    x = torch.randn(4, 3, 9, 9)
    evaluated = network.eval()[0](x)
    assert torch.equal(network.train()[0](x), evaluated)
    assert network[1][2].training


def test_what_momentum_holds_from_before_does_not_move_what_is_frozen_now():
    network = small_network()
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    learn(network, optimiser)
    freeze(network, except_=("1",))
    before = snapshot(network)
    optimiser.step()
    assert torch.equal(network.state_dict()["0.1.weight"], before["0.1.weight"])


def test_unfreezing_undoes_it_and_a_copy_has_a_life_of_its_own():
    network = small_network().train()
    freeze(network, except_=("1.3",))
    twin = copy.deepcopy(network)
    unfreeze(network)
    assert network[0][2].training
    assert all(parameter.requires_grad for parameter in network.parameters())
    before = snapshot(network)
    learn(network, torch.optim.SGD(network.parameters(), lr=0.1))
    assert not torch.equal(network[0][2].running_mean, before["0.2.running_mean"])
    twin.train()
    assert not twin[0][2].training
    assert torch.equal(twin[0][2].running_mean, before["0.2.running_mean"])
    unfreeze(twin)
    assert twin[0][2].training
    network.eval()
    unfreeze(network)
    assert not network[0][2].training


def test_a_name_is_a_part_of_the_network_not_a_beginning():
    network = nn.ModuleDict({"head": nn.Linear(2, 2), "header": nn.Linear(2, 2)})
    freeze(network, except_=("head",))
    assert [name for name, parameter in network.named_parameters() if parameter.requires_grad] == [
        "head.weight",
        "head.bias",
    ]
    freeze(network, except_=("header.bias",))
    assert [name for name, parameter in network.named_parameters() if parameter.requires_grad] == ["header.bias"]


def test_a_misspelt_name_is_refused():
    network = nn.ModuleDict({"trunk": nn.Linear(2, 2), "head": nn.Linear(2, 2)})
    words = "'haed', but the network has trunk, head"
    with pytest.raises(ValueError, match=words):
        freeze(network, except_=("haed",))
    with pytest.raises(ValueError, match=words):
        parameter_groups(network, ("head", "haed"), rate=1, trunk_rate=1, weight_decay=0)
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_both_rates_and_the_decay_are_what_the_optimiser_applies():
    """Without momentum, SGD takes rate * (gradient + decay * weight) off: each step is known beforehand."""
    network = small_network()
    rate, trunk_rate, decay = 0.5, 0.01, 0.2
    groups = parameter_groups(network, ("1",), rate=rate, trunk_rate=trunk_rate, weight_decay=decay)
    optimiser = torch.optim.SGD(groups, lr=123.0, weight_decay=456.0)
    loss = nn.functional.cross_entropy(network(torch.randn(8, 3, 9, 9)), torch.randint(3, (8,)))
    loss.backward()
    before = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    optimiser.step()
    decaying = {"0.1.weight", "1.3.weight"}
    for name, parameter in network.named_parameters():
        step = parameter.grad + (decay if name in decaying else 0) * before[name]
        wanted = before[name] - (rate if name.startswith("1") else trunk_rate) * step
        assert torch.allclose(parameter, wanted, atol=1e-6), name
        assert not torch.equal(parameter, before[name]), name


def test_every_parameter_that_learns_is_in_one_group_and_no_frozen_one():
    network = small_network()
    groups = parameter_groups(network, ("",), rate=1, trunk_rate=2, weight_decay=3)
    listed = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(listed) == sorted(id(parameter) for parameter in network.parameters())
    assert {group["lr"] for group in groups} == {1}
    freeze(network, except_=("1.3",))
    groups = parameter_groups(network, ("1",), rate=1, trunk_rate=2, weight_decay=3)
    assert [[tuple(p.shape) for p in group["params"]] for group in groups] == [[(3, 4)], [(3,)]]


def test_the_trunk_of_another_network_is_taken_over():
    source, target = nn.ModuleDict({"trunk": small_network(), "head": nn.Linear(1, 1)}), small_network()
    learn(source["trunk"], torch.optim.SGD(source.parameters(), lr=0.1))
    load_trunk(target, source.state_dict(), prefix="trunk")
    assert all(torch.equal(tensor, source["trunk"].state_dict()[name]) for name, tensor in target.state_dict().items())
    again = small_network()
    load_trunk(again, target.state_dict(), prefix="")
    assert torch.equal(again[0][1].weight, source["trunk"][0][1].weight)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda state: {}, "the checkpoint's 0 have none"),
        (lambda state: {"stem.weight": torch.ones(1)}, "begin with 'trunk.', but the checkpoint's 1 have none"),
        (lambda state: {**state, "trunk.0.1.weight": torch.ones(4, 3, 5, 5)}, "1 of another shape"),
        (lambda state: {name: tensor for name, tensor in state.items() if name != "trunk.1.3.bias"}, "1 missing"),
        (lambda state: {**state, "trunk.9.weight": torch.ones(1)}, "1 unknown"),
    ],
)
def test_a_trunk_that_does_not_fit_is_told_and_changes_nothing(change, words):
    target = small_network()
    before = snapshot(target)
    state = {f"trunk.{name}": tensor + 1 for name, tensor in small_network().state_dict().items()}
    with pytest.raises(WeightsError) as caught:
        load_trunk(target, change(state), prefix="trunk")
    sentence = str(caught.value).partition("\n")[0]
    assert words in sentence
    assert sentence.startswith("Expected ")
    assert sentence.endswith(".")
    assert all(torch.equal(tensor, before[name]) for name, tensor in target.state_dict().items())
