"""One line over the parameters that offers to look at a large picture in slices."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from cvstudio.analyses.instance import AnalysisInstance


class SlicesLine(QWidget):
    """The offer of slices; hidden where the picture is small, or they are used.

    Signals
    -------
    wanted : side of the slices in pixels
    """

    wanted = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._tile = 0
        self.text = QLabel()
        self.text.setObjectName("small")
        self.text.setWordWrap(True)
        self.button = QPushButton(self.tr("In slices"))
        self.button.setObjectName("slices-button")
        self.button.setToolTip(
            self.tr("Runs the model on overlapping parts of the picture, so that it finds small objects")
        )
        self.button.clicked.connect(lambda: self.wanted.emit(self._tile))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.text, 1)
        layout.addWidget(self.button)
        self.hide()

    def show_for(self, instance: AnalysisInstance | None) -> None:
        """Offer slices where `instance` is on a large picture and takes it whole."""
        if instance is None:
            self._tile = 0
            self.hide()
            return
        from cvstudio.analyses.slicing import megapixels_of, suggested_tile

        self._tile = suggested_tile(instance)
        self.setVisible(bool(self._tile))
        if self._tile:
            text = self.tr("This picture has {count} megapixels: analyse it in slices of {side} px?")
            self.text.setText(text.format(count=round(megapixels_of(instance)), side=self._tile))
            self.button.setToolTip(self.tr("Finds smaller objects, and takes longer. “Slices” below undoes it."))
