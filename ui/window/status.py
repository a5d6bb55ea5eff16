"""The status line: value under the cursor, duration of the last stage, frames, and progress of the jobs."""

from __future__ import annotations

import time

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QLabel, QProgressBar, QStatusBar, QToolButton

from cvstudio.foundation.lanes import Event, Job
from cvstudio.session.session import State
from ui.base.icons import icon
from ui.base.translate import counted, translated
from ui.control.controller import Controller
from ui.widgets.steady_label import SteadyLabel

SHOW_AFTER_MS = 300
"""Delay before a job is shown; shorter jobs would only flicker."""

HEIGHT = 28
"""Height of the line in pixels, with and without jobs."""


def took(secs: float) -> str:
    """Text of a duration: in milliseconds below one second, in seconds from there on."""
    return f"{secs * 1000:.1f} ms" if secs < 1 else f"{secs:.1f} s"


class StatusLine(QStatusBar):
    """Quiet read-outs at the bottom of the window, with a bar and a button to cancel the jobs.

    Signals
    -------
    jobs_clicked : the user clicked the number of jobs or their bar
    """

    jobs_clicked = Signal()

    def __init__(self, controller: Controller) -> None:
        super().__init__()
        self._controller = controller
        self._running: dict[int, tuple[Job, float]] = {}  # by number: the job and the time.monotonic() of its start
        self._shown: dict[int, Job] = {}
        self.setSizeGripEnabled(False)
        self._read_out = QLabel()
        self.timing = SteadyLabel()
        self._frames = SteadyLabel()
        self._jobs = SteadyLabel()
        for label in (self._read_out, self._frames, self.timing, self._jobs):
            label.setObjectName("quiet")
            label.setTextFormat(Qt.TextFormat.PlainText)
        self._bar = QProgressBar(maximum=0, textVisible=False)
        self._bar.setFixedWidth(72)
        self.cancel = QToolButton()
        self.cancel.setIcon(icon("x", 12))
        self.cancel.setAccessibleName(self.tr("Cancel what is running"))
        self.cancel.clicked.connect(self._cancel)
        self.addWidget(self._read_out, 1)
        for widget in (self._frames, self.timing, self._jobs, self._bar, self.cancel):
            self.addPermanentWidget(widget)
        # A line that grew with the button of a job would move the picture.
        self.setFixedHeight(HEIGHT)
        for widget in (self._jobs, self._bar):
            widget.setCursor(Qt.CursorShape.PointingHandCursor)
        self._soon = QTimer(self, interval=SHOW_AFTER_MS, singleShot=True)
        self._soon.timeout.connect(self._show_jobs)
        self._show_jobs()
        controller.pipeline.job_event.connect(self._event)
        controller.state_changed.connect(self._changed)
        controller.playback.position_changed.connect(lambda _: self._count_frames())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self.childAt(event.position().toPoint()) in (self._jobs, self._bar):
            self.jobs_clicked.emit()
        else:
            super().mousePressEvent(event)

    def set_read_out(self, text: str) -> None:
        """Show what is under the cursor."""
        self._read_out.setText(text)

    def say_now(self, text: str) -> None:
        """Show a text and paint it at once, before a call that blocks the window."""
        self.showMessage(text)
        self.repaint()

    def _changed(self, old: State, new: State) -> None:
        # The duration belongs to another medium or analysis.
        if (old.active, old.current) != (new.active, new.current):
            self.timing.clear()

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
            self._running[job.number] = job, time.monotonic()
            if not self._soon.isActive():
                self._soon.start()
        elif event.kind == "progress" and job.number in self._shown:
            fraction = event.value[0]
            self._bar.setMaximum(0 if fraction is None else 1000)
            if fraction is not None:
                self._bar.setValue(round(fraction * 1000))
        elif event.kind in ("finished", "failed", "cancelled") and self._running.pop(job.number, None) is not None:
            if event.kind == "finished" and isinstance(job.owner, tuple) and job.owner[0] == "stage":
                self.timing.setText(f"{translated(job.title)} {took(event.elapsed_secs)}")
            if job.number in self._shown:
                self._show_jobs()

    def _show_jobs(self) -> None:
        now = time.monotonic()
        # The delay counts for each job by itself: a playing video runs short jobs all the time.
        self._shown = {
            number: job for number, (job, began) in self._running.items() if 1e3 * (now - began) >= SHOW_AFTER_MS
        }
        if len(self._shown) < len(self._running):
            self._soon.start()
        count = len(self._shown)
        names = [translated(job.title) for job in self._shown.values()]
        self._jobs.setText(counted(count, "{name}", self.tr("{count} jobs"), name=names[0]) if count else "")
        self._bar.setMaximum(0)
        titles = "\n".join(names)
        for widget in (self._jobs, self._bar, self.cancel):
            widget.setVisible(bool(count))
            widget.setToolTip(self.tr("{what}\nClick for the list of jobs").format(what=titles))
        self.cancel.setToolTip(self.tr("Cancel: {what}").format(what=titles))

    def _cancel(self) -> None:
        for job in self._shown.values():
            self._controller.pipeline.stop(job.owner)
