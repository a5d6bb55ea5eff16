"""The content of the measure panel: what is measured on the left, the figures on the right."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from cvstudio.analyses.binding import AnnotationSet
from cvstudio.evaluation import tables
from cvstudio.evaluation.evaluate import EvaluationPlan
from cvstudio.evaluation.evaluation import Evaluation
from cvstudio.evaluation.writing import write_evaluation
from cvstudio.foundation.lanes import Event, Job
from cvstudio.foundation.progress import Progress, TimeLeft, duration_text
from cvstudio.models import MODELS, ModelSpec
from cvstudio.models.checkpoints import chosen_checkpoint
from cvstudio.session.label_edits import annotations_of
from ui.base.icons import icon
from ui.base.settings import Settings
from ui.base.translate import as_line
from ui.control.controller import Controller
from ui.control.measured_pictures import MeasuredPictures, ShownModel
from ui.models.model_chooser import ModelChooser
from ui.panels._measure.confusion_page import ConfusionPage
from ui.panels._measure.curves import Curves
from ui.panels._measure.export_target import ask_target
from ui.panels._measure.filling_stack import FillingStack
from ui.panels._measure.job import Measured, measure_models, path_of, prepare_overlap
from ui.panels._measure.mapping_page import MappingPage
from ui.panels._measure.messages import source_titles, summary_text
from ui.panels._measure.tables import ResultTable
from ui.panels._measure.thresholds import DEFAULT_IOU, NARROWEST_COMBO, Thresholds
from ui.widgets.elided_combo import ElidedCombo
from ui.widgets.page_tabs import PageTabs

TASKS = frozenset(("detect", "classify", "segment", "keypoints"))
CONTROLS_WIDTH = 320
OWNER, OVERLAP_OWNER, EXPORT_OWNER = ("measure",), ("measure", "overlap"), ("measure", "export")
LANE = "measure"
UPDATE_MS = 40


def _models() -> list[ModelSpec]:
    """The models that can be compared with labels."""
    return [model for model in MODELS if model.task in TASKS]


class MeasureContent(QWidget):
    """Choice of labels and models beside the figures. `state` is "idle", "running" or "done"."""

    def __init__(self, controller: Controller, settings: Settings) -> None:
        super().__init__()
        self._controller = controller
        self._settings = settings
        self._left = TimeLeft()
        self._changes: dict[tuple[Path | None, str], dict[str, str | None]] = {}
        self._chosen_path: Path | None = None
        self._iou = DEFAULT_IOU
        self.measured: Measured | None = None
        self.state = "idle"
        self._pictures = MeasuredPictures(controller, self)
        self._soon = QTimer(self, interval=UPDATE_MS, singleShot=True)
        self._soon.timeout.connect(self.update_page)
        sides = QHBoxLayout(self)
        sides.setContentsMargins(12, 8, 12, 12)
        sides.setSpacing(16)
        sides.addWidget(self._make_controls())
        sides.addLayout(self._make_pages(), 1)
        controller.state_changed.connect(lambda old, new: self._follow())
        controller.pipeline.job_event.connect(self._job_event)
        controller.weights_changed.connect(self._tell_terms)
        self._list_sources()
        self._update()

    # Building -------------------------------------------------------------------------------------------------------

    def _make_controls(self) -> QScrollArea:
        self.thresholds = Thresholds()
        self.thresholds.changed.connect(self._soon.start)
        self.thresholds.overlap_wanted.connect(self._match_at)
        self.source = ElidedCombo()
        self.source.setAccessibleName(self.tr("Labelled set"))
        self.source.setToolTip(self.tr("Labels that the predictions are compared with: an open set, or another one"))
        # A long name must not widen the column, which would cut off all that stands in it.
        self.source.setMinimumWidth(NARROWEST_COMBO)
        self.source.currentIndexChanged.connect(lambda _: self._update())
        choose = QPushButton(icon("folder-open"), "")
        choose.setToolTip(self.tr("Choose a file of labels, such as COCO JSON"))
        choose.setAccessibleName(choose.toolTip())
        choose.clicked.connect(self.choose_file)
        folder = QPushButton(icon("folder"), "")
        folder.setToolTip(self.tr("Choose a folder of labels, such as YOLO, VOC or a folder for each class"))
        folder.setAccessibleName(folder.toolTip())
        folder.clicked.connect(self.choose_folder)
        models = _models()
        self.models = (ModelChooser(models), ModelChooser(models, none=self.tr("No other model")))
        self.models[0].currentIndexChanged.connect(lambda _: self._offer_others())
        for number, (chooser, default) in enumerate(zip(self.models, (self._default_model(), ""), strict=True)):
            key = self._settings.text(f"measure/model{number}", default)
            chooser.setCurrentIndex(max(0, chooser.findData(key)))
            chooser.currentIndexChanged.connect(lambda _: self._update())
            self._offer_others()
        self.models[0].setToolTip(self.tr("The model that is measured"))
        self.models[1].setAccessibleName(self.tr("Second model"))
        self.models[1].setToolTip(self.tr("A second model to stand beside it, on the classes that both know"))
        grid = QGridLayout()
        grid.setSpacing(8)
        grid.setColumnStretch(1, 1)
        for row, (title, widget) in enumerate(
            ((self.tr("Labels"), self.source), (self.tr("Model"), self.models[0]), (self.tr("Against"), self.models[1]))
        ):
            grid.addWidget(QLabel(title), row, 0)
            grid.addWidget(widget, row, 1, 1, 1 if row == 0 else 3)
        grid.addWidget(choose, 0, 2)
        grid.addWidget(folder, 0, 3)
        self.start_button = QPushButton(icon("play"), self.tr("Measure"))
        self.start_button.setToolTip(self.tr("Run the model on the labelled pictures; what is predicted is kept"))
        self.start_button.clicked.connect(self.start)
        self.cancel_button = QPushButton(icon("x"), self.tr("Stop"))
        self.cancel_button.setToolTip(
            self.tr("Stops; predictions so far are kept, and the next run goes on from there")
        )
        self.cancel_button.clicked.connect(self.cancel)
        buttons = QHBoxLayout()
        buttons.addWidget(self.start_button, 1)
        buttons.addWidget(self.cancel_button)
        self.bar = QProgressBar(maximum=1000, textVisible=False)
        self.message = QLabel()
        self.message.setObjectName("quiet")
        self.message.setWordWrap(True)
        self.message.setTextFormat(Qt.TextFormat.PlainText)
        inner = QWidget()
        layout = QVBoxLayout(inner)
        layout.setContentsMargins(0, 0, 4, 0)
        layout.setSpacing(8)
        layout.addLayout(grid)
        layout.addLayout(buttons)
        layout.addWidget(self.bar)
        layout.addWidget(self.message)
        layout.addWidget(self.thresholds)
        layout.addStretch(1)
        scroll = QScrollArea()
        scroll.setFixedWidth(CONTROLS_WIDTH)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inner)
        return scroll

    def _make_pages(self) -> QVBoxLayout:
        self.tabs = PageTabs(self.tr("Pages of the evaluation"))
        self.figures = ResultTable("")
        self.classes = ResultTable(self.tr("No class was measured."))
        self.curves = Curves()
        self.confusion = ConfusionPage()
        self.confusion.picked.connect(self._open_picture)
        self.errors = ResultTable(self.tr("Kinds of errors are told of detected objects."))
        self.worst = ResultTable(self.tr("No picture has an error."))
        self.worst.picked.connect(self._open_picture)
        self.mapping = MappingPage()
        self.mapping.changed.connect(self._map)
        self.mapping.loaded.connect(self._load_mapping)
        self.mapping.notice.connect(self._controller.notice)
        self.left_out = ResultTable(self.tr("Every picture was measured."))
        self.pages = FillingStack()
        self._shows: tuple[Callable[[Evaluation, str], None], ...] = (
            self._show_figures,
            self._show_classes,
            self._show_curves,
            self._show_confusion,
            self._show_errors,
            self._show_worst,
            self._show_mapping,
            self._show_left_out,
        )
        for title, tip, page in (
            (self.tr("Figures"), self.tr("Figures of the whole set"), self.figures),
            (self.tr("Classes"), self.tr("Figures of each class"), self.classes),
            (self.tr("Curves"), self.tr("Precision over recall with the score's point, or reliability"), self.curves),
            (
                self.tr("Confusion"),
                self.tr("Which class is taken for which, missed, or found in nothing; a click lists the pictures"),
                self.confusion,
            ),
            (self.tr("Errors"), self.tr("Errors by kind: class, place, duplicate, background, missed"), self.errors),
            (self.tr("Worst pictures"), self.tr("Pictures with the most errors; a click opens one"), self.worst),
            (self.tr("Class mapping"), self.tr("Which class each label of the model stands for"), self.mapping),
            (self.tr("Left out"), self.tr("Pictures that were not measured, and why"), self.left_out),
        ):
            self.tabs.add(title, tip)
            self.pages.addWidget(page)
        self.tabs.turned.connect(self.pages.setCurrentIndex)
        self.tabs.turned.connect(lambda _: self.update_page())
        self.export_button = QPushButton(icon("share"), self.tr("Export …"))
        self.export_button.setToolTip(
            self.tr("Write CSV, JSON, or a folder with plots. Without it figures come again from kept predictions.")
        )
        self.export_button.clicked.connect(self.choose_export)
        top = QHBoxLayout()
        top.addWidget(self.tabs, 1)
        top.addWidget(self.export_button)
        layout = QVBoxLayout()
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addWidget(self.pages, 1)
        return layout

    def _default_model(self) -> str:
        instance = self._controller.session.state.instance
        return instance.model if instance is not None and instance.model else "pyramid-lite0"

    # What is chosen -------------------------------------------------------------------------------------------------

    def _follow(self) -> None:
        """Offer what there is now: models of the user's own come and go."""
        self.models[0].offer(_models())
        self._offer_others()
        self._list_sources()

    def _list_sources(self) -> None:
        """List the labelled sets that layers show, and the one that was chosen here."""
        sources: list[AnnotationSet | Path] = []
        for item in self._controller.session.state.instances:
            annotations = annotations_of(item)
            if annotations is not None and annotations not in sources:
                sources.append(annotations)
        if self._chosen_path is not None:
            sources.append(self._chosen_path)
        if sources == [self.source.itemData(row) for row in range(self.source.count())]:
            return
        current = self.source.currentData()
        self.source.blockSignals(True)
        self.source.clear()
        for title, tip, source in zip(*source_titles(sources), sources, strict=True):
            self.source.addItem(title, source)
            self.source.setItemData(self.source.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        places = [row for row, source in enumerate(sources) if source == current]
        if current is not None:
            # Edits make another set of the same file.
            places += [row for row, source in enumerate(sources) if path_of(source) == path_of(current)]
        else:
            places = [row for row, source in enumerate(sources) if source == self._controller.labelling.annotations]
        self.source.setCurrentIndex(places[0] if places else len(sources) - 1)
        self.source.blockSignals(False)
        self._update()

    def choose_file(self) -> None:
        """Ask for a file of labels."""
        name, _ = QFileDialog.getOpenFileName(self, self.tr("Labels"), self._settings.text("measure/labels", ""))
        if name:
            self.set_source(Path(name))

    def choose_folder(self) -> None:
        """Ask for a folder of labels."""
        name = QFileDialog.getExistingDirectory(self, self.tr("Labels"), self._settings.text("measure/labels", ""))
        if name:
            self.set_source(Path(name))

    def set_source(self, path: Path) -> None:
        """Measure on the labels at `path`."""
        self._settings.set("measure/labels", str(path))
        self._chosen_path = path
        self._list_sources()
        self.source.setCurrentIndex(self.source.count() - 1)

    def set_model(self, key: str, number: int = 0) -> None:
        """Choose a model; "" for none, of the second."""
        self.models[number].setCurrentIndex(max(0, self.models[number].findData(key)))

    def _offer_others(self) -> None:
        """Offer the models of the first one's task to stand beside it."""
        key = self.models[0].currentData()
        tasks = {model.task for model in MODELS if model.key == key}
        self.models[1].offer([model for model in MODELS if model.task in tasks])

    def _tell_terms(self) -> None:
        for chooser in self.models:
            chooser.tell_terms()

    def _update(self) -> None:
        running = self.state == "running"
        for widget in (self.source, *self.models):
            widget.setEnabled(not running)
        self.start_button.setEnabled(not running and self.source.currentIndex() >= 0)
        self.cancel_button.setEnabled(running)
        self.bar.setVisible(running)
        self.export_button.setEnabled(self.measured is not None and not running)
        self.thresholds.setVisible(self.measured is not None)
        if self.source.currentIndex() < 0:
            self.message.setText(self.tr("Open a labelled set, or choose the file or folder of its labels here."))
        elif self.state == "idle":
            self.message.setText("")

    # Work -----------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Measure the chosen models on the chosen labels."""
        source = self.source.currentData()
        if self.state == "running" or source is None:
            return
        keys = [chooser.currentData() for chooser in self.models]
        for number, key in enumerate(keys):
            self._settings.set(f"measure/model{number}", key or "")
        host = self._controller.pipeline.host
        where = path_of(source)
        plans = tuple(
            EvaluationPlan(
                key, chosen_checkpoint(key), mapping=self._changes.get((where, key), {}), device=host.requested_device
            )
            for key in keys
            if key
        )
        self._left = TimeLeft()
        self.state = "running"
        self.bar.setMaximum(0)
        self.message.setText(self.tr("Starting"))
        self._update()
        title = self.tr("Measure on {name}").format(name=source.name)
        work = measure_models(source, plans, self._iou, self._controller.pipeline.noticed.emit)
        self._controller.pipeline.submit(LANE, Job(OWNER, title, work))

    def cancel(self) -> None:
        """Stop; what was predicted is kept."""
        if self.state == "running":
            self.message.setText(self.tr("Stopping"))
            self.cancel_button.setEnabled(False)
            self._controller.pipeline.lanes.cancel(OWNER)

    def end(self) -> None:
        """Stop all work, as the window closes."""
        for owner in (OWNER, OVERLAP_OWNER):
            self._controller.pipeline.lanes.cancel(owner)

    def _job_event(self, event: Event) -> None:
        owner = event.job.owner
        if owner == OVERLAP_OWNER and event.kind == "output" and event.value is not None:
            self._iou = event.value
            self.update_page()
        if owner == EXPORT_OWNER and event.kind == "output" and event.value is not None:
            self._controller.notice.emit("info", self.tr("Written: {name}").format(name=event.value))
        if owner != OWNER:
            return
        if event.kind == "output" and event.value is not None:
            self._show(event.value)
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
        self.state = "done"
        if kind == "cancelled":
            self.message.setText(self.tr("Stopped; predictions so far are kept."))
        elif kind == "failed":
            # The notice says why.
            self.message.setText(self.tr("It could not be measured."))
        elif self.measured is not None:
            self.message.setText(summary_text(self.measured.evaluations[0]))
        self._update()

    def _show(self, measured: Measured) -> None:
        self.measured = measured
        self.thresholds.offer(measured)
        self.update_page()

    def _match_at(self, iou: float) -> None:
        if self.measured is not None:
            title = self.tr("Matching objects")
            work = prepare_overlap(self.measured, iou)
            self._controller.pipeline.submit(LANE, Job(OVERLAP_OWNER, title, work))

    # Pages ----------------------------------------------------------------------------------------------------------

    @property
    def evaluation(self) -> Evaluation | None:
        """The evaluation that the pages of one model show; None before there is one."""
        if self.measured is None:
            return None
        return self.measured.evaluations[self.thresholds.number]

    def update_page(self) -> None:
        """Fill the page that is seen, at the thresholds of the sliders."""
        evaluation = self.evaluation
        if evaluation is None:
            return
        form = self.thresholds.form
        self._shows[self.tabs.page()](evaluation, form if form in evaluation.objects else "")

    def _at_score(self) -> tuple[Evaluation, ...]:
        assert self.measured is not None
        return tables.at_scores(self.measured.evaluations, self.thresholds.scores)

    def _show_figures(self, evaluation: Evaluation, form: str) -> None:
        self.figures.show_table(tables.figures_table(self._at_score()))

    def _show_classes(self, evaluation: Evaluation, form: str) -> None:
        self.classes.show_table(tables.class_table(self._at_score()))

    def _show_curves(self, evaluation: Evaluation, form: str) -> None:
        self.curves.show_evaluations(self._at_score(), form, self._iou, self.thresholds.kind)

    def _show_confusion(self, evaluation: Evaluation, form: str) -> None:
        self.confusion.show_evaluation(evaluation, form, self._iou, self.thresholds.score)

    def _show_errors(self, evaluation: Evaluation, form: str) -> None:
        if form:
            self.errors.show_table(tables.error_table(evaluation, form, self._iou, self.thresholds.score))
        else:
            self.errors.show_none()

    def _show_worst(self, evaluation: Evaluation, form: str) -> None:
        self.worst.show_table(tables.worst_table(evaluation, form, self._iou, self.thresholds.score))

    def _show_mapping(self, evaluation: Evaluation, form: str) -> None:
        assert self.measured is not None
        self.mapping.show_mappings(tuple((item.title, item.mapping) for item in self.measured.evaluations))

    def _show_left_out(self, evaluation: Evaluation, form: str) -> None:
        self.left_out.show_table(tables.left_out_table(evaluation))

    # What follows from a page ---------------------------------------------------------------------------------------

    def _open_picture(self, number: int) -> None:
        """Open a picture with its labels and the predictions."""
        evaluation = self.evaluation
        if evaluation is None or self.measured is None:
            return
        models = [
            ShownModel(plan.model, plan.weights, score)
            for plan, score in zip(self.measured.plans, self.thresholds.scores, strict=True)
        ]
        models.append(models.pop(self.thresholds.number))  # the last one is current: that of the page
        name = evaluation.names[number]
        self._pictures.show(evaluation.pictures[name], self.measured.annotations, models, evaluation.times.get(name))

    def _map(self, number: int, label: str, category: str | None) -> None:
        """Let a label stand for another class, and measure again from what is kept."""
        self._load_mapping(number, {label: category})

    def _load_mapping(self, number: int, pairs: dict[str, str | None]) -> None:
        assert self.measured is not None
        # A mapping holds for the classes of one set.
        key = path_of(self.measured.annotations), self.measured.plans[number].model
        self._changes[key] = {**self._changes.get(key, {}), **pairs}
        self.start()

    def choose_export(self) -> None:
        """Ask where to write the evaluation."""
        target = ask_target(self)
        if target is not None:
            self.export(target)

    def export(self, target: Path) -> None:
        """Write the evaluation at the thresholds of the sliders, on a worker thread."""
        if self.measured is None:
            return
        evaluations, iou = self._at_score(), self._iou

        def work(progress: Progress) -> Any:
            write_evaluation(target, evaluations, iou=iou, progress=progress)
            yield target.name

        title = self.tr("Export the evaluation")
        self._controller.pipeline.submit(LANE, Job(EXPORT_OWNER, title, work))
