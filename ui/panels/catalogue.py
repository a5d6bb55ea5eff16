"""The panel of the model catalogue; a window of its own until it is docked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QStackedLayout, QWidget

from ui.panels import PANELS
from ui.panels.base import Panel, PanelContext

if TYPE_CHECKING:
    from ui.models.catalogue.content import CatalogueContent


class CataloguePanel(QWidget):
    """Makes its content when first shown, so that the window does not wait for it."""

    def __init__(self, context: PanelContext) -> None:
        super().__init__()
        self.setObjectName("catalogue-panel")
        self._context = context
        self._stack = QStackedLayout(self)
        self.content: CatalogueContent | None = None

    def sizeHint(self) -> QSize:
        return QSize(1180, 680)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self.content is None:
            from ui.models.catalogue.content import CatalogueContent

            context = self._context
            self.content = CatalogueContent(context.controller, context.settings, context.canvas)
            self._stack.addWidget(self.content)
            self.setFocusProxy(self.content.search)
        else:
            self.content.reload()

    def show_task(self, task: str) -> None:
        """Show the models of a task; all of them for ""."""
        if self.content is not None:
            self.content.show_task(task)


PANELS.register(
    Panel(
        "catalogue",
        "All models",
        Qt.DockWidgetArea.BottomDockWidgetArea,
        CataloguePanel,
        order=70,
        shortcut="Ctrl+Alt+M",
        shown=False,
        floats=True,
        keywords=(
            *("model catalogue", "model zoo", "catalog", "all networks", "choose a model", "compare networks"),
            *("accuracy against cost", "summary chart", "FLOPs", "MACs", "parameters", "receptive field", "layers of"),
            *("architecture", "모델 목록", "수용 영역", "연산량"),
        ),
        icon="box",
    )
)
