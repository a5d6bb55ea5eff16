"""Saliency maps against finite differences, closed forms and modules with replaced backward passes."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import torchvision
from torch import nn

import cvstudio
from cvstudio.analyses.explain._backprop import input_gradient, integrated_gradients, smooth_gradient
from cvstudio.analyses.explain._explained_class import ExplainedClass
from cvstudio.analyses.explain.grad_cam import run_activations
from cvstudio.analyses.explain.saliency import SaliencyParams, run_gradient
from cvstudio.analyses.stages import Inputs
from cvstudio.data.geometry import Rect
from cvstudio.data.samples import Image
from cvstudio.foundation.errors import Cancelled, ParamsError
from cvstudio.foundation.progress import Progress
from cvstudio.media.examples.files import sample_path
from cvstudio.models import MODELS
from cvstudio.models.classification._classifier_layers import layers_of
from cvstudio.models.runtime.explainable import LayerStep


class Network:
    """Layers of `model`, one by one, as a classifier shows them to explanations."""

    device, temperature = "cpu", 1.0

    def __init__(self, *layers: Any, classes: int = 3) -> None:
        self.layers = layers
        self.labels = tuple(f"class {number}" for number in range(classes))

    def steps(self) -> tuple[LayerStep, ...]:
        return tuple(LayerStep(f"layer {number}", layer) for number, layer in enumerate(self.layers))

    def preprocess(self, image: Image) -> tuple[torch.Tensor, Rect]:
        raise NotImplementedError

    def class_weights(self) -> None:
        return None


def one(index: int, other: int | None = None) -> ExplainedClass:
    return ExplainedClass(index, other, "", 0.0)


def small(activation: Any = nn.ReLU, seed: int = 0) -> list[nn.Module]:
    torch.manual_seed(seed)
    layers = [
        nn.Conv2d(3, 6, 3, padding=1),
        activation(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 8, 3, padding=1),
        activation(),
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)),
    ]
    return [layer.double().eval() for layer in layers]


@pytest.fixture(scope="module")
def pixels() -> torch.Tensor:
    return torch.randn((1, 3, 8, 8), generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_the_gradient_by_finite_differences(pixels: torch.Tensor) -> None:
    layers = small(nn.SiLU)
    network, whole = Network(*layers), nn.Sequential(*layers)
    got = input_gradient(network, pixels, one(2, 0), Progress())[0].numpy()
    for place in [(0, 0, 0), (1, 3, 4), (2, 7, 7), (0, 5, 2)]:
        up, down = pixels.clone(), pixels.clone()
        up[(0, *place)] += 1e-5
        down[(0, *place)] -= 1e-5
        with torch.no_grad():
            rise = (whole(up) - whole(down))[0]
        assert got[place] == pytest.approx(float(rise[2] - rise[0]) / 2e-5, rel=1e-4, abs=1e-9)


class _Replaced(nn.Module):
    """A ReLU with a hook on its backward pass, as textbooks write it."""

    def __init__(self, rule: str, inner: nn.Module) -> None:
        super().__init__()
        self.rule, self.inner = rule, inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.rule == "guided":
            kept = x.clone()
            kept.register_hook(lambda gradient: gradient.clamp(min=0))
            return self.inner(kept)
        # What arrives from above is handed down where it is positive, whatever went in.
        y = self.inner(x.detach()).detach()
        passed = x + (y - x).detach()
        passed.register_hook(lambda gradient: gradient.clamp(min=0))
        return passed


@pytest.mark.parametrize("rule", ["guided", "deconvnet"])
@pytest.mark.parametrize("activation", [nn.ReLU, nn.ReLU6, nn.SiLU, lambda: nn.ReLU(inplace=True)])
def test_replaced_backward_passes(rule: Any, activation: Any, pixels: torch.Tensor) -> None:
    layers = small(activation)
    got = input_gradient(Network(*layers), pixels, one(1), Progress(), rule)
    replaced = [
        layer if isinstance(layer, nn.Conv2d | nn.MaxPool2d | nn.Sequential) else _Replaced(rule, activation())
        for layer in copy.deepcopy(layers)
    ]
    leaf = pixels.clone().requires_grad_()
    (expected,) = torch.autograd.grad(nn.Sequential(*replaced)(leaf)[0, 1], leaf)
    np.testing.assert_allclose(got.numpy(), expected.float().numpy(), rtol=1e-5, atol=1e-8)
    assert not np.allclose(got, input_gradient(Network(*layers), pixels, one(1), Progress()))


def test_functions_are_replaced_as_modules_are(pixels: torch.Tensor) -> None:
    layers = small()
    functions = [
        layers[0],
        lambda x: torch.relu(x),
        layers[2],
        layers[3],
        lambda x: nn.functional.relu(input=x, inplace=True),
        layers[5],
    ]
    for rule in ("guided", "deconvnet"):
        by_module, by_function = (
            input_gradient(Network(*form), pixels, one(0), Progress(), rule) for form in (layers, functions)
        )
        np.testing.assert_array_equal(by_function.numpy(), by_module.numpy())


@pytest.mark.parametrize(("rule", "name"), [("guided", "Guided backpropagation"), ("deconvnet", "The deconvnet")])
def test_a_network_without_activations_is_told(rule: Any, name: str, pixels: torch.Tensor) -> None:
    layers = small(nn.Identity)
    with pytest.raises(ParamsError, match=f"{name} expects a network with ReLUs"):
        input_gradient(Network(*layers), pixels, one(0), Progress(), rule)


def test_integrated_gradients_are_complete(pixels: torch.Tensor) -> None:
    """Their sum is the difference of the scores of both ends; on a straight line of a linear network, at once."""
    layers = small(nn.SiLU)
    baseline = torch.zeros_like(pixels)
    *_, attribution = integrated_gradients(Network(*layers), pixels, baseline, one(2, 1), 40, Progress())
    with torch.no_grad():
        ends = [nn.Sequential(*layers)(x)[0] for x in (pixels, baseline)]
    difference = float((ends[0] - ends[1])[2] - (ends[0] - ends[1])[1])
    assert float(attribution.sum()) == pytest.approx(difference, rel=1e-3)
    linear = [*small(nn.Identity)[0:1], nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()).double()]
    estimates = list(integrated_gradients(Network(*linear), pixels, baseline, one(4), 5, Progress()))
    for estimate in estimates:
        np.testing.assert_allclose(estimate, estimates[-1], atol=1e-6)
    assert len(estimates) == 5


def test_smooth_gradient_is_a_mean_and_repeats(pixels: torch.Tensor) -> None:
    network = Network(*small(nn.SiLU))
    means = [m.numpy() for m in smooth_gradient(network, pixels, one(0), 6, 0.2, Progress())]
    again = [m.numpy() for m in smooth_gradient(network, pixels, one(0), 6, 0.2, Progress())]
    np.testing.assert_array_equal(means, again)
    # Without noise each is the gradient itself.
    (*_, quiet) = smooth_gradient(network, pixels, one(0), 3, 0.0, Progress())
    np.testing.assert_allclose(quiet, input_gradient(network, pixels, one(0), Progress()), atol=1e-7)
    # Noise of .2 of the range, as its mean square tells: of the sum of all weights of a linear network nothing is left.
    generator = torch.Generator().manual_seed(0)
    deviation = 0.2 * float(pixels.max() - pixels.min())
    disturbed = [pixels + deviation * torch.randn(pixels.shape, generator=generator) for _ in range(6)]
    expected = np.mean([input_gradient(network, x, one(0), Progress()).numpy() for x in disturbed], axis=0)
    np.testing.assert_allclose(means[-1], expected, atol=1e-7)


@pytest.mark.parametrize("name", ["resnet18", "vgg11", "squeezenet1_1"])
@pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU activations")
def test_as_captum_has_them(name: str) -> None:
    from captum.attr import Deconvolution, GuidedBackprop, IntegratedGradients, Saliency

    torch.manual_seed(0)
    model = torchvision.models.get_model(name, weights=None).eval()
    network = Network(*(step.run for step in layers_of(model).steps), classes=1000)
    # Captum's hooks need layers that work out of place.
    theirs = copy.deepcopy(model)
    for module in theirs.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    x = torch.randn((1, 3, 96, 96))
    zeros, explained = torch.zeros_like(x), one(3)
    *_, integrated = integrated_gradients(network, x, zeros, explained, 6, Progress())
    pairs = [
        (
            input_gradient(network, x, explained, Progress()),
            Saliency(theirs).attribute(x.clone().requires_grad_(), target=3, abs=False),
        ),
        (
            input_gradient(network, x, explained, Progress(), "guided"),
            GuidedBackprop(theirs).attribute(x.clone().requires_grad_(), target=3),
        ),
        (
            input_gradient(network, x, explained, Progress(), "deconvnet"),
            Deconvolution(theirs).attribute(x.clone().requires_grad_(), target=3),
        ),
        (integrated, IntegratedGradients(theirs).attribute(x, zeros, target=3, n_steps=6, method="gausslegendre")),
    ]
    for ours, others in pairs:
        scale = float(others.abs().max())
        np.testing.assert_allclose(ours.detach().numpy(), others.detach().numpy(), atol=1e-5 * scale)


METHODS = (
    "Gradient",
    "Gradient × input",
    "SmoothGrad",
    "Integrated gradients",
    "Guided backpropagation",
    "Deconvnet",
    "Guided Grad-CAM",
)


class TestAnalysis:
    @pytest.mark.parametrize("method", METHODS)
    def test_nothing_is_left_in_the_network(self, method: str) -> None:
        network = MODELS["residual-60"].load("cpu", None)
        pixels = cv2.imread(str(sample_path("cat")))
        assert pixels is not None
        image = Image(np.ascontiguousarray(pixels[..., ::-1]))
        before = network.logits([image])
        state = {name: value.clone() for name, value in network.model.state_dict().items()}

        inputs = Inputs(samples={"picture": image}, network=network)
        (layers,) = run_activations(inputs, None, Progress())
        inputs = dataclasses.replace(inputs, previous=layers)
        *_, attribution = run_gradient(inputs, SaliencyParams(method=method, count=2), Progress())
        assert attribution.values.shape == (3, 128, 128)
        assert not attribution.values.flags.writeable
        np.testing.assert_array_equal(network.logits([image]), before)
        for name, value in network.model.state_dict().items():
            assert torch.equal(value, state[name])
        assert all(parameter.grad is None for parameter in network.model.parameters())
        for module in network.model.modules():
            assert not module._forward_hooks
            assert not module._forward_pre_hooks
            assert not module._backward_hooks

    @pytest.mark.parametrize("method", METHODS)
    def test_each_method(self, method: str) -> None:
        found = cvstudio.run("saliency", sample_path("cat"), model="residual-60", method=method, count=3)
        named = cvstudio.run("classify", sample_path("cat"), model="residual-60")
        assert found.label == named.label(0)
        assert found.about == f"{method}, 128 × 128 pixels"
        assert found.low == 0 < found.high <= found.values.max()

    def test_the_sum_of_the_channels_has_a_sign(self) -> None:
        found = cvstudio.run(
            "saliency", sample_path("cat"), model="residual-60", method="Integrated gradients", count=4, channels="sum"
        )
        assert found.low == -found.high < 0
        assert found.values.min() < 0 < found.values.max()

    def test_smoothing_and_clipping(self) -> None:
        values = {"model": "residual-60", "method": "Gradient"}
        plain = cvstudio.run("saliency", sample_path("cat"), **values, clipped=0.0)
        smooth = cvstudio.run("saliency", sample_path("cat"), **values, smoothing=3.0)
        assert plain.high == plain.values.max()
        expected = cv2.GaussianBlur(plain.values, (0, 0), 3.0)
        np.testing.assert_allclose(smooth.values, expected, atol=1e-6)
        assert smooth.high == pytest.approx(np.quantile(expected, 0.99))

    @pytest.mark.parametrize("baseline", ["black", "white", "blurred picture"])
    def test_baselines_differ(self, baseline: str) -> None:
        maps = [
            cvstudio.run(
                "saliency",
                sample_path("cat"),
                model="residual-60",
                method="Integrated gradients",
                count=2,
                baseline=name,
            ).values
            for name in ("mean colour", baseline)
        ]
        assert not np.allclose(*maps)

    def test_it_can_be_stopped_between_two_gradients(self) -> None:
        progress = Progress(lambda fraction, message: progress.cancel() if message.startswith("copy 2") else None)
        network = Network(*small())
        with pytest.raises(Cancelled):
            list(smooth_gradient(network, torch.zeros((1, 3, 8, 8), dtype=torch.float64), one(0), 5, 0.1, progress))
