"""The main window: docks around the workspace, menus, status line and drag and drop."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt, QUrl, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QDesktopServices,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QDialog,
    QMenu,
    QSizePolicy,
    QStackedWidget,
    QWidget,
)

from cvstudio.foundation.late_import import execute
from cvstudio.session.session import State
from ui.base.recent_entries import likely_kind, recent_entries
from ui.base.settings import Settings
from ui.control.controller import Controller
from ui.control.exported_layers import may_export
from ui.control.frame_on_screen import FrameOnScreen
from ui.control.window_requests import WindowRequests
from ui.panels.base import Panel, PanelContext
from ui.views.front_page import MOST_RECENT, WelcomeToCome
from ui.window.device_picker import DevicePicker
from ui.window.dock_layout import DockLayout
from ui.window.first_paint import FirstPicture
from ui.window.placement import KeptOnScreen, fit_least_size, rescue
from ui.window.status import StatusLine
from ui.window.top_bar import TopBar
from ui.window.window_base import Window

if TYPE_CHECKING:
    from ui.base.uncaught import Uncaught, UncaughtErrors
    from ui.control.spatial import SpatialScene
    from ui.control.unfinished import Unfinished
    from ui.window.palette import CommandPalette, Entry


CLOSING_SECS = 1.2
"""Longest time that a closed window waits for a recording to be written, and for running jobs where the process goes
on."""
MIN_CLOSING_SECS = 0.3
"""Longest time that it waits for running jobs where the process ends: nothing unfinished is left of those that do not
end (`remove_unfinished`)."""
FOLDED = "window/folded"
"""Setting of the columns that are folded to icons."""
SECTIONS = "window/column"
"""Setting of the panels that stand in the column beside the picture."""


class MainWindow(Window):
    """The main window: makes its parts and connects them.

    Parameters
    ----------
    settings : stored settings; None takes the user's
    late : whether `complete` waits for the first paint of the window

    Signals
    -------
    completed : all parts are made
    """

    completed = Signal()

    def __init__(self, settings: Settings | None = None, *, late: bool = False) -> None:
        super().__init__()
        self.settings = settings or Settings()
        self.controller = Controller(self)
        self.controller.pipeline.cache.resize(self.settings.cache_mb << 20)
        self._complete = self._asking = False
        self.closed = False
        """Whether the window is gone for good, and what runs is being ended."""
        self.process_ends = False
        """Whether the process ends with the window, and frees what that has loaded."""
        self.setDockNestingEnabled(True)
        fit_least_size(self)
        self.centre = QStackedWidget()
        self.centre.setObjectName("centre")
        # Free space goes to the picture, not to the panels.
        self.centre.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setCentralWidget(self.centre)
        self._to_come = WelcomeToCome()
        # Whatever stands below them would move if they came later.
        recent = map(Path, self.settings.recent[:MOST_RECENT])
        self._to_come.set_recent(recent_entries(((path, likely_kind(path)) for path in recent), MOST_RECENT))
        self.centre.addWidget(self._to_come)
        self.dock_layout = DockLayout(self, self._content)
        self._kept = KeptOnScreen(self, self.docks.values())
        self.status = StatusLine(self.controller)
        self.setStatusBar(self.status)
        keys = QKeySequence("Ctrl+Shift+P").toString(QKeySequence.SequenceFormat.NativeText)
        self.device_picker = DevicePicker(self.controller, self.settings)
        self.top = TopBar(keys, self.device_picker)
        for side, button in self.top.folds.items():
            button.clicked.connect(partial(self.dock_layout.columns.toggle, side))
        self.dock_layout.columns.changed.connect(self._show_folded)
        self.setMenuWidget(self.top)
        self._menus = self._make_menus()
        self.default_size()
        # Before the layout, which only knows the docks that do not stand in the column.
        if self.settings.has_window:
            self.dock_layout.column.restore(self.settings.text(SECTIONS, ""))
        self._laid_out = self.settings.restore_window(self)
        if self._laid_out:
            self.dock_layout.restored()
            self.dock_layout.columns.restore(self.settings.text(FOLDED, ""))
            rescue(self)
        elif self.settings.has_window:
            self.dock_layout.reset()  # the layout cannot be read
        if late:
            FirstPicture(self).seen.connect(self.complete)
        else:
            self.complete()

    def complete(self) -> None:
        """Make the parts that the window's first paint does without, once; nothing can be opened before.

        The modules that only these parts need are imported here.
        """
        if self._complete or self.closed:
            return
        self._complete = True
        execute("numpy")
        from ui.base.command import install
        from ui.files.exporting import ExportController
        from ui.files.label_export import LabelExport
        from ui.files.left_out import LeftOutReport
        from ui.files.opener import Opener
        from ui.files.project_files import ProjectFiles
        from ui.files.recent import RecentPaths
        from ui.files.recorder import OWNER as RECORDING
        from ui.files.recorder import Recorder
        from ui.files.snapshots import Snapshots
        from ui.models.checkpoints.checkpoints import Checkpoints
        from ui.models.timm_search import TimmSearch
        from ui.views.welcome import Welcome
        from ui.widgets.notices import Notices
        from ui.window.commands import window_commands
        from ui.window.quitting import QuitGuard, QuitKey
        from ui.window.remedies import Remedies
        from ui.window.tab_order import TabOrder
        from ui.window.tools.sound_devices import connect_devices
        from ui.window.workspace import Workspace

        controller = self.controller
        self.welcome = Welcome()
        self.workspace = Workspace(controller)
        connect_devices(self.workspace.timeline, controller.playback, self.settings)
        self.centre.addWidget(self.welcome)
        self.centre.addWidget(self.workspace)
        self.centre.removeWidget(self._to_come)
        self._to_come.deleteLater()
        self.dock_layout.complete()
        self.notices = Notices(self.centre, self.workspace.keep_clear, self.workspace.picture_place)
        self.project = ProjectFiles(self, controller, self.settings)
        self.exporting = ExportController(self, controller, self.settings, self.notices)
        self.label_export = LabelExport(self, controller, self.settings, self.notices)
        self.left_out = LeftOutReport(self, controller, self.notices)
        self.checkpoints = Checkpoints(self, controller, self.notices)
        self.opener = Opener(self, controller, self.settings, self.project, self.checkpoints.take)
        self.timm = TimmSearch(self, controller)
        self.snapshots = Snapshots(self, controller)
        self.recorder = Recorder(self, controller, self.notices)
        self.recorder.changed.connect(self.workspace.timeline.set_recording)
        self.workspace.timeline.record_toggled.connect(self.recorder.toggle)
        self.quit_guard = QuitGuard(self, controller.long_work, self._may_leave)
        controller.long_work.finish_by(RECORDING, self.recorder.stop)
        self.commands = window_commands(self)
        self.actions_by_key = install(self, self.commands, self._menus)
        self._tab = TabOrder(self, self.workspace.canvas, self.toggle_all_panels, lambda: self.dock_layout.away)
        QuitKey(self, next(command.shortcuts for command in self.commands if command.key == "quit"))
        # Menus of their own: with all their lines the menu would be higher than a small screen.
        for key in ("space", "theme", "files", "panels"):
            self._menus["view"].insertMenu(self.actions_by_key["layout"], self._menus[key])
        self._menus["file"].insertMenu(self.actions_by_key["project-open"], self.opener.recent_menu)
        self.setAcceptDrops(True)
        self.top.set_open_menu(self.opener.recent_menu)
        self._last_messages: tuple[str, ...] = ()
        self._recent_paths = RecentPaths(self, self.settings, controller.pipeline)
        self._connect()
        # Connected after the controller's own notices, which it replaces.
        self._remedies = Remedies(self)
        self._state_changed(controller.session.state)
        self.completed.emit()

    def _connect(self) -> None:
        from ui.window.picture_menu import offer_picture_menu

        controller = self.controller
        self.top.open.clicked.connect(self.opener.ask_files)
        self.top.search.pressed.connect(self.show_palette)
        controller.state_changed.connect(lambda old, new: self._state_changed(new))
        controller.comparison.changed.connect(self._compared)
        controller.notice.connect(self.notice)
        controller.library.opened.connect(lambda paths: self.settings.add_recent(*map(str, paths)))
        controller.view_changed.connect(self._view_changed)
        controller.set_smooth(self.settings.text("playing", "exact") == "smooth")
        controller.smooth_changed.connect(lambda on: self.settings.set("playing", "smooth" if on else "exact"))
        self.project.saved.connect(lambda: self._state_changed(controller.session.state))
        self.welcome.open_requested.connect(self.opener.ask_files)
        self.welcome.sample_requested.connect(controller.open_sample)
        self.welcome.weights_requested.connect(controller.weights_wanted)
        self.welcome.recent_requested.connect(lambda path: self.open_paths([Path(path)]))
        self._recent_paths.found.connect(self.welcome.set_recent)
        controller.weights_changed.connect(self.welcome.tell_weights)
        self.centre.currentChanged.connect(lambda _: self._tell_recent())
        self._tell_recent()
        self.workspace.read_out.connect(self.status.set_read_out)
        self.status.jobs_clicked.connect(lambda: self.show_panel("jobs"))
        self.workspace.area.export.connect(self.exporting.ask)
        offer_picture_menu(self, self.workspace.canvas)
        self.workspace.area.made.connect(lambda canvas: offer_picture_menu(self, canvas))
        self._connect_requests(controller.requests)
        controller.spatial.scene_changed.connect(self._scene_changed)
        self._scene_changed(controller.spatial.scene)

    def _connect_requests(self, requests: WindowRequests) -> None:
        """Connect the requests of panels and dialogs with what answers them."""
        from ui.window.command_groups.compare_commands import choose
        from ui.window.picture_menu import delete_parts

        requests.open_files.connect(self.opener.ask_files)
        requests.open_folder.connect(self.opener.ask_folder)
        requests.open_labels.connect(self.opener.ask_labels)
        requests.open_input.connect(self.opener.ask_input)
        requests.new_labels.connect(self.begin_labels)
        requests.show_medium.connect(lambda: self.show_panel("medium"))
        requests.delete_parts.connect(lambda: delete_parts(self))
        requests.show_spatial.connect(lambda: self.show_panel("spatial"))
        requests.export.connect(self.exporting.ask)
        requests.class_keypoints.connect(self.workspace.labels.ask_keypoints)
        requests.export_labels.connect(self.label_export.ask)
        requests.compare.connect(lambda: choose(self))
        requests.catalogue.connect(self.show_catalogue)
        requests.use_model.connect(self.use_model)
        requests.custom_model.connect(
            lambda path: self.declare_custom_model(path) if path else self.opener.ask_custom_model()
        )
        requests.timm_search.connect(self.timm.ask)
        requests.status.connect(self.status.say_now)

    def _show_folded(self) -> None:
        for side, button in self.top.folds.items():
            button.setChecked(not self.dock_layout.columns.folded(side))

    # Building -------------------------------------------------------------------------------------------------------

    def _content(self, panel: Panel) -> QWidget:
        requests = self.controller.requests
        # The canvas is made after the panels that are visible at the start.
        return panel.create(PanelContext(self.controller, requests, self.settings, lambda: self.workspace.canvas))

    def _make_menus(self) -> dict[str, QMenu]:
        titles = {
            "file": self.tr("&File"),
            "edit": self.tr("&Edit"),
            "view": self.tr("&View"),
            "play": self.tr("&Playback"),
            "help": self.tr("&Help"),
        }
        within = {"theme": self.tr("Theme"), "panels": self.tr("Panels"), "files": self.tr("Files")}
        within["space"] = self.tr("3D View")
        bar = {key: self.top.menus.addMenu(title) for key, title in titles.items()}
        return bar | {key: QMenu(title, bar["view"]) for key, title in within.items()}

    # State ----------------------------------------------------------------------------------------------------------

    def _state_changed(self, state: State) -> None:
        alone = state.instance is not None and state.instance.spec.canvas_slot is None
        self.centre.setCurrentWidget(self.workspace if state.media or state.sets or alone else self.welcome)
        undo, redo = self.controller.session.undo_title, self.controller.session.redo_title
        self.actions_by_key["undo"].setText(self.tr("Undo {what}").format(what=undo) if undo else self.tr("Undo"))
        self.actions_by_key["redo"].setText(self.tr("Redo {what}").format(what=redo) if redo else self.tr("Redo"))
        self.actions_by_key["undo"].setEnabled(undo is not None)
        self.actions_by_key["redo"].setEnabled(redo is not None)
        name = self.project.path.stem if self.project.path else ""
        media = state.active_media
        if media is not None and name in (media.name, media.path.stem):
            name = ""  # a project is named after its picture at first: one name says both
        opened = " — ".join(part for part in (media.name if media else "", name) if part)
        # Qt adds the program's name to a title that does not end with it.
        self.setWindowTitle(f"{opened}[*] — cvstudio" if opened else "[*]cvstudio")
        modified = self.controller.session.modified and self.project.path is not None
        if modified != self.isWindowModified():  # Qt paints the title anew each time
            self.setWindowModified(modified)

    def _tell_recent(self) -> None:
        """Let the first screen, where it is in view, show what was opened last."""
        if self.centre.currentWidget() is self.welcome:
            self._recent_paths.look(MOST_RECENT)

    def _view_changed(self, shown: FrameOnScreen) -> None:
        self.actions_by_key["export-again"].setEnabled(self.controller.current_result() is not None)
        self.actions_by_key["export"].setEnabled(may_export(self.controller))

    def _scene_changed(self, scene: SpatialScene) -> None:
        """Let the keys of the 3D view belong to others while it is away."""
        for key, action in self.actions_by_key.items():
            if key.startswith("space-"):
                action.setEnabled(bool(scene.rows))

    def offer_log(self, path: Path) -> None:
        """Offer to show the log of the previous session, which crashed."""
        self.notices.post(
            "warning",
            self.tr("cvstudio did not close properly last time."),
            action=self.tr("Show the log"),
            run=lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(path))),
        )

    def offer_unfinished(self) -> None:
        """Offer to go on with exports and batches that did not end in an earlier session."""
        for item in self.controller.unfinished.earlier():
            text = self.tr("{name} was not finished last time.").format(name=item.title)
            self.notices.post("warning", text, action=self.tr("Resume"), run=partial(self._go_on, item), stays=True)

    def _go_on(self, item: Unfinished) -> None:
        self.project.restore(item.project, item.title, partial(self._restored, item))

    def _restored(self, item: Unfinished, state: State, position_secs: float) -> None:
        self.controller.unfinished.forget(item)
        if item.kind != "panel":
            # It goes on beside whatever is open, and is seen until it has ended.
            self.exporting.resume(item, state)
            self.show_panel("jobs")
            return
        from ui.panels.batch import BatchPanel

        self.project.show(state, position_secs)
        self.docks["batch"].show()
        self.docks["batch"].raise_()
        panel = self.docks["batch"].widget()
        assert isinstance(panel, BatchPanel)
        panel.make().resume(item)

    def tell_uncaught(self, errors: UncaughtErrors) -> None:
        """Post a notice for each uncaught error; the program goes on."""
        # Queued: the error may come from another thread, or from within a paint event.
        errors.happened.connect(self._tell_uncaught, Qt.ConnectionType.QueuedConnection)

    def _tell_uncaught(self, uncaught: Uncaught) -> None:
        if not self._complete:
            # There are no notices yet; the log has the error.
            self.completed.connect(lambda: self._tell_uncaught(uncaught))
            return
        text = self.tr("Something went wrong: {error}. The program continues; save your work and report the problem.")
        self.notices.post(
            "error",
            text.format(error=uncaught.summary),
            action=self.tr("Copy details"),
            run=lambda: QGuiApplication.clipboard().setText(uncaught.details),
        )

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        self.opener.intake.drag_entered(event)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self.opener.intake.drag_left()

    def dropEvent(self, event: QDropEvent) -> None:
        self.opener.intake.dropped(event)

    # Window ---------------------------------------------------------------------------------------------------------

    def _compared(self) -> None:
        if self.controller.comparison.composition is None:
            self.docks["comparison"].hide()

    def show_palette(self) -> CommandPalette:
        """Open the command palette."""
        from ui.window.palette_entries import show_palette

        return show_palette(self)

    def palette_entries(self) -> list[Entry]:
        """All entries of the palette."""
        from ui.window.palette_entries import palette_entries

        return palette_entries(self)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.WindowStateChange:
            self._kept.soon()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._kept.soon()
        if not self._laid_out:
            # Sizes of docks have no effect before the window has its own.
            self._laid_out = True
            layout = self.layout()
            assert layout is not None
            layout.activate()
            self.dock_layout.divide()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Delete and self._complete:
            self.controller.requests.delete_parts.emit()
        elif event.key() != Qt.Key.Key_Escape or not self._complete:
            super().keyPressEvent(event)
        elif self.notices.dismiss_newest() or self.controller.comparison.end():
            pass
        elif self.controller.session.state.selection:
            self.controller.select(frozenset())
        elif self.isFullScreen():
            self.toggle_full_screen()

    def focusNextPrevChild(self, forwards: bool) -> bool:
        return self._tab.step(forwards=forwards) if self._complete else super().focusNextPrevChild(forwards)

    def _may_close(self) -> bool:
        """Whether the window may close; asks where work or changes would be lost."""
        self._asking = True
        try:
            return self.quit_guard.may_close()
        finally:
            self._asking = False

    def _may_leave(self) -> bool:
        """Whether nothing would be lost, or the user goes on; a close while that is asked is ignored."""
        asking, self._asking = self._asking, True
        try:
            return self.project.may_close()
        finally:
            self._asking = asking

    def closeEvent(self, event: QCloseEvent) -> None:
        if self._asking:
            event.ignore()  # the question is on the screen
            return
        if self._complete and not self._may_close():
            self.quit_guard.stay()
            event.ignore()
            return
        # The window is gone at once; what runs is given time to end behind it.
        end = time.monotonic() + CLOSING_SECS
        self.closed = True
        for dialog in self.findChildren(QDialog):
            dialog.hide()
        # Before it is hidden: a window manager then gives a maximised window the size that it would have otherwise.
        self.dock_layout.back()
        self.settings.set(FOLDED, self.dock_layout.columns.stored())
        self.settings.set(SECTIONS, self.dock_layout.column.stored())
        self.settings.save_window(self)
        self.hide()
        QGuiApplication.sync()
        self.settings.write()
        for command in self.commands if self._complete else ():
            if command.hold is not None:
                command.hold.stop()
        # Only now, as the layout tells which panels were shown.
        for dock in self.docks.values():
            if dock.isFloating():
                dock.hide()
        self.dock_layout.close()
        if self._complete:
            self.recorder.close(max(0.0, end - time.monotonic()))
            if self.workspace.space is not None:
                self.workspace.space.view.close_drawer()
        secs = MIN_CLOSING_SECS if self.process_ends else max(MIN_CLOSING_SECS, end - time.monotonic())
        self.controller.close(secs, process_ends=self.process_ends)
        event.accept()
