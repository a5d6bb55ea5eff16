"""View of the spectrogram of a sound with the player's position."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QStackedLayout, QWidget

from cvstudio.results.separation import Separation
from cvstudio.results.spectrogram import Spectrogram
from ui.widgets.empty_state import EmptyState

if TYPE_CHECKING:
    from ui.views.spectrogram_plot import SpectrogramPlot


class SpectrogramView(QWidget):
    """View that creates its plot with the first spectrogram: loading pyqtgraph takes a third of a second.

    Signals
    -------
    seek_requested : seconds
    hovered : seconds, Hz, dB (NaN where nothing is computed yet)
    left : the cursor left the plot
    """

    seek_requested = Signal(float)
    hovered = Signal(float, float, float)
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Spectrogram"))
        self.setMinimumHeight(120)
        self.plot: SpectrogramPlot | None = None
        self._colour_map = "viridis"
        self._position = 0.0
        self._stack = QStackedLayout(self)
        self._stack.addWidget(EmptyState("audio-lines", self.tr("The spectrogram of the sound appears here.")))

    def show_result(self, result: Spectrogram | Separation) -> None:
        """Show a spectrogram, a longer part of one being computed, or separated stems."""
        if self.plot is None:
            self.plot = self._make()
        self._stack.setCurrentWidget(self.plot)
        self.plot.show_result(result)

    def _make(self) -> SpectrogramPlot:
        from ui.views.spectrogram_plot import SpectrogramPlot

        plot = SpectrogramPlot()
        plot.seek_requested.connect(self.seek_requested)
        plot.hovered.connect(self.hovered)
        plot.left.connect(self.left)
        plot.set_colour_map(self._colour_map)
        plot.set_position(self._position)
        self._stack.addWidget(plot)
        return plot

    def clear(self) -> None:
        """Show the view without a spectrogram."""
        self._stack.setCurrentIndex(0)
        if self.plot is not None:
            self.plot.forget()

    def set_colour_map(self, name: str) -> None:
        """Set the colour map, a `Look.colour_map`."""
        self._colour_map = name
        if self.plot is not None:
            self.plot.set_colour_map(name)

    def set_position(self, secs: float) -> None:
        """Set the player's position in seconds."""
        self._position = secs
        if self.plot is not None:
            self.plot.set_position(secs)
