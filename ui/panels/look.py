"""The look panel: drawing options of results, on screen and in files."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QScrollArea, QVBoxLayout, QWidget

from cvstudio.foundation.params import fields_of, values_of
from cvstudio.session.session import State
from ui.panels import PANELS
from ui.panels.base import Panel, PanelContext
from ui.widgets.param_form import ParamForm


class LookPanel(QScrollArea):
    """A form of the fields of `Look`."""

    def __init__(self, context: PanelContext) -> None:
        super().__init__()
        controller = self._controller = context.controller
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        body = QWidget()
        layout = QVBoxLayout(body)
        layout.setContentsMargins(12, 12, 12, 12)
        self.form = ParamForm()
        self.form.edited.connect(lambda name, value, dragging: controller.set_look(name, value, dragging=dragging))
        self.form.released.connect(lambda _: controller.end_drag())
        layout.addWidget(self.form)
        layout.addStretch(1)
        self.setWidget(body)
        controller.state_changed.connect(self._changed)
        self._show()

    def sizeHint(self) -> QSize:
        return QSize(312, 260)

    def _changed(self, old: State, new: State) -> None:
        if old.look != new.look:
            self._show()

    def _show(self) -> None:
        from cvstudio.draw import Look

        # The exposure has a bar of its own on the canvas, for pictures in linear light.
        fields = tuple(field for field in fields_of(Look) if field.name != "exposure")
        self.form.set_fields(fields, values_of(self._controller.look()))


PANELS.register(
    Panel(
        "look",
        "Appearance",
        Qt.DockWidgetArea.RightDockWidgetArea,
        LookPanel,
        order=30,
        shortcut="Ctrl+Alt+6",
        shown=False,
        keywords=("appearance", "line width", "labels", "colour map", "colormap", "viridis", "mask opacity", "모양"),
        icon="shapes",
    )
)
