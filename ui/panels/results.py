"""The results of the current analysis as a table or in numbers, and their export."""

from __future__ import annotations

import html
from typing import Any

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from cvstudio.landmarks import Landmarks
from cvstudio.params import fields_of
from cvstudio.results import Detections, Picture, Spectrogram
from cvstudio.segmentation import Segmentation
from ui.icons import icon
from ui.panels import PANELS
from ui.panels.base import Panel, PanelContext
from ui.stepping import step
from ui.views.result_views import VIEWS
from ui.views.results_table import ResultsTable
from ui.widgets.elided_label import ElidedLabel
from ui.widgets.empty_state import EmptyState

TABLE_DELAY_MS = 60


class ResultsPanel(QWidget):
    """Table and canvas are linked both ways by the ids of the results."""

    def __init__(self, context: PanelContext) -> None:
        super().__init__()
        controller = self._controller = context.controller
        self._summary = ElidedLabel()
        self._summary.setTextFormat(Qt.TextFormat.PlainText)
        self._export = QPushButton(icon("share"), self.tr("Export …"))
        self._export.setObjectName("export-button")
        self._export.clicked.connect(context.requests.export)
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
        self.empty = EmptyState("list", self.tr("What an analysis finds is listed here."))
        self._stack.addWidget(self.empty)
        self._views: dict[type[Any], QWidget] = {}
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
        controller.state_changed.connect(lambda old, new: self._show_pointed())
        controller.emphasis_changed.connect(self._show_pointed)
        self._show()

    def sizeHint(self) -> QSize:
        return QSize(312, 300)

    def _nothing_found(self) -> str:
        """What to try; a score that hides nothing cannot be lowered."""
        instance = self._controller.session.state.instance
        if instance is not None:
            for field in (field for params in instance.params() for field in fields_of(type(params))):
                bounds = instance.spec.bounds(field.range, instance.model_spec)
                if field.name == "score" and bounds is not None and instance.value("score") <= bounds.low:
                    return self.tr("Nothing found, though no score hides anything. Try another model.")
        return self.tr("Nothing found. Lower the score to see more.")

    def _show(self) -> None:
        result = self._controller.current_result()
        self._export.setEnabled(result is not None)
        if isinstance(result, Detections):
            self._summary.setText(self.tr("{count} found").format(count=len(result)))
            if not len(result):
                self.table.set_empty_text(self._nothing_found())
            self.table.set_detections(result)
            self._stack.setCurrentWidget(self.table)
            return
        self.table.set_detections(None)
        if result is None:
            self._summary.clear()
            self._stack.setCurrentWidget(self.empty)
            return
        if type(result) in VIEWS:
            self._show_in_view(result)
            return
        self._summary.setText(self._summarise(result))
        self._facts.setText(self._describe(result))
        self._stack.setCurrentWidget(self._facts)

    def _summarise(self, result: Any) -> str:
        if isinstance(result, Landmarks):
            return self.tr("{count} points").format(count=int(result.believed().sum()))
        if isinstance(result, Segmentation):
            return self.tr("{count} classes").format(count=len(result.shares()))
        return ""

    def _show_in_view(self, result: Any) -> None:
        kind = type(result)
        if kind not in self._views:
            self._views[kind] = VIEWS[kind]()
            self._stack.addWidget(self._views[kind])
            self._listen(self._views[kind])
        view: Any = self._views[kind]
        chosen = self._controller.session.state.selection
        hovered = self._controller.hovered_id
        pointed = hovered if hovered is not None or len(chosen) != 1 else next(iter(chosen))
        if hasattr(view, "colour_map"):
            view.colour_map = self._controller.look().colour_map
        self._summary.setText(view.show_result(result, pointed))
        self._stack.setCurrentWidget(view)

    def _listen(self, view: Any) -> None:
        """Do what the user wants in a view."""
        if hasattr(view, "stepped"):
            view.stepped.connect(lambda steps: step(self._controller, steps))
        if hasattr(view, "selected"):
            view.selected.connect(lambda ids: self._controller.select(frozenset(ids)))
        if hasattr(view, "hovered"):
            view.hovered.connect(self._controller.hover)
        if hasattr(view, "open_requested"):
            view.open_requested.connect(lambda path: self._controller.open_paths([path]))

    def _show_pointed(self) -> None:
        if type(self._controller.current_result()) in VIEWS:
            self._soon.start()

    def _describe(self, result: Any) -> str:
        if isinstance(result, Landmarks):
            return "\n".join(point_lines(result))
        if isinstance(result, Segmentation):
            return legend(result)
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
        return ""


def legend(result: Segmentation) -> str:
    """One line of rich text for each class: the colour in which it is drawn, its name, its share of the picture."""
    from cvstudio.draw.palette import class_colour

    lines = []
    for number, share in result.shares():
        name = result.labels[number]
        colour = "transparent" if number == result.background else QColor(*class_colour(name)).name()
        dot = f'<span style="color: {colour}">\u25a0</span>'
        lines.append(f"{dot} {html.escape(name)}&nbsp;&nbsp; {share:.1%}")
    return "<br>".join(lines)


def point_lines(result: Landmarks) -> list[str]:
    """One line for each point of the first things: name, place in pixels, score; quiet ones are left out."""
    believed = result.believed()
    return [
        f"{name}   {result.points[row, index, 0]:.0f}, {result.points[row, index, 1]:.0f}   "
        f"{result.scores[row, index]:.2f}"
        for row in range(min(len(result), 3))
        for index, name in enumerate(result.labels)
        if believed[row, index]
    ]


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
