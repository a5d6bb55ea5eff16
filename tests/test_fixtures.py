"""What version 0.1.0 left on disk opens and gives the same: projects, recipes, batches, own models, trainings, caches.

The settings are in `tests/ui/test_fixtures_window.py`. See `tests/fixtures/observe.py` and `write.py` there.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from cvstudio.analyses import ANALYSES
from cvstudio.foundation.params import fields_of

ROOT = Path(__file__).resolve().parents[1]
EXPECTED = json.loads((ROOT / "tests/fixtures/expected.json").read_text(encoding="utf-8"))
TOLERANCE = 1e-4


def _observe() -> ModuleType:
    spec = importlib.util.spec_from_file_location("observe", ROOT / "tests/fixtures/observe.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


observe = _observe()


def differences(found: Any, expected: Any, where: str = "") -> list[str]:
    """Where `found` is not as `expected`; numbers may differ by `TOLERANCE` of the larger of 1 and their size."""
    if isinstance(expected, dict) and isinstance(found, dict):
        lost = [f"{where}/{name} is gone" for name in expected if name not in found]
        both = [name for name in expected if name in found]
        return lost + [line for name in both for line in differences(found[name], expected[name], f"{where}/{name}")]
    if isinstance(expected, list) and isinstance(found, list):
        if len(expected) != len(found):
            return [f"{where}: {len(expected)} entries became {len(found)}"]
        pairs = enumerate(zip(found, expected, strict=True))
        return [line for number, pair in pairs for line in differences(*pair, f"{where}/{number}")]
    numbers = [isinstance(value, int | float) and not isinstance(value, bool) for value in (found, expected)]
    if all(numbers):
        same = abs(found - expected) <= TOLERANCE * max(1.0, abs(expected))
    else:
        same = type(found) is type(expected) and found == expected
    return [] if same else [f"{where}: {expected!r} became {found!r}"]


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The home of a user of version 0.1.0, in which the program runs; its networks are registered."""
    from cvstudio.models import MODELS

    folder: Path = observe.unpack(tmp_path / "user")
    for name, value in observe.environment(folder).items():
        monkeypatch.setenv(name, value)
    assert len(MODELS)
    keys = observe.register(folder)
    yield folder
    for key in keys:
        MODELS.remove(key)


# The comparison itself ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"a": 1.0}, {"a": 1.1}),
        ({}, {"a": 1}),
        ([1, 2], [1]),
        ("x", "y"),
        (None, 0),
        (True, 1),
        ({"a": [{"b": 2.0}]}, {"a": [{"b": 2.001}]}),
    ],
)
def test_a_difference_is_seen(found: Any, expected: Any) -> None:
    assert differences(found, expected)


def test_what_is_new_or_within_the_tolerance_is_no_difference() -> None:
    assert not differences({"a": [1.00001, "x"], "new": 3}, {"a": [1.0, "x"]})


# Projects and recipes -----------------------------------------------------------------------------------------------


def test_a_project_opens_as_it_was(user: Path) -> None:
    assert not differences(observe.project(user), EXPECTED["project"])


def test_a_project_is_saved_again_with_the_same_content(user: Path) -> None:
    from cvstudio.session.project import load_project, save_project

    path = user / "files/studio.cvstudio"
    state, position_secs = load_project(path)
    before = json.loads(path.read_text(encoding="utf-8"))
    save_project(path, state, position_secs=position_secs)
    assert json.loads(path.read_text(encoding="utf-8")) == before


@pytest.mark.parametrize("name", observe.LAYERS)
def test_a_layer_of_a_project_finds_the_same(user: Path, name: str) -> None:
    assert not differences(observe.layer(user, name), EXPECTED["results"][name])


@pytest.mark.parametrize("name", observe.RECIPES)
def test_a_recipe_makes_the_same_again(user: Path, name: str) -> None:
    assert not differences(observe.recipe(user, name), EXPECTED["recipes"][name])


# Batches ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", observe.BATCHES)
def test_a_batch_that_is_half_done_goes_on(user: Path, name: str) -> None:
    out = user / f"files/batch {name}"
    mark = out / "json" / "01.json"
    mark.write_text("not done again", encoding="utf-8")
    assert not differences(observe.batch(user, name), EXPECTED["batches"][name])
    assert mark.read_text(encoding="utf-8") == "not done again"


# Own models ---------------------------------------------------------------------------------------------------------


def test_own_models_are_registered_as_they_were(user: Path) -> None:
    # Another revision begins every batch with an own model anew.
    assert not differences(observe.own(user), EXPECTED["own"])


def test_a_start_knows_own_models_and_those_chosen_from_timm(user: Path) -> None:
    command = [sys.executable, "-m", "cvstudio", "list"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, check=True, timeout=100)
    rows = [line.strip().removeprefix("--model ") for line in done.stdout.splitlines()]
    for key in ("own-spots", "own-moods", "own-tips"):
        assert any(row.startswith(f"{key} ") for row in rows)
    # A long key leaves no room behind it.
    assert any(row.startswith("timm-resnet10t.c3_in1k") and row.endswith("21.8 MB, not downloaded") for row in rows)
    assert "not usable" not in done.stderr


# Names --------------------------------------------------------------------------------------------------------------


def test_every_name_that_files_tell_is_still_known() -> None:
    names, expected = observe.names(), EXPECTED["names"]
    for key, analysis in names["analyses"].items():
        # What came later is missing in older files; all else is as they have it.
        later = {
            field.name for params in ANALYSES[key].params_types(None) for field in fields_of(params) if field.doc.later
        }
        known = expected["analyses"].get(key, analysis)["values"]
        analysis["values"] = [name for name in analysis["values"] if name in known or name not in later]
    assert not differences(names, expected)


@pytest.mark.parametrize("key", ["resnet18", "retinanet", "haar-face", "yolox-nano"])
def test_a_checkpoint_is_found_where_it_was_put(key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cvstudio.models import MODELS
    from cvstudio.weights.store import cached_path

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (tmp_path / "hub/checkpoints").mkdir(parents=True)
    for (name, _, _), weights in zip(EXPECTED["names"]["models"][key]["weights"], MODELS[key].weights, strict=True):
        path = tmp_path / "hub/checkpoints" / name
        path.write_bytes(b"there")
        assert cached_path(weights) == path


@pytest.mark.parametrize("key", ["scene", "scene-depth", "clip"])
def test_a_sample_that_was_made_is_not_made_again(user: Path, key: str) -> None:
    from cvstudio.media.examples.files import sample_path

    path = user / "cache/cvstudio/samples/v1" / EXPECTED["names"]["samples"][key]
    path.parent.mkdir(parents=True)
    path.write_bytes(b"made before")
    assert sample_path(key) == path
    assert path.read_bytes() == b"made before"


# Trainings ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def trained(user: Path, digits: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the user's trainings; the recipe of the digits and its data are there."""
    monkeypatch.setenv("CVSTUDIO_TRAINING", str(user / "training"))
    return user / "training"


def test_trainings_are_listed_as_far_as_they_are(trained: Path) -> None:
    from cvstudio.training.runs import find_runs

    found = {run.folder.name: (run.start.recipe, run.start.seed, run.epochs_done, run.finished) for run in find_runs()}
    assert found == {"digits": ("digits", 0, 2, False), "digits-seed-3": ("digits", 3, 4, True)}


def test_a_training_that_was_stopped_ends_as_if_it_had_not_been(
    trained: Path, digits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from cvstudio.cli.main import main

    curves = trained / "digits/curves.jsonl"
    before = curves.read_text(encoding="utf-8").splitlines()
    assert main(["train", "digits", "--data", str(digits), "--device", "cpu", "-q"]) == 0
    after = curves.read_text(encoding="utf-8").splitlines()
    # The epochs of before were not trained again: their lines tell when they were.
    assert after[: len(before)] == before
    lines = [json.loads(line) for line in after]
    last = {f"{line['split']} {name}": line[name] for line in lines if line["epoch"] == 4 for name in line}
    assert not differences(last, EXPECTED["training"]["last"])
    card = json.loads((trained / "digits/linear-digits.json").read_text(encoding="utf-8"))
    assert card["metrics"] == EXPECTED["training"]["metrics"]


def test_trainings_lie_where_they_did_when_nothing_is_said(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cvstudio.training.runs import runs_folder

    monkeypatch.delenv("CVSTUDIO_TRAINING", raising=False)
    assert runs_folder() == home / ".cache/cvstudio-training"


# Caches: `write.py` changed what they hold into what nobody would compute -------------------------------------------


def test_a_measured_precision_is_taken(user: Path) -> None:
    import torch

    from cvstudio.foundation.progress import Progress
    from cvstudio.models import MODELS
    from cvstudio.models.runtime.host import Host

    path, spec = user / "cache/cvstudio/precision.json", MODELS["residual-60"]
    host = Host("cpu", precision="auto", measure=False)
    name = EXPECTED["precision name"].replace("VERSION", host.network_key(spec)[2])
    name = name.replace("THREADS", str(torch.get_num_threads())).replace("TORCH", torch.__version__)
    text = path.read_text(encoding="utf-8").replace(EXPECTED["precision name"], name)
    path.write_text(text, encoding="utf-8")
    host.network(spec, None, Progress())
    way = host.precision_of(spec)
    assert way is not None
    assert (way.dtype, way.channels_last, way.engine) == ("float32", False, "torch")
    assert way.reason == "taken as it was kept"
    assert path.read_text(encoding="utf-8") == text
    host.close()


def without_kinds(layer: dict[str, Any]) -> dict[str, Any]:
    """A layer and those in it without the names of classes, which are there to be read only."""
    return {
        name: [without_kinds(child) for child in value] if name == "children" else value
        for name, value in layer.items()
        if name != "kind"
    }


def test_kept_layers_are_taken_and_looked_at_again_they_are_the_same(user: Path) -> None:
    from cvstudio.models import MODELS
    from cvstudio.models.inspection.store import inspection_of

    path, spec = user / "cache/cvstudio/inspections/residual-60.json", MODELS["residual-60"]
    text = path.read_text(encoding="utf-8")
    for library in ("torch", "torchvision", "timm", "transformers"):
        text = text.replace(f"@{library.upper()}@", version(library))
    path.write_text(text, encoding="utf-8")
    expected = EXPECTED["inspection"]
    kept = inspection_of(spec)
    assert (kept.parameters, kept.macs) == (expected["parameters"], expected["macs"] + 1)
    assert path.read_text(encoding="utf-8") == text
    path.unlink()
    assert inspection_of(spec).macs == expected["macs"]
    saved, anew = json.loads(text), json.loads(path.read_text(encoding="utf-8"))
    assert anew["of"] == saved["of"]
    assert without_kinds(anew["root"]) == without_kinds(saved["root"])


def test_a_measured_speed_is_known(user: Path) -> None:
    from cvstudio.models import MODELS
    from cvstudio.models.inspection.speed import known_speeds, speed_key

    found = known_speeds()[speed_key(MODELS["residual-60"], "cpu", "float32")]
    assert (found.ms, found.what, found.precision) == (123.25, "model", "float32, channels last")


def test_kept_thumbnails_are_taken(user: Path) -> None:
    from cvstudio.media.thumbnail_cache import ThumbnailCache

    def thumbnail(name: str) -> Any:
        path = user / "files" / name
        status = path.stat()
        with ThumbnailCache() as kept:
            return kept.thumbnail(path, (status.st_size, status.st_mtime_ns))

    green = thumbnail("media/portrait.jpg")
    assert np.abs(green.pixels.reshape(-1, 3).mean(axis=0) - (0, 200, 0)).max() < 5
    assert (green.size.width, green.size.height) == (256, 256)
    sound = thumbnail("media/voice.flac")
    assert (sound.kind, sound.pixels, sound.duration_secs) == ("audio", None, 1.0)
    # One that is not the same file any more is looked at.
    os.utime(user / "files/media/portrait.jpg")
    assert np.ptp(thumbnail("media/portrait.jpg").pixels) > 200


def test_kept_features_are_taken(user: Path) -> None:
    folder = user / "cache/cvstudio/features"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert len(before) == 2
    # Its row was exchanged for that of the portrait.
    assert observe.layer(user, "knn")["names"][0] == "cats/10.jpg"
    observe.layer(user, "knn-pixels")
    # Under another name they would be computed again, and kept beside.
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
