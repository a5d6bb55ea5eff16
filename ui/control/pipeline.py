"""Pipeline: decodes samples and runs missing stages on worker threads (lanes), and caches their outputs."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterable, Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.analyses.read_input import read_input, result_on
from cvstudio.analyses.services import Services
from cvstudio.analyses.stages import (
    Providers,
    Request,
    Stage,
    preview_result,
    run_stage,
    stage_inputs,
    stage_keys,
)
from cvstudio.foundation.cache import Cache
from cvstudio.foundation.lanes import CLOSE_SECS, Event, Job, Lanes
from cvstudio.foundation.priority import Starter
from cvstudio.foundation.progress import Progress
from cvstudio.foundation.timings import Timings
from cvstudio.media import Media, MediaKind
from cvstudio.media.camera import newest_frame
from cvstudio.media.damage.losses import LOSSES
from cvstudio.media.reader_pool import Readers, read_sample, sample_key
from cvstudio.models.runtime.cpu_threads import frames_at_once, leaving_a_core, shares_cores
from cvstudio.models.runtime.host import Host
from cvstudio.session.resolve import CanvasLayer, ViewState
from ui.base.jobs_bridge import JobsBridge
from ui.control.stopped_stages import StoppedStages

if TYPE_CHECKING:
    from cvstudio.media.formats.audio import AudioReader

DECODE, DRAW, PAINT = "decode", "draw", "paint"
"""Keys of `Pipeline.timings`; those of stages are (instance id, stage name)."""

READING = ("sample", "next", "step")
"""What the decode lane's jobs begin their tag with."""

BESIDE = "beside"
"""Name of the second lane of networks on the CPU, for playing every frame of a video."""

SOUND = "sound"
"""Name of the lane that reads what the views of a sound show."""
WITHOUT_TRACE = ("accelerator", BESIDE, "decode")
"""Lanes whose jobs write nothing that would be lost or left behind with the process."""

RECORD, RECORD_NICENESS = "record", 1
"""Name and priority offset of the lane that writes what a camera sends: before the networks, after the window."""


class Pipeline(QObject):
    """Owner of lanes, host and cache.

    Public methods are called on the main thread only, except for `network_key`. An error of a stage is emitted by
    `failed` and kept until `forget_failures`, so that the stage is not run again; what `stop` has ended waits for
    `go_on`.

    Signals
    -------
    changed : the cache has new entries, or a job failed; the state is to be resolved again
    job_event : `Event` of any job
    stopped : the last stage that was asked for was cancelled
    failed : (title of the job, exception) to report to the user
    noticed : sentence from a worker that is not an error
    """

    changed = Signal()
    job_event = Signal(object)
    stopped = Signal()
    failed = Signal(str, object)
    noticed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.cache = Cache()
        self.timings = Timings()
        self.services = Services()
        self.host = Host(notice=self.noticed.emit, measure=False)
        self._end_losses = LOSSES.listen(self.noticed.emit)
        self._bridge = JobsBridge(self._handle, self)
        self._local = threading.local()
        self.lanes = Lanes(
            self._bridge,
            {
                "accelerator": self._close_accelerator,
                BESIDE: self._close_readers,
                "decode": self._close_readers,
                "pool": self._close_readers,
                SOUND: self._close_readers,
            },
            {RECORD: RECORD_NICENESS},
        )
        # Cameras are captured before the networks get their turn: what is not taken in time is lost.
        self._starter = Starter()
        self._asked: dict[Any, Any] = {}
        self._long_params: dict[Any, Any] = {}
        self._yielding: set[Any] = set()
        """Owners of jobs that let others pass between their outputs."""
        self._failed: dict[Any, Exception] = {}
        self.stopped_stages = StoppedStages()

    # Threads of the lanes ---------------------------------------------------------------------------------------

    def _readers(self) -> Readers:
        if not hasattr(self._local, "readers"):
            self._local.readers = Readers()
        readers: Readers = self._local.readers
        return readers

    def sound_reader(self, media: Media) -> AudioReader:
        """The open reader of the sound of `media` that belongs to the lane whose thread asks. Raises MediaError."""
        reader: AudioReader = self._readers().get(media, sound=True)
        return reader

    def _close_readers(self) -> None:
        self._readers().close()

    def _close_accelerator(self) -> None:
        self._close_readers()
        self.host.close()

    def _decode(self, media: Media, pts: float | None, progress: Progress) -> Iterator[Any]:
        progress.check()
        if media.kind is MediaKind.CAMERA:
            frame = newest_frame(self._readers().get(media), pts, progress)
            self.cache.put(sample_key(media, frame.pts), frame)
            yield frame
        elif media.kind is MediaKind.VIDEO:
            # A frame is cached under its own presentation time, not under the moment that was asked for.
            with self.timings.measure(DECODE):
                frame = self._readers().get(media).at(pts or 0.0)
            self.cache.put(sample_key(media, frame.pts), frame)
            yield frame
        else:
            with self.timings.measure(DECODE):
                sample = read_sample(media, None, self._readers(), self.cache)
            yield sample

    def _decode_next(self, media: Media, pts: float, count: int, progress: Progress) -> Iterator[Any]:
        for _ in range(count):
            progress.check()
            with self.timings.measure(DECODE):
                frame = self._readers().get(media).step(pts, 1)
            self.cache.put(sample_key(media, frame.pts), frame)
            yield frame
            if frame.pts == pts:
                return
            pts = frame.pts

    def _decode_step(self, media: Media, pts: float, frames: int, progress: Progress) -> Iterator[Any]:
        with self.timings.measure(DECODE):
            for _ in range(abs(frames)):
                progress.check()
                frame = self._readers().get(media).step(pts, 1 if frames > 0 else -1)
                pts = frame.pts
        self.cache.put(sample_key(media, pts), frame)
        yield frame

    def _stage(self, layer: CanvasLayer, index: int, playing: bool, streams: int, progress: Progress) -> Iterator[Any]:
        request, instance = layer.request, layer.instance
        assert request is not None
        stage = request.stages[index]
        samples = self._samples(request, instance, index)
        if samples is None:
            return
        model = instance.model_spec
        if stage.uses_network and self.network_key(instance) != request.network:
            return  # the precision, device or checkpoint has changed: the next resolve requests the new network
        previous = self.cache.get(stage_keys(request)[index - 1]) if index else None
        if index and previous is None:
            return  # the previous output has left the cache: the next resolve requests it

        def run() -> Iterator[Any]:
            providers = Providers(
                samples=lambda: samples,
                key_frame=lambda _: samples[request.canvas_slot],
                network=lambda: self.host.network(model, instance.weights, progress) if model else None,
                services=self.services,
            )
            inputs = stage_inputs(request, index, previous.value if previous else None, providers)
            progress(None, instance.spec.title)
            work = run_stage(request, index, inputs, self.cache, progress)
            return self.timings.timed((instance.id, stage.name), work)

        timing = self.timings.get((instance.id, stage.name))
        # The least: one slow frame of a busy moment would give the network all cores, and so make the next ones slow.
        secs = timing.least_secs if timing is not None else None
        network = model if playing and stage.uses_network else None
        shares = shares_cores(network, instance.weights, self.host, streams, secs)
        with leaving_a_core(streams) if shares else nullcontext():
            for _ in self.host.run(run) if stage.uses_network else run():
                yield True

    def _samples(self, request: Request, instance: AnalysisInstance, index: int) -> dict[str, Any] | None:
        """Samples by slot for the stage at `index`, see `Inputs.samples`; for a shared stage only the canvas slot's.

        None where a camera frame or the result of another analysis has left the cache: the next resolve requests that,
        or a newer frame.
        """
        readers = self._readers()
        times = {slot: pts for slot, _, pts in request.sources}
        samples: dict[str, Any] = {}
        shared = request.shares(index)
        if shared:
            times[request.canvas_slot] = request.source_of(index).pts
        for name, before in () if shared else request.upstream:
            result = self.cache.get(stage_keys(before)[-1])
            if result is None or not result.complete:
                return None
            samples[name] = result_on(instance, name, result.value)
        for slot in instance.spec.inputs:
            bound = instance.bindings.get(slot.name)
            if bound is None or slot.name in samples or (shared and slot.name != request.canvas_slot):
                continue
            at = times[slot.name]
            camera = isinstance(bound, Media) and bound.kind is MediaKind.CAMERA
            if camera and isinstance(bound, Media) and self.cache.get(sample_key(bound, at)) is None:
                return None
            adjustments = instance.adjustments_of(slot.name)
            samples[slot.name] = read_input(
                bound,
                at,
                readers,
                self.cache,
                streamed=slot.streamed,
                adjustments=adjustments,
                instance=instance,
            )
        return samples

    # Main thread --------------------------------------------------------------------------------------------------

    def network_key(self, instance: AnalysisInstance) -> tuple[str, ...]:
        """Cache key of the network of `instance`; it changes with device, precision and checkpoint. () without a model.

        Thread-safe.
        """
        model = instance.model_spec
        return self.host.network_key(model, instance.weights) if model else ()

    def forget_failures(self) -> None:
        """Allow failed and stopped stages to run again, after a change by the user."""
        self._failed.clear()
        self.stopped_stages.clear()

    def stop(self, owner: Any) -> None:
        """Cancel the jobs of `owner`, which the user wants; a stage keeps what it has yielded."""
        self.stopped_stages.add(owner, self._asked.get(owner))
        self.lanes.cancel(owner)
        self.changed.emit()

    def go_on(self) -> None:
        """Let the stages that the user has stopped go on with what is left of them."""
        self.stopped_stages.clear()
        self.changed.emit()

    def error_of(self, layer: CanvasLayer) -> Exception | None:
        """Exception of the layer's next stage, or of an analysis that it depends on; None if nothing failed."""
        if layer.request is None or layer.next_stage is None:
            return None
        if layer.upstream:
            errors = (self.error_of(before) for before in layer.upstream)
            return next((error for error in errors if error is not None), None)
        return self._failed.get(stage_keys(layer.request)[layer.next_stage])

    def errors_of(self, media: Media | None, layers: Iterable[CanvasLayer]) -> tuple[Exception, ...]:
        """Exceptions of decoding `media` and of the next stages of `layers`."""
        stages = (self.error_of(layer) for layer in layers)
        reading = (
            error
            for key, error in self._failed.items()
            if media is not None and isinstance(key, tuple) and key[:2] in {(job, media.id) for job in READING}
        )
        return (*reading, *(error for error in stages if error is not None))

    def run_inline(self, layer: CanvasLayer) -> bool:
        """Run the layer's missing stages, or those of the analyses it depends on, up to the first that is not "main".

        Returns whether any stage ran. An exception of a stage is emitted by `failed`.
        """
        request = layer.request
        if request is None or layer.next_stage is None:
            return False
        if layer.upstream:
            ran_before = [self.run_inline(previous) for previous in layer.upstream]
            return any(ran_before)
        keys = stage_keys(request)
        ran = False
        for index in range(layer.next_stage, len(keys)):
            if request.stages[index].where != "main" or keys[index] in self._failed:
                break
            previous = self.cache.get(keys[index - 1])
            if previous is None:
                break
            try:
                inputs = stage_inputs(request, index, previous.value, Providers(services=self.services))
                work = run_stage(request, index, inputs, self.cache, Progress())
                for _ in self.timings.timed((layer.instance.id, request.stages[index].name), work):
                    ran = True
            except Exception as error:  # any error of a stage is reported and must not end the window
                self._failed[keys[index]] = error
                self.failed.emit(layer.instance.spec.title, error)
                return True
        return ran

    def request_sample(self, media: Media, pts: float | None) -> Hashable:
        """Decode the sample at `pts` seconds on the decode lane, replacing a waiting request; returns the job's tag."""
        key = ("sample", media.id, pts)
        if self._asked.get("sample") == key or key in self._failed:
            return key
        self._asked["sample"] = key
        title = self.tr("Reading {name}").format(name=media.name)
        self.lanes["decode"].submit(Job("sample", title, lambda p: self._decode(media, pts, p), tag=key))
        return key

    def request_next(self, media: Media, pts: float, count: int) -> Hashable:
        """Decode the `count` frames after the one at `pts` seconds; at the end, the last frame is repeated.

        Several in one job, as single requests would each wait for the main thread to paint. Returns the tag of the job.
        """
        key = ("next", media.id, pts)
        if self.decoding or key in self._failed:
            return key
        self._asked["sample"] = key
        title = self.tr("Reading {name}").format(name=media.name)
        self.lanes["decode"].submit(Job("sample", title, lambda p: self._decode_next(media, pts, count, p), tag=key))
        return key

    def request_step(self, media: Media, pts: float, frames: int) -> Hashable:
        """Decode the frame that lies `frames` frames behind the one at `pts` seconds, before it if negative.

        Returns the tag of the job; None where it has failed before.
        """
        key = ("step", media.id, pts, frames)
        if key in self._failed:
            return None
        self._asked["sample"] = key
        title = self.tr("Reading {name}").format(name=media.name)
        self.lanes["decode"].submit(Job("sample", title, lambda p: self._decode_step(media, pts, frames, p), tag=key))
        return key

    def release(self, media: Media) -> None:
        """Close the decode lane's reader of `media`, and cancel a request for a sample."""

        def work(progress: Progress) -> Iterator[Any]:
            self._readers().drop(media)
            yield None

        lane = self.lanes["decode"]
        lane.cancel("sample")
        lane.submit(Job(("release", media.id), "", work))

    @property
    def decoding(self) -> bool:
        """Whether a sample is requested and not decoded yet."""
        return "sample" in self._asked

    def request_stage(self, layer: CanvasLayer, *, queued: bool = False, playing: bool = False) -> None:
        """Run the layer's next stage on its lane.

        Parameters
        ----------
        layer : with a request and a next stage
        queued : run the frames in order; otherwise a request replaces the waiting one of the same analysis
        playing : leave processor time for decoding and painting
        """
        request, index = layer.request, layer.next_stage
        assert request is not None
        assert index is not None
        stage: Stage = request.stages[index]
        key = stage_keys(request)[index]
        owner: tuple[Any, ...] = ("stage", layer.instance.id, index)
        if request.view is None and any(stage.viewed for stage in request.stages[: index + 1]):
            owner = (*owner, "whole")  # must not replace the request for the part that the canvas shows
        if queued:
            owner = (*owner, request.source.pts)
        if self._asked.get(owner) == key or key in self._failed or self.stopped_stages.holds(owner, key):
            return
        streams = self._streams(layer.instance) if queued and stage.uses_network else 1
        name = "accelerator" if stage.where == "accelerator" else "pool"
        if streams > 1 and sum(self.lanes[BESIDE].counts) < sum(self.lanes[name].counts):
            name = BESIDE
        lane = self.lanes[name]
        if stage.long and owner in self._asked and self._long_params.get(owner) != request.params[index]:
            # A long job with outdated parameters, such as a folder that was replaced, would block the lane.
            lane.cancel(owner)
        self._asked[owner] = key
        if stage.long:
            self._long_params[owner] = request.params[index]
        background = stage.long or self._long(layer)
        (self._yielding.add if background else self._yielding.discard)(owner)
        lane.submit(
            Job(
                owner,
                layer.instance.spec.title,
                lambda p: self._stage(layer, index, playing, streams, p),
                key,
                background=background,
            )
        )

    def _streams(self, instance: AnalysisInstance) -> int:
        """Number of frames that the network of `instance` processes at once: up to two, as one does not use all cores.

        1 before the network is loaded: both lanes would wait for the loading.
        """
        model = instance.model_spec
        loaded = model is not None and self.host.has(model, instance.weights)
        return frames_at_once(model, self.host, streams=2) if loaded else 1

    @staticmethod
    def _long(layer: CanvasLayer) -> bool:
        """Whether a stage of the layer takes long and yields the lane between its outputs: a streamed sound."""
        return any(slot.streamed for slot in layer.instance.spec.inputs)

    def request_layers(self, view: ViewState) -> None:
        """Request the next stage of each layer that does not run on the main thread."""
        for layer in (layer for top in view.layers for layer in top.to_run()):
            request, index = layer.request, layer.next_stage
            if request is not None and index is not None and request.stages[index].where != "main":
                self.request_stage(layer)

    def partial_result(self, layer: CanvasLayer) -> Any:
        """Result of the layer, or a preview from the partial output of its running stage; None without an output."""
        request, index = layer.request, layer.next_stage
        if layer.result is not None or request is None or index is None:
            return layer.result
        entry = self.cache.get(stage_keys(request)[index])
        providers = Providers(services=self.services)
        return preview_result(request, index, entry.value, providers, Progress()) if entry else None

    def cancel_instance(self, number: int, *, yielding: bool = True) -> None:
        """Cancel the stages of the analysis with id `number`, whose medium or model has changed; without the `yielding`
        ones it is not shown any more, and those that let others pass go on."""
        for owner in [owner for owner in self._asked if isinstance(owner, tuple) and owner[:2] == ("stage", number)]:
            if yielding or owner not in self._yielding:
                del self._asked[owner]
                self.lanes.cancel(owner)

    def set_device(self, device: str) -> None:
        """Set the device of networks, "auto" or a name, from the next request on."""
        if device == self.host.requested_device:
            return
        for owner in [owner for owner in self._asked if isinstance(owner, tuple) and owner[0] == "stage"]:
            self.cancel_instance(owner[1])
        self.forget_failures()
        self.host.use(device)
        if len(self.host):
            # Networks are closed on the thread that created them, which frees the memory of the old device.
            self.submit("accelerator", Job("device", "", self._close_networks))
        self.changed.emit()

    def _close_networks(self, _: Progress) -> Iterator[None]:
        self.host.close()
        yield

    def submit(self, lane: str, job: Job) -> None:
        """Run a job, such as an export, on the lane with this name."""
        self.lanes[lane].submit(job)

    @property
    def busy(self) -> bool:
        """Whether any job runs or waits."""
        return not self.lanes.idle or bool(self._asked)

    def close(self, timeout_secs: float = CLOSE_SECS, *, process_ends: bool = False) -> bool:
        """Cancel all jobs and join the threads; False if one did not end within `timeout_secs`.

        Where the process ends, networks and decoders are neither waited for nor freed: they leave nothing behind.
        """
        self._end_losses()
        self._bridge.close()
        ended = self.lanes.close(timeout_secs, abandoned=WITHOUT_TRACE if process_ends else ())
        self._starter.close()
        return ended

    def _handle(self, event: Event) -> None:
        job = event.job
        ended = event.kind in ("finished", "failed", "cancelled")
        if ended and job.owner in self._asked and self._asked[job.owner] == job.tag:
            del self._asked[job.owner]
            if event.kind == "cancelled" and not self._asked:
                self.stopped.emit()
        if event.kind == "failed" and job.tag is not None:
            self._failed[job.tag] = event.value
            self.failed.emit(job.title, event.value)
        self.job_event.emit(event)
        if event.kind in ("output", "finished", "failed") or self.stopped_stages.ended(job.owner, event.kind):
            self.changed.emit()
