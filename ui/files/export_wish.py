"""What the user asks an export to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QMessageBox, QWidget

from cvstudio.exporters import EXPORTERS, Exporter
from ui.files.folder_question import holds_files

MOMENT, PART, WHOLE, MEDIA, FOLDER = "moment", "part", "whole", "media", "folder"
ASK, REPLACE, KEEP, MERGE = "ask", "replace", "keep", "merge"


def existing_setting(exporter: Exporter) -> str:
    """Setting of what becomes of what exists: who has files replaced may not want folders filled."""
    return "export/existing-folder" if exporter.folder else "export/existing"


@dataclass(frozen=True)
class Wish:
    """The export that the user asked for.

    Parameters
    ----------
    format : key of the exporter
    scope : "moment" (the picture or frame), "part" or "whole" of a video, "media" (all that are open), "folder"
    folder, name : destination; `name` is empty where several files are written
    options : values of the format's options by name
    existing : what becomes of a file that exists: ASK, REPLACE, or KEEP, where the new one gets a number. Of a folder:
        ASK, KEEP, or MERGE, where the new files come among its own; none is ever emptied.
    source : input folder of the scope "folder"
    part : (start, stop) in seconds, of the scope "part"
    """

    format: str
    scope: str
    folder: Path
    name: str
    options: dict[str, Any] = field(default_factory=dict)
    existing: str = ASK
    source: Path | None = None
    part: tuple[float, float] | None = None

    @property
    def exporter(self) -> Exporter:
        return EXPORTERS[self.format]

    @property
    def several(self) -> bool:
        """Whether the export is a batch of several files."""
        return self.scope in (MEDIA, FOLDER)

    @property
    def replaces(self) -> bool:
        """Whether a file would be replaced without having asked; a folder keeps what else is in it."""
        return self.existing == ASK and not self.several and not self.exporter.folder and self.path.exists()

    @property
    def merges(self) -> bool:
        """Whether several files would come among those of a folder without having asked."""
        if self.several:
            return holds_files(self.folder)
        return self.existing not in (KEEP, MERGE) and self.exporter.folder and holds_files(self.path)

    @property
    def target(self) -> Path:
        """The file or folder that `ExportController.written` will name."""
        return self.folder if self.several else self.path

    @property
    def path(self) -> Path:
        """The file or folder to write; a numbered name that is free where an existing one is kept."""
        path = self.folder / self.name
        return free_path(path, self.exporter.suffix) if self.existing == KEEP else path


@dataclass(frozen=True)
class Subject:
    """The result that the dialog offers to export.

    Parameters
    ----------
    result_type : result class of the current analysis
    stem : file name without suffix
    analysis : key of the analysis
    video : whether the medium is a video
    part : (start, stop) of the loop in seconds; None without a loop
    count : number of open media
    browsed : the folder that is open; None without one
    """

    result_type: type[Any]
    stem: str
    analysis: str
    video: bool = False
    part: tuple[float, float] | None = None
    count: int = 1
    browsed: Path | None = None


def ask_existing(parent: QWidget, path: Path) -> str | None:
    """Ask what becomes of the existing file `path`: REPLACE, KEEP, or None where nothing is to be written."""
    text = QCoreApplication.translate("ExportDialog", "{name} exists already.").format(name=path.name)
    box = QMessageBox(
        QMessageBox.Icon.NoIcon, QCoreApplication.translate("ExportDialog", "Export"), text, parent=parent
    )
    role = QMessageBox.ButtonRole
    replace = box.addButton(QCoreApplication.translate("ExportDialog", "Replace"), role.DestructiveRole)
    keep = box.addButton(QCoreApplication.translate("ExportDialog", "Keep both"), role.AcceptRole)
    box.setDefaultButton(keep)
    box.setEscapeButton(box.addButton(QMessageBox.StandardButton.Cancel))
    box.exec()
    clicked = box.clickedButton()
    return REPLACE if clicked is replace else KEEP if clicked is keep else None


def free_path(path: Path, suffix: str) -> Path:
    """`path`, or with the first number from 2 on before its `suffix` where such a file or folder exists."""
    stem, free, number = stem_of(path.name, suffix), path, 2
    while free.exists():
        free = path.with_name(f"{stem} {number}{suffix}")
        number += 1
    return free


def stem_of(name: str, *suffixes: str) -> str:
    """`name` without the longest of `suffixes` that it ends in."""
    suffix = max((item for item in suffixes if item and name.lower().endswith(item)), key=len, default="")
    return name[: len(name) - len(suffix)]
