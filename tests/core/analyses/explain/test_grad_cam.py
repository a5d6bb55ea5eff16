"""Grad-CAM against closed forms and a plain autograd computation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional

import cvstudio
from cvstudio.analyses.explain._class_activation import (
    activations,
    grad_cam,
    grad_cam_plus_plus,
    gradient,
    layer_cam,
    weighted,
)
from cvstudio.analyses.explain._explained_class import ExplainedClass
from cvstudio.analyses.stages import stage_keys
from cvstudio.data.geometry import Rect, Size, View
from cvstudio.data.samples import Image
from cvstudio.draw import Look, render
from cvstudio.draw.spectrogram import colour_lut
from cvstudio.exporters import exporters_for
from cvstudio.foundation.errors import Cancelled, ParamsError
from cvstudio.foundation.progress import Progress
from cvstudio.media.examples.files import sample_path
from cvstudio.models import MODELS
from cvstudio.models.classification.residual import LABELS, LAYERS, ResidualNetwork, prepare
from cvstudio.results.heat_map import HeatMap
from cvstudio.running.runner import Runner, make_instance


@pytest.fixture(scope="module")
def network() -> ResidualNetwork:
    loaded: ResidualNetwork = MODELS["residual-60"].load("cpu", None)
    return loaded


@pytest.fixture(scope="module")
def photo() -> Image:
    pixels = cv2.imread(str(sample_path("cat")))
    assert pixels is not None
    return Image(np.ascontiguousarray(pixels[..., ::-1]))


def one(index: int) -> ExplainedClass:
    return ExplainedClass(index, None, "", 0.0)


def plain(network: ResidualNetwork, image: Image, layer: str, target: int) -> np.ndarray:
    """Grad-CAM by hooks and a whole backward pass, as textbooks write it."""
    module = network.model.trunk.stem if layer == "stem" else network.model.trunk.stages[int(layer[-1]) - 1]
    kept: list[torch.Tensor] = []

    def keep(_: Any, inputs: Any, output: torch.Tensor) -> torch.Tensor:
        output.retain_grad()
        kept.append(output)
        return output.clone()  # what follows works in place

    hook = module.register_forward_hook(keep)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    try:
        x = (torch.from_numpy(prepare(image).copy()).float() / 255 - mean) / std
        network.model(x.permute(2, 0, 1)[None])[0, target].backward()
    finally:
        hook.remove()
        network.model.zero_grad()
    (maps,) = kept
    assert maps.grad is not None
    alpha = maps.grad[0].mean(dim=(1, 2))
    return (alpha[:, None, None] * maps.detach()[0]).sum(0).numpy()


@pytest.mark.parametrize("layer", LAYERS)
def test_as_a_whole_backward_pass_says(layer: str, network: ResidualNetwork, photo: Image) -> None:
    found = activations(network, photo, Progress())
    for target in (int(found.logits.argmax()), LABELS.index("tabby"), LABELS.index("teapot")):
        expected = plain(network, photo, layer, target)
        slope = gradient(network, layer, found.maps[layer], one(target), Progress())
        got = grad_cam(found.maps[layer], slope)
        np.testing.assert_allclose(got, expected, atol=1e-5 * np.abs(expected).max())


def test_the_closed_form_for_a_global_average_and_a_linear_layer(network: ResidualNetwork, photo: Image) -> None:
    """alpha_k = w_k / Z, so that Grad-CAM is CAM divided by the number of places."""
    found = activations(network, photo, Progress())
    last = found.maps["stage 4"]
    places = last.shape[1] * last.shape[2]
    weights = network.model.head.weight.detach().numpy()
    for target in range(0, 60, 7):
        slope = gradient(network, "stage 4", last, one(target), Progress())
        expected = sum(weights[target, k] * last[k].astype(np.float64) for k in range(len(last))) / places
        np.testing.assert_allclose(grad_cam(last, slope), expected, atol=1e-5)
        np.testing.assert_allclose(weighted(last, weights[target]) / places, expected, atol=1e-5)
        # The mean of CAM over the places, with the bias, is the logit itself.
        logit = expected.sum() + network.model.head.bias.detach().numpy()[target]
        assert logit == pytest.approx(found.logits[target], abs=1e-4)


def test_grad_cam_plus_plus_by_its_derivatives(network: ResidualNetwork, photo: Image) -> None:
    """The paper's equation 5 with all three derivatives of exp(score), where the network after the maps is piecewise
    linear, so that they are powers of the first."""
    found = activations(network, photo, Progress())
    maps = found.maps["stage 3"]
    slope = gradient(network, "stage 3", maps, one(int(found.logits.argmax())), Progress())
    score = 0.7  # any: it scales all weights alike
    first, second, third = (np.exp(score) * slope.astype(np.float64) ** power for power in (1, 2, 3))
    expected = np.zeros(maps.shape[1:])
    for k in range(len(maps)):
        total, weight = maps[k].astype(np.float64).sum(), 0.0
        for i, j in np.ndindex(maps.shape[1:]):
            below = 2 * second[k, i, j] + total * third[k, i, j]
            if below:
                weight += second[k, i, j] / below * max(first[k, i, j], 0)
        expected += weight * maps[k]
    got = grad_cam_plus_plus(maps, slope)
    np.testing.assert_allclose(got * np.exp(score), expected, atol=1e-4 * np.abs(expected).max())


def test_layer_cam_place_by_place(network: ResidualNetwork, photo: Image) -> None:
    found = activations(network, photo, Progress())
    maps = found.maps["stage 2"]
    slope = gradient(network, "stage 2", maps, one(5), Progress())
    expected = np.zeros(maps.shape[1:])
    for k, i, j in np.ndindex(maps.shape):
        expected[i, j] += max(slope[k, i, j], 0) * maps[k, i, j]
    np.testing.assert_allclose(layer_cam(maps, slope), expected, atol=1e-5 * np.abs(expected).max())


def test_two_classes_are_compared_by_the_difference_of_their_logits(network: ResidualNetwork, photo: Image) -> None:
    found = activations(network, photo, Progress())
    for layer in ("stage 2", "stage 4"):
        maps = found.maps[layer]
        ours, theirs = (gradient(network, layer, maps, one(index), Progress()) for index in (14, 15))
        both = gradient(network, layer, maps, ExplainedClass(14, 15, "", 0.0), Progress())
        np.testing.assert_allclose(both, ours - theirs, atol=1e-6 + 1e-5 * np.abs(ours).max())


def test_the_steps_are_the_network(network: ResidualNetwork, photo: Image) -> None:
    found = activations(network, photo, Progress())
    np.testing.assert_allclose(found.logits, network.logits([photo])[0], atol=1e-4)
    assert tuple(found.maps) == LAYERS == MODELS["residual-60"].options["layers"]
    assert not any(maps.flags.writeable for maps in found.maps.values())
    assert found.rect == Rect(75.0, 0.0, 300.0, 300.0)


def test_nothing_is_left_in_the_network(network: ResidualNetwork, photo: Image) -> None:
    found = activations(network, photo, Progress())
    gradient(network, "stage 2", found.maps["stage 2"], one(3), Progress())
    assert all(parameter.grad is None for parameter in network.model.parameters())
    for module in network.model.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
        assert not module._backward_hooks


def test_it_can_be_stopped(network: ResidualNetwork, photo: Image) -> None:
    progress = Progress()
    progress.cancel()
    with pytest.raises(Cancelled):
        activations(network, photo, progress)
    found = activations(network, photo, Progress())
    with pytest.raises(Cancelled):
        gradient(network, "stem", found.maps["stem"], one(0), progress)


class TestAnalysis:
    def test_the_likeliest_class_by_default(self) -> None:
        found = cvstudio.run("grad-cam", sample_path("cat"))
        named = cvstudio.run("classify", sample_path("cat"))
        assert found.label == named.label(0)
        assert found.probability == pytest.approx(named.probabilities[0], abs=0.02)
        assert found.values.min() >= 0
        assert (found.low, found.high) == (0, found.values.max())
        assert found.about == "Grad-CAM, last maps, 7 × 7 places"

    def test_methods_agree_at_the_last_layer(self) -> None:
        one = cvstudio.run("grad-cam", sample_path("cat"), target="teapot", positive=False)
        other = cvstudio.run("grad-cam", sample_path("cat"), target="teapot", positive=False, method="CAM")
        np.testing.assert_allclose(other.values, one.values * one.values.size, rtol=1e-4, atol=1e-5)
        assert one.values.min() == one.low < 0

    def test_the_class_of_another_rank(self) -> None:
        named = cvstudio.run("classify", sample_path("cat"), count=3, threshold=0.0)
        third = cvstudio.run("grad-cam", sample_path("cat"), rank=3)
        assert third.label == named.label(2)
        other = cvstudio.run("grad-cam", sample_path("cat"), rank=3, against=named.label(0), positive=False)
        assert other.label == f"{named.label(2)}, not {named.label(0)}"
        assert other.probability == third.probability

    @pytest.mark.parametrize("method", ["Grad-CAM++", "Layer-CAM"])
    def test_the_other_methods_fall_on_the_cat_too(self, method: str) -> None:
        found = cvstudio.run("grad-cam", sample_path("cat"), method=method)
        plain_map = cvstudio.run("grad-cam", sample_path("cat"))
        assert found.about.startswith(method)
        assert np.corrcoef(found.values.ravel(), plain_map.values.ravel())[0, 1] > 0.5

    def test_classes_and_layers_differ(self) -> None:
        maps = [
            cvstudio.run("grad-cam", sample_path("cat"), target=target, layer=layer).values
            for target, layer in (("tabby", ""), ("teapot", ""), ("tabby", "stride 16"), ("tabby", "stem"))
        ]
        assert [values.shape for values in maps] == [(7, 7), (7, 7), (14, 14), (112, 112)]
        assert not np.allclose(maps[0], maps[1])

    @pytest.mark.parametrize(
        ("values", "told"),
        [
            ({"target": "unicorn"}, "unicorn"),
            ({"layer": "stage 9"}, "stage 9"),
            ({"against": "unicorn"}, "unicorn"),
            ({"target": "tabby", "against": "tabby"}, "two classes"),
            ({"method": "CAM", "layer": "stride 8"}, "CAM expects the layer right before a global average"),
        ],
    )
    def test_what_cannot_be_is_told_in_a_sentence(self, values: dict[str, str], told: str) -> None:
        with pytest.raises(ParamsError, match=told):
            cvstudio.run("grad-cam", sample_path("cat"), **values)

    def test_a_wide_picture_is_seen_in_its_middle(self, tmp_path: Path) -> None:
        path = tmp_path / "wide.png"
        cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 256, (60, 200, 3), np.uint8))
        found = cvstudio.run("grad-cam", path)
        # The middle 224 of 256 pixels of the shorter side.
        side = 60 * 224 / 256
        rect = (found.rect.x, found.rect.y, found.rect.width, found.rect.height)
        assert rect == pytest.approx((100 - side / 2, 30 - side / 2, side, side), abs=0.2)
        assert found.size == (200, 60)


class TestDrawing:
    LOOK = Look(heat_opacity=1.0, show_labels=False, colour_map="grey")

    SIZE = Size(80, 40)

    def picture(self, values: np.ndarray, rect: Rect | None = None) -> HeatMap:
        whole = rect or View.whole(self.SIZE).rect
        return HeatMap(values.astype(np.float32), whole, self.SIZE, float(values.min()), float(values.max()))

    def test_as_torch_enlarges_it(self) -> None:
        values = np.random.default_rng(1).random((4, 8))
        drawn = render(
            Image(np.zeros((40, 80, 3), np.uint8)), [(self.picture(values), self.LOOK)], View.whole(Size(80, 40))
        )
        shares = (values - values.min()) / (values.max() - values.min())
        wide = functional.interpolate(
            torch.from_numpy(shares)[None, None], (40, 80), mode="bilinear", align_corners=False
        )[0, 0].numpy()
        np.testing.assert_allclose(drawn[..., 0], wide * 255, atol=0.51)

    def test_the_screen_shows_a_crop_of_the_file(self) -> None:
        found = self.picture(np.random.default_rng(1).random((5, 7)), Rect(13, 3, 50, 30))
        base = Image(np.full((40, 80, 3), 90, np.uint8))
        for scale in (0.5, 1.0, 3.0):
            whole = render(base, [(found, Look())], View(Rect(0, 0, 80, 40), scale))
            part = render(base, [(found, Look())], View(Rect(10, 4, 30, 20), scale))
            top, left = round(4 * scale), round(10 * scale)
            np.testing.assert_array_equal(part, whole[top : top + part.shape[0], left : left + part.shape[1]])

    def test_outside_of_what_was_seen_the_picture_stays(self) -> None:
        found = self.picture(np.ones((2, 2)), Rect(20, 0, 40, 40))
        base = Image(np.full((40, 80, 3), 90, np.uint8))
        drawn = render(base, [(found, Look(show_labels=False))], View.whole(base.size))
        assert (drawn[:, :20] == 90).all()
        assert (drawn[:, 60:] == 90).all()
        assert (drawn[:, 20:60] != 90).any(axis=2).all()

    def test_colours_and_opacity(self) -> None:
        found = self.picture(np.array([[0.0, 1.0]]))
        base = Image(np.full((40, 80, 3), 100, np.uint8))
        for name in ("viridis", "magma"):
            look = Look(heat_opacity=0.5, show_labels=False, colour_map=name)
            drawn = render(base, [(found, look)], View.whole(base.size))
            expected = (colour_lut(name)[[0, 255]].astype(float) + 100) / 2
            np.testing.assert_allclose(drawn[20, [0, 79]], expected, atol=1)
        hidden = render(base, [(found, Look(heat_opacity=0.0))], View.whole(base.size))
        assert (hidden == 100).all()

    def test_a_flat_map_is_dark(self) -> None:
        drawn = render(None, [(self.picture(np.full((3, 3), 7.0)), self.LOOK)], View.whole(Size(80, 40)))
        assert (drawn == 0).all()


@pytest.mark.parametrize(
    "values",
    [np.zeros((2, 2)), np.zeros(4, np.float32), np.array([[np.nan]], np.float32), np.zeros((0, 3), np.float32)],
)
def test_a_heat_map_is_checked(values: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected"):
        HeatMap(values, Rect(0, 0, 1, 1), Size(1, 1), 0, 1)


def test_a_whole_video_can_be_explained_and_written() -> None:
    assert "mp4" in [exporter.key for exporter in exporters_for(HeatMap, video=True)]


def test_the_list_of_classes_begins_with_the_ten_most_likely_of_this_picture():
    picture = sample_path("cat")
    classified = cvstudio.run("classify", picture, model="residual-60", count=10, threshold=0.0)
    instance = make_instance("grad-cam", {"picture": picture}, model="residual-60")
    with Runner() as runner:
        request = runner._request(instance, None)
        runner.result(instance)
        layers = runner.cache.get(stage_keys(request)[0]).value
    suggested = instance.spec.input_facts(layers, {}).suggested["target"]
    assert suggested == tuple(classified.label(row) for row in range(10))
