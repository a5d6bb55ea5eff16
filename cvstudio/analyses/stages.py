"""The chain: an analysis is a short sequence of stages, and a change reruns only the stages after it.

The output of a stage is cached under a key: the key of the previous stage, its version, its parameters, the network
where it uses one, the view where it depends on it, and its `extra_key`. Keys are plain nested tuples of hashable
values, so that equal requests share cache entries whoever made them.

The first stage may be shared: it gets the sample of the canvas slot only, its key holds only what that output depends
on, and it runs once for all requests, in whatever thread. The trunk of a network is shared by analyses and models
(`Stage.trunk`, `Stage.on_trunk`), the output on a key frame by the frames after it (`Stage.key_frame`).
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from cvstudio.analyses.services import Services
from cvstudio.data.adjustments import Adjustments
from cvstudio.data.geometry import View
from cvstudio.data.pixel_map import PixelMap
from cvstudio.foundation.cache import Cache, Key
from cvstudio.foundation.params import NoParams
from cvstudio.foundation.progress import Progress
from cvstudio.results.source import Source

Where = Literal["accelerator", "pool", "main"]


class Parts:
    """Finished parts of the output of one stage, such as tiles: kept in `cache` until the stage ends, so that a run
    that was cancelled goes on from them. `key` is that of the stage."""

    def __init__(self, cache: Cache, key: Key) -> None:
        self._cache = cache
        self._key = ("parts", key)

    @property
    def known(self) -> tuple[Any, ...]:
        """The parts of an earlier run, in order; empty where there are none."""
        entry = self._cache.get(self._key)
        return entry.value if entry is not None else ()

    def keep(self, parts: Sequence[Any]) -> None:
        """Store the parts so far."""
        self._cache.put(self._key, tuple(parts))

    def drop(self) -> None:
        """Forget them: the output is complete."""
        self._cache.discard(self._key)


@dataclass(frozen=True, eq=False)
class Inputs:
    """Inputs of a stage.

    Parameters
    ----------
    samples : by slot name
        Of a medium an Image, DepthMap or Waveform; for a streamed slot, an open reader; of other bindings (see
        `cvstudio.analyses.binding`) a str, a `MediaSamples`, a `LabelledSample`, or the result of another analysis.
    previous : output of the previous stage; None for the first
    network : the loaded network where the stage uses one
    view : visible part, for a stage that is `viewed`; None stands for the whole picture at scale 1
    source : medium of the canvas slot and time of its frame, to be stored in the result
    services : objects shared with other runs
    trunk : features of the network's `SharedTrunk`, for a stage that is `on_trunk`; None where it has none
    parts : where a stage keeps what it has finished of its output; None where nothing is cached
    """

    samples: Mapping[str, Any]
    previous: Any = None
    network: Any = None
    view: View | None = None
    source: Source = field(default_factory=Source)
    services: Services = field(default_factory=Services)
    trunk: Any = None
    parts: Parts | None = None


StageRun = Callable[[Inputs, Any, Progress], Iterator[Any]]


@dataclass(frozen=True)
class Stage:
    """One step of an analysis.

    Parameters
    ----------
    name : str
    run : callable (inputs, params, progress) -> iterator
        Yields successively better outputs, the last one final. Outputs are frozen.
    params : frozen dataclass type of `cvstudio.foundation.params` declarations
    where : "accelerator", "pool" or "main", the lane
        Main is for stages under 4 ms that use the output of the previous stage only: they get no samples.
    version : incremented whenever the same parameters give another output
    uses_network : whether the stage runs the model; where it declares no parameters, they are `ModelSpec.params`
    beside_model : further parameters of a stage that has those of the model
    viewed : whether the output depends on the visible rectangle
    long : whether it may take many seconds; other jobs may run between its outputs
    trunk : whether it is a first stage that returns the features of the network's `SharedTrunk`: its key holds the
        trunk instead of model and analysis, so that all users of the trunk share its output. `TRUNK` is such a stage
    on_trunk : whether it continues with `Inputs.trunk`, the output of `TRUNK`, where the model has a `SharedTrunk`, and
        runs the whole network where it has none; a stage of an analysis that takes models of both kinds
    key_frame : callable (pts, frame rate, params) -> seconds, of the first stage: time of the frame that it runs on
        A pure function, such as `every_nth`: the output is that of the key frame alone, whichever frame is requested
        and in whatever order. It is computed once and is `Inputs.previous` of the next stage, beside the frame's own
        samples. Where frames cannot be read again (a camera) or the rate is unknown, each is its own key frame.
    extra_key : callable (params) -> hashable, part of the cache key of a stage that depends on more than its inputs,
        such as a folder; it changes with that. Called at every change, from any thread: it takes microseconds.
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
    trunk: bool = False
    on_trunk: bool = False
    key_frame: Callable[[float, float, Any], float] | None = None
    beside_model: type[Any] | None = None

    def params_with(self, model_params: type[Any]) -> type[Any]:
        """Class with `model_params` and `beside_model`: one object holds both."""
        return model_params if self.beside_model is None else _both((model_params, self.beside_model))

    def model_params(self, params: Any) -> Any:
        """Values of the model's params alone, of an object of `params_with`."""
        if self.beside_model is None:
            return params
        model_class, _ = type(params).__bases__
        return model_class(**{item.name: getattr(params, item.name) for item in dataclasses.fields(model_class)})

    def __post_init__(self) -> None:
        if self.shared and self.viewed:
            raise ValueError(f"the stage '{self.name}' is shared, and cannot depend on what one canvas shows")
        if (self.trunk or self.on_trunk) and not self.uses_network:
            raise ValueError(f"the stage '{self.name}' is (on) a trunk, and has to use the network")

    @property
    def shared(self) -> bool:
        """Whether other analyses or frames use its output, too."""
        return self.trunk or self.key_frame is not None


@functools.cache
def _both(classes: tuple[type[Any], type[Any]]) -> type[Any]:
    model_params, others = classes
    # One class for each pair, so that equal values make equal keys.
    made = type(f"{model_params.__name__}And{others.__name__}", (model_params, others), {"__doc__": others.__doc__})
    return dataclass(frozen=True)(made)


def every_nth(pts: float, frame_rate: float, count: int) -> float:
    """Time in seconds of the last frame at or before `pts` whose number is a multiple of `count`.

    Frames are numbered by their time and the rate. As times in files are rounded, a tenth of a frame is added: it leads
    neither to the previous frame nor to the next one.
    """
    number = math.floor(pts * frame_rate + 0.1)
    return (number - number % count + 0.1) / frame_rate


def _run_trunk(inputs: Inputs, params: Any, progress: Progress) -> Iterator[Any]:
    (sample,) = inputs.samples.values()
    yield inputs.network.trunk_features(sample, params, progress)


TRUNK = Stage("trunk", _run_trunk, where="accelerator", uses_network=True, trunk=True)
"""First stage of an analysis that continues with the features of its network's trunk: see `TrunkNetwork`."""


def _run_place(inputs: Inputs, pixel_map: PixelMap, progress: Progress) -> Iterator[Any]:
    result = inputs.previous
    # A result of another size lies on no picture, or on one of its own.
    yield result.placed(pixel_map) if result.size == pixel_map.source else result


PLACE = Stage("place", _run_place, PixelMap, where="main")
"""Stage after the last one where the picture was cropped, rotated or flipped: maps the result to pixels of the file."""


@dataclass(frozen=True)
class Request:
    """Everything that a result depends on.

    Parameters
    ----------
    analysis : key of the analysis
    stages : stages of the chain
    sources : (slot, media id or another key, pts or None) of each binding, that of the canvas slot first
    params : one parameter object for each stage
    network : key of model, weights, device and precision
    view : visible part
    upstream : (slot, request) of each upstream analysis
    trunk : as `network`, of its trunk; empty where it has none
    canvas_slot : slot of the first of the `sources`, where that is on the canvas, else empty
    frame_rate : frames a second of a video on the canvas, where frames can be read in any order
    adjustments : (slot, adjustments) of media, applied before the first stage
    """

    analysis: str
    stages: tuple[Stage, ...]
    sources: tuple[tuple[str, Hashable, float | None], ...]
    params: tuple[Any, ...]
    network: tuple[str, ...] = ()
    view: View | None = None
    upstream: tuple[tuple[str, Request], ...] = ()
    trunk: tuple[str, ...] = ()
    canvas_slot: str = ""
    frame_rate: float | None = None
    adjustments: tuple[tuple[str, Adjustments], ...] = ()

    @property
    def source(self) -> Source:
        """Medium on the canvas and time of its frame; an empty `Source` where there is none."""
        # Media are identified by a str, all other bindings by a tuple.
        sources = (Source(identity, pts) for _, identity, pts in self.sources[:1] if isinstance(identity, str))
        return next(sources, Source())

    def shares(self, index: int) -> bool:
        """Whether the stage `index` is shared; one without a medium on the canvas never is."""
        return self.stages[index].shared and bool(self.canvas_slot)

    def source_of(self, index: int) -> Source:
        """Medium and time of the frame that the stage `index` gets: its key frame, or the frame itself."""
        key_frame, source = self.stages[index].key_frame, self.source
        if key_frame is None or source.pts is None or not self.frame_rate or not self.shares(index):
            return source
        return Source(source.media_id, key_frame(source.pts, self.frame_rate, self.params[index]))

    def without_time(self) -> Request:
        """Copy that is equal for all frames of a video."""
        sources = tuple((slot, identity, None) for slot, identity, _ in self.sources)
        upstream = tuple((slot, request.without_time()) for slot, request in self.upstream)
        return dataclasses.replace(self, sources=sources, view=None, upstream=upstream)


def stage_keys(request: Request) -> tuple[Key, ...]:
    """Cache keys of all stages of `request`, in order."""
    input_key: Key = (request.analysis, request.sources)
    if request.upstream:
        # A change of an upstream analysis changes all stages.
        input_key = (input_key, tuple((slot, stage_keys(upstream)[-1]) for slot, upstream in request.upstream))
    if request.adjustments:
        input_key = (input_key, request.adjustments)
    key = input_key
    keys = []
    for index, (stage, params) in enumerate(zip(request.stages, request.params, strict=True)):
        extra = stage.extra_key(params) if stage.extra_key else None
        if request.shares(index):
            stage_key = _shared_key(request, index, extra)
            keys.append(stage_key)
            # The stages after it are the analysis's own again.
            key = (input_key, stage_key)
            continue
        network = request.network if stage.uses_network else ()
        view = request.view if stage.viewed else None
        key = (key, stage.name, stage.version, params, network, view, extra)
        keys.append(key)
    return tuple(keys)


def _shared_key(request: Request, index: int, extra: Hashable) -> Key:
    stage, params, source = request.stages[index], request.params[index], request.source_of(index)
    network: Hashable = request.network if stage.uses_network else ()
    owner: tuple[str, ...] = (request.analysis, stage.name)
    if stage.trunk and request.trunk:
        network, owner = request.trunk, ("trunk",)
    adjustments = dict(request.adjustments).get(request.canvas_slot)
    return (owner, source, adjustments, stage.version, params, network, extra)


def first_missing(keys: tuple[Key, ...], cache: Cache) -> int:
    """Index of the first stage to run, after the last complete cached output; len(keys) where all are complete."""
    # Every entry is accessed, so that the many outputs of a slider do not evict those they are computed from.
    entries = [cache.get(key) for key in keys]
    for index in range(len(keys) - 1, -1, -1):
        entry = entries[index]
        if entry is not None and entry.complete:
            return index + 1
    return 0


@dataclass
class Providers:
    """Lazy sources of stage inputs, called only by stages that need them.

    Parameters
    ----------
    samples : callable () -> samples by slot
    network : callable () -> the loaded network
    key_frame : callable (seconds) -> sample of the canvas slot at a key frame
    services : objects that outlive the run
    """

    samples: Callable[[], Mapping[str, Any]] = field(default=dict)
    network: Callable[[], Any] = field(default=lambda: None)
    key_frame: Callable[[float], Any] | None = None
    services: Services = field(default_factory=Services)


def stage_inputs(request: Request, index: int, previous: Any, providers: Providers) -> Inputs:
    """Inputs of the stage `index` of `request`; `previous` is the output of the previous stage."""
    stage, source = request.stages[index], request.source_of(index)
    samples: Mapping[str, Any] = {}
    if source != request.source:
        assert providers.key_frame is not None
        assert source.pts is not None
        samples = {request.canvas_slot: providers.key_frame(source.pts)}
    elif stage.where != "main":
        samples = providers.samples()
    return Inputs(
        samples=samples,
        previous=previous,
        network=providers.network() if stage.uses_network else None,
        view=request.view if stage.viewed else None,
        source=source,
        services=providers.services,
    )


def run_stage(request: Request, index: int, inputs: Inputs, cache: Cache, progress: Progress) -> Iterator[Any]:
    """Run one stage on its `stage_inputs`, cache each of its outputs and yield it.

    Raises
    ------
    RuntimeError
        The stage yielded nothing: a programming error.
    """
    if request.stages[index].on_trunk and request.trunk and request.canvas_slot:
        inputs = dataclasses.replace(inputs, trunk=_trunk_features(request, index, inputs, cache, progress))
    if not request.shares(index):
        yield from _run_alone(request, index, inputs, cache, progress)
        return
    key = stage_keys(request)[index]
    # Run to its end before yielding: the consumer of a partial output could wait for the claim in this same thread.
    with cache.claimed(key, progress):
        entry = cache.get(key)
        if entry is not None and entry.complete:
            value = entry.value
        else:
            samples = {request.canvas_slot: inputs.samples[request.canvas_slot]}
            own = dataclasses.replace(inputs, samples=samples)
            value = deque(_run_alone(request, index, own, cache, progress), maxlen=1).pop()
    yield value


def _trunk_features(request: Request, index: int, inputs: Inputs, cache: Cache, progress: Progress) -> Any:
    """Output of `TRUNK` for the inputs of the stage `index`: the cached one, or that of another thread, or its own."""
    # The key of its output must not tell analyses apart by what they have beside the params of the model.
    params = request.stages[index].model_params(request.params[index])
    trunk = dataclasses.replace(request, stages=(TRUNK,), params=(params,))
    return deque(run_stage(trunk, 0, inputs, cache, progress), maxlen=1).pop()


def _run_alone(request: Request, index: int, inputs: Inputs, cache: Cache, progress: Progress) -> Iterator[Any]:
    key = stage_keys(request)[index]
    stage = request.stages[index]
    inputs = dataclasses.replace(inputs, parts=Parts(cache, key))
    value: Any = None
    has_output = False
    for value in stage.run(inputs, request.params[index], progress):
        progress.check()
        has_output = True
        cache.put(key, value, complete=False)
        yield value
    if not has_output:
        raise RuntimeError(f"the stage '{stage.name}' of '{request.analysis}' yielded nothing")
    cache.finish(key, value)


def run_chain(request: Request, providers: Providers, cache: Cache, progress: Progress) -> Iterator[Any]:
    """Run the missing stages of `request` in this thread and yield successively better results, the last one final.

    Used by the command line, the Python function, every export and the trial of a custom model; the window runs the
    same stages one by one on its lanes.
    """
    keys = stage_keys(request)
    start = first_missing(keys, cache)
    cached = cache.get(keys[start - 1]) if start else None
    if cached is None:
        start = 0  # evicted by the output of another thread meanwhile
    elif start == len(keys):
        yield cached.value
        return
    # Each is called once, whatever number of stages needs it.
    once = dataclasses.replace(
        providers, samples=functools.cache(providers.samples), network=functools.cache(providers.network)
    )
    yield from _run_from(request, start, cached.value if cached else None, once, cache, progress)


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
    """Preview of the result from a partial output `value` of the stage `index`, run through the "main" stages after it.

    None where other stages follow. Nothing is cached.
    """
    if any(stage.where != "main" for stage in request.stages[index + 1 :]):
        return None
    for next_index, stage in enumerate(request.stages[index + 1 :], index + 1):
        for output in stage.run(
            stage_inputs(request, next_index, value, providers), request.params[next_index], progress
        ):
            value = output
    return value
