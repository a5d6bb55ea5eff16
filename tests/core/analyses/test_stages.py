from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from cvstudio.analyses.services import Services
from cvstudio.analyses.stages import (
    Inputs,
    Providers,
    Request,
    Stage,
    first_missing,
    preview_result,
    run_chain,
    stage_keys,
)
from cvstudio.data.geometry import Rect, View
from cvstudio.foundation.cache import Cache, buffers
from cvstudio.foundation.errors import Cancelled
from cvstudio.foundation.progress import Progress


@dataclass(frozen=True)
class Scale:
    factor: float = 2.0


@dataclass(frozen=True)
class Shift:
    offset: float = 0.0


class Counter:
    def __init__(self) -> None:
        self.calls: list[str] = []

    def scale(self, inputs: Inputs, params: Scale, progress: Progress) -> Iterator[float]:
        self.calls.append("scale")
        yield 0.0
        yield inputs.samples["x"] * params.factor

    def shift(self, inputs: Inputs, params: Shift, progress: Progress) -> Iterator[Any]:
        self.calls.append("shift")
        yield inputs.previous + params.offset, inputs.view


@pytest.fixture
def chain():
    counter = Counter()
    stages = (
        Stage("scale", counter.scale, Scale, where="accelerator", uses_network=True),
        Stage("shift", counter.shift, Shift, where="main", viewed=True),
    )
    request = Request("test", stages, (("x", "id", None),), (Scale(), Shift()), ("net",))
    return counter, request


def run(request: Request, cache: Cache) -> Any:
    found = list(run_chain(request, Providers(lambda: {"x": 3.0}), cache, Progress()))
    return found[-1]


def test_a_change_reruns_only_what_comes_after_it(chain):
    counter, request = chain
    cache = Cache()
    assert run(request, cache) == (6.0, None)
    assert run(replace(request, params=(Scale(), Shift(1.0))), cache) == (7.0, None)
    assert counter.calls == ["scale", "shift", "shift"]
    assert run(replace(request, params=(Scale(3.0), Shift(1.0))), cache) == (10.0, None)
    assert counter.calls == ["scale", "shift", "shift", "scale", "shift"]


def test_nothing_runs_for_an_equal_request(chain):
    counter, request = chain
    cache = Cache()
    run(request, cache)
    run(replace(request, params=(Scale(2.0), Shift(0.0))), cache)
    assert counter.calls == ["scale", "shift"]


@pytest.mark.parametrize("index", [0, 1])
def test_what_leaves_the_cache_just_before_it_is_taken_is_made_again(chain, index):
    _, request = chain

    class Crowded(Cache):
        """Another thread puts something large between two looks at one output."""

        looks = 0

        def get(self, key: Any) -> Any:
            if key == stage_keys(request)[index]:
                self.looks += 1
                if self.looks == 2:
                    self.clear()
            return super().get(key)

    cache = Crowded()
    for key, value in zip(stage_keys(request)[: index + 1], (6.0, (6.0, None)), strict=False):
        cache.put(key, value)
    assert run(request, cache) == (6.0, None)


def test_the_view_and_the_network_count_only_where_they_are_used(chain):
    _, request = chain
    keys = stage_keys(request)
    viewed = stage_keys(replace(request, view=View(Rect(0, 0, 4, 4), 1.0)))
    other = stage_keys(replace(request, network=("other",)))
    assert viewed[0] == keys[0]
    assert viewed[1] != keys[1]
    assert other[0] != keys[0]


def test_a_partial_output_is_not_taken_for_the_result(chain):
    _, request = chain
    cache = Cache()
    keys = stage_keys(request)
    cache.put(keys[0], 1.0, complete=False)
    assert first_missing(keys, cache) == 0
    cache.put(keys[0], 1.0)
    assert first_missing(keys, cache) == 1


def test_a_cancelled_stage_leaves_no_complete_output(chain):
    _, request = chain
    cache = Cache()
    progress = Progress()

    def stop(inputs: Inputs, params: Scale, own: Progress) -> Iterator[float]:
        yield 0.0
        progress.cancel()
        yield 1.0

    request = replace(request, stages=(replace(request.stages[0], run=stop), request.stages[1]))
    with pytest.raises(Cancelled):
        list(run_chain(request, Providers(lambda: {"x": 1.0}), cache, progress))
    assert first_missing(stage_keys(request), cache) == 0


def test_the_budget_holds_and_the_newest_stays():
    cache = Cache(budget_bytes=1000)
    for number in range(50):
        cache.put(number, np.zeros(100, np.uint8))
        assert cache.used_bytes <= 1000
    assert len(cache) == 10
    cache.put("large", np.zeros(5000, np.uint8))
    assert len(cache) == 1
    assert cache.get("large") is not None


def test_what_was_used_longest_ago_leaves_first():
    cache = Cache(max_entries=2)
    cache.put("a", 1)
    cache.put("b", 2)
    cache.get("a")
    cache.put("c", 3)
    assert cache.get("b") is None
    assert cache.get("a") is not None


def test_memory_stays_flat_over_ten_thousand_ticks(chain):
    _, request = chain
    cache = Cache(max_entries=64)
    for tick in range(10_000):
        run(replace(request, params=(Scale(), Shift(tick / 10_000))), cache)
    assert len(cache) <= 64


def test_buffers_are_what_a_view_keeps_alive():
    base = np.zeros((100, 10), np.uint8)
    assert buffers(base[:1]) == {id(base): 1000}
    assert buffers({"a": [base, base]}) == {id(base): 1000}


def test_memory_that_outputs_share_counts_once_and_until_its_last_holder_leaves():
    base = np.zeros(1000, np.uint8)
    cache = Cache(max_entries=2)
    cache.put("a", base)
    cache.put("b", (base[:10], np.zeros(50, np.uint8)))
    assert cache.used_bytes == 1050
    cache.put("c", 1)
    assert cache.used_bytes == 1050
    cache.put("d", 1)
    assert cache.used_bytes == 0


def test_what_a_slider_builds_on_stays_however_many_ticks_it_makes(chain):
    _, request = chain
    cache = Cache(max_entries=4)
    for tick in range(20):
        run(replace(request, params=(Scale(), Shift(float(tick)))), cache)
    assert cache.get(stage_keys(request)[0]) is not None


class Tally:
    """What a stage keeps: how often it ran."""

    def __init__(self) -> None:
        self.runs = 0


def test_a_service_lives_from_run_to_run_and_each_owner_has_its_own():
    def tally(inputs: Inputs, params: object, progress: Progress) -> Iterator[int]:
        found = inputs.services.get(Tally)
        found.runs += 1
        yield found.runs

    request = Request("test", (Stage("tally", tally),), (("x", "id", None),), (None,))
    mine, theirs = Services(), Services()

    def runs(services: Services) -> int:
        (found,) = run_chain(request, Providers(services=services), Cache(), Progress())
        return int(found)

    assert [runs(mine), runs(mine), runs(theirs)] == [1, 2, 1]


def test_only_what_a_stage_needs_is_asked_for_and_once(chain):
    _, request = chain
    asked: list[str] = []

    def samples() -> dict[str, float]:
        asked.append("samples")
        return {"x": 3.0}

    providers = Providers(samples, lambda: asked.append("network"))
    cache = Cache()
    list(run_chain(request, providers, cache, Progress()))
    assert sorted(asked) == ["network", "samples"]
    # What follows a cached stage is a "main" stage, which looks at nothing but that.
    list(run_chain(replace(request, params=(Scale(), Shift(1.0))), providers, cache, Progress()))
    assert sorted(asked) == ["network", "samples"]


def test_a_preview_goes_through_main_stages_only_and_leaves_no_trace(chain):
    counter, request = chain
    view = View(Rect(0, 0, 1, 1), 1.0)
    seen = replace(request, view=view, params=(Scale(), Shift(0.5)))
    assert preview_result(seen, 0, 2.0, Providers(), Progress()) == (2.5, view)
    assert counter.calls == ["shift"]
    slow = replace(seen, stages=(request.stages[0], replace(request.stages[1], where="pool")))
    assert preview_result(slow, 0, 2.0, Providers(), Progress()) is None
