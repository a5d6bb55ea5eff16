"""Tabs of pages that become a list where they have no room."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QStackedWidget, QTabBar, QWidget

from ui.widgets.elided_combo import ElidedCombo

LEAST_WIDTH = 120


class PageTabs(QStackedWidget):
    """A tab bar as long as it has room for all of its tabs, else a combo box with the same titles.

    A tab bar that scrolls would show a few of many tabs, and not tell the names of the others.

    Parameters
    ----------
    name : accessible name

    Signals
    -------
    turned : index of the page that was chosen
    """

    turned = Signal(int)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.bar = QTabBar()
        self.bar.setDrawBase(False)
        self.bar.setExpanding(False)
        self.list = ElidedCombo()
        for index, widget in enumerate((self.bar, self.list)):
            widget.setAccessibleName(name)
            widget.setToolTip(name)
            self.insertWidget(index, widget)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.bar.currentChanged.connect(self.list.setCurrentIndex)
        self.list.currentIndexChanged.connect(self.bar.setCurrentIndex)
        self.bar.currentChanged.connect(self.turned)

    def add(self, title: str, tip: str) -> None:
        """Add a tab; the first one is the current one."""
        self.bar.setTabToolTip(self.bar.addTab(title), tip)
        self.list.addItem(title)
        self.list.setItemData(self.list.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self._choose()

    def page(self) -> int:
        """Index of the current page; -1 without any."""
        return self.bar.currentIndex()

    def turn(self, index: int) -> None:
        """Turn to a page."""
        self.bar.setCurrentIndex(index)

    @property
    def folded(self) -> bool:
        """Whether the list stands in place of the tabs."""
        return self.currentWidget() is self.list

    def sizeHint(self) -> QSize:
        return QSize(self._room(), max(self.bar.sizeHint().height(), self.list.sizeHint().height()))

    def minimumSizeHint(self) -> QSize:
        return QSize(LEAST_WIDTH, self.sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._choose()

    def _room(self) -> int:
        """Width in pixels that all tabs need; the bar's own hint ends where it would scroll."""
        return max((self.bar.tabRect(index).right() + 1 for index in range(self.bar.count())), default=0)

    def _choose(self) -> None:
        had_focus = any(widget.hasFocus() for widget in (self.bar, self.list))
        self.setCurrentWidget(self.bar if self._room() <= self.width() else self.list)
        current: QWidget | None = self.currentWidget()
        if had_focus and current is not None:
            current.setFocus()
