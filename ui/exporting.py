"""Exporting from the window: choose a format and a file, write on a worker, say where it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QStandardPaths, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QWidget

from cvstudio.jobs import Event, Job
from cvstudio.layers import seen_layers
from cvstudio.media import MediaKind
from cvstudio.progress import Progress
from cvstudio.session import AnalysisInstance
from ui.controller import Controller
from ui.settings import Settings
from ui.widgets.notices import Notices

if TYPE_CHECKING:
    from cvstudio.api import Runner
    from cvstudio.exporters import Exporter, ExportItem


class Exporting(QObject):
    """Writes results of the current analysis. `written` are the files of this session."""

    def __init__(self, window: QWidget, controller: Controller, settings: Settings, notices: Notices) -> None:
        super().__init__(window)
        self._window = window
        self._controller = controller
        self._settings = settings
        self._notices = notices
        self.written: list[Path] = []
        controller.pipeline.event.connect(self._job_event)

    def ask(self) -> None:
        """Choose a format and a file for the current result."""
        result = self._controller.current_result()
        instance = self._controller.session.state.instance
        media = self._controller.session.state.active_media
        if result is None or instance is None or media is None:
            self._notices.post("info", self.tr("There is no result to export yet; open a file and choose an analysis."))
            return
        # Imported with the first export: the window must not wait for it.
        from cvstudio.exporters import exporters_for

        video = media.kind is MediaKind.VIDEO
        # A video that stands still is more often wanted as the picture one sees.
        choices = sorted(exporters_for(type(result), video=video), key=lambda item: item.video)
        filters = {f"{item.title} (*{item.suffix})": item for item in choices}
        pictures = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.PicturesLocation)
        start = Path(self._settings.text("export-folder", pictures))
        name, chosen = QFileDialog.getSaveFileName(
            self._window,
            self.tr("Export"),
            str(start / f"{media.path.stem}-{instance.analysis}{choices[0].suffix}"),
            ";;".join(filters),
        )
        if not name:
            return
        path = Path(name)
        exporter = filters.get(chosen, choices[0])
        if path.suffix.lower() != exporter.suffix:
            by_suffix = next((item for item in choices if item.suffix == path.suffix.lower()), None)
            exporter, path = (by_suffix, path) if by_suffix else (exporter, path.with_name(path.name + exporter.suffix))
        self._settings.set("export-folder", str(path.parent))
        self.export(exporter, path)

    def export(self, exporter: Exporter, path: Path) -> None:
        """Write the current result to `path` on a worker."""
        instance = self._controller.session.state.instance
        assert instance is not None
        look = dict(self._controller.session.state.look)
        stack = seen_layers(self._controller.session.state) if exporter.draws else ()
        pts = self._controller.shown.pts
        cache = self._controller.pipeline.cache

        def work(progress: Progress) -> Iterator[Any]:
            from cvstudio.api import Runner
            from cvstudio.exporters import export

            # Its own networks: the window's belong to the accelerator thread, and the cache saves most runs.
            with Runner(cache=cache) as runner:
                item = _export_item(runner, instance, stack, exporter, path, pts, look, progress)
                export(exporter, path, item, progress)
            yield path

        title = self.tr("Exporting {name}").format(name=path.name)
        self._controller.pipeline.submit("export", Job(("export", str(path)), title, work))

    def _job_event(self, event: Event) -> None:
        owner = event.job.owner
        if event.kind == "output" and isinstance(owner, tuple) and owner[0] == "export":
            path: Path = event.value
            self.written.append(path)
            self._notices.post(
                "info",
                self.tr("Saved {name} and its recipe.").format(name=path.name),
                action=self.tr("Show folder"),
                run=lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(path.parent))),
            )


def _export_item(
    runner: Runner,
    instance: AnalysisInstance,
    stack: tuple[AnalysisInstance, ...],
    exporter: Exporter,
    path: Path,
    pts: float | None,
    look: dict[str, Any],
    progress: Progress,
) -> ExportItem:
    from cvstudio.exporters import ExportItem
    from cvstudio.recipe import make_recipe
    from cvstudio.stacking import is_plain, stacked_frames, with_stack

    base = path.parent.resolve()
    plain = is_plain(instance, stack)
    media = instance.bindings[instance.spec.inputs[0].name]
    if exporter.video:
        frames = runner.frames(instance, progress) if plain else stacked_frames(runner, stack, progress)
        item = ExportItem(media, None, None, look, {}, frames=frames)
    else:
        item = runner.export_item(instance, progress, base=base, pts=pts, look=look)
        item = with_stack(runner, item, instance, stack, progress, pts=pts)
    at = None if exporter.video else pts
    recipe = make_recipe(instance, base, pts=at, look=look, stack=() if plain else stack)
    return dataclasses.replace(item, recipe=recipe)
