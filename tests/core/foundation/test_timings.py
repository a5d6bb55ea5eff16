from __future__ import annotations

import os
import statistics
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from cvstudio.foundation.errors import DeviceError
from cvstudio.foundation.timings import KEPT, MOST_KEYS, Timings, ms_text
from cvstudio.models.runtime import memory
from cvstudio.models.runtime.host import Host, devices


def test_the_figures_are_those_of_the_newest_hundred():
    timings = Timings()
    assert timings.get("a") is None
    rng = np.random.default_rng(0)
    values = [float(value) for value in rng.uniform(0, 1, 250)]
    for value in values:
        timings.record("a", value)
    found = timings.get("a")
    newest = values[-KEPT:]
    assert (found.last_secs, found.count) == (values[-1], KEPT)
    assert found.median_secs == statistics.median(newest)
    assert found.p95_secs == np.quantile(newest, 0.95, method="inverted_cdf")


@pytest.mark.parametrize(("count", "p95"), [(1, 1), (2, 2), (19, 19), (20, 19), (21, 20)])
def test_few_values(count, p95):
    timings = Timings()
    for value in range(1, count + 1):
        timings.record("a", float(value))
    assert timings.get("a").p95_secs == p95


def test_a_generator_is_timed_without_its_caller():
    timings = Timings()

    def work():
        for number in range(3):
            time.sleep(0.02)
            yield number

    seen = []
    for value in timings.timed("g", work()):
        seen.append(value)
        time.sleep(0.1)
    assert seen == [0, 1, 2]
    assert 0.06 <= timings.get("g").last_secs < 0.3


def test_what_fails_or_is_left_is_not_recorded():
    timings = Timings()

    def broken():
        yield 1
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        list(timings.timed("b", broken()))
    with pytest.raises(ValueError, match="broken"), timings.measure("m"):
        raise ValueError("broken")
    next(timings.timed("left", iter([1, 2])))
    assert [timings.get(key) for key in ("b", "m", "left")] == [None, None, None]


def test_threads_lose_nothing_and_keys_are_bounded():
    timings = Timings()

    def run(number: int) -> None:
        for turn in range(KEPT // 4):
            timings.record("shared", 1.0)
            timings.record((number, turn), 1.0)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert timings.get("shared").count == KEPT
    for number in range(2 * MOST_KEYS):
        timings.record(number, 1.0)
    assert len(timings._durations) == MOST_KEYS
    timings.clear()
    assert timings.get("shared") is None


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_resident_and_physical_memory_are_what_the_kernel_says():
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    assert abs(memory.resident_bytes() - pages * os.sysconf("SC_PAGE_SIZE")) < 16 << 20
    assert memory.physical_bytes() == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no resource module")
def test_what_is_resident_is_not_more_than_its_peak():
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    assert 0 < memory.resident_bytes() <= peak + (16 << 20)


def test_the_cpu_has_no_memory_of_its_own():
    assert memory.accelerator_bytes("cpu") is None


def test_another_device_is_another_key_and_one_that_is_not_there_is_told():
    import torch

    from cvstudio.models import MODELS

    host, spec = Host(), MODELS["residual-60"]
    before = host.network_key(spec)
    host.use("cuda:7")
    assert host.requested_device == "cuda:7"
    assert host.network_key(spec) != before
    with pytest.raises(DeviceError, match="CUDA:7"):
        host.device  # noqa: B018  (asking is what fails)
    host.use("cpu")
    assert host.device == "cpu"
    names = [device for device, _ in devices()]
    assert names[0] == "cpu"
    assert len([name for name in names if name.startswith("cuda")]) == torch.cuda.device_count()


def test_milliseconds_are_told_in_three_figures():
    assert [ms_text(secs) for secs in (0.0, 0.00123, 0.0996, 0.09995, 1.2345)] == ["0.0", "1.2", "99.6", "100", "1,234"]
    assert [ms_text(secs, decimals=2) for secs in (0.00123, 0.009996, 0.0123, 0.123)] == ["1.23", "10.0", "12.3", "123"]
