"""A trunk that two models have in common runs once on a picture: through Python, a stack, a batch and a video."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.analyses.stages import TRUNK, Stage
from cvstudio.exporters import EXPORTERS, export
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS
from cvstudio.models.runtime.host import Host
from cvstudio.models.runtime.precision import Precision
from cvstudio.run.batch import Batch, BatchPlan
from cvstudio.run.composition import seen_recipe, shown_frames, with_stack
from cvstudio.run.runner import Runner, make_instance


@pytest.fixture(autouse=True)
def analyses(shared_stages: ModuleType) -> ModuleType:
    return shared_stages


def both(picture: Path) -> tuple[AnalysisInstance, AnalysisInstance]:
    return make_instance("colour", {"picture": picture}), make_instance("light", {"picture": picture})


def test_two_analyses_run_their_trunk_once(analyses, pictures):
    with Runner(device="cpu") as runner:
        colour, light = (runner.result(item) for item in both(pictures / "1.png"))
        assert analyses.RUNS.of == [("mean-colour", pytest.approx(200 / 255))]
        # Each has its own head, though both call it the same.
        assert (colour.label(0), light.label(0)) == ("red", "dark")
        assert light.probabilities[0] == pytest.approx(1 - 200 / 255 / 3)
        # Another picture is another output.
        runner.result(both(pictures / "2.png")[1])
        assert analyses.RUNS.of[1:] == [("mean-light", 0.0)]


def test_another_checkpoint_precision_device_or_trunk_runs_it_anew(analyses, pictures, tmp_path):
    colour, light = both(pictures / "1.png")
    own = tmp_path / "own.pth"
    own.write_bytes(b"other")
    with Runner(device="cpu") as runner:
        for number, item in enumerate((colour, dataclasses.replace(light, weights=own)), 1):
            runner.result(item)
            assert len(analyses.RUNS) == number
        # Both with the other checkpoint share it again.
        runner.result(dataclasses.replace(colour, weights=own))
        assert len(analyses.RUNS) == 2
        runner.host.precision = "float32"
        runner.result(light)
        assert len(analyses.RUNS) == 3
        runner.host.use("cpu:0")
        runner.host._resolved = "cpu"
        runner.result(colour)
        assert len(analyses.RUNS) == 4
        for trunk in (dataclasses.replace(analyses.MEANS, preprocessing="halved"), None):
            with MODELS.lend(dataclasses.replace(MODELS["mean-light"], trunk=trunk)):
                runner.result(light)
        assert len(analyses.RUNS) == 6


def test_a_stack_on_the_command_line_runs_it_once(analyses, pictures, tmp_path):
    from cvstudio.cli.main import main

    colour, light = both(pictures / "1.png")
    with Runner(device="cpu") as runner:
        item = with_stack(
            runner,
            runner.export_item(light, Progress(), base=tmp_path),
            light,
            (colour, light),
            Progress(),
            pts=None,
        )
    recipe = seen_recipe(light, tmp_path, (colour, light), pts=None, look={})
    export(EXPORTERS["png"], tmp_path / "a.png", dataclasses.replace(item, recipe=recipe), Progress())
    analyses.RUNS.of.clear()
    arguments = ["run", "--recipe", str(tmp_path / "a.png.recipe.json"), "-o", str(tmp_path / "b.png"), "-q"]
    assert main(arguments) == 0
    assert len(analyses.RUNS) == 1
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_batch_of_a_stack_runs_it_once_for_each_picture(analyses, pictures, tmp_path):
    colour, light = both(pictures / "1.png")
    plan = BatchPlan(light, (pictures,), tmp_path / "out", ("png", "json"), stack=(colour, light))
    outcomes = list(Batch(plan, device="cpu", streams=2).run(Progress()))
    assert sorted(item.state for item in outcomes) == ["done", "done", "done", "left out"][: len(outcomes)]
    assert len(analyses.RUNS) == 3


def test_layers_that_go_side_by_side_through_a_video_run_it_once_for_each_frame(analyses, numbered_clip):
    colour, light = both(numbered_clip)
    analyses.RUNS.secs = 0.02  # long enough for both layers to want it at once
    with Runner(device="cpu") as runner:
        shown = list(shown_frames(runner, light, (colour, light), Progress()))
    assert len(shown) == 24
    assert len(analyses.RUNS) == 24


def test_what_auto_stands_for_is_one_for_all_models_on_a_trunk(analyses, monkeypatch):
    colour, light = (MODELS[key] for key in ("mean-colour", "mean-light"))
    ways = [Precision("bfloat16", reason="measured"), Precision("float32", reason="measured")]
    left = iter(ways)

    def settle(network: Any, *given: Any, **more: Any) -> None:
        network.use_precision(next(left))

    monkeypatch.setattr(analyses.MeanNetwork, "use_precision", use_precision, raising=False)
    monkeypatch.setattr(analyses.MeanNetwork, "device", "cpu", raising=False)
    monkeypatch.setattr("cvstudio.models.runtime.host.settle", settle)
    monkeypatch.setattr("cvstudio.models.runtime.precision._bfloat16", lambda device: True)
    host = Host("cpu")
    for model in (light, colour):
        host.network(model, None, Progress())
        assert host.how(model) == ways[0]
    other = dataclasses.replace(colour, trunk=dataclasses.replace(analyses.MEANS, key="other"), revision="2")
    host.network(other, None, Progress())
    assert host.how(other) == ways[1]


def use_precision(network: Any, way: Precision) -> None:
    network.precision = way


def test_only_what_stands_first_and_looks_at_the_canvas_is_shared(analyses):
    stage = Stage("before", analyses.run_light)
    with pytest.raises(ValueError, match="only the first stage"):
        dataclasses.replace(ANALYSES["light"], stages=(stage, TRUNK))
    with pytest.raises(ValueError, match="has to use the network"):
        Stage("trunk", analyses.run_light, trunk=True)
    with pytest.raises(ValueError, match="what one canvas shows"):
        dataclasses.replace(TRUNK, viewed=True)
