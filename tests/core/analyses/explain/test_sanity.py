"""Insertion, deletion and randomised weights against loops by hand, SciPy and layers that are known."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import nn
from torch.nn import functional

import cvstudio
from cvstudio.analyses.explain._explained_class import ExplainedClass
from cvstudio.analyses.explain._sanity import (
    GRAD_CAM,
    GRADIENT,
    GUIDED,
    last_maps_of,
    map_of,
    on_input,
    randomised_cascade,
    rank_correlation,
    replaced_in_order,
)
from cvstudio.data.geometry import Rect
from cvstudio.exporters import EXPORTERS
from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.progress import Progress
from cvstudio.media.examples.files import sample_path
from cvstudio.results.explain.curves import ScoreCurves
from cvstudio.running.export_items import ExportRequest, export_item
from cvstudio.running.runner import Runner, make_instance

ONE = ExplainedClass(1, None, "", 0.0)


def small() -> nn.Sequential:
    torch.manual_seed(0)
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3))
    layers = [nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 8, 3, stride=2, padding=1), nn.ReLU(), head]
    return nn.Sequential(*layers).eval()


def test_pixels_are_replaced_in_their_order() -> None:
    first, last = torch.rand((1, 3, 4, 5)), torch.rand((1, 3, 4, 5))
    importance = np.random.default_rng(0).random((4, 5)).astype(np.float32)
    weights = torch.rand((1, 3, 4, 5))

    def score(batch: torch.Tensor) -> np.ndarray:
        return (batch * weights).sum(dim=(1, 2, 3)).double().numpy()

    *_, scores = replaced_in_order(score, first, last, importance, 10, Progress())
    expected = []
    order = sorted(np.ndindex(4, 5), key=lambda place: -importance[place])
    picture = first.clone()
    for step in range(11):
        for y, x in order[2 * step - 2 : 2 * step] if step else []:
            picture[0, :, y, x] = last[0, :, y, x]
        expected.append(float((picture * weights).sum()))
    np.testing.assert_allclose(scores, expected, rtol=1e-5)


def test_a_map_is_enlarged_as_torch_does() -> None:
    values = np.random.default_rng(0).random((5, 7)).astype(np.float32)
    rect = Rect(10, 20, 70, 50)
    got = on_input(values, rect, rect, (40, 56))
    wide = functional.interpolate(torch.from_numpy(values)[None, None], (40, 56), mode="bilinear", align_corners=False)
    np.testing.assert_allclose(got, wide[0, 0].numpy(), atol=0.02)
    # The left half of it alone.
    half = on_input(values, rect, Rect(10, 20, 35, 50), (40, 28))
    np.testing.assert_allclose(half, wide[0, 0].numpy()[:, :28], atol=0.02)


def test_the_last_layers_become_random_first() -> None:
    model = small()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    names = []
    for name, changed in randomised_cascade(model, 0):
        names.append(name)
        layers = {"0", "2", "4.2"} - set(names)
        for key, value in changed.state_dict().items():
            same = torch.equal(value, before[key])
            assert same == (key.rpartition(".")[0] in layers)
    assert names == ["4.2", "2", "0"]
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_random_weights_have_the_spread_of_the_learnt_ones() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(300, 200))
    nn.init.normal_(model[0].weight, 0.5, 0.1)
    (_, changed), *_ = randomised_cascade(model, 0)
    weight = changed.get_parameter("0.weight")
    assert float(weight.detach().mean()) == pytest.approx(0.5, abs=0.01)
    assert float(weight.detach().std()) == pytest.approx(0.1, rel=0.05)


def test_rank_correlation_is_spearmans() -> None:
    rng = np.random.default_rng(0)
    one = rng.integers(0, 5, (6, 7)).astype(np.float32)
    other = (one + rng.normal(size=one.shape)).astype(np.float32)
    assert rank_correlation(one, other) == pytest.approx(spearmanr(one.ravel(), other.ravel()).statistic)
    assert rank_correlation(one, np.zeros_like(one)) == 0


def test_maps_of_a_bare_network() -> None:
    model, pixels = small(), torch.randn((1, 3, 8, 10), generator=torch.Generator().manual_seed(1))
    assert last_maps_of(model, pixels) == "3"
    leaf = pixels.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model(leaf)[0, 1], leaf)
    np.testing.assert_allclose(map_of(model, pixels, ONE, GRADIENT, ""), gradient[0].abs().amax(0), atol=1e-6)
    # Grad-CAM where a linear layer follows an average: its weights.
    maps = model[:4](pixels)[0].detach()
    weights = model[4][2].weight.detach()[1]
    expected = (maps * weights[:, None, None]).sum(0).clamp(min=0) / (maps.shape[1] * maps.shape[2])
    np.testing.assert_allclose(map_of(model, pixels, ONE, GRAD_CAM, "3"), expected.numpy(), atol=1e-6)
    assert map_of(model, pixels, ONE, GUIDED, "").shape == (8, 10)
    assert last_maps_of(nn.Sequential(nn.Flatten(), nn.Linear(240, 3)), pixels) == ""


SMALL: Any = {"model": "residual-60"}


@pytest.fixture(scope="module")
def cat_map() -> Any:
    return make_instance("grad-cam", {"picture": sample_path("cat")}, model="residual-60")


class TestAnalysis:
    def test_important_pixels_bring_the_class_back_sooner(self, cat_map: Any, tmp_path: Path) -> None:
        inputs = {"picture": sample_path("cat"), "map": cat_map}
        instance = make_instance("insertion-deletion", inputs, values={"steps": 10}, **SMALL)
        with Runner() as runner:
            item = export_item(runner, ExportRequest(instance, tmp_path), Progress())
        curves = item.result
        assert isinstance(curves, ScoreCurves)
        insertion, _, by_chance, _ = curves.areas()
        assert insertion > by_chance
        named = cvstudio.run("classify", sample_path("cat"), model="residual-60")
        # Nothing deleted and all inserted are the picture itself.
        assert curves.values[1, 0] == pytest.approx(float(named.probabilities[0]), abs=0.02)
        assert curves.values[0, -1] == pytest.approx(curves.values[1, 0], abs=1e-4)
        EXPORTERS["csv"].write(tmp_path / "curves.csv", item, Progress())
        with (tmp_path / "curves.csv").open(encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
        assert [float(row["insertion"]) for row in rows] == pytest.approx(curves.values[0].tolist(), abs=1e-4)

    def test_a_map_of_another_networks_class_is_refused(self, cat_map: Any) -> None:
        inputs = {"picture": sample_path("cat"), "map": cat_map}
        values = {"target": "unicorn"}
        with Runner() as runner, pytest.raises(ParamsError, match="unicorn"):
            runner.result(make_instance("insertion-deletion", inputs, values=values, **SMALL))

    def test_a_gradient_changes_with_the_weights(self) -> None:
        found = cvstudio.run("randomised-weights", sample_path("cat"), most=3, method=GRADIENT, **SMALL)
        assert found.values[0, 0] == 1
        assert abs(found.values[0, -1]) < 0.9
        assert found.steps[:2] == ("none", "head")
        assert len(found.places) == 4


@pytest.mark.parametrize("change", [{"values": np.zeros((2, 3), np.float32)}, {"steps": ("a",)}])
def test_curves_are_checked(change: dict[str, Any]) -> None:
    fields = {"places": np.arange(3.0), "names": ("a",), "values": np.zeros((1, 3), np.float32), "steps": ()}
    with pytest.raises(ValueError, match="expected"):
        ScoreCurves(**{**fields, **change}, x_title="x", y_title="y", low=0, high=1, summary="")
