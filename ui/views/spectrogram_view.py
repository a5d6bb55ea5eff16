"""View of a sound: its wave, its spectrogram and the spectrum of a stretch, with the player's position."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSplitter, QStackedLayout, QToolButton, QVBoxLayout, QWidget

from cvstudio.results.separation import Separation
from cvstudio.results.sound.cepstrum import Cepstrum
from cvstudio.results.sound.power_spectrum import PowerSpectrum
from cvstudio.results.sound.wave_envelope import WaveEnvelope
from cvstudio.results.spectrogram import Spectrogram
from ui.base.icons import icon
from ui.widgets.empty_state import EmptyState

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cvstudio.data.sound.spectra import Spectrum
    from cvstudio.data.sound.wave_pyramid import WavePyramid
    from ui.views.sound.legend import ColourLegend
    from ui.views.sound.spectrum_plot import SpectrumPlot
    from ui.views.sound.stretch import Stretch
    from ui.views.sound.wave_plot import WavePlot
    from ui.views.spectrogram_plot import SpectrogramPlot

HeatResult = Spectrogram | Separation | Cepstrum
SHOWN = (Spectrogram, Separation, Cepstrum, WaveEnvelope, PowerSpectrum)
"""Types of results that the view shows."""

ROOM_FOR_WAVE, ROOM_FOR_SPECTRUM = 230, 330
"""Heights of the view in pixels from which these panes have room beside the spectrogram."""

WINDOWS_IN_VIEW = 8
"""Widths of a window that the view is zoomed to where one is to be seen sliding."""


class SpectrogramView(QWidget):
    """View that creates its plots with the first sound: loading pyqtgraph takes a third of a second.

    Signals
    -------
    seek_requested : seconds
    told : text for the status line; empty where the cursor left
    stretch_changed : (begin, end) in seconds of the stretch between A and B, or None
    samples_wanted : first, last sample that the wave shows one by one
    panes_changed : a pane was shown or hidden
    """

    seek_requested = Signal(float)
    told = Signal(str)
    stretch_changed = Signal(object)
    samples_wanted = Signal(int, int)
    panes_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Spectrogram"))
        self.setMinimumHeight(120)
        self.plot: SpectrogramPlot | None = None
        self.wave: WavePlot
        self.spectrum: SpectrumPlot
        self.legend: ColourLegend
        self.stretch: Stretch
        self._colour_map = "viridis"
        self._position = 0.0
        self._result: Any = None
        self._wave_alone = False
        self._chosen_before: tuple[float, float] | None = None  # the stretch in whose place a window slides
        self._stack = QStackedLayout(self)
        self._stack.addWidget(EmptyState("audio-lines", self.tr("The spectrogram of the sound appears here.")))

    # What is shown --------------------------------------------------------------------------------------------------

    def show_result(self, result: HeatResult | WaveEnvelope | PowerSpectrum) -> None:
        """Show a spectrogram, stems, coefficients, a waveform or a spectrum, or a longer part of one being computed."""
        plot = self._ready()
        self._result, self._wave_alone = result, False
        if isinstance(result, WaveEnvelope):
            self.show_pyramid(result.pyramid)
        elif isinstance(result, PowerSpectrum):
            self.spectrum.set_look(result.axis, result.floor_db)
            self.show_spectrum(result.spectrum, self._stretch_words(result.start_secs, result.stop_secs))
        else:
            plot.show_result(result)
            content = plot.content
            assert content is not None
            self.legend.set_levels(content.levels_db)
            self.stretch.set_limit(content.duration_secs)
            if isinstance(result, Spectrogram):
                self.spectrum.set_look(result.axis, result.show_low_db)
        self._arrange()

    def show_wave_alone(self) -> None:
        """Show the wave of the sound, as no result is there or to come: none is visible, or it lacks an input."""
        self._result, self._wave_alone = None, True
        self._arrange()

    def show_pyramid(self, pyramid: WavePyramid) -> None:
        """Show the wave of the sound, as far as it is read."""
        self._ready()
        fresh = self.wave.pyramid is None
        self.wave.show_pyramid(pyramid)
        secs = pyramid.n_samples / pyramid.rate_hz
        self.stretch.set_limit(secs)
        if self._result is None or isinstance(self._result, WaveEnvelope | PowerSpectrum):
            # No spectrogram limits the times.
            self.wave.box.setLimits(xMin=0, xMax=secs, minXRange=min(0.002, secs))
            assert self.plot is not None
            self.plot.box.setLimits(xMin=0, xMax=secs, minXRange=min(0.002, secs))
            if fresh:
                self.show_all()
                self._arrange()

    def show_samples(self, first: int, samples: NDArray[Any]) -> None:
        """Take samples that `samples_wanted` asked for."""
        if self.plot is not None:
            self.wave.show_samples(first, samples)

    def show_spectrum(self, spectrum: Spectrum, words: str) -> None:
        """Show the spectrum of a stretch, which `words` describe."""
        if self.plot is not None:
            self.spectrum.show_spectrum(spectrum)
            self._spectrum_words.setText(words)

    def _ready(self) -> SpectrogramPlot:
        if self.plot is None:
            self.plot = self._make()
        self._stack.setCurrentIndex(1)
        return self.plot

    def _make(self) -> SpectrogramPlot:
        from ui.views.sound.legend import WIDTH, ColourLegend
        from ui.views.sound.spectrum_plot import SpectrumPlot
        from ui.views.sound.stretch import Stretch
        from ui.views.sound.wave_plot import WavePlot
        from ui.views.spectrogram_plot import SpectrogramPlot

        plot = SpectrogramPlot()
        plot.seek_requested.connect(self.seek_requested)
        plot.told.connect(self.told)
        plot.set_colour_map(self._colour_map)
        plot.set_position(self._position)
        self.wave = WavePlot()
        self.wave.seek_requested.connect(self.seek_requested)
        self.wave.told.connect(self.told)
        self.wave.stretched.connect(self._stretched)
        self.wave.samples_wanted.connect(self.samples_wanted)
        self.wave.all_wanted.connect(self.show_all)
        self.wave.set_position(self._position)
        # Zoomed and moved together.
        self.wave.setXLink(plot)
        self.spectrum = SpectrumPlot()
        self.spectrum.told.connect(self.told)
        self.stretch = Stretch((self.wave, plot), self)
        self.stretch.changed.connect(lambda begin, end: self._stretched(begin, end))
        self.legend = ColourLegend()
        self.legend.set_colour_map(self._colour_map)
        self._spectrum_words = QLabel()
        self._spectrum_words.setObjectName("quiet")
        body = QWidget()
        layout = QVBoxLayout(body)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(self._make_bar())
        self.panes = QSplitter(Qt.Orientation.Vertical)
        self.panes.setChildrenCollapsible(False)
        self._wave_pane = _beside(self.wave, _space(WIDTH))
        self._heat_pane = _beside(plot, self.legend)
        self._spectrum_pane = QWidget()
        column = QVBoxLayout(self._spectrum_pane)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self._spectrum_words.setContentsMargins(72, 2, 8, 0)
        column.addWidget(self._spectrum_words)
        column.addWidget(_beside(self.spectrum, _space(WIDTH)), 1)
        for number, (pane, share) in enumerate(((self._wave_pane, 2), (self._heat_pane, 5), (self._spectrum_pane, 3))):
            pane.setMinimumHeight(56)
            self.panes.addWidget(pane)
            self.panes.setStretchFactor(number, share)
        self.panes.setSizes([120, 300, 180])
        layout.addWidget(self.panes, 1)
        self._stack.addWidget(body)
        self._arrange()
        return plot

    def _make_bar(self) -> QHBoxLayout:
        bar = QHBoxLayout()
        bar.setContentsMargins(8, 2, 8, 2)
        bar.setSpacing(4)
        self.wave_button = _toggle(self.tr("Waveform"), self.tr("Show the wave above the spectrogram"))
        self.wave_button.setChecked(True)
        self.spectrum_button = _toggle(
            self.tr("Spectrum"), self.tr("Show the spectrum between A and B, or of a window at the cursor")
        )
        self.window_button = _toggle(
            self.tr("Sliding window"),
            self.tr(
                "Lay one window of the transform on the wave: drag it, or its ends A and B, and its spectrum follows"
            ),
        )
        self.box_button = _toggle(
            "", self.tr("Zoom to a box that you draw on the spectrogram (or hold Shift while you drag)"), "scan-search"
        )
        self.clear_button = QToolButton()
        self.clear_button.setIcon(icon("x"))
        self.clear_button.setText(self.tr("A to B"))
        self.clear_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.clear_button.setToolTip(self.tr("Clear what is chosen between A and B"))
        self.clear_button.setAccessibleName(self.clear_button.toolTip())
        self.clear_button.clicked.connect(lambda: self.set_stretch(None))
        self.all_button = QToolButton()
        self.all_button.setIcon(icon("scan"))
        self.all_button.setToolTip(self.tr("Show the whole sound (double-click)"))
        self.all_button.setAccessibleName(self.all_button.toolTip())
        self.wave_button.toggled.connect(lambda _: self._panes_toggled())
        self.spectrum_button.toggled.connect(lambda _: self._panes_toggled())
        self.window_button.clicked.connect(lambda on: self.slide_window(on))
        self.box_button.toggled.connect(self._set_box_zoom)
        self.all_button.clicked.connect(self.show_all)
        for button in (self.wave_button, self.spectrum_button, self.window_button):
            bar.addWidget(button)
        bar.addWidget(self.clear_button)
        bar.addStretch(1)
        for button in (self.box_button, self.all_button):
            bar.addWidget(button)
        return bar

    def clear(self) -> None:
        """Show the view without a sound."""
        self._stack.setCurrentIndex(0)
        self._result, self._wave_alone = None, False
        if self.plot is not None:
            self.plot.forget()
            self.wave.forget()
            self.spectrum.forget()
            self._spectrum_words.clear()
            self._chosen_before = None
            self.set_stretch(None)

    def set_colour_map(self, name: str) -> None:
        """Set the colour map, a `Look.colour_map`."""
        self._colour_map = name
        if self.plot is not None:
            self.plot.set_colour_map(name)
            self.legend.set_colour_map(name)

    def set_position(self, secs: float) -> None:
        """Set the player's position in seconds."""
        self._position = secs
        if self.plot is not None:
            self.plot.set_position(secs)
            self.wave.set_position(secs)

    # Panes ----------------------------------------------------------------------------------------------------------

    @property
    def shows_spectrum(self) -> bool:
        """Whether the spectrum of a stretch is to be measured, as its pane is visible."""
        measured = not isinstance(self._result, PowerSpectrum)
        return self.plot is not None and measured and self._spectrum_pane.isVisibleTo(self)

    def _panes_toggled(self) -> None:
        self._arrange()
        self.panes_changed.emit()

    def _arrange(self) -> None:
        if self.plot is None:
            return
        heat = not self._wave_alone and not isinstance(self._result, WaveEnvelope | PowerSpectrum)
        alone = isinstance(self._result, PowerSpectrum)
        self._heat_pane.setVisible(heat)
        self.wave.showAxis("bottom", not heat)  # with a spectrogram below, the times stand there
        wave = self.wave_button.isChecked() and self.height() >= ROOM_FOR_WAVE
        only_wave = self._wave_alone or isinstance(self._result, WaveEnvelope)
        self._wave_pane.setVisible(wave or only_wave or self.stretch.span is not None)
        spectrum = self.spectrum_button.isChecked() and self.height() >= ROOM_FOR_SPECTRUM
        self._spectrum_pane.setVisible(alone or spectrum)
        self.box_button.setVisible(heat)
        # The spectrum is the result itself: it neither goes, nor follows a window.
        self.spectrum_button.setVisible(not alone)
        self.window_button.setVisible(not alone)
        self.clear_button.setVisible(self.stretch.span is not None and not self.window_button.isChecked())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def _set_box_zoom(self, on: bool) -> None:
        if self.plot is not None:
            self.plot.box.box_zoom = on

    def show_all(self) -> None:
        """Show the whole sound."""
        if self.plot is not None:
            self.plot.show_all()
            pyramid = self.wave.pyramid
            if self.plot.content is None and pyramid is not None:
                self.plot.box.setXRange(0, pyramid.n_samples / pyramid.rate_hz, padding=0)

    # The stretch between A and B ------------------------------------------------------------------------------------

    @property
    def window_kind(self) -> str:
        """Kind of the windows of the transform that is shown."""
        return self._result.window_kind if isinstance(self._result, Spectrogram) else "hann"

    @property
    def window_secs(self) -> float:
        """Length of the windows of the transform that is shown, in seconds."""
        result = self._result
        if isinstance(result, Separation):
            result = result.spectra[0]
        return result.window / result.rate_hz if isinstance(result, Spectrogram | Cepstrum) else 0.032

    def set_stretch(self, span: tuple[float, float] | None) -> None:
        """Set the stretch between A and B in seconds; None takes it away."""
        if self.plot is None or span == self.stretch.span:
            return
        if span is None:
            self.window_button.setChecked(False)
        self.stretch.show_span(span)
        self._show_taper(span)
        self._arrange()
        self.stretch_changed.emit(span)

    def _stretched(self, begin: float, end: float) -> None:
        span = (max(0.0, begin), max(0.0, end))
        if span[1] - span[0] < 1e-4:
            return
        self.stretch.show_span(span)
        self._show_taper(span)
        self._arrange()
        self.stretch_changed.emit(span)

    def _show_taper(self, span: tuple[float, float] | None) -> None:
        sliding = self.window_button.isChecked()
        self.wave.show_taper(span if sliding else None, self.window_kind)

    def slide_window(self, on: bool) -> None:
        """Lay one window on the wave, in the middle of what is between A and B or else at the player's position, large
        enough to be seen, with its spectrum; or take it away, and choose again what was chosen before."""
        if self.plot is None:
            return
        self.window_button.setChecked(on)
        if not on:
            self._show_taper(None)
            self.set_stretch(self._chosen_before)
            self._chosen_before = None
            return
        self._chosen_before = chosen = self.stretch.span
        middle = self._position if chosen is None else sum(chosen) / 2
        self.spectrum_button.setChecked(True)
        pyramid = self.wave.pyramid
        secs = pyramid.n_samples / pyramid.rate_hz if pyramid is not None else self.window_secs
        width = min(self.window_secs, secs)
        begin = min(max(0.0, middle - width / 2), secs - width)
        left = max(0.0, begin - width * (WINDOWS_IN_VIEW - 1) / 2)
        self.plot.box.setXRange(left, min(secs, left + width * WINDOWS_IN_VIEW), padding=0)
        self.set_stretch((begin, begin + width))

    def _stretch_words(self, begin: float, end: float) -> str:
        return self.tr("{begin} to {end} s").format(begin=f"{begin:.3f}", end=f"{end:.3f}")


def _toggle(text: str, tip: str, name: str = "") -> QToolButton:
    button = QToolButton()
    button.setCheckable(True)
    if name:
        button.setIcon(icon(name))
    else:
        button.setText(text)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
    button.setToolTip(tip)
    button.setAccessibleName(text or tip)
    return button


def _space(width: int) -> QWidget:
    space = QWidget()
    space.setFixedWidth(width)
    return space


def _beside(plot: QWidget, other: QWidget) -> QWidget:
    pane = QWidget()
    layout = QHBoxLayout(pane)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(0)
    layout.addWidget(plot, 1)
    layout.addWidget(other)
    return pane
