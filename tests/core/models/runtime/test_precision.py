"""The choice of a network's precision, with networks whose speed and answers are made up."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cvstudio.data.geometry import Size
from cvstudio.data.samples import Image
from cvstudio.foundation.errors import Cancelled
from cvstudio.foundation.params import NoParams
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS
from cvstudio.models.runtime import precision as module
from cvstudio.models.runtime.host import Host
from cvstudio.models.runtime.precision import Precision, _least_secs, choose_precision, difference
from cvstudio.models.runtime.torch_network import TorchNetwork
from cvstudio.models.spec import ModelSpec
from cvstudio.results.classification import Logits
from cvstudio.results.detections import Detections
from cvstudio.results.segmentation import ClassMaps
from cvstudio.weights.declaration import Weights

LABELS = ("cat", "dog")
SIZE = Size(100, 100)


def found(boxes: list[list[float]], scores: list[float], classes: list[int]) -> Detections:
    n = len(boxes)
    return Detections(
        np.array(boxes, np.float32).reshape(n, 4),
        np.array(scores, np.float32),
        np.array(classes, np.int64),
        LABELS,
        np.arange(n, dtype=np.int64),
        SIZE,
    )


BOTH = found([[10, 10, 60, 60], [20, 70, 90, 95]], [0.9, 0.6], [0, 1])


class Clock:
    """Seconds that pass only where a network says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


class FakeNetwork:
    device = "cpu"
    labels = LABELS
    nbytes = 1

    def __init__(self, clock: Clock, secs: dict[str, float], answers: dict[str, Any]) -> None:
        self.clock, self.secs, self.answers = clock, secs, answers
        self.precision = Precision()
        self.runs = 0

    def use_precision(self, precision: Precision) -> None:
        self.precision = precision

    def predict(self, image: Image, params: NoParams, progress: Progress) -> Any:
        progress.check()
        self.runs += 1
        single = self.precision.dtype == "float32"
        name = "wide" if single and not self.precision.channels_last else self.precision.dtype
        self.clock.now += self.secs[name]
        answer = self.answers.get(name, BOTH)
        if isinstance(answer, Exception):
            raise answer
        return answer


SPEC = ModelSpec(
    key="fake",
    title="Fake",
    task="detect",
    family="test",
    paper="",
    year=2026,
    load=lambda device, path: None,
    weights=(Weights("one", "one-00.pth", "https://example.org/one-00.pth", "", 10, "MIT", "nothing"),),
    defaults={"score": 0.5, "iou": 0.5},
)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(module, "user_cache_dir", lambda: tmp_path)
    monkeypatch.setattr(module, "_bfloat16", lambda device: True)
    # The real one, as it was when this file was imported: other tests measure nothing.
    monkeypatch.setattr(module, "_least_secs", _least_secs)
    return clock


def settled(
    clock: Clock, wide: float, last: float, half: float, /, version: str = "1", **answers: Any
) -> tuple[Precision, FakeNetwork]:
    network = FakeNetwork(clock, {"wide": wide, "float32": last, "bfloat16": half}, answers)
    choose_precision(network, SPEC, version, "auto", Progress())
    return network.precision, network


def test_the_fastest_that_finds_the_same(clock: Clock) -> None:
    chosen, _ = settled(clock, 0.010, 0.008, 0.004)
    assert (chosen.dtype, chosen.channels_last) == ("bfloat16", True)
    assert "finds the same in 50% of the time" in chosen.reason
    assert chosen.reason.endswith("channels last take 80% of the time.")
    assert str(chosen) == "bfloat16, channels last"


def test_channels_last_only_where_it_is_faster(clock: Clock) -> None:
    chosen, _ = settled(clock, 0.008, 0.010, 0.008)
    assert (chosen.dtype, chosen.channels_last) == ("float32", False)
    assert str(chosen) == "float32"


def test_not_worth_it(clock: Clock) -> None:
    chosen, _ = settled(clock, 0.010, 0.010, 0.0095)
    assert chosen.dtype == "float32"
    assert "would take 95%" in chosen.reason


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (found([[10, 10, 60, 60]], [0.9], [0]), "a dog is missing or moved"),
        (found([[10, 10, 60, 60], [20, 70, 90, 95]], [0.9, 0.6], [0, 0]), "a dog is missing or moved"),
        (found([[10, 10, 60, 60], [20, 70, 82, 95]], [0.9, 0.6], [0, 1]), "a dog is missing or moved"),
        (found([[10, 10, 60, 60], [20, 70, 90, 95]], [0.82, 0.6], [0, 1]), "a score changes by 0.08"),
        (
            found([[10, 10, 60, 60], [20, 70, 90, 95], [70, 0, 99, 30]], [0.9, 0.6, 0.3], [0, 1, 1]),
            "a dog is missing or moved",
        ),
        (RuntimeError("not implemented for 'BFloat16'"), "bfloat16 does not work here"),
    ],
    ids=["missing", "another class", "moved", "less sure", "new", "cannot"],
)
def test_what_changes_the_detections_is_refused(other: Any, told: str, clock: Clock) -> None:
    chosen, _ = settled(clock, 0.010, 0.008, 0.004, bfloat16=other)
    assert chosen.dtype == "float32"
    assert told in chosen.reason


def test_small_changes_are_the_same(clock: Clock) -> None:
    # 70 x 25 shrinks by one column: an overlap of 69 / 70. What is under half of the working score does not count.
    other = found([[10, 10, 60, 60], [20, 70, 89, 95], [70, 0, 99, 30]], [0.88, 0.63, 0.2], [0, 1, 1])
    assert settled(clock, 0.010, 0.008, 0.004, bfloat16=other)[0].dtype == "bfloat16"


def test_nothing_found_shows_nothing(clock: Clock) -> None:
    nothing = found([], [], [])
    chosen, _ = settled(clock, 0.010, 0.008, 0.004, wide=nothing, float32=nothing, bfloat16=nothing)
    assert chosen.dtype == "float32"


def test_a_device_without_it(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_bfloat16", lambda device: False)
    chosen, _ = settled(clock, 0.010, 0.008, 0.001)
    assert chosen.dtype == "float32"
    assert "has no bfloat16" in chosen.reason


def test_a_slow_network_is_timed_once_for_each_way(clock: Clock) -> None:
    _, slow = settled(clock, 3.0, 2.9, 2.8, version="slow")
    _, quick = settled(clock, 0.010, 0.009, 0.0089, version="quick")
    assert slow.runs == 4
    assert quick.runs == 4 * module.ROUNDS


def test_measured_once_and_remembered(clock: Clock, tmp_path: Path) -> None:
    first, _ = settled(clock, 0.010, 0.008, 0.004)
    second, network = settled(clock, 0.010, 0.008, 0.100)
    assert second == first
    assert network.runs == 0
    assert settled(clock, 0.010, 0.008, 0.100, version="another checkpoint")[0].dtype == "float32"
    for damage in ("{", "[]", json.dumps({name: {"dtype": 1, "more": 2} for name in "ab"})):
        (tmp_path / "precision.json").write_text(damage, encoding="utf-8")
        assert settled(clock, 0.010, 0.008, 0.100)[0].dtype == "float32"
        (tmp_path / "precision.json").unlink()


def test_a_folder_that_cannot_be_written_does_no_harm(clock: Clock, tmp_path: Path, monkeypatch: Any) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    monkeypatch.setattr(module, "user_cache_dir", lambda: blocked)
    assert settled(clock, 0.010, 0.008, 0.004)[0].dtype == "bfloat16"


@pytest.mark.parametrize("wanted", ["float32", "bfloat16"])
def test_what_is_asked_for_is_done(wanted: Any, clock: Clock) -> None:
    network = FakeNetwork(clock, {}, {})
    choose_precision(network, SPEC, "", wanted, Progress())
    assert (network.precision.dtype, network.runs) == (wanted, 0)


def test_measuring_can_be_stopped_and_keeps_nothing(clock: Clock, tmp_path: Path) -> None:
    progress = Progress()
    network = FakeNetwork(clock, {"wide": 1, "float32": 1, "bfloat16": 1}, {})
    progress.cancel()
    with pytest.raises(Cancelled):
        choose_precision(network, SPEC, "", "auto", progress)
    assert not (tmp_path / "precision.json").exists()


def test_classifiers() -> None:
    def logits(*values: float) -> list[Logits]:
        return [Logits(np.array(values, np.float32), LABELS, SIZE)]

    assert difference(SPEC, logits(2, 1), logits(2.05, 1)) == ""
    assert "cat becomes dog" in difference(SPEC, logits(1.01, 1), logits(1, 1.01))
    assert "a probability changes by" in difference(SPEC, logits(2, 1), logits(2.5, 1))


class TorchSegmenter(TorchNetwork):
    """One convolution that tells bright places from dark ones; what it answers is made by `answer`."""

    def __init__(self, answer: Callable[[Any], Any]) -> None:
        convolution = torch.nn.Conv2d(3, 2, 1)
        with torch.no_grad():
            convolution.weight[:] = torch.tensor([1.0, -1.0])[:, None, None, None]
            convolution.bias[:] = torch.tensor([-1.5, 1.5])
        super().__init__(convolution, LABELS, "cpu")
        self.answer = answer

    def predict(self, image: Image, params: NoParams, progress: Progress) -> Any:
        pixels = torch.from_numpy(image.rgb8 / np.float32(255)).permute(2, 0, 1)[None]
        with self.computing():
            return self.answer(self.forward(pixels)[0].float().cpu().numpy())


def class_maps(logits: np.ndarray) -> ClassMaps:
    return ClassMaps(logits, LABELS, (0, 0, logits.shape[2], logits.shape[1]), SIZE)


class Unknown:
    """An answer of a type that the program knows nothing of."""


@pytest.mark.parametrize(
    ("answer", "told"),
    [(class_maps, ""), (lambda logits: Unknown(), "answers such as Unknown cannot be compared")],
    ids=["class maps", "unknown"],
)
def test_a_network_of_torch_may_answer_anything(
    answer: Callable[[Any], Any], told: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.engine, "version", lambda: "")
    # Each way that is tried is twice as fast as the one before.
    monkeypatch.setattr(module, "_least_secs", lambda ways, secs: {way: 0.5**n for n, way in enumerate(ways)})
    network = TorchSegmenter(answer)
    choose_precision(network, SPEC, "1", "auto", Progress())
    assert network.precision.dtype == ("float32" if told else "bfloat16")
    assert told in network.precision.reason


def test_class_maps_that_change_are_refused(clock: Clock) -> None:
    values: list[Any] = [[[[1, 0]], [[0, 1]]], [[[1, 1]], [[0, 0]]]]
    maps = [class_maps(np.array(item, np.float32)) for item in values]
    chosen, _ = settled(clock, 0.010, 0.008, 0.004, wide=maps[0], float32=maps[0], bfloat16=maps[1])
    assert chosen.dtype == "float32"
    assert "50.0% of the picture become another class" in chosen.reason


def test_an_answer_of_another_kind_is_refused(clock: Clock) -> None:
    logits = Logits(np.array([2, 1], np.float32), LABELS, SIZE)
    chosen, _ = settled(clock, 0.010, 0.008, 0.004, bfloat16=logits)
    assert "the answer is of another kind" in chosen.reason


class TestHost:
    def test_another_precision_is_another_network(self) -> None:
        spec = MODELS["pyramid-5"]
        host = Host("cpu", precision="float32")
        network = host.network(spec, None, Progress())
        key = host.network_key(spec)
        assert network.precision.dtype == "float32"
        assert host.precision_of(spec) == network.precision
        host.precision = "bfloat16"
        assert host.network_key(spec) != key
        assert host.precision_of(spec) is None
        other = host.network(spec, None, Progress())
        assert other is not network
        assert other.precision.dtype == "bfloat16"
        assert host.precision_of(spec) == other.precision
        host.close()

    def test_what_runs_without_torch_has_no_precision(self) -> None:
        host = Host()
        keys = {host.network_key(MODELS["hog"])}
        host.precision = "bfloat16"
        keys.add(host.network_key(MODELS["hog"]))
        assert len(keys) == 1
        host.network(MODELS["hog"], None, Progress())
        assert host.precision_of(MODELS["hog"]) is None
