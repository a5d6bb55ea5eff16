"""Model of the media list: open files, or the files of one set."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractListModel, QMimeData, QModelIndex, QObject, QPersistentModelIndex, Qt, QUrl

from cvstudio.foundation.names import shown_name
from cvstudio.media import Media
from cvstudio.media.folders import MediaSet, SetFile
from cvstudio.media.thumbnails import has_picture
from ui.library.thumbnails import Thumbnails

Index = QModelIndex | QPersistentModelIndex


def facts_text(size: tuple[int, int] | None, duration_secs: float | None, timed: bool) -> str:
    """Duration and size in pixels as a short text, such as "0:12.4 · 1920 × 1080"."""
    parts = []
    if timed and duration_secs is not None:
        minutes, seconds = divmod(duration_secs, 60)
        parts.append(f"{int(minutes)}:{seconds:04.1f}")
    if size is not None:
        parts.append(f"{size[0]} × {size[1]}")
    return " · ".join(parts)


class Entries(QAbstractListModel):
    """List model for ten thousand rows: the texts of a row are created when it is painted, and not stored."""

    def __init__(self, thumbnails: Thumbnails, parent: QObject) -> None:
        super().__init__(parent)
        self.thumbnails = thumbnails
        self._set: MediaSet | None = None
        self._prefix = ""
        self._rows: Sequence[SetFile | Media] = ()
        self._row_of: dict[str, int] | None = None
        thumbnails.arrived.connect(self._arrived)

    def show_rows(self, media_set: MediaSet | None, rows: Sequence[SetFile | Media]) -> None:
        """Show the files of `media_set`, or the open media where it is None."""
        self.beginResetModel()
        self._set = media_set
        self._prefix = os.path.join(media_set.path, "") if media_set is not None else ""
        self._rows = rows
        self._row_of = None
        self.endResetModel()

    # What a row is --------------------------------------------------------------------------------------------------

    def path(self, row: int) -> Path:
        entry = self._rows[row]
        if isinstance(entry, Media):
            return entry.path
        assert self._set is not None
        return self._set.path / entry.name

    def row_of(self, path: Path) -> int | None:
        """The row of a file, or None."""
        if self._row_of is None:
            # Compared as text: creating ten thousand Path objects takes noticeable time.
            self._row_of = {self._prefix + self._name(entry): row for row, entry in enumerate(self._rows)}
        return self._row_of.get(str(path))

    @staticmethod
    def _name(entry: SetFile | Media) -> str:
        return entry.name.replace("/", os.sep) if isinstance(entry, SetFile) else str(entry.path)

    def media(self, row: int) -> Media | None:
        """The medium of a row; None for a file of a set, which is only identified when it is opened."""
        entry = self._rows[row]
        return entry if isinstance(entry, Media) else None

    def title(self, row: int) -> str:
        entry = self._rows[row]
        return shown_name(entry.name.rpartition("/")[2]) if isinstance(entry, SetFile) else entry.name

    def kind(self, row: int) -> str | None:
        """The kind of a row's file: by its content once that was read, by its suffix before."""
        preview = self.thumbnails.get(self.path(row))
        if preview is not None and preview.facts is not None and self._set is not None:
            return preview.facts.kind
        return self._rows[row].kind

    def note(self, row: int) -> str:
        """The second line of a row: folder, duration and size."""
        entry = self._rows[row]
        if isinstance(entry, Media):
            return facts_text(entry.size, entry.duration_secs, entry.kind in ("video", "audio"))
        preview = self.thumbnails.get(self.path(row))
        facts = preview.facts if preview is not None else None
        parts = [entry.name.rpartition("/")[0]]
        if facts is not None:
            parts.append(facts_text(facts.size, facts.duration_secs, facts.kind in ("video", "audio")))
        return " · ".join(part for part in parts if part)

    def has_picture(self, row: int) -> bool:
        """Whether a row's file may have a thumbnail: an open medium of another kind, such as a camera, has none."""
        entry = self._rows[row]
        return isinstance(entry, SetFile) or has_picture(entry.kind)

    def error(self, row: int) -> str:
        """The reason why a row's file cannot be read, or ""; always "" for an open medium."""
        if isinstance(self._rows[row], Media):
            return ""
        preview = self.thumbnails.get(self.path(row))
        return preview.error if preview is not None else ""

    # Qt -------------------------------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  (Qt's own signature)
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row = index.row()
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return self.title(row)
        if role == Qt.ItemDataRole.AccessibleDescriptionRole:
            return self.note(row)
        if role == Qt.ItemDataRole.ToolTipRole:
            error = self.error(row)
            return f"{self.path(row)}\n{error}" if error else str(self.path(row))
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemNeverHasChildren
        return flags | Qt.ItemFlag.ItemIsDragEnabled if index.isValid() else flags

    def supportedDragActions(self) -> Qt.DropAction:
        return Qt.DropAction.CopyAction

    def mimeTypes(self) -> list[str]:
        return ["text/uri-list"]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(self.path(index.row()))) for index in indexes])
        return data

    def _arrived(self, path: Path) -> None:
        row = self.row_of(path)
        if row is not None:
            index = self.index(row)
            self.dataChanged.emit(index, index)
