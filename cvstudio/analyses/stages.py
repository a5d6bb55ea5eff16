"""The chain: an analysis is a short row of stages, and a change reruns only what comes after it.

Every stage's output is cached under a key: the key of the stage before, its own version, its parameters, the
network where it uses one, the view where it depends on it, and what else it looks at. Keys are plain nested tuples of
hashable values, so two equal requests meet in the cache whoever made them.

The first stage may be shared: it is given the sample of the canvas slot alone, its key names only what that output
depends on, and it runs once for all that ask for it, in whatever thread. The trunk of a network is shared by analyses
and models (`Stage.trunk`), what is computed on a key frame by the frames behind it (`Stage.key_frame`).
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Mapping
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
    trunk : the first stage, whose output is that of the network's `SharedTrunk`: its key names the trunk in place of
        model and analysis, so that all that stand on it have one output for one picture. `TRUNK` is such a stage
    key_frame : callable (pts, frame rate, params) -> seconds, of the first stage: which frame's sample it is given
        A pure function, such as `every_nth`: whichever frame asks, and in whatever order, the output is that of the key
        frame alone. It is computed once and handed to the next stage as `Inputs.previous`, beside the frame's own
        samples. Where a frame cannot be read again (a camera) or the rate is not known, each is its own key frame.
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
    trunk: bool = False
    key_frame: Callable[[float, float, Any], float] | None = None

    def __post_init__(self) -> None:
        if self.shared and self.viewed:
            raise ValueError(f"the stage '{self.name}' is shared, and cannot depend on what one canvas shows")
        if self.trunk and not self.uses_network:
            raise ValueError(f"the stage '{self.name}' is a trunk, and has to use the network")

    @property
    def shared(self) -> bool:
        """Whether its output is for other analyses or frames, too."""
        return self.trunk or self.key_frame is not None


def every_nth(pts: float, frame_rate: float, count: int) -> float:
    """The time in seconds of the last frame at or before the one at `pts` whose number is a multiple of `count`.

    Frames are numbered by their time and the rate. Times in files are rounded: a tenth of a frame more never leads to
    the frame before, nor to the one behind.
    """
    number = math.floor(pts * frame_rate + 0.1)
    return (number - number % count + 0.1) / frame_rate


def _run_trunk(inputs: Inputs, params: Any, progress: Progress) -> Iterator[Any]:
    (sample,) = inputs.samples.values()
    yield inputs.network.trunk_features(sample, params, progress)


TRUNK = Stage("trunk", _run_trunk, where="accelerator", uses_network=True, trunk=True)
"""The first stage of an analysis that goes on with what the trunk of its network says: see `TrunkNetwork`."""


def _run_place(inputs: Inputs, pixel_map: PixelMap, progress: Progress) -> Iterator[Any]:
    result = inputs.previous
    # What lies on no picture, or on one of its own, stays where it is.
    yield result.placed(pixel_map) if result.size == pixel_map.source else result


PLACE = Stage("place", _run_place, PixelMap, where="main")
"""Behind the last stage where the picture was cropped, turned or mirrored: the result in the pixels of the file."""


@dataclass(frozen=True)
class Request:
    """Everything that a result depends on.

    `sources` names what is bound to each slot, the one on the canvas first: (slot, media id or another key, pts or
    None). `upstream` are the requests of what is the result of another analysis, by slot. `params` holds one object for
    each stage. `network` identifies model, weights, device and precision, `trunk` the same of its trunk, where it has
    one. `canvas_slot` is the slot whose medium is the first of the `sources`; empty where none is on the canvas.
    `frame_rate` is that of a video on the canvas, where frames can be read in any order. `adjustments` are what is done
    to media before a stage is given them, by slot.
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
        """The medium that the canvas shows, and the time of its frame; nothing where there is none."""
        # Media are named by a text, all else by a tuple.
        found = (Source(what, pts) for _, what, pts in self.sources[:1] if isinstance(what, str))
        return next(found, Source())

    def shares(self, index: int) -> bool:
        """Whether the stage `index` is shared: one on the result of another analysis is that analysis's own."""
        return self.stages[index].shared and bool(self.canvas_slot)

    def source_of(self, index: int) -> Source:
        """The medium and the time of the frame that the stage `index` is given: of its key frame, or of the frame."""
        key_frame, source = self.stages[index].key_frame, self.source
        if key_frame is None or source.pts is None or not self.frame_rate or not self.shares(index):
            return source
        return Source(source.media_id, key_frame(source.pts, self.frame_rate, self.params[index]))

    def without_time(self) -> Request:
        """The same for all frames of a video."""
        sources = tuple((slot, what, None) for slot, what, _ in self.sources)
        upstream = tuple((slot, request.without_time()) for slot, request in self.upstream)
        return dataclasses.replace(self, sources=sources, view=None, upstream=upstream)


def stage_keys(request: Request) -> tuple[Key, ...]:
    """The cache key of each stage of `request`, in order."""
    given: Key = (request.analysis, request.sources)
    if request.upstream:
        # A change of what comes first is a change of what follows.
        given = (given, tuple((slot, stage_keys(before)[-1]) for slot, before in request.upstream))
    if request.adjustments:
        given = (given, request.adjustments)
    key = given
    keys = []
    for index, (stage, params) in enumerate(zip(request.stages, request.params, strict=True)):
        extra = stage.extra_key(params) if stage.extra_key else None
        if request.shares(index):
            shared = _shared_key(request, index, extra)
            keys.append(shared)
            # What follows is this analysis's own again.
            key = (given, shared)
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
    """Where a chain gets what it needs, asked only if a stage runs that needs it.

    Parameters
    ----------
    samples : the samples by slot
    network : the loaded network
    key_frame : callable (seconds) -> the sample of the canvas slot at the time of a key frame
    services : what stages share with later runs; they live longer than a run
    """

    samples: Callable[[], Mapping[str, Any]] = field(default=dict)
    network: Callable[[], Any] = field(default=lambda: None)
    key_frame: Callable[[float], Any] | None = None
    services: Services = field(default_factory=Services)


def stage_inputs(request: Request, index: int, previous: Any, providers: Providers) -> Inputs:
    """What the stage at `index` of `request` is given; `previous` is the output of the stage before."""
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
    """Run one stage on its `stage_inputs`, caching what it yields, and yield it on.

    Raises
    ------
    RuntimeError
        The stage yielded nothing, which is a defect of the stage.
    """
    if not request.shares(index):
        yield from _run_alone(request, index, inputs, cache, progress)
        return
    key = stage_keys(request)[index]
    # Run to its end before anything is handed on: who waits for it may be what goes on in this thread meanwhile.
    with cache.claimed(key, progress):
        entry = cache.get(key)
        if entry is not None and entry.complete:
            value = entry.value
        else:
            samples = {request.canvas_slot: inputs.samples[request.canvas_slot]}
            own = dataclasses.replace(inputs, samples=samples)
            value = deque(_run_alone(request, index, own, cache, progress), maxlen=1).pop()
    yield value


def _run_alone(request: Request, index: int, inputs: Inputs, cache: Cache, progress: Progress) -> Iterator[Any]:
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
