"""The batch panel: runs the current analysis over a folder and lists the outcome of each file."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QMenu,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.foundation.errors import UserError
from cvstudio.foundation.lanes import Event, Job
from cvstudio.foundation.progress import Progress, TimeLeft, duration_text
from ui.base.icons import icon
from ui.base.settings import Settings, first_folder
from ui.base.translate import as_line, translated
from ui.control.controller import Controller
from ui.control.exported_layers import chosen_readings, shown_stack
from ui.control.unfinished import Unfinished
from ui.panels import PANELS
from ui.panels.base import Panel, PanelContext
from ui.widgets.current_stack import CurrentStack
from ui.widgets.elided_button import ElidedButton
from ui.widgets.empty_state import EmptyState

CONTROLS_WIDTH = 320
OPTIONS_WIDTH = 300
GAP = 16
LEAST_TABLE_WIDTH = 280
"""In pixels; a panel that has less for the table has the options below the controls."""
OWNER = ("batch",)
LANE = "batch"
REPORT_EVERY_SECS = 0.1
"""Outcomes within this time are sent together: thousands of small files must not flood the window."""


class BatchPanel(QWidget):
    """Makes its content when first shown."""

    def __init__(self, context: PanelContext) -> None:
        super().__init__()
        self.setObjectName("batch-panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._context = context
        self._stack = QStackedLayout(self)
        self.content: BatchContent | None = None

    def sizeHint(self) -> QSize:
        return QSize(720, 300)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.make()

    def make(self) -> BatchContent:
        """Make the content where it is missing, and return it."""
        if self.content is None:
            self.content = BatchContent(self._context.controller, self._context.settings)
            self._stack.addWidget(self.content)
        return self.content


class BatchContent(QWidget):
    """Controls beside the table of outcomes. `state` is "idle", "running", "paused" or "ended"."""

    def __init__(self, controller: Controller, settings: Settings) -> None:
        super().__init__()
        from ui.files.format_options import FormatOptions
        from ui.panels._outcomes_table import OutcomesTable

        self._controller = controller
        self._settings = settings
        self._left = TimeLeft()
        self._source = self._settings.text("batch/source", "")
        self._out = self._settings.text("batch/out", "")
        self._format_keys = {key for key in self._settings.text("batch/formats", "").split(",") if key}
        self._cancelling = False
        self._summary: Any = None
        self.state = "idle"
        self.options = FormatOptions(self._settings, "batch/options", titled=True)
        self.options.edited.connect(self.options.remember)
        self.table = OutcomesTable()
        self.table.opened.connect(lambda file: controller.open_paths([Path(file)]))
        work = QWidget()
        sides = QHBoxLayout(work)
        sides.setContentsMargins(12, 8, 12, 12)
        sides.setSpacing(GAP)
        self._controls = self._make_controls()
        # A column beside the controls, as the panel is wide and low.
        self._options_side = _column(OPTIONS_WIDTH)
        _rows_of(self._options_side).addStretch(1)
        self._options_place: QWidget | None = None
        sides.addWidget(self._controls)
        sides.addWidget(self._options_side)
        sides.addWidget(self.table, 1)
        self.empty = EmptyState(
            "images",
            self.tr("Run the current analysis on a whole folder. You can stop and continue later."),
            self.tr("Choose a folder …"),
        )
        self.empty.triggered.connect(self.choose_source)
        self.take_first, self.take = (self._take_button() for _ in range(2))
        self.empty.add_button(self.take_first)
        _rows_of(self._controls).insertWidget(2, self.take)
        self._stack = CurrentStack()
        self._stack.addWidget(self.empty)
        self._stack.addWidget(work)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._stack)
        controller.state_changed.connect(lambda old, new: self._update())
        controller.pipeline.job_event.connect(self._job_event)
        self._update()

    # Building -------------------------------------------------------------------------------------------------------

    def _make_controls(self) -> QScrollArea:
        self.analysis = QLabel()
        self.analysis.setWordWrap(True)
        self.source = self._folder_button(self.tr("Source folder"), self.choose_source)
        self.out = self._folder_button(self.tr("Output folder"), self.choose_out)
        self.formats = QPushButton()
        self.formats.setObjectName("value-button")
        self.formats.setAccessibleName(self.tr("Formats"))
        self.formats.setToolTip(self.tr("The files that are written for each result"))
        self.formats.clicked.connect(self._show_formats)
        form = QGridLayout()
        form.setSpacing(8)
        form.setColumnStretch(1, 1)
        rows = ((self.tr("Files"), self.source), (self.tr("Output"), self.out), (self.tr("Formats"), self.formats))
        for row, (title, widget) in enumerate(rows):
            form.addWidget(QLabel(title), row, 0)
            form.addWidget(widget, row, 1)
        self.start_button = QPushButton(icon("play"), "")
        self.start_button.setToolTip(self.tr("Runs the current analysis on all files; finished ones are not run again"))
        self.start_button.clicked.connect(self.start)
        self.pause_button = QPushButton(icon("pause"), self.tr("Pause"))
        self.pause_button.setToolTip(self.tr("Stops after the files in progress; finished ones are kept"))
        self.pause_button.clicked.connect(self.pause)
        self.cancel_button = QPushButton(icon("x"), self.tr("Cancel"))
        self.cancel_button.setToolTip(self.tr("Stops, and starts over next time; files already written are kept"))
        self.cancel_button.clicked.connect(self.cancel)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.start_button, 1)
        buttons.addWidget(self.pause_button)
        buttons.addWidget(self.cancel_button)
        self.bar = QProgressBar(maximum=1000, textVisible=False)
        self.message = QLabel()
        self.message.setObjectName("quiet")
        self.message.setWordWrap(True)
        self.message.setTextFormat(Qt.TextFormat.PlainText)
        self.only_failed = QPushButton(self.tr("Show failed"))
        self.only_failed.setCheckable(True)
        self.only_failed.toggled.connect(self.table.outcomes.set_only_failed)
        side = _column(CONTROLS_WIDTH)
        layout = _rows_of(side)
        layout.setSpacing(8)
        layout.addWidget(self.analysis)
        layout.addLayout(form)
        layout.addLayout(buttons)
        layout.addWidget(self.bar)
        layout.addWidget(self.message)
        layout.addStretch(1)
        layout.addWidget(self.only_failed, 0, Qt.AlignmentFlag.AlignLeft)
        return side

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_options()

    def _place_options(self) -> None:
        """Show the format options beside the controls, or below them where the table would have no room."""
        beside = self.width() >= CONTROLS_WIDTH + OPTIONS_WIDTH + LEAST_TABLE_WIDTH + 2 * GAP
        side = self._options_side if beside else self._controls
        if self._options_place is not side:
            self._options_place = side
            rows = _rows_of(side)
            # Above the stretch, which in the controls has a button behind it.
            rows.insertWidget(0 if beside else rows.count() - 2, self.options)
        self._options_side.setVisible(beside and not self.options.isHidden())

    def _take_button(self) -> ElidedButton:
        """A button that takes the open folder as the source."""
        button = ElidedButton(icon("folder"))
        button.setToolTip(self.tr("Runs on the files of the folder that is open in the Media panel"))
        button.clicked.connect(self.take_open_folder)
        return button

    def _folder_button(self, name: str, choose: Any) -> QPushButton:
        button = QPushButton(icon("folder-open"), "")
        button.setObjectName("value-button")
        button.setAccessibleName(name)
        button.setToolTip(name)
        button.clicked.connect(choose)
        return button

    # What is chosen -------------------------------------------------------------------------------------------------

    def set_folders(self, source: Path, out: Path) -> None:
        """Set the input folder and the output folder."""
        self._source, self._out = str(source), str(out)
        self._settings.set("batch/source", self._source)
        self._settings.set("batch/out", self._out)
        self._update()

    def choose_source(self) -> None:
        """Ask for the input folder; the output folder follows it."""
        opened = self._controller.library.current
        start = first_folder(self._source, str(opened.path) if opened else "", self._settings.text("folder", ""))
        name = QFileDialog.getExistingDirectory(self, self.tr("Source folder"), start)
        if name:
            self._take(Path(name))

    def _take(self, folder: Path) -> None:
        # Results go beside the input folder, where the user finds them, and not into it.
        self.set_folders(folder, folder.with_name(f"{folder.name} results"))

    def _open_folder(self) -> Path | None:
        """The folder that is browsed, where it is not the source already; None without one."""
        opened = self._controller.library.current
        if opened is None or opened.labels is not None or str(opened.path) == self._source:
            return None
        return opened.path

    def take_open_folder(self) -> None:
        """Run on the folder that is browsed; no effect without one."""
        folder = self._open_folder()
        if folder is not None:
            self._take(folder)

    def _offer_open_folder(self) -> None:
        folder, running = self._open_folder(), self.state == "running"
        for button in (self.take_first, self.take):
            button.setVisible(folder is not None and not running)
            if folder is not None:
                button.setText(self.tr("Use the open folder {name}").format(name=folder.name).replace("&", "&&"))

    def _tell_failed(self) -> None:
        """Offer the list of failed files where any has failed."""
        failed = self.table.outcomes.failed
        self.only_failed.setEnabled(failed > 0)
        self.only_failed.setToolTip(
            self.tr("Lists only the files that failed, with the reason") if failed else self.tr("No file has failed.")
        )
        if not failed:
            self.only_failed.setChecked(False)

    def choose_out(self) -> None:
        """Ask for the output folder."""
        name = QFileDialog.getExistingDirectory(self, self.tr("Output folder"), self._out)
        if name:
            self.set_folders(Path(self._source), Path(name))

    def set_formats(self, keys: set[str]) -> None:
        """Set the export formats by their keys."""
        self._format_keys = keys
        self._settings.set("batch/formats", ",".join(sorted(keys)))
        self._update()

    def _exporters(self, instance: AnalysisInstance) -> list[Any]:
        """Chosen exporters that fit the result of the analysis; the default ones where none is chosen."""
        from cvstudio.exporters import EXPORTERS, default_exporters

        fitting = [item for item in EXPORTERS if item.accepts(instance.spec.result)]
        return [item for item in fitting if item.key in self._format_keys] or default_exporters(instance.spec.result)

    def _show_formats(self) -> None:
        from cvstudio.exporters import EXPORTERS

        instance = self._controller.session.state.instance
        if instance is None:
            return
        chosen = {item.key for item in self._exporters(instance)}
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.setToolTipsVisible(True)
        for exporter in EXPORTERS:
            if exporter.accepts(instance.spec.result):
                action = menu.addAction(translated(exporter.title))
                action.setCheckable(True)
                action.setChecked(exporter.key in chosen)
                action.setToolTip(translated(exporter.summary))
                action.toggled.connect(
                    lambda on, key=exporter.key: self.set_formats(chosen | {key} if on else chosen - {key})
                )
        menu.popup(self.formats.mapToGlobal(self.formats.rect().bottomLeft()))

    def _update(self) -> None:
        instance = self._controller.session.state.instance
        self._stack.setCurrentIndex(1 if self._source else 0)
        self._offer_open_folder()
        self._tell_failed()
        if not self._source:
            return  # a panel that is not in use imports no formats
        running = self.state == "running"
        model = instance.model_spec if instance is not None else None
        title = translated(instance.spec.title) if instance is not None else self.tr("No analysis is chosen")
        title += f" · {model.title}" if model else ""
        layers = [translated(item.spec.title) for item in shown_stack(self._controller)]
        if len(layers) > 1:
            title += "\n" + self.tr("Pictures show {layers}").format(layers=", ".join(layers))
        readings = chosen_readings(self._controller.session.state)
        if readings:
            title += "\n" + self.tr("Files are read as {reading}").format(reading=readings[""])
        self.analysis.setText(title)
        for button, text in ((self.source, self._source), (self.out, self._out)):
            button.setText(Path(text).name)
            button.setToolTip(text)
            button.setEnabled(not running)
        exporters = self._exporters(instance) if instance is not None else []
        self.formats.setText(", ".join(translated(item.title) for item in exporters))
        self.formats.setEnabled(not running and instance is not None)
        self.options.set_formats(exporters)
        self.options.setEnabled(not running)
        self._place_options()
        self.start_button.setText(self.tr("Resume") if self.state == "paused" else self.tr("Start"))
        self.start_button.setEnabled(not running and instance is not None)
        self.pause_button.setEnabled(running)
        self.cancel_button.setEnabled(self.state in ("running", "paused"))
        self.bar.setVisible(running)

    # Work -----------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the batch, or resume it with the files that are not done yet."""
        state = self._controller.session.state
        if state.instance is None or self.state == "running" or not self._may_write():
            return
        instance = state.linked(state.instance)
        look = dict(self._controller.session.state.look)
        exporters = self._exporters(instance)
        formats = tuple(item.key for item in exporters)
        options = {item.key: self.options.values(item) for item in exporters}
        readings = chosen_readings(self._controller.session.state)
        stack, host = shown_stack(self._controller), self._controller.pipeline.host
        source, out = Path(self._source), Path(self._out)
        unfinished = self._controller.unfinished
        values = {"source": str(source.absolute()), "out": str(out.absolute()), "formats": formats}
        self.table.outcomes.clear()
        self._left = TimeLeft()
        self._cancelling = False
        self.state = "running"
        self.bar.setMaximum(0)
        self.message.setText(self.tr("Starting"))
        self._update()

        def work(progress: Progress) -> Iterator[Any]:
            from cvstudio.running.batch import Batch, BatchPlan

            plan = BatchPlan(instance, (source,), out, formats, options, look, stack, readings)
            batch = Batch(plan, device=host.requested_device, precision=host.precision)
            outcomes: list[Any] = []
            reported = time.monotonic()
            # A batch that is paused is not finished.
            with unfinished.kept("panel", out, state, values, resumable=True):
                for outcome in batch.run(progress):
                    outcomes.append(outcome)
                    if time.monotonic() - reported >= REPORT_EVERY_SECS:
                        yield batch, outcomes
                        outcomes, reported = [], time.monotonic()
            yield batch, outcomes

        title = self.tr("Batch {name}").format(name=source.name)
        self._controller.pipeline.submit(LANE, Job(OWNER, title, work))

    def _may_write(self) -> bool:
        """Whether the output folder is the batch's own, or the user lets it write among files of others."""
        from ui.files import folder_question  # with the formats that it imports, for a panel that is in use

        out = Path(self._out)
        if not folder_question.holds_files(out):
            return True
        answer = folder_question.ask_merge(self, out)
        if answer == "other":
            self.choose_out()
        return answer == "merge"

    def resume(self, item: Unfinished) -> None:
        """Go on with a batch of an earlier session."""
        self.set_folders(Path(item.values["source"]), Path(item.values["out"]))
        self.set_formats(set(item.values["formats"]))
        self.start()

    def pause(self) -> None:
        """Stop after the current files; `start` resumes."""
        if self.state == "running":
            self.message.setText(self.tr("Stopping after the files in progress"))
            self.pause_button.setEnabled(False)
            self._controller.pipeline.lanes.cancel(OWNER)

    def cancel(self) -> None:
        """Stop, and delete the record of finished files; the written results stay."""
        self._cancelling = True
        if self.state == "running":
            self.pause()
        else:
            self._forget()

    def _forget(self) -> None:
        from cvstudio.running.batch import forget

        self._controller.unfinished.end("panel", Path(self._out))
        try:
            forget(Path(self._out))
        except (UserError, OSError) as error:
            self._controller.notice.emit("error", str(error))
        self.state = "idle"
        self.message.setText(self.tr("Cancelled; files already written are kept, and the next run starts over."))
        self._update()

    def _job_event(self, event: Event) -> None:
        if event.job.owner != OWNER:
            return
        if event.kind == "output":
            batch, outcomes = event.value
            self.table.add(outcomes)
            self._tell_failed()
            if batch.restarted:
                self.message.setToolTip(self.tr("The settings have changed, so the batch started over."))
            self._summary = batch.summary
        elif event.kind == "progress":
            fraction, text = event.value
            left = self._left(fraction, time.monotonic())
            time_left = "" if left is None else " · " + self.tr("{time} left").format(time=duration_text(left))
            self.bar.setMaximum(0 if fraction is None else 1000)
            self.bar.setValue(round((fraction or 0.0) * 1000))
            self.message.setText(f"{as_line(text)}{time_left}")
        elif event.kind in ("finished", "failed", "cancelled"):
            self._ended(event.kind)

    def _ended(self, kind: str) -> None:
        if kind == "cancelled" and self._cancelling:
            self._forget()
            return
        self.state = "paused" if kind == "cancelled" else "ended"
        if kind == "finished":
            self.message.setText(self._summary.text())
        elif kind == "cancelled":
            self.message.setText(self.tr("Paused. You can continue later."))
        else:
            # The notice says why.
            self.message.setText(self.tr("It could not continue."))
        self._update()


def _column(width: int) -> QScrollArea:
    """A column of rows that scrolls where they are higher than the panel."""
    inner = QWidget()
    rows = QVBoxLayout(inner)
    rows.setContentsMargins(0, 0, 8, 0)
    scroll = QScrollArea()
    scroll.setFixedWidth(width)
    scroll.setWidgetResizable(True)
    scroll.setFrameShape(QScrollArea.Shape.NoFrame)
    scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    scroll.setWidget(inner)
    return scroll


def _rows_of(column: QScrollArea) -> QVBoxLayout:
    inner = column.widget()
    rows = inner.layout() if inner is not None else None
    assert isinstance(rows, QVBoxLayout)
    return rows


PANELS.register(
    Panel(
        "batch",
        "Batch",
        Qt.DockWidgetArea.BottomDockWidgetArea,
        BatchPanel,
        order=62,
        tabbed_with="counts",
        shortcut="Ctrl+Alt+B",
        shown=False,
        keywords=("whole folder", "many files", "일괄 처리", "배치"),
        icon="images",
    )
)
