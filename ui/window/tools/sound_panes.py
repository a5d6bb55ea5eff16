"""The sound in the centre of the window: its view, what is read for it, and what the user does with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QSplitter

from cvstudio.media import Media, MediaKind
from ui.control.controller import Controller
from ui.control.frame_on_screen import FrameOnScreen
from ui.control.sound.sound_wave import MeasuredStretch, SamplesRead, SoundWave

if TYPE_CHECKING:
    from cvstudio.analyses.instance import AnalysisInstance
    from ui.views.spectrogram_view import SpectrogramView

POWER_SPECTRUM = "power-spectrum"
"""Key of the analysis that measures between A and B."""

CHOSEN_AFTER_MS = 150
"""From the last move of a handle to the measurement of an analysis between A and B."""

FOLLOW_MS = 40
"""Least time between two spectra of the window that follows the cursor."""


class SoundPanes(QObject):
    """Makes the view with the first sound, so that the window does not wait for its plots.

    Signals
    -------
    read_out : text for the status line
    """

    read_out = Signal(str)

    def __init__(self, controller: Controller, splitter: QSplitter, parent: QObject) -> None:
        super().__init__(parent)
        self._controller = controller
        self._splitter = splitter
        self.view: SpectrogramView | None = None
        self.wave = SoundWave(controller.pipeline, self)
        self._follow = QTimer(self)
        self._follow.setSingleShot(True)
        self._follow.setInterval(FOLLOW_MS)
        self._follow.timeout.connect(self._measure)
        self._chosen = QTimer(self, interval=CHOSEN_AFTER_MS, singleShot=True)
        self._chosen.timeout.connect(self._set_stretch)

    def made(self) -> SpectrogramView:
        """The view."""
        if self.view is None:
            from ui.views.spectrogram_view import SpectrogramView

            view = self.view = SpectrogramView()
            self._splitter.addWidget(view)
            self._splitter.setStretchFactor(0, 3)
            self._splitter.setStretchFactor(self._splitter.count() - 1, 2)
            view.seek_requested.connect(self._controller.playback.seek)
            view.told.connect(self.read_out)
            view.samples_wanted.connect(self.wave.read_samples)
            view.stretch_changed.connect(self._stretch_changed)
            view.panes_changed.connect(self._measure)
            view.set_colour_map(self._controller.look().colour_map)
            self.wave.grown.connect(view.show_pyramid)
            self.wave.samples_read.connect(self._samples_read)
            self.wave.measured.connect(self._measured)
        return self.view

    def show_results(self, shown: FrameOnScreen) -> None:
        """Show the uppermost visible result of a sound."""
        from ui.views.spectrogram_view import SHOWN

        results = [
            item.result for item in shown.layers if isinstance(item.result, SHOWN) and item.layer.instance.visible
        ]
        if results:
            self.made().show_result(results[-1])
            self._show_stretch()
        elif self.view is not None and not any(item.stale and item.layer.instance.visible for item in shown.layers):
            self.view.show_wave_alone()

    def arrange(self, media: Media | None) -> None:
        """Show the view where the medium is a sound, or a visible analysis looks at the sound of a video."""
        if self._wanted(media):
            self.made().show()
            self.wave.set_media(media)
        elif self.view is not None:
            self.view.hide()
            self.wave.set_media(None)

    def _wanted(self, media: Media | None) -> bool:
        if media is None:
            return False
        if media.kind is MediaKind.AUDIO:
            return True
        return any(
            any(slot.streamed for slot in item.spec.inputs)
            and item.visible
            and any(bound.id == media.id for bound in item.media)
            for item in self._controller.session.state.instances
        )

    def clear(self) -> None:
        """Show no sound, as the medium changes."""
        self.wave.set_media(None)
        if self.view is not None:
            self.view.clear()

    def set_colour_map(self, name: str) -> None:
        if self.view is not None:
            self.view.set_colour_map(name)

    def set_position(self, secs: float) -> None:
        """Move the cursor, and with it the window whose spectrum is shown."""
        if self.view is not None and self.view.isVisible():
            self.view.set_position(secs)
            if self.view.shows_spectrum and self.view.stretch.span is None and not self._follow.isActive():
                self._follow.start()

    @property
    def stretch(self) -> tuple[float, float] | None:
        """The stretch between A and B in seconds."""
        return self.view.stretch.span if self.view is not None and self.view.plot is not None else None

    def _measured_stretch(self) -> AnalysisInstance | None:
        """The current analysis where it measures between A and B itself."""
        instance = self._controller.session.state.instance
        return instance if instance is not None and instance.spec.key == POWER_SPECTRUM else None

    def _show_stretch(self) -> None:
        """Put A and B where the current analysis measures."""
        instance = self._measured_stretch()
        if instance is None or self._chosen.isActive():
            return
        begin, end = instance.value("begin"), instance.value("end")
        whole = not begin and not end
        span = None if whole else (begin, end or instance.time_ranges()["end"].high)
        view = self.made()
        blocked = view.blockSignals(True)
        view.set_stretch(span)
        view.blockSignals(blocked)

    def _stretch_changed(self, span: tuple[float, float] | None) -> None:
        if self._measured_stretch() is None:
            self._measure()
        else:
            self._chosen.start()

    def _set_stretch(self) -> None:
        """Let the current analysis measure between A and B."""
        if self._measured_stretch() is not None:
            span = self.stretch
            rounded = None if span is None else (round(span[0], 3), round(span[1], 3))
            self._controller.set_stretch("begin", "end", rounded)

    def _measure(self) -> None:
        view = self.view
        if view is None or not view.shows_spectrum:
            return
        width = view.window_secs
        at = self._controller.playback.position_secs
        begin, end = view.stretch.span or (at - width / 2, at + width / 2)
        self.wave.measure(begin, end, width, view.window_kind)

    def _samples_read(self, read: SamplesRead) -> None:
        self.made().show_samples(read.first, read.samples)

    def _measured(self, measured: MeasuredStretch) -> None:
        view = self.made()
        secs = measured.stop_secs - measured.start_secs
        words: Any
        if measured.windows == 1:
            words = self.tr("{begin} to {end} s: one window of {ms} ms, {samples} samples")
        else:
            words = self.tr("{begin} to {end} s ({ms} ms): mean of {count} windows of {samples} samples")
        view.show_spectrum(
            measured.spectrum,
            words.format(
                begin=f"{measured.start_secs:.3f}",
                end=f"{measured.stop_secs:.3f}",
                ms=f"{1000 * secs:,.1f}",
                samples=f"{measured.window:,}",
                count=f"{measured.windows:,}",
            ),
        )
