"""Occlusion maps against covering each pixel's windows by hand, and against Captum's."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import cvstudio
from cvstudio.analyses.explain import _occlude
from cvstudio.analyses.explain._explained_class import ExplainedClass
from cvstudio.analyses.explain._occlude import occlude, sliding_windows
from cvstudio.foundation.errors import Cancelled
from cvstudio.foundation.progress import Progress
from cvstudio.media.examples.files import sample_path
from cvstudio.models import MODELS


class Network:
    """A small classifier, of which occlusion asks for nothing but logits."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Flatten(), nn.LazyLinear(5))
        self.batches: list[int] = []

    @contextmanager
    def computing(self) -> Iterator[None]:
        with torch.inference_mode():
            yield

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        self.batches.append(len(pixels))
        logits: torch.Tensor = self.model(pixels)
        return logits


def last(network: Any, pixels: torch.Tensor, side: int, stride: int) -> Any:
    *_, outputs = occlude(network, pixels, torch.full_like(pixels, 0.5), side, stride, Progress())
    return outputs


@pytest.mark.parametrize(("side", "stride"), [(4, 4), (5, 3), (6, 2), (30, 7), (3, 5)])
def test_each_pixel_by_hand(side: int, stride: int) -> None:
    network = Network()
    pixels = torch.rand((1, 3, 14, 17), generator=torch.Generator().manual_seed(2))
    explained = ExplainedClass(3, 1, "", 0.0)
    _, fine = last(network, pixels, side, stride)
    with torch.no_grad():
        score = float(explained.score(network.model(pixels)[0]))
        sums, counts = np.zeros((14, 17)), np.zeros((14, 17))
        rows, columns = (itertools.count(0, stride) for _ in range(2))
        tops = list(itertools.takewhile(lambda y: y == 0 or y - stride + side < 14, rows))
        lefts = list(itertools.takewhile(lambda x: x == 0 or x - stride + side < 17, columns))
        for y, x in itertools.product(tops, lefts):
            covered = pixels.clone()
            covered[:, :, y : y + side, x : x + side] = 0.5
            sums[y : y + side, x : x + side] += score - float(explained.score(network.model(covered)[0]))
            counts[y : y + side, x : x + side] += 1
    expected = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    got = fine.drops(explained.score(fine.logits), score, (14, 17))
    np.testing.assert_allclose(got, expected, atol=1e-5)
    assert len(fine.windows) == len(tops) * len(lefts)


@pytest.mark.parametrize(("side", "stride"), [(4, 4), (5, 3), (8, 2)])
def test_as_captum_has_it(side: int, stride: int) -> None:
    from captum.attr import Occlusion

    network = Network()
    pixels = torch.rand((1, 3, 16, 20), generator=torch.Generator().manual_seed(2))
    _, fine = last(network, pixels, side, stride)
    with torch.no_grad():
        score = float(network.model(pixels)[0, 2])
        theirs = Occlusion(network.model).attribute(
            pixels, (3, side, side), strides=(3, stride, stride), target=2, baselines=0.5
        )
    got = fine.drops(fine.logits[:, 2], score, (16, 20))
    np.testing.assert_allclose(np.nan_to_num(got), theirs[0, 0].numpy(), atol=1e-5)


def test_windows_cover_the_input_and_end_at_its_edge() -> None:
    for size, side, stride in itertools.product([(7, 12), (224, 224)], (4, 32), (2, 4, 16)):
        if stride > side:
            continue
        covered = np.zeros(size, bool)
        windows = sliding_windows(size, side, stride)
        for x, y, x2, y2 in windows:
            covered[y:y2, x:x2] = True
        assert covered.all()
        assert len(np.unique(windows, axis=0)) == len(windows)


def test_a_rough_pass_comes_first_and_the_end_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_occlude, "YIELD_SECS", 0.0)
    network, pixels = Network(), torch.rand((1, 3, 32, 32))
    outputs = list(occlude(network, pixels, torch.zeros_like(pixels), 8, 4, Progress()))  # type: ignore[arg-type]
    rough, fine = outputs[0]
    assert len(rough.windows) > 0 == len(fine.windows)
    assert (rough.windows[0] == (0, 0, 16, 16)).all()
    rough, fine = outputs[-1]
    assert len(fine.windows) == 49
    assert max(network.batches) <= _occlude.BATCH
    monkeypatch.setattr(_occlude, "ROUGH_FROM", 1000)
    _, alone = last(network, pixels, 8, 4)
    monkeypatch.undo()
    _, both = last(network, pixels, 8, 4)
    np.testing.assert_array_equal(alone.logits, both.logits)


def test_it_can_be_stopped() -> None:
    progress = Progress(lambda fraction, message: progress.cancel())
    with pytest.raises(Cancelled):
        list(occlude(Network(), torch.rand((1, 3, 32, 32)), torch.zeros((1, 3, 32, 32)), 8, 4, progress))  # type: ignore[arg-type]


def test_nothing_is_left_in_the_network() -> None:
    network: Any = MODELS["residual-60"].load("cpu", None)
    pixels = torch.rand((1, 3, 128, 128))
    with network.computing():
        before = network.forward(pixels).numpy()
    list(occlude(network, pixels, torch.zeros_like(pixels), 64, 32, Progress()))
    with network.computing():
        np.testing.assert_array_equal(network.forward(pixels).numpy(), before)
    assert all(parameter.grad is None for parameter in network.model.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.model.modules())


VALUES: Any = {"model": "residual-60", "window": 48, "stride": 24}


class TestAnalysis:
    def test_covering_the_cat_takes_the_cat_away(self) -> None:
        found = cvstudio.run("occlusion", sample_path("cat"), **VALUES)
        named = cvstudio.run("classify", sample_path("cat"), model="residual-60")
        assert found.label == named.label(0)
        assert found.values.shape == (128, 128)
        assert found.low == 0 < found.high == found.values.max()
        assert found.about.startswith("Occlusion, ")

    def test_the_class_is_a_slider(self) -> None:
        first, second = (cvstudio.run("occlusion", sample_path("cat"), **VALUES, rank=rank) for rank in (1, 2))
        both = cvstudio.run(
            "occlusion", sample_path("cat"), **VALUES, target=first.label, against=second.label, positive=False
        )
        assert both.label == f"{first.label}, not {second.label}"
        assert both.low < 0

    @pytest.mark.parametrize("fill", ["black", "blurred picture"])
    def test_fillings_differ(self, fill: str) -> None:
        plain, other = (
            cvstudio.run("occlusion", sample_path("cat"), **VALUES, fill=name) for name in ("mean colour", fill)
        )
        assert not np.allclose(plain.values, other.values)
