"""Any module as a layer, against the coarse steps and against plain hooks; and what a network is like afterwards."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import cvstudio
from cvstudio.analyses import ANALYSES
from cvstudio.analyses.explain._any_layer import module_gradient, module_maps, module_names
from cvstudio.analyses.explain._explained_class import ExplainedClass
from cvstudio.analyses.explain.activations import ModuleParams, UnitParams, run_module, run_unit, unit_facts
from cvstudio.analyses.stages import Inputs
from cvstudio.foundation.errors import Cancelled, ParamsError
from cvstudio.foundation.progress import Progress
from cvstudio.media import open_media, open_reader
from cvstudio.media.examples.files import sample_path
from cvstudio.models import MODELS
from cvstudio.models.runtime.layer_outputs import as_maps
from cvstudio.running.runner import Runner, make_instance
from tests.sample_inputs import sample_inputs

ONE = ExplainedClass(14, None, "", 0.0)


@pytest.fixture(scope="module")
def network() -> Any:
    return MODELS["residual-60"].load("cpu", None)


def cat() -> Any:
    with open_reader(open_media(sample_path("cat"))) as reader:
        return reader.read()


@pytest.mark.parametrize(("step", "module"), [("stem", "trunk.stem"), ("stage 2", "trunk.stages.1")])
def test_a_module_is_the_step_that_it_is(step: str, module: str, network: Any) -> None:
    small: Any = {"model": "residual-60", "positive": False, "target": "tabby"}
    one = cvstudio.run("grad-cam", sample_path("cat"), layer=step, **small)
    other = cvstudio.run("grad-cam", sample_path("cat"), module=module, **small)
    np.testing.assert_allclose(other.values, one.values, atol=1e-5 * np.abs(one.values).max())
    maps = [
        cvstudio.run("activations", sample_path("cat"), model="residual-60", **values).maps
        for values in ({"layer": step}, {"module": module})
    ]
    np.testing.assert_allclose(maps[1], maps[0], atol=1e-5)


def test_a_convolution_inside_of_a_block_by_a_plain_hook(network: Any) -> None:
    name = "trunk.stages.2.1.conv1"
    part: Any = network.model.get_submodule(name)
    kept: list[torch.Tensor] = []

    def keep(module: Any, inputs: Any, output: torch.Tensor) -> torch.Tensor:
        output.retain_grad()
        kept.append(output)
        return output.clone()

    hook = part.register_forward_hook(keep)
    try:
        network.model(network.preprocess(cat())[0])[0, 14].backward()
    finally:
        hook.remove()
        network.model.zero_grad(set_to_none=True)
    maps, slopes = module_gradient(network, cat(), name, ONE, Progress())
    np.testing.assert_allclose(maps, kept[0][0].detach().numpy(), atol=1e-5)
    assert kept[0].grad is not None
    np.testing.assert_allclose(slopes, kept[0].grad[0].numpy(), atol=1e-6)
    np.testing.assert_allclose(module_maps(network, cat(), name, Progress()), maps, atol=1e-6)


def test_what_is_no_layer_is_told(network: Any) -> None:
    for value, told in (("stage 9", "no layer 'stage 9'"), ("head", "answers no feature maps")):
        with pytest.raises(ParamsError, match=told):
            cvstudio.run("grad-cam", sample_path("cat"), model="residual-60", module=value)
        with pytest.raises(ParamsError, match=told):
            cvstudio.run("activations", sample_path("cat"), model="residual-60", module=value)


def test_the_unit_goes_as_far_as_the_module(network: Any) -> None:
    inputs = Inputs(samples={"picture": cat()}, network=network)
    (layers,) = run_module(inputs, ModuleParams("trunk.stages.0"), Progress())
    facts = unit_facts(layers, {"layer": "stage 4"})
    assert facts.ranges["unit"].high == 31
    assert facts.options["module"] == module_names(network)
    assert "trunk.stages.2.1.conv1" in facts.options["module"]
    for order in ("mean", "maximum"):
        previous = Inputs(samples={}, previous=layers)
        (found,) = run_unit(previous, UnitParams(order=order, unit=3), Progress())
        measure = found.means() if order == "mean" else found.maxima()
        assert (np.diff(measure[found.order]) <= 0).all()
        assert found.layer == "trunk.stages.0"


@pytest.mark.parametrize(
    ("size", "shape", "expected"),
    [
        ((224, 224), (1, 32, 14, 14), (32, 14, 14)),
        ((224, 224), (1, 14, 14, 32), (32, 14, 14)),
        ((128, 192), (1, 8, 12, 24), (24, 8, 12)),
        ((128, 192), (1, 24, 8, 12), (24, 8, 12)),
        ((224, 224), (1, 197, 64), (64, 14, 14)),
        ((224, 224), (1, 196, 64), (64, 14, 14)),
        ((224, 224), (1, 201, 64), (64, 14, 14)),
        ((128, 192), (1, 97, 64), (64, 8, 12)),
        ((224, 224), (1, 1000), None),
        ((224, 224), (1, 32, 1, 1), None),
    ],
)
def test_layouts(size: tuple[int, int], shape: tuple[int, ...], expected: tuple[int, ...] | None) -> None:
    values = torch.arange(float(np.prod(shape))).reshape(shape)
    maps = as_maps(size)(values)
    assert (None if maps is None else tuple(maps.shape[1:])) == expected
    if maps is None or len(shape) != 3:
        return
    before = shape[1] - maps.shape[2] * maps.shape[3]
    columns = maps.shape[3]
    for place in (0, 5, columns + 1):
        assert torch.equal(maps[0, :, place // columns, place % columns], values[0, before + place])


VALUES: dict[str, dict[str, Any]] = {
    "class-visualisation": {"steps": 2, "module": "", "start": "picture"},
    "randomised-weights": {"most": 2, "method": "Grad-CAM"},
    "insertion-deletion": {"steps": 5},
    "saliency": {"count": 2},
    "occlusion": {"window": 64, "stride": 32},
    "grad-cam": {"module": "blocks.3"},
    "activations": {"module": "blocks.3"},
    "filters": {"order": "answer to the picture"},
    "detector-filters": {"order": "answer to the picture"},
}
METHODS: list[tuple[str, dict[str, Any]]] = [
    (analysis.key, VALUES.get(analysis.key, {}))
    for analysis in ANALYSES
    if analysis.task and any("explain" in stage.run.__module__ for stage in analysis.stages)
]
METHODS += [
    ("saliency", {"method": method, "count": 2})
    for method in ("Gradient", "Integrated gradients", "Guided backpropagation", "Deconvnet", "Guided Grad-CAM")
]
METHODS += [("class-visualisation", {"steps": 2, "module": "blocks.2", "method": "pixels with an L2 penalty"})]
METHODS += [("randomised-weights", {"most": 2, "method": "Guided backpropagation"})]


def answers(network: Any, image: Any) -> list[np.ndarray]:
    with torch.inference_mode():
        if hasattr(network, "scored"):
            return [network.scored(image, MODELS["pyramid-lite0"].params(), Progress()).scores.numpy().copy()]
        return [network.model(network.preprocess(image)[0]).numpy().copy()]


@pytest.mark.parametrize(("key", "values"), METHODS, ids=lambda value: str(value))
def test_the_network_is_as_it_was(key: str, values: dict[str, Any]) -> None:
    """No hook, no gradient, no changed weight, and the same answer to the last bit."""
    analysis = ANALYSES[key]
    with Runner() as runner:
        instance = make_instance(key, sample_inputs(analysis), values=values)
        # The very network that the runner has.
        network = runner.host.network(instance.model_spec, instance.weights, Progress())
        before, weights = answers(network, cat()), {k: v.clone() for k, v in network.model.state_dict().items()}
        modes = [module.training for module in network.model.modules()]
        runner.result(instance)
        assert runner.host.network(instance.model_spec, instance.weights, Progress()) is network
        for now, then in zip(answers(network, cat()), before, strict=True):
            np.testing.assert_array_equal(now, then)
        check_untouched(network.model, weights)
        assert [module.training for module in network.model.modules()] == modes
        assert torch.is_grad_enabled()
        assert not torch.is_inference_mode_enabled()


def check_untouched(model: nn.Module, weights: dict[str, torch.Tensor]) -> None:
    for module in model.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
        assert not module._backward_hooks
        assert not module._backward_pre_hooks
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())


def test_a_method_that_fails_leaves_nothing(network: Any) -> None:
    weights = {name: value.clone() for name, value in network.model.state_dict().items()}

    progress = Progress()
    progress.cancel()
    with pytest.raises(Cancelled):
        module_gradient(network, cat(), "trunk.stem", ONE, progress)
    with pytest.raises(ParamsError):
        module_gradient(network, cat(), "head", ONE, Progress())
    check_untouched(network.model, weights)
