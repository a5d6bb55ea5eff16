"""Notices about failures: each gets a button that names the remedy, and goes when its cause is gone."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from cvstudio.foundation.errors import ExportError, MediaError, ProjectError, WeightsError
from cvstudio.foundation.lanes import Event, Job
from cvstudio.media import MediaKind
from cvstudio.session.session import State
from cvstudio.weights.differences import MismatchError
from cvstudio.weights.store import WeightsNeededError
from ui.control.frame_on_screen import FrameOnScreen

if TYPE_CHECKING:
    from ui.window.window_base import Window


class Remedies(QObject):
    """Follows what the controller and its jobs report, and replaces or withdraws the notices about it.

    Parameters
    ----------
    window : complete but for this part; its controller has posted the plain notices before
    """

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self._window = window
        self._notices = window.notices
        self._controller = controller = window.controller
        self._stages: dict[str, Exception] = {}  # by the text of the notice
        self._jobs: dict[Hashable, str] = {}
        self._reading = ""  # about the medium on the canvas
        self._refused: set[str] = set()
        self._unopened = ""
        self._unreadable = ""
        controller.pipeline.failed.connect(self._stage_failed)
        controller.pipeline.job_event.connect(self._job_event)
        controller.view_changed.connect(self._check_stages)
        controller.refused.connect(self._refused.add)
        controller.state_changed.connect(self._state_changed)
        controller.library.unopened.connect(self._not_opened)
        controller.library.unreadable.connect(self._not_readable)
        controller.library.place_changed.connect(self._leafed)
        window.project.saved.connect(lambda: self._withdraw((window.project.problem,)))
        window.project.failed.connect(self._project_failed)

    def _withdraw(self, texts: Iterable[str]) -> None:
        for text in texts:
            self._notices.withdraw(text)

    def _offer(self, text: str, action: str, run: Callable[[], object], *, level: str = "error") -> None:
        """Replace the plain notice with `text` by one with a button."""
        self._notices.post(level, text, action=action, run=run, instead_of=text)

    # Stages of analyses, and reading what is on the canvas ----------------------------------------------------------

    def _stage_failed(self, title: str, error: Exception) -> None:
        if isinstance(error, WeightsNeededError | MismatchError):
            return  # the notice about them offers more, see `Checkpoints`
        text = self._controller.failure_text(title, error)
        media = self._controller.session.state.active_media
        if media is not None and error in self._controller.pipeline.errors_of(media, ()):
            self._reading = text
        else:
            self._stages[text] = error
        if isinstance(error, MediaError) and media is not None and media.kind is MediaKind.CAMERA:
            self._offer(text, self.tr("Try again"), self._controller.playback.play)
        elif isinstance(error, MediaError):
            self._offer(text, self.tr("Choose a file …"), self._window.opener.ask_files)
        elif isinstance(error, WeightsError):
            self._offer(text, self.tr("Choose a file …"), self._window.checkpoints.ask_for_current)
        else:
            self._offer(text, self.tr("Try again"), self._try_stages)

    def _try_stages(self) -> None:
        self._controller.pipeline.forget_failures()
        self._controller.refresh()

    def _check_stages(self, shown: FrameOnScreen) -> None:
        if not self._stages:
            return
        failing = self._controller.failures()
        for text in [text for text, error in self._stages.items() if error not in failing]:
            del self._stages[text]
            self._notices.withdraw(text)

    # Jobs -----------------------------------------------------------------------------------------------------------

    def _job_event(self, event: Event) -> None:
        owner = event.job.owner
        if event.kind == "output" and owner == "sample" and self._reading:
            self._notices.withdraw(self._reading)
            self._reading = ""
        if event.kind in ("queued", "finished") and owner in self._jobs:
            self._notices.withdraw(self._jobs.pop(owner))
        elif event.kind == "failed" and event.job.tag is None:
            self._jobs[owner] = text = self._controller.failure_text(event.job.title, event.value)
            kind = owner[0] if isinstance(owner, tuple) and owner else owner
            if isinstance(event.value, ExportError) and kind in ("export", "copy"):
                self._offer(text, self.tr("Export somewhere else …"), self._window.exporting.ask)
            elif isinstance(event.value, ProjectError):
                self._offer(text, self.tr("Choose a file …"), self._window.project.ask_open)
            elif kind in ("paste", "sample", "export"):
                self._offer(text, self.tr("Try again"), lambda: self._repeat(event.job))

    def _repeat(self, job: Job) -> None:
        lane = {"paste": "pool", "sample": "probe", "export": "export"}
        kind = job.owner[0] if isinstance(job.owner, tuple) else job.owner
        self._controller.pipeline.submit(lane[str(kind)], Job(job.owner, job.title, job.work))

    # Changes that were refused, and files that cannot be opened -----------------------------------------------------

    def _state_changed(self, old: State, new: State) -> None:
        self._withdraw(self._refused)
        self._refused.clear()
        if old.active != new.active and self._reading:
            self._notices.withdraw(self._reading)
            self._reading = ""
        if len(new.media) > len(old.media) or len(new.sets) > len(old.sets):
            self._withdraw((self._unopened,))

    def _not_opened(self, text: str) -> None:
        self._withdraw((self._unopened,))
        self._unopened = text
        self._offer(text, self.tr("Choose a file …"), self._window.opener.ask_files)

    def _not_readable(self, text: str) -> None:
        self._unreadable = text

    def _leafed(self) -> None:
        if self._unreadable:
            self._notices.withdraw(self._unreadable)
            self._unreadable = ""

    def _project_failed(self, text: str) -> None:
        self._offer(text, self.tr("Save as …"), self._window.project.save_as)
