"""The counts panel: objects of each class, crossings of lines and stays in zones over the time of a video; a click
seeks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.foundation.errors import ExportError
from cvstudio.foundation.lanes import Event, Job
from cvstudio.foundation.progress import Progress
from cvstudio.media import Media, MediaKind
from ui.base.icons import icon
from ui.base.settings import first_folder, videos_folder
from ui.base.translate import counted
from ui.control.tracking_job import TrackingProgress, follow_all
from ui.panels import PANELS
from ui.panels.base import Panel, PanelContext
from ui.widgets.empty_state import EmptyState

if TYPE_CHECKING:
    from cvstudio.results.counts import Counts
    from cvstudio.results.tallies import Tallies
    from ui.views.counts_plot import CountsPlot, Curves
    from ui.widgets.rows_table import RowsTable

UPDATE_MS = 250
"""Time between two updates while a video plays: curves need not follow each frame."""
OWNER = ("count",)
LANE = "count"


class CountsPanel(QWidget):
    """Curves of each class (boxes in each frame, or different identities so far), of each line and zone, or a table of
    all crossings and stays."""

    def __init__(self, context: PanelContext) -> None:
        super().__init__()
        from ui.widgets.rows.choice_rows import Combo

        controller = self._controller = context.controller
        self._counts: Counts | None = None
        self._tallies: Tallies | None = None
        self._drawn: tuple[Any, ...] = ()
        self._event_secs: list[float] = []
        self._running: AnalysisInstance | None = None
        self.plot: CountsPlot | None = None
        self.what = Combo()
        self.what.setAccessibleName(self.tr("What is counted"))
        self.what.setToolTip(self.tr("What is plotted. Draw counting lines and zones in the analysis for more."))
        self._offer()
        self.what.setMinimumContentsLength(20)
        self.what.activated.connect(lambda _: self._draw())
        self.compute = QPushButton(icon("activity"), self.tr("Count the whole video"))
        self.compute.setToolTip(
            self.tr("Follows the objects through every frame, in the background; the first frames count at once")
        )
        self.compute.clicked.connect(self.count_all)
        self._progress = QProgressBar(maximum=1000, textVisible=False)
        self._progress.setFixedWidth(120)
        self._cancel = QToolButton()
        self._cancel.setIcon(icon("x"))
        self._cancel.setToolTip(self.tr("Stop counting"))
        self._cancel.setAccessibleName(self._cancel.toolTip())
        self._cancel.clicked.connect(self.cancel)
        self._note = QLabel()
        self._note.setObjectName("quiet")
        self.save = QPushButton(icon("table"), self.tr("Save as CSV …"))
        self.save.setToolTip(
            self.tr("Writes what is plotted as a table. Counts are not part of a project: they are counted again.")
        )
        self.save.clicked.connect(self._ask_save)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self.what)
        head.addWidget(self._note)
        head.addStretch(1)
        for widget in (self._progress, self._cancel, self.compute, self.save):
            head.addWidget(widget)
        self._empty = EmptyState("activity", "")
        self.events: RowsTable | None = None
        self._stack = QStackedWidget()
        self._stack.addWidget(self._empty)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 8, 12, 8)
        layout.setSpacing(6)
        layout.addLayout(head)
        layout.addWidget(self._stack, 1)
        self._soon = QTimer(self, interval=UPDATE_MS, singleShot=True)
        self._soon.timeout.connect(self.update_counts)
        controller.view_changed.connect(lambda _: self._update_soon())
        controller.state_changed.connect(lambda old, new: self._update_soon())
        controller.playback.position_changed.connect(self._moved)
        controller.pipeline.job_event.connect(self._job_event)
        self._show_running(False)
        self.update_counts()

    def sizeHint(self) -> QSize:
        return QSize(640, 200)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.update_counts()

    # What is shown --------------------------------------------------------------------------------------------------

    def _update_soon(self) -> None:
        if self.isVisible() and not self._soon.isActive():
            self._soon.start()

    def _media(self) -> Media | None:
        return self._controller.session.state.active_media

    def _instance(self) -> AnalysisInstance | None:
        """The current analysis, where it tracks boxes over frames."""
        from cvstudio.results.detections import Detections

        instance = self._controller.session.state.instance
        fits = instance is not None and instance.spec.temporal is not None and instance.spec.result is Detections
        return instance if fits else None

    def update_counts(self) -> None:
        """Count the tracked frames again where they, or the parameters, have changed."""
        media, instance, chain = self._media(), self._instance(), self._controller.presenter.chain()
        video = media is not None and media.kind is MediaKind.VIDEO
        tracked = instance is not None and bool(instance.value("track"))
        self.compute.setEnabled(video and tracked and self._running is None)
        if media is None or not media.moving or instance is None or not tracked:
            self._counts, self._drawn = None, ()
            text = self.tr(
                "Run object detection on a video: the number of objects of each class appears here over time."
            )
            if media is not None and media.moving and instance is not None:
                text = self.tr("Switch on “Track across frames” to count over time.")
            self._say_empty(text)
            return
        if chain is None or not len(chain):
            self._say_empty(self.tr("Play the video, or count the whole video."))
            return
        model = instance.model_spec
        params = {name: instance.value(name) for name in ("score", "classes", "max_count")}
        tracking = instance.params()[-1]
        drawn = (id(chain), chain.version, tuple(params.items()), tracking)
        if drawn != self._drawn:
            self._drawn = drawn
            from cvstudio.analyses.detection.counting import count, crossing_counter, with_crossings

            labels = model.labels if model else ()
            self._counts, self._tallies = count(chain.entries, labels, **params), None
            if tracking.lines or tracking.zones:
                counter = crossing_counter(chain, tracking, labels, params["score"], params["classes"])
                self._counts, self._tallies = with_crossings(self._counts, counter), counter.at(math.inf)
            self._offer()
            self._draw()

    def _offer(self) -> None:
        """Offer in the list what there is to plot."""
        counts = self._counts
        offers = [("boxes", self.tr("Boxes in each frame")), ("identities", self.tr("Distinct objects so far"))]
        if counts is not None and counts.lines:
            offers.append(("passed", self.tr("Line crossings so far")))
        if counts is not None and counts.zones:
            offers.append(("stayed", self.tr("Objects inside of zones")))
        if self._tallies is not None:
            offers.append(("events", self.tr("Crossings and dwell times")))
        if [self.what.itemData(index) for index in range(self.what.count())] == [key for key, _ in offers]:
            return
        chosen = self.what.currentData()
        self.what.clear()
        for key, title in offers:
            self.what.addItem(title, key)
        self.what.setCurrentIndex(max(0, self.what.findData(chosen)))

    def _say_empty(self, text: str) -> None:
        self._counts = self._tallies = None
        self._empty.set_text(text)
        self._stack.setCurrentWidget(self._empty)
        self._note.clear()
        self.save.setEnabled(False)

    def _draw(self) -> None:
        counts, media = self._counts, self._media()
        if counts is None or media is None:
            return
        self.save.setEnabled(True)
        frames = len(counts.times)
        total = media.frame_count
        text = self.tr("{done} of {all} frames").format(done=frames, all=total) if total else ""
        self._note.setText(text)
        if self.what.currentData() == "events" and self._tallies is not None:
            if any(self._tallies.earlier):
                self._note.setText(
                    counted(
                        sum(self._tallies.earlier),
                        self.tr("{count} earlier one is not listed"),
                        self.tr("{count} earlier ones are not listed"),
                    )
                )
            self._show_events(self._tallies)
            return
        if self.plot is None:
            from ui.views.counts_plot import CountsPlot

            self.plot = CountsPlot()
            self.plot.seek_requested.connect(self._controller.playback.seek)
            self._stack.addWidget(self.plot)
        self._stack.setCurrentWidget(self.plot)
        self.plot.show_curves(self._curves(counts), media.duration_secs or 0.0)
        self.plot.set_position(self._controller.playback.position_secs)

    def _curves(self, counts: Counts) -> Curves:
        from cvstudio.draw.palette import class_colour, identity_colour
        from ui.views.counts_plot import Curves

        what = self.what.currentData()
        if what in ("passed", "stayed"):
            if what == "passed":
                ins, outs = self.tr("{name} in"), self.tr("{name} out")
                names = tuple(text.format(name=name) for name in counts.lines for text in (ins, outs))
                values = counts.passed.reshape(-1, len(counts.times))
            else:
                names, values = counts.zones, counts.stayed[:, 0]
            return Curves(counts.times, names, values, tuple(identity_colour(row) for row in range(len(names))))
        colours = tuple(class_colour(label, counts.known_labels) for label in counts.labels)
        return Curves(counts.times, counts.labels, getattr(counts, what), colours)

    def _show_events(self, tallies: Tallies) -> None:
        from ui.widgets.rows_table import Cell, RowsTable, TableRow

        if self.events is None:
            titles = (self.tr("Time"), self.tr("Line or zone"), self.tr("What"), self.tr("Object"), self.tr("Dwell"))
            self.events = RowsTable(titles, empty=self.tr("Nothing has passed a line or entered a zone yet."), wide=1)
            self.events.selected.connect(self._seek_event)
            self._stack.addWidget(self.events)
        known = self._counts.known_labels if self._counts is not None else ()
        passed, stayed = {"in": self.tr("in"), "out": self.tr("out")}, self.tr("{secs} s")
        going_on, said = self.tr("{secs} s, not seen to leave"), self.tr("inside")
        events = [
            (item.time_secs, item.line, passed[item.direction], item.label, item.track_id, "")
            for item in tallies.crossings
        ]
        events += [
            (
                *(item.since_secs, item.zone, said, item.label, item.track_id),
                (stayed if item.left else going_on).format(secs=f"{item.dwell_secs:.1f}"),
            )
            for item in tallies.stays
        ]
        events.sort(key=lambda event: (event[0], event[4]))
        self._event_secs = [event[0] for event in events]
        self.events.set_rows(
            [
                TableRow(
                    number,
                    (
                        Cell(f"{secs:.2f} s"),
                        Cell(name),
                        Cell(what),
                        Cell(f"{label} {track}", label=label, among=known),
                        Cell(dwell),
                    ),
                )
                for number, (secs, name, what, label, track, dwell) in enumerate(events)
            ]
        )
        self._stack.setCurrentWidget(self.events)

    def _seek_event(self, numbers: tuple[int, ...]) -> None:
        if numbers and numbers[0] < len(self._event_secs):
            self._controller.playback.seek(self._event_secs[numbers[0]])

    def _moved(self, secs: float) -> None:
        if self.plot is not None and self.plot.isVisible():
            self.plot.set_position(secs)

    # Counting everything --------------------------------------------------------------------------------------------

    def count_all(self) -> None:
        """Track the objects through every frame of the video, in the background."""
        instance, media = self._instance(), self._media()
        if instance is None or media is None or self._running is not None:
            return
        self._running = instance
        self._show_running(True)
        title = self.tr("Counting in {name}").format(name=media.name)
        host = self._controller.pipeline.host
        linked = self._controller.session.state.linked(instance)
        work = follow_all(linked, device=host.requested_device, precision=host.precision, precisions=host.precisions)
        self._controller.pipeline.submit(LANE, Job(OWNER, title, work, background=True))

    def cancel(self) -> None:
        """Stop; the frames counted so far stay."""
        self._controller.pipeline.lanes.cancel(OWNER)

    def _job_event(self, event: Event) -> None:
        if event.job.owner != OWNER:
            return
        if event.kind == "progress" and event.value[0] is not None:
            self._progress.setValue(round(1000 * event.value[0]))
        elif event.kind == "output" and isinstance(event.value, TrackingProgress):
            self._controller.presenter.followed.adopt(event.value.key, event.value.chain)
            self._update_soon()
        elif event.kind in ("finished", "failed", "cancelled"):
            self._running = None
            self._show_running(False)
            self._controller.refresh()
            self.update_counts()

    def _show_running(self, running: bool) -> None:
        self._progress.setValue(0)
        self._progress.setVisible(running)
        self._cancel.setVisible(running)
        self.compute.setVisible(not running)

    # Saving ---------------------------------------------------------------------------------------------------------

    def _ask_save(self) -> None:
        media = self._media()
        if media is None or self._counts is None:
            return
        folder = first_folder(str(media.path.parent), videos_folder())
        what = "crossings" if self.what.currentData() == "events" else "counts"
        start = str(Path(folder, f"{media.path.stem}-{what}.csv"))
        name, _ = QFileDialog.getSaveFileName(self, self.tr("Save counts"), start, "CSV (*.csv)")
        if name:
            self.write(Path(name))

    def write(self, path: Path) -> None:
        """Write the curves, or the table of crossings and stays, to `path` on a worker."""
        counts, tallies = self._counts, self._tallies if self.what.currentData() == "events" else None
        assert counts is not None

        def work(progress: Progress) -> Iterator[Any]:
            try:
                from cvstudio.foundation.atomic_files import atomic_path
                from cvstudio.results.counts import write_counts, write_crossings

                with atomic_path(path) as temporary:
                    if tallies is not None:
                        write_crossings(temporary, tallies)
                    else:
                        write_counts(temporary, counts)
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
                raise ExportError(f"{path.name} cannot be written ({reason}); choose another folder.") from error
            yield path

        if tallies is not None and any(tallies.earlier):
            one, many = (
                self.tr("{count} earlier crossing or stay is no longer known, and not in the file."),
                self.tr("{count} earlier crossings and stays are no longer known, and not in the file."),
            )
            self._controller.notice.emit("warning", counted(sum(tallies.earlier), one, many))
        title = self.tr("Saving {name}").format(name=path.name)
        self._controller.pipeline.submit("pool", Job(("counts", str(path)), title, work))


PANELS.register(
    Panel(
        "counts",
        "Counts",
        Qt.DockWidgetArea.BottomDockWidgetArea,
        CountsPanel,
        order=60,
        shortcut="Ctrl+Alt+0",
        shown=False,
        keywords=("how many", "over time", "개수", "세기"),
        icon="activity",
    )
)
