"""The bar of controls that floats over the 3D view."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QToolButton, QWidget

from ui.base.icons import icon


class SpatialBar(QFrame):
    """Fit, standard views, projection, measuring, and the panel of the view.

    Signals
    -------
    fit, orthographic, settings : the button was clicked
    view : name of the standard view that was chosen
    measure : whether lengths and angles are to be measured
    """

    fit = Signal()
    view = Signal(str)
    orthographic = Signal()
    measure = Signal(bool)
    settings = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("canvas-bar")
        self._row = layout = QHBoxLayout(self)
        layout.setContentsMargins(4, 3, 4, 3)
        layout.setSpacing(2)
        self._button("scan", self.tr("Show all objects as large as fits (F)")).clicked.connect(self.fit)
        views = {
            "front": (self.tr("Front"), self.tr("Look from the front (1)")),
            "right": (self.tr("Right"), self.tr("Look from the right (3)")),
            "top": (self.tr("Top"), self.tr("Look from above (7)")),
        }
        for name, (title, text) in views.items():
            button = self._button("", text)
            button.setText(title)
            button.clicked.connect(lambda _, name=name: self.view.emit(name))
        self._projection = self._button("box", self.tr("Perspective or orthographic (5)"))
        self._projection.setCheckable(True)
        self._projection.clicked.connect(self.orthographic)
        self._measure = self._button("crosshair", self.tr("Measure lengths and angles between clicked points"))
        self._measure.setCheckable(True)
        self._measure.toggled.connect(self.measure)
        self._button("sliders-horizontal", self.tr("Objects and appearance of the 3D view")).clicked.connect(
            self.settings
        )

    def _button(self, name: str, text: str) -> QToolButton:
        button = QToolButton()
        if name:
            button.setIcon(icon(name))
        button.setToolTip(text)
        button.setAccessibleName(text)
        self._row.addWidget(button)
        return button

    def show_orthographic(self, orthographic: bool) -> None:
        self._projection.setChecked(orthographic)

    def show_measuring(self, measuring: bool) -> None:
        self._measure.setChecked(measuring)
