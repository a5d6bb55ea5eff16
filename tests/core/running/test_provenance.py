"""A recipe tells how its result was computed, and it is computed so again: device, precision, engine, layout."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from cvstudio.cli.main import main
from cvstudio.foundation.errors import ProjectError
from cvstudio.foundation.progress import Progress
from cvstudio.media.examples.files import sample_path
from cvstudio.models import MODELS
from cvstudio.models.runtime import openvino as engine
from cvstudio.models.runtime import precision
from cvstudio.models.runtime.precision import Precision, force_precision
from cvstudio.running.batch import Batch, BatchPlan
from cvstudio.running.export_items import ExportRequest, export_item
from cvstudio.running.provenance import load_provenance
from cvstudio.running.recipe import load_recipe
from cvstudio.running.runner import Runner, make_instance

MODEL = "pyramid-5"


def write(tmp_path: Path, *more: str, name: str = "one") -> dict[str, Any]:
    """What the recipe beside an export of a cat says."""
    out = tmp_path / f"{name}.json"
    arguments = ["run", "detect", str(sample_path("cat")), "--model", MODEL, "--device", "cpu", "-q"]
    assert main([*arguments, *more, "-o", str(out)]) == 0
    return told(out)


def told(out: Path) -> dict[str, Any]:
    recipe: dict[str, Any] = json.loads(out.with_name(f"{out.name}.recipe.json").read_text())
    return recipe


def again(tmp_path: Path, recipe: dict[str, Any], *more: str) -> dict[str, Any]:
    """What a second run by `recipe` says of itself."""
    path, out = tmp_path / "given.recipe.json", tmp_path / "again.json"
    path.write_text(json.dumps(recipe))
    assert main(["run", "--recipe", str(path), *more, "-o", str(out)]) == 0
    return told(out)


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> list[Precision]:
    """How the network computed, run by run; asked of autocast itself and of the pixels' layout."""
    found: list[Precision] = []
    original = torch.nn.Conv2d.forward

    def forward(self: Any, pixels: torch.Tensor) -> torch.Tensor:
        dtype = "bfloat16" if torch.is_autocast_enabled("cpu") else "float32"
        last = pixels.is_contiguous(memory_format=torch.channels_last) and not pixels.is_contiguous()
        if pixels.shape[1] > 1:
            found.append(Precision(dtype, last))  # type: ignore[arg-type]
        return original(self, pixels)

    monkeypatch.setattr(torch.nn.Conv2d, "forward", forward)
    return found


@pytest.mark.parametrize("last", [True, False])
def test_a_recipe_tells_device_precision_engine_and_layout(last, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(precision, "user_cache_dir", lambda: tmp_path)
    monkeypatch.setattr(
        precision, "_least_secs", lambda ways, secs: {way: 1.0 if way.channels_last == last else 2.0 for way in ways}
    )
    with Runner(device="cpu") as runner:
        runner.result(make_instance("detect", {"picture": sample_path("cat")}, model=MODEL))
    # A single picture is not measured, but what was measured before is taken.
    assert write(tmp_path)["computed"] == {
        "device": "cpu",
        "precision": "float32",
        "engine": "torch",
        "channels_last": last,
    }
    assert write(tmp_path, "--precision", "bfloat16", name="two")["computed"]["precision"] == "bfloat16"
    found = load_provenance(tmp_path / "two.json.recipe.json")
    assert (found.device, {name: way.dtype for name, way in found.precisions.items()}) == (
        "cpu",
        {(MODEL, ""): "bfloat16"},
    )


@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_it_is_computed_so_again_whatever_is_faster_here(dtype, last, tmp_path, capsys, monkeypatch, used):
    monkeypatch.setattr(precision, "_bfloat16", lambda device: True)
    recipe = write(tmp_path, "--precision", "float32")
    recipe["computed"] |= {"precision": dtype, "channels_last": last}
    used.clear()
    repeated = again(tmp_path, recipe)
    assert repeated["computed"] == recipe["computed"]
    assert {way.dtype for way in used} == {dtype}
    # The first layer sees the picture as it was laid out.
    assert used[0].channels_last == last
    assert "computed in" not in capsys.readouterr().err


def test_the_same_recipe_finds_the_same_to_the_bit(tmp_path, capsys):
    recipe = write(tmp_path)
    again(tmp_path, recipe)
    one, two = (json.loads((tmp_path / f"{name}.json").read_text())["frames"] for name in ("one", "again"))
    assert one == two
    assert one[0]["detections"]


def test_what_is_asked_for_comes_before_the_recipe(tmp_path, capsys, monkeypatch):
    recipe = write(tmp_path, "--precision", "bfloat16")
    assert again(tmp_path, recipe, "--precision", "float32")["computed"]["precision"] == "float32"
    # The fastest way here: no bfloat16, see conftest.
    assert again(tmp_path, recipe, "--precision", "auto")["computed"]["precision"] == "float32"


def test_what_is_not_here_is_told_and_done_in_another_way(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(precision, "_bfloat16", lambda device: False)
    monkeypatch.setattr("cvstudio.models.runtime.host.is_there", lambda device: device == "cpu")
    recipe = write(tmp_path)
    recipe["computed"] |= {"precision": "bfloat16", "engine": "openvino", "device": "cuda"}
    assert again(tmp_path, recipe)["computed"]["precision"] == "float32"
    err = capsys.readouterr().err
    assert "It was computed on CUDA, which is not available" in err
    wanted = "was computed in bfloat16, OpenVINO; this device has no bfloat16, so that float32 is taken, and OpenVINO "
    assert f"{MODELS[MODEL].title} {wanted}is not installed, so that torch takes its place." in err


@pytest.mark.parametrize(
    ("device", "version", "trunk", "said"),
    [
        ("cpu", "", True, "OpenVINO is not installed, so that torch takes its place."),
        ("cuda", "2026.1", True, "OpenVINO does not run it on this device, so that torch takes its place."),
        ("cpu", "2026.1", False, "OpenVINO does not run it on this device, so that torch takes its place."),
        ("cpu", "2026.1", True, "OpenVINO does not run it here, so that torch takes its place."),
    ],
)
def test_an_engine_that_is_not_here(device, version, trunk, said, monkeypatch):
    class Network:
        precision = Precision()

        def use_precision(self, way: Precision) -> None:
            self.precision = way

        def warm_up(self, progress: Progress) -> None:
            if self.precision.engine == "openvino":
                raise engine.EngineError("no")

    network: Any = Network()
    network.device = device
    if trunk:
        network.trunk = None
    monkeypatch.setattr("cvstudio.models.runtime.openvino.version", lambda: version)
    assert force_precision(network, Precision("float32", False, engine="openvino"), Progress()) == said
    assert network.precision == Precision("float32", True)


def test_an_engine_that_is_here_is_used(monkeypatch, tmp_path, capsys):
    pytest.importorskip("openvino")
    from importlib import metadata

    monkeypatch.setattr("cvstudio.models.runtime.openvino.version", lambda: metadata.version("openvino"))
    recipe = write(tmp_path, "--precision", "float32")
    recipe["computed"] |= {"engine": "openvino", "channels_last": False}
    assert again(tmp_path, recipe)["computed"] == recipe["computed"]
    assert "computed in" not in capsys.readouterr().err


def test_a_recipe_of_before_computes_as_it_did(tmp_path, capsys):
    recipe = write(tmp_path)
    del recipe["computed"]
    assert again(tmp_path, recipe)["computed"]["precision"] == "float32"
    path = tmp_path / "given.recipe.json"
    assert load_provenance(path).precisions == {}
    assert load_recipe(path)[0].model == MODEL


@pytest.mark.parametrize(
    "wrong",
    [{"precision": "float64"}, {"engine": "tensorrt"}, {"device": "tpu"}, {"device": None}, "fast", {"precision": 1}],
)
def test_a_recipe_with_another_way_to_compute_is_told_so(wrong, tmp_path, capsys):
    recipe = write(tmp_path)
    recipe["computed"] = {**recipe["computed"], **wrong} if isinstance(wrong, dict) else wrong
    path = tmp_path / "wrong.recipe.json"
    path.write_text(json.dumps(recipe))
    with pytest.raises(ProjectError, match="incomplete"):
        load_provenance(path)
    assert main(["run", "--recipe", str(path), "-o", str(tmp_path / "x.json")]) == 1


def test_what_has_no_network_has_nothing_to_tell(tmp_path, capsys):
    with Runner(device="cpu") as runner:
        refocus = make_instance("refocus", {"picture": sample_path("scene"), "depth": sample_path("scene-depth")})
        assert runner.provenance(refocus, Progress()) is None
        haar = make_instance("detect", {"picture": sample_path("cat")}, model="haar-face")
        assert runner.provenance(haar, Progress()) == {"device": "cpu"}


def test_what_another_host_has_computed_is_asked_of_it(tmp_path):
    """An export takes its result from the cache of the window, and need not load the network to say how it was made."""
    instance = make_instance("detect", {"picture": sample_path("cat")}, model=MODEL)
    with Runner(device="cpu", precision="bfloat16") as window:
        window.result(instance)
        with Runner(device="cpu", precision="bfloat16", cache=window.cache) as export:
            item = export_item(export, ExportRequest(instance, tmp_path, host=window.host), Progress())
            assert item.recipe["computed"]["precision"] == "bfloat16"
            assert len(export.host) == 0


def test_a_batch_tells_it_and_another_precision_begins_anew(tmp_path):
    instance = make_instance("detect", {"picture": sample_path("cat")}, model=MODEL)
    faint = dataclasses.replace(instance, id=2, opacity=0.5)
    plan = BatchPlan(instance, (sample_path("cat"),), tmp_path / "out", ("png",), stack=(faint, instance))

    def run(**more: Any) -> Batch:
        batch = Batch(plan, device="cpu", **more)
        assert [outcome.state for outcome in batch.run(Progress())] == ["done"]
        return batch

    run(precision="bfloat16")
    recipe = json.loads((plan.out / "batch.recipe.json").read_text())
    assert {layer["computed"]["precision"] for layer in (recipe, *recipe["stack"])} == {"bfloat16"}
    assert run(precision="bfloat16").summary.resumed == 1
    other = run(precision="float32")
    assert other.restarted
    assert other.summary.resumed == 0
