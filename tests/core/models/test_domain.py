"""What is said of a model's domain, and which model is offered in place of it."""

from __future__ import annotations

import dataclasses

import pytest

from cvstudio.analyses import ANALYSES
from cvstudio.models import MODELS, ModelSpec
from cvstudio.models.catalogue.entries import entries_of
from cvstudio.models.domain import better_model, better_text, domain, superseded
from cvstudio.models.terms import Place, Terms


def test_a_domain_counts_the_classes_or_names_the_only_one():
    assert domain(MODELS["yolox-s"]) == "80 classes"
    assert domain(MODELS["efficientnet-lite0"]) == "1000 classes"
    assert domain(MODELS["hog"]) == "person"
    bare = ModelSpec("bare", "Bare", "keypoints", "", "", 2000, lambda *_: None)
    assert domain(bare) == ""
    assert domain(dataclasses.replace(bare, labels=("nose", "left eye"))) == "2 key points"


@pytest.mark.parametrize("model", [model for model in MODELS if model.better], ids=lambda model: model.key)
def test_what_is_declared_as_better_is_there_and_of_the_same_task(model):
    for key in model.better:
        assert MODELS[key].task == model.task
        assert key != model.key
        # No circle: what is better than a model does not offer it in turn.
        assert model.key not in MODELS[key].better


def test_every_default_model_that_comes_with_the_program_offers_a_published_one():
    for analysis in ANALYSES:
        if analysis.default_model and MODELS[analysis.default_model].labels:
            offered = better_model(MODELS[analysis.default_model], analysis.models)
            assert offered is not None or MODELS[analysis.default_model].weights[0].url, analysis.key


def test_one_that_is_here_comes_before_one_to_download(monkeypatch):
    def stand(model: ModelSpec) -> Terms:
        return Terms("MIT; more", False, 5_000_000, places.get(model.key, Place.ABSENT))

    monkeypatch.setattr("cvstudio.models.domain.terms", stand)
    model, places = MODELS["pyramid-lite0"], {}
    first, second = model.better[:2]
    assert better_model(model, MODELS).key == first
    assert better_text(MODELS[first]).endswith("80 classes, 5.0 MB, MIT")
    places[second] = Place.HERE
    assert better_model(model, MODELS).key == second
    assert "MB" not in better_text(MODELS[second])
    # One whose package is missing cannot be downloaded here.
    places[first] = places[second] = Place.NO_PACKAGE
    assert better_model(model, MODELS).key == model.better[2]
    # Nor one that the analysis does not take.
    assert better_model(model, [MODELS["hog"]]) is None
    assert better_model(MODELS["yolox-s"], MODELS) is None


def test_a_model_in_place_of_which_a_better_one_is_here_stands_behind_it():
    first, default = MODELS["pyramid-5"], MODELS["pyramid-lite0"]
    assert superseded(first, {"pyramid-5": Place.EMBEDDED, "pyramid-lite0": Place.EMBEDDED})
    assert not superseded(first, {"pyramid-5": Place.EMBEDDED, "yolox-s": Place.ABSENT})
    assert not superseded(default, {"pyramid-5": Place.EMBEDDED, "pyramid-lite0": Place.EMBEDDED})
    listed = [entry.spec.key for entry in entries_of(MODELS)]
    assert listed.index("pyramid-lite0") < listed.index("pyramid-5")
    assert listed.index("efficientnet-lite0") < listed.index("residual-60")
