"""Own networks through the whole chain: results, drawing, exports, recipes."""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from cvstudio.analyses.segmentation.segment import RegionParams, decide, map_size
from cvstudio.analyses.stages import Inputs
from cvstudio.data.geometry import Rect, Size, View
from cvstudio.data.samples import Image
from cvstudio.draw import Look, render
from cvstudio.draw.palette import class_colour
from cvstudio.exporters import EXPORTERS, export, exporters_for, recipe_path
from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.progress import Progress
from cvstudio.models.custom.store import add
from cvstudio.results.keypoints import Keypoints
from cvstudio.results.segmentation import ClassMaps, Segmentation
from cvstudio.running.export_items import ExportRequest, export_item
from cvstudio.running.recipe import load_recipe
from cvstudio.running.runner import Runner, make_instance

COLOURS = ["red", "green", "blue"]


@pytest.fixture
def thirds(tmp_path: Path) -> Path:
    """A picture of 192 x 64: red, green and blue thirds."""
    pixels = np.zeros((64, 192, 3), np.uint8)
    for number in range(3):
        pixels[:, number * 64 : number * 64 + 64, number] = 255
    path = tmp_path / "thirds.png"
    PIL.Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def segmenter(by_colour: Path, declare: Callable[..., Path]) -> str:
    return add(declare(by_colour, "segment", "class-logits", COLOURS, input={"resize": "letterbox"})).key


@pytest.fixture
def pointer(constant: Callable[..., Path], declare: Callable[..., Path]) -> str:
    maps = np.zeros((1, 3, 16, 16), np.float32)
    maps[0, 0, 4, 2], maps[0, 1, 11, 13], maps[0, 2, 13, 2] = 0.9, 0.6, 0.1
    path = constant({"out": maps}, name="points.onnx")
    labels = ["left tip", "right tip", "tail"]
    return add(declare(path, "keypoints", "heat-maps", labels, skeleton=[[0, 1], [1, 2]])).key


def run(analysis: str, picture: Path, model: str, **values: Any) -> Any:
    with Runner(device="cpu") as runner:
        instance = make_instance(analysis, {"picture": picture}, model=model, values=values)
        return export_item(runner, ExportRequest(instance, picture.parent), Progress())


def test_regions_are_where_the_colours_are(thirds: Path, segmenter: str) -> None:
    result: Segmentation = run("segment", thirds, segmenter).result
    assert result.classes.shape == (64, 192)
    for number in range(3):
        # Away from the edges, between which the input of 64 pixels has blurred.
        assert (result.classes[:, number * 64 + 12 : number * 64 + 52] == number).all()
    assert [number for number, _ in result.area_fractions()] != []
    assert sum(share for _, share in result.area_fractions()) == pytest.approx(1)


def test_what_the_network_is_not_sure_of_stays_empty_and_classes_can_be_chosen(thirds: Path, segmenter: str) -> None:
    assert (run("segment", thirds, segmenter, certainty=1.0).result.classes[:, 62:66] == -1).any()
    only = run("segment", thirds, segmenter, classes=("green",)).result
    assert set(np.unique(only.classes).tolist()) == {-1, 1}
    with pytest.raises(ParamsError, match="no 'black'"):
        run("segment", thirds, segmenter, classes=("black",))


def decided(maps: ClassMaps, **values: Any) -> Segmentation:
    (found,) = decide(Inputs({}, maps), RegionParams(**values), Progress())
    return found


def test_regions_agree_with_probabilities_enlarged_by_torch() -> None:
    import torch

    random = np.random.default_rng(8)
    logits = random.normal(0, 2, (5, 9, 12)).astype(np.float32)
    labels = ("background", "a", "b", "c", "d")
    found = decided(ClassMaps(logits, labels, (0.0, 0.0, 12.0, 9.0), Size(96, 72)))
    shares = torch.from_numpy(logits).softmax(0)[None]
    wide = torch.nn.functional.interpolate(shares, (72, 96), mode="bilinear", align_corners=False)[0]
    best, second = wide.topk(2, dim=0).values.numpy()
    # OpenCV places are exact to 1/32 of a cell; where two classes are as good as equal, either may win.
    clear = best - second > 0.05
    assert clear.mean() > 0.6
    assert np.array_equal(found.classes[clear], wide.argmax(0).numpy()[clear])
    assert found.background == 0
    unsure = decided(ClassMaps(logits, labels, (0.0, 0.0, 12.0, 9.0), Size(96, 72)), certainty=0.5)
    assert np.abs((unsure.classes == -1).mean() - (best < 0.5).mean()) < 0.02


def test_a_map_of_classes_is_enlarged_without_mixing() -> None:
    classes = np.array([[0, 2], [2, 1]])
    found = decided(ClassMaps(classes, ("a", "b", "c"), (0.0, 0.0, 2.0, 2.0), Size(8, 4)))
    assert found.classes.tolist() == [[0] * 4 + [2] * 4] * 2 + [[2] * 4 + [1] * 4] * 2


def test_a_large_picture_has_a_map_that_a_slider_can_wait_for() -> None:
    assert map_size(Size(640, 480)) == Size(640, 480)
    assert map_size(Size(6400, 4800)) == Size(1600, 1200)


def test_regions_are_drawn_as_their_class_is_coloured_and_the_screen_is_a_crop(thirds: Path, segmenter: str) -> None:
    item = run("segment", thirds, segmenter)
    whole = render(item.base, [(item.result, Look())], View.whole(Size(192, 64)))
    cover = 0.45
    for number, name in enumerate(COLOURS):
        pixel = np.array([255 * (channel == number) for channel in range(3)])
        expected = pixel * (1 - cover) + np.array(class_colour(name, tuple(COLOURS))) * cover
        assert whole[32, number * 64 + 32] == pytest.approx(expected, abs=1)
    part = render(item.base, [(item.result, Look())], View(Rect(50, 10, 60, 30), 1.0))
    assert np.array_equal(part, whole[10:40, 50:110])
    off = render(item.base, [(item.result, Look(show_masks=False))], View.whole(Size(192, 64)))
    assert np.array_equal(off, item.base.rgb8)


def test_the_background_is_not_drawn() -> None:
    classes = np.zeros((4, 4), np.int16)
    classes[:, 2:] = 1
    base = Image(np.full((4, 4, 3), 100, np.uint8))
    result = Segmentation(classes, ("background", "thing"), Size(4, 4), background=0)
    picture = render(base, [(result, Look())], View.whole(Size(4, 4)))
    assert (picture[:, :2] == 100).all()
    assert (picture[:, 2:] != 100).any()


def test_a_class_mask_is_read_back_as_numbers(thirds: Path, segmenter: str, tmp_path: Path) -> None:
    item = run("segment", thirds, segmenter, classes=("red", "blue"))
    path = tmp_path / "mask.png"
    export(EXPORTERS["class-mask"], path, item, Progress())
    with PIL.Image.open(path) as picture:
        assert picture.mode == "P"
        numbers = np.asarray(picture)
        assert picture.text["labels"].split("\n") == COLOURS
        assert tuple(picture.getpalette()[:3]) == class_colour("red")
    assert np.array_equal(numbers, np.where(item.result.classes < 0, 255, item.result.classes))


def test_points_are_drawn_where_they_are_and_only_the_believed_ones(thirds: Path, pointer: str) -> None:
    item = run("keypoints", thirds, pointer)
    result: Keypoints = item.result
    assert result.threshold == 0.3
    assert result.above_threshold().tolist() == [[True, True, False]]
    bare = item.base.rgb8
    whole = render(item.base, [(result, Look())], View.whole(Size(192, 64)))
    changed = (whole != bare).any(axis=2)
    for (x, y), seen in zip(result.points[0], (True, True, False), strict=True):
        assert changed[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2].all() == seen
    # The line of the skeleton between the first two.
    middle = result.points[0, :2].mean(axis=0)
    assert changed[int(middle[1]), int(middle[0])]
    part = render(item.base, [(result, Look())], View(Rect(20, 5, 100, 50), 1.0))
    assert np.array_equal(part, whole[5:55, 20:120])


def test_points_are_written_with_names(thirds: Path, pointer: str, tmp_path: Path) -> None:
    item = run("keypoints", thirds, pointer)
    export(EXPORTERS["json"], tmp_path / "points.json", item, Progress())
    content = json.loads((tmp_path / "points.json").read_text(encoding="utf-8"))
    (frame,) = content["frames"]
    assert content["format"] == "cvstudio-keypoints"
    first = frame["points"][0]
    assert (first["point"], first["believed"]) == ("left tip", True)
    # Cell 2, 4 of 16 of a picture of 192 x 64.
    assert (first["x"], first["y"], first["score"]) == (pytest.approx(30), pytest.approx(18), pytest.approx(0.9))
    export(EXPORTERS["csv"], tmp_path / "points.csv", item, Progress())
    with (tmp_path / "points.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["point"], row["believed"]) for row in rows] == [("left tip", "1"), ("right tip", "1"), ("tail", "0")]


@pytest.mark.parametrize("analysis", ["segment", "keypoints"])
def test_results_are_frozen_and_every_format_holds_them_with_a_recipe(
    analysis: str, thirds: Path, segmenter: str, pointer: str, tmp_path: Path
) -> None:
    item = run(analysis, thirds, {"segment": segmenter, "keypoints": pointer}[analysis])
    arrays = [value for value in vars(item.result).values() if isinstance(value, np.ndarray)]
    assert arrays
    assert not any(array.flags.writeable for array in arrays)
    assert item.result.source.media_id == item.media.id
    with pytest.raises(dataclasses.FrozenInstanceError):
        item.result.source = None
    for exporter in exporters_for(type(item.result)):
        path = tmp_path / f"{exporter.key}{exporter.suffix}"
        export(exporter, path, item, Progress())
        assert path.stat().st_size > 0
        instance, _, _ = load_recipe(recipe_path(path))
        assert instance.analysis == analysis
