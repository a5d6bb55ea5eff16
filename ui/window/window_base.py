"""The base class of the window: its parts and actions, as commands and palette know them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QAction, QGuiApplication
from PySide6.QtWidgets import QApplication, QMainWindow, QStackedWidget

from cvstudio.analyses import ANALYSES
from cvstudio.models import MODELS
from cvstudio.models.terms import Place, terms
from ui.base.theme import apply_theme
from ui.base.translate import translated
from ui.window.placement import MAXIMISE_BELOW, first_place

if TYPE_CHECKING:
    from cvstudio.models.runtime.precision import RequestedPrecision
    from ui.base.command import Command
    from ui.base.settings import Settings
    from ui.control.controller import Controller
    from ui.files.exporting import ExportController
    from ui.files.label_export import LabelExport
    from ui.files.left_out import LeftOutReport
    from ui.files.opener import Opener
    from ui.files.project_files import ProjectFiles
    from ui.files.recorder import Recorder
    from ui.files.snapshots import Snapshots
    from ui.models.checkpoints.checkpoints import Checkpoints
    from ui.models.custom.dialog import CustomModelDialog
    from ui.models.timm_search import TimmSearch
    from ui.views.welcome import Welcome
    from ui.widgets.notices import Notices
    from ui.window.device_picker import DevicePicker
    from ui.window.dock_layout import DockLayout
    from ui.window.panel_dock import PanelDock
    from ui.window.top_bar import TopBar
    from ui.window.workspace import Workspace


class Window(QMainWindow):
    """Window whose parts `MainWindow` makes; the attributes below `top` exist once it is complete."""

    settings: Settings
    controller: Controller
    centre: QStackedWidget
    dock_layout: DockLayout
    device_picker: DevicePicker
    top: TopBar
    welcome: Welcome
    workspace: Workspace
    notices: Notices
    project: ProjectFiles
    exporting: ExportController
    label_export: LabelExport
    left_out: LeftOutReport
    checkpoints: Checkpoints
    opener: Opener
    timm: TimmSearch
    snapshots: Snapshots
    recorder: Recorder
    commands: list[Command]
    actions_by_key: dict[str, QAction]

    @property
    def docks(self) -> Mapping[str, PanelDock]:
        """The docks by the keys of their panels."""
        return self.dock_layout.docks

    def notice(self, level: str, text: str) -> None:
        """Post a notice; `level` is "info", "warning" or "error"."""
        self.notices.post(level, text)

    def open_paths(self, paths: list[Path]) -> None:
        """Open files, folders, projects and checkpoints."""
        self.opener.open_paths(paths)

    def declare_custom_model(self, path: Path) -> CustomModelDialog:
        """Show the form for a network's file or declaration."""
        from ui.models.custom.dialog import CustomModelDialog

        return CustomModelDialog(self, self.controller, path)

    def use_analysis(self, key: str) -> None:
        """Change to an analysis; one that fits no open medium opens its sample, and says why. Where the weights of its
        model are not here, they are offered for download."""
        model = self._begin(key)
        if model and terms(MODELS[model]).place is Place.ABSENT:
            self.controller.weights_wanted.emit(MODELS[model].weights[0])

    def _begin(self, key: str) -> str:
        """Change to an analysis, on its sample where it fits no open medium; returns the key of its model."""
        from ui.panels.layer_menu import what_it_needs

        state, spec = self.controller.session.state, ANALYSES[key]
        needed = what_it_needs(spec, state.active_media)
        if needed and state.active_media is not None:
            title = translated(spec.title)
            text = self.tr("{analysis} on another file than {name}: {reason}")
            self.notice("info", text.format(analysis=title, name=state.active_media.name, reason=needed))
        model = spec.first_model
        if spec.canvas_slot is None or any(spec.shows(media) for media in state.media):
            self.controller.use_analysis(key)
            current = self.controller.session.state.instance
            model = current.model if current is not None else ""
        else:
            self.controller.open_sample(key)
        self.show_panel("analysis")
        return model

    def use_model(self, analysis: str, model: str) -> None:
        """Change to an analysis with a model."""
        self._begin(analysis)
        current = self.controller.session.state.instance
        if current is not None and current.analysis == analysis:
            self.controller.set_model(model)
        else:
            # The sample is still being opened.
            QTimer.singleShot(200, self, lambda: self.controller.set_model(model))

    # Panels ---------------------------------------------------------------------------------------------------------

    def toggle_all_panels(self) -> None:
        """Hide all panels, or show them again."""
        text = self.tr("The panels are hidden; press Tab on the picture, or Ctrl+B, to show them again.")
        if self.dock_layout.toggle_all():
            self.notice("info", text)
        else:
            self.notices.withdraw(text)

    def toggle_panel(self, key: str) -> None:
        """Hide a panel, or show it."""
        self.dock_layout.toggle(key)

    def show_panel(self, key: str) -> None:
        """Bring a panel to the front."""
        self.dock_layout.show(key)

    def show_catalogue(self, task: str = "") -> None:
        """Show the catalogue with the models of a task; all of them for ""."""
        from ui.panels.catalogue import CataloguePanel

        self.show_panel("catalogue")
        self.dock_layout.content(CataloguePanel).show_task(task)

    def begin_labels(self) -> None:
        """Show the labels panel, and have the classes of new labels named where the picture has none."""
        from ui.panels.labels import LabelsPanel

        self.show_panel("labels")
        self.dock_layout.content(LabelsPanel).name_classes()

    def search_folder(self) -> None:
        """Focus the search field of the media panel."""
        from ui.panels.media import MediaPanel

        self.docks["media"].show()
        self.dock_layout.content(MediaPanel).search()

    def toggle_media_grid(self) -> None:
        from ui.panels.media import MediaPanel

        self.dock_layout.content(MediaPanel).toggle_grid()

    def reset_layout(self) -> None:
        """Move every dock back to its place and size at the first start."""
        self.dock_layout.reset()
        self.default_size()

    def default_size(self) -> None:
        """Give the window and its docks their sizes of the first start."""
        available = self.screen().availableGeometry()
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMaximized)
        self.setGeometry(first_place(available))
        if available.width() < MAXIMISE_BELOW:
            self.setWindowState(self.windowState() | Qt.WindowState.WindowMaximized)
        self.dock_layout.divide()

    # Window ---------------------------------------------------------------------------------------------------------

    def copy_view(self) -> None:
        """Copy the canvas to the clipboard at the screen's resolution, without the bars that float on it."""
        QGuiApplication.clipboard().setImage(self.workspace.picture())
        self.notice("info", self.tr("The view is on the clipboard."))

    def set_theme(self, name: str) -> None:
        """Apply and store the theme "dark", "light" or "system"."""
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        apply_theme(app, name)
        self.settings.set("theme", name)

    def set_precision(self, precision: RequestedPrecision) -> None:
        """Compute networks in `precision`, and store it."""
        from ui.window.command_groups.precision_commands import use_precision

        use_precision(self.controller, self.settings, precision)

    def set_cache_mb(self, megabytes: int) -> None:
        """Let the cache of results hold so much, and store it."""
        self.controller.pipeline.cache.resize(megabytes << 20)
        self.settings.set("cache-mb", str(megabytes))

    def toggle_full_screen(self) -> None:
        self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)

    def toggle_masks(self) -> None:
        """Show or hide masks."""
        self.controller.set_look("show_masks", not self.controller.look().show_masks)

    def show_welcome(self) -> None:
        self.centre.setCurrentWidget(self.welcome)

    def show_shortcuts(self) -> None:
        from ui.window.shortcuts_sheet import ShortcutsSheet

        ShortcutsSheet(self, self.commands)
