"""View of a heat map: its target, and the scale of its colours."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from cvstudio.draw.spectrogram import colour_lut
from cvstudio.results.heat_map import HeatMap
from ui.base import theme
from ui.views.results.registry import RESULT_VIEWS, ResultViewSpec

BAR_HEIGHT = 10


class ColourScale(QWidget):
    """Colour bar from dark to bright with the values of its ends."""

    def __init__(self) -> None:
        super().__init__()
        self._low, self._high, self._map = 0.0, 1.0, "viridis"
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_scale(self, low: float, high: float, colour_map: str) -> None:
        self._low, self._high, self._map = low, high, colour_map
        self.setAccessibleName(" – ".join(self.texts()))
        self.update()

    def texts(self) -> tuple[str, str]:
        """The values of both ends as texts."""
        return f"{self._low:.3g}", f"{self._high:.3g}"

    def sizeHint(self) -> QSize:
        return QSize(160, BAR_HEIGHT + 4 + self.fontMetrics().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        ramp = np.ascontiguousarray(colour_lut(self._map)[None])
        image = QImage(ramp.data, 256, 1, 768, QImage.Format.Format_RGB888)
        painter.drawImage(QRectF(0, 0, self.width(), BAR_HEIGHT), image)
        painter.setPen(theme.colour("quiet"))
        text_rect = self.rect().adjusted(0, BAR_HEIGHT + 4, 0, 0)
        low, high = self.texts()
        painter.drawText(text_rect, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop), low)
        painter.drawText(text_rect, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop), high)


class HeatView(QWidget):
    """Description of a heat map, and its colour scale."""

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

    def show_result(self, result: HeatMap, pointed: int | None) -> str:
        self.about.setText(self.tr("{about}; brighter is stronger evidence").format(about=result.about))
        self.scale.set_scale(result.low, result.high, self.colour_map)
        has_probability = bool(np.isfinite(result.probability))
        return f"{result.label} {result.probability:.1%}" if has_probability else result.label


RESULT_VIEWS.register(ResultViewSpec(HeatMap, HeatView))
