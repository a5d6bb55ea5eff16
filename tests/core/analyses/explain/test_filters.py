"""Filters against the weights themselves, and their answers against the network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import cvstudio
from cvstudio.analyses import ANALYSES
from cvstudio.analyses.explain.filters import (
    ANSWER,
    BY_CHANNEL,
    NORM,
    ConvolutionParams,
    convolutions,
    filter_facts,
    run_filters,
)
from cvstudio.analyses.stages import Inputs
from cvstudio.data.geometry import View
from cvstudio.draw import Look, render
from cvstudio.draw.explain.filter_bank import tile_levels
from cvstudio.exporters import EXPORTERS
from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.progress import Progress
from cvstudio.media import open_media, open_reader
from cvstudio.media.examples.files import sample_path
from cvstudio.models import MODELS
from cvstudio.results.explain.filter_bank import TILE
from cvstudio.running.export_items import ExportRequest, export_item
from cvstudio.running.runner import Runner, make_instance

SMALL: Any = {"model": "residual-60"}


@pytest.fixture(scope="module")
def network() -> Any:
    return MODELS["residual-60"].load("cpu", None)


def cat() -> Any:
    with open_reader(open_media(sample_path("cat"))) as reader:
        return reader.read()


def test_the_first_layer_is_in_colour_without_a_picture(network: Any) -> None:
    found = cvstudio.run("filters", **SMALL)
    weights = network.model.trunk.stem[0].weight.detach().numpy()
    assert found.module == "trunk.stem.0"
    assert found.shape == weights.shape == (32, 3, 7, 7)
    assert found.answers is None
    for row, number in enumerate(found.numbers):
        np.testing.assert_array_equal(found.tiles[row], weights[number].transpose(1, 2, 0))
        assert found.norms[row] == pytest.approx(np.linalg.norm(weights[number]), rel=1e-5)
    assert found.numbers.tolist() == list(range(32))


def test_deeper_ones_by_channel(network: Any) -> None:
    name = "trunk.stages.2.0.conv2"
    weights = network.model.get_submodule(name).weight.detach().numpy()
    channel = cvstudio.run("filters", convolution=name, index=5, order=NORM, **SMALL)
    np.testing.assert_array_equal(channel.tiles, weights[channel.numbers, 5])
    assert (np.diff(channel.norms) <= 0).all()
    of_one = cvstudio.run("filters", convolution=name, index=9, shown=BY_CHANNEL, **SMALL)
    np.testing.assert_array_equal(of_one.tiles, weights[9])
    last = cvstudio.run("filters", convolution=name, index=60_000, **SMALL)
    np.testing.assert_array_equal(last.tiles, weights[:, -1])


def test_answers_are_the_largest_activations(network: Any) -> None:
    found = cvstudio.run("filters", sample_path("cat"), order=ANSWER, **SMALL)
    pixels, _ = network.preprocess(cat())
    with torch.no_grad():
        maps = network.model.trunk.stem[0](pixels)[0]
    expected = maps.amax((1, 2)).numpy()
    np.testing.assert_allclose(found.answers, expected[found.numbers], rtol=1e-4, atol=1e-5)
    assert (np.diff(found.answers) <= 0).all()
    assert found.numbers[0] == expected.argmax()
    with pytest.raises(ParamsError, match="Expected a picture"):
        cvstudio.run("filters", order=ANSWER, **SMALL)
    with pytest.raises(ParamsError, match="no convolution 'head'"):
        cvstudio.run("filters", convolution="head", **SMALL)


def test_controls_follow_the_layer(network: Any) -> None:
    params = ConvolutionParams("trunk.stages.1.0.conv1")
    (layer,) = run_filters(Inputs({}, network=network), params, Progress())
    assert filter_facts(layer, {}).ranges["index"].high == 31
    assert filter_facts(layer, {"shown": BY_CHANNEL}).ranges["index"].high == 63
    assert filter_facts(layer, {}).options["convolution"] == convolutions(network.model)


def test_a_detector_has_filters_and_answers() -> None:
    network: Any = MODELS["pyramid-5"].load("cpu", None)
    found = cvstudio.run("detector-filters", sample_path("street"), model="pyramid-5", order=ANSWER)
    assert found.module == convolutions(network.model)[0]
    assert found.tiles.shape[-1] == 3
    shared = cvstudio.run(
        "detector-filters", sample_path("street"), model="pyramid-5", convolution="class_branch.0", order=ANSWER
    )
    # Called for each of three levels.
    assert shared.answers is not None
    assert len(shared.answers) == 64


def test_every_classifier_that_has_hooks_is_offered() -> None:
    offered = {model.key for model in ANALYSES["filters"].models}
    assert {"efficientnet-lite0", "residual-60", "squeezenet1-1", "resnet50"} <= offered
    assert {model.key for model in ANALYSES["detector-filters"].models} >= {"pyramid-lite0", "ssd300", "yolox-s"}


def test_tiles_are_grey_where_the_weights_are_zero() -> None:
    tiles = np.array([[[0.0, 2.0], [-4.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]], np.float32)
    assert tile_levels(tiles).tolist() == [[[128, 192], [1, 160]], [[128, 128], [128, 128]]]


def test_a_tile_is_found_where_it_is_drawn(tmp_path: Path) -> None:
    with Runner() as runner:
        item = export_item(runner, ExportRequest(make_instance("filters", {}, **SMALL), tmp_path), Progress())
    found = item.result
    drawn = render(None, [(found, Look())], View.whole(found.size))
    levels = tile_levels(found.tiles)
    for place in (0, 5, 31):
        left, top = found.corner(place)
        assert found.part_at(left + 1, top + 1) == found.numbers[place]
        np.testing.assert_array_equal(drawn[top + 1, left + 1], levels[place][0, 0])
        np.testing.assert_array_equal(drawn[top + TILE - 2, left + TILE - 2], levels[place][-1, -1])
    assert found.part_at(1, 1) is None
    EXPORTERS["png"].write(tmp_path / "filters.png", item, Progress())
    assert (tmp_path / "filters.png").stat().st_size > 1000
