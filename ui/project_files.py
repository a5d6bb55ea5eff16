"""Opening and saving projects from the window, and finding files that have moved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QStandardPaths, Signal
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from cvstudio.errors import UserError
from cvstudio.jobs import Event, Job
from cvstudio.models import MODELS
from cvstudio.progress import Progress
from ui.controller import Controller
from ui.settings import Settings

if TYPE_CHECKING:
    from cvstudio.project import MissingMediaError


SUFFIX = ".cvstudio"
LANE = "projects"


@dataclass(frozen=True)
class Known:
    """Every model of a project is registered by now."""

    path: Path
    moved: dict[str, Path] | None


class ProjectFiles(QObject):
    """The project file of one window; `path` is None until there is one.

    Signals
    -------
    saved : the file now holds the session
    """

    saved = Signal()

    def __init__(self, window: QWidget, controller: Controller, settings: Settings) -> None:
        super().__init__(window)
        self._window = window
        self._controller = controller
        self._settings = settings
        self.path: Path | None = None
        self._awaited: Path | None = None  # a project whose models are being found out
        controller.pipeline.job_event.connect(self._job_event)

    @property
    def _folder(self) -> str:
        documents = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
        return str(self.path.parent) if self.path else self._settings.text("project-folder", documents)

    @property
    def _kinds(self) -> str:
        return self.tr("Projects (*{suffix})").format(suffix=SUFFIX)

    def ask_open(self) -> None:
        """Choose a project file."""
        name, _ = QFileDialog.getOpenFileName(self._window, self.tr("Open project"), self._folder, self._kinds)
        if name:
            self.open(Path(name))

    def open(self, path: Path, moved: dict[str, Path] | None = None) -> None:
        """Open a project; asks where its files are now if they have moved. What is open stays if that fails."""
        # Imported with the first project: the window must not wait for it.
        from cvstudio.project import MissingMediaError, load_project, models_to_ask_for

        self._awaited = None
        if unknown := models_to_ask_for(path):
            self._ask_for(unknown, path, moved)
            return
        try:
            state, position_secs = load_project(path, moved=moved)
        except MissingMediaError as error:
            found = self._relocate(error, path, dict(moved or {}))
            if found is None:
                self._controller.notice.emit("error", str(error))
            else:
                self.open(path, found)
        except UserError as error:
            self._controller.notice.emit("error", str(error))
        else:
            self.path = path
            self._settings.set("project-folder", str(path.parent))
            self._settings.add_recent(str(path))
            self._controller.session.load(state)
            self._controller.playback.seek(position_secs)

    def _ask_for(self, models: Sequence[str], path: Path, moved: dict[str, Path] | None) -> None:
        """Let `models` be found out on a worker, as a library that takes seconds to import has to be asked; the project
        opens then, unless another one was opened meanwhile."""
        self._awaited = path

        def work(progress: Progress) -> Iterator[Any]:
            for key in models:
                progress(None, f"asking for {key}")
                _ = MODELS[key]
            yield Known(path, moved)

        title = self.tr("Opening {name}").format(name=path.name)
        self._controller.pipeline.submit(LANE, Job("open project", title, work))

    def _job_event(self, event: Event) -> None:
        value = event.value
        if event.kind == "output" and isinstance(value, Known) and value.path == self._awaited:
            self.open(value.path, value.moved)

    def _relocate(self, error: MissingMediaError, path: Path, found: dict[str, Path]) -> dict[str, Path] | None:
        for old in error.paths:
            title = self.tr("Where is {name} now?").format(name=Path(old).name)
            name, _ = QFileDialog.getOpenFileName(self._window, title, str(path.parent))
            if not name:
                return None
            found[old] = Path(name)
        return found

    def save(self) -> bool:
        """Save where the project is; asks where if it has no file yet. Whether it was saved."""
        if self.path is None:
            return self.save_as()
        from cvstudio.project import save_project

        position_secs = self._controller.playback.position_secs
        try:
            save_project(self.path, self._controller.session.state, position_secs=position_secs)
        except UserError as error:
            self._controller.notice.emit("error", str(error))
            return False
        self._settings.add_recent(str(self.path))
        self._controller.session.mark_saved()
        self.saved.emit()
        return True

    def _proposed(self) -> str:
        """A file named after what is on the canvas, or where the project was saved before."""
        media = self._controller.session.state.active_media
        name = media.path.stem if media is not None else "project"
        return str(self.path or Path(self._folder, name + SUFFIX))

    def save_as(self) -> bool:
        """Choose a file and save. Whether it was saved."""
        name, _ = QFileDialog.getSaveFileName(self._window, self.tr("Save project"), self._proposed(), self._kinds)
        if not name:
            return False
        path, before = Path(name), self.path
        self.path = path if path.suffix == SUFFIX else path.with_name(path.name + SUFFIX)
        if not self.save():
            self.path = before
            return False
        self._settings.set("project-folder", str(path.parent))
        return True

    def may_close(self) -> bool:
        """Whether the window may close: asks first where a project would lose changes."""
        if self.path is None or not self._controller.session.modified:
            return True
        buttons = QMessageBox.StandardButton
        answer = QMessageBox.question(
            self._window,
            self.tr("Save the project?"),
            self.tr("The project has changes that are not saved."),
            buttons.Save | buttons.Discard | buttons.Cancel,
        )
        return answer == buttons.Discard or (answer == buttons.Save and self.save())
