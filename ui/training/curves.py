"""The curves of a training run over those of another run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QStackedLayout, QWidget

from cvstudio.training.runs import CurveGroup
from ui.widgets.empty_state import EmptyState

if TYPE_CHECKING:
    from ui.training.curves_plot import CurvesPlots


class CurvesView(QWidget):
    """Makes its plots with the first curves: importing pyqtgraph would delay the window by a third of a second."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName(self.tr("Curves"))
        self.plots: CurvesPlots | None = None
        self._stack = QStackedLayout(self)
        self._empty = EmptyState("activity", self.tr("The curves of the run appear here while it trains."))
        self._stack.addWidget(self._empty)

    def show_groups(self, groups: Sequence[CurveGroup], others: Sequence[CurveGroup] = (), *, epochs: int = 1) -> None:
        """Plot the curve groups of a run over those of another one, `others`; the time axis ends at `epochs`."""
        if not groups:
            self._stack.setCurrentWidget(self._empty)
            return
        if self.plots is None:
            from ui.training.curves_plot import CurvesPlots

            self.plots = CurvesPlots()
            self._stack.addWidget(self.plots)
        self._stack.setCurrentWidget(self.plots)
        self.plots.show_groups(groups, others, epochs)
