"""OpenVINO answers what torch answers, is taken only where it does, and leaves gradients to torch."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cvstudio.data.samples import Image
from cvstudio.foundation.concurrency import map_ordered
from cvstudio.foundation.params import NoParams
from cvstudio.foundation.progress import Progress
from cvstudio.media.examples.files import sample_path
from cvstudio.models import MODELS
from cvstudio.models.runtime import openvino as module
from cvstudio.models.runtime import precision
from cvstudio.models.runtime.cpu_threads import cores_shared, share_cores
from cvstudio.models.runtime.host import Host
from cvstudio.models.runtime.openvino import Engine, EngineError
from cvstudio.models.runtime.precision import Precision, _least_secs, choose_precision
from cvstudio.results.classification import Logits
from cvstudio.running.runner import Runner, make_instance

OPENVINO = Precision("float32", channels_last=False, engine="openvino")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "user_cache_dir", lambda: tmp_path)
    monkeypatch.setattr(precision, "user_cache_dir", lambda: tmp_path)
    return tmp_path


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the program finds it; other tests do without."""
    monkeypatch.setattr(module, "version", lambda: "test")


class Branches(nn.Module):
    """Tensors in a tuple, a list and a dict, in two sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(3, 8, 3, padding=1)
        self.two = nn.Conv2d(8, 4, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> tuple[list[Tensor], dict[str, Tensor]]:
        wide = torch.relu(self.one(x))
        narrow = self.two(wide)
        up = nn.functional.interpolate(narrow, scale_factor=2.0, mode="bilinear", align_corners=False)
        return [wide, narrow], OrderedDict(up=up, mean=wide.mean(dim=(2, 3)))


@pytest.fixture
def branches() -> Branches:
    torch.manual_seed(0)
    return Branches().eval()


def test_it_answers_what_torch_answers_in_the_same_form_and_for_every_size(branches: Branches) -> None:
    engine = Engine(branches, torch.rand(1, 3, 32, 48), "float32")
    for shape in ((1, 3, 32, 48), (1, 3, 64, 40)):
        pixels = torch.rand(*shape)
        assert engine.takes(pixels)
        with torch.inference_mode():
            (wide, narrow), named = branches(pixels)
            (their_wide, their_narrow), their_named = engine(pixels)
        assert type(their_named) is OrderedDict
        assert list(their_named) == ["up", "mean"]
        pairs = ((wide, their_wide), (narrow, their_narrow), *((named[key], their_named[key]) for key in named))
        for ours, theirs in pairs:
            assert ours.shape == theirs.shape
            assert torch.allclose(ours, theirs, atol=1e-5)
    assert not engine.takes(torch.rand(1, 4, 32, 48))


def test_what_it_answers_is_not_overwritten_by_the_next_answer(branches: Branches) -> None:
    engine = Engine(branches, torch.rand(1, 3, 32, 48), "float32")
    first = engine(torch.zeros(1, 3, 32, 48))[0][0]
    before = first.clone()
    engine(torch.ones(1, 3, 32, 48))
    assert torch.equal(first, before)


def answers_in_threads(engine: Engine, pixels: list[Tensor], streams: int) -> list[Tensor]:
    """The first map that the engine answers to each picture, asked for in `streams` threads that share the cores."""
    with cores_shared():
        found = map_ordered(pixels, lambda item: engine(item)[0][0], streams, begin=lambda: share_cores(streams))
        return list(found)


def test_pictures_side_by_side_get_the_answers_of_one_alone(
    branches: Branches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        engine = Engine(branches, torch.rand(1, 3, 32, 48), "float32")
        pictures = [torch.rand(1, 3, 32, 48) for _ in range(20)]
        alone = [engine(picture)[0][0] for picture in pictures]
        alone_bytes = engine.nbytes
        found = answers_in_threads(engine, pictures, 2)
    finally:
        torch.set_num_threads(before)
    for ours, theirs, picture in zip(alone, found, pictures, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)
        assert torch.allclose(branches(picture)[0][0], theirs, atol=1e-5)
    # Compiled once more, with weights of its own.
    assert engine.nbytes == 2 * alone_bytes


def test_where_pictures_cannot_go_side_by_side_they_wait_for_each_other(
    branches: Branches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    engine = Engine(branches, torch.rand(1, 3, 32, 48), "float32")

    def refused(options: dict[str, Any]) -> None:
        raise RuntimeError("no such option")

    monkeypatch.setattr(engine, "_compile", refused)
    pictures = [torch.rand(1, 3, 32, 48) for _ in range(6)]
    found = answers_in_threads(engine, pictures, 2)
    for theirs, picture in zip(found, pictures, strict=True):
        assert torch.allclose(branches(picture)[0][0], theirs, atol=1e-5)


def test_converting_is_done_once_for_the_same_weights(branches: Branches, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = torch.rand(1, 3, 32, 48)
    Engine(branches, pixels, "float32")
    made: list[Path] = []
    convert = module._convert

    def counted(trunk: nn.Module, example: Tensor, path: Path) -> None:
        made.append(path)
        convert(trunk, example, path)

    monkeypatch.setattr(module, "_convert", counted)
    Engine(branches, pixels, "bfloat16")
    assert not made
    with torch.no_grad():
        branches.one.bias += 1
    assert torch.allclose(Engine(branches, pixels, "float32")(pixels)[0][0], branches(pixels)[0][0], atol=1e-5)
    assert len(made) == 1


def test_a_conversion_that_failed_leaves_nothing_and_is_told(
    branches: Branches, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(trunk: nn.Module, example: Tensor, path: Path) -> None:
        path.write_text("half")
        raise OSError("no space left on device")

    monkeypatch.setattr(module, "_convert", broken)
    with pytest.raises(EngineError, match="no space left"):
        Engine(branches, torch.rand(1, 3, 32, 48), "float32")
    assert list((own_cache / "openvino").iterdir()) == []


def test_the_longest_unused_conversions_leave(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 2)
    monkeypatch.setattr(module, "_convert", lambda trunk, example, path: path.write_text("made"))
    pixels = torch.rand(1, 3, 8, 8)
    places = [module._conversion_folder(nn.Conv2d(3, n, 1), pixels) for n in (1, 2)]
    os.utime(places[1], (1, 1))
    module._conversion_folder(nn.Conv2d(3, 3, 1), pixels)
    assert places[0].exists()
    assert not places[1].exists()


@pytest.mark.parametrize(("analysis", "sample"), [("detect", "astronaut"), ("classify", "cat")])
def test_the_embedded_networks_find_the_same_through_it(analysis: str, sample: str) -> None:
    instance = make_instance(analysis, {"picture": sample_path(sample)})
    spec = instance.model_spec
    assert spec is not None
    network = spec.load("cpu", None)
    with Runner(device="cpu") as runner:
        image = runner.samples(instance, None)["picture"]
    ours = network.predict(image, spec.params(), Progress())
    network.use_precision(OPENVINO)
    theirs = network.predict(image, spec.params(), Progress())
    assert network._engine is not None
    if isinstance(ours, Logits):
        assert np.allclose(ours.values, theirs.values, atol=1e-3)
    else:
        assert len(ours) == len(theirs) > 20
        assert np.allclose(ours.scores, theirs.scores, atol=1e-4)
        assert np.allclose(ours.boxes[:20], theirs.boxes[:20], atol=0.05)


def test_what_looks_inside_gets_the_same_gradients_whatever_runs_the_network() -> None:
    instance = make_instance("grad-cam", {"picture": sample_path("cat")})
    with Runner(device="cpu", precision="float32") as runner:
        expected = runner.result(instance)
        runner.cache.clear()
        spec = instance.model_spec
        assert spec is not None
        network = runner.host.network(spec, None, Progress())
        network.use_precision(OPENVINO)
        found = runner.result(instance)
    assert np.allclose(expected.values, found.values, atol=1e-5)
    assert expected.values.max() > 0


def test_a_batch_of_another_shape_goes_through_torch() -> None:
    network = MODELS["residual-60"].load("cpu", None)
    images = [Image(np.full((128, 128, 3), value, np.uint8)) for value in (10, 200)]
    expected = network.logits(images)
    network.use_precision(OPENVINO)
    network.predict(images[0], NoParams(), Progress())
    assert np.allclose(network.logits(images), expected, atol=1e-4)


class Timed:
    """A network whose ways take as long as the test says."""

    device = "cpu"
    labels = ("cat", "dog")

    def __init__(self, secs: dict[str, float], answers: dict[str, Any], clock: Callable[[float], None]) -> None:
        self.secs, self.answers, self.clock = secs, answers, clock
        self.precision = Precision()
        self.tried: list[str] = []

    def use_precision(self, precision: Precision) -> None:
        self.precision = precision

    def trunk(self) -> None: ...

    def predict(self, image: Image, params: NoParams, progress: Progress) -> Any:
        name = self.precision.engine if self.precision.engine == "openvino" else "torch"
        self.tried.append(name)
        self.clock(self.secs[name])
        answer = self.answers.get(name, np.array([3.0, 0.0], np.float32))
        if isinstance(answer, Exception):
            raise answer
        return Logits(answer, self.labels, image.size)


def settled(monkeypatch: pytest.MonkeyPatch, torch_secs: float, openvino_secs: float, **answers: Any) -> Timed:
    now = [0.0]

    def passes(secs: float) -> None:
        now[0] += secs

    class Clock:
        perf_counter = staticmethod(lambda: now[0])

    monkeypatch.setattr(precision, "time", Clock)
    # The real one, as it was when this file was imported: other tests measure nothing.
    monkeypatch.setattr(precision, "_least_secs", _least_secs)
    network = Timed({"torch": torch_secs, "openvino": openvino_secs}, answers, passes)
    choose_precision(network, MODELS["residual-60"], "1", "auto", Progress())
    return network


def test_it_is_taken_where_it_is_quicker_and_says_the_same(installed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = settled(monkeypatch, 0.02, 0.01).precision
    assert chosen.engine == "openvino"
    assert chosen.reason == "OpenVINO finds the same in 50% of torch's time."
    assert str(chosen) == "float32, OpenVINO"


@pytest.mark.parametrize(
    ("secs", "answer", "reason"),
    [
        (0.019, None, "OpenVINO in float32 would take 95% of that."),
        (0.01, np.array([0.0, 3.0], np.float32), "OpenVINO in float32 would change what is found (cat becomes dog)."),
        (0.01, EngineError("it has a loop"), "OpenVINO does not run it."),
    ],
)
def test_it_is_left_where_it_is_not_better(
    secs: float, answer: Any, reason: str, installed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = settled(monkeypatch, 0.02, secs, **({} if answer is None else {"openvino": answer})).precision
    assert chosen.engine == "torch"
    assert chosen.reason.endswith(reason)


def test_where_it_is_not_installed_nothing_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "openvino" not in settled(monkeypatch, 0.02, 0.001).tried


def test_a_host_takes_it_by_itself(installed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "WORTH", 1e9)
    host = Host("cpu")
    network = host.network(MODELS["residual-60"], None, Progress())
    assert network.precision.engine == "openvino"
    assert host.used_bytes > 2 * 8_000_000
    host.close()


USED = """
import os, sys, torch
from cvstudio.models.runtime.openvino import Engine
Engine(torch.nn.Conv2d(3, 4, 3).eval(), torch.rand(1, 3, 16, 16), "float32")
import openvino
print([name for name in sys.modules if name.startswith("openvino_telemetry")])
"""


def test_that_it_is_used_is_told_to_nobody(tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    said = subprocess.run([sys.executable, "-c", USED], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]", said.stdout


AT_ONCE = """
import os, sys, torch
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from cvstudio.models.runtime.openvino import Engine
ready = Barrier(4)
def make(number):
    ready.wait()
    return Engine(torch.nn.Conv2d(3, 4 + number, 3).eval(), torch.rand(1, 3, 16, 16), "float32")
with ThreadPoolExecutor(4) as pool:
    print(len(list(pool.map(make, range(4)))), [name for name in sys.modules if name.startswith("openvino_telemetry")])
"""


def test_several_networks_may_be_the_first_at_once(tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    said = subprocess.run([sys.executable, "-c", AT_ONCE], env=environment, capture_output=True, text=True, check=False)
    assert said.stdout.strip() == "4 []", said.stderr[-2000:]
