"""Opening and saving projects from the window, and finding files that have moved."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QStandardPaths, Signal
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from cvstudio.foundation.errors import MediaError, UserError
from cvstudio.foundation.lanes import Event, Job
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS
from cvstudio.session.session import State
from ui.base.recent_entries import PROJECT_SUFFIX
from ui.base.settings import Settings, first_folder
from ui.base.translate import translated
from ui.control.controller import Controller

if TYPE_CHECKING:
    from cvstudio.session.project import MissingMediaError, NotLoaded


SUFFIX = PROJECT_SUFFIX
OWNER = "open project"
LANES = ("projects", "other projects")


@dataclass(frozen=True)
class _Opening:
    """Request to open a project: `moved` maps saved paths to where the files are now, `joining` are opened after it,
    and the `rest` is opened where files are not found. `restored` is called with the session of work that did not end,
    which has no project file of the user's; `name` is what the user reads in its place."""

    path: Path
    moved: Mapping[str, Path]
    joining: tuple[Path, ...]
    rest: bool = False
    restored: Callable[[State, float], object] | None = None
    name: str = ""


@dataclass(frozen=True)
class _Loaded:
    """Session state and playback position (seconds) read from a project file."""

    opening: _Opening
    state: State
    position_secs: float
    left_out: NotLoaded | None = None


@dataclass(frozen=True)
class _Missing:
    """Result of an opening that failed because media files have moved."""

    opening: _Opening
    error: MissingMediaError


class ProjectFiles(QObject):
    """The project file of one window; `path` is None until there is one.

    Signals
    -------
    saved : the file now holds the session
    failed : text of the notice about a file that could not be saved
    """

    saved = Signal()
    failed = Signal(str)

    def __init__(self, window: QWidget, controller: Controller, settings: Settings) -> None:
        super().__init__(window)
        self._window = window
        self._controller = controller
        self._settings = settings
        self.path: Path | None = None
        self.problem = ""  # the notice about what was left out, or could not be saved
        self._job: Job | None = None  # opens a project
        self._restoring: set[Job] = set()  # read the sessions of works that go on
        self._joining: tuple[Path, ...] = ()
        controller.pipeline.job_event.connect(self._job_event)

    @property
    def _folder(self) -> str:
        documents = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
        usual = self._settings.text("folders/project", ""), self._settings.text("project-folder", "")
        return str(self.path.parent) if self.path else first_folder(*usual, documents)

    @property
    def _kinds(self) -> str:
        return self.tr("Projects (*{suffix})").format(suffix=SUFFIX)

    def show(self, state: State, position_secs: float) -> None:
        """Replace the session by one that has no project file."""
        self.path = None
        self._controller.load(state, position_secs)

    def ask_open(self) -> None:
        """Choose a project file."""
        name, _ = QFileDialog.getOpenFileName(self._window, self.tr("Open project"), self._folder, self._kinds)
        if name:
            self.open(Path(name))

    def open(self, path: Path, *, joining: Sequence[Path] = ()) -> None:
        """Open a project on a worker; the files `joining` it are opened afterwards, even where the project failed.

        Asks for the new place of files that have moved. What is not shown, or cannot be read, is left out with the
        layers that need it: the session then has no project file, so that saving does not lose it. The
        current session stays until the project is loaded, and where loading fails. A later call cancels an earlier one.
        """
        if not self._may_leave_labels():
            return
        self._begin(_Opening(path, {}, tuple(joining)))

    def restore(self, path: Path, name: str, restored: Callable[[State, float], object]) -> None:
        """Read the session in `path`, which is no project of the user, and call `restored` with it and the position of
        its medium in seconds, where it is complete. What is open stays as it is.

        `name` is what was to be made, which the user reads instead of `path`.
        """
        self._begin(_Opening(path, {}, (), restored=restored, name=name))

    def _begin(self, opening: _Opening) -> None:
        def work(progress: Progress) -> Iterator[Any]:
            # Imported with the first project: the window must not wait for it.
            from cvstudio.session.project import MissingMediaError, load_project, load_rest, models_to_ask_for

            # A library that takes seconds to import may have to be asked for a model.
            for key in models_to_ask_for(opening.path):
                progress(None, f"asking for {key}")
                _ = MODELS[key]
            if opening.rest:
                yield _Loaded(opening, *load_rest(opening.path, moved=opening.moved, progress=progress))
                return
            try:
                yield _Loaded(opening, *load_project(opening.path, moved=opening.moved, progress=progress))
            except MissingMediaError as error:
                yield _Missing(opening, error)
            except MediaError:  # one that cannot be read
                yield _Loaded(opening, *load_rest(opening.path, moved=opening.moved, progress=progress))

        pipeline = self._controller.pipeline
        if opening.restored is None:
            pipeline.lanes.cancel(OWNER)
        # A project whose drive does not answer hangs its lane: the next one takes the other lane.
        lane = next((name for name in LANES if pipeline.lanes[name].idle), LANES[0])
        title = self.tr("Opening {name}").format(name=opening.path.name)
        if opening.name:
            title = self.tr("Resuming {name}").format(name=opening.name)
        if opening.restored is None:
            job = self._job = Job(OWNER, title, work)
            self._joining = opening.joining
        else:
            # Beside the others, and beside a project that is opened: each goes on.
            job = Job((OWNER, opening.path), title, work)
            self._restoring.add(job)
        pipeline.submit(lane, job)

    def _job_event(self, event: Event) -> None:
        if event.job is not self._job and event.job not in self._restoring:
            return
        value = event.value
        if event.kind == "output" and isinstance(value, _Loaded):
            self._show(value)
        elif event.kind == "output" and isinstance(value, _Missing):
            self._ask_where(value)
        elif event.kind in ("finished", "failed", "cancelled"):
            if event.job in self._restoring:
                self._restoring.discard(event.job)
                return
            self._job = None
            self._controller.open_paths(self._joining)

    def _show(self, loaded: _Loaded) -> None:
        path = loaded.opening.path
        left_out = loaded.left_out if loaded.left_out is not None and loaded.left_out.paths else None
        # Saving what is left asks for another file: this one keeps what was left out.
        if loaded.opening.restored is not None:
            if left_out is None:
                loaded.opening.restored(loaded.state, loaded.position_secs)
            else:
                self._controller.notice.emit("error", self._told_missing(left_out))
            return
        self.path = path if left_out is None else None
        self._settings.set("project-folder", str(path.parent))
        self._settings.add_recent(str(path))
        self._controller.load(loaded.state, loaded.position_secs, modified=bool(loaded.opening.moved))
        if left_out is not None:
            self.problem = self._told(path, left_out)
            self._controller.notice.emit("error", self.problem)

    def _told(self, path: Path, left_out: NotLoaded) -> str:
        files = ", ".join(Path(old).name for old in left_out.paths)
        layers = ", ".join(left_out.layers) or self.tr("none")
        return self.tr(
            "{project} was opened without {files} (missing or unreadable); layers left out: {layers}. "
            "Saving asks for a new file, so that {project} keeps them."
        ).format(project=path.name, files=files, layers=layers)

    def _told_missing(self, left_out: NotLoaded) -> str:
        files = ", ".join(Path(old).name for old in left_out.paths)
        return self.tr("It cannot continue without {files} (missing or unreadable).").format(files=files)

    def _ask_where(self, missing: _Missing) -> None:
        moved = self._relocate(missing.error, missing.opening.path, dict(missing.opening.moved))
        if moved is None:
            self._begin(dataclasses.replace(missing.opening, rest=True))
        else:
            self._begin(dataclasses.replace(missing.opening, moved=moved))

    def _relocate(self, error: MissingMediaError, path: Path, moved: dict[str, Path]) -> dict[str, Path] | None:
        """Ask for the new place of each missing file; `moved` with those places added, None where one was refused."""
        for old in error.paths:
            title = self.tr("Where is {name} now?").format(name=Path(old).name)
            name, _ = QFileDialog.getOpenFileName(self._window, title, str(path.parent))
            if not name:
                return None
            moved[old] = Path(name)
        return moved

    def save(self) -> bool:
        """Save to the project's file, or to a chosen one where it has none yet; returns whether it was saved."""
        if self.path is None:
            return self.save_as()
        from cvstudio.session.project import save_project

        position_secs = self._controller.playback.position_secs
        self._controller.spatial.keep_eye()
        try:
            save_project(self.path, self._controller.session.state, position_secs=position_secs)
        except UserError as error:
            self.problem = translated(str(error))
            self._controller.notice.emit("error", self.problem)
            self.failed.emit(self.problem)
            return False
        self._settings.add_recent(str(self.path))
        self._controller.mark_saved()
        self.saved.emit()
        return True

    def _proposed(self) -> str:
        """Suggested file: the project's own, or one named after the active medium."""
        media = self._controller.session.state.active_media
        name = media.path.stem if media is not None else "project"
        return str(self.path or Path(self._folder, name + SUFFIX))

    def save_as(self) -> bool:
        """Choose a file and save; returns whether it was saved."""
        name, _ = QFileDialog.getSaveFileName(self._window, self.tr("Save project"), self._proposed(), self._kinds)
        if not name:
            return False
        path, previous = Path(name), self.path
        self.path = path if path.suffix == SUFFIX else path.with_name(path.name + SUFFIX)
        if not self.save():
            self.path = previous
            return False
        self._settings.set("project-folder", str(path.parent))
        return True

    def may_close(self) -> bool:
        """Whether the window may close: asks first where a project would lose changes."""
        if self.path is None:
            return self._may_leave_labels()
        if not self._controller.session.modified:
            return True
        return self._may_lose(self.tr("The project has unsaved changes."))

    def _may_leave_labels(self) -> bool:
        """Whether the session may go: asks first where labels would be lost."""
        if not self._controller.labelling.unsaved:
            return True
        return self._may_lose(self.tr("Labels were edited, but neither exported nor saved in a project."))

    def _may_lose(self, reason: str) -> bool:
        buttons = QMessageBox.StandardButton
        choices = buttons.Save | buttons.Discard | buttons.Cancel
        answer = QMessageBox.question(self._window, self.tr("Save the project?"), reason, choices)
        return answer == buttons.Discard or (answer == buttons.Save and self.save())
