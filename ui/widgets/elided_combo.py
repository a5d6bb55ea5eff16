"""A combo box that elides its text."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPaintEvent, QPalette
from PySide6.QtWidgets import QComboBox

GAP = 4
"""Pixels between an icon and the text."""
AROUND = 64
"""Maximum width in pixels of icon, arrow and margins: a text that fits beside them need not be measured exactly."""


class ElidedCombo(QComboBox):
    """Combo box whose text ends in an ellipsis where it is too long; a style sheet would cut it within a letter."""

    def shown_text(self) -> str:
        """The current text, or the placeholder while nothing is selected, elided to the width of the box."""
        # Imported late: QStyle has hundreds of names, which the first paint of the window does not need.
        from PySide6.QtWidgets import QStyle, QStyleOptionComboBox

        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        field = QStyle.SubControl.SC_ComboBoxEditField
        width = self.style().subControlRect(QStyle.ComplexControl.CC_ComboBox, option, field, self).width()
        if not option.currentIcon.isNull():
            width -= option.iconSize.width() + GAP
        return self.fontMetrics().elidedText(self._text(), Qt.TextElideMode.ElideRight, width)

    def _text(self) -> str:
        return self.currentText() if self.currentIndex() >= 0 else self.placeholderText()

    def minimumSizeHint(self) -> QSize:
        """Room for `minimumContentsLength` letters; a placeholder is elided like any other text."""
        hint = super().minimumSizeHint()
        letters = self.minimumContentsLength()
        if letters:
            hint.setWidth(min(hint.width(), letters * self.fontMetrics().horizontalAdvance("X") + AROUND))
        return hint

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
