"""The window: docks around the workspace, menus, status line, drop target."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QStandardPaths, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QDesktopServices,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QShortcut,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QApplication,
    QDockWidget,
    QFileDialog,
    QMainWindow,
    QMenu,
    QSizePolicy,
    QStackedWidget,
    QWidget,
)

from cvstudio.session import State
from ui.controller import Controller
from ui.first_picture import FirstPicture
from ui.panels import PANELS
from ui.panels.base import Panel
from ui.settings import Settings, first_folder
from ui.shown import Shown
from ui.status import StatusLine
from ui.theme import apply_theme
from ui.top_bar import TopBar
from ui.widgets.device_picker import DevicePicker
from ui.window_places import PanelsAway, Shares, float_over, rescue

if TYPE_CHECKING:
    from ui.camera_dialog import CameraDialog
    from ui.own_models.dialog import OwnModelDialog
    from ui.palette import Entry, Palette

LEFT_COLUMN = ("media", "layers", "jobs")
"""Keys of the panels at the left, from the top, which give way to one that comes under the picture."""


class MainWindow(QMainWindow):
    """cvstudio's window.

    Parameters
    ----------
    settings : what is remembered; None takes the user's
    late : whether what the window's first picture does without is made once that is on the screen; see `complete`

    Signals
    -------
    completed : everything is there
    """

    completed = Signal()

    def __init__(self, settings: Settings | None = None, *, late: bool = False) -> None:
        super().__init__()
        self.settings = settings or Settings()
        self.controller = Controller(self)
        self._complete = False
        self.setDockNestingEnabled(True)
        self.setMinimumSize(720, 480)
        self._centre = QStackedWidget()
        self._centre.setObjectName("centre")
        # Room that becomes free goes to the picture, not to the panels.
        self._centre.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setCentralWidget(self._centre)
        self.docks = self._make_docks()
        self.status = StatusLine(self.controller)
        self.setStatusBar(self.status)
        keys = QKeySequence("Ctrl+Shift+P").toString(QKeySequence.SequenceFormat.NativeText)
        self.top = TopBar(keys, DevicePicker(self.controller, self.settings))
        self.setMenuWidget(self.top)
        self._menus = self._make_menus()
        self._default_layout()
        self._laid_out = self.settings.restore_window(self)
        if self._laid_out:
            for panel in PANELS:
                self.docks[panel.key].setProperty("placed", True)
                if panel.floats:
                    self.docks[panel.key].hide()  # it was for a moment
                if not self.docks[panel.key].isHidden():
                    self._fill(panel)
            for widget in (self, *(dock for dock in self.docks.values() if dock.isFloating())):
                rescue(widget)
        if late:
            FirstPicture(self).seen.connect(self.complete)
        else:
            self.complete()

    def complete(self) -> None:
        """Make what the window's first picture does without. Nothing can be opened before, nor is there anything after.

        What only it needs is imported here.
        """
        if self._complete:
            return
        self._complete = True
        from ui.checkpoints.checkpoints import Checkpoints
        from ui.commands import install
        from ui.exporting import Exporting
        from ui.library.intake import Intake
        from ui.library.recent import RecentMenu
        from ui.project_files import ProjectFiles
        from ui.recorder import Recorder
        from ui.snapshots import Snapshots
        from ui.timm_search import TimmSearch
        from ui.views.welcome import Welcome
        from ui.widgets.notices import Notices
        from ui.window_commands import window_commands
        from ui.workspace import Workspace

        controller = self.controller
        self.welcome = Welcome()
        self.workspace = Workspace(controller)
        self._centre.addWidget(self.welcome)
        self._centre.addWidget(self.workspace)
        for panel in PANELS:
            self._fill(panel)
        for dock in self.docks.values():
            if hasattr(dock.widget(), "complete"):
                dock.widget().complete()  # type: ignore[attr-defined]
        self.notices = Notices(self._centre)
        self.project = ProjectFiles(self, controller, self.settings)
        self.exporting = Exporting(self, controller, self.settings, self.notices)
        self.checkpoints = Checkpoints(self, controller, self.notices)
        self.timm = TimmSearch(self, controller)
        self.snapshots = Snapshots(self, controller)
        self.recorder = Recorder(self, controller, self.notices)
        self.recorder.changed.connect(self.workspace.timeline.set_recording)
        self.workspace.timeline.record_toggled.connect(self.recorder.toggle)
        self._away = PanelsAway(self, self.docks)
        self._shares = Shares(self, self.docks, [self.docks[key] for key in LEFT_COLUMN])
        self.commands = window_commands(self)
        self.actions_by_key = install(self, self.commands, self._menus)
        # In a photo editor Tab does it; elsewhere in the window Tab goes to the next control.
        away = QShortcut(QKeySequence(Qt.Key.Key_Tab), self.workspace.canvas)
        away.setContext(Qt.ShortcutContext.WidgetShortcut)
        away.activated.connect(self.toggle_all_panels)
        self.recent_menu = RecentMenu(self, self.settings, controller.pipeline)
        self._menus["file"].insertMenu(self.actions_by_key["project-open"], self.recent_menu)
        self.intake = Intake(self, controller.pipeline)
        self.setAcceptDrops(True)
        self.top.set_open_menu(self.recent_menu)
        self._last_messages: tuple[str, ...] = ()
        self._connect()
        self._state_changed(controller.session.state)
        self.completed.emit()

    def _connect(self) -> None:
        controller = self.controller
        self.top.open.clicked.connect(self.open_dialog)
        self.top.search.pressed.connect(self.show_palette)
        controller.state_changed.connect(lambda old, new: self._state_changed(new))
        controller.comparing.changed.connect(self._compared)
        controller.notice.connect(self.notice)
        controller.library.opened.connect(lambda paths: self.settings.add_recent(*map(str, paths)))
        self.recent_menu.chosen.connect(lambda path: self.open_paths([path]))
        self.intake.paths.connect(self.open_paths)
        self.intake.notice.connect(self.notice)
        controller.view_changed.connect(self._view_changed)
        controller.set_smooth(self.settings.text("playing", "exact") == "smooth")
        controller.smooth_changed.connect(lambda on: self.settings.set("playing", "smooth" if on else "exact"))
        self.project.saved.connect(lambda: self._state_changed(controller.session.state))
        self.welcome.open_requested.connect(self.open_dialog)
        self.welcome.sample_requested.connect(controller.open_sample)
        self.workspace.read_out.connect(self.status.set_read_out)
        self.workspace.area.export.connect(self.exporting.ask)

    # Building -------------------------------------------------------------------------------------------------------

    def _make_docks(self) -> dict[str, QDockWidget]:
        # What comes under the picture must not take the room of the controls and the results.
        self.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
        docks: dict[str, QDockWidget] = {}
        for panel in sorted(PANELS, key=lambda panel: panel.order):
            dock = QDockWidget(self.tr(panel.title), self)
            dock.setObjectName(f"dock-{panel.key}")
            if panel.shown:
                dock.setWidget(self._content(panel))
            self.addDockWidget(panel.area, dock)
            if not panel.shown:
                dock.hide()
            dock.setFloating(panel.floats)
            docks[panel.key] = dock
            if panel.tabbed_with in docks:
                self.tabifyDockWidget(docks[panel.tabbed_with], dock)
        return docks

    def _fill(self, panel: Panel) -> None:
        """Make the content of a panel that has none yet."""
        dock = self.docks[panel.key]
        if dock.widget() is None:
            dock.setWidget(self._content(panel))

    def _content(self, panel: Panel) -> QWidget:
        content = panel.create(self.controller)
        # Else the window would show through it, with hairlines where docks have met before.
        content.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        return content

    def _default_layout(self) -> None:
        self.resize(1280, 800)
        self._divide()

    def _divide(self) -> None:
        """Give the docks their shares of the window."""
        self.resizeDocks([self.docks["media"], self.docks["analysis"]], [232, 320], Qt.Orientation.Horizontal)
        left = [self.docks[key] for key in LEFT_COLUMN]
        self.resizeDocks(left, [320, 250, 110], Qt.Orientation.Vertical)
        self.resizeDocks([self.docks["analysis"], self.docks["results"]], [420, 300], Qt.Orientation.Vertical)
        # Of panels that share a place the one that the others joined is in front.
        for key in dict.fromkeys(panel.tabbed_with for panel in PANELS if panel.tabbed_with):
            self.docks[key].raise_()

    def _make_menus(self) -> dict[str, QMenu]:
        titles = {
            "file": self.tr("&File"),
            "edit": self.tr("&Edit"),
            "view": self.tr("&View"),
            "play": self.tr("&Playback"),
            "help": self.tr("&Help"),
        }
        return {key: self.top.menus.addMenu(title) for key, title in titles.items()}

    # State ----------------------------------------------------------------------------------------------------------

    def _state_changed(self, state: State) -> None:
        alone = state.instance is not None and state.instance.spec.canvas_slot is None
        self._centre.setCurrentWidget(self.workspace if state.media or state.sets or alone else self.welcome)
        undo, redo = self.controller.session.undo_title, self.controller.session.redo_title
        self.actions_by_key["undo"].setText(self.tr("Undo {what}").format(what=undo) if undo else self.tr("Undo"))
        self.actions_by_key["redo"].setText(self.tr("Redo {what}").format(what=redo) if redo else self.tr("Redo"))
        self.actions_by_key["undo"].setEnabled(undo is not None)
        self.actions_by_key["redo"].setEnabled(redo is not None)
        name = self.project.path.stem if self.project.path else ""
        media = state.active_media
        parts = [part for part in (media.name if media else "", name, "cvstudio") if part]
        self.setWindowTitle(" — ".join(parts) + "[*]")
        self.setWindowModified(self.controller.session.modified and self.project.path is not None)

    def _view_changed(self, shown: Shown) -> None:
        for key in ("export", "export-again"):
            self.actions_by_key[key].setEnabled(self.controller.current_result() is not None)

    def notice(self, level: str, text: str) -> None:
        """Say something to the user, in the one place where notices appear."""
        self.notices.post(level, text)

    def offer_log(self, path: Path) -> None:
        """The run before ended badly: offer to show what it wrote."""
        self.notices.post(
            "warning",
            self.tr("cvstudio did not end as it should last time."),
            action=self.tr("Show the log"),
            run=lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(path))),
        )

    # Opening --------------------------------------------------------------------------------------------------------

    def _start_folder(self) -> str:
        pictures = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.PicturesLocation)
        return first_folder(self.settings.text("folder", ""), pictures)

    def open_dialog(self) -> None:
        """Choose files."""
        names, _ = QFileDialog.getOpenFileNames(self, self.tr("Open"), self._start_folder())
        self.open_paths([Path(name) for name in names])

    def open_folder_dialog(self) -> None:
        """Choose a folder."""
        name = QFileDialog.getExistingDirectory(self, self.tr("Open folder"), self._start_folder())
        if name:
            self.open_paths([Path(name)])

    def camera_dialog(self) -> CameraDialog:
        """Choose a camera."""
        from ui.camera_dialog import CameraDialog

        dialog = CameraDialog(self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.chosen.connect(self.controller.open_camera)
        dialog.open()
        return dialog

    def open_paths(self, paths: list[Path]) -> None:
        """Open files, folders, projects and checkpoints."""
        from ui.project_files import SUFFIX

        paths = self.checkpoints.take(paths)
        if paths:
            self.settings.set("folder", str(paths[0].parent))
        projects = [path for path in paths if path.suffix == SUFFIX]
        if projects:
            # It replaces what is open; everything else that came with it joins it.
            self.project.open(projects[0])
        self.controller.open_paths([path for path in paths if path.suffix != SUFFIX])

    def add_own_model(self) -> None:
        """Choose an ONNX or TorchScript file, and declare what it takes and answers."""
        kinds = self.tr("Networks (*.onnx *.pt *.pth *.torchscript *.yaml *.yml);;All files (*)")
        name, _ = QFileDialog.getOpenFileName(self, self.tr("Own model"), self._start_folder(), kinds)
        if name:
            self.declare_own_model(Path(name))

    def declare_own_model(self, path: Path) -> OwnModelDialog:
        """Show the form for a network's file or declaration."""
        from ui.own_models.dialog import OwnModelDialog

        return OwnModelDialog(self, self.controller, path)

    def paste(self) -> None:
        """Open the picture or the files on the clipboard."""
        self.intake.paste(QGuiApplication.clipboard())

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        self.intake.drag_entered(event)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self.intake.drag_left()

    def dropEvent(self, event: QDropEvent) -> None:
        self.intake.dropped(event)

    def search_folder(self) -> None:
        """Go to the search of the media panel."""
        self.docks["media"].show()
        self.docks["media"].widget().search()  # type: ignore[attr-defined]

    def toggle_media_grid(self) -> None:
        self.docks["media"].widget().toggle_grid()  # type: ignore[attr-defined]

    # Window ---------------------------------------------------------------------------------------------------------

    def copy_view(self) -> None:
        """Put what the canvas shows on the clipboard, with every pixel of the screen and without what floats on it."""
        QGuiApplication.clipboard().setImage(self.workspace.picture())
        self.notice("info", self.tr("The view is on the clipboard."))

    # Window ---------------------------------------------------------------------------------------------------------

    def set_theme(self, name: str) -> None:
        """Use "dark", "light" or "system", now and at the next start."""
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        apply_theme(app, name)
        self.settings.set("theme", name)

    def toggle_full_screen(self) -> None:
        self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)

    def toggle_panel(self, key: str) -> None:
        # One that lies behind another tab is brought to the front first.
        if self.docks[key].visibleRegion().isEmpty():
            self.show_panel(key)
        else:
            self.docks[key].hide()

    def toggle_all_panels(self) -> None:
        """Nothing but the picture, and back."""
        told = self.tr("The panels are away; Tab on the picture, or Ctrl+B, brings them back.")
        if self._away.toggle():
            self.notice("info", told)
        else:
            self.notices.withdraw(told)

    def show_panel(self, key: str) -> None:
        """Bring a panel to the front."""
        self._away.back()
        self._shares.keep(key)
        float_over(self, self.docks[key])
        self.docks[key].show()
        self.docks[key].raise_()

    def show_catalogue(self, task: str = "") -> None:
        """Show all models, or those of a task."""
        self.show_panel("catalogue")
        self.docks["catalogue"].widget().show_task(task)  # type: ignore[attr-defined]

    def reset_layout(self) -> None:
        """Every dock back to where it was at the first start."""
        self._away.back()
        for panel in sorted(PANELS, key=lambda panel: panel.order):
            dock = self.docks[panel.key]
            dock.setFloating(False)
            self.addDockWidget(panel.area, dock)
            dock.setVisible(panel.shown)
            dock.setFloating(panel.floats)
            if panel.tabbed_with in self.docks:
                self.tabifyDockWidget(self.docks[panel.tabbed_with], dock)
        self._default_layout()

    def toggle_masks(self) -> None:
        self.controller.set_look("show_masks", not self.controller.look().show_masks)

    def _compared(self) -> None:
        if self.controller.comparing.comparison is None:
            self.docks["comparison"].hide()

    def compare(self) -> None:
        """Ask what to compare with what is on the canvas."""
        from ui.compare_commands import choose

        choose(self)

    def show_welcome(self) -> None:
        self._centre.setCurrentWidget(self.welcome)

    def show_shortcuts(self) -> None:
        from ui.shortcuts_sheet import ShortcutsSheet

        ShortcutsSheet(self, self.commands)

    def show_palette(self) -> Palette:
        """Search for commands, analyses, models, panels, formats and open media."""
        from ui.palette import Palette

        box = self.top.search
        palette = Palette(self, self.palette_entries(), self.settings.recent_commands, box.place())
        palette.used.connect(self.settings.add_recent_command)
        return palette

    def palette_entries(self) -> list[Entry]:
        """Everything that the palette offers."""
        from ui.palette_entries import palette_entries

        return palette_entries(self)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self._laid_out:
            # Before it has a size, a window keeps to no width of its docks.
            self._laid_out = True
            QTimer.singleShot(0, self, self._divide)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() != Qt.Key.Key_Escape or not self._complete:
            super().keyPressEvent(event)
        elif not (self.notices.dismiss_newest() or self.controller.comparing.end()) and self.isFullScreen():
            self.toggle_full_screen()

    def closeEvent(self, event: QCloseEvent) -> None:
        self.complete()
        if not self.project.may_close():
            event.ignore()
            return
        for command in self.commands:
            if command.hold is not None:
                command.hold.stop()
        self._away.back()
        self.settings.save_window(self)
        for dock in self.docks.values():
            dock.widget().close()
        self.recorder.close()
        self.controller.close()
        event.accept()
