"""The question that comes before files are written among those of a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QMessageBox, QWidget

from cvstudio.running.batch.queue import FOLDER as BATCH_RECORD

Answer = Literal["merge", "other"]

_OF_THE_SYSTEM = frozenset(("desktop.ini", "thumbs.db"))


def holds_files(folder: Path) -> bool:
    """Whether `folder` holds what no batch of this program wrote: any visible file or folder, without a batch's record.

    False for a folder that does not exist or cannot be read; writing to it says why.
    """
    try:
        if (folder / BATCH_RECORD).is_dir():
            return False
        return any(
            not path.name.startswith(".") and path.name.lower() not in _OF_THE_SYSTEM for path in folder.iterdir()
        )
    except OSError:
        return False


def ask_merge(parent: QWidget, folder: Path) -> Answer | None:
    """Ask whether files are written among those of `folder`, or to another one; None where nothing is to be written."""

    def told(text: str) -> str:
        return QCoreApplication.translate("FolderQuestion", text)

    box = QMessageBox(QMessageBox.Icon.NoIcon, told("Export"), "", parent=parent)
    box.setText(told("The folder {name} already holds files.").format(name=folder.name))
    box.setInformativeText(told("Merge adds the new files; existing files with the same names are replaced."))
    role = QMessageBox.ButtonRole
    merge = box.addButton(told("Merge"), role.DestructiveRole)
    other = box.addButton(told("Choose another folder …"), role.AcceptRole)
    box.setDefaultButton(other)
    box.setEscapeButton(box.addButton(QMessageBox.StandardButton.Cancel))
    box.exec()
    clicked = box.clickedButton()
    return "merge" if clicked is merge else "other" if clicked is other else None
