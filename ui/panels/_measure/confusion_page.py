"""The confusion matrix, and the pictures of the cell that was clicked."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from cvstudio.evaluation import tables
from cvstudio.evaluation.evaluation import Evaluation
from ui.base.translate import translated
from ui.panels._measure.confusion_view import ConfusionView
from ui.panels._measure.tables import ResultTable

LIST_WIDTH = 300


class ConfusionPage(QWidget):
    """The matrix; a cell that is chosen lists its pictures beside it.

    Signals
    -------
    picked : number of the picture that the user clicked
    """

    picked = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.view = ConfusionView()
        self.view.picked.connect(self._choose)
        self.title = QLabel()
        self.title.setWordWrap(True)
        self.pictures = ResultTable(self.tr("No picture has any."))
        self.pictures.picked.connect(self.picked)
        self._shown: tuple[Evaluation, str, float, float] | None = None
        self.cell: tuple[int, int] | None = None
        scroll = QScrollArea()
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setWidget(self.view)
        self.view.cell_in_view.connect(lambda cell: scroll.ensureVisible(cell.center().x(), cell.center().y()))
        self._list = QWidget()
        self._list.setFixedWidth(LIST_WIDTH)
        column = QVBoxLayout(self._list)
        column.setContentsMargins(8, 0, 0, 0)
        column.addWidget(self.title)
        column.addWidget(self.pictures, 1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scroll, 1)
        layout.addWidget(self._list)
        self._list.hide()

    def show_evaluation(self, evaluation: Evaluation, form: str, iou: float, score: float) -> None:
        """Show the matrix of an evaluation at an overlap and a score; the chosen cell stays where it has pictures."""
        if self._shown is None or self._shown[0].mapping.categories != evaluation.mapping.categories:
            self.cell = None
        self._shown = (evaluation, form, iou, score)
        last = translated(tables.last_class(evaluation, form))
        self.view.show_matrix(tables.confusion_of(evaluation, form, iou, score), last)
        self._list_pictures()

    def _choose(self, true: int, predicted: int) -> None:
        self.cell = (true, predicted)
        self._list_pictures()

    def _list_pictures(self) -> None:
        content = None
        if self._shown is not None and self.cell is not None:
            evaluation, form, _, _ = self._shown
            content = tables.cell_table(*self._shown, *self.cell)
            names = (*evaluation.category_names, translated(tables.last_class(evaluation, form)))
            text = self.tr("{true} taken for {predicted}")
            self.title.setText(text.format(true=names[self.cell[0]], predicted=names[self.cell[1]]))
        self._list.setVisible(content is not None)
        if content is not None:
            self.pictures.show_table(content)
