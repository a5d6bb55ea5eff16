"""The results of the current analysis as a table or in numbers, and their export."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from cvstudio.results import Detections, Labels, Picture, Spectrogram
from ui.controller import Controller
from ui.icons import icon
from ui.panels import PANELS
from ui.panels.base import Panel
from ui.views.guesses import Guesses
from ui.views.results_table import ResultsTable

TABLE_DELAY_MS = 60


class ResultsPanel(QWidget):
    """Table and canvas are linked both ways by the ids of the results."""

    def __init__(self, controller: Controller) -> None:
        super().__init__()
        self._controller = controller
        self._summary = QLabel()
        self._summary.setTextFormat(Qt.TextFormat.PlainText)
        self._export = QPushButton(icon("share"), self.tr("Export …"))
        self._export.setObjectName("export-button")
        self._export.clicked.connect(lambda: self.window().exporting.ask())  # type: ignore[attr-defined]
        self.table = ResultsTable()
        self.table.selected.connect(lambda ids: controller.select(frozenset(ids)))
        self.table.hovered.connect(controller.hover)
        self._facts = QLabel()
        self._facts.setObjectName("facts")
        self._facts.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._facts.setWordWrap(True)
        self._facts.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.table)
        self._stack.addWidget(self._facts)
        self.guesses = Guesses()
        self._stack.addWidget(self.guesses)
        head = QHBoxLayout()
        head.addWidget(self._summary, 1)
        head.addWidget(self._export)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 8, 12, 8)
        layout.setSpacing(8)
        layout.addLayout(head)
        layout.addWidget(self._stack, 1)
        # A table of many rows takes longer to paint than the picture: a slider's ticks reach it a little later.
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(TABLE_DELAY_MS)
        self._soon.timeout.connect(self._show)
        controller.view_changed.connect(lambda _: self._soon.isActive() or self._soon.start())
        controller.state_changed.connect(lambda old, new: self.table.set_selected(new.selection))
        self._show()

    def sizeHint(self) -> QSize:
        return QSize(312, 300)

    def _show(self) -> None:
        result = self._controller.current_result()
        self._export.setEnabled(result is not None)
        if isinstance(result, Detections):
            self._summary.setText(self.tr("{count} found").format(count=len(result)))
            self.table.set_detections(result)
            self._stack.setCurrentWidget(self.table)
            return
        self.table.set_detections(None)
        if isinstance(result, Labels):
            named = self.tr("unknown") if result.unknown else result.label(0)
            self._summary.setText(named)
            self.guesses.set_labels(result)
            self._stack.setCurrentWidget(self.guesses)
            return
        self._summary.setText("")
        self._facts.setText(self._describe(result))
        self._stack.setCurrentWidget(self._facts)

    def _describe(self, result: Any) -> str:
        if isinstance(result, Spectrogram):
            resolution = result.rate_hz / result.window
            lines = (
                self.tr("Duration {secs} s").format(secs=f"{result.duration_secs:.2f}"),
                self.tr("{rate} samples per second").format(rate=f"{result.rate_hz:,}"),
                self.tr("{bins} bands of {hz} Hz").format(bins=result.levels.shape[0], hz=f"{resolution:.1f}"),
                self.tr("{columns} columns, one each {ms} ms").format(
                    columns=f"{result.levels.shape[1]:,}", ms=f"{result.hop / result.rate_hz * 1000:.1f}"
                ),
            )
            return "\n".join(lines)
        if isinstance(result, Picture):
            sharp = f"{result.mask.mean():.0%}" if result.mask is not None else "—"
            return self.tr("{share} of the visible part is in focus.").format(share=sharp)
        return self.tr("Results appear here.")


PANELS.register(
    Panel(
        "results",
        "Results",
        Qt.DockWidgetArea.RightDockWidgetArea,
        ResultsPanel,
        order=20,
        shortcut="Ctrl+Alt+3",
        keywords=("table of boxes", "class probabilities", "결과"),
    )
)
