"""The content of the training panel: starts a recipe, and shows the curves of this run and of earlier ones."""

from __future__ import annotations

import os
import time
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QStackedLayout,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from cvstudio.foundation.progress import TimeLeft, duration_text
from cvstudio.training import RECIPES, TrainingRecipe
from cvstudio.training.runs import Run, read_run, run_folder
from ui.base.icons import icon
from ui.base.settings import Settings
from ui.base.translate import as_line, counted, translated
from ui.control.controller import Controller
from ui.models.licence_line import LicenceLine
from ui.models.model_card import CardPopup, RecipeCardView
from ui.training.process import TrainingProcess
from ui.training.run_view import RunView
from ui.widgets.empty_state import EmptyState
from ui.widgets.rows.choice_rows import Combo

CONTROLS_WIDTH = 340
SIDE_BY_SIDE = 660
"""Least width in pixels at which the curves stand beside the controls."""

DATA_SETTING = "training/data"
MOST_SEED = 999_999


class TrainingContent(QWidget):
    """Controls of the training beside its curves."""

    def __init__(self, controller: Controller, settings: Settings) -> None:
        super().__init__()
        self._controller = controller
        self._settings = settings
        self._left = TimeLeft()
        self.process = TrainingProcess(self)
        self._work_number = 0
        self.process.progressed.connect(self._progressed)
        self.process.ended.connect(self._ended)
        self._data = self._settings.text(DATA_SETTING, "") or os.environ.get("CVSTUDIO_DATA", "")
        self._training: Path | None = None

        self.view = RunView()
        self.view.failed.connect(lambda text: self._say(text, warning=True))
        self._work = QWidget()
        self._sides = QBoxLayout(QBoxLayout.Direction.LeftToRight, self._work)
        self._sides.setContentsMargins(12, 8, 12, 12)
        self._sides.setSpacing(16)
        self._sides.addWidget(self._make_controls())
        self._sides.addWidget(self.view, 1)
        self.empty = EmptyState(
            "activity",
            self.tr("Retrain a built-in model, and watch it learn."),
            self.tr("Choose the folder with the data …"),
        )
        self.empty.triggered.connect(self.choose_data)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self.empty)
        self._stack.addWidget(self._work)
        self._choose_recipe()

    # Building -------------------------------------------------------------------------------------------------------

    def _make_controls(self) -> QWidget:
        self.recipe = Combo()
        self.recipe.setAccessibleName(self.tr("Recipe"))
        self.recipe.setToolTip(self.tr("The network that is trained, and on what data"))
        for recipe in (recipe for recipe in RECIPES if recipe.make is not None):
            self.recipe.addItem(translated(recipe.title), recipe.key)
        self.recipe.activated.connect(lambda _: self._choose_recipe())
        self._summary = QLabel()
        self._summary.setObjectName("quiet")
        self._summary.setWordWrap(True)
        self.about = QToolButton()
        self.about.setIcon(icon("info"))
        self.about.setToolTip(self.tr("What this recipe produces and requires, and its licence"))
        self.about.setAccessibleName(self.about.toolTip())
        self.about.clicked.connect(self.show_card)
        self.licence = LicenceLine()
        self.data = QPushButton(icon("folder-open"), "")
        self.data.setObjectName("value-button")
        self.data.clicked.connect(self.choose_data)
        self.device = Combo()
        self.device.setAccessibleName(self.tr("Device"))
        self.device.setToolTip(self.tr("What computes the training; a GPU is many times as fast"))
        for name, title in (("auto", self.tr("automatic")), ("cpu", "CPU"), ("cuda", "CUDA"), ("mps", "Metal")):
            self.device.addItem(title, name)
        self.seed = QSpinBox(maximum=MOST_SEED)
        self.seed.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
        self.seed.setToolTip(self.tr("Determines everything random; another seed gives another run"))
        self.seed.valueChanged.connect(lambda _: self._update())
        form = QGridLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setSpacing(8)
        form.setColumnStretch(1, 1)
        form.addWidget(QLabel(self.tr("Data")), 0, 0)
        form.addWidget(self.data, 0, 1, 1, 3)
        form.addWidget(QLabel(self.tr("Device")), 1, 0)
        form.addWidget(self.device, 1, 1)
        form.addWidget(QLabel(self.tr("Seed")), 1, 2)
        form.addWidget(self.seed, 1, 3)
        self.start_button = QPushButton(icon("play"), "")
        self.start_button.setToolTip(self.tr("Trains in a process of its own; you can stop and continue later"))
        self.start_button.clicked.connect(self.start)
        self.stop_button = QPushButton(icon("square"), self.tr("Stop"))
        self.stop_button.setToolTip(self.tr("Stops after the current step; the last complete epoch is kept"))
        self.stop_button.clicked.connect(self._stop)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.start_button, 1)
        buttons.addWidget(self.stop_button)
        self.bar = QProgressBar(maximum=1000, textVisible=False)
        self._message = QLabel()
        self._message.setWordWrap(True)
        self._message.setTextFormat(Qt.TextFormat.PlainText)
        top = QHBoxLayout()
        top.setSpacing(4)
        top.addWidget(self.recipe, 1)
        top.addWidget(self.about)
        body = QWidget()
        layout = QVBoxLayout(body)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addLayout(top)
        layout.addWidget(self._summary)
        layout.addWidget(self.licence)
        layout.addLayout(form)
        layout.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(body)
        # Buttons, progress and message stay visible where the rest has to be scrolled.
        self._controls = QWidget()
        outer = QVBoxLayout(self._controls)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(8)
        outer.addWidget(scroll, 1)
        outer.addLayout(buttons)
        outer.addWidget(self.bar)
        outer.addWidget(self._message)
        return self._controls

    def resizeEvent(self, event: QResizeEvent) -> None:
        wide = event.size().width() >= SIDE_BY_SIDE
        self._sides.setDirection(QBoxLayout.Direction.LeftToRight if wide else QBoxLayout.Direction.TopToBottom)
        self._controls.setMaximumWidth(CONTROLS_WIDTH if wide else 16_777_215)
        self._controls.setMinimumWidth(CONTROLS_WIDTH if wide else 0)
        super().resizeEvent(event)

    # What is chosen -------------------------------------------------------------------------------------------------

    @property
    def message(self) -> str:
        """The text below the buttons."""
        return self._message.text()

    def _recipe(self) -> TrainingRecipe:
        return RECIPES[self.recipe.currentData()]

    def _run(self) -> Run | None:
        """The run of the chosen recipe and seed; None where it was never started."""
        return read_run(run_folder(self._recipe().key, seed=self.seed.value()))

    def _choose_recipe(self) -> None:
        recipe = self._recipe()
        self._summary.setText(translated(recipe.summary))
        self.licence.show_licence(recipe.licence, non_commercial=recipe.non_commercial)
        self._update()

    def show_card(self) -> CardPopup:
        """Open the card of the chosen recipe."""
        return CardPopup(self.about, RecipeCardView(self._recipe()))

    def choose_data(self) -> None:
        """Ask for the folder that holds the data sets."""
        name = QFileDialog.getExistingDirectory(self, self.tr("Folder with the data"), self._data)
        if name:
            self._data = name
            self._settings.set(DATA_SETTING, name)
            self._update()

    def _missing(self) -> str:
        """Sentence about data missing in the folder; empty where the recipe finds all its files."""
        files = self._recipe().files
        if not self._data:
            return self.tr("Choose the folder that holds {files}.").format(files=", ".join(files))
        missing = [name for name in files if not (Path(self._data) / name).exists()]
        if not missing:
            return ""
        text = self.tr("Expected {files} in the data folder, but {lacks} is not there; choose another folder.")
        return text.format(files=", ".join(files), lacks=missing[0])

    def _update(self) -> None:
        """Update buttons, fields and message from the state of the chosen run."""
        self._stack.setCurrentWidget(self._work if self._data or self.view.runs else self.empty)
        self.data.setText(Path(self._data).name if self._data else self.tr("Choose a folder …"))
        self.data.setToolTip(self._data or self.tr("The folder with the data that the recipe asks for"))
        self.data.setAccessibleName(self.tr("Data folder {folder}").format(folder=self._data))
        running = self.process.running
        for control in (self.recipe, self.data, self.device, self.seed):
            control.setEnabled(not running)
        run = self._run()
        finished = run is not None and run.finished
        missing = self._missing()
        self.start_button.setText(self.tr("Resume") if run is not None and not finished else self.tr("Start"))
        self.start_button.setEnabled(not running and not finished and not missing)
        self.stop_button.setEnabled(running)
        self.bar.setVisible(running)
        if running:
            return
        if missing and not finished:
            self._say(missing, warning=bool(self._data))
        elif finished:
            self._say(self.tr("This run is finished; another seed starts a new one."))
        elif run is not None:
            one, many = (
                self.tr("{count} of {all} epochs is done; training continues from there."),
                self.tr("{count} of {all} epochs are done; training continues from there."),
            )
            self._say(counted(run.epochs_done, one, many, all=run.start.epochs))
        else:
            self._say("")

    def _say(self, text: str, *, warning: bool = False) -> None:
        name = "message" if warning else "quiet"
        if self._message.objectName() != name:
            self._message.setObjectName(name)
            # A style sheet is not applied again when an object name changes.
            self._message.style().unpolish(self._message)
            self._message.style().polish(self._message)
        self._message.setText(text)
        self._message.setToolTip("")
        self._message.setVisible(bool(text))

    # Training -------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the chosen run, or resume it."""
        recipe, seed = self._recipe(), self.seed.value()
        self._training = run_folder(recipe.key, seed=seed)
        self._left = TimeLeft()
        title = self.tr("Training {name}").format(name=self.recipe.currentText())
        self._work_number = self._controller.long_work.begin(title)
        self.process.start(recipe.key, data=Path(self._data), device=self.device.currentData(), seed=seed)
        self.bar.setMaximum(0)
        self._update()
        self._say(self.tr("Starting"))
        if self.view.run_in(self._training) is not None:
            self.view.show_run(self._training)

    def _stop(self) -> None:
        self.process.stop()
        self.stop_button.setEnabled(False)
        self._say(self.tr("Stopping after this step"))

    def _progressed(self, fraction: float | None, message: str) -> None:
        self._controller.long_work.report(self._work_number, fraction, message.partition(":")[0])
        self.bar.setMaximum(0 if fraction is None else 1000)
        self.bar.setValue(round((fraction or 0.0) * 1000))
        left = self._left(fraction, time.monotonic())
        # The figures after the colon are in the curves.
        parts = [as_line(message.partition(":")[0])]
        if left is not None:
            parts.append(self.tr("{time} left").format(time=duration_text(left)))
        if self.stop_button.isEnabled():
            self._say(" · ".join(parts))
            self._message.setToolTip(message)
        assert self._training is not None
        if self.view.run_in(self._training) is None and read_run(self._training) is not None:
            self.view.refresh()
            self.view.show_run(self._training)
        self.view.follow_soon()

    def _ended(self, outcome: str, text: str) -> None:
        self._controller.long_work.end(self._work_number, failed=outcome == "failed")
        self.view.refresh()
        self._update()
        if outcome == "finished":
            self._controller.notice.emit("info", self.tr("{name} is trained.").format(name=self.recipe.currentText()))
        else:
            self._say(text, warning=outcome == "failed")
        if outcome == "failed":
            self._controller.notice.emit("error", text)

    def end(self) -> None:
        """Stop the training as the window closes; its last whole epoch is kept."""
        if self.process.running:
            self._controller.requests.status.emit(self.tr("Stopping the training; its last complete epoch is kept …"))
        self.process.close()
        self.view.stop_following()
