"""Empty state of an area: an icon, a sentence and one button."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from ui.widgets.icon_label import IconLabel


class EmptyState(QWidget):
    """Placeholder of an area without content.

    Parameters
    ----------
    icon_name : of the icon
    text : sentence below it
    action : title of the button; "" omits it

    Signals
    -------
    triggered : the user pressed the button
    """

    triggered = Signal()

    def __init__(self, icon_name: str, text: str, action: str = "") -> None:
        super().__init__()
        self.setAccessibleName(text)
        self._text = QLabel(text)
        self._text.setObjectName("empty-text")
        self._text.setWordWrap(True)
        self._text.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._text.setMaximumWidth(320)
        centre = Qt.AlignmentFlag.AlignHCenter
        layout = self._layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(12)
        layout.addStretch(2)
        layout.addWidget(IconLabel(icon_name, 32), 0, centre)
        # Stretches, as an alignment would give a wrapping text its minimum width.
        line = QHBoxLayout()
        line.addStretch(1)
        line.addWidget(self._text, 100)
        line.addStretch(1)
        layout.addLayout(line)
        if action:
            button = QPushButton(action)
            button.setToolTip(text)
            button.clicked.connect(self.triggered)
            layout.addWidget(button, 0, centre)
        layout.addStretch(3)

    def add_button(self, button: QPushButton) -> None:
        """Add a further button below the others."""
        self._layout.insertWidget(self._layout.count() - 1, button, 0, Qt.AlignmentFlag.AlignHCenter)

    def set_text(self, text: str) -> None:
        """Change the sentence."""
        self._text.setText(text)
        self.setAccessibleName(text)
