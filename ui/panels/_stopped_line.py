"""One line over a result that says that it was stopped before its end, and lets it go on."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget


class StoppedLine(QWidget):
    """Hidden until the user has stopped what computes the result.

    Signals
    -------
    wanted : it is to go on
    """

    wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.text = QLabel()
        self.text.setObjectName("message")
        self.text.setWordWrap(True)
        self.button = QPushButton(self.tr("Go on"))
        self.button.setObjectName("go-on-button")
        self.button.setToolTip(self.tr("Computes the rest, and keeps what is shown"))
        self.button.clicked.connect(self.wanted)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.text, 1)
        layout.addWidget(self.button)
        self.hide()

    def show_for(self, stopped: bool, begun: bool) -> None:
        """Tell that a result was `stopped`, of which something is there where it has `begun`."""
        self.text.setText(
            self.tr("Stopped. This is what was found by then.")
            if begun
            else self.tr("Stopped before there was a result.")
        )
        self.setVisible(stopped)
