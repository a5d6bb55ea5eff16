"""View of depth: how it was found, and the scale of its colours."""

from __future__ import annotations

from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from cvstudio.results.spatial.depth import Depth
from ui.views.results.heat_map import ColourScale
from ui.views.results.registry import RESULT_VIEWS, ResultViewSpec


class DepthLegend(QWidget):
    """Description of depth, and its colour scale from the farthest to the nearest."""

    def __init__(self) -> None:
        super().__init__()
        self.about = QLabel()
        self.about.setObjectName("quiet")
        self.about.setWordWrap(True)
        self.scale = ColourScale()
        self.colour_map = "viridis"
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.about)
        layout.addWidget(self.scale)
        layout.addStretch(1)

    def show_result(self, result: Depth, pointed: int | None) -> str:
        text = self.tr("{about}; brighter is nearer, black is not known. In {unit}.")
        unit = {"m": self.tr("metres"), "mm": self.tr("millimetres"), "px": self.tr("pixels of disparity")}
        named = unit.get(result.map.unit, self.tr("no unit"))
        self.about.setText(text.format(about=result.about, unit=named))
        self.scale.set_scale(*result.ends, self.colour_map)
        return result.headline()


RESULT_VIEWS.register(ResultViewSpec(Depth, DepthLegend))
