"""A row for a folder: a menu of offered folders, and a dialog for any other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFileDialog, QMenu, QSizePolicy

from cvstudio.analyses.analysis import Histogram
from cvstudio.foundation.params import Field, Range
from ui.base.icons import icon
from ui.base.translate import translated
from ui.widgets.menu_button import MenuButton
from ui.widgets.rows.row import ROW_HEIGHT, Row

LEAST_WIDTH = 72
CHROME = 40
"""Width in pixels of the button's arrow and margins."""


class FolderRow(Row):
    """Label and a button with the folder's name; the options of `configure` are the paths of offered folders."""

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self._value = ""
        self._offers: tuple[str, ...] = ()
        self._empty = translated(field.folder.empty) if field.folder is not None and field.folder.empty else ""
        self.button = MenuButton()
        self.button.setMinimumHeight(ROW_HEIGHT)
        # In a dialog it would be drawn as the button that Enter presses.
        self.button.setAutoDefault(False)
        self.button.setMinimumWidth(LEAST_WIDTH)
        self.button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.menu = QMenu(self.button)
        self.menu.aboutToShow.connect(self._fill)
        self.button.setMenu(self.menu)
        self.one_line(((self.button, 1),))
        self.show_value("")

    def configure(self, *, bounds: Range | None, options: tuple[str, ...], histogram: Histogram | None) -> None:
        self._offers = options

    def value(self) -> str:
        return self._value

    def describe(self, value: Any) -> str:
        return str(value) or self._empty

    def show_value(self, value: Any) -> None:
        self._value = str(value or "")
        self.button.setAccessibleName(f"{self.title}: {self.describe(self._value)}")
        self.button.setToolTip(self.describe(self._value))
        self._show_name()

    def _name(self) -> str:
        return (Path(self._value).name or self._value) if self._value else self._empty

    def _show_name(self) -> None:
        width = max(self.button.width(), LEAST_WIDTH) - CHROME
        elided = self.button.fontMetrics().elidedText(self._name(), Qt.TextElideMode.ElideMiddle, width)
        # In a button's text, "&" marks the access key.
        self.button.setText(elided.replace("&", "&&"))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show_name()

    def _fill(self) -> None:
        self.menu.clear()
        if self._empty:
            self._add(self._empty, "")
        for path in dict.fromkeys((*self._offers, *filter(None, (self._value,)))):
            self._add(Path(path).name or path, path)
        self.menu.addSeparator()
        choose = self.menu.addAction(icon("folder-open"), self.tr("Choose a folder …"))
        choose.triggered.connect(lambda: self._choose())

    def _add(self, title: str, path: str) -> None:
        action = self.menu.addAction(title.replace("&", "&&"))
        action.setCheckable(True)
        action.setChecked(path == self._value)
        action.setToolTip(path)
        action.triggered.connect(lambda: self._set_folder(path))

    def _choose(self) -> None:
        start = self._value or next(iter(self._offers), "")
        path = QFileDialog.getExistingDirectory(self, self.title, start)
        if path:
            self._set_folder(path)

    def _set_folder(self, path: str) -> None:
        self.show_value(path)
        self.edit(path, dragging=False)
