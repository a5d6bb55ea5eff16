"""The jobs panel: progress and time left of the running jobs, with a button to cancel each."""

from __future__ import annotations

import time

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QToolButton, QVBoxLayout, QWidget

from cvstudio.foundation.lanes import Event, Job
from cvstudio.foundation.progress import TimeLeft, duration_text
from ui.base.icons import icon
from ui.base.translate import as_line, translated
from ui.panels import PANELS
from ui.panels.base import Panel, PanelContext
from ui.widgets.elided_label import ElidedLabel

SHOW_AFTER_MS = 300
"""Delay before a job gets a row; shorter jobs would only flicker."""


class JobRow(QWidget):
    """Row of one running job."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self._time_left = TimeLeft()
        self.title = title
        self._label = ElidedLabel(title)
        self._label.setFixedHeight(self._label.sizeHint().height() + 2)
        self._message = ElidedLabel()
        self._message.setObjectName("small")
        self._message.hide()
        self._bar = QProgressBar(maximum=0, textVisible=False)
        self._bar.setFixedHeight(4)
        self._left = QLabel()
        self._left.setObjectName("small")
        self._left.hide()
        self.cancel = QToolButton()
        self.cancel.setIcon(icon("x"))
        self.cancel.setToolTip(self.tr("Cancel {title}").format(title=title))
        self.cancel.setAccessibleName(self.cancel.toolTip())
        top = QHBoxLayout()
        top.addWidget(self._label, 1)
        top.addWidget(self.cancel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addWidget(self._bar)
        under = QHBoxLayout()
        under.setSpacing(8)
        under.addWidget(self._message, 1)
        under.addWidget(self._left)
        layout.addLayout(under)

    def report(self, fraction: float | None, message: str) -> None:
        """Show progress: `fraction` 0..1, or None where it is unknown."""
        message = as_line(message)
        if message and message != self.title:
            self._message.setText(message)
            self._message.show()
        left = self._time_left(fraction, time.monotonic())
        self._left.setText("" if left is None else self.tr("{time} left").format(time=duration_text(left)))
        self._left.setVisible(left is not None)
        if fraction is None:
            self._bar.setMaximum(0)
            return
        self._bar.setMaximum(1000)
        self._bar.setValue(round(fraction * 1000))


class JobsPanel(QWidget):
    """Rows of all jobs that run for longer than `SHOW_AFTER_MS`."""

    def __init__(self, context: PanelContext) -> None:
        super().__init__()
        controller = self._controller = context.controller
        self._reports: dict[int, tuple[float | None, str]] = {}  # the last progress of each running job, by its number
        self._rows: dict[int, JobRow] = {}
        self._empty = QLabel(self.tr("Nothing is running."))
        self._empty.setObjectName("quiet")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 4, 0, 4)
        self._layout.addWidget(self._empty)
        self._layout.addStretch(1)
        controller.pipeline.job_event.connect(self._event)

    def sizeHint(self) -> QSize:
        return QSize(216, 120)

    def _event(self, event: Event) -> None:
        job = event.job
        if event.kind == "started" and job.title:
            # By a timer and not with the first progress: an import of torch reports once and is then silent for
            # seconds. Short jobs get no row: a playing video makes one for each frame.
            self._reports[job.number] = (None, "")
            QTimer.singleShot(SHOW_AFTER_MS, self, lambda: self._reveal(job))
        elif event.kind == "progress" and job.number in self._reports:
            self._reports[job.number] = event.value
            if job.number in self._rows:
                self._rows[job.number].report(*event.value)
        elif event.kind in ("finished", "failed", "cancelled"):
            self._reports.pop(job.number, None)
            row = self._rows.pop(job.number, None)
            if row is not None:
                self._layout.removeWidget(row)
                row.hide()
                row.deleteLater()
                self._update_empty()

    def _reveal(self, job: Job) -> None:
        if job.number not in self._reports:
            return
        row = JobRow(translated(job.title))
        row.cancel.clicked.connect(lambda: self._controller.pipeline.stop(job.owner))
        self._rows[job.number] = row
        self._layout.insertWidget(self._layout.count() - 1, row)
        row.report(*self._reports[job.number])
        self._update_empty()

    def _update_empty(self) -> None:
        self._empty.setVisible(not self._rows)


PANELS.register(
    Panel(
        "jobs",
        "Jobs",
        Qt.DockWidgetArea.LeftDockWidgetArea,
        JobsPanel,
        order=20,
        shortcut="Ctrl+Alt+4",
        shown=False,  # the status line tells what runs, and opens it
        keywords=("progress", "cancel", "running", "작업"),
        icon="loader",
    )
)
