"""Exporting from the window: ask what and where to, write on a worker, say where it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QStandardPaths, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QWidget

from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.foundation.lanes import Event, Job
from cvstudio.foundation.progress import Progress
from cvstudio.session.layers import visible_layers
from ui.base.settings import Settings
from ui.control.controller import Controller
from ui.control.exported_layers import shown_stack
from ui.widgets.notices import Notices

if TYPE_CHECKING:
    from cvstudio.exporters import Exporter
    from cvstudio.running.batch import Summary
    from cvstudio.running.composition import Composition
    from ui.files.export_dialog import ExportDialog, Wish


class ExportController(QObject):
    """Writes results of the current analysis. `written` are the files and folders of this session."""

    def __init__(self, window: QWidget, controller: Controller, settings: Settings, notices: Notices) -> None:
        super().__init__(window)
        self._window = window
        self._controller = controller
        self._settings = settings
        self._notices = notices
        self.written: list[Path] = []
        self.last: Wish | None = None
        controller.pipeline.job_event.connect(self._job_event)

    @property
    def _current(self) -> AnalysisInstance | None:
        """What can be exported now; says so where there is nothing."""
        state = self._controller.session.state
        if self._controller.current_result() is None or state.instance is None:
            self._notices.post("info", self.tr("There is no result to export yet; open a file and choose an analysis."))
            return None
        return state.linked(state.instance)

    def ask(self) -> ExportDialog | None:
        """Open the dialog for the current result; None where there is none."""
        instance = self._current
        if instance is None:
            return None
        # Imported with the first export: the window must not wait for it.
        from ui.files.export_dialog import ExportDialog, Subject

        video = instance.spec.goes_by_frame(instance.canvas_media)
        subject = Subject(
            instance.spec.result,
            instance.file_stem,
            instance.analysis,
            video,
            self._controller.playback.loop,
            sum(1 for item in self._controller.session.state.media if instance.spec.shows(item)),
        )
        pictures = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.PicturesLocation)
        folder = Path(self._settings.text("folders/export", "") or self._settings.text("export-folder", pictures))
        dialog = ExportDialog(self._window, subject, self._settings, folder)
        dialog.wished.connect(self.export_as)
        dialog.open()
        return dialog

    def repeat(self) -> None:
        """Export the current result as the last one was, to the same folder; asks where there was none."""
        from ui.files.export_dialog import PART

        wish, instance = self.last, self._current
        if instance is None:
            return
        part = self._controller.playback.loop
        fits = wish is not None and wish.exporter.accepts(instance.spec.result)
        if wish is None or not fits or (wish.scope == PART and part is None):
            self.ask()
            return
        if not wish.several:
            ending = f"-{wish.format}" if wish.exporter.folder else wish.exporter.suffix
            name = f"{instance.file_stem}{ending}"
            wish = dataclasses.replace(wish, name=name, part=part if wish.scope == PART else None)
        self.export_as(wish)

    def export_as(self, wish: Wish) -> None:
        """Export as `wish` says: the current result to one file, or a batch to a folder."""
        from ui.files.export_dialog import PART, WHOLE

        self.last = wish
        if wish.several:
            self._batch(wish)
            return
        start, stop = wish.part or (0.0, None)
        whole = wish.scope in (PART, WHOLE)
        self.export(wish.exporter, wish.path, whole=whole, options=wish.options, start_secs=start, stop_secs=stop)

    def export(
        self,
        exporter: Exporter,
        path: Path,
        *,
        whole: bool | None = None,
        options: Mapping[str, Any] | None = None,
        start_secs: float = 0.0,
        stop_secs: float | None = None,
    ) -> None:
        """Write the current result to `path` on a worker: the moment that is shown, or with `whole` every frame from
        `start_secs` to `stop_secs`. None takes the whole where the format holds nothing else."""
        state = self._controller.session.state
        assert state.instance is not None
        instance = state.linked(state.instance)
        look = dict(state.look)
        composition: Composition = ()
        if exporter.draws:
            composition = self._controller.comparing.comparison or visible_layers(state)
        part = (start_secs, stop_secs) if (exporter.video if whole is None else whole) else None
        pts = None if part is not None else self._controller.shown.pts
        cache, host = self._controller.pipeline.cache, self._controller.pipeline.host
        precisions, services = host.precisions, self._controller.pipeline.services

        def work(progress: Progress) -> Iterator[Any]:
            from cvstudio.exporters.base import writing
            from cvstudio.exporters.export_all import export_all
            from cvstudio.running.export_items import ExportRequest, export_item
            from cvstudio.running.runner import Runner

            with writing(path.parent):
                path.parent.mkdir(parents=True, exist_ok=True)
            # Its own networks: the window's belong to the accelerator thread, and the cache saves most runs.
            with Runner(
                device=host.requested_device,
                precision=host.precision,
                cache=cache,
                precisions=precisions,
                services=services,
            ) as runner:
                request = ExportRequest(
                    instance, path.parent.resolve(), pts=pts, part=part, composition=composition, look=look, host=host
                )
                item = export_item(runner, request, progress)
                export_all([(exporter, path)], item, {exporter.key: options or {}}, progress)
            yield path

        title = self.tr("Exporting {name}").format(name=path.name)
        self._controller.pipeline.submit("export", Job(("export", str(path)), title, work))

    def _batch(self, wish: Wish) -> None:
        """Run the current analysis over a folder, or over all that is open."""
        state = self._controller.session.state
        assert state.instance is not None
        instance, look = state.linked(state.instance), dict(state.look)
        opened = tuple(item.path for item in state.media if instance.spec.shows(item))
        paths = opened if wish.source is None else (wish.source,)
        host = self._controller.pipeline.host
        stack = shown_stack(self._controller)

        def work(progress: Progress) -> Iterator[Any]:
            from cvstudio.running.batch import Batch, BatchPlan

            options = {wish.format: wish.options}
            plan = BatchPlan(instance, paths, wish.folder, (wish.format,), options, look, stack)
            batch = Batch(plan, device=host.requested_device, precision=host.precision)
            for _ in batch.run(progress):
                yield None
            yield wish.folder, batch.summary

        title = self.tr("Exporting to {name}").format(name=wish.folder.name)
        self._controller.pipeline.submit("batch", Job(("export", str(wish.folder)), title, work))

    def _job_event(self, event: Event) -> None:
        owner = event.job.owner
        if event.kind != "output" or not isinstance(owner, tuple) or owner[0] != "export":
            return
        if isinstance(event.value, tuple):
            path, summary = event.value
            self._report_batch(path, summary)
        else:
            path = event.value
            self._notify("info", self.tr("Saved {name} and its recipe.").format(name=path.name), path.parent)
        self.written.append(path)

    def _report_batch(self, folder: Path, summary: Summary) -> None:
        if summary.failed:
            text = self.tr("{done} files are exported, {failed} failed; batch-report.csv in the folder says why.")
            self._notify("warning", text.format(done=summary.done, failed=summary.failed), folder)
        else:
            self._notify("info", self.tr("{done} files are exported.").format(done=summary.done), folder)

    def _notify(self, level: str, text: str, folder: Path) -> None:
        def show() -> None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))

        self._notices.post(level, text, action=self.tr("Show folder"), run=show)
