"""Activations of a layer against the modules themselves, and their tiles against the maps."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import cvstudio
from cvstudio.analyses import ANALYSES
from cvstudio.analyses.explain.activations import unit_facts
from cvstudio.analyses.explain.grad_cam import run_activations
from cvstudio.analyses.stages import Inputs
from cvstudio.data.geometry import Rect, Size, View
from cvstudio.data.samples import Image
from cvstudio.draw import Look, render
from cvstudio.draw.explain.activation_maps import activation_tiles, tile_grid
from cvstudio.draw.spectrogram import colour_lut
from cvstudio.exporters import EXPORTERS
from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.progress import Progress
from cvstudio.media.examples.files import sample_path
from cvstudio.models import MODELS
from cvstudio.results.activation_maps import ActivationMaps
from cvstudio.running.export_items import ExportRequest, export_item
from cvstudio.running.runner import Runner, make_instance


def cat() -> Image:
    pixels = cv2.imread(str(sample_path("cat")))
    assert pixels is not None
    return Image(np.ascontiguousarray(pixels[..., ::-1]))


def test_maps_are_what_the_modules_put_out() -> None:
    found = cvstudio.run("activations", sample_path("cat"), model="residual-60", layer="stage 2", unit=17)
    network = MODELS["residual-60"].load("cpu", None)
    pixels, rect = network.preprocess(cat())
    with torch.no_grad():
        expected = network.model.trunk.stages[1](network.model.trunk.stages[0](network.model.trunk.stem(pixels)))[0]
    np.testing.assert_allclose(found.maps, expected.numpy(), atol=1e-4)
    assert found.rect == rect
    assert (found.layer, found.unit) == ("stage 2", 17)
    np.testing.assert_array_equal(found.heat().values, found.maps[17])


@pytest.mark.parametrize(("order", "measure"), [("mean", np.mean), ("maximum", np.max)])
def test_units_are_listed_by_their_measure(order: str, measure: object) -> None:
    found = cvstudio.run("activations", sample_path("cat"), model="residual-60", order=order)
    values = [float(measure(found.maps[unit])) for unit in found.order]  # type: ignore[operator]
    assert values == sorted(values, reverse=True)
    assert sorted(found.order.tolist()) == list(range(len(found.maps)))
    table = found.table()
    assert [row[0] for row in table.rows] == found.order.tolist()
    column = 1 if order == "mean" else 2
    assert [row[column] for row in table.rows] == pytest.approx(values, rel=1e-3, abs=1e-6)


def test_the_unit_goes_as_far_as_the_layer() -> None:
    network = MODELS["residual-60"].load("cpu", None)
    (layers,) = run_activations(Inputs(samples={"picture": cat()}, network=network), None, Progress())
    for layer, maps in layers.activations.maps.items():
        bounds = unit_facts(layers, {"layer": layer}).ranges["unit"]
        assert (bounds.low, bounds.high) == (0, len(maps) - 1)
    with pytest.raises(ParamsError, match="has no layer 'stage 9'"):
        unit_facts(layers, {"layer": "stage 9"})
    far = cvstudio.run("activations", sample_path("cat"), model="residual-60", layer="stem", unit=60_000)
    assert far.unit == len(far.maps) - 1
    with pytest.raises(ParamsError, match="found 'stage 9'"):
        cvstudio.run("activations", sample_path("cat"), model="residual-60", layer="stage 9")


def maps_of(count: int, height: int = 3, width: int = 4) -> ActivationMaps:
    maps = np.random.default_rng(0).random((count, height, width)).astype(np.float32)
    order = np.arange(count)[::-1].copy()
    return ActivationMaps(maps, Rect(0, 0, 40, 30), Size(40, 30), "stage", 1, order)


def test_tiles_show_the_maps_in_their_order() -> None:
    result = maps_of(7)
    grid = tile_grid(7, 3 * 42, 40)
    assert (grid.columns, grid.rows, grid.size) == (3, 3, (124, 124))
    tiles = activation_tiles(result, grid, "magma", (1, 2, 3))
    assert tiles.shape == (124, 124, 3)
    for place, unit in enumerate(result.order.tolist()):
        left, top = grid.corner(place)
        assert grid.place_at(left + 20, top + 20) == place
        values = result.maps[unit] / result.maps.max()
        for row, column in np.ndindex(3, 4):
            # Of 40 pixels the map, 4 wide and 3 high, leaves 5 above and below.
            drawn = tiles[top + 5 + row * 10 + 5, left + column * 10 + 5]
            np.testing.assert_array_equal(drawn, colour_lut("magma")[int(values[row, column] * 255 + 0.5)])
    assert tuple(tiles[0, 41]) == (1, 2, 3)
    assert grid.place_at(41, 10) is None
    assert grid.place_at(100, 100) is None
    assert grid.place_at(-1, 4) is None


def test_one_unit_lies_over_the_picture() -> None:
    result = maps_of(3)
    look = Look(heat_opacity=1.0, show_labels=False)
    drawn = render(None, [(result, look)], View.whole(result.size))
    expected = render(None, [(result.heat(), look)], View.whole(result.size))
    np.testing.assert_array_equal(drawn, expected)


def test_maps_are_exported(tmp_path: Path) -> None:
    values = {"layer": "stage 4", "order": "mean"}
    instance = make_instance("activations", {"picture": sample_path("cat")}, model="residual-60", values=values)
    with Runner() as runner:
        item = export_item(runner, ExportRequest(instance, tmp_path), Progress())
    for key, name in (("npy-activations", "maps.npy"), ("png-activations", "maps.png")):
        EXPORTERS[key].write(tmp_path / name, item, Progress())
    np.testing.assert_array_equal(np.load(tmp_path / "maps.npy"), item.result.maps)
    picture = cv2.imread(str(tmp_path / "maps.png"))
    columns = int(np.ceil(np.sqrt(len(item.result.maps))))
    assert picture is not None
    assert picture.shape[1] == columns * 66 - 2
    assert ANALYSES["activations"].result is ActivationMaps
