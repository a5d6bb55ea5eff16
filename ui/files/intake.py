"""Files from outside the window: drag and drop, and the clipboard."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from PySide6.QtCore import QMimeData, QObject, QUrl, Signal
from PySide6.QtGui import QClipboard, QDragEnterEvent, QDropEvent, QImage
from PySide6.QtWidgets import QLineEdit, QWidget
from shiboken6 import isValid

from cvstudio.foundation.errors import ExportError
from cvstudio.foundation.lanes import Event, Job
from cvstudio.foundation.paths import user_cache_dir
from cvstudio.foundation.progress import Progress
from ui.control.pipeline import Pipeline
from ui.library.drop_hint import DropHint

MAX_TEXT = 100_000
"""Longest text, in characters, that is searched for paths."""


def local_paths(mime: QMimeData) -> list[Path]:
    """Paths of the local files and folders in `mime`.

    They come as URLs, or as a text in which each line names an existing one: an absolute path, one in quotes, one that
    begins with "~", or a file:// address. Empty where a line names none.
    """
    if mime.hasUrls():
        files = [_local_path(url) for url in mime.urls() if url.isLocalFile()]
        if files:
            return files
    if not mime.hasText() or len(mime.text()) > MAX_TEXT:
        return []
    lines = [line.strip() for line in mime.text().splitlines() if line.strip()]
    paths = [path for line in lines if (path := _named_by(line)) is not None]
    # A text that only mentions a file is not a list of files.
    return paths if len(paths) == len(lines) else []


def _local_path(url: QUrl) -> Path:
    """The path of an address of a local file."""
    name = url.toLocalFile()
    if "\N{REPLACEMENT CHARACTER}" in name:  # Qt's text of bytes that are not UTF-8, which the address keeps as "%E9"
        name = os.fsdecode(unquote_to_bytes(url.path(QUrl.ComponentFormattingOption.FullyEncoded)))
    return Path(name)


def _named_by(line: str) -> Path | None:
    """The existing file or folder that a line of text names; None where there is none."""
    if len(line) > 1 and line[0] == line[-1] and line[0] in "\"'":
        line = line[1:-1]
    if line.startswith("file:"):
        line = str(_local_path(QUrl(line)))
    path = Path(os.path.expanduser(line))
    try:
        # A relative path depends on the working directory, which the user does not know.
        return path if path.is_absolute() and path.exists() else None
    except (OSError, ValueError):
        return None


class Intake(QObject):
    """Drag and drop, and paste, of one window.

    Signals
    -------
    paths : files and folders to open
    notice : (level, text) for the user
    """

    paths = Signal(object)
    notice = Signal(str, str)

    def __init__(self, window: QWidget, pipeline: Pipeline) -> None:
        super().__init__(window)
        self._window = window
        self._pipeline = pipeline
        self._hint: DropHint | None = None
        self._blocked_edits: list[QLineEdit] = []
        pipeline.job_event.connect(self._job_event)

    # Drops ----------------------------------------------------------------------------------------------------------

    def drag_entered(self, event: QDragEnterEvent) -> None:
        """Accept a drag of files and show the hint; one from inside the window, or without files, is refused."""
        paths = local_paths(event.mimeData())
        if event.source() is not None or not paths:
            event.ignore()
            return
        event.acceptProposedAction()
        # A line edit would accept the drop as text: none accepts drops while files are dragged over the window.
        self._blocked_edits += [edit for edit in self._window.findChildren(QLineEdit) if edit.acceptDrops()]
        for edit in self._blocked_edits:
            edit.setAcceptDrops(False)
        if self._hint is None:
            self._hint = DropHint(self._window)
        self._hint.show_for(paths)

    def drag_left(self) -> None:
        """The drag left the window: hide the hint, and let line edits accept drops again."""
        if self._hint is not None:
            self._hint.hide()
        for edit in self._blocked_edits:
            if isValid(edit):
                edit.setAcceptDrops(True)
        self._blocked_edits.clear()

    def dropped(self, event: QDropEvent) -> None:
        """Open the dropped files."""
        self.drag_left()
        if event.source() is None:
            event.acceptProposedAction()
            self._take(local_paths(event.mimeData()))

    def _take(self, paths: Sequence[Path]) -> None:
        if paths:
            self.paths.emit(list(paths))
        else:
            self.notice.emit("warning", self.tr("Only files on this computer can be opened; save it as a file first."))

    # The clipboard --------------------------------------------------------------------------------------------------

    def paste(self, clipboard: QClipboard) -> None:
        """Open the clipboard's content: files, a picture, or a text that names files."""
        mime = clipboard.mimeData()
        paths = local_paths(mime)
        if paths:
            self._take(paths)
        elif mime.hasImage() and not (image := clipboard.image()).isNull():
            # On a worker: a large picture takes long to write, and the window would wait.
            work = _save(image, user_cache_dir() / "pasted")
            self._pipeline.submit("pool", Job("paste", self.tr("Pasting"), work))
        else:
            self.notice.emit(
                "info", self.tr("The clipboard holds no picture and no file; copy one, or the path of one, first.")
            )

    def _job_event(self, event: Event) -> None:
        if event.kind == "output" and event.job.owner == "paste":
            self.paths.emit([event.value])


def _save(image: QImage, folder: Path) -> Callable[[Progress], Iterator[Any]]:
    """Work that writes `image` as PNG into `folder` and yields its path. Raises ExportError where it cannot."""

    def work(progress: Progress) -> Iterator[Any]:
        folder.mkdir(parents=True, exist_ok=True)
        name = time.strftime("pasted %Y-%m-%d %H.%M.%S")
        path, number = folder / f"{name}.png", 2
        while path.exists():
            path, number = folder / f"{name} {number}.png", number + 1
        if not image.save(str(path)):
            path.unlink(missing_ok=True)
            raise ExportError(f"The picture on the clipboard cannot be kept in {folder}; check that its disk has room.")
        yield path

    return work
