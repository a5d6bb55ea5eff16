"""Tuning of networks in the background: finds their fastest precision while the program is idle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer

from cvstudio.foundation.lanes import Event, Job
from cvstudio.foundation.progress import Progress
from cvstudio.models.inspection.tuning_process import measured_beside
from cvstudio.models.spec import ModelSpec
from ui.control.pipeline import Pipeline

OWNER = LANE = "measuring"
IDLE_MS = 2000
"""Idle time before tuning begins: another change often follows within seconds."""


class PrecisionTuning(QObject):
    """Measures the untuned networks of the host one by one, in a process of their own. Main thread only.

    `busy` is a callable () -> bool that postpones the next measurement.
    """

    def __init__(self, pipeline: Pipeline, busy: Callable[[], bool], parent: QObject) -> None:
        super().__init__(parent)
        self._pipeline = pipeline
        self._busy = busy
        self._closed = False
        self._running: tuple[ModelSpec, Path | None] | None = None
        self._soon = QTimer(self, interval=IDLE_MS, singleShot=True)
        self._soon.timeout.connect(self._start_next)
        pipeline.job_event.connect(self._event)

    def close(self) -> None:
        """Start no further measurement; may be called repeatedly."""
        self._closed = True
        self._soon.stop()

    def _event(self, event: Event) -> None:
        if self._closed:
            return
        if event.job.owner != OWNER:
            if self._running is None and self._pipeline.host.untuned:
                self._soon.start()  # restarted by each event, so that it fires after idle time only
        elif event.kind == "output" and self._running is not None:
            self._pipeline.host.set_tuned(*self._running, event.value)
        elif event.kind in ("finished", "failed", "cancelled") and self._running is not None:
            # A network is measured once, even if that failed.
            self._pipeline.host.forget_untuned(*self._running)
            self._running = None
            if self._pipeline.host.untuned:
                self._soon.start()

    def _start_next(self) -> None:
        host = self._pipeline.host
        if self._running is not None or not host.untuned:
            return
        if self._busy() or self._pipeline.busy:
            self._soon.start()
            return
        spec, weights = self._running = host.untuned[0]
        device = host.device

        def work(progress: Progress) -> Iterator[Any]:
            yield from measured_beside(spec.key, weights, device, progress)

        title = self.tr("Tuning speed in the background: {model}").format(model=spec.title)
        self._pipeline.submit(LANE, Job(OWNER, title, work))
