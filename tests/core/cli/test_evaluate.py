"""`cvstudio evaluate` of models on labelled pictures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import cvstudio
from cvstudio.cli.main import main
from cvstudio.foundation.progress import Progress
from cvstudio.media.annotations import ANNOTATION_FORMATS, WriteOptions
from cvstudio.models import MODELS
from cvstudio.training import RECIPES


@pytest.fixture
def labels(colour_models: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A COCO file of two pictures, on one of which the models err twice."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    box = colour_models.Rectangle
    pictures = [
        [box(0, 5, 5, 30, 20), box(1, 60, 40, 25, 20)],
        [box(0, 5, 5, 30, 20, colour_models.MOVED), box(1, 60, 40, 30, 20, colour_models.RENAMED)],
    ]
    labelled = colour_models.labelled_set(tmp_path / "set", pictures)
    path = tmp_path / "set" / "labels.json"
    write = ANNOTATION_FORMATS["coco"].write
    assert write is not None
    write(labelled, path, WriteOptions(), Progress())
    return path


def told(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, list[str]]:
    assert main(["evaluate", *map(str, arguments)]) == 0
    lines = capsys.readouterr().out.splitlines()
    return {cells[0].strip(): cells[1].split() for line in lines if len(cells := line.split("  ", 1)) == 2}


def test_a_model_is_measured_and_written(labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = told(capsys, "colour-boxes", "--data", labels, "-o", tmp_path / "out", "-o", tmp_path / "f.csv", "-q")
    assert rows["Boxes precision"] == ["0.5000"]
    assert rows["red"][:2] == ["2", "0.5050"]
    assert (tmp_path / "f.csv").is_file()
    assert (tmp_path / "out" / "precision-recall.png").is_file()
    content = json.loads((tmp_path / "out" / "evaluation.json").read_text(encoding="utf-8"))
    assert content["data"] == "labels.json"


def test_what_is_read_is_not_written_over(labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = labels.read_bytes()
    mapping = tmp_path / "mapping.json"
    mapping.write_text("{}")
    for data, out in ((labels, labels), (labels.parent, labels), (labels, mapping)):
        arguments = ["colour-boxes", "--data", data, "--map", mapping, "-o", out, "-q"]
        assert main(["evaluate", *map(str, arguments)]) == 1
        assert f"'{out.name}' is one of the files that are measured with" in capsys.readouterr().err
    assert labels.read_bytes() == before
    assert mapping.read_text() == "{}"


def test_two_models_the_score_and_the_form(labels: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both = ("colour-boxes", "colour-masks", "--data", labels, "-q")
    assert told(capsys, *both)["Boxes recall"] == ["0.5000", "0.5000"]
    assert told(capsys, *both, "--score", 0.9)["Boxes recall"] == ["0.2500", "0.2500"]
    only = told(capsys, "colour-masks", "--data", labels, "--task", "masks", "-q")
    assert "Masks AP" in only
    assert "Boxes AP" not in only
    assert main(["evaluate", "colour-boxes", "--data", str(labels), "--json", "-q"]) == 0
    assert json.loads(capsys.readouterr().out)["figures"][0]["figure"] == "Boxes AP"


def test_classes_are_chosen_and_mapped(labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = told(capsys, "colour-boxes", "--data", labels, "--class", "green", "-q")
    assert "red" not in rows
    path = tmp_path / "map.json"
    path.write_text('{"Red": null}', encoding="utf-8")
    assert main(["evaluate", "colour-boxes", "--data", str(labels), "--map", str(path)]) == 0
    captured = capsys.readouterr()
    assert "2 of 3 classes" in captured.err
    assert "not measured: red" in captured.err
    assert "labels without a class: Red, violet" in captured.err
    path.write_text('{"Red": "green"}', encoding="utf-8")
    assert "red" not in told(capsys, "colour-boxes", "--data", labels, "--map", path, "-q")
    assert "red" in told(capsys, "colour-boxes", "--data", labels, "--map", path, "--all-classes", "-q")


def test_two_models_are_compared_by_what_both_know(
    labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    for path, text in zip(paths, ('{"Red": null}', "{}"), strict=True):
        path.write_text(text, encoding="utf-8")
    maps = [str(part) for path in paths for part in ("--map", path)]
    assert main(["evaluate", "colour-boxes", "colour-masks", "--data", str(labels), *maps]) == 0
    assert "the 2 classes that both models know" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("colour-boxes",), "give their labels with --data"),
        (("nothing", "--data", "{labels}"), "nothing"),
        (("colour-boxes",) * 3 + ("--data", "{labels}"), "one or two models, found 3"),
        (("colour-boxes", "--data", "{labels}.gone"), "cannot be found"),
        (("colour-boxes", "--data", "{labels}", "--format", "nothing"), "nothing"),
        (("colour-boxes", "--data", "{labels}", "--score", "3"), "--score is expected to be 0 to 1"),
        (("colour-boxes", "--data", "{labels}", "--task", "masks"), "they have boxes"),
        (("colour-boxes", "--data", "{labels}", "--set", "iou"), "NAME=VALUE"),
        (("colour-boxes", "--data", "{labels}", "--set", "nothing=3"), "nothing"),
        (("colour-boxes", "--data", "{labels}", "--map", "a", "--map", "b"), "once for each"),
        (("colour-boxes", "--data", "{labels}", "--class", "pink"), "no class 'pink'"),
    ],
)
def test_wrong_arguments_are_one_sentence(
    labels: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], sentence: str
) -> None:
    assert main(["evaluate", "-q", *(part.replace("{labels}", str(labels)) for part in arguments)]) == 1
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1


def test_parameters_of_the_analysis_are_set(labels: Path, colour_models: Any) -> None:
    colour_models.CALLS.clear()
    assert main(["evaluate", "-q", "colour-boxes", "--data", str(labels)]) == 0
    first = len(colour_models.CALLS)
    assert main(["evaluate", "-q", "colour-boxes", "--data", str(labels), "--score", "0.1"]) == 0
    assert len(colour_models.CALLS) == first
    assert main(["evaluate", "-q", "colour-boxes", "--data", str(labels), "--set", "iou=0.3"]) == 0
    assert len(colour_models.CALLS) > first


def test_no_model_has_the_name_of_a_recipe() -> None:
    assert not {recipe.key for recipe in RECIPES} & {model.key for model in MODELS}


def test_python_needs_one_line(labels: Path) -> None:
    done = cvstudio.evaluate("colour-boxes", labels, score=0.4, mapping={"Red": None})
    assert done.summary()["Boxes recall"] == 0.5
    assert done.mapping.unmatched_categories == ("red",)


def test_real_photographs_and_the_default_model(
    data: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = data("coco128", "object_detection")
    rows = told(capsys, "pyramid-lite0", "--data", folder, "--limit", 6, "-q")
    assert 0.2 < float(rows["Boxes AP50"][0]) <= 1
