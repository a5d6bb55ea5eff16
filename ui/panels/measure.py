"""The measure panel: a model's predictions against labels, in figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QCloseEvent, QShowEvent
from PySide6.QtWidgets import QStackedLayout, QWidget

from ui.panels import PANELS
from ui.panels.base import Panel, PanelContext

if TYPE_CHECKING:
    from ui.panels._measure.content import MeasureContent


class MeasurePanel(QWidget):
    """Makes its content when first shown: most windows measure nothing."""

    def __init__(self, context: PanelContext) -> None:
        super().__init__()
        self.setObjectName("measure-panel")
        self._context = context
        self._stack = QStackedLayout(self)
        self.content: MeasureContent | None = None

    def sizeHint(self) -> QSize:
        return QSize(820, 340)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.make()

    def make(self) -> MeasureContent:
        """Make the content where it is missing, and return it."""
        if self.content is None:
            from ui.panels._measure.content import MeasureContent

            self.content = MeasureContent(self._context.controller, self._context.settings)
            self._stack.addWidget(self.content)
        return self.content

    def closeEvent(self, event: QCloseEvent) -> None:
        if self.content is not None:
            self.content.end()
        super().closeEvent(event)


PANELS.register(
    Panel(
        "measure",
        "Measure",
        Qt.DockWidgetArea.BottomDockWidgetArea,
        MeasurePanel,
        order=63,
        tabbed_with="counts",
        shortcut="Ctrl+Alt+E",
        shown=False,
        keywords=(
            *(
                "evaluate",
                "evaluation",
                "metrics",
                "accuracy",
                "average precision",
                "mAP",
                "AP50",
                "AR",
                "COCO metrics",
            ),
            *("precision", "recall", "precision-recall curve", "F1", "confusion matrix", "mIoU", "pixel accuracy"),
            *("panoptic quality", "PQ", "top-1", "top-5", "calibration", "ECE", "reliability diagram", "TIDE"),
            *("ground truth", "error analysis", "worst pictures", "false positives", "false negatives", "OKS"),
            *("측정", "평가", "정확도", "정밀도", "재현율", "평균 정밀도", "혼동 행렬", "오류 분석", "보정", "정답"),
        ),
        icon="gauge",
    )
)
