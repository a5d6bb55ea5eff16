"""The view of training runs: choice of a run and of one to compare with, and their curves, also while it trains."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from PySide6.QtCore import QFileSystemWatcher, Qt, QTimer, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from cvstudio.foundation.errors import UserError
from cvstudio.models import MODELS
from cvstudio.training import RECIPES
from cvstudio.training.loop import CURVES
from cvstudio.training.runs import CurveFollower, CurveGroup, Run, curve_groups, curves_of, find_runs
from cvstudio.weights.embedded import load_card
from ui.base.icons import icon
from ui.base.translate import counted, translated
from ui.models.model_card import CardPopup, ModelCardView
from ui.training.curves import CurvesView
from ui.widgets.rows.choice_rows import Combo

FOLLOW_MS = 400
"""Least time between two readings of a growing curves file."""


class RunView(QWidget):
    """Chooses among the runs on this machine, and follows the curves file of the chosen one, whoever writes it.

    Signals
    -------
    failed : one sentence for the user
    """

    failed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._runs: tuple[Run, ...] = ()
        self._follower: CurveFollower | None = None
        self._others: tuple[CurveGroup, ...] = ()
        self.run = self._picker(self.tr("Run"))
        self.run.activated.connect(lambda _: self._choose())
        self.other = self._picker(self.tr("Compare with"))
        self.other.setToolTip(self.tr("Draws the curves of another run, dashed, behind these"))
        self.other.activated.connect(lambda _: self._choose_other())
        self.card_button = QToolButton()
        self.card_button.setIcon(icon("info"))
        self.card_button.setToolTip(self.tr("The model card of this run"))
        self.card_button.setAccessibleName(self.card_button.toolTip())
        self.card_button.clicked.connect(self.show_card)
        self.curves = CurvesView()
        head = QHBoxLayout()
        head.setSpacing(8)
        for title, picker in ((self.tr("Run"), self.run), (self.tr("against"), self.other)):
            label = QLabel(title)
            label.setObjectName("quiet")
            head.addWidget(label)
            head.addWidget(picker, 1)
        head.insertWidget(2, self.card_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addLayout(head)
        layout.addWidget(self.curves, 1)
        self._watcher = QFileSystemWatcher(self)
        self._soon = QTimer(self, interval=FOLLOW_MS, singleShot=True)
        self._soon.timeout.connect(self.follow)
        self._watcher.fileChanged.connect(lambda _: self.follow_soon())
        self.refresh()

    @staticmethod
    def _picker(name: str) -> QComboBox:
        picker = Combo()
        picker.setToolTip(name)
        picker.setAccessibleName(name)
        picker.setMinimumContentsLength(12)
        return picker

    @property
    def runs(self) -> tuple[Run, ...]:
        return self._runs

    def run_in(self, folder: Path) -> Run | None:
        """The run in `folder`, as of the last `refresh`; None where there is none."""
        return next((run for run in self._runs if run.folder == folder), None)

    def refresh(self) -> None:
        """Read the list of runs again; the chosen ones stay chosen."""
        chosen = self.run.currentData()
        self._runs = find_runs()
        self.run.clear()
        self._add(self.run, self._runs)
        self.run.setCurrentIndex(max(0, self.run.findData(chosen)) if self._runs else -1)
        self.setEnabled(bool(self._runs))
        self._choose()

    def _add(self, picker: QComboBox, runs: Iterable[Run]) -> None:
        for run in runs:
            picker.addItem(self._title(run), str(run.folder))
            picker.setItemData(picker.count() - 1, str(run.folder), Qt.ItemDataRole.ToolTipRole)

    def _title(self, run: Run) -> str:
        start = run.start
        title = translated(RECIPES[start.recipe].title) if start.recipe in RECIPES else start.recipe
        parts = [title, self.tr("seed {seed}").format(seed=start.seed)]
        if start.limit is not None:
            one, many = self.tr("{count} picture of each set"), self.tr("{count} pictures of each set")
            parts.append(counted(start.limit, one, many))
        done = self.tr("{done} of {all} epochs").format(done=run.epochs_done, all=start.epochs)
        return " · ".join([*parts, self.tr("finished") if run.finished else done])

    def show_run(self, folder: Path) -> None:
        """Choose the run in `folder`."""
        self.run.setCurrentIndex(self.run.findData(str(folder)))
        self._choose()

    def _choose(self) -> None:
        if self._watcher.files():
            self._watcher.removePaths(self._watcher.files())
        folder = self.run.currentData()
        run = self.run_in(Path(folder)) if folder else None
        self.card_button.setEnabled(run is not None and run.finished)
        path = run.folder / CURVES if run is not None else None
        if self._follower is None or path != self._follower.path:
            self._follower = CurveFollower(path) if path is not None else None
        if path is not None and path.is_file():
            self._watcher.addPath(str(path))
        other_folder = self.other.currentData()
        self.other.clear()
        self.other.addItem(self.tr("no other run"), "")
        if run is not None:
            # Losses of different recipes cannot be compared.
            self._add(
                self.other, (item for item in self._runs if item.start.recipe == run.start.recipe and item != run)
            )
        self.other.setCurrentIndex(max(0, self.other.findData(other_folder)))
        self.other.setEnabled(self.other.count() > 1)
        self._choose_other()

    def _choose_other(self) -> None:
        folder = self.other.currentData()
        self._others = ()
        if folder:
            follower = CurveFollower(Path(folder) / CURVES)
            follower.read()
            self._others = curve_groups(curves_of(follower.points))
        self.follow()

    def follow_soon(self) -> None:
        """Schedule `follow`; calls within `FOLLOW_MS` are merged into one."""
        if not self._soon.isActive():
            self._soon.start()

    def follow(self) -> None:
        """Read the curves file of the chosen run and draw it."""
        if self._follower is None:
            self.curves.show_groups(())
            return
        self._follower.read()
        if not self._watcher.files() and self._follower.path.is_file():
            self._watcher.addPath(str(self._follower.path))
        run = self.run_in(self._follower.path.parent)
        groups = curve_groups(curves_of(self._follower.points))
        self.curves.show_groups(groups, self._others, epochs=run.start.epochs if run is not None else 1)

    def show_card(self) -> None:
        """Open the card of the model that the chosen run, a finished one, has made."""
        run = self.run_in(Path(self.run.currentData()))
        assert run is not None
        assert run.exported is not None
        try:
            card = load_card(run.exported)
            spec = MODELS[card.model]
        except UserError as error:
            self.failed.emit(str(error))
            return
        CardPopup(self.card_button, ModelCardView(spec, trained=card))

    def stop_following(self) -> None:
        """Stop the timer and the file watcher."""
        self._soon.stop()
        if self._watcher.files():
            self._watcher.removePaths(self._watcher.files())
