"""The window: docks around the workspace, menus, status line, drop target."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QMimeData, QStandardPaths, Qt, QTimer, QUrl
from PySide6.QtGui import QCloseEvent, QDesktopServices, QDragEnterEvent, QDropEvent, QGuiApplication, QImage, QKeyEvent
from PySide6.QtWidgets import (
    QApplication,
    QDockWidget,
    QFileDialog,
    QMainWindow,
    QMenu,
    QStackedWidget,
)

from cvstudio.analyses import ANALYSES
from cvstudio.media import Media
from cvstudio.models import MODELS
from cvstudio.resources import user_cache_dir
from cvstudio.session import State
from ui.commands import Command, install
from ui.controller import Controller
from ui.exporting import Exporting
from ui.panels import PANELS
from ui.project_files import SUFFIX, ProjectFiles
from ui.settings import Settings
from ui.shown import Shown
from ui.snapshots import Snapshots
from ui.status import StatusLine
from ui.theme import apply_theme
from ui.translate import translated
from ui.views.welcome import Welcome
from ui.widgets.notices import Notices
from ui.workspace import Workspace

if TYPE_CHECKING:
    from ui.camera_dialog import CameraDialog
    from ui.palette import Entry, Palette


class MainWindow(QMainWindow):
    """cvstudio's window."""

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__()
        self.settings = settings or Settings()
        self.controller = Controller(self)
        self.setAcceptDrops(True)
        self.setDockNestingEnabled(True)
        self.setMinimumSize(720, 480)

        self.welcome = Welcome()
        self.workspace = Workspace(self.controller)
        self._centre = QStackedWidget()
        self._centre.addWidget(self.welcome)
        self._centre.addWidget(self.workspace)
        self.setCentralWidget(self._centre)
        self.notices = Notices(self._centre)
        self.project = ProjectFiles(self, self.controller, self.settings)
        self.exporting = Exporting(self, self.controller, self.settings, self.notices)
        self.snapshots = Snapshots(self, self.controller)
        self.docks = self._make_docks()
        self.status = StatusLine(self.controller)
        self.setStatusBar(self.status)
        self._menus = self._make_menus()
        self.commands = self._make_commands()
        self.actions_by_key = install(self, self.commands, self._menus)
        self._recent_menu = QMenu(self.tr("Open &Recent"), self)
        self._menus["file"].insertMenu(self.actions_by_key["project-open"], self._recent_menu)
        self._recent_menu.aboutToShow.connect(self._fill_recent)

        controller = self.controller
        controller.state_changed.connect(lambda old, new: self._state_changed(new))
        controller.notice.connect(self.notice)
        controller.opened.connect(lambda media: self.settings.add_recent(str(media.path)))
        controller.view_changed.connect(self._view_changed)
        controller.set_smooth(self.settings.text("playing", "exact") == "smooth")
        controller.smooth_changed.connect(lambda on: self.settings.set("playing", "smooth" if on else "exact"))
        self.project.saved.connect(lambda: self._state_changed(controller.session.state))
        self.welcome.open_requested.connect(self.open_dialog)
        self.welcome.sample_requested.connect(controller.open_sample)
        self.workspace.read_out.connect(self.status.set_read_out)
        self._last_messages: tuple[str, ...] = ()
        self._default_layout()
        self.settings.restore_window(self)
        self._state_changed(controller.session.state)

    # Building -------------------------------------------------------------------------------------------------------

    def _make_docks(self) -> dict[str, QDockWidget]:
        docks = {}
        for panel in sorted(PANELS, key=lambda panel: panel.order):
            dock = QDockWidget(self.tr(panel.title), self)
            dock.setObjectName(f"dock-{panel.key}")
            dock.setWidget(panel.create(self.controller))
            self.addDockWidget(panel.area, dock)
            if not panel.shown:
                dock.hide()
            docks[panel.key] = dock
        return docks

    def _default_layout(self) -> None:
        self.resize(1280, 800)
        self.resizeDocks([self.docks["media"], self.docks["analysis"]], [216, 312], Qt.Orientation.Horizontal)
        self.resizeDocks([self.docks["media"], self.docks["jobs"]], [560, 120], Qt.Orientation.Vertical)
        self.resizeDocks([self.docks["analysis"], self.docks["results"]], [420, 300], Qt.Orientation.Vertical)

    def _make_menus(self) -> dict[str, QMenu]:
        titles = {
            "file": self.tr("&File"),
            "edit": self.tr("&Edit"),
            "view": self.tr("&View"),
            "play": self.tr("&Playback"),
            "help": self.tr("&Help"),
        }
        return {key: self.menuBar().addMenu(title) for key, title in titles.items()}

    def _make_commands(self) -> list[Command]:
        c, w, p = self.controller, self.workspace, self.controller.playback
        tr = self.tr
        found = [
            Command("open", tr("Open …"), self.open_dialog, "file", ("Ctrl+O",), "folder-open"),
            Command("open-folder", tr("Open Folder …"), self.open_folder_dialog, "file", ("Ctrl+Shift+O",), "images"),
            Command("open-camera", tr("Open Camera …"), self.camera_dialog, "file", (), "camera", ("webcam", "live")),
            Command("snapshot", tr("Keep Frame as Picture"), self.snapshots.keep, "play", ("Ctrl+Shift+F",), "camera"),
            Command("paste", tr("Paste Picture"), self.paste, "file", ("Ctrl+V",), "clipboard-paste"),
            Command("project-open", tr("Open Project …"), self.project.ask_open, "file", (), "", (), True),
            Command("project-save", tr("Save Project"), self.project.save, "file", ("Ctrl+S",), "save"),
            Command("project-save-as", tr("Save Project As …"), self.project.save_as, "file", ("Ctrl+Shift+S",)),
            Command("export", tr("Export …"), self.exporting.ask, "file", ("Ctrl+E",), "share", (), True),
            Command("quit", tr("Quit"), self.close, "file", ("Ctrl+Q",), "", (), True),
            Command("undo", tr("Undo"), c.undo, "edit", ("Ctrl+Z",), "undo-2"),
            Command("redo", tr("Redo"), c.redo, "edit", ("Ctrl+Shift+Z", "Ctrl+Y"), "redo-2"),
            Command("copy", tr("Copy View"), self.copy_view, "edit", ("Ctrl+C",), "copy", (), True),
            Command("fit", tr("Fit"), w.canvas.fit, "view", ("Ctrl+F",), "scan"),
            Command("actual-size", tr("100 %"), w.canvas.actual_size, "view", ("Ctrl+1",), "maximize"),
            Command("overlay", tr("Show or Hide Overlay"), w.toggle_overlay, "view", ("V",), "eye"),
            Command("masks", tr("Show or Hide Masks"), self._toggle_masks, "view", ("M",), "shapes"),
            Command("full-screen", tr("Full Screen"), self.toggle_full_screen, "view", ("F11",), "", (), True),
            Command("theme-dark", tr("Dark Theme"), lambda: self.set_theme("dark"), "view", (), "moon", (), True),
            Command("theme-light", tr("Light Theme"), lambda: self.set_theme("light"), "view", (), "sun"),
            Command("theme-system", tr("Theme of the System"), lambda: self.set_theme("system"), "view", (), "monitor"),
            Command("layout", tr("Reset Panels"), self.reset_layout, "view", (), "", (), True),
            Command("play", tr("Play or Pause"), p.toggle, "play", ("Space",), "play"),
            Command("step-on", tr("Next Frame"), lambda: p.step(1), "play", ("Right",), "step-forward"),
            Command("step-back", tr("Previous Frame"), lambda: p.step(-1), "play", ("Left",), "step-back"),
            Command("smooth", tr("Smooth or Exact Playing"), lambda: c.set_smooth(not c.live.smooth), "play"),
            Command("start", tr("To the Beginning"), lambda: p.seek(0.0), "play", ("Home",), "skip-back"),
            Command("end", tr("To the End"), lambda: p.seek(p.duration_secs), "play", ("End",), "skip-forward"),
            Command("palette", tr("Command Palette …"), self.show_palette, "help", ("Ctrl+Shift+P",), "search"),
            Command("shortcuts", tr("Keyboard Shortcuts"), self.show_shortcuts, "help", ("F1",), "keyboard"),
            Command("welcome", tr("First Screen"), self.show_welcome, "help"),
        ]
        for panel in PANELS:
            title = tr("Show Panel: {panel}").format(panel=tr(panel.title))
            shortcuts = (panel.shortcut,) if panel.shortcut else ()
            found.append(
                Command(f"panel-{panel.key}", title, lambda key=panel.key: self.toggle_panel(key), "view", shortcuts)
            )
        return found

    # State ----------------------------------------------------------------------------------------------------------

    def _state_changed(self, state: State) -> None:
        self._centre.setCurrentWidget(self.workspace if state.media else self.welcome)
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
        self.actions_by_key["export"].setEnabled(self.controller.current_result() is not None)

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
        kept = self.settings.text("folder", "")
        return kept or QStandardPaths.writableLocation(QStandardPaths.StandardLocation.PicturesLocation)

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
        """Open files, folders and projects."""
        if paths:
            self.settings.set("folder", str(paths[0].parent))
        projects = [path for path in paths if path.suffix == SUFFIX]
        if projects:
            self.project.open(projects[0])
            return
        if paths:
            self.controller.open_paths(paths)

    def paste(self) -> None:
        """Open the picture or the files on the clipboard."""
        mime = QGuiApplication.clipboard().mimeData()
        if mime.hasUrls():
            self._open_mime(mime)
        elif mime.hasImage():
            folder = user_cache_dir() / "pasted"
            folder.mkdir(parents=True, exist_ok=True)
            number = sum(1 for _ in folder.iterdir()) + 1
            path = folder / f"pasted {number}.png"
            QImage(QGuiApplication.clipboard().image()).save(str(path))
            self.open_paths([path])
        else:
            self.notice("info", self.tr("The clipboard holds no picture; copy one first."))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        self._open_mime(event.mimeData())
        event.acceptProposedAction()

    def _open_mime(self, mime: QMimeData) -> None:
        self.open_paths([Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()])

    def _fill_recent(self) -> None:
        self._recent_menu.clear()
        for name in self.settings.recent:
            self._recent_menu.addAction(Path(name).name, lambda name=name: self.open_paths([Path(name)])).setToolTip(
                name
            )
        if self._recent_menu.isEmpty():
            self._recent_menu.addAction(self.tr("Nothing yet")).setEnabled(False)

    # Window ---------------------------------------------------------------------------------------------------------

    def copy_view(self) -> None:
        """Put what the canvas shows on the clipboard."""
        QGuiApplication.clipboard().setPixmap(self.workspace.splitter.grab())
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
        dock = self.docks[key]
        dock.setVisible(not dock.isVisible())
        if dock.isVisible():
            dock.raise_()

    def reset_layout(self) -> None:
        """Every dock back to where it was at the first start."""
        for panel in sorted(PANELS, key=lambda panel: panel.order):
            dock = self.docks[panel.key]
            dock.setFloating(False)
            self.addDockWidget(panel.area, dock)
            dock.setVisible(panel.shown)
        self._default_layout()

    def _toggle_masks(self) -> None:
        self.controller.set_look("show_masks", not self.controller.look().show_masks)

    def show_welcome(self) -> None:
        self._centre.setCurrentWidget(self.welcome)

    def show_shortcuts(self) -> None:
        from ui.shortcuts_sheet import ShortcutsSheet

        ShortcutsSheet(self, self.commands)

    def show_palette(self) -> Palette:
        """Search for commands, analyses, models and open media."""
        from ui.palette import Palette

        return Palette(self, self.palette_entries())

    def palette_entries(self) -> list[Entry]:
        """Everything that the palette offers."""
        from ui.palette import Entry

        found = []
        for spec in ANALYSES:
            words = " ".join((spec.action, spec.summary, *spec.keywords))
            found.append(
                Entry(
                    translated(spec.title),
                    lambda key=spec.key: self._use_analysis(key),
                    self.tr("analysis"),
                    spec.icon,
                    words,
                )
            )
            for model in MODELS:
                if spec.task and model.task == spec.task:
                    words = " ".join((model.family, model.paper, *model.keywords))
                    found.append(
                        Entry(
                            model.title,
                            lambda key=spec.key, model=model.key: self._use_model(key, model),
                            self.tr("model"),
                            spec.icon,
                            words,
                        )
                    )
        for command in self.commands:
            if command.key != "palette":
                keys = ", ".join(command.shortcuts)
                words = " ".join(command.keywords)
                found.append(
                    Entry(command.title.replace(" …", ""), command.run, keys, command.icon or "command", words)
                )
        for media in self.controller.session.state.media:
            found.append(Entry(media.name, lambda media=media: self._show_media(media), self.tr("open"), "image"))
        return found

    def _show_media(self, media: Media) -> None:
        self.controller.activate(media)

    def _use_analysis(self, key: str) -> None:
        """An analysis that nothing open fits begins on its sample."""
        state = self.controller.session.state
        if any(ANALYSES[key].inputs[0].accepts(media) for media in state.media):
            self.controller.use_analysis(key)
        else:
            self.controller.open_sample(key)
        self.docks["analysis"].show()
        self.docks["analysis"].raise_()

    def _use_model(self, analysis: str, model: str) -> None:
        self._use_analysis(analysis)
        current = self.controller.session.state.instance
        if current is not None and current.analysis == analysis:
            self.controller.set_model(model)
        else:
            # The sample is still being opened.
            QTimer.singleShot(200, self, lambda: self.controller.set_model(model))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_C and not event.modifiers() and not event.isAutoRepeat():
            self.workspace.set_original(True)
        elif event.key() != Qt.Key.Key_Escape or not self.notices.dismiss_newest():
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_C and not event.isAutoRepeat():
            self.workspace.set_original(False)
        else:
            super().keyReleaseEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        if not self.project.may_close():
            event.ignore()
            return
        self.settings.save_window(self)
        for dock in self.docks.values():
            dock.widget().close()
        self.controller.close()
        event.accept()
