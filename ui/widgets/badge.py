"""What must not be overlooked, as one framed word."""

from __future__ import annotations

from PySide6.QtWidgets import QLabel, QSizePolicy


class Badge(QLabel):
    """A short text in the colour of warnings, with a hairline around it."""

    def __init__(self, text: str, explained: str = "") -> None:
        super().__init__(text)
        self.setObjectName("badge")
        self.setToolTip(explained)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
