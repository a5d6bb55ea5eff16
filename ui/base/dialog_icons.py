"""The program's icons for the folders and files of Qt's own file dialog; its buttons have them by the style sheet."""

from __future__ import annotations

import functools

from PySide6.QtCore import QFileInfo
from PySide6.QtGui import QAbstractFileIconProvider, QIcon
from PySide6.QtWidgets import QFileDialog, QFileIconProvider, QWidget

from ui.base.icons import icon

KINDS = {
    QAbstractFileIconProvider.IconType.Computer: "monitor",
    QAbstractFileIconProvider.IconType.Desktop: "monitor",
    QAbstractFileIconProvider.IconType.Trashcan: "trash-2",
    QAbstractFileIconProvider.IconType.Network: "link",
    QAbstractFileIconProvider.IconType.Drive: "save",
    QAbstractFileIconProvider.IconType.Folder: "folder",
    QAbstractFileIconProvider.IconType.File: "file",
}


class FileIcons(QFileIconProvider):
    """Icons of a file dialog's list and side bar."""

    def icon(self, what: QAbstractFileIconProvider.IconType | QFileInfo) -> QIcon:
        """The icon of a kind of place, or of a file."""
        if isinstance(what, QFileInfo):
            return icon("folder" if what.isDir() else "file")
        return icon(KINDS.get(what, "file"))


@functools.cache
def _provider() -> FileIcons:
    return FileIcons()


def dress(dialog: QWidget) -> None:
    """Give a file dialog the program's icons; other windows are left as they are."""
    if isinstance(dialog, QFileDialog) and dialog.iconProvider() is not _provider():
        dialog.setIconProvider(_provider())
