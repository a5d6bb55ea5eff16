"""View of the intermediate results of a detector: its feature levels, or its proposals and their refinement."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from cvstudio.data.boxes import iou_with
from cvstudio.results.proposals import Proposals
from ui.base.translate import counted
from ui.views.results.registry import RESULT_VIEWS, ResultViewSpec
from ui.widgets.rows_table import Cell, RowsTable, TableRow


class ProposalsView(QWidget):
    """A sentence, and the table of levels or of proposals.

    Signals
    -------
    selected, hovered : rows of proposals in the table
    """

    selected = Signal(object)
    hovered = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.sentence = QLabel()
        self.sentence.setWordWrap(True)
        self.levels = RowsTable(
            (self.tr("Level"), self.tr("Positions"), self.tr("Stride"), self.tr("Anchors, px")), wide=3
        )
        self.regions = RowsTable((self.tr("Class"), self.tr("Before"), self.tr("After"), self.tr("IoU")), bars=(3,))
        self.regions.horizontalHeader().resizeSection(3, 82)
        self.regions.selected.connect(self.selected)
        self.regions.hovered.connect(self.hovered)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.sentence)
        layout.addWidget(self.levels, 1)
        layout.addWidget(self.regions, 1)

    def show_result(self, result: Proposals, pointed: int | None) -> str:
        """Show the selected part of `result` and return the headline."""
        anchors = result.show == "anchors"
        self.levels.setVisible(anchors)
        self.regions.setVisible(not anchors)
        if anchors:
            self.sentence.setText(
                self.tr("At each position of each feature map the network starts from the same few boxes.")
            )
            self.levels.set_rows(_level_rows(result))
            self.levels.set_selected((result.level,))
            return counted(len(result.anchors), self.tr("{count} anchor"), self.tr("{count} anchors"))
        if result.two_stages:
            text = self.tr("Before: objectness of the region. After: confidence in the class.")
        else:
            text = self.tr("A single-shot network has no proposals: before the head are its anchors.")
        self.sentence.setText(text)
        self.regions.set_rows(_region_rows(result))
        self.regions.set_selected(() if pointed is None else (pointed,))
        count = len(result.proposal_boxes)
        if result.two_stages:
            return counted(count, self.tr("{count} proposal"), self.tr("{count} proposals"))
        return counted(count, self.tr("{count} best place"), self.tr("{count} best places"))


def _level_rows(result: Proposals) -> list[TableRow]:
    """A row for each feature map: the number of positions, their stride, and the sides of the anchors at each."""
    lines = []
    for number, (level, rows) in enumerate(zip(result.levels, result.anchors_at(*result.place), strict=True), 1):
        boxes = result.anchors[rows]
        sides = [f"{x2 - x1:.0f}×{y2 - y1:.0f}" for x1, y1, x2, y2 in boxes.tolist()]
        steps = [f"{step:.0f}" for step in level.stride if np.isfinite(step)]
        cells = (
            Cell(str(number)),
            Cell(f"{level.columns} × {level.rows}"),
            Cell(" × ".join(dict.fromkeys(steps)) or "–"),
            Cell(", ".join(sides[:3]) + (" …" if len(sides) > 3 else "")),
        )
        lines.append(TableRow(number, cells, ", ".join(sides)))
    return lines


def _region_rows(result: Proposals) -> list[TableRow]:
    lines = []
    for row in result.regions().tolist():
        share = float(iou_with(result.proposal_boxes[row], result.refined_boxes[row : row + 1])[0])
        name = result.label(row)
        cells = (
            Cell(name, label=name, among=result.labels),
            Cell(f"{result.objectness[row]:.2f}"),
            Cell(f"{result.scores[row]:.2f}"),
            Cell(f"{share:.2f}", share),
        )
        lines.append(TableRow(row, cells))
    return lines


RESULT_VIEWS.register(ResultViewSpec(Proposals, ProposalsView))
