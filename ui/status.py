"""The line at the bottom: what is under the cursor, how long it took, what is running, on which device."""

from __future__ import annotations

from PySide6.QtWidgets import QLabel, QStatusBar

from cvstudio.jobs import Event
from ui.controller import Controller


class StatusLine(QStatusBar):
    """Numbers that do not ask for attention."""

    def __init__(self, controller: Controller) -> None:
        super().__init__()
        self._controller = controller
        self._running: set[int] = set()
        self._read_out = QLabel()
        self._timing = QLabel()
        self._jobs = QLabel()
        self._device = QLabel()
        self._device.setText(self.tr("device: {name}").format(name=controller.pipeline.host.device_name))
        self.setSizeGripEnabled(False)
        self._frames = QLabel()
        for label in (self._read_out, self._frames, self._timing, self._jobs, self._device):
            label.setObjectName("quiet")
        self.addWidget(self._read_out, 1)
        for label in (self._jobs, self._frames, self._timing, self._device):
            self.addPermanentWidget(label)
        controller.pipeline.event.connect(self._event)
        controller.playback.position_changed.connect(lambda _: self._count_frames())

    def set_read_out(self, text: str) -> None:
        self._read_out.setText(text)

    def _count_frames(self) -> None:
        playback = self._controller.playback
        if playback.shows_frames:
            text = self.tr("{shown} shown, {dropped} dropped")
            self._frames.setText(text.format(shown=playback.frames_shown, dropped=playback.frames_dropped))
        else:
            self._frames.clear()

    def _event(self, event: Event) -> None:
        job = event.job
        if event.kind == "started" and job.title:
            self._running.add(job.number)
        elif event.kind in ("finished", "failed", "cancelled"):
            self._running.discard(job.number)
            if event.kind == "finished" and isinstance(job.owner, tuple) and job.owner[0] == "stage":
                self._timing.setText(f"{job.title} {event.elapsed_secs * 1000:.1f} ms")
                host = self._controller.pipeline.host
                self._device.setText(self.tr("device: {name}").format(name=host.device_name))
        count = len(self._running)
        text = self.tr("1 job") if count == 1 else self.tr("{count} jobs").format(count=count)
        self._jobs.setText(text if count else "")
