"""Shared stages: a trunk that two models have in common runs once on a picture, a key frame's features once for it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.analyses.stages import TRUNK, Stage, every_nth
from cvstudio.exporters import EXPORTERS, export
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS
from cvstudio.models.runtime.host import Host
from cvstudio.models.runtime.precision import Precision
from cvstudio.running.batch import Batch, BatchPlan
from cvstudio.running.composition import composition_recipe, shown_frames, with_stack
from cvstudio.running.export_items import ExportRequest, export_item
from cvstudio.running.runner import Runner, make_instance


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
        runner.host.use("auto")
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
            export_item(runner, ExportRequest(light, tmp_path), Progress()),
            light,
            (colour, light),
            Progress(),
            pts=None,
        )
    recipe = composition_recipe(light, tmp_path, (colour, light), pts=None, look={})
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


# Key frames ---------------------------------------------------------------------------------------------------------


def expected(every: int = 5) -> list[str]:
    return [f"{number} after {number - number % every}" for number in range(24)]


def test_each_frame_is_handed_its_key_frame_in_whatever_order(analyses, numbered_clip):
    instance = make_instance("since", {"picture": numbered_clip})
    order = np.random.default_rng(0).permutation(24)
    with Runner(device="cpu") as runner:
        found = {number: runner.result(instance, pts=number / 12) for number in order.tolist()}
    assert [found[number].label(0) for number in range(24)] == expected()
    assert found[7].source.pts == 7 / 12
    # Once for each key frame, whichever frame asked for it first.
    assert sorted(round(grey / 10) for _, grey in analyses.KEYS.of) == [0, 5, 10, 15, 20]


@pytest.mark.parametrize("streams", [1, 2])
def test_an_export_is_the_same_with_several_frames_at_once(streams, analyses, numbered_clip):
    analyses.KEYS.secs = 0.05 if streams > 1 else 0.0  # long enough for two frames to want one at once
    instance = make_instance("since", {"picture": numbered_clip}, values={"every": 4})
    with Runner(device="cpu") as runner:
        found = [result.label(0) for _, result in runner.frames(instance, Progress(), streams=streams)]
        assert found == expected(4)
        assert [round(grey / 10) for _, grey in sorted(analyses.KEYS.of)] == [0, 4, 8, 12, 16, 20]
        # From the middle it stands on the same key frame, which lies before the first one that is written.
        part = runner.frames(instance, Progress(), streams=streams, start_secs=0.5, stop_secs=0.8)
        assert [result.label(0) for _, result in part] == ["6 after 4", "7 after 4", "8 after 8", "9 after 8"]
        assert len(analyses.KEYS) == 6
        # Other key frames are other outputs.
        runner.result(dataclasses.replace(instance, values={"every": 6}), pts=0.5)
        assert analyses.KEYS.of[6:] == [(6, pytest.approx(60, abs=2))]


def test_a_picture_is_its_own_key_frame(analyses, pictures):
    with Runner(device="cpu") as runner:
        assert runner.result(make_instance("since", {"picture": pictures / "1.png"})).label(0) == "7 after 7"


@pytest.mark.parametrize("rate", [12.0, 24000 / 1001, 25.0, 60.0])
@pytest.mark.parametrize("tick", [1e-9, 1e-3, 1 / 90_000])
def test_every_nth_survives_the_rounding_of_times_in_files(rate, tick):
    for number in range(0, 5000, 7):
        pts = round(number / rate / tick) * tick
        key = every_nth(pts, rate, 4)
        first = round((number - number % 4) / rate / tick) * tick
        following = round((number - number % 4 + 1) / rate / tick) * tick
        assert first <= key < following
        assert key == every_nth(first, rate, 4)


# Precision ----------------------------------------------------------------------------------------------------------


def test_what_auto_stands_for_is_one_for_all_models_on_a_trunk(analyses, monkeypatch):
    colour, light = (MODELS[key] for key in ("mean-colour", "mean-light"))
    ways = [Precision("bfloat16", reason="measured"), Precision("float32", reason="measured")]
    left = iter(ways)

    def settle(network: Any, *given: Any, **more: Any) -> None:
        network.use_precision(next(left))

    monkeypatch.setattr(analyses.MeanNetwork, "use_precision", use_precision, raising=False)
    monkeypatch.setattr(analyses.MeanNetwork, "device", "cpu", raising=False)
    monkeypatch.setattr("cvstudio.models.runtime.host.choose_precision", settle)
    monkeypatch.setattr("cvstudio.models.runtime.precision._bfloat16", lambda device: True)
    host = Host("cpu")
    for model in (light, colour):
        host.network(model, None, Progress())
        assert host.precision_of(model) == ways[0]
    other = dataclasses.replace(colour, trunk=dataclasses.replace(analyses.MEANS, key="other"), revision="2")
    host.network(other, None, Progress())
    assert host.precision_of(other) == ways[1]


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
