"""Badge: a framed word that must not be overlooked."""

from __future__ import annotations

from PySide6.QtWidgets import QLabel, QSizePolicy


class Badge(QLabel):
    """A short text with a hairline frame, in the colour of warnings; `explained` is its tooltip."""

    def __init__(self, text: str, explained: str = "") -> None:
        super().__init__(text)
        self.setObjectName("badge")
        self.setToolTip(explained)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
