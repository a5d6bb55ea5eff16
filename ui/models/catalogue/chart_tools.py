"""Buttons that copy and save the summary chart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QToolButton, QWidget

from cvstudio.foundation.lanes import Event, Job
from ui.base.icons import icon
from ui.base.settings import Settings, first_folder, pictures_folder
from ui.control.controller import Controller

if TYPE_CHECKING:
    from ui.models.catalogue.chart import SummaryChart

OWNER = "save chart"


class ChartTools(QWidget):
    """Two buttons, "copy" and "save".

    Parameters
    ----------
    controller, settings : those of the window
    around : widget in which Ctrl+C copies the chart, while it is visible, in place of the picture on the canvas
    chart : callable () -> the chart, or None where it was never shown
    """

    def __init__(
        self, controller: Controller, settings: Settings, around: QWidget, chart: Callable[[], SummaryChart | None]
    ) -> None:
        super().__init__()
        self._controller = controller
        self._settings = settings
        self._chart = chart
        self.copy_button = self._button("copy", self.tr("Copy chart"), self.tr("Copy the chart as a picture (Ctrl+C)"))
        self.copy_button.clicked.connect(self.copy)
        tip = self.tr("Save the chart as PNG or SVG, or its numbers as CSV …")
        self.save_button = self._button("save", self.tr("Save chart"), tip)
        self.save_button.clicked.connect(self.ask_save)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.copy_button)
        layout.addWidget(self.save_button)
        around.installEventFilter(self)
        controller.pipeline.job_event.connect(self._job_event)

    def _button(self, name: str, text: str, tip: str) -> QToolButton:
        button = QToolButton()
        button.setIcon(icon(name))
        button.setAccessibleName(text)
        button.setToolTip(tip)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        return button

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        # Keys that the focused widget ignores arrive here. Accepting the override makes Ctrl+C a key press for this
        # widget, and not the window's shortcut.
        if isinstance(event, QKeyEvent) and self.isVisible() and event.matches(QKeySequence.StandardKey.Copy):
            if event.type() == QEvent.Type.ShortcutOverride:
                event.accept()
                return True
            if event.type() == QEvent.Type.KeyPress:
                self.copy()
                return True
        return super().eventFilter(watched, event)

    def copy(self) -> None:
        """Copy the chart to the clipboard as a picture."""
        from ui.models.catalogue.chart_export import picture

        chart = self._chart()
        if chart is not None:
            QGuiApplication.clipboard().setImage(picture(chart))
            self._controller.notice.emit("info", self.tr("The chart is on the clipboard."))

    def ask_save(self) -> None:
        """Choose a file and save the chart in the format of its suffix."""
        chart = self._chart()
        if chart is None:
            return
        from ui.models.catalogue.chart_export import SUFFIXES

        settings = self._settings
        folder = first_folder(settings.text("export-folder", ""), pictures_folder())
        start = str(Path(folder, f"{chart.title()}.png"))
        kinds = {
            self.tr("PNG picture, double size (*.png)"): ".png",
            self.tr("SVG drawing (*.svg)"): ".svg",
            self.tr("CSV table (*.csv)"): ".csv",
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
