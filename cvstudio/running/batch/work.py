"""The threads of a batch: pictures are decoded ahead, networks run, files are written behind them."""

from __future__ import annotations

import dataclasses
import errno
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cvstudio.analyses.binding import Binding
from cvstudio.data.samples import Image
from cvstudio.exporters import Exporter, ExportItem, export
from cvstudio.exporters.base import Piece, writing
from cvstudio.foundation.closing import Closeable
from cvstudio.foundation.concurrency import fan_out
from cvstudio.foundation.errors import (
    BindingError,
    Cancelled,
    ExportError,
    ParamsError,
    ReadingError,
    UserError,
    WeightsError,
)
from cvstudio.foundation.progress import Progress
from cvstudio.media import Media, MediaKind, open_reader
from cvstudio.media.formats import FORMATS
from cvstudio.media.reader_pool import sample_key
from cvstudio.models.runtime.cpu_threads import share_cores
from cvstudio.running.batch.plan import BatchPlan, BatchTask
from cvstudio.running.batch.queue import BatchQueue, Outcome
from cvstudio.running.batch.sources import identity_of, is_unchanged, kind_of, open_source
from cvstudio.running.composition import Comparison, shown_frames
from cvstudio.running.export_items import ExportRequest, export_item
from cvstudio.running.runner import Runner

log = logging.getLogger(__name__)

DECODERS = 2
WRITERS = 2

STOPPING = (WeightsError, ParamsError, BindingError)
"""Errors that end the batch, as every other file would raise them, too."""

DECODED = (MediaKind.IMAGE, MediaKind.DEPTH)


def folder_of(out: Path, exporter: Exporter) -> Path:
    """Folder below `out` for the files of a format."""
    return out / exporter.key


@dataclass(frozen=True, eq=False)
class _Read:
    """A recognised source, with its picture where it has one."""

    task: BatchTask
    source: Binding
    sample: Any
    began: float

    @property
    def media(self) -> Media | None:
        """The source if it is a medium, else None."""
        return self.source if isinstance(self.source, Media) else None


class Workers(Closeable):
    """Runs tasks. Each network has a thread and a `Runner` of its own; what waits between threads is bounded.

    Parameters
    ----------
    done : what was done before; it is told what is done now
    runner : makes the runner of a thread, in that thread
    loaded : told by each thread when its runner has loaded the networks
    """

    def __init__(
        self,
        plan: BatchPlan,
        tasks: list[BatchTask],
        done: BatchQueue,
        *,
        runner: Callable[[], Runner],
        loaded: Callable[[Runner], None],
        streams: int,
    ) -> None:
        self._plan = plan
        self._tasks = iter(tasks)
        self._n_tasks = len(tasks)
        self._done = done
        self._runner = runner
        self._loaded = loaded
        self._streams = streams
        self._recipe = plan.recipe()
        kinds = plan.instance.spec.main_slot.kinds
        self._suffixes = {suffix for entry in FORMATS if entry.kind in kinds for suffix in entry.suffixes}
        self._stop = Progress()
        self._outcomes: queue.Queue[Outcome | BaseException] = queue.Queue()
        self._feed = threading.Lock()
        self._record = threading.Lock()
        self._ahead: deque[Future[_Read | Outcome]] = deque()
        self._decoders = ThreadPoolExecutor(DECODERS, "cvstudio-batch-decode")
        self._writers = ThreadPoolExecutor(WRITERS, "cvstudio-batch-write")
        # What waits to be written holds a picture.
        self._room = threading.Semaphore(2 * WRITERS)
        self._threads = [
            threading.Thread(target=self._network, name=f"cvstudio-batch-{number}", daemon=True)
            for number in range(streams)
        ]

    def run(self, progress: Progress) -> Iterator[Outcome]:
        """Yield the outcome of each task in order of completion. Raises UserError, Cancelled."""
        for thread in self._threads:
            thread.start()
        remaining = self._n_tasks
        while remaining:
            progress.check()
            try:
                outcome = self._outcomes.get(timeout=0.1)
            except queue.Empty:
                continue
            if isinstance(outcome, BaseException):
                raise outcome
            remaining -= 1
            yield outcome

    def close(self) -> None:
        """Stop after the running tasks, and join all threads."""
        self._stop.cancel()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()
        self._decoders.shutdown(cancel_futures=True)
        self._writers.shutdown()

    # Reading --------------------------------------------------------------------------------------------------------

    def _next(self) -> Future[_Read | Outcome] | None:
        """The next file, on its way from the disk; None after the last."""
        with self._feed:
            while len(self._ahead) < self._streams + DECODERS:
                task = next(self._tasks, None)
                if task is None:
                    break
                self._ahead.append(self._decoders.submit(self._read, task))
            return self._ahead.popleft() if self._ahead else None

    def _read(self, task: BatchTask) -> _Read | Outcome:
        began = time.monotonic()
        try:
            earlier = self._earlier_outcome(task)
            if earlier is not None:
                return earlier
            source = self._open(task)
            if source is None:
                return Outcome(str(task.file), "left out", error=self._reason(task))
            sample = None
            decoded = isinstance(source, Media) and source.kind in DECODED
            if decoded and isinstance(source, Media) and not self._plan.instance.spec.main_slot.streamed:
                with open_reader(source) as reader:
                    sample = reader.read()
                if isinstance(sample, Image):
                    _ = sample.rgb8  # converted here, where nobody waits
            return _Read(task, source, sample, began)
        except Exception as error:  # the batch goes on with the next file
            return self._failed(task, error, began)

    def _earlier_outcome(self, task: BatchTask) -> Outcome | None:
        """Earlier outcome of the file, if it is unchanged and its outputs exist."""
        entry = self._done.entries.get(str(task.file))
        if entry is None or entry.state != "done":
            return None
        slot, read_as = self._plan.instance.spec.main_slot, self._plan.reading_of(task.file)
        if not is_unchanged(slot, task.file, entry.kind, entry.identity, read_as):
            return None
        complete = all((self._plan.out / name).exists() for name in entry.outputs)
        return dataclasses.replace(entry, resumed=True) if complete else None

    def _open(self, task: BatchTask) -> Binding | None:
        """The recognised source; None for a file of a folder that the main slot does not take."""
        slot = self._plan.instance.spec.main_slot
        try:
            source = open_source(slot, task.file, self._plan.reading_of(task.file))
        except ReadingError:
            if task.asked:
                raise
            return None
        except UserError:
            # What calls itself a picture and is none is damaged; a text file in the folder is nobody's fault.
            if task.asked or not slot.kinds or task.file.suffix.lower() in self._suffixes:
                raise
            return None
        if slot.takes(source):
            return source
        if task.asked:
            self._plan.instance.spec.check_bindings({**self._plan.template.bindings, slot.name: source})
        return None

    def _reason(self, task: BatchTask) -> str:
        """Why the main slot does not take a file, and what it would have to be read as."""
        slot, read_as = self._plan.instance.spec.main_slot, self._plan.reading_of(task.file)
        if read_as:
            return f"It cannot be read as {read_as}."
        unfit = f"It is not a {slot.title.lower()}."
        try:
            source = open_source(slot, task.file)
        except UserError:
            return unfit
        if not isinstance(source, Media):
            return unfit
        fitting = next((reading.key for reading in source.readings if reading.kind in slot.kinds), "")
        return f"It is taken for {source.read_as}; read it as {fitting}." if fitting else unfit

    # Networks -------------------------------------------------------------------------------------------------------

    def _network(self) -> None:
        try:
            with self._runner() as runner:
                self._load(runner)
                self._loaded(runner)
                while (future := self._next()) is not None:
                    self._stop.check()
                    read = future.result()
                    if isinstance(read, Outcome):
                        self._report(read)
                    else:
                        self._process(runner, read)
        except BaseException as error:  # handed to the thread that waits
            self._give_up(error)

    def _load(self, runner: Runner) -> None:
        """Load the network before the first picture: what is missing is missing for all."""
        layers = {(layer.model, layer.weights): layer for layer in self._plan.lineage}
        for layer in layers.values():
            model = layer.model_spec
            if model is None:
                continue
            if self._streams > 1 and model.weights and runner.host.device == "cpu":
                share_cores(self._streams)
            runner.host.network(model, layer.weights, self._stop)

    def _process(self, runner: Runner, read: _Read) -> None:
        spec = self._plan.instance.spec
        instance, layers = self._plan.on(read.source)
        video = spec.goes_by_frame(read.media)
        try:
            targets = self._targets(read.task, video=video)
            request = ExportRequest(
                instance,
                self._plan.out,
                part=(0.0, None) if video else None,
                composition=layers if any(exporter.draws for exporter, _ in targets) else (),
                look=self._plan.look,
                recipe=self._recipe,
                stem=read.task.name,
            )
            if video:
                self._report(self._video(runner, request, read, targets))
                return
            if read.sample is not None and read.media is not None:
                runner.cache.put(sample_key(read.media, None), read.sample)
            item = export_item(runner, request, self._stop)
            runner.cache.clear()
        except STOPPING:
            raise
        except Exception as error:  # the batch goes on with the next file
            self._report(self._failed(read.task, error, read.began))
            return
        while not self._room.acquire(timeout=0.1):
            self._stop.check()
        self._writers.submit(self._write, item, read, targets)

    def _targets(self, task: BatchTask, *, video: bool) -> list[tuple[Exporter, Path | None]]:
        """(format, path) of the formats that take this file; the path is None where all files share one."""
        targets: list[tuple[Exporter, Path | None]] = []
        for exporter in self._plan.exporters:
            if exporter.takes_video if video else not exporter.video:
                folder = folder_of(self._plan.out, exporter)
                # In a folder of its own a format needs no more than its usual ending.
                name = f"{task.name}{Path(f'x{exporter.suffix}').suffix}"
                target = None if exporter.combined else folder if exporter.folder else folder / name
                targets.append((exporter, target))
        if not targets:
            kind = "every frame of a video" if video else "a single picture"
            raise ExportError(f"None of the chosen formats can hold {kind}; choose another one, too.")
        return targets

    # Writing --------------------------------------------------------------------------------------------------------

    def _write(self, item: ExportItem, read: _Read, targets: list[tuple[Exporter, Path | None]]) -> None:
        try:
            pieces: dict[str, list[Piece]] = {}
            for exporter, path in targets:
                self._write_one(exporter, path, item, read.task, pieces)
            self._report(self._succeeded(read, targets, pieces))
        except Cancelled:
            pass  # the batch was stopped; the file is done again next time
        except Exception as error:  # the batch goes on with the next file
            self._report(self._failed(read.task, error, read.began))
        finally:
            self._room.release()

    def _write_one(
        self, exporter: Exporter, path: Path | None, item: ExportItem, task: BatchTask, pieces: dict[str, list[Piece]]
    ) -> None:
        label = task.label or task.name
        options = self._plan.option_values(exporter.key)
        item = dataclasses.replace(item, options=options, source=task.source, label=label)
        if path is None:
            assert exporter.combined is not None
            exporter.check(item)
            with writing(self._plan.out):
                pieces[exporter.key] = list(exporter.combined.pieces(item, self._stop))
        else:
            # What holds the folder together is written once, at the end.
            export(dataclasses.replace(exporter, finish=None), path, item, self._stop, recipe=False)

    def _video(
        self,
        runner: Runner,
        request: ExportRequest,
        read: _Read,
        targets: list[tuple[Exporter, Path | None]],
    ) -> Outcome:
        """Write all formats at once, while the network processes the next frames."""
        pieces: dict[str, list[Piece]] = {}

        def reader(exporter: Exporter, path: Path | None) -> Any:
            def write(frames: Iterator[tuple[Any, Any, Any]]) -> None:
                wanted = ((frame, shown if exporter.draws else result) for frame, result, shown in frames)
                item = export_item(runner, request, self._stop, frames=wanted)
                self._write_one(exporter, path, item, read.task, pieces)

            return write

        assert not isinstance(request.composition, Comparison)  # a batch is of one
        streams = 1 if self._streams > 1 else None
        frames = shown_frames(runner, request.instance, request.composition, self._stop, streams=streams)
        fan_out(frames, [reader(*target) for target in targets])
        runner.cache.clear()
        return self._succeeded(read, targets, pieces)

    def _succeeded(
        self, read: _Read, targets: list[tuple[Exporter, Path | None]], pieces: dict[str, list[Piece]]
    ) -> Outcome:
        file = str(read.task.file)
        with self._record, writing(self._plan.out):
            for key, value in pieces.items():
                self._done.put_pieces(key, file, value)
        outputs = tuple(path.relative_to(self._plan.out).as_posix() for _, path in targets if path is not None)
        secs = time.monotonic() - read.began
        return Outcome(file, "done", read.task.name, identity_of(read.source), kind_of(read.source), "", outputs, secs)

    def _failed(self, task: BatchTask, error: Exception, began: float) -> Outcome:
        cause = error.__cause__
        if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
            # Every other file would fail as well, after hours of work for nothing.
            self._give_up(error)
        reason = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        if not isinstance(error, UserError):
            log.error("%s failed", task.file, exc_info=error)
        return Outcome(str(task.file), "failed", task.name, error=reason, secs=time.monotonic() - began)

    def _give_up(self, error: BaseException) -> None:
        self._outcomes.put(error)
        self._stop.cancel()

    def _report(self, outcome: Outcome) -> None:
        try:
            if not outcome.resumed:
                with self._record, writing(self._plan.out):
                    self._done.add(outcome)
        except ExportError as error:
            self._give_up(error)
        else:
            self._outcomes.put(outcome)
