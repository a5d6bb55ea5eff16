"""Brings what `resolve` finds missing: decodes, loads and runs stages on the lanes, and resolves again."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterator
from contextlib import nullcontext
from typing import Any

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
from cvstudio.foundation.lanes import Event, Job, Lanes
from cvstudio.foundation.progress import Progress
from cvstudio.foundation.timings import Timings
from cvstudio.media import Media, MediaKind
from cvstudio.media.camera import newest_frame
from cvstudio.media.reader_pool import Readers, read_sample, sample_key
from cvstudio.models.runtime.cpu_threads import frames_at_once, leaving_a_core
from cvstudio.models.runtime.host import Host
from cvstudio.session.resolve import CanvasLayer, ViewState
from ui.base.jobs_bridge import JobsBridge

QUICK_SECS = 0.1
"""A network that takes less than this for a frame gains little by the last core, which the window then lacks."""

DECODE, DRAW, PAINT = "decode", "draw", "paint"
"""Keys of `Pipeline.timings`; those of stages are (instance id, stage name)."""

BESIDE = "beside"
"""A second lane for networks on the CPU, where every frame of a video is wanted."""


class Pipeline(QObject):
    """Owns lanes, host and cache. All methods run on the main thread.

    Signals
    -------
    changed : something new is in the cache; resolve again
    job_event : every job event, for the jobs panel
    failed : (title, error) for what the user must know
    noticed : a sentence from a worker that is no error
    """

    changed = Signal()
    job_event = Signal(object)
    failed = Signal(str, object)
    noticed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.cache = Cache()
        self.timings = Timings()
        self.services = Services()
        self.host = Host(notice=self.noticed.emit, measure=False)
        self._bridge = JobsBridge(self._handle, self)
        self._local = threading.local()
        self.lanes = Lanes(
            self._bridge,
            {
                "accelerator": self._close_accelerator,
                BESIDE: self._close_readers,
                "decode": self._close_readers,
                "pool": self._close_readers,
            },
        )
        self._asked: dict[Any, Any] = {}
        self._long_params: dict[Any, Any] = {}
        self._failed: dict[Any, Exception] = {}

    # Threads of the lanes ---------------------------------------------------------------------------------------

    def _readers(self) -> Readers:
        if not hasattr(self._local, "readers"):
            self._local.readers = Readers()
        readers: Readers = self._local.readers
        return readers

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

    def _stage(self, layer: CanvasLayer, index: int, playing: bool, streams: int, progress: Progress) -> Iterator[Any]:
        request, instance = layer.request, layer.instance
        assert request is not None
        stage = request.stages[index]
        samples = self._samples(request, instance, index)
        if samples is None:
            return
        model = instance.model_spec
        if stage.uses_network and self.network_key(instance) != request.network:
            return  # another way to compute, device or checkpoint by now: resolving again asks for that
        previous = self.cache.get(stage_keys(request)[index - 1]) if index else None
        if index and previous is None:
            return  # it left the cache meanwhile: resolving again begins where it has to

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

        in_torch = stage.uses_network and model is not None and model.weights and self.host.device == "cpu"
        last = self.timings.get((instance.id, stage.name))
        quick = last is not None and last.last_secs < QUICK_SECS
        with leaving_a_core(streams) if playing and in_torch and quick else nullcontext():
            for _ in self.host.run(run) if stage.uses_network else run():
                yield True

    def _samples(self, request: Request, instance: AnalysisInstance, index: int) -> dict[str, Any] | None:
        """Samples by slot for the stage at `index`, see `Inputs.samples`; of a shared stage only the canvas slot's.

        None where something left the cache meanwhile that cannot be read again: resolving once more asks for it, or for
        a newer frame.
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
                bound, at, readers, self.cache, streamed=slot.streamed, adjustments=adjustments
            )
        return samples

    # Main thread --------------------------------------------------------------------------------------------------

    def network_key(self, instance: AnalysisInstance) -> tuple[str, ...]:
        """What identifies the network of `instance`: another one as soon as its checkpoint is there or is another.

        May be asked from every thread.
        """
        model = instance.model_spec
        return self.host.network_key(model, instance.weights) if model else ()

    def forget_failures(self) -> None:
        """Try again what failed (the user changed something)."""
        self._failed.clear()

    def error_of(self, layer: CanvasLayer) -> Exception | None:
        """Why a layer has no result, where its stage failed, or one of what it waits for."""
        if layer.request is None or layer.next_stage is None:
            return None
        if layer.upstream:
            found = (self.error_of(before) for before in layer.upstream)
            return next((error for error in found if error is not None), None)
        return self._failed.get(stage_keys(layer.request)[layer.next_stage])

    def run_inline(self, layer: CanvasLayer) -> bool:
        """Run the layer's missing stages, or those of what it waits for, here while they are "main" stages; whether
        anything ran."""
        request = layer.request
        if request is None or layer.next_stage is None:
            return False
        if layer.upstream:
            ran_before = [self.run_inline(before) for before in layer.upstream]
            return any(ran_before)
        keys = stage_keys(request)
        ran = False
        for index in range(layer.next_stage, len(keys)):
            if request.stages[index].where != "main" or keys[index] in self._failed:
                break
            before = self.cache.get(keys[index - 1])
            if before is None:
                break
            try:
                inputs = stage_inputs(request, index, before.value, Providers(services=self.services))
                work = run_stage(request, index, inputs, self.cache, Progress())
                for _ in self.timings.timed((layer.instance.id, request.stages[index].name), work):
                    ran = True
            except Exception as error:  # a stage ends here: the user is told
                self._failed[keys[index]] = error
                self.failed.emit(layer.instance.spec.title, error)
                return True
        return ran

    def request_sample(self, media: Media, pts: float | None) -> Hashable:
        """Decode the sample at `pts` seconds on the decode lane; the newest wish wins. The tag of the job."""
        key = ("sample", media.id, pts)
        if self._asked.get("sample") == key or key in self._failed:
            return key
        self._asked["sample"] = key
        title = self.tr("Reading {name}").format(name=media.name)
        self.lanes["decode"].submit(Job("sample", title, lambda p: self._decode(media, pts, p), tag=key))
        return key

    def request_next(self, media: Media, pts: float, count: int) -> Hashable:
        """Decode the `count` frames behind the one at `pts` seconds; at the end it is the last one once more.

        Several at once, as otherwise each would wait for this thread, which paints meanwhile. The tag of the job.
        """
        key = ("next", media.id, pts)
        if self.decoding or key in self._failed:
            return key
        self._asked["sample"] = key
        title = self.tr("Reading {name}").format(name=media.name)
        self.lanes["decode"].submit(Job("sample", title, lambda p: self._decode_next(media, pts, count, p), tag=key))
        return key

    def release(self, media: Media) -> None:
        """Close what the decode lane has open of `media`; a frame that is on its way is not waited for."""

        def work(progress: Progress) -> Iterator[Any]:
            self._readers().drop(media)
            yield None

        lane = self.lanes["decode"]
        lane.cancel("sample")
        lane.submit(Job(("release", media.id), "", work))

    @property
    def decoding(self) -> bool:
        """Whether a sample is on its way."""
        return "sample" in self._asked

    def request_stage(self, layer: CanvasLayer, *, queued: bool = False, playing: bool = False) -> None:
        """Run the layer's next stage on its lane; the newest wish of an instance wins, unless they are `queued`.

        While it is `playing`, decoding and painting need the processor, too.
        """
        request, index = layer.request, layer.next_stage
        assert request is not None
        assert index is not None
        stage: Stage = request.stages[index]
        key = stage_keys(request)[index]
        owner: tuple[Any, ...] = ("stage", layer.instance.id, index)
        if request.view is None and any(stage.viewed for stage in request.stages[: index + 1]):
            owner = (*owner, "whole")  # what another analysis takes is no wish for what the canvas shows
        if queued:
            owner = (*owner, request.source.pts)
        if self._asked.get(owner) == key or key in self._failed:
            return
        streams = self._streams(layer.instance) if queued and stage.uses_network else 1
        name = "accelerator" if stage.where == "accelerator" else "pool"
        if streams > 1 and sum(self.lanes[BESIDE].counts) < sum(self.lanes[name].counts):
            name = BESIDE
        lane = self.lanes[name]
        if stage.long and owner in self._asked and self._long_params.get(owner) != request.params[index]:
            # Nobody waits for a folder that was the wrong one.
            lane.cancel(owner)
        self._asked[owner] = key
        if stage.long:
            self._long_params[owner] = request.params[index]
        lane.submit(
            Job(
                owner,
                layer.instance.spec.title,
                lambda p: self._stage(layer, index, playing, streams, p),
                key,
                background=stage.long or self._long(layer),
            )
        )

    def _streams(self, instance: AnalysisInstance) -> int:
        """How many frames go through the network of `instance` at once: two, as one alone does not fill two cores.

        It has to be there already: two lanes would wait for its loading, and its device is known without torch.
        """
        model = instance.model_spec
        there = model is not None and self.host.has(model, instance.weights)
        return frames_at_once(model, self.host, streams=2) if there else 1

    @staticmethod
    def _long(layer: CanvasLayer) -> bool:
        """Whether others may pass between its outputs: a sound is read from end to end."""
        return any(slot.streamed for slot in layer.instance.spec.inputs)

    def request_layers(self, view: ViewState) -> None:
        """Ask for every stage that is missing and may not run on the main thread."""
        for layer in (one for item in view.layers for one in item.to_run()):
            request, index = layer.request, layer.next_stage
            if request is not None and index is not None and request.stages[index].where != "main":
                self.request_stage(layer)

    def partial_result(self, layer: CanvasLayer) -> Any:
        """The newest result of a stage that still streams, through the main stages behind it; None without one."""
        request, index = layer.request, layer.next_stage
        if layer.result is not None or request is None or index is None:
            return layer.result
        entry = self.cache.get(stage_keys(request)[index])
        providers = Providers(services=self.services)
        return preview_result(request, index, entry.value, providers, Progress()) if entry else None

    def cancel_instance(self, number: int) -> None:
        """Stop what runs for an instance: its medium or its model has changed."""
        for owner in [owner for owner in self._asked if isinstance(owner, tuple) and owner[:2] == ("stage", number)]:
            del self._asked[owner]
            self.lanes.cancel(owner)

    def set_device(self, device: str) -> None:
        """Run networks on another device, "auto" or its name, from the next request on."""
        if device == self.host.requested_device:
            return
        for owner in [owner for owner in self._asked if isinstance(owner, tuple) and owner[0] == "stage"]:
            self.cancel_instance(owner[1])
        self.forget_failures()
        self.host.use(device)
        if len(self.host):
            # Networks belong to the accelerator's thread: it gives the memory of the old device back.
            self.submit("accelerator", Job("device", "", self._close_networks))
        self.changed.emit()

    def _close_networks(self, _: Progress) -> Iterator[None]:
        self.host.close()
        yield

    def submit(self, lane: str, job: Job) -> None:
        """Run other work, such as an export, on a lane."""
        self.lanes[lane].submit(job)

    @property
    def busy(self) -> bool:
        return not self.lanes.idle or bool(self._asked)

    def close(self) -> bool:
        """Stop everything and join the threads; False where one did not end in time."""
        self._bridge.close()
        return self.lanes.close()

    def _handle(self, event: Event) -> None:
        job = event.job
        ended = event.kind in ("finished", "failed", "cancelled")
        if ended and job.owner in self._asked and self._asked[job.owner] == job.tag:
            del self._asked[job.owner]
        if event.kind == "failed" and job.tag is not None:
            self._failed[job.tag] = event.value
            self.failed.emit(job.title, event.value)
        self.job_event.emit(event)
        if event.kind in ("output", "finished", "failed"):
            self.changed.emit()
