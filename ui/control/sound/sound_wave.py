"""Reads the sound of the active medium for its views: its wave, single samples, and spectra of stretches."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from cvstudio.foundation.lanes import Event, Job
from cvstudio.foundation.progress import Progress
from cvstudio.media import Media
from ui.control.pipeline import SOUND, Pipeline

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cvstudio.data.sound.spectra import Spectrum

WAVE, SAMPLES, SPECTRUM = ("sound", "wave"), ("sound", "samples"), ("sound", "spectrum")
"""Owners of the jobs."""


@dataclass(frozen=True, eq=False)
class MeasuredStretch:
    """The spectrum of a stretch of sound.

    Parameters
    ----------
    start_secs, stop_secs : the stretch
    window, windows : samples of a window, and how many were averaged
    """

    start_secs: float
    stop_secs: float
    spectrum: Spectrum
    window: int
    windows: int


@dataclass(frozen=True, eq=False)
class SamplesRead:
    """Samples float32 (channels, n) of a sound from number `first` on."""

    first: int
    samples: NDArray[Any]


class SoundWave(QObject):
    """Main thread only; the reading is done on a lane of its own, latest first.

    A sound that cannot be read shows no wave; why, says the analysis that reads it.

    Signals
    -------
    grown : `WavePyramid` of the sound, with more in it
    samples_read : `SamplesRead`
    measured : `MeasuredStretch`
    """

    grown = Signal(object)
    samples_read = Signal(object)
    measured = Signal(object)

    def __init__(self, pipeline: Pipeline, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pipeline = pipeline
        self._media: Media | None = None
        pipeline.job_event.connect(self._job_event)

    def set_media(self, media: Media | None) -> None:
        """Read the wave of another sound, or of none."""
        if media is self._media:
            return
        for owner in (WAVE, SAMPLES, SPECTRUM):
            self._pipeline.lanes.cancel(owner)
        self._media = media
        if media is None or not media.has_sound:
            return

        def work(progress: Progress) -> Iterator[Any]:
            from cvstudio.analyses.sound.waveform import grow

            for pyramid in grow(self._pipeline.sound_reader(media), progress):
                yield media.id, pyramid

        title = self.tr("Reading the wave of {name}").format(name=media.name)
        self._pipeline.submit(SOUND, Job(WAVE, title, work, background=True))

    def read_samples(self, first: int, last: int) -> None:
        """Read the samples `first` to `last` (exclusive)."""
        media = self._media
        if media is None:
            return

        def work(progress: Progress) -> Iterator[Any]:
            yield media.id, SamplesRead(first, self._pipeline.sound_reader(media).read(first, last).samples)

        self._pipeline.submit(SOUND, Job(SAMPLES, "", work))

    def measure(self, start_secs: float, stop_secs: float, window_secs: float, kind: str) -> None:
        """Measure the spectrum of a stretch: under one window where it is shorter than twice `window_secs`, or else
        averaged over windows of that length."""
        media = self._media
        if media is None:
            return

        def work(progress: Progress) -> Iterator[Any]:
            from cvstudio.data.sound.spectra import average_spectrum, window_samples

            sound = self._pipeline.sound_reader(media)
            start = max(0, round(start_secs * sound.rate_hz))
            stop = min(sound.n_samples, max(start + 1, round(stop_secs * sound.rate_hz)))
            if stop <= start:
                return
            window = window_samples(window_secs, sound.rate_hz)
            if stop - start < 2 * window:
                window = stop - start + 1
            averages = average_spectrum(sound.read, start, stop, sound.rate_hz, window=window, kind=kind)
            for spectrum, windows, share in averages:
                progress(share)
                length = min(window, stop - start)
                measured = MeasuredStretch(start / sound.rate_hz, stop / sound.rate_hz, spectrum, length, windows)
                yield media.id, measured

        self._pipeline.submit(SOUND, Job(SPECTRUM, "", work))

    def _job_event(self, event: Event) -> None:
        owners: dict[Hashable, Any] = {WAVE: self.grown, SAMPLES: self.samples_read, SPECTRUM: self.measured}
        signal = owners.get(event.job.owner)
        if signal is None or event.kind != "output" or self._media is None:
            return
        media_id, value = event.value
        if media_id == self._media.id:
            signal.emit(value)
