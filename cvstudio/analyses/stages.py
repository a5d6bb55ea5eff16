"""The chain: an analysis is a short row of stages, and a change reruns only what comes after it.

Every stage's output is cached under a key: the key of the stage before, its own version, its parameters, the
network where it uses one, the view where it depends on it, and what else it looks at. Keys are plain nested tuples of
hashable values, so two equal requests meet in the cache whoever made them.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from cvstudio.analyses.services import Services
from cvstudio.data.geometry import View
from cvstudio.foundation.cache import Cache, Key
from cvstudio.foundation.params import NoParams
from cvstudio.foundation.progress import Progress
from cvstudio.results.source import Source

Where = Literal["accelerator", "pool", "main"]


@dataclass(frozen=True, eq=False)
class Inputs:
    """What a stage is given.

    Parameters
    ----------
    samples : by slot name
        An Image, DepthMap or Waveform; for a streamed slot, an open reader; for what is no medium, what
        `cvstudio.analyses.binding` says: a str, a `MediaSamples`, labels, or the result of another analysis.
    previous : output of the stage before; None for the first
    network : the loaded network where the stage uses one
    view : the visible part, for a stage that is `viewed`; None asks for the whole at scale 1
    source : the medium of the canvas slot, and the time of its frame: what a result says it came from
    services : what stages share with later runs
    """

    samples: Mapping[str, Any]
    previous: Any = None
    network: Any = None
    view: View | None = None
    source: Source = field(default_factory=Source)
    services: Services = field(default_factory=Services)


StageRun = Callable[[Inputs, Any, Progress], Iterator[Any]]


@dataclass(frozen=True)
class Stage:
    """One step of an analysis.

    Parameters
    ----------
    name : str
    run : callable (inputs, params, progress) -> iterator
        Yields better and better outputs; the last one is the result. Outputs are frozen.
    params : frozen dataclass type of `cvstudio.foundation.params` declarations
    where : "accelerator", "pool" or "main"
        Main is for stages under 4 ms that look at the output of the stage before only: they are given no samples.
    version : raised whenever the same parameters give another output
    uses_network : the stage runs the model; where it declares no parameters, they are `ModelSpec.params`
    viewed : the output depends on the visible rectangle
    long : it may take many seconds, and other work may pass between its outputs
    extra_key : callable (params) -> hashable, part of the cache key of a stage that looks at more than its inputs, such
        as a folder; it differs once that has changed. Called at every change, from any thread: it takes microseconds.
    """

    name: str
    run: StageRun
    params: type[Any] = NoParams
    where: Where = "pool"
    version: int = 1
    uses_network: bool = False
    viewed: bool = False
    long: bool = False
    extra_key: Callable[[Any], Hashable] | None = None


@dataclass(frozen=True)
class Request:
    """Everything that a result depends on.

    `sources` names what is bound to each slot, the one on the canvas first: (slot, media id or another key, pts or
    None). `upstream` are the requests of what is the result of another analysis, by slot. `params` holds one object for
    each stage. `network` identifies model, weights, device and precision.
    """

    analysis: str
    stages: tuple[Stage, ...]
    sources: tuple[tuple[str, Hashable, float | None], ...]
    params: tuple[Any, ...]
    network: tuple[str, ...] = ()
    view: View | None = None
    upstream: tuple[tuple[str, Request], ...] = ()

    @property
    def source(self) -> Source:
        """The medium that the canvas shows, and the time of its frame; nothing where there is none."""
        # Media are named by a text, all else by a tuple.
        found = (Source(what, pts) for _, what, pts in self.sources[:1] if isinstance(what, str))
        return next(found, Source())

    def without_time(self) -> Request:
        """The same for all frames of a video."""
        sources = tuple((slot, what, None) for slot, what, _ in self.sources)
        upstream = tuple((slot, request.without_time()) for slot, request in self.upstream)
        return dataclasses.replace(self, sources=sources, view=None, upstream=upstream)


def stage_keys(request: Request) -> tuple[Key, ...]:
    """The cache key of each stage of `request`, in order."""
    key: Key = (request.analysis, request.sources)
    if request.upstream:
        # A change of what comes first is a change of what follows.
        key = (key, tuple((slot, stage_keys(before)[-1]) for slot, before in request.upstream))
    keys = []
    for stage, params in zip(request.stages, request.params, strict=True):
        network = request.network if stage.uses_network else ()
        view = request.view if stage.viewed else None
        besides = stage.extra_key(params) if stage.extra_key else None
        key = (key, stage.name, stage.version, params, network, view, besides)
        keys.append(key)
    return tuple(keys)


def first_missing(keys: tuple[Key, ...], cache: Cache) -> int:
    """Index of the first stage to run: the one after the last complete cached output; len(keys) where all is there."""
    # All are asked for, so that a slider's many outputs do not push out what they are made from.
    entries = [cache.get(key) for key in keys]
    for index in range(len(keys) - 1, -1, -1):
        entry = entries[index]
        if entry is not None and entry.complete:
            return index + 1
    return 0


@dataclass
class Providers:
    """Where a chain gets what it needs, asked only if a stage runs that needs it; `services` live longer than a run."""

    samples: Callable[[], Mapping[str, Any]] = field(default=dict)
    network: Callable[[], Any] = field(default=lambda: None)
    services: Services = field(default_factory=Services)


def stage_inputs(request: Request, index: int, previous: Any, providers: Providers) -> Inputs:
    """What the stage at `index` of `request` is given; `previous` is the output of the stage before."""
    stage = request.stages[index]
    return Inputs(
        samples=providers.samples() if stage.where != "main" else {},
        previous=previous,
        network=providers.network() if stage.uses_network else None,
        view=request.view if stage.viewed else None,
        source=request.source,
        services=providers.services,
    )


def run_stage(request: Request, index: int, inputs: Inputs, cache: Cache, progress: Progress) -> Iterator[Any]:
    """Run one stage on its `stage_inputs`, caching what it yields, and yield it on.

    Raises
    ------
    RuntimeError
        The stage yielded nothing, which is a defect of the stage.
    """
    key = stage_keys(request)[index]
    stage = request.stages[index]
    value: Any = None
    found = False
    for value in stage.run(inputs, request.params[index], progress):
        progress.check()
        found = True
        cache.put(key, value, complete=False)
        yield value
    if not found:
        raise RuntimeError(f"the stage '{stage.name}' of '{request.analysis}' yielded nothing")
    cache.finish(key, value)


def run_chain(request: Request, providers: Providers, cache: Cache, progress: Progress) -> Iterator[Any]:
    """Run what is missing of `request` in this thread and yield final results, better and better.

    This is the road of the command line, the Python function, every export and the trial of an own model; the window
    walks the same stages one by one on its lanes.
    """
    keys = stage_keys(request)
    start = first_missing(keys, cache)
    before = cache.get(keys[start - 1]) if start else None
    if before is None:
        start = 0  # another thread's output may have pushed it out meanwhile
    elif start == len(keys):
        yield before.value
        return
    # Each is asked for once, whatever number of stages needs it.
    once = dataclasses.replace(
        providers, samples=functools.cache(providers.samples), network=functools.cache(providers.network)
    )
    yield from _run_from(request, start, before.value if before else None, once, cache, progress)


def _run_from(
    request: Request, index: int, previous: Any, providers: Providers, cache: Cache, progress: Progress
) -> Iterator[Any]:
    last = index == len(request.stages) - 1
    inputs = stage_inputs(request, index, previous, providers)
    value: Any = None
    for value in run_stage(request, index, inputs, cache, progress):
        if last:
            yield value
    if not last:
        yield from _run_from(request, index + 1, value, providers, cache, progress)


def preview_result(request: Request, index: int, value: Any, providers: Providers, progress: Progress) -> Any:
    """The result from `value`, which the stage at `index` has yielded while it still runs, through the "main" stages
    behind it; None where there are others. Nothing is cached."""
    if any(stage.where != "main" for stage in request.stages[index + 1 :]):
        return None
    for place, stage in enumerate(request.stages[index + 1 :], index + 1):
        for output in stage.run(stage_inputs(request, place, value, providers), request.params[place], progress):
            value = output
    return value
