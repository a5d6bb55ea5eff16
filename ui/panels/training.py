"""The panel of training runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QCloseEvent, QShowEvent
from PySide6.QtWidgets import QStackedLayout, QWidget

from ui.panels import PANELS
from ui.panels.base import Panel, PanelContext

if TYPE_CHECKING:
    from ui.training.content import TrainingContent


class TrainingPanel(QWidget):
    """Makes its content when first shown: most windows never train."""

    def __init__(self, context: PanelContext) -> None:
        super().__init__()
        self.setObjectName("training-panel")
        self._context = context
        self._stack = QStackedLayout(self)
        self.content: TrainingContent | None = None

    def sizeHint(self) -> QSize:
        return QSize(640, 320)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self.content is None:
            from ui.training.content import TrainingContent

            self.content = TrainingContent(self._context.controller, self._context.settings)
            self._stack.addWidget(self.content)

    def closeEvent(self, event: QCloseEvent) -> None:
        if self.content is not None:
            self.content.end()
        super().closeEvent(event)


PANELS.register(
    Panel(
        "training",
        "Training",
        Qt.DockWidgetArea.BottomDockWidgetArea,
        TrainingPanel,
        order=61,
        tabbed_with="counts",
        shortcut="Ctrl+Alt+5",
        shown=False,
        keywords=(
            "train a model",
            "learning curve",
            "loss curve",
            "epoch",
            "data augmentation",
            "transfer learning",
            "fine-tuning",
            "knowledge distillation",
            "self-training",
            "pseudo-labels",
            "mixup",
            "EMA",
            "학습",
            "전이 학습",
            "지식 증류",
            "데이터 증강",
        ),
        icon="activity",
    )
)
