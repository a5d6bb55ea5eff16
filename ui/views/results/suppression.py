"""View of a step of non-maximum suppression: a description, and every pair of boxes with its IoU."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from cvstudio.results.suppression import Suppression
from ui.base.icons import icon
from ui.base.translate import counted
from ui.views.results.registry import RESULT_VIEWS, ResultViewSpec
from ui.widgets.rows_table import Cell, RowsTable, TableRow

ALL = 1_000_000
IOU = 2
IOU_WIDTH = 82
MOST = 500
"""Maximum number of rows: there may be two thousand candidates."""


class SuppressionView(QWidget):
    """Description, buttons and table of one step.

    Signals
    -------
    stepped : number of steps forward, or back where negative
    selected, hovered : ids of boxes in the table
    """

    stepped = Signal(int)
    selected = Signal(object)
    hovered = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.sentence = QLabel()
        self.sentence.setWordWrap(True)
        self.first = self._button("skip-back", self.tr("All candidates"))
        self.back = self._button("chevron-left", self.tr("Previous step (comma)"))
        self.on = self._button("chevron-right", self.tr("Next step (full stop)"))
        self.last = self._button("skip-forward", self.tr("Final result"))
        for button, steps in ((self.first, -ALL), (self.back, -1), (self.on, 1), (self.last, ALL)):
            button.clicked.connect(lambda _=False, steps=steps: self.stepped.emit(steps))
        self.table = RowsTable((self.tr("Box"), self.tr("Confidence"), self.tr("IoU"), ""), bars=(IOU,))
        self.table.horizontalHeader().resizeSection(IOU, IOU_WIDTH)
        self.table.selected.connect(self.selected)
        self.table.hovered.connect(self.hovered)
        buttons = QHBoxLayout()
        buttons.setSpacing(2)
        for button in (self.first, self.back, self.on, self.last):
            buttons.addWidget(button)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addLayout(buttons)
        layout.addWidget(self.sentence)
        layout.addWidget(self.table, 1)

    @staticmethod
    def _button(name: str, text: str) -> QToolButton:
        button = QToolButton()
        button.setIcon(icon(name))
        button.setToolTip(text)
        button.setAccessibleName(text)
        return button

    def show_result(self, result: Suppression, pointed: int | None) -> str:
        """Show a step and return its number as the headline."""
        for button in (self.first, self.back):
            button.setEnabled(result.step > 0)
        for button in (self.on, self.last):
            button.setEnabled(not result.ended)
        self.sentence.setText(self._sentence(result))
        self.table.set_rows(self._table_rows(result))
        self.table.setColumnHidden(IOU, not result.dropping)
        self.table.set_selected(() if pointed is None else (pointed,))
        self.table.set_empty_text(self._empty(result))
        return self.tr("Step {step} of {last}").format(step=result.step, last=result.last_step)

    def _sentence(self, result: Suppression) -> str:
        candidates, pairs = result.candidates, result.pairs()
        if pairs is None:
            one, many = (
                self.tr("{count} candidate goes in; {kept} will stay."),
                self.tr("{count} candidates go in; {kept} will stay."),
            )
            return counted(len(candidates), one, many, kept=len(result.kept))
        name, score = candidates.label(pairs.taken), f"{candidates.scores[pairs.taken]:.2f}"
        if not result.dropping:
            return self.tr("Select the best remaining box: {name} {score}.").format(name=name, score=score)
        suppressed_count, kept_count = int(pairs.suppressed.sum()), int((~pairs.suppressed).sum())
        text = self.tr(
            "Suppress boxes with an IoU above {iou} with {name} {score}: {gone} go, {stay} overlap less and stay."
        )
        sentence = text.format(iou=f"{result.iou:.2f}", name=name, score=score, gone=suppressed_count, stay=kept_count)
        if result.ended:
            text = self.tr("That was the last: {kept} of {count} remain.")
            sentence += " " + text.format(kept=len(result.kept), count=len(candidates))
        return sentence

    def _empty(self, result: Suppression) -> str:
        if not len(result.candidates):
            return self.tr("No candidate is confident enough. Lower the minimum confidence to see more.")
        return (
            self.tr("No other box of its class overlaps it.") if result.class_wise else self.tr("No box overlaps it.")
        )

    def _table_rows(self, result: Suppression) -> list[TableRow]:
        candidates, pairs = result.candidates, result.pairs()
        if pairs is not None and result.dropping:
            return [
                self._line(result, row, f"{iou:.2f}", iou, "dropped" if suppressed else "stays")
                for row, iou, suppressed in list(
                    zip(pairs.rows.tolist(), pairs.iou.tolist(), pairs.suppressed.tolist(), strict=True)
                )[:MOST]
            ]
        rows = range(len(candidates)) if pairs is None else [pairs.taken, *result.waiting().tolist()]
        return [
            self._line(result, row, "", None, "taken" if pairs and row == pairs.taken else "waits")
            for row in list(rows)[:MOST]
        ]

    def _line(self, result: Suppression, row: int, iou_text: str, iou: float | None, fate: str) -> TableRow:
        candidates = result.candidates
        words = {
            "dropped": (self.tr("suppressed"), "error"),
            "stays": (self.tr("kept"), "text"),
            "taken": (self.tr("selected"), "link"),
            "waits": (self.tr("waiting"), "quiet"),
        }
        word, tone = words[fate]
        name = candidates.label(row)
        cells = (
            Cell(name, label=name, among=candidates.labels),
            Cell(f"{candidates.scores[row]:.2f}"),
            Cell(iou_text, iou),
            Cell(word, tone=tone),
        )
        return TableRow(int(candidates.ids[row]), cells)


RESULT_VIEWS.register(ResultViewSpec(Suppression, SuppressionView))
