"""A button that shows a value and opens a menu of others."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QPaintEvent, QPalette
from PySide6.QtWidgets import QPushButton

INDENT = 9
"""Pixels before the text, as in a combo box."""
INDICATOR = 24
"""Pixels that the arrow takes at the right end."""


class MenuButton(QPushButton):
    """Button with a menu whose text begins where that of a combo box does.

    Qt ignores the padding of a style sheet before a text that is aligned to the left in a button with a menu.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("value-button")

    def paintEvent(self, event: QPaintEvent) -> None:
        # Imported late: QStyle has hundreds of names, which the first paint of the window does not need.
        from PySide6.QtWidgets import QStyle, QStyleOptionButton, QStylePainter

        painter = QStylePainter(self)
        option = QStyleOptionButton()
        self.initStyleOption(option)
        text, option.text = option.text, ""
        painter.drawControl(QStyle.ControlElement.CE_PushButton, option)
        flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextHideMnemonic
        place = self.rect().adjusted(INDENT, 0, -INDICATOR, 0)
        role = QPalette.ColorRole.ButtonText
        painter.drawItemText(place, int(flags), option.palette, self.isEnabled(), text, role)
        painter.end()
