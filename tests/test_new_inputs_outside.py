"""Inputs that are no single file, from the command line and in batches."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image as Pillow

from cvstudio.exporters import EXPORTERS, export
from cvstudio.foundation.progress import Progress
from cvstudio.media.examples.files import sample_path
from cvstudio.running.batch import Batch, BatchPlan
from cvstudio.running.export_items import ExportRequest, export_item
from cvstudio.running.runner import Runner, make_instance


@pytest.fixture(autouse=True)
def analyses(new_inputs: ModuleType) -> ModuleType:
    return new_inputs


def run(*arguments: str | Path) -> int:
    from cvstudio.cli.main import main

    return main(["run", *map(str, arguments), "-q"])


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Pillow.open(path).convert("RGB"))


def test_the_command_line_takes_a_prompt(tmp_path, capsys):
    assert run("paint", "red and blue", "--side", "20", "-o", tmp_path) == 0
    assert pixels(tmp_path / "paint.png")[0, [0, 19]].tolist() == [[255, 0, 0], [0, 0, 255]]
    (tmp_path / "prompt.txt").write_text("green\n")
    assert run("paint", tmp_path / "prompt.txt", "-o", tmp_path / "b.png") == 0
    assert pixels(tmp_path / "b.png")[0, 0].tolist() == [0, 255, 0]
    assert run("--recipe", tmp_path / "b.png.recipe.json", "-o", tmp_path / "c.png") == 0
    assert (tmp_path / "c.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_the_command_line_takes_a_question(tmp_path, pictures):
    assert run("ask", pictures / "1.png", "--question", "Which colour?", "-o", tmp_path / "a.json") == 0
    told = json.loads((tmp_path / "a.json").read_text())
    assert told["frames"][0]["labels"][0]["label"] == "red"


@pytest.mark.parametrize("by_recipe", [False, True])
def test_the_command_line_takes_another_analysis(by_recipe, tmp_path, analyses):
    upstream: str | Path = f"detect:{analyses.MODEL}"
    if by_recipe:
        # The recipe is of another picture, which this one takes the place of.
        assert run("detect", sample_path("cat"), "--model", analyses.MODEL, "-o", tmp_path / "d.json") == 0
        upstream = tmp_path / "d.json.recipe.json"
    assert run("crop", sample_path("astronaut"), "--detections", upstream, "-o", tmp_path, "--format", "png") == 0
    told = json.loads((tmp_path / "astronaut-crop.png.recipe.json").read_text())
    assert told["inputs"]["detections"]["result_of"]["inputs"]["picture"] == told["inputs"]["picture"]
    with Runner() as runner:
        item = export_item(runner, ExportRequest(analyses.crop(), tmp_path), Progress())
    export(EXPORTERS["png"], tmp_path / "b.png", item, Progress())
    assert (pixels(tmp_path / "astronaut-crop.png") == pixels(tmp_path / "b.png")).all()


@pytest.mark.parametrize(
    ("upstream", "words"),
    [
        ("detec", "did you mean 'detect'"),
        ("detect:hgo", "did you mean 'hog'"),
        ("detect,many", "expects NAME=VALUE behind the first comma, found 'many'"),
        ("detect,score=many", "expects a number"),
        ("detect,sore=1", "has no parameter 'sore'"),
        ("classify", "Image classification gives"),
    ],
)
def test_another_analysis_that_makes_no_sense_is_one_sentence(upstream, words, tmp_path, capsys):
    assert run("crop", sample_path("cat"), "--detections", upstream, "-o", tmp_path) == 1
    assert words in capsys.readouterr().err


def test_a_value_of_another_analysis_may_hold_commas():
    from cvstudio.cli.inputs import upstream_of

    found = upstream_of("detect:hog,score=0.25,classes=person")
    assert (found.model, found.values) == ("hog", {"score": 0.25, "classes": ("person",)})


def test_the_command_line_takes_a_folder(tmp_path, pictures):
    assert run("sheet", pictures, "--columns", "3", "-o", tmp_path) == 0
    assert pixels(tmp_path / "sheet.png").shape == (32, 96, 3)
    assert run("sheet", pictures / "1.png", pictures / "2.png", "-o", tmp_path / "two.png") == 0
    assert pixels(tmp_path / "two.png").shape == (32, 64, 3)


def test_help_says_how_inputs_are_written(capsys, analyses):
    with pytest.raises(SystemExit):
        run("crop", "--help")
    told = " ".join(capsys.readouterr().out.split())
    assert "ANALYSIS[:MODEL][,NAME=VALUE...], such as detect:" in told
    assert "PICTURE" in told


def test_a_batch_goes_over_prompts(tmp_path, capsys):
    prompts = tmp_path / "prompts"
    prompts.mkdir()
    for word in ("red", "blue"):
        (prompts / f"{word}.txt").write_text(word)
    (prompts / "notes.md").write_text("no prompt")
    out = tmp_path / "out"
    assert run("paint", f"{prompts}/", "-o", out) == 0
    assert {path.stem: pixels(path)[0, 0].tolist() for path in (out / "png").iterdir()} == {
        "red": [255, 0, 0],
        "blue": [0, 0, 255],
    }
    # Only what has changed is done again.
    (prompts / "red.txt").write_text("green")
    assert run("paint", prompts / "red.txt", prompts / "blue.txt", "-o", out) == 0
    assert pixels(out / "png" / "red.png")[0, 0].tolist() == [0, 255, 0]
    report = (out / "batch-report.csv").read_text()
    assert report.count("done") == 2


def test_a_batch_asks_the_same_of_all_pictures(tmp_path, pictures):
    out = tmp_path / "out"
    assert run("ask", pictures, "--question", "Which colour?", "-o", out, "--format", "json") == 0
    answers = {
        path.stem: json.loads(path.read_text())["frames"][0]["labels"][0]["label"] for path in (out / "json").iterdir()
    }
    assert answers == {"1": "red", "2": "green", "10": "blue"}


def test_a_batch_runs_what_comes_before_on_each_picture(tmp_path, pictures, analyses):
    folder = tmp_path / "people"
    folder.mkdir()
    (folder / "face.png").write_bytes(Path(sample_path("astronaut")).read_bytes())
    (folder / "none.png").write_bytes((pictures / "1.png").read_bytes())
    out = tmp_path / "out"
    # As the window asks: the analysis is on one picture, and the other one with it.
    plan = BatchPlan(analyses.crop(), (folder,), out, ("png",))
    outcomes = {Path(item.file).name: item.state for item in Batch(plan).run(Progress())}
    assert outcomes == {"face.png": "done", "none.png": "done"}
    with Runner() as runner:
        item = export_item(runner, ExportRequest(analyses.crop(), tmp_path), Progress())
    export(EXPORTERS["png"], tmp_path / "alone.png", item, Progress())
    assert (pixels(out / "png" / "face.png") == pixels(tmp_path / "alone.png")).all()
    told = json.loads((out / "batch.recipe.json").read_text())
    assert "picture" not in told["inputs"]["detections"]["result_of"]["inputs"]


def test_a_batch_makes_a_sheet_of_each_folder(tmp_path, pictures):
    other = pictures / "more"
    other.mkdir()
    (other / "a.png").write_bytes((pictures / "1.png").read_bytes())
    out = tmp_path / "out"
    plan = BatchPlan(make_instance("sheet", {"pictures": pictures}), (pictures,), out, ("png",))
    assert [item.state for item in Batch(plan).run(Progress())] == ["done", "done"]
    assert {path.stem: pixels(path).shape for path in (out / "png").iterdir()} == {
        pictures.name: (64, 64, 3),
        f"{pictures.name}_more": (32, 32, 3),
    }
    assert [item.resumed for item in Batch(plan).run(Progress())] == [True, True]


def test_a_video_gives_a_crop_of_each_frame(tmp_path, analyses):
    clip = sample_path("clip")
    detect = make_instance("detect", {"picture": clip}, model=analyses.MODEL)
    instance = make_instance("crop", {"picture": clip, "detections": detect})
    with Runner() as runner:
        walked = [(frame.pts, found.pixels) for frame, found in runner.frames(instance, Progress(), stop_secs=0.1)]
    assert len(walked) > 1
    with Runner() as runner:
        alone = runner.result(instance, pts=walked[-1][0])
    assert np.array_equal(walked[-1][1], alone.pixels)
