from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cvstudio.data.samples import Image
from cvstudio.foundation.errors import Cancelled, WeightsError
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS
from cvstudio.models.runtime.host import Host
from cvstudio.models.runtime.precision import Precision
from cvstudio.models.spec import ModelSpec
from cvstudio.weights.declaration import Weights
from cvstudio.weights.store import hub_folder

PICTURE = Image(np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8))
WEIGHTS = Weights("one", "one-00.pth", "https://example.org/one-00.pth", "", 10, "MIT", "nothing")


class FakeNetwork:
    labels = ("thing",)

    def __init__(self, device: str, nbytes: int) -> None:
        self.device = device
        self.nbytes = nbytes
        self.warm = 0

    def warm_up(self, progress: Progress) -> None:
        self.warm += 1
        progress.check()


def make_spec(key: str = "fake", nbytes: int = 100, *, weights: bool = True) -> ModelSpec:
    return ModelSpec(
        key=key,
        title=f"Fake {key}",
        task="detect",
        family="test",
        paper="",
        year=2026,
        load=lambda device, path: FakeNetwork(device, nbytes),
        weights=(WEIGHTS,) if weights else (),
    )


def load(host: Host, spec: ModelSpec, path: Path | None = None, progress: Progress | None = None) -> Any:
    return host.network(spec, path, progress or Progress())


def test_loads_once_and_says_what_it_does() -> None:
    said: list[str] = []
    host, spec = Host("cpu"), make_spec()
    progress = Progress(lambda fraction, message: said.append(message))
    network = load(host, spec, progress=progress)
    assert load(host, spec, progress=progress) is network
    assert said == ["loading Fake fake", "warming up Fake fake"]
    assert network.warm == 1
    assert len(host) == 1
    assert host.used_bytes == 100


def test_another_checkpoint_is_another_network(tmp_path: Path) -> None:
    host, spec, path = Host("cpu"), make_spec(), tmp_path / "own.pth"
    path.write_bytes(b"1")
    first = load(host, spec, path)
    assert load(host, spec) is not first
    assert load(host, spec, path) is first
    path.write_bytes(b"22")
    os.utime(path, ns=(5, 5))
    assert load(host, spec, path) is not first


def test_the_longest_unused_leaves() -> None:
    host = Host("cpu", budget_bytes=250)
    specs = [make_spec(key) for key in "abc"]
    a, b = load(host, specs[0]), load(host, specs[1])
    assert load(host, specs[0]) is a  # now b is the one that was unused longest
    load(host, specs[2])
    assert len(host) == 2
    assert load(host, specs[0]) is a
    assert load(host, specs[1]) is not b


def test_a_chain_of_real_networks_stays_within_the_budget_and_computes_as_before() -> None:
    """The embedded networks and one of torchvision's size, in turns: memory is bounded, answers are the same."""
    keys = ("pyramid-5", "residual-60", "hog", "pyramid-5", "residual-60")
    wide = Host("cpu", precision="float32")
    answers = [load(wide, MODELS[key]).predict(PICTURE, MODELS[key].params(), Progress()) for key in keys]
    most = max(load(wide, MODELS[key]).nbytes for key in ("pyramid-5", "residual-60"))
    assert wide.used_bytes > most
    narrow = Host("cpu", precision="float32", budget_bytes=most)
    for key, expected in zip(keys, answers, strict=True):
        found = load(narrow, MODELS[key]).predict(PICTURE, MODELS[key].params(), Progress())
        assert narrow.used_bytes <= most
        values = "values" if hasattr(expected, "values") else "scores"
        assert np.array_equal(getattr(found, values), getattr(expected, values))
    narrow.close()
    assert narrow.used_bytes == 0


def test_each_network_says_how_it_computes_and_why() -> None:
    host = Host("cpu", precision="float32")
    load(host, MODELS["residual-60"])
    load(host, make_spec())
    assert host.reasons == ("residual-60: float32, channels last. float32 was asked for.",)
    assert host.precision_names == ("float32, channels last",)


def test_a_precision_that_is_chosen_while_a_network_loads_is_that_of_the_next() -> None:
    host, embedded = Host("cpu", precision="float32"), MODELS["residual-60"]

    def slowly(device: str, path: Path | None) -> Any:
        host.precision = "bfloat16"
        return embedded.load(device, path)

    spec = dataclasses.replace(embedded, load=slowly)
    first = load(host, spec)
    assert first.precision.dtype == "float32"
    assert load(host, spec).precision.dtype == "bfloat16"
    host.precision = "float32"
    assert load(host, spec) is first


def test_the_budget_suits_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cvstudio.models.runtime.memory.physical_bytes", lambda: 16 << 30)
    assert Host("cpu").budget_bytes == 4 << 30
    monkeypatch.setattr("cvstudio.models.runtime.memory.accelerator_bytes", lambda device: (1 << 30, 80 << 30))
    assert Host("cuda").budget_bytes == 40 << 30
    monkeypatch.setattr("cvstudio.models.runtime.memory.accelerator_bytes", lambda device: None)
    monkeypatch.setattr("cvstudio.models.runtime.memory.physical_bytes", lambda: 32 << 30)
    assert Host("cpu").budget_bytes == 8 << 30
    assert Host("cpu", budget_bytes=7).budget_bytes == 7


def test_the_newest_stays_whatever_the_budget() -> None:
    host = Host("cpu", budget_bytes=1)
    network = load(host, make_spec())
    assert load(host, make_spec()) is network


def test_a_failed_or_cancelled_load_keeps_nothing() -> None:
    host = Host("cpu")

    def fail(device: str, path: Path | None) -> Any:
        raise WeightsError("Expected weights.")

    spec = make_spec()
    with pytest.raises(WeightsError):
        load(host, ModelSpec(**{**vars(spec), "load": fail}))
    progress = Progress()

    def cancel(device: str, path: Path | None) -> Any:
        progress.cancel()
        return FakeNetwork(device, 1)

    with pytest.raises(Cancelled):
        load(host, ModelSpec(**{**vars(spec), "load": cancel}), progress=progress)
    assert len(host) == 0
    assert isinstance(load(host, spec), FakeNetwork)


class TestKey:
    def test_follows_the_file(self, tmp_path: Path) -> None:
        host, spec = Host("cpu"), make_spec()
        absent = host.network_key(spec)
        cached = hub_folder() / WEIGHTS.file_name
        cached.parent.mkdir(parents=True)
        cached.write_bytes(b"weights")
        present = host.network_key(spec)
        os.utime(cached, ns=(1, 1))
        touched = host.network_key(spec)
        own = host.network_key(spec, tmp_path / "gone.pth")
        assert len({absent, present, touched, own}) == 4
        assert host.network_key(spec) == touched
        assert all(isinstance(part, str) for key in (absent, present, own) for part in key)
        hash(present)

    def test_follows_model_and_device(self) -> None:
        one, other = make_spec("a"), make_spec("b")
        assert Host("cpu").network_key(one) != Host("cpu").network_key(other)
        assert Host("cpu").network_key(one) != Host("cuda").network_key(one)
        classical = make_spec("a", weights=False)
        assert Host("cpu").network_key(classical) == Host("cuda").network_key(classical)

    def test_stays_while_auto_becomes_known(self) -> None:
        host, spec = Host(), make_spec()
        before = host.network_key(spec)
        load(host, spec)
        assert host.network_key(spec) == before


class TestDevice:
    @pytest.mark.parametrize(
        ("cuda", "mps", "expected"), [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")]
    )
    def test_auto_takes_the_best(self, cuda: bool, mps: bool, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
        host = Host()
        assert host.device_name == "auto"
        assert load(host, make_spec()).device == expected
        assert host.device_name == expected.upper()

    def test_what_has_no_weights_runs_on_the_cpu(self) -> None:
        host = Host("cuda")
        assert load(host, make_spec(weights=False)).device == "cpu"

    def test_no_torch_for_what_has_no_weights(self) -> None:
        code = (
            "import sys\nfrom cvstudio.models.runtime.host import Host\nfrom cvstudio.models import MODELS\n"
            "from cvstudio.foundation.progress import Progress\nhost = Host()\n"
            "host.network(MODELS['haar-face'], None, Progress())\n[host.network_key(spec) for spec in MODELS]\n"
            "host.device_name\nhost.close()\nsys.exit('torch' in sys.modules)"
        )
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class TestOutOfMemory:
    @pytest.mark.parametrize(
        "error", [torch.cuda.OutOfMemoryError("CUDA out of memory."), RuntimeError("MPS backend out of memory")]
    )
    def test_once_more_on_the_cpu(self, error: RuntimeError, monkeypatch: pytest.MonkeyPatch) -> None:
        notices: list[str] = []
        freed: list[int] = []
        host, spec, devices = Host("cuda", notice=notices.append), make_spec(), []
        monkeypatch.setattr("cvstudio.models.runtime.host._free_memory", lambda: freed.append(len(host)))

        def work() -> Iterator[str]:
            network = load(host, spec)
            devices.append(network.device)
            if network.device == "cuda":
                raise error
            yield "done"

        key = host.network_key(spec)
        assert list(host.run(work)) == ["done"]
        assert devices == ["cuda", "cpu"]
        assert freed == [0]
        assert len(notices) == 1
        assert "CPU" in notices[0]
        assert notices[0].endswith(".")
        assert host.device == "cpu"
        assert host.network_key(spec) == key
        assert list(host.run(work)) == ["done"]
        assert len(notices) == 1

    def test_on_the_cpu_there_is_no_second_try(self) -> None:
        host, calls = Host("cpu"), []

        def work() -> Iterator[str]:
            calls.append(1)
            raise torch.cuda.OutOfMemoryError("out of memory")

        with pytest.raises(torch.cuda.OutOfMemoryError):
            list(host.run(work))
        assert len(calls) == 1

    def test_another_error_passes(self) -> None:
        host = Host("cuda")

        def work() -> Iterator[str]:
            raise RuntimeError("shapes differ")

        with pytest.raises(RuntimeError, match="shapes differ"):
            list(host.run(work))
        assert host.device == "cuda"


def test_close_drops_all_and_the_host_can_go_on() -> None:
    import gc
    import weakref

    host = Host("cpu")
    gone = weakref.ref(load(host, make_spec()))
    host.close()
    gc.collect()
    assert gone() is None
    assert len(host) == 0
    assert isinstance(load(host, make_spec()), FakeNetwork)
    host.close()
    host.close()


def test_another_device_while_a_network_loads_is_that_of_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cvstudio.models.runtime.host._best_device", lambda: "mps")
    host, spec = Host("auto"), make_spec()
    key = host.network_key(spec)
    first = load(host, spec, progress=Progress(lambda fraction, message: host.use("cpu")))
    # Its key tells where it runs, whatever was chosen after it had been asked for.
    assert first.device == "mps"
    assert host.network_key(spec) != key
    assert load(host, spec).device == "cpu"
    host.use("auto")
    assert load(host, spec) is first


def test_what_is_wanted_changes_and_figures_are_read_while_another_thread_loads() -> None:
    entered, go = threading.Event(), threading.Event()

    def slow(device: str, path: Path | None) -> FakeNetwork:
        entered.set()
        assert go.wait(30)
        return FakeNetwork(device, 100)

    host, spec, other = Host("cpu"), dataclasses.replace(make_spec("slow"), load=slow), make_spec("other")
    with ThreadPoolExecutor(3) as pool:
        loading = [pool.submit(load, host, spec) for _ in range(2)]
        assert entered.wait(30)
        # The window's thread: were these to wait for the loading, it would stand still for as long.
        changes = pool.submit(lambda: (host.set_tuned(other, None, Precision()), host.apply_tuned(), host.use("cpu")))
        changes.result(30)
        assert not host.has(spec)
        assert (host.used_bytes, host.reasons, host.untuned) == (0, (), ())
        assert host.precisions == {host._asked(other, None): Precision()}
        go.set()
        first, second = (job.result(30) for job in loading)
    # Loading is serialised: it is there once.
    assert first is second
    assert len(host) == 1


def test_figures_can_be_read_while_threads_load_measure_and_adopt() -> None:
    host, stop = Host("cpu", budget_bytes=500), threading.Event()
    specs = [make_spec(f"n{number}") for number in range(40)]

    def reads() -> int:
        count = 0
        while not stop.is_set():
            assert 0 <= host.used_bytes <= 600
            assert (host.precision_names, host.reasons, host.untuned) == ((), (), ())
            assert len(host.precisions) <= len(specs)
            count += 1
        return count

    def measures() -> None:
        for _ in range(20):
            for spec in specs:
                host.set_tuned(spec, None, Precision())
            host.apply_tuned()

    def loads() -> None:
        for spec in specs:
            load(host, spec)

    with ThreadPoolExecutor(4) as pool:
        reading = pool.submit(reads)
        try:
            for job in [pool.submit(work) for work in (measures, loads, loads)]:
                job.result(60)
        finally:
            stop.set()
        assert reading.result(60) > 0
    assert len(host) == 5
