"""Score, overlap, and which part of an evaluation is shown."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from cvstudio.evaluation.comparers import FORM_TITLES
from cvstudio.evaluation.evaluation import Evaluation
from cvstudio.foundation.params import Doc, Field, Range
from ui.base.translate import translated
from ui.panels._measure.job import Measured
from ui.widgets.elided_combo import ElidedCombo
from ui.widgets.rows.slider_row import SliderRow

DEFAULT_SCORE = DEFAULT_IOU = 0.5
NARROWEST_COMBO = 80
"""Pixels; a combo box is never wider than its place for a long text."""


class Thresholds(QWidget):
    """The sliders of score and overlap, and the choices of form, class and model.

    Signals
    -------
    changed : something that needs no new matching has changed
    overlap_wanted : the overlap at which objects are to be matched
    """

    changed = Signal()
    overlap_wanted = Signal(float)

    def __init__(self) -> None:
        super().__init__()
        self._scored_models: list[str] = []
        self._scores = [DEFAULT_SCORE]
        self._default_scores = [DEFAULT_SCORE]
        self.score_row = _slider(
            "score",
            self.tr("Score"),
            self.tr("Detections with a lower score do not count; of two models each has a threshold of its own."),
            DEFAULT_SCORE,
        )
        self.score_row.changed.connect(lambda value, dragging: self._take_score(float(value)))
        self.iou_row = _slider(
            "iou",
            self.tr("Overlap (IoU)"),
            self.tr("An object is found by what overlaps it at least so far."),
            DEFAULT_IOU,
        )
        self.iou_row.changed.connect(lambda value, dragging: self.overlap_wanted.emit(float(value)))
        self.forms = self._combo(self.tr("Compared by"), self.tr("What the overlap of objects is measured by"))
        self.kinds = self._combo(
            self.tr("Class of the curves"), self.tr("The class whose precision and recall are shown")
        )
        self.models = self._combo(
            self.tr("Model of the page"),
            self.tr("The model whose confusion, errors and worst pictures are shown, and whose score is set"),
        )
        self.models.currentIndexChanged.connect(lambda _: self._show_score())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for widget in (self.score_row, self.iou_row, self.forms, self.kinds, self.models):
            layout.addWidget(widget)

    def _combo(self, name: str, tip: str) -> ElidedCombo:
        combo = ElidedCombo()
        combo.setAccessibleName(name)
        combo.setToolTip(tip)
        combo.setMinimumWidth(NARROWEST_COMBO)
        combo.currentIndexChanged.connect(lambda _: self.changed.emit())
        return combo

    @property
    def score(self) -> float:
        """The score threshold of the model whose pages are shown."""
        return self._scores[self.number]

    @property
    def scores(self) -> tuple[float, ...]:
        """The score threshold of each model."""
        return tuple(self._scores)

    def _take_score(self, score: float) -> None:
        self._scores[self.number] = score
        self.changed.emit()

    def _show_score(self) -> None:
        self.score_row.set_value(self.score, self._default_scores[self.number])

    @property
    def form(self) -> str:
        """What the overlap of objects is measured by; empty where there are none."""
        return self.forms.currentData() or ""

    @property
    def kind(self) -> int | None:
        """Index of the class of the curves; None for all."""
        kind: int | None = self.kinds.currentData()
        return kind

    @property
    def number(self) -> int:
        """Number of the model whose pages are shown, from 0."""
        return self.models.currentData() or 0

    def offer(self, measured: Measured) -> None:
        """Offer what an evaluation has: each model at its own score, or as it was set where the model is the same."""
        first = measured.evaluations[0]
        before = dict(zip(self._scored_models, self._scores, strict=False))
        self._scored_models = [item.model for item in measured.evaluations]
        self._default_scores = [item.score for item in measured.evaluations]
        self._scores = [before.get(item.model, item.score) for item in measured.evaluations]
        forms = list(dict.fromkeys(form for item in measured.evaluations for form in item.objects))
        _fill(self.forms, [(translated(FORM_TITLES[form]), form) for form in forms])
        names = [(first.category_names[kind], kind) for kind in first.measured if _occurs(first, kind)]
        _fill(self.kinds, [(self.tr("All classes"), None), *names])
        _fill(self.models, [(item.title, number) for number, item in enumerate(measured.evaluations)])
        self._show_score()
        for widget in (self.score_row, self.iou_row, self.kinds):
            widget.setVisible(bool(forms))
        self.forms.setVisible(len(forms) > 1)
        self.models.setVisible(len(measured.evaluations) > 1)


def _slider(name: str, title: str, summary: str, value: float) -> SliderRow:
    row = SliderRow(Field(name, "float", value, Doc(title, summary), range=Range(0.0, 1.0, step=0.01)))
    row.set_value(value, value)
    row.setToolTip(summary)
    return row


def _fill(combo: ElidedCombo, items: list[tuple[str, Any]]) -> None:
    """Replace the items of a combo box; the chosen one stays where it is still there."""
    current = combo.currentData()
    combo.blockSignals(True)
    combo.clear()
    for title, data in items:
        combo.addItem(title, data)
    combo.setCurrentIndex(max(0, combo.findData(current)))
    combo.blockSignals(False)


def _occurs(evaluation: Evaluation, kind: int) -> bool:
    return any(bool(objects.class_counts[kind]) for objects in evaluation.objects.values())
