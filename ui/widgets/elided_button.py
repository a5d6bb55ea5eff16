"""A button with an icon that elides its text instead of requesting more width."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QPushButton, QSizePolicy, QStyle, QStyleOptionButton

LEAST_WIDTH = 64
ICON_GAP = 6


class ElidedButton(QPushButton):
    """Button that takes the available width; it wants that of its whole text."""

    def __init__(self, symbol: QIcon) -> None:
        super().__init__(symbol, "")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def minimumSizeHint(self) -> QSize:
        return QSize(LEAST_WIDTH, super().minimumSizeHint().height())

    def initStyleOption(self, option: QStyleOptionButton) -> None:
        super().initStyleOption(option)
        contents = self.style().subElementRect(QStyle.SubElement.SE_PushButtonContents, option, self)
        room = contents.width() - self.iconSize().width() - ICON_GAP
        option.text = option.fontMetrics.elidedText(self.text(), Qt.TextElideMode.ElideRight, room)
