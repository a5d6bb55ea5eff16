"""The shipped files give the figures of their cards."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cvstudio.foundation.progress import Progress
from cvstudio.training import RECIPES
from cvstudio.weights.embedded import card, embedded_path

SHIPPED_LIMIT_BYTES = 60_000_000


def folder() -> Path:
    root = Path(__file__).parents[3]
    return Path(os.environ.get("CVSTUDIO_DATA") or root.parent / "shared" / "data")


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.key)
def test_the_card_tells_of_the_file(recipe):
    from cvstudio.models import MODELS
    from cvstudio.weights.store import file_sha256, find_weights

    (weights,) = MODELS[recipe.model].weights
    found, path = card(recipe.model), find_weights(weights)
    assert found is not None
    assert path is not None
    assert found.sha256 == file_sha256(path)
    assert found.size_bytes == path.stat().st_size
    assert found.labels == MODELS[recipe.model].labels
    assert found.recipe == recipe.key
    assert found.licence == recipe.licence
    assert found.non_commercial is recipe.non_commercial
    assert found.metrics
    assert found.not_for


def test_all_shipped_weights_together_are_small():
    paths = [embedded_path(recipe.model) for recipe in RECIPES]
    assert sum(path.stat().st_size for path in paths if path is not None) < SHIPPED_LIMIT_BYTES


def test_the_classifier_is_as_good_as_its_card_says(data):
    recipe = RECIPES["classifier"]
    for name in recipe.files:
        data(*name.split("/"))
    figures = recipe.evaluate(folder(), None, None, 480, Progress())
    known = card(recipe.model)
    assert known is not None
    # Of 480 pictures the share has a standard error of 2.2 points.
    assert figures["top-1"] == pytest.approx(known.figures["top-1"], abs=0.066)
    assert known.figures["top-1"] > 0.6
    assert figures["calibration error"] < 0.12


def test_the_detector_is_as_good_as_its_card_says(data):
    recipe = RECIPES["detector"]
    for name in recipe.files:
        data(*name.split("/"))
    figures = recipe.evaluate(folder(), None, None, 60, Progress())
    known = card(recipe.model)
    assert known is not None
    assert known.figures["voc5 mAP50"] > 0.5
    assert figures["voc5 mAP50"] == pytest.approx(known.figures["voc5 mAP50"], abs=0.15)
    assert figures["false boxes per picture"] < 0.6


def test_the_everyday_detector_is_as_good_as_its_card_says(data):
    recipe = RECIPES["everyday-detector"]
    for name in ("coco128", *recipe.files):
        data(*name.split("/"))
    figures = recipe.evaluate(folder(), None, None, 64, Progress())
    known = card(recipe.model)
    assert known.figures["coco128 AP50 person"] > 0.45
    assert known.figures["coco128 frequent mAP50"] > 0.3
    assert known.figures["coco128 mask IoU"] > 0.55
    # Of half of the photographs the interval is half as wide again as the card's.
    assert figures["coco128 AP50 person"] == pytest.approx(known.figures["coco128 AP50 person"], abs=0.15)
    assert figures["false boxes per picture"] < 0.6


def test_the_default_classifier_is_as_good_as_its_card_says(data):
    recipe = RECIPES["photo-classifier"]
    for name in recipe.files:
        data(*name.split("/"))
    known = card(recipe.model)
    figures = recipe.evaluate(folder(), None, None, 40, Progress())
    # Of 40 photographs the share has a standard error of 5 points.
    assert figures["ImageNet top-1"] == pytest.approx(known.figures["ImageNet top-1"], abs=0.15)


def test_the_depth_network_is_as_good_as_its_card_says(data):
    recipe = RECIPES["depth"]
    for name in ("photos", "coco128", *recipe.files):
        data(*name.split("/"))
    figures = recipe.evaluate(folder(), None, None, 24, Progress())
    known = card(recipe.model)
    assert known.figures["abs-rel"] < 0.18
    assert known.figures["right indoors"] > 0.8
    # Of 24 frames of few rooms the error has a standard error of a tenth of it, the pairs one of 4 points.
    assert figures["abs-rel"] == pytest.approx(known.figures["abs-rel"], rel=0.4)
    assert figures["right outdoors"] == pytest.approx(known.figures["right outdoors"], abs=0.15)


@pytest.mark.long
@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.key)
def test_the_whole_evaluation_gives_the_cards_figures(recipe, data):
    for name in recipe.files:
        data(*name.split("/"))
    known = card(recipe.model)
    assert known is not None
    figures = recipe.evaluate(folder(), None, None, None, Progress())
    assert dict(figures) == pytest.approx(dict(known.figures), abs=0.01)


def test_the_separator_is_as_good_as_its_card_says(data):
    recipe = RECIPES["separator"]
    for name in recipe.files:
        data(*name.split("/"))
    figures = recipe.evaluate(folder(), None, None, 40, Progress())
    known = card(recipe.model)
    assert known is not None
    assert known.figures["SI-SDR improvement from"] > 7
    # A mixture's improvement has a deviation of 3.5 dB.
    assert figures["SI-SDR improvement"] == pytest.approx(known.figures["SI-SDR improvement"], abs=1.7)
