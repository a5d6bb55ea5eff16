"""Opening: file dialogs, cameras, drops, pastes and recent files, each passed on by its kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QWidget

from ui.base.settings import Settings, first_folder, pictures_folder
from ui.base.translate import translated
from ui.control.controller import Controller
from ui.files.intake import Intake
from ui.files.project_files import SUFFIX, ProjectFiles
from ui.files.recent import RecentMenu

if TYPE_CHECKING:
    from cvstudio.world.recipe import SceneRecipe
    from ui.files.camera_dialog import CameraDialog
    from ui.files.scene_dialog import SceneDialog
    from ui.files.world_set import WorldSetDialog, WorldSetFiles


class Opener(QObject):
    """Opens what the user chooses, drops or pastes.

    `intake` handles drops and pastes, `recent_menu` the recent paths.

    Parameters
    ----------
    window : the window whose session the files are opened in
    controller, settings, project : those of that window
    take : callable (paths) -> paths; handles the checkpoints among them and returns the others
    """

    def __init__(
        self,
        window: QWidget,
        controller: Controller,
        settings: Settings,
        project: ProjectFiles,
        take: Callable[[list[Path]], list[Path]],
    ) -> None:
        super().__init__(window)
        self._window = window
        self._controller = controller
        self._settings = settings
        self._project = project
        self._take = take
        self._world_set_files: WorldSetFiles | None = None
        self.recent_menu = RecentMenu(window, settings, controller.pipeline)
        self.recent_menu.chosen.connect(lambda path: self.open_paths([path]))
        self.intake = Intake(window, controller.pipeline)
        self.intake.paths.connect(self.open_paths)
        self.intake.notice.connect(controller.notice)

    def _start_folder(self) -> str:
        usual = self._settings.text("folders/open", ""), self._settings.text("folder", "")
        return first_folder(*usual, pictures_folder())

    def ask_files(self) -> None:
        """Choose files and open them."""
        names, _ = QFileDialog.getOpenFileNames(self._window, self.tr("Open"), self._start_folder())
        self.open_paths([Path(name) for name in names])

    def ask_input(self, slot: str) -> None:
        """Choose a file for a slot of the current analysis."""
        instance = self._controller.session.state.instance
        if instance is None:
            return
        title = self.tr("Open {what}").format(what=translated(instance.spec.slot(slot).title).lower())
        name, _ = QFileDialog.getOpenFileName(self._window, title, self._start_folder())
        if name:
            self._settings.set("folder", str(Path(name).parent))
            self._controller.binder.open_file(slot, Path(name))

    def ask_folder(self) -> None:
        """Choose a folder and open it."""
        name = QFileDialog.getExistingDirectory(self._window, self.tr("Open folder"), self._start_folder())
        if name:
            self.open_paths([Path(name)])

    def ask_labels(self) -> None:
        """Choose files of labels and open their pictures with them."""
        kinds = self.tr("Labels (*.json *.xml *.yaml *.yml);;All files (*)")
        names, _ = QFileDialog.getOpenFileNames(self._window, self.tr("Open labels"), self._start_folder(), kinds)
        self._open_labels([Path(name) for name in names])

    def ask_labels_folder(self) -> None:
        """Choose a folder of labels, of whatever form, and open its pictures with them."""
        name = QFileDialog.getExistingDirectory(self._window, self.tr("Open folder of labels"), self._start_folder())
        self._open_labels([Path(name)] if name else [])

    def _open_labels(self, paths: list[Path]) -> None:
        if paths:
            self._settings.set("folder", str(paths[0].parent))
            self._controller.open_labels(paths)

    def ask_camera(self) -> CameraDialog:
        """Show the dialog that chooses a camera."""
        from ui.files.camera_dialog import CameraDialog

        dialog = CameraDialog(self._window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.chosen.connect(self._controller.open_camera)
        dialog.open()
        return dialog

    def ask_scene(self) -> SceneDialog:
        """Show the dialog that makes a scene."""
        from ui.files.scene_dialog import SceneDialog

        dialog = SceneDialog(self._window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.chosen.connect(self._open_scene)
        dialog.set_wanted.connect(self.ask_world_set)
        dialog.open()
        return dialog

    def ask_world_set(self, recipe: SceneRecipe) -> WorldSetDialog:
        """Show the dialog that writes a set of scenes, the first of which is `recipe`."""
        from ui.files.world_set import WorldSetDialog

        dialog = WorldSetDialog(self._window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.chosen.connect(lambda options: self.world_set_files().ask_folder(recipe, options))
        dialog.open()
        return dialog

    def world_set_files(self) -> WorldSetFiles:
        """What writes sets of scenes."""
        if self._world_set_files is None:
            from ui.files.world_set import WorldSetFiles

            self._world_set_files = WorldSetFiles(self._window, self._controller, self._settings)
        return self._world_set_files

    def _open_scene(self, recipe: SceneRecipe) -> None:
        """Keep a scene as a file, and open its picture or video with its truth."""
        from ui.files.scene_dialog import keep_scene

        try:
            path = keep_scene(recipe)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            self._controller.notice.emit(
                "warning",
                self.tr("The scene cannot be saved ({reason}); check that the disk has room.").format(reason=reason),
            )
            return
        self._controller.open_labels([path])
        self._controller.requests.show_medium.emit()

    def ask_custom_model(self) -> None:
        """Choose an ONNX or TorchScript file, and declare its input and output in a form."""
        kinds = self.tr("Networks (*.onnx *.pt *.pth *.torchscript *.yaml *.yml);;All files (*)")
        name, _ = QFileDialog.getOpenFileName(self._window, self.tr("Your own model"), self._start_folder(), kinds)
        if name:
            self._controller.requests.custom_model.emit(Path(name))

    def paste(self) -> None:
        """Open the picture or the files on the clipboard."""
        self.intake.paste(QGuiApplication.clipboard())

    def open_paths(self, paths: list[Path]) -> None:
        """Open files, folders, projects and checkpoints."""
        paths = self._take(paths)
        if paths:
            self._settings.set("folder", str(paths[0].parent))
        projects = [path for path in paths if path.suffix == SUFFIX and not path.is_dir()]
        others = [path for path in paths if path not in projects]
        if projects:
            # A project replaces the session; the other paths are opened into it afterwards.
            self._project.open(projects[0], joining=others)
        else:
            self._controller.open_paths(others)
