"""What every registered analysis, model, format and panel has to keep to."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.binding import AnnotationSet
from cvstudio.data.geometry import Rect, View
from cvstudio.draw import Look, render
from cvstudio.exporters import EXPORTERS, export, exporters_for, recipe_path
from cvstudio.foundation.params import Range, fields_of, from_mapping, to_mapping
from cvstudio.foundation.paths import resource
from cvstudio.foundation.progress import Progress
from cvstudio.media.examples.files import SAMPLES
from cvstudio.models import MODELS
from cvstudio.running.export_items import ExportRequest, export_item
from cvstudio.running.recipe import load_recipe
from cvstudio.running.runner import Runner, make_instance
from cvstudio.training import RECIPES
from cvstudio.weights import hub
from cvstudio.weights.embedded import card
from cvstudio.weights.store import cached_path
from tests.sample_inputs import sample_inputs

pytestmark = pytest.mark.timeout(400)  # the first test of a process runs every analysis

ANALYSIS_KEYS = [analysis.key for analysis in ANALYSES]
MODEL_KEYS = [model.key for model in MODELS]
RUNNABLE = [analysis.key for analysis in ANALYSES if analysis.default_model or not analysis.task]
"""Those that work without a network of the user's own; tests/core/own looks at the others."""

EXPORTER_KEYS = [exporter.key for exporter in EXPORTERS]


def all_params() -> list[type[Any]]:
    stages = [stage.params for analysis in ANALYSES for stage in analysis.stages]
    options = [exporter.params for exporter in EXPORTERS]
    return list(dict.fromkeys([*stages, *(model.params for model in MODELS), Look, *options]))


def test_nothing_that_is_registered_failed_to_import():
    for registry in (ANALYSES, MODELS, EXPORTERS, RECIPES):
        assert registry.broken == ()
        assert len(registry) > 0


@pytest.mark.parametrize("params", all_params(), ids=lambda params: params.__name__)
def test_parameters_are_declared_in_full(params):
    assert dataclasses.is_dataclass(params)
    assert params.__dataclass_params__.frozen
    default = params()
    assert from_mapping(params, json.loads(json.dumps(to_mapping(default)))) == default
    for field in fields_of(params):
        assert field.doc.title
        assert field.doc.title[0].isupper()
        if field.kind in ("int", "float", "interval"):
            assert field.range is not None, field.name
            assert field.range.low < field.range.high
        if field.kind == "int":
            assert field.range.step == int(field.range.step), field.name  # or it is shown with decimals
        for sentence in (field.doc.what, field.doc.hint):
            assert not sentence or sentence.endswith((".", "?")), sentence


@pytest.mark.parametrize("key", ANALYSIS_KEYS)
def test_an_analysis_is_declared_in_full(key):
    analysis = ANALYSES[key]
    assert resource("icons", f"{analysis.icon}.svg").is_file()
    assert analysis.summary.endswith(".")
    assert analysis.action
    assert analysis.keywords
    known = {sample.key for sample in SAMPLES}
    samples = analysis.samples or {}
    assert {key for key in samples.values() if isinstance(key, str)} <= known
    from_files = [
        slot for slot in analysis.inputs if slot.kinds or slot.text or slot.several or AnnotationSet in slot.accepts
    ]
    assert set(samples) == {slot.name for slot in from_files}
    if analysis.default_model:
        assert analysis.takes(MODELS[analysis.default_model])
    names = [stage.name for stage in analysis.stages]
    assert len(set(names)) == len(names)
    models = analysis.models if analysis.task else [None]
    for model in models:
        declared = [field.name for params in analysis.params_types(model) for field in fields_of(params)]
        assert len(set(declared)) == len(declared), "two stages share a parameter's name"
        assert analysis.make_params({}, model)
    default = MODELS[analysis.default_model] if analysis.default_model else None
    assert analysis.make_params(analysis.sample_values, default)


@pytest.mark.parametrize("key", MODEL_KEYS)
def test_a_model_is_declared_in_full(key):
    model = MODELS[key]
    assert model.title
    assert model.paper
    assert 1990 < model.year < 2100
    assert model.labels
    assert all(isinstance(bounds, Range) for bounds in model.ranges.values())
    for weights in model.weights:
        # What is built in is published nowhere else.
        assert weights.url.endswith(weights.file_name) or (not weights.url and cached_path(weights))
        assert weights.licence
        assert weights.trained_on
        assert weights.size_bytes > 0
        assert len(weights.sha256) in (8, 10, 64) or (not weights.sha256 and hub.parse(weights.url))


def shipped() -> list[str]:
    """Keys of the models whose weights come with the program."""
    return sorted(path.stem for path in resource("models").glob("*.safetensors"))


def packaged() -> list[str]:
    """Keys of the models whose weights a package carries."""
    return sorted(model.key for model in MODELS if any(weights.packaged for weights in model.weights))


def test_weights_and_cards_come_in_pairs_and_are_small_together():
    assert shipped()
    assert {path.stem for path in resource("models").glob("*.json")} == set(shipped()) | set(packaged())
    assert sum(path.stat().st_size for path in resource("models").iterdir()) < 60e6
    here = {model.key for model in MODELS if any(not weights.url for weights in model.weights)}
    assert here == set(shipped()) | set(packaged())


@pytest.mark.parametrize("key", shipped())
def test_shipped_weights_are_what_their_card_says(key):
    from safetensors.numpy import load_file

    path, known = resource("models", f"{key}.safetensors"), card(key)
    assert known.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert known.size_bytes == path.stat().st_size
    tensors = load_file(path)
    assert known.parameters == sum(tensor.size for name, tensor in tensors.items() if "running" not in name)
    assert not [name for name, tensor in tensors.items() if tensor.dtype == np.float32]
    assert known.labels == MODELS[key].labels


@pytest.mark.parametrize("key", packaged())
def test_the_card_of_a_packages_weights_is_of_that_file(key):
    from cvstudio.weights.store import find_weights

    known, model = card(key), MODELS[key]
    (weights,) = model.weights
    path = find_weights(weights)
    assert path is not None
    assert known.sha256 == weights.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert known.size_bytes == weights.size_bytes == path.stat().st_size
    assert known.parameters == model.architecture.parameters
    assert known.labels == model.labels
    assert set(known.settings) >= set(model.defaults)


@pytest.mark.parametrize("key", [*shipped(), *packaged()])
def test_a_card_is_filled_in_by_the_recipe_that_made_the_model(key):
    known = card(key)
    recipe = RECIPES[known.recipe]
    assert (recipe.model, known.model) == (key, key)
    assert (known.title, known.licence, known.non_commercial) == (recipe.title, recipe.licence, recipe.non_commercial)
    assert [dataclasses.asdict(source) for source in known.sources] == [vars(source) for source in recipe.sources]
    assert known.not_for == recipe.not_for
    # What people read is what machines read.
    assert [tuple(vars(metric).values()) for metric in known.metrics] == list(recipe.describe(known.figures))
    assert known.figures
    assert all(np.isfinite(value) for value in known.figures.values())
    assert known.command == f"cvstudio evaluate {recipe.key}"
    # Of published weights nothing was trained, only measured.
    assert (known.hours > 0) is (known.epochs > 0) is (key not in packaged())
    datetime.date.fromisoformat(known.date)
    # The licence says it, too, where the badge does.
    assert known.non_commercial is ("non-commercial" in known.licence)


@pytest.mark.parametrize("recipe", list(RECIPES), ids=lambda recipe: recipe.key)
def test_a_recipe_is_declared_in_full(recipe):
    assert recipe.model in MODELS
    assert recipe.files
    assert recipe.sources
    assert recipe.licence
    for sentence in (recipe.summary, *recipe.not_for):
        assert sentence.endswith(".")
    for source in recipe.sources:
        assert source.licence
        assert source.use


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    """Every analysis on its own sample: the exporter's item by key."""
    found = {}
    with Runner() as runner:
        for analysis in (ANALYSES[key] for key in RUNNABLE):
            instance = make_instance(analysis.key, sample_inputs(analysis))
            found[analysis.key] = export_item(runner, ExportRequest(instance, Path.cwd()), Progress())
    return found


def arrays(value: Any) -> list[np.ndarray]:
    """The arrays of a dataclass, and of those that it holds, in their order; without thumbnails, which are JPEGs once
    they are cached."""
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, tuple):
        return [array for item in value for array in arrays(item)]
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value) if field.name != "thumbnails"]
        return [array for name in names for array in arrays(getattr(value, name))]
    return []


@pytest.mark.parametrize("key", RUNNABLE)
def test_a_result_is_of_the_declared_type_and_frozen(key, results):
    result = results[key].result
    assert type(result) is ANALYSES[key].result
    media = results[key].media
    assert result.source.media_id == (media.id if media is not None else "")
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.source = None
    assert arrays(result)
    assert not any(array.flags.writeable for array in arrays(result))


@pytest.mark.parametrize("key", RUNNABLE)
def test_the_same_again_gives_the_same(key, results):
    with Runner() as runner:
        again = runner.result(make_instance(key, sample_inputs(ANALYSES[key])))
    for one, other in zip(arrays(results[key].result), arrays(again), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("key", RUNNABLE)
def test_every_result_can_be_drawn_and_drawing_changes_no_input(key, results):
    item = results[key]
    before = [array.copy() for array in arrays(item.result)]
    base = None if item.base is None else item.base.rgb8.copy()
    picture = render(item.base, [(item.result, Look())], View(Rect(3, 2, 120, 80), 1.0))
    assert picture.shape == (80, 120, 3)
    assert picture.dtype == np.uint8
    for array, kept in zip(arrays(item.result), before, strict=True):
        assert np.array_equal(array, kept)
    assert base is None or np.array_equal(item.base.rgb8, base)


SHORT_FILM = {"seconds": 1.0, "rate": 5, "width": 96, "height": 64, "side": 96, "smooth": False}
"""The usual one takes a minute where no OpenGL draws it, and where a lens does."""
FILMS = ("turntable", "focus-pull", "parallax")


@pytest.mark.parametrize("key", RUNNABLE)
def test_every_result_is_written_by_each_of_its_formats_with_a_recipe(key, results, tmp_path):
    item = results[key]
    formats = exporters_for(type(item.result))
    assert formats
    for exporter in formats:
        path = tmp_path / f"{key} 결과{exporter.suffix}"
        film = {name: value for name, value in SHORT_FILM.items() if hasattr(exporter.params, name)}
        written = dataclasses.replace(item, options=film) if exporter.key in FILMS else item
        export(exporter, path, written, Progress())
        assert path.stat().st_size > 0
        instance, _, _ = load_recipe(recipe_path(path))
        assert instance.analysis == key
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".")]


@pytest.mark.parametrize("key", EXPORTER_KEYS)
def test_a_format_is_declared_in_full(key):
    exporter = EXPORTERS[key]
    assert exporter.suffix == "" if exporter.folder else exporter.suffix.startswith(".")
    assert exporter.suffix == exporter.suffix.lower()
    assert exporter.folder or exporter.finish is None
    assert not (exporter.folder and exporter.combined)
    assert exporter.title
    assert exporter.summary.endswith(".")
    assert exporter.accepts.words
    assert any(exporter.accepts(analysis.result) for analysis in ANALYSES)
