"""Analyses from Python and for the command line: the same chain as in the window, in the calling thread."""

from __future__ import annotations

import dataclasses
import itertools
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cvstudio.analyses import ANALYSES, Analysis
from cvstudio.analyses.analysis import Slot
from cvstudio.analyses.binding import (
    AnnotationSet,
    Binding,
    MediaList,
    ResultOf,
    TextInput,
    open_annotations,
    open_media_list,
    read_text,
)
from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.analyses.read_input import adjusted, read_input, result_on
from cvstudio.analyses.request import make_request
from cvstudio.analyses.services import Services
from cvstudio.analyses.stages import Providers, Request, run_chain
from cvstudio.analyses.stored_inputs import may_be_stored, stored_partners
from cvstudio.analyses.temporal import TemporalChains
from cvstudio.data.adjustments import Adjustments
from cvstudio.data.samples import Frame, Image
from cvstudio.foundation.cache import Cache
from cvstudio.foundation.closing import Closeable
from cvstudio.foundation.concurrency import map_ordered, prefetch
from cvstudio.foundation.errors import BindingError
from cvstudio.foundation.progress import Progress
from cvstudio.media import Media, open_media
from cvstudio.media.open import read_again
from cvstudio.media.read_ahead import prefetch_frames
from cvstudio.media.reader_pool import Readers
from cvstudio.media.reading import apply_settings, split_settings
from cvstudio.models import MODELS, ModelSpec
from cvstudio.models.checkpoints import chosen_checkpoint
from cvstudio.models.runtime.cpu_threads import cores_shared, frames_at_once, share_cores
from cvstudio.models.runtime.host import Host
from cvstudio.models.runtime.precision import Precision, RequestedPrecision
from cvstudio.running.provenance import ForcedPrecisions, to_json


class Runner(Closeable):
    """Runs analyses; caches networks, readers and stage outputs between calls.

    Everything runs in the calling thread, but for the networks of `frames`, which run ahead in threads of their own.

    Parameters
    ----------
    device, precision, forced, measure, precisions, notice : see `Host`; one result is not worth a measurement
    cache : cache of stage outputs; None makes one
    services : objects that stages share; None makes new ones
    followed : chains of frames that temporal analyses, such as tracking, have processed; a `result` of a frame is
        completed with them, as the identities of a frame depend on those before it
    """

    def __init__(
        self,
        *,
        device: str = "auto",
        precision: RequestedPrecision = "auto",
        forced: ForcedPrecisions | None = None,
        measure: bool = True,
        precisions: Mapping[tuple[str, ...], Precision] | None = None,
        cache: Cache | None = None,
        services: Services | None = None,
        followed: TemporalChains | None = None,
        notice: Callable[[str], None] | None = None,
    ) -> None:
        self.host = Host(
            device, precision=precision, forced=forced, measure=measure, precisions=precisions, notice=notice
        )
        self.cache = cache if cache is not None else Cache()
        self.services = services if services is not None else Services()
        self.followed = followed
        self.readers = Readers()
        self._reading = threading.Lock()

    def close(self) -> None:
        """Close the files and drop the networks."""
        self.readers.close()
        self.host.close()

    def samples(
        self,
        instance: AnalysisInstance,
        pts: float | None,
        progress: Progress | None = None,
        *,
        known: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Samples of `instance` at `pts` seconds by slot, see `Inputs.samples`. Upstream analyses are run.

        `known` are unadjusted samples by slot that the caller has already decoded.
        """
        samples = {
            name: adjusted(media, pts, sample, instance.adjustments_of(name), self.cache)
            for name, sample in (known or {}).items()
            if isinstance(media := instance.bindings[name], Media)
        }
        for slot in instance.spec.inputs:
            bound = instance.bindings.get(slot.name)
            if slot.name in samples or bound is None:
                continue
            upstream = instance.upstream_of(slot.name)
            if upstream is not None:
                upstream_known = _known_of(upstream, instance, known or {})
                result = deque(self._run(upstream, progress or Progress(), pts, known=upstream_known), maxlen=1).pop()
                samples[slot.name] = result_on(instance, slot.name, result)
            else:
                with self._reading:
                    samples[slot.name] = read_input(
                        bound,
                        pts,
                        self.readers,
                        self.cache,
                        streamed=slot.streamed,
                        adjustments=instance.adjustments_of(slot.name),
                        instance=instance,
                    )
        return samples

    def results(self, instance: AnalysisInstance, progress: Progress, *, pts: float | None = None) -> Iterator[Any]:
        """Yield successively better results of `instance` at `pts` seconds, the last one final. Raises UserError."""
        return self._run(instance, progress, pts)

    def _run(
        self,
        instance: AnalysisInstance,
        progress: Progress,
        pts: float | None,
        *,
        n_stages: int | None = None,
        known: Mapping[str, Any] | None = None,
    ) -> Iterator[Any]:
        """Run the first `n_stages` (all by default), yield the outputs of the last; `known` as in `samples`."""
        model = instance.model_spec
        if any(stage.long for stage in instance.spec.stages):
            self.host.measure = True  # it goes over many files
        request = self._request(instance, pts)
        request = dataclasses.replace(request, stages=request.stages[:n_stages], params=request.params[:n_stages])
        providers = Providers(
            samples=lambda: self.samples(instance, pts, progress, known=known),
            network=lambda: self.host.network(model, instance.weights, progress) if model else None,
            key_frame=lambda key_pts: self._key_frame(instance, key_pts),
            services=self.services,
        )
        return self.host.run(lambda: run_chain(request, providers, self.cache, progress))

    def _key_frame(self, instance: AnalysisInstance, pts: float) -> Any:
        """The frame at `pts` seconds of the video on the canvas."""
        media, adjustments = instance.canvas_media, instance.adjustments_of(instance.spec.canvas_slot)
        assert media is not None
        with self._reading:
            return read_input(media, pts, self.readers, self.cache, adjustments=adjustments)

    def _request(self, instance: AnalysisInstance, pts: float | None) -> Request:
        def network_of(item: AnalysisInstance) -> tuple[str, ...]:
            model = item.model_spec
            return self.host.network_key(model, item.weights) if model else ()

        return make_request(instance, pts=pts, network=network_of(instance), network_of=network_of)

    def result(self, instance: AnalysisInstance, progress: Progress | None = None, *, pts: float | None = None) -> Any:
        """The final result of `instance`. Raises UserError."""
        # Only the last of the results is final.
        result = deque(self.results(instance, progress or Progress(), pts=pts), maxlen=1).pop()
        if pts is None or self.followed is None:
            return result
        return self.in_order(instance, result, self.followed, pts)

    def provenance(
        self, instance: AnalysisInstance, progress: Progress, *, other: Host | None = None
    ) -> dict[str, Any] | None:
        """Provenance of the results of `instance` for a recipe: device and precision; None where it has no network.

        Taken from the network of the `other` host, whose cached results this runner shares, where it is loaded there,
        else from that of this runner, which is loaded if necessary. Raises UserError.
        """
        model, weights = instance.model_spec, instance.weights
        if model is None:
            return None
        host = other if other is not None and other.has(model, weights) else self.host
        if not host.has(model, weights):
            host.network(model, weights, progress)
        return to_json(host.device if model.weights else "cpu", host.precision_of(model, weights))

    def frames(
        self,
        instance: AnalysisInstance,
        progress: Progress,
        *,
        start_secs: float = 0.0,
        stop_secs: float | None = None,
        followed: TemporalChains | None = None,
        streams: int | None = None,
    ) -> Iterator[tuple[Image, Any]]:
        """Yield the frames of a video in order, each with its result, from the frame at `start_secs` to `stop_secs`.

        Decoding, the network and the caller each have a thread: a frame is analysed while the previous one is drawn.
        On a CPU the network has `streams` threads, each with a frame of its own and its share of the cores; by
        default the number of `frames_at_once`.
        Identities begin with the first frame, so that equal spans have equal ones; `followed` stores their chain.
        """
        self.host.measure = True  # many frames are worth it
        slot, media = instance.spec.canvas_slot, instance.canvas_media
        assert slot is not None
        assert media is not None
        end_secs = media.duration_secs if stop_secs is None else min(stop_secs, media.duration_secs or stop_secs)
        span_secs = (end_secs or 0) - start_secs
        followed = followed if followed is not None else TemporalChains(keep=1)
        if streams is None:
            models = [layer.model_spec for layer in instance.lineage if layer.model_spec is not None]
            streams = min((frames_at_once(model, self.host) for model in models), default=1)
        slow = [(layer, count) for layer in instance.lineage if (count := _slow_stages(layer))]

        def analyse(frame: Frame) -> Frame:
            for layer, count in slow:
                known = _known_of(layer, instance, {slot: frame})
                deque(self._run(layer, Progress(), frame.pts, n_stages=count, known=known), maxlen=0)
            return frame

        def analysed() -> Iterator[Frame]:
            with prefetch_frames(media, start_secs=start_secs, stop_secs=stop_secs) as frames:
                # The first frame runs alone, so that shared objects are not made by two threads at once.
                yield from map(analyse, itertools.islice(frames, 1))
                if streams > 1:
                    with cores_shared():
                        yield from map_ordered(frames, analyse, streams, begin=lambda: share_cores(streams))
                else:
                    yield from map(analyse, frames)

        with prefetch(analysed(), depth=2) as analysed_frames:
            for number, frame in enumerate(analysed_frames):
                fraction = min(max(0.0, frame.pts - start_secs) / span_secs, 1.0) if span_secs > 0 else None
                progress(fraction, f"frame {number + 1}")
                # The network's part is in the cache.
                result = deque(self._run(instance, Progress(), frame.pts, known={slot: frame}), maxlen=1).pop()
                yield frame, self.in_order(instance, result, followed, frame.pts)

    def in_order(self, instance: AnalysisInstance, result: Any, followed: TemporalChains, pts: float) -> Any:
        """Complete the `result` of the frame at `pts` by `Analysis.temporal`, with the chain in `followed`."""
        temporal = instance.spec.temporal
        if temporal is None:
            return result
        request = self._request(instance, pts)
        media = instance.canvas_media
        rate = media.frame_rate if media is not None else None
        return followed.result(temporal, instance.params()[-1], request, result, rate)


def _slow_stages(instance: AnalysisInstance) -> int:
    """Number of stages up to the last one that runs a network."""
    stages = enumerate(instance.spec.stages, 1)
    return max((number for number, stage in stages if stage.uses_network), default=0)


def _known_of(other: AnalysisInstance, instance: AnalysisInstance, known: Mapping[str, Any]) -> dict[str, Any]:
    """The `known` canvas sample of `instance` under the slot name of `other`; empty where their media differ."""
    slot, other_slot = instance.spec.canvas_slot, other.spec.canvas_slot
    same_medium = other.canvas_media is not None and other.canvas_media == instance.canvas_media
    return (
        {other_slot: known[slot]}
        if same_medium and slot is not None and other_slot is not None and slot in known
        else {}
    )


Given = Binding | AnalysisInstance | str | Path | Sequence[str | Path]
"""Value for a slot: a file, a folder or several files, a text, another analysis, or a binding."""


def make_binding(slot: Slot, given: Given, progress: Progress | None = None, *, read_as: str = "") -> Binding:
    """Convert `given` to a binding of `slot`; `read_as` is a key as in `open_media`, for files.

    Raises
    ------
    UserError
        It cannot be opened, or is no file and cannot be read as anything else.
    """
    binding = _make_binding(slot, given, progress or Progress(), read_as)
    if read_as and not isinstance(binding, Media | MediaList):
        raise BindingError(f"The {slot.title.lower()} is no picture, video or sound that could be read as {read_as}.")
    return binding


def _make_binding(slot: Slot, given: Given, progress: Progress, read_as: str) -> Binding:
    if isinstance(given, AnalysisInstance):
        return ResultOf(upstream=given)
    if isinstance(given, Media) and read_as:
        return read_again(given, read_as)
    if isinstance(given, Media | MediaList | TextInput | AnnotationSet | ResultOf):
        return given
    if isinstance(given, str) and slot.text is not None:
        return TextInput(given)
    paths = [Path(item) for item in ([given] if isinstance(given, str | Path) else given)]
    if slot.several is not None and not (slot.kinds and len(paths) == 1 and os.path.isfile(paths[0])):
        return open_media_list(paths, slot.several.kinds, progress, read_as=read_as)
    if AnnotationSet in slot.accepts:
        return open_annotations(paths[0])
    if not slot.kinds and slot.text is not None:
        return read_text(paths[0])
    if not slot.kinds:
        raise BindingError(f"The {slot.title.lower()} is expected to be {slot.wanted}, found {paths[0].name}.")
    return open_media(paths[0], kind=next(iter(slot.kinds)) if len(slot.kinds) == 1 else None, read_as=read_as)


def check_read_slots(spec: Analysis, given: Iterable[str], read_as: Mapping[str, str]) -> None:
    """Raise UserError where `read_as` names a slot that the analysis does not have, or that is empty."""
    filled = set(given)
    for name in read_as:
        if spec.slot(name).name not in filled:
            raise BindingError(f"There is no {spec.slot(name).title.lower()} that could be read as {read_as[name]}.")


def make_instance(
    analysis: str,
    inputs: Mapping[str, Given],
    *,
    model: str = "",
    weights: str | Path | None = None,
    values: Mapping[str, Any] | None = None,
    adjustments: Mapping[str, Adjustments] | None = None,
    file_adjustments: Mapping[str, Mapping[Path, Adjustments]] | None = None,
    read_as: Mapping[str, str] | None = None,
) -> AnalysisInstance:
    """Make an instance of an analysis and check it.

    Parameters
    ----------
    analysis : key, e.g. "detect"
    inputs : slot name -> what goes in, such as a file; see `Given`
    model : key; empty takes the analysis's default
    weights : a local checkpoint; None takes the one that the user has chosen for the model, or the published one
    values : parameters by name, also those that say how files are read (`depth_scale`, `sound_track`)
    adjustments : what is done to a medium before, by slot
    file_adjustments : what is done to single files instead, by slot and path
    read_as : what a file is read as where its content leaves it open, by slot; keys as in `open_media`

    Raises
    ------
    UserError
        A key, a file, a slot or a value is not usable.
    """
    spec = ANALYSES[analysis]
    read_as = read_as or {}
    check_read_slots(spec, inputs, read_as)
    bindings = {
        name: make_binding(spec.slot(name), given, read_as=read_as.get(name, "")) for name, given in inputs.items()
    }
    bindings |= stored_partners(spec, bindings)
    values, reading = split_settings(values or {})
    files = {name: bound for name, bound in bindings.items() if isinstance(bound, Media)}
    bindings = {**bindings, **apply_settings(files, reading)}
    key = model or spec.first_model
    if key and not spec.takes(MODELS[key]):
        reason = _reason_against(spec, MODELS[key])
        raise BindingError(f"{spec.title} cannot use the model '{key}'{reason}; choose one that “cvstudio list” shows.")
    path = Path(weights) if weights is not None else chosen_checkpoint(key)
    instance = AnalysisInstance(1, spec.key, bindings, key, path, values)
    instance = with_all_adjustments(instance, adjustments or {}, file_adjustments or {})
    if instance.canvas_media is not None:
        # Upstream analyses without a medium get the same one.
        instance = instance.on(None).on(instance.canvas_media)
    spec.check_bindings(instance.bindings)
    instance.params()
    return instance


def _reason_against(spec: Analysis, model: ModelSpec) -> str:
    """Why `spec` cannot use a model of its task, as the end of a sentence: ", which offers no maps"; else empty."""
    lacking = sorted(spec.needs - model.capabilities) if model.task == spec.task else []
    if not lacking:
        return ""
    reason = f", which offers no {' and no '.join(lacking)}"
    if "hooks" in model.capabilities or model.architecture is not None:
        return reason
    # An ONNX file answers and no more.
    others = (
        other.title
        for other in ANALYSES
        if other.task == spec.task and other.takes(model) and "explain" in other.keywords
    )
    return f"{reason}, as it does not run through PyTorch (what works with it: {', '.join(others) or 'none'})"


def with_all_adjustments(
    instance: AnalysisInstance,
    adjustments: Mapping[str, Adjustments],
    file_adjustments: Mapping[str, Mapping[Path, Adjustments]],
) -> AnalysisInstance:
    """Copy of `instance` with adjustments by slot, and by slot and path of a file. Raises BindingError."""
    for name, item in adjustments.items():
        instance = instance.with_adjustments(name, item)
    for name, files in file_adjustments.items():
        for path, item in files.items():
            instance = instance.with_adjustments(name, item, file=Path(os.path.abspath(path)))
    return instance


def run(
    analysis: str,
    *inputs: Given,
    model: str = "",
    weights: str | Path | None = None,
    device: str = "auto",
    precision: RequestedPrecision = "auto",
    time_secs: float | None = None,
    progress: Progress | None = None,
    read_as: str | Mapping[str, str] = "",
    **values: Any,
) -> Any:
    """Run one analysis and return its result.

    Parameters
    ----------
    analysis : key, e.g. "detect", "refocus", "spectrogram"
    inputs : one for each slot of the analysis, in their order; the last ones may be left out where they are optional
        A file as a path, a text as a str, several media as a folder or a list of paths, and the result of another
        analysis as what `cvstudio.running.runner.make_instance` gives.
    model, weights : which model, and a local checkpoint for it
    device : "auto", "cpu", "cuda" or "mps"
    precision : "auto" (the fastest that finds the same), "float32" or "bfloat16"
    time_secs : which frame of a video; its first by default
    read_as : what the main input is read as where its content leaves it open: "picture", "depth", "labels" and so on;
        for several inputs a mapping by slot. `open_media(path).readings` lists what a file offers
    values : parameters of the analysis and the model by name, and of how the files are read

    Returns
    -------
    What the analysis declares, such as Detections, HeatMap or Spectrogram

    Raises
    ------
    UserError
        With one sentence that says what was expected, what was found and what to do.

    Examples
    --------
    >>> import cvstudio
    >>> people = cvstudio.run("detect", "street.jpg", model="hog", score=0.5)  # doctest: +SKIP
    """
    spec = ANALYSES[analysis]
    least = max(
        (number for number, slot in enumerate(spec.inputs, 1) if not slot.optional and not may_be_stored(slot)),
        default=0,
    )
    if not least <= len(inputs) <= len(spec.inputs):
        wanted = ", ".join(slot.title.lower() for slot in spec.inputs)
        noun = "file(s)" if all(slot.kinds for slot in spec.inputs) else "input(s)"
        raise BindingError(f"{spec.title} expects {len(spec.inputs)} {noun} ({wanted}), found {len(inputs)}.")
    given = dict(zip((slot.name for slot in spec.inputs), inputs, strict=False))
    by_slot = ({spec.main_slot.name: read_as} if read_as else {}) if isinstance(read_as, str) else read_as
    instance = make_instance(analysis, given, model=model, weights=weights, values=values, read_as=by_slot)
    with Runner(device=device, precision=precision, measure=False) as runner:
        at = time_secs if time_secs is not None else 0.0
        return runner.result(instance, progress, pts=at)
