"""Writing a set of generated scenes: how many, what is written beside the pictures, and into which folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QFileDialog, QLabel, QVBoxLayout, QWidget

from cvstudio.foundation.lanes import Event, Job
from cvstudio.foundation.params import Doc, Range, fields_of
from cvstudio.foundation.progress import Progress
from cvstudio.world.recipe import SceneRecipe
from ui.base.settings import Settings, first_folder, pictures_folder
from ui.control.controller import Controller
from ui.widgets.param_form import ParamForm

OWNER = "world"
PLACE = "world/folder"


@dataclass(frozen=True)
class WorldSetOptions:
    """What a set holds."""

    count: Annotated[
        int,
        Range(1, 9000, step=1),
        Doc("Scenes", "How many scenes are written, each of the next seed.", "Start with 10."),
    ] = 10
    meshes: Annotated[bool, Doc("Meshes", "Writes a mesh (PLY) of each object, too.")] = False
    voxels: Annotated[bool, Doc("Voxels", "Writes voxels (NPZ) of each object, too.")] = False


class WorldSetDialog(QDialog):
    """Choice of what a set holds.

    Signals
    -------
    chosen : `WorldSetOptions`
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Write a Set of Scenes"))
        self.setMinimumWidth(440)
        self.options = WorldSetOptions()
        message = QLabel(
            self.tr(
                "Pictures with boxes, masks, key points, panoptic labels, depth, normals and cameras are written into "
                "a new or empty folder, in COCO's forms. A set that was stopped goes on in its folder."
            )
        )
        message.setObjectName("quiet")
        message.setWordWrap(True)
        self.form = ParamForm()
        self.form.set_fields(fields_of(WorldSetOptions), dataclasses.asdict(self.options))
        self.form.edited.connect(self._edited)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        buttons.button(QDialogButtonBox.StandardButton.Cancel).setIcon(QIcon())
        buttons.addButton(self.tr("Choose a folder …"), QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.accepted.connect(self._choose)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(12)
        layout.addWidget(message)
        layout.addWidget(self.form)
        layout.addWidget(buttons)

    def _edited(self, name: str, value: Any, dragging: bool) -> None:
        self.options = dataclasses.replace(self.options, **{name: value})
        self.form.set_fields(fields_of(WorldSetOptions), dataclasses.asdict(self.options))

    def _choose(self) -> None:
        self.chosen.emit(self.options)
        self.accept()


@dataclass(frozen=True)
class WrittenSet:
    """The folder of a set, and how many scenes it holds."""

    folder: Path
    count: int


class WorldSetFiles(QObject):
    """Writes sets of scenes on a worker, with progress in the list of jobs, where it is cancelled, too."""

    def __init__(self, window: QWidget, controller: Controller, settings: Settings) -> None:
        super().__init__(window)
        self._window, self._controller, self._settings = window, controller, settings
        controller.pipeline.job_event.connect(self._job_event)

    def ask_folder(self, recipe: SceneRecipe, options: WorldSetOptions) -> None:
        """Ask for the folder of a set, and write it."""
        place = first_folder(self._settings.text(PLACE, ""), pictures_folder())
        title = self.tr("Choose a new or an empty folder for the set")
        name = QFileDialog.getExistingDirectory(self._window, title, place)
        if name:
            self._settings.set(PLACE, str(Path(name).parent))
            self.write(recipe, options, Path(name))

    def write(self, recipe: SceneRecipe, options: WorldSetOptions, folder: Path) -> None:
        """Write a set whose first scene is of `recipe`."""

        def work(progress: Progress) -> Iterator[Any]:
            from cvstudio.world.writing import WorldSet, write_world

            write_world(WorldSet(recipe, options.count, options.meshes, options.voxels), folder, progress)
            yield WrittenSet(folder, options.count)

        title = self.tr("Writing scenes into {name}").format(name=folder.name)
        self._controller.pipeline.submit("export", Job((OWNER, str(folder)), title, work))

    def _job_event(self, event: Event) -> None:
        if event.kind == "output" and isinstance(event.value, WrittenSet):
            text = self.tr("Wrote {count} scenes into {name}.")
            text = text.format(count=f"{event.value.count:,}", name=event.value.folder.name)
            self._controller.notice.emit("info", text)
