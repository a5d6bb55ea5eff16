"""The curves of an evaluation: precision over recall of objects, or the reliability of a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

from cvstudio.evaluation.evaluation import Evaluation
from ui.widgets.current_stack import CurrentStack

if TYPE_CHECKING:
    from ui.panels._measure.curve_page import CurvePlot, ReliabilityPlot


class Curves(CurrentStack):
    """The plot that an evaluation has, made when it is first shown; of class maps there is none, which is said."""

    def __init__(self) -> None:
        super().__init__()
        self.plot: CurvePlot | ReliabilityPlot | None = None
        self.none = QLabel(self.tr("Choose labels and a model, and press Measure."))
        self.none.setObjectName("quiet")
        self.none.setWordWrap(True)
        self.none.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.addWidget(self.none)

    def show_evaluations(self, items: Sequence[Evaluation], form: str, iou: float, kind: int | None) -> None:
        """Show the curves of one or two models.

        Parameters
        ----------
        form : what the overlap of objects is measured by; empty where there are none
        iou : overlap from which an object is found
        kind : index of the class; None for all
        """
        from ui.panels._measure.curve_page import CurvePlot, ReliabilityPlot

        if form:
            curves = [
                (item.title, item.objects[form].curve(iou, kind), item.score) for item in items if form in item.objects
            ]
            self._shown(CurvePlot).show_curves(curves)
            return
        classified = [(item.title, item.classification) for item in items if item.classification is not None]
        if classified:
            self._shown(ReliabilityPlot).show_diagrams([(title, scores.reliability()) for title, scores in classified])
            return
        self.none.setText(
            self.tr("A map of classes has no score, and so no curve; the figures of each class are under Classes.")
        )
        self.setCurrentWidget(self.none)

    def _shown(self, kind: type[Any]) -> Any:
        if not isinstance(self.plot, kind):
            if self.plot is not None:
                self.removeWidget(self.plot)
                self.plot.deleteLater()
            self.plot = kind()
            self.addWidget(self.plot)
        self.setCurrentWidget(self.plot)
        return self.plot
