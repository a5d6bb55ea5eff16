"""Running a batch from its first file to its report."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cvstudio.analyses.services import Services
from cvstudio.exporters.base import Exporter, write_recipe, writing
from cvstudio.foundation.atomic_files import atomic_path, clean_up
from cvstudio.foundation.cache import Cache
from cvstudio.foundation.input_files import protect_input
from cvstudio.foundation.progress import Progress
from cvstudio.models.runtime.cpu_threads import cpu_streams
from cvstudio.models.runtime.precision import RequestedPrecision
from cvstudio.running.batch.plan import BatchPlan, BatchTask, names_of, sources_of
from cvstudio.running.batch.queue import BatchError, BatchQueue, Outcome, write_report
from cvstudio.running.batch.sources import find_sources
from cvstudio.running.batch.work import Workers, folder_of
from cvstudio.running.recipe import FORMAT as RECIPE_FORMAT
from cvstudio.running.recipe import is_recipe, is_there, read_json
from cvstudio.running.runner import Runner

REPORT = "batch-report.csv"
RECIPE = "batch.recipe.json"

_WRITTEN = "formats_written"

CACHE_BYTES = 64 << 20
"""What one picture needs while it is worked on; nothing is looked at twice."""


def _formats_written(path: Path) -> frozenset[str]:
    """The formats that batches before have written beside the recipe at `path`; older ones state their own only."""
    recipe = read_json(path, RECIPE_FORMAT)
    formats = recipe.get(_WRITTEN, recipe.get("formats", ()))
    return frozenset(map(str, formats)) if isinstance(formats, list) else frozenset()


@dataclass(frozen=True)
class Summary:
    """Counts of files by outcome at the end of a batch; `resumed` of the `done` ones are from an earlier run."""

    done: int = 0
    resumed: int = 0
    failed: int = 0
    left_out: int = 0
    secs: float = 0.0

    def with_outcome(self, outcome: Outcome, secs: float) -> Summary:
        """Summary that also counts `outcome`; `secs` are the seconds since the start."""
        return Summary(
            self.done + (outcome.state == "done"),
            self.resumed + outcome.resumed,
            self.failed + (outcome.state == "failed"),
            self.left_out + (outcome.state == "left out"),
            secs,
        )

    def text(self) -> str:
        """The counts as one line of text."""
        parts = [f"{self.done} done" + (f" ({self.resumed} before)" if self.resumed else "")]
        parts += [f"{self.failed} failed"] if self.failed else []
        parts += [f"{self.left_out} left out"] if self.left_out else []
        worked = self.done - self.resumed + self.failed
        rate = f", {worked / self.secs:.1f} files/s" if worked and self.secs > 0 else ""
        return ", ".join(parts) + rate


class Batch:
    """Runs a plan.

    Parameters
    ----------
    device, precision : see `cvstudio.models.runtime.host.Host`
    streams : networks that run side by side, each on its share of the processor's cores
        More than one helps on a CPU only; None takes what `cpu_streams` says of one, else one.

    Attributes
    ----------
    restarted : whether the folder held a batch of another recipe, which is begun anew
    summary : how many files ended how, so far
    """

    def __init__(
        self,
        plan: BatchPlan,
        *,
        device: str = "auto",
        precision: RequestedPrecision = "auto",
        streams: int | None = None,
    ) -> None:
        self.plan = plan
        self.restarted = False
        self.summary = Summary()
        self._device, self._precision = device, precision
        self._streams = streams
        self._services = Services()
        self._recipe_lock = threading.Lock()
        self._recipe_written = False
        self._written: frozenset[str] = frozenset()

    def run(self, progress: Progress) -> Iterator[Outcome]:
        """Process the files that are not done yet, and yield the outcome of each in order of completion.

        At the end the combined outputs and the report are written.

        Raises
        ------
        UserError
            The batch cannot run: there are no files or no weights, or the disk is full.
        Cancelled
            By `progress`. Finished files are kept, and the next run resumes after them.
        """
        plan = self.plan
        sources = find_sources(plan.instance.spec.main_slot, plan.paths, plan.out)
        if not sources:
            raise BatchError("A batch expects files, found none; choose a folder that holds some.")
        for file, _ in sources:
            protect_input(file, self)
        recipe = {**plan.recipe(), "precision": self._precision}
        with writing(plan.out):
            self._check_own(plan.out)
            plan.out.mkdir(parents=True, exist_ok=True)
            batch_queue = BatchQueue(plan.out, recipe)
        with batch_queue:
            self.restarted = batch_queue.restarted
            with writing(plan.out):
                self._write_recipe(recipe)
                for exporter in plan.exporters:
                    if exporter.combined is None:
                        folder_of(plan.out, exporter).mkdir(exist_ok=True)
                        clean_up(folder_of(plan.out, exporter))
            earlier_names = {entry.file: entry.name for entry in batch_queue.entries.values() if entry.name}
            names = names_of([file for file, _ in sources], earlier_names)
            named = sources_of([file for file, _ in sources])
            tasks = [
                BatchTask(file, name, asked, *source)
                for (file, asked), name, source in zip(sources, names, named, strict=True)
            ]
            yield from self._outcomes(tasks, batch_queue, progress)
            self._finish(tasks, batch_queue, progress)

    def _check_own(self, out: Path) -> None:
        """Check that nothing would be changed in `out` but what an earlier batch wrote. Raises BatchError, OSError."""
        earlier = is_recipe(out / RECIPE)
        self._written = _formats_written(out / RECIPE) if earlier else frozenset()
        names = [] if earlier else [out / RECIPE, out / REPORT]
        names += [self._output(exporter) for exporter in self.plan.exporters if exporter.key not in self._written]
        taken = next((path.name for path in names if is_there(path)), None)
        if taken is not None:
            raise BatchError(f"{out} holds {taken}, which is of no batch and would be changed; choose another folder.")

    def _write_recipe(self, recipe: Mapping[str, Any]) -> None:
        """Write the recipe with the formats of all batches in the folder: what they wrote is ours. Raises OSError."""
        written = sorted(self._written | set(self.plan.formats))
        write_recipe(self.plan.out / RECIPE, {**recipe, _WRITTEN: written})

    def _output(self, exporter: Exporter) -> Path:
        """The combined file of a format, or the folder of its files."""
        if exporter.combined is not None:
            return self.plan.out / f"{self.plan.instance.analysis}{exporter.suffix}"
        return folder_of(self.plan.out, exporter)

    def _runner(self) -> Runner:
        cache = Cache(budget_bytes=CACHE_BYTES, max_entries=16)
        return Runner(device=self._device, precision=self._precision, cache=cache, services=self._services)

    def _usual_streams(self) -> int:
        specs = [item.model_spec for item in self.plan.instance.lineage]
        models = [model for model in specs if model is not None]
        if not models or not all(model.weights for model in models):
            return 1
        with self._runner() as runner:
            return min(map(cpu_streams, models)) if runner.host.device == "cpu" else 1

    def _write_provenance(self, runner: Runner) -> None:
        """Add the provenance of the loaded networks to the recipe, once: all streams compute alike."""
        with self._recipe_lock, writing(self.plan.out):
            if not self._recipe_written:
                recipe = self.plan.recipe(lambda layer: runner.provenance(layer, Progress()))
                self._write_recipe({**recipe, "precision": self._precision})
                self._recipe_written = True

    def _outcomes(self, tasks: list[BatchTask], batch_queue: BatchQueue, progress: Progress) -> Iterator[Outcome]:
        began = time.monotonic()
        outcomes: dict[str, Outcome] = {}
        streams = self._streams if self._streams is not None else self._usual_streams()
        workers = Workers(
            self.plan, tasks, batch_queue, runner=self._runner, loaded=self._write_provenance, streams=streams
        )
        try:
            for outcome in workers.run(progress):
                outcomes[outcome.file] = outcome
                self.summary = self.summary.with_outcome(outcome, time.monotonic() - began)
                # The time left is reckoned from the first fraction, and files of an earlier run take no time.
                resuming = outcome.resumed and self.summary.done == self.summary.resumed
                fraction = None if resuming else len(outcomes) / len(tasks)
                progress(fraction, f"{len(outcomes)} of {len(tasks)} files: {self.summary.text()}")
                yield outcome
        finally:
            workers.close()
            with writing(self.plan.out / REPORT):
                order = [str(task.file) for task in tasks]
                write_report(self.plan.out / REPORT, [outcomes[file] for file in order if file in outcomes])

    def _finish(self, tasks: list[BatchTask], batch_queue: BatchQueue, progress: Progress) -> None:
        """Write the combined files, which hold all results."""
        out = self.plan.out
        files = [str(task.file) for task in tasks if batch_queue.is_done(str(task.file))]
        for exporter in self.plan.exporters:
            progress.check()
            with writing(out):
                if exporter.combined is not None:
                    options = self.plan.option_values(exporter.key)
                    with atomic_path(self._output(exporter)) as temporary:
                        pieces = batch_queue.pieces(exporter.key, files)
                        exporter.combined.write(temporary, pieces, options, progress)
                elif exporter.finish is not None:
                    exporter.finish(folder_of(out, exporter))
