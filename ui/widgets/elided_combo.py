"""A combo box that says with an ellipsis that its text goes on."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QPaintEvent, QPalette
from PySide6.QtWidgets import QComboBox

GAP = 4
"""Pixels between an icon and the text."""
AROUND = 64
"""Pixels that icon, arrow and margins take at most: a text that fits beside them needs no closer look."""


class ElidedCombo(QComboBox):
    """A style sheet would cut the text off in the middle of a letter."""

    def shown_text(self) -> str:
        """What there is room for of the chosen text, or of what stands there while nothing is chosen."""
        # QStyle's many names are only looked up where they are needed: the window's first picture is not.
        from PySide6.QtWidgets import QStyle, QStyleOptionComboBox

        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        place = QStyle.SubControl.SC_ComboBoxEditField
        room = self.style().subControlRect(QStyle.ComplexControl.CC_ComboBox, option, place, self).width()
        if not option.currentIcon.isNull():
            room -= option.iconSize.width() + GAP
        return self.fontMetrics().elidedText(self._text(), Qt.TextElideMode.ElideRight, room)

    def _text(self) -> str:
        return self.currentText() if self.currentIndex() >= 0 else self.placeholderText()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.fontMetrics().horizontalAdvance(self._text()) + AROUND <= self.width():
            super().paintEvent(event)
            return
        from PySide6.QtWidgets import QStyle, QStyleOptionComboBox, QStylePainter

        painter = QStylePainter(self)
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        if self.currentIndex() < 0:
            option.palette.setBrush(QPalette.ColorRole.ButtonText, option.palette.placeholderText())
        option.currentText = self.shown_text()
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
        painter.end()
