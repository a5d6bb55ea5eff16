"""The bar of controls that floats over the canvas."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QWidget

from ui.base.icons import icon


class CanvasBar(QFrame):
    """Bar with zoom display, fit, 100%, compare (while held down) and overlay toggle.

    Signals
    -------
    fit, actual_size : the button was clicked
    compare : True while the button is held down
    overlay : the user toggled the overlay
    """

    fit = Signal()
    actual_size = Signal()
    compare = Signal(bool)
    overlay = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("canvas-bar")
        self._row = layout = QHBoxLayout(self)
        layout.setContentsMargins(4, 3, 4, 3)
        layout.setSpacing(2)
        self._zoom = QLabel()
        self._zoom.setAccessibleName(self.tr("Zoom"))
        self._zoom.setMinimumWidth(self._zoom.fontMetrics().horizontalAdvance("6400%") + 8)
        layout.addWidget(self._zoom)
        fit = self._button("scan", self.tr("Fit (Ctrl+F)"))
        fit.clicked.connect(self.fit)
        full = self._button("", self.tr("One image pixel per screen pixel, 100% (Ctrl+1)"))
        full.setText("1:1")
        full.clicked.connect(self.actual_size)
        compare = self._button("square-split-horizontal", self.tr("Hold to see the original (or hold C)"))
        compare.pressed.connect(lambda: self.compare.emit(True))
        compare.released.connect(lambda: self.compare.emit(False))
        self._overlay = self._button("eye", self.tr("Show or hide results (V; hold V to peek)"))
        self._overlay.clicked.connect(self.overlay)

    def _button(self, name: str, text: str) -> QToolButton:
        button = QToolButton()
        if name:
            button.setIcon(icon(name))
        button.setToolTip(text)
        button.setAccessibleName(text)
        self._row.addWidget(button)
        return button

    def show_zoom(self, percent: float) -> None:
        self._zoom.setText(f"{percent:.1f}%" if percent < 9.95 else f"{percent:.0f}%")

    def show_overlay_state(self, shown: bool) -> None:
        self._overlay.setIcon(icon("eye" if shown else "eye-off"))
