"""The menu Open Recent: files, folders and projects; missing ones are disabled and can be removed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QWidget

from cvstudio.foundation.lanes import Event, Job
from cvstudio.foundation.names import shown_name
from cvstudio.foundation.progress import Progress
from cvstudio.media.folders import set_file
from ui.base.icons import icon
from ui.base.recent_entries import likely_kind, recent_entries
from ui.base.settings import Settings
from ui.control.pipeline import Pipeline
from ui.files.project_files import SUFFIX
from ui.library.kinds import kind_icon


class RecentMenu(QMenu):
    """Menu of recent paths, filled when it opens.

    A worker checks whether they exist: a drive that does not answer must not hold up the menu.

    Signals
    -------
    chosen : `Path` to open
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget, settings: Settings, pipeline: Pipeline) -> None:
        super().__init__(parent)
        self.setTitle(self.tr("Open &Recent"))
        self.setToolTipsVisible(True)
        self._settings = settings
        self._pipeline = pipeline
        self.entries: dict[Path, QAction] = {}
        self.missing: set[Path] = set()
        self._tidy: QAction | None = None
        self.aboutToShow.connect(self.fill)
        pipeline.job_event.connect(self._job_event)

    def fill(self) -> None:
        """List the recent paths, the newest first."""
        self.clear()
        self.entries.clear()
        self.missing.clear()
        for name in self._settings.recent:
            path = Path(name)
            action = self.addAction(icon(_icon_of(path)), _title(path), partial(self.chosen.emit, path))
            action.setToolTip(name)
            self.entries[path] = action
        if not self.entries:
            self.addAction(self.tr("No recent files")).setEnabled(False)
            return
        self.addSeparator()
        self._tidy = self.addAction(self.tr("Remove Missing Files"), self.remove_missing)
        self._tidy.setVisible(False)
        self.addAction(icon("trash-2"), self.tr("Clear List"), self._settings.clear_recent)
        self._pipeline.submit("recent", Job("recent", "", _check(tuple(self.entries))))

    def remove_missing(self) -> None:
        """Remove the entries whose files do not exist any more."""
        self._settings.forget_recent({name for name in self._settings.recent if Path(name) in self.missing})

    def _job_event(self, event: Event) -> None:
        if event.kind != "output" or event.job.owner != "recent":
            return
        path, status = event.value
        action = self.entries.get(path)
        if action is None:
            return
        if status == "folder":
            action.setIcon(icon("folder"))
        elif status == "missing":
            self.missing.add(path)
            action.setEnabled(False)
            action.setText(self.tr("{name} (missing)").format(name=_title(path)))
            if self._tidy is not None:
                self._tidy.setVisible(True)


class RecentPaths(QObject):
    """The recent paths that exist, for the first screen. A worker looks whether they do.

    Signals
    -------
    found : list of (title, name of an icon, path as text), the newest first
    """

    found = Signal(object)

    def __init__(self, parent: QObject, settings: Settings, pipeline: Pipeline) -> None:
        super().__init__(parent)
        self._settings = settings
        self._pipeline = pipeline
        self._kinds: dict[Path, str] = {}
        pipeline.job_event.connect(self._job_event)

    def look(self, most: int) -> None:
        """Tell the `most` newest paths that exist: at once as far as is known, and again if that was wrong."""
        paths = tuple(map(Path, self._settings.recent))
        # Whatever stands below them would move if they came later.
        told = recent_entries(((path, self._kinds.get(path, likely_kind(path))) for path in paths), most)
        self.found.emit(told)
        if not paths:
            return

        def work(progress: Progress) -> Iterator[Any]:
            kinds = dict(_check(paths)(progress))
            yield kinds, recent_entries(kinds.items(), most), told

        self._pipeline.submit("recent", Job("recent paths", "", work))

    def _job_event(self, event: Event) -> None:
        if event.kind == "output" and event.job.owner == "recent paths":
            self._kinds, entries, told = event.value
            if entries != told:
                self.found.emit(entries)


def _title(path: Path) -> str:
    return shown_name(path.name or str(path)).replace("&", "&&")


def _icon_of(path: Path) -> str:
    if path.suffix == SUFFIX:
        return "cvstudio"
    return kind_icon(set_file(path.name).kind)


def _check(paths: tuple[Path, ...]) -> Callable[[Progress], Iterator[Any]]:
    """Work that yields (path, "folder", "file" or "missing") for each path."""

    def work(progress: Progress) -> Iterator[Any]:
        for path in paths:
            progress.check()
            yield path, "folder" if os.path.isdir(path) else "file" if _may_exist(path) else "missing"

    return work


def _may_exist(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:  # choosing it says that it cannot be read; it is not the list's to forget
        return True
