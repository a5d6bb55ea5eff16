"""Predictions that are accepted as labels above a score."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from cvstudio.foundation.params import Doc, Field, Range
from ui.base.icons import icon
from ui.base.translate import counted
from ui.control.labelling import Labelling
from ui.widgets.rows.slider_row import SliderRow

if TYPE_CHECKING:
    from cvstudio.results.detections import Detections

DEFAULT_SCORE = 0.5


class AcceptPage(QWidget):
    """Score and button that take predictions over as labels.

    Parameters
    ----------
    predictions : callable () -> what was found on the picture; None without it
    accept_on_all : callable (score) that takes over what the same analysis finds on all pictures
    """

    def __init__(
        self,
        labelling: Labelling,
        predictions: Callable[[], Detections | None],
        accept_on_all: Callable[[float], None],
    ) -> None:
        super().__init__()
        self._labelling, self._predictions = labelling, predictions
        title = self.tr("Minimum score")
        field = Field("score", "float", DEFAULT_SCORE, Doc(title, ""), range=Range(0.0, 1.0))
        self.score: SliderRow = SliderRow(field)
        self.score.set_value(DEFAULT_SCORE, DEFAULT_SCORE)
        self.score.setToolTip(self.tr("Predictions with this score or more become labels."))
        self.score.changed.connect(lambda value, dragging: self.count())
        self.accept = QPushButton(icon("check"), "")
        self.accept.setToolTip(self.tr("Takes the predictions on this picture over as labels, which can be corrected"))
        self.accept.clicked.connect(self._accept)
        self.all = QPushButton(icon("layers"), self.tr("Accept on all pictures"))
        self.all.setToolTip(
            self.tr("Runs the model on every picture of the set and takes what it finds above the score over as labels")
        )
        self.all.clicked.connect(lambda: accept_on_all(float(self.score.value())))
        for button in (self.accept, self.all):
            # The keys of the label tool go on working behind a click: D comes next.
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.text = QLabel()
        self.text.setObjectName("quiet")
        self.text.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.score)
        layout.addWidget(self.accept)
        layout.addWidget(self.all)
        layout.addWidget(self.text)
        layout.addStretch(1)

    def count(self) -> None:
        """Show how many predictions would be accepted."""
        predictions = self._predictions() if self._labelling.ready else None
        self.score.setEnabled(predictions is not None)
        self.all.setEnabled(predictions is not None)
        if predictions is None:
            self.accept.setEnabled(False)
            self.accept.setText(self.tr("Accept predictions"))
            self.text.setText(self.tr("Add a layer that detects objects; what it finds can become labels."))
            return
        from cvstudio.results.accepted_labels import count_accepted

        if predictions.score_kind != "probability":
            scores = predictions.scores
            low, high = (float(scores.min()), float(scores.max())) if len(scores) else (0.0, 1.0)
            self.score.configure(bounds=Range(min(low, 0.0), max(high, 1.0)), options=(), histogram=None)
        count = count_accepted(self._labelling.labels, predictions, float(self.score.value()))
        self.accept.setEnabled(count > 0)
        total = len(predictions)
        one, many = self.tr("Accept {done} of {count} prediction"), self.tr("Accept {done} of {count} predictions")
        self.accept.setText(counted(total, one, many, done=f"{count:,}"))
        self.text.setText(self.tr("Objects that are labelled already (IoU of 0.9 or more) are left out."))

    def _accept(self) -> None:
        predictions = self._predictions()
        if predictions is not None:
            if self.accept.hasFocus():
                # It is disabled then, and Qt would go on to the button for all pictures.
                self.score.slider.setFocus()
            self._labelling.accept(predictions, float(self.score.value()))
