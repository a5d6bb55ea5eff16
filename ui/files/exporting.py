"""Exporting from the window: ask what and where to, write on a worker, say where it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QWidget

from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.foundation.errors import UserError
from cvstudio.foundation.lanes import Event, Job
from cvstudio.foundation.progress import Progress
from cvstudio.media.base import MediaKind
from cvstudio.session.layers import visible_layers
from cvstudio.session.session import State
from ui.base.settings import Settings
from ui.base.translate import counted
from ui.control.controller import Controller
from ui.control.exported_layers import chosen_readings, comparison_in, shown_stack, sides_in
from ui.files.geometry_copy import GeometryCopies
from ui.widgets.notices import Notices

if TYPE_CHECKING:
    from cvstudio.exporters import Exporter, ExportItem
    from cvstudio.exporters.preview import FilePreview
    from cvstudio.running.batch import Summary
    from cvstudio.running.composition import Comparison, Composition
    from ui.control.unfinished import Unfinished
    from ui.files.export_dialog import ExportDialog
    from ui.files.export_wish import Wish


PREVIEW = ("export-preview",)


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
        self._dialog: ExportDialog | None = None
        self.copies = GeometryCopies(window, controller, settings, notices)
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
        """Open the dialog for the current result; None where there is none. Of a 3D file a copy is saved instead."""
        media = self._controller.session.state.active_media
        if media is not None and media.kind is MediaKind.GEOMETRY:
            self.copies.ask(media)
            return None
        instance = self._current
        if instance is None:
            return None
        # Imported with the first export: the window must not wait for it.
        from ui.files.export_dialog import ExportDialog
        from ui.files.export_wish import Subject

        video = instance.spec.goes_by_frame(instance.canvas_media)
        browsed = self._controller.library.current
        subject = Subject(
            instance.spec.result,
            instance.file_stem,
            instance.analysis,
            video,
            self._controller.playback.loop,
            sum(1 for item in self._controller.session.state.media if instance.spec.shows(item)),
            browsed.path if browsed is not None and browsed.labels is None else None,
        )
        dialog = ExportDialog(self._window, subject, self._settings, self.written)
        dialog.wished.connect(self.export_as)
        dialog.preview_wanted.connect(self._preview)
        dialog.finished.connect(lambda _: self._closed())
        self._dialog = dialog
        dialog.open()
        return dialog

    def repeat(self) -> None:
        """Export the current result as the last one was, to the same folder; asks where there was none."""
        from ui.files import folder_question
        from ui.files.export_wish import PART, ask_existing

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
        if wish.merges and wish.target not in self.written:
            answer = folder_question.ask_merge(self._window, wish.target)
            if answer == "other":
                self.ask()
            if answer != "merge":
                return
        if wish.replaces:
            existing = ask_existing(self._window, wish.path)
            if existing is None:
                return
            wish = dataclasses.replace(wish, existing=existing)
        self.export_as(wish)

    def export_as(self, wish: Wish) -> None:
        """Export as `wish` says: the current result to one file, or a batch to a folder."""
        from ui.files.export_wish import PART, WHOLE, existing_setting

        # What was answered about one file does not hold for the next.
        usual = self._settings.text(existing_setting(wish.exporter), wish.existing)
        self.last = dataclasses.replace(wish, existing=usual)
        if wish.several:
            self._batch(wish, self._controller.session.state, shown_stack(self._controller))
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
        pts: float | None = None,
    ) -> None:
        """Write the current result to `path` on a worker: the moment at `pts`, by default the one that is shown, or
        with `whole` every frame from `start_secs` to `stop_secs`. None takes the whole where the format holds nothing
        else."""
        part = (start_secs, stop_secs) if (exporter.video if whole is None else whole) else None
        comparison = self._controller.comparison.composition if exporter.draws else None
        if part is None and pts is None:
            pts = self._controller.shown.pts
        self._export(exporter, path, self._controller.session.state, comparison, part, options, pts)

    def _export(
        self,
        exporter: Exporter,
        path: Path,
        state: State,
        comparison: Comparison | None,
        part: tuple[float, float | None] | None,
        options: Mapping[str, Any] | None,
        pts: float | None,
    ) -> None:
        """Write the current result of the session `state` to `path` on a worker."""
        item_of = self._items(exporter, path.parent, state, comparison, part, pts)
        unfinished = self._controller.unfinished
        start_secs, stop_secs = part or (0.0, None)
        values = {
            "format": exporter.key,
            "path": str(path.absolute()),
            "options": dict(options or {}),
            "whole": part is not None,
            "start": start_secs,
            "stop": stop_secs,
            "pts": pts,
            "comparison": sides_in(comparison),
        }

        def work(progress: Progress) -> Iterator[Any]:
            from cvstudio.exporters.base import writing
            from cvstudio.exporters.export_all import export_all

            with writing(path.parent):
                path.parent.mkdir(parents=True, exist_ok=True)
            with unfinished.kept("export", path, state, values), item_of(progress) as item:
                export_all([(exporter, path)], item, {exporter.key: options or {}}, progress)
            yield path

        title = self.tr("Exporting {name}").format(name=path.name)
        self._controller.pipeline.submit("export", Job(("export", str(path)), title, work))

    def _items(
        self,
        exporter: Exporter,
        folder: Path,
        state: State,
        comparison: Comparison | None,
        part: tuple[float, float | None] | None,
        pts: float | None,
    ) -> Callable[[Progress], AbstractContextManager[ExportItem]]:
        """What a worker makes the item to export with, of the session `state`: the moment at `pts`, None for what does
        not move, or the frames of `part`."""
        assert state.instance is not None
        instance = state.linked(state.instance)
        look = dict(state.look)
        composition: Composition = ()
        if exporter.draws:
            composition = comparison or visible_layers(state)
        cache, host = self._controller.pipeline.cache, self._controller.pipeline.host
        precisions, services = host.precisions, self._controller.pipeline.services
        # A single frame has the identities that it has on screen; frames of a part are followed from its beginning.
        followed = None if part is not None else self._controller.presenter.followed.copied()

        @contextmanager
        def item_of(progress: Progress) -> Iterator[ExportItem]:
            from cvstudio.running.export_items import ExportRequest, export_item
            from cvstudio.running.runner import Runner

            # Its own networks: the window's belong to the accelerator thread, and the cache saves most runs.
            with Runner(
                device=host.requested_device,
                precision=host.precision,
                cache=cache,
                precisions=precisions,
                services=services,
                followed=followed,
            ) as runner:
                request = ExportRequest(
                    instance, folder.resolve(), pts=pts, part=part, composition=composition, look=look, host=host
                )
                yield export_item(runner, request, progress)

        return item_of

    def _closed(self) -> None:
        self._dialog = None
        self._controller.pipeline.lanes.cancel(PREVIEW)

    def _preview(self, wish: Wish) -> None:
        """Show in the dialog what the export of the moment on screen will look like."""
        if self._dialog is None or self._current is None:
            return
        exporter, options, largest = wish.exporter, wish.options, self._dialog.preview.largest
        comparison = self._controller.comparison.composition if exporter.draws else None
        state, pts = self._controller.session.state, self._controller.shown.pts
        item_of = self._items(exporter, wish.folder, state, comparison, None, pts)

        def work(progress: Progress) -> Iterator[Any]:
            from cvstudio.exporters.preview import preview

            try:
                with item_of(progress) as item:
                    shown = preview(exporter, dataclasses.replace(item, options=options), largest, progress)
                    yield exporter.key, shown
            except UserError as error:
                yield exporter.key, str(error)

        self._controller.pipeline.submit("preview", Job(PREVIEW, "", work))

    def _previewed(self, key: str, preview: FilePreview | str) -> None:
        # One of a format that was chosen before may still arrive.
        if self._dialog is None or self._dialog.exporter.key != key:
            return
        if isinstance(preview, str):
            self._dialog.preview.say(preview)
        else:
            self._dialog.preview.show_preview(preview)

    def _batch(self, wish: Wish, state: State, stack: tuple[AnalysisInstance, ...]) -> None:
        """Run the current analysis of the session `state` over a folder, or over all that is open in it."""
        assert state.instance is not None
        instance, look = state.linked(state.instance), dict(state.look)
        opened = {item.path: item.read_as for item in state.media if instance.spec.shows(item)}
        paths = tuple(opened) if wish.source is None else (wish.source,)
        readings = {str(path): key for path, key in opened.items()}
        readings = readings if wish.source is None else chosen_readings(state)
        host = self._controller.pipeline.host
        unfinished = self._controller.unfinished
        values = {
            "format": wish.format,
            "folder": str(wish.folder.absolute()),
            "options": dict(wish.options),
            "source": None if wish.source is None else str(wish.source.absolute()),
            "alone": not stack,
        }

        def work(progress: Progress) -> Iterator[Any]:
            from cvstudio.running.batch import Batch, BatchPlan

            options = {wish.format: wish.options}
            plan = BatchPlan(instance, paths, wish.folder, (wish.format,), options, look, stack, readings)
            batch = Batch(plan, device=host.requested_device, precision=host.precision)
            with unfinished.kept("batch", wish.folder, state, values):
                for _ in batch.run(progress):
                    yield None
            yield wish.folder, batch.summary

        title = self.tr("Exporting to {name}").format(name=wish.folder.name)
        self._controller.pipeline.submit("batch", Job(("export", str(wish.folder)), title, work))

    def resume(self, item: Unfinished, state: State) -> None:
        """Do again what did not end, in the session `state` that it began in; what is open stays as it is."""
        from cvstudio.exporters import EXPORTERS
        from ui.files.export_wish import FOLDER, MEDIA, REPLACE, Wish

        values = item.values
        if item.kind == "batch":
            source = Path(values["source"]) if values["source"] is not None else None
            scope = MEDIA if source is None else FOLDER
            folder = Path(values["folder"])
            wish = Wish(values["format"], scope, folder, "", dict(values["options"]), REPLACE, source)
            # One that ran during a comparison drew no layers.
            self._batch(wish, state, () if values.get("alone") else visible_layers(state))
            return
        part = (values["start"], values["stop"]) if values["whole"] else None
        comparison = comparison_in(state, values.get("comparison"))
        path, options = Path(values["path"]), values["options"]
        self._export(EXPORTERS[values["format"]], path, state, comparison, part, options, values["pts"])

    def _job_event(self, event: Event) -> None:
        owner = event.job.owner
        if owner == PREVIEW and event.kind == "output":
            self._previewed(*event.value)
            return
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
            one, many = (
                self.tr("{count} file is exported, {failed} failed; batch-report.csv in the folder says why."),
                self.tr("{count} files are exported, {failed} failed; batch-report.csv in the folder says why."),
            )
            self._notify("warning", counted(summary.done, one, many, failed=summary.failed), folder)
        else:
            text = counted(summary.done, self.tr("{count} file is exported."), self.tr("{count} files are exported."))
            self._notify("info", text, folder)

    def _notify(self, level: str, text: str, folder: Path) -> None:
        def show() -> None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))

        self._notices.post(level, text, action=self.tr("Show folder"), run=show)
