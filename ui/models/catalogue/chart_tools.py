"""Copying and saving the summary chart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QStandardPaths, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QToolButton, QWidget

from cvstudio.foundation.lanes import Event, Job
from ui.base.icons import icon
from ui.base.settings import Settings
from ui.control.controller import Controller

if TYPE_CHECKING:
    from ui.models.catalogue.chart import SummaryChart

OWNER = "save chart"


class ChartTools(QWidget):
    """Two buttons. `chart` gives what is shown, or None; while it is, Ctrl+C within `around` copies it and not the
    picture behind the catalogue."""

    def __init__(
        self, controller: Controller, settings: Settings, around: QWidget, chart: Callable[[], SummaryChart | None]
    ) -> None:
        super().__init__()
        self._controller = controller
        self._settings = settings
        self._chart = chart
        self.copy_button = self._button("copy", self.tr("Copy chart"), self.tr("Copy the chart as a picture (Ctrl+C)"))
        self.copy_button.clicked.connect(self.copy)
        told = self.tr("Save the chart as PNG or SVG, or its numbers as CSV …")
        self.save_button = self._button("save", self.tr("Save chart"), told)
        self.save_button.clicked.connect(self.ask_save)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.copy_button)
        layout.addWidget(self.save_button)
        around.installEventFilter(self)
        controller.pipeline.job_event.connect(self._job_event)

    def _button(self, name: str, text: str, told: str) -> QToolButton:
        made = QToolButton()
        made.setIcon(icon(name))
        made.setAccessibleName(text)
        made.setToolTip(told)
        made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        return made

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        # What a field with the focus does not want comes here; accepted, it is a key and not the window's shortcut.
        if isinstance(event, QKeyEvent) and self.isVisible() and event.matches(QKeySequence.StandardKey.Copy):
            if event.type() == QEvent.Type.ShortcutOverride:
                event.accept()
                return True
            if event.type() == QEvent.Type.KeyPress:
                self.copy()
                return True
        return super().eventFilter(watched, event)

    def copy(self) -> None:
        """Put the chart on the clipboard as a picture."""
        from ui.models.catalogue.chart_export import picture

        chart = self._chart()
        if chart is not None:
            QGuiApplication.clipboard().setImage(picture(chart))
            self._controller.notice.emit("info", self.tr("The chart is on the clipboard."))

    def ask_save(self) -> None:
        """Choose a file; its suffix says what is saved."""
        chart = self._chart()
        if chart is None:
            return
        from ui.models.catalogue.chart_export import SUFFIXES

        settings = self._settings
        pictures = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.PicturesLocation)
        start = str(Path(settings.text("export-folder", pictures), f"{chart.title()}.png"))
        kinds = {
            self.tr("Picture, twice as large (*.png)"): ".png",
            self.tr("Drawing (*.svg)"): ".svg",
            self.tr("Numbers (*.csv)"): ".csv",
        }
        name, kind = QFileDialog.getSaveFileName(self, self.tr("Save chart"), start, ";;".join(kinds))
        if name:
            path = Path(name)
            if path.suffix.lower() not in SUFFIXES:
                path = path.with_name(path.name + kinds.get(kind, ".png"))
            settings.set("export-folder", str(path.parent))
            self.save(path)

    def save(self, path: Path) -> None:
        """Write the chart to `path` on a worker."""
        from ui.models.catalogue.chart_export import saving

        chart = self._chart()
        if chart is not None:
            title = self.tr("Saving {name}").format(name=path.name)
            self._controller.pipeline.submit("pool", Job((OWNER, str(path)), title, saving(chart, path)))

    def _job_event(self, event: Event) -> None:
        owner = event.job.owner
        if event.kind == "output" and isinstance(owner, tuple) and owner[0] == OWNER:
            self._controller.notice.emit("info", self.tr("{name} is saved.").format(name=event.value.name))
