"""Saving a copy of the 3D file on the canvas in another format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QWidget

from cvstudio.foundation.lanes import Event, Job
from cvstudio.foundation.progress import Progress
from cvstudio.media import Media, open_reader
from ui.base.settings import Settings, first_folder, pictures_folder
from ui.control.controller import Controller
from ui.widgets.notices import Notices

PLACE, ENDING = "geometry-copy/folder", "geometry-copy/ending"


@dataclass(frozen=True)
class WrittenCopy:
    """A copy that was written, and what its format does not hold of the file."""

    path: Path
    lost: tuple[str, ...]


class GeometryCopies(QObject):
    """Writes a mesh or a point cloud, as it is shown, to another file."""

    def __init__(self, window: QWidget, controller: Controller, settings: Settings, notices: Notices) -> None:
        super().__init__(window)
        self._window, self._controller = window, controller
        self._settings, self._notices = settings, notices
        controller.pipeline.job_event.connect(self._job_event)

    def ask(self, media: Media) -> None:
        """Ask for the name of a copy of `media`, whose ending says the format, and write it."""
        from cvstudio.exporters.spatial.geometry_files import FORMATS, endings
        from ui.files.export_wish import KEEP, REPLACE, ask_existing, free_path

        sample = self._controller.shown.sample
        if sample is None:
            return
        filters = {f"{FORMATS[ending]} (*{ending})": ending for ending in endings(sample)}
        last = self._settings.text(ENDING, "")
        chosen = next((text for text, ending in filters.items() if ending == last), next(iter(filters)))
        folder = first_folder(self._settings.text(PLACE, ""), str(media.path.parent), pictures_folder())
        proposed = str(Path(folder) / f"{media.path.stem}-copy{filters[chosen]}")
        title = self.tr("Save a copy of {name}").format(name=media.name)
        name, chosen = QFileDialog.getSaveFileName(self._window, title, proposed, ";;".join(filters), chosen)
        if not name:
            return
        path = Path(name)
        if path.suffix.lower() not in FORMATS:
            ending = filters.get(chosen, ".ply")
            path = path.with_name(path.name + ending)
            # The dialog has asked about the name as it was typed.
            existing = ask_existing(self._window, path) if path.exists() else REPLACE
            if existing is None:
                return
            if existing == KEEP:
                path = free_path(path, ending)
        self._settings.set(PLACE, str(path.parent))
        self._settings.set(ENDING, path.suffix.lower())
        self.write(media, path)

    def write(self, media: Media, path: Path) -> None:
        """Write a copy of `media` to `path` on a worker."""

        def work(progress: Progress) -> Iterator[Any]:
            from cvstudio.exporters.base import writing
            from cvstudio.exporters.spatial.geometry_files import write_geometry

            with open_reader(media) as reader:
                geometry = reader.read()
            progress.check()
            with writing(path):
                yield WrittenCopy(path, write_geometry(path, geometry))

        title = self.tr("Saving {name}").format(name=path.name)
        self._controller.pipeline.submit("export", Job(("copy", str(path)), title, work))

    def _job_event(self, event: Event) -> None:
        if event.kind != "output" or not isinstance(event.value, WrittenCopy):
            return
        path, lost = event.value.path, event.value.lost
        if lost:
            text = self.tr("Saved {name} without {lost}, which its format does not hold.")
            self._notices.post("warning", text.format(name=path.name, lost=", ".join(lost)))
        else:
            self._notices.post("info", self.tr("Saved {name}.").format(name=path.name))
