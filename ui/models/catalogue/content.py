"""The catalogue: search and filters at the top, table or chart on the left, the chosen model's card on the right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QHideEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QButtonGroup,
    QDockWidget,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from cvstudio.analyses import ANALYSES
from cvstudio.data.samples import Image
from cvstudio.foundation.lanes import Event, Job
from cvstudio.models import MODELS
from cvstudio.models.catalogue.chart import Cost, metrics
from cvstudio.models.catalogue.entries import CatalogueEntry, CatalogueFilter, entry_of, families, task_title, tasks_of
from cvstudio.models.inspection.layers import NetworkLayer
from cvstudio.models.inspection.speed import known_speeds
from cvstudio.models.inspection.text import field_text
from cvstudio.models.terms import Place
from ui.base.icons import icon
from ui.base.settings import Settings
from ui.base.translate import counted, translated
from ui.control.controller import Controller
from ui.models.catalogue.card import WIDTH, CatalogueCard
from ui.models.catalogue.chart_tools import ChartTools
from ui.models.catalogue.table import CatalogueTable
from ui.models.catalogue.work import (
    LANE,
    LAYERS,
    MEASURE,
    ROWS,
    Measured,
    ModelLayers,
    Rows,
    read_layers,
    read_rows,
    time_models,
)
from ui.widgets.empty_state import EmptyState
from ui.widgets.rows.choice_rows import Combo

if TYPE_CHECKING:
    from ui.models.catalogue.chart import SummaryChart
    from ui.models.catalogue.field_mark import FieldMark
    from ui.views.canvas import Canvas

TABLE, CHART, NOTHING = range(3)
LIST_WIDTH = 180
"""Smallest width in pixels of a filter's list, which may be wider than its box."""


class CatalogueContent(QWidget):
    """Shows the catalogue entries that workers compute; holds no data of its own beside them."""

    def __init__(self, controller: Controller, settings: Settings, canvas: Callable[[], Canvas]) -> None:
        super().__init__()
        self._controller = controller
        self._canvas = canvas
        self.entries: tuple[CatalogueEntry, ...] = ()
        self._specs: tuple[Any, ...] = ()
        self.chart: SummaryChart | None = None
        self.mark: FieldMark | None = None
        self._task = ""
        self.table = CatalogueTable()
        self.card = CatalogueCard()
        self._make_filters()
        self._stack = QStackedWidget()
        self._stack.addWidget(self.table)
        self._charts = QVBoxLayout()
        self._charts.setContentsMargins(0, 0, 0, 0)
        question = QHBoxLayout()
        question.setContentsMargins(12, 4, 12, 0)
        question.setSpacing(8)
        against = QLabel(self.tr("against"))
        against.setObjectName("quiet")
        for widget in (self.score, against, self.cost):
            question.addWidget(widget)
        question.addStretch(1)
        self.chart_tools = ChartTools(controller, settings, self, lambda: self.chart)
        question.addWidget(self.chart_tools)
        self._charts.addLayout(question)
        place = QWidget()
        place.setLayout(self._charts)
        self._stack.addWidget(place)
        self._empty = EmptyState("search", self.tr("No model matches the search and the filters."), self.tr("Show all"))
        self._empty.triggered.connect(self.clear_filters)
        self._stack.addWidget(self._empty)
        splitter = self._splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.setChildrenCollapsible(False)
        splitter.addWidget(self._stack)
        splitter.addWidget(self.card)
        splitter.setStretchFactor(0, 1)
        splitter.setStretchFactor(1, 0)
        splitter.setSizes([760, WIDTH])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(self._head)
        layout.addWidget(splitter, 1)
        self.table.chosen.connect(self.choose)
        self.table.used.connect(self.use)
        self.card.use_requested.connect(lambda entry: self.use(entry.key))
        self.card.get_requested.connect(lambda entry: controller.weights_wanted.emit(entry.spec.weights[0]))
        self.card.measure_requested.connect(lambda entry: self.measure([entry]))
        self.card.layers_requested.connect(self._ask_layers)
        self.card.room_wanted.connect(self._make_room)
        self.card.layer_chosen.connect(self._mark_layer)
        controller.view_changed.connect(lambda _: self._update_mark())
        controller.pipeline.job_event.connect(self._job_event)
        controller.weights_changed.connect(self.reload)
        controller.state_changed.connect(lambda old, new: self._reload_changed())
        find = QShortcut(QKeySequence.StandardKey.Find, self)
        find.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        find.activated.connect(self.search.setFocus)
        self.reload()

    def _make_filters(self) -> None:
        self.search = QLineEdit()
        self.search.setObjectName("catalogue-search")
        self.search.setPlaceholderText(self.tr("Search name, family, paper …"))
        self.search.setAccessibleName(self.search.placeholderText())
        self.search.setToolTip(self.tr("Lists the models in which all words occur (Ctrl+F)"))
        self.search.setClearButtonEnabled(True)
        self.search.setMinimumWidth(120)
        self.search.setMaximumWidth(280)
        self.search.textChanged.connect(lambda _: self._show())
        self.task = self._filter(self.tr("Task"))
        self.family = self._filter(self.tr("Family"))
        self.licence = self._filter(self.tr("Licence"))
        for text, kind in (
            (self.tr("Any licence"), ""),
            (self.tr("Free to use"), "free"),
            (self.tr("Non-commercial"), "non-commercial"),
            (self.tr("From a library"), "library"),
        ):
            self.licence.addItem(text, kind)
        self.status = self._filter(self.tr("Status"))
        self.status.addItem(self.tr("Any status"), None)
        for place in Place:
            self.status.addItem(translated(place.value), place)
        self.count = QLabel()
        self.count.setObjectName("small")
        self.score = self._filter(self.tr("Metric"))
        self.cost = self._filter(self.tr("Cost"))
        for cost in Cost:
            self.cost.addItem(translated(cost.value), cost)
        self.measure_all = QToolButton()
        self.measure_all.setIcon(icon("gauge"))
        self.measure_all.setAccessibleName(self.tr("Measure downloaded models"))
        self.measure_all.setToolTip(
            self.tr("Measure the listed models that are downloaded and not yet measured on this device")
        )
        self.measure_all.clicked.connect(self._measure_shown)
        self._views = QButtonGroup(self)
        self._head = QHBoxLayout()
        self._head.setContentsMargins(12, 8, 12, 0)
        self._head.setSpacing(8)
        self._head.addWidget(self.search, 2)
        for widget in (self.task, self.family, self.licence, self.status, self.count):
            self._head.addWidget(widget, 1)
        self._head.addStretch(1)
        self._head.addWidget(self.measure_all)
        for number, (name, text) in enumerate((("table", self.tr("Table")), ("activity", self.tr("Chart")))):
            button = QPushButton(icon(name), text)
            button.setCheckable(True)
            button.setToolTip((self.tr("Models in rows, to be sorted"), self.tr("Accuracy over cost"))[number])
            self._views.addButton(button, number)
            self._head.addWidget(button)
        self._views.button(TABLE).setChecked(True)
        self._views.idClicked.connect(lambda _: self._show())

    def _filter(self, name: str) -> Combo:
        combo = Combo()
        combo.setAccessibleName(name)
        combo.setToolTip(name)
        combo.setMinimumContentsLength(6)  # all of them fit into a window of 900 pixels
        combo.view().setMinimumWidth(LIST_WIDTH)
        combo.activated.connect(lambda _: self._show())
        return combo

    # What is shown --------------------------------------------------------------------------------------------------

    def reload(self) -> None:
        """Read the entries of all models again, on a worker."""
        host = self._controller.pipeline.host
        self._specs = tuple(MODELS)
        work = read_rows(self._specs, host.requested_device, host.precision)
        # Counting every network takes a while; what has changed is shown first, and the counting goes on after it.
        self._controller.pipeline.lanes.cancel(ROWS)
        self._controller.pipeline.submit(LANE, Job(ROWS, "", work, background=True))

    def _reload_changed(self) -> None:
        """Reload where models were added or removed."""
        if self.isVisible() and tuple(MODELS) != self._specs:
            self.reload()

    def wanted(self) -> CatalogueFilter:
        """The filter that the search field and the combo boxes describe."""
        return CatalogueFilter(
            self.search.text(),
            self.task.currentData() or "",
            self.family.currentData() or "",
            self.licence.currentData() or "",
            self.status.currentData(),
        )

    def clear_filters(self) -> None:
        """Clear search and filters, which shows all models."""
        self.search.clear()
        for combo in (self.task, self.family, self.licence, self.status):
            combo.setCurrentIndex(0)
        self._show()

    def show_chart(self, shown: bool = True) -> None:
        """Show the chart, or the table."""
        self._views.button(CHART if shown else TABLE).setChecked(True)
        self._show()

    def show_task(self, task: str) -> None:
        """Show the models of a task; all of them for ""."""
        self._task = task
        self.task.setCurrentIndex(max(0, self.task.findData(task)))
        self._show()

    def shown(self) -> list[CatalogueEntry]:
        """The entries that pass search and filters."""
        catalogue_filter = self.wanted()
        return [entry for entry in self.entries if catalogue_filter.takes(entry)]

    def _show(self) -> None:
        self._fill(self.family, self.tr("Any family"), families(self.entries, self.task.currentData() or ""))
        entries = self.shown()
        charted = self._views.checkedId() == CHART
        self.count.setText(self.tr("{shown} of {all}").format(shown=len(entries), all=len(self.entries)))
        names = metrics(entries)
        listed = [self.score.itemData(row) for row in range(self.score.count())]
        if list(names) != listed:
            chosen = self.score.currentData()
            self.score.clear()
            for name in names:
                self.score.addItem(name, name)
            self.score.setCurrentIndex(max(0, self.score.findData(chosen)))
        self.table.set_entries(entries)
        self.table.show_task(not self.task.currentData())
        if not entries and self.entries:
            self._stack.setCurrentIndex(NOTHING)
        else:
            self._stack.setCurrentIndex(CHART if charted else TABLE)
        if charted and entries:
            self._show_chart(entries)
        entry = next((item for item in self.entries if item.key == self._key()), None)
        self.card.show_entry(entry)

    def _show_chart(self, entries: Sequence[CatalogueEntry]) -> None:
        if self.chart is None:
            from ui.models.catalogue.chart import SummaryChart

            self.chart = SummaryChart()
            self.chart.chosen.connect(self._clicked)
            self._charts.addWidget(self.chart)
        self.chart.show_entries(entries, self.score.currentData() or "", self.cost.currentData())
        self.chart.choose(self._key())

    @staticmethod
    def _fill(combo: Combo, everything: str, values: Sequence[str]) -> None:
        listed = [combo.itemData(row) for row in range(1, combo.count())]
        if listed == list(values) and combo.count():
            return
        chosen = combo.currentData()
        combo.clear()
        combo.addItem(everything, "")
        for value in values:
            combo.addItem(translated(value), value)
        combo.setCurrentIndex(max(0, combo.findData(chosen)))

    def _fill_tasks(self) -> None:
        tasks = list(tasks_of(self.entries))
        listed = [self.task.itemData(row) for row in range(1, self.task.count())]
        if tasks != listed:
            chosen = self.task.currentData()
            self.task.clear()
            self.task.addItem(self.tr("Any task"), "")
            for task in tasks:
                self.task.addItem(translated(task_title(task)), task)
            # `show_task` may have been called before the entries arrived.
            self.task.setCurrentIndex(max(0, self.task.findData(chosen or self._task)))

    def _key(self) -> str:
        return self.card.entry.key if self.card.entry is not None else ""

    def choose(self, key: str) -> None:
        """Show the card of a model."""
        self.card.show_entry(next((entry for entry in self.entries if entry.key == key), None))
        if self.chart is not None:
            self.chart.choose(key)

    def _make_room(self, width: int) -> None:
        """Give the card `width` pixels, at most half of the splitter."""
        whole = sum(self._splitter.sizes())
        width = min(width, whole // 2)
        if whole:
            self._splitter.setSizes([whole - width, width])

    def _clicked(self, key: str) -> None:
        self.table.choose(key)
        self.choose(key)

    # What can be done -----------------------------------------------------------------------------------------------

    def use(self, key: str) -> None:
        """Use a model on the open media; a catalogue that floats over the window is hidden."""
        task = MODELS[key].task
        current = self._controller.session.state.instance
        fitting = [analysis.key for analysis in ANALYSES if analysis.task == task]
        if not fitting:
            return
        analysis = current.analysis if current is not None and current.analysis in fitting else fitting[0]
        self._controller.requests.use_model.emit(analysis, key)
        if isinstance(self.window(), QDockWidget):
            self.window().hide()

    def measure(self, entries: Sequence[CatalogueEntry]) -> None:
        """Measure the speed of models on the accelerator's thread."""
        pipeline = self._controller.pipeline
        work = time_models([entry.spec for entry in entries], pipeline.host)
        one, many = self.tr("Measuring {model}"), self.tr("Measuring {count} models")
        title = counted(len(entries), one, many, model=entries[0].spec.title)
        self.card.measure.setEnabled(False)
        pipeline.submit("accelerator", Job(MEASURE, title, work, background=True))

    def _measure_shown(self) -> None:
        entries = [entry for entry in self.shown() if entry.speed is None and entry.terms.place.ready]
        if entries:
            self.measure(entries)
        else:
            self._controller.notice.emit("info", self.tr("All downloaded models in this list have been measured."))

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._mark_layer(None, None)

    def _mark_layer(self, entry: CatalogueEntry | None, layer: NetworkLayer | None) -> None:
        """Mark the receptive field of a layer around the cursor on the picture."""
        field = layer.field if layer is not None else None
        if self.mark is None:
            if field is None:
                return
            from ui.models.catalogue.field_mark import FieldMark

            self.mark = FieldMark(self._canvas())
            self._update_mark()
        architecture = entry.spec.architecture if entry is not None else None
        if architecture is None or layer is None or field is None:
            self.mark.show_field("", None, (0, 0), cropped=False)
            return
        name = f"{layer.name} {layer.kind} · {field_text(layer)} px"
        cropped = entry is not None and entry.spec.task == "classify"
        self.mark.show_field(name, field, architecture.input_size, cropped=cropped)

    def _update_mark(self) -> None:
        """Pass the size of the picture on the canvas to the mark."""
        sample = self._controller.shown.sample
        if self.mark is not None:
            self.mark.set_picture(sample.size if isinstance(sample, Image) else None)

    def _ask_layers(self, entry: CatalogueEntry) -> None:
        self._controller.pipeline.submit(LANE, Job(LAYERS, "", read_layers(entry.spec)))

    def _job_event(self, event: Event) -> None:
        value, owner = event.value, event.job.owner
        if event.kind == "output" and isinstance(value, Rows):
            self.entries = value.entries
            self._fill_tasks()
            self._show()
        elif event.kind == "output" and isinstance(value, ModelLayers):
            self.card.show_layers(value.key, value.inspection)
        elif event.kind == "output" and isinstance(value, Measured):
            self._measured(value)
        elif event.kind == "failed" and owner == LAYERS:
            self.card.fail_layers(translated(str(value)))
        elif owner == MEASURE and event.kind in ("finished", "failed", "cancelled"):
            self.card.measure.setEnabled(True)

    def _measured(self, measured: Measured) -> None:
        if measured.problem:
            self._controller.notice.emit("warning", translated(measured.problem))
        host, speeds = self._controller.pipeline.host, known_speeds()
        self.entries = tuple(
            entry_of(entry.spec, host.requested_device, host.precision, speeds) if entry.key == measured.key else entry
            for entry in self.entries
        )
        self._show()
