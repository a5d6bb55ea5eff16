"""Gradient ascent against closed forms, and class visualisation on the embedded classifier."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import cvstudio
from cvstudio.analyses.explain._ascent import (
    AscentOptions,
    FourierPicture,
    Levels,
    _blurred,
    _zoomed,
    ascend,
)
from cvstudio.analyses.explain._network_input import levels_of, start_picture
from cvstudio.analyses.explain.visualise import FOURIER, PLAIN_L2, AscentParams, options_of, run_ascent, run_start
from cvstudio.analyses.stages import Inputs
from cvstudio.foundation.errors import Cancelled, ParamsError
from cvstudio.foundation.progress import Progress
from cvstudio.media import open_media, open_reader
from cvstudio.media.examples.files import sample_path
from cvstudio.models import MODELS
from cvstudio.models.runtime.layer_outputs import read_outputs

PLAIN = AscentOptions(False, 0.0, 0, 0.0, 0.0, 0.0, 1, 0)
LEVELS = Levels(torch.full((1, 3, 1, 1), -1.0), torch.full((1, 3, 1, 1), 1.0))


@pytest.fixture(scope="module")
def network() -> Any:
    return MODELS["residual-60"].load("cpu", None)


def cat() -> Any:
    with open_reader(open_media(sample_path("cat"))) as reader:
        return reader.read()


def test_the_penalty_pulls_to_where_the_closed_form_says() -> None:
    """The maximum of a linear score <w, x> - p mean(x²) is at x = w n / (2 p)."""
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn((1, 3, 6, 5), generator=generator) * 0.3
    penalty = 60.0
    options = dataclasses.replace(PLAIN, penalty=penalty, steps=400)
    *_, found = ascend(lambda x: (weights * x).sum(), torch.full((1, 3, 6, 5), 0.5), LEVELS, options, Progress())
    expected = LEVELS.to_picture(weights * weights.numel() / (2 * penalty)).clamp(0, 1)
    torch.testing.assert_close(found, expected, atol=0.03, rtol=0)


def test_a_spectrum_begins_as_its_picture() -> None:
    start = torch.rand((1, 3, 17, 24), generator=torch.Generator().manual_seed(1)) * 0.9 + 0.05
    torch.testing.assert_close(FourierPicture(start).picture(), start, atol=1e-4, rtol=0)


def test_a_spectrum_makes_more_of_low_frequencies() -> None:
    spectrum = FourierPicture(torch.full((1, 3, 32, 32), 0.5))
    generator = torch.Generator().manual_seed(0)
    spectrum.values.data = torch.randn(spectrum.values.shape, generator=generator)
    logits = torch.logit(spectrum.picture()[0, 1])
    power = torch.fft.rfft2(logits).abs() ** 2
    assert power[1:3, 1:3].mean() > 20 * power[12:16, 12:16].mean()


def test_disturbances_by_hand() -> None:
    picture = torch.rand((1, 3, 20, 24), generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(_zoomed(picture, 1.0), picture, atol=1e-5, rtol=0)
    import cv2

    expected = cv2.GaussianBlur(
        np.ascontiguousarray(picture[0].permute(1, 2, 0).numpy()), (13, 13), 2.0, borderType=cv2.BORDER_REFLECT_101
    )
    np.testing.assert_allclose(_blurred(picture, 2.0)[0].permute(1, 2, 0).numpy(), expected, atol=1e-4)


def test_levels_lead_to_an_input_and_back(network: Any) -> None:
    pixels, _ = network.preprocess(cat())
    levels = levels_of(network)
    picture = levels.to_picture(pixels)
    assert -0.01 < float(picture.min()) < float(picture.max()) < 1.01
    torch.testing.assert_close(levels.to_input(picture), pixels, atol=1e-5, rtol=0)
    torch.testing.assert_close(start_picture(network, levels, "picture", cat(), 0), picture.clamp(0, 1))


@pytest.mark.parametrize("method", [FOURIER, PLAIN_L2])
def test_a_class_comes_into_view_and_the_same_again(method: str, network: Any) -> None:
    params = AscentParams(target="ladybug", method=method, steps=16, penalty=1.0)
    runs = []
    for _ in range(2):
        start = next(run_start(Inputs({}, network=network), None, Progress()))
        pictures = list(run_ascent(Inputs({}, start, network), params, Progress()))
        runs.append(pictures[-1])
    first = next(run_ascent(Inputs({}, start, network), dataclasses.replace(params, steps=1), Progress()))
    np.testing.assert_array_equal(runs[0].pixels, runs[1].pixels)
    assert runs[0].score > first.score + 1
    assert runs[0].step == 16
    assert runs[0].pixels.shape == (128, 128, 3)
    assert runs[0].headline().startswith("ladybug, ")
    other = next(run_ascent(Inputs({}, start, network), dataclasses.replace(params, steps=1, seed=3), Progress()))
    assert not np.array_equal(first.pixels, other.pixels)


def test_a_unit_answers_more(network: Any) -> None:
    module, unit = "trunk.stages.1", 7
    start = next(run_start(Inputs({}, network=network), None, Progress()))
    assert module in start.modules
    params = AscentParams(module=module, unit=unit, steps=12)
    *_, found = run_ascent(Inputs({}, start, network), params, Progress())
    pixels = levels_of(network).to_input(torch.from_numpy(found.pixels.copy()).permute(2, 0, 1)[None] / 255)
    with torch.no_grad(), read_outputs(network.model, module) as outputs:
        network.model(pixels)
    assert found.score == pytest.approx(float(outputs[0][0, unit].mean()), abs=0.02 * abs(found.score) + 0.01)
    assert np.isnan(found.probability)
    *_, before = run_ascent(Inputs({}, start, network), dataclasses.replace(params, steps=1), Progress())
    assert found.score > before.score
    with pytest.raises(ParamsError, match="units 0 to 63, and 64 was asked for"):
        list(run_ascent(Inputs({}, start, network), dataclasses.replace(params, unit=64), Progress()))
    with pytest.raises(ParamsError, match="no layer 'stem9'"):
        list(run_ascent(Inputs({}, start, network), dataclasses.replace(params, module="stem9"), Progress()))


def test_it_can_be_stopped(network: Any) -> None:
    progress = Progress()
    start = next(run_start(Inputs({}, network=network), None, Progress()))
    progress.cancel()
    with pytest.raises(Cancelled):
        list(run_ascent(Inputs({}, start, network), AscentParams(), progress))


VALUES: Any = {"model": "residual-60", "steps": 2}


class TestAnalysis:
    def test_without_a_picture(self) -> None:
        found = cvstudio.run("class-visualisation", **VALUES)
        assert found.subject == MODELS["residual-60"].labels[0]
        assert found.source.media_id == ""

    def test_from_a_picture(self) -> None:
        named = cvstudio.run("classify", sample_path("cat"), model="residual-60")
        found = cvstudio.run("class-visualisation", sample_path("cat"), start="picture", **VALUES)
        assert found.subject == named.label(0)
        assert found.probability > 0.3
        with pytest.raises(ParamsError, match="Expected a picture to start from"):
            cvstudio.run("class-visualisation", start="picture", **VALUES)
        with pytest.raises(ParamsError, match="unicorn"):
            cvstudio.run("class-visualisation", target="unicorn", **VALUES)


def test_each_method_has_options_of_its_own() -> None:
    fourier, plain = (options_of(AscentParams(method=method)) for method in (FOURIER, PLAIN_L2))
    assert (fourier.fourier, fourier.penalty) == (True, 0.0)
    assert (plain.fourier, plain.jitter, plain.zoom, plain.blur, plain.noise) == (False, 0, 0.0, 0.0, 0.0)
    assert plain.penalty == AscentParams().penalty


@pytest.mark.long
def test_another_network_knows_a_volcano(data: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A sample of `tests/benchmarks/bench_class_visualisation.py`, which prints ten classes."""
    from tests.benchmarks import bench_class_visualisation as bench

    monkeypatch.setattr(bench, "DATA", data("weights").parent)
    network: Any = MODELS["efficientnet-lite0"].load("cpu", None)
    place, probability = bench.ranks(980, 0, 64, FOURIER, network, bench.other_network())
    assert place < 5
    assert probability > 0.9
