"""Power spectrum of a stretch of sound, by Welch's method."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, cast

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import Analysis, Slot
from cvstudio.analyses.sound._spectrum import CHANNELS, SoundSource
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.data.sound.frequency_scale import Scale
from cvstudio.data.sound.spectra import WINDOWS, average_spectrum, window_samples
from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.params import Choices, Doc, Range
from cvstudio.foundation.progress import Progress
from cvstudio.media.base import MediaKind
from cvstudio.results.sound.power_spectrum import PowerSpectrum

LONGEST_SECS = 24 * 3600


@dataclass(frozen=True)
class SpectrumParams:
    """The stretch, and the windows that are averaged in it."""

    begin: Annotated[
        float,
        Range(0, LONGEST_SECS, step=0.001, unit="s", from_input="sound"),
        Doc("From", "Beginning of the stretch.", "Look for a vowel in the waveform."),
    ] = 0.0
    end: Annotated[
        float | None,
        Range(0, LONGEST_SECS, step=0.001, unit="s", from_input="sound"),
        Doc("To", "End of the stretch.", "Drag over the waveform to choose both ends; 0.03 s holds one vowel."),
    ] = None
    length: Annotated[
        float,
        Range(2, 2000, step=1, unit="ms"),
        Doc(
            "Window length",
            "Length of the windows whose spectra are averaged; a shorter stretch is one window.",
            "Long ones separate pitches, many short ones make a smooth curve.",
        ),
    ] = 93.0
    kind: Annotated[
        str,
        Choices(tuple(WINDOWS), tuple(WINDOWS.values())),
        Doc("Window", "Shape of the window: narrow peaks or low side lobes.", "flat top reads amplitudes exactly."),
    ] = "hann"
    channel: Annotated[
        str,
        Choices(tuple(CHANNELS)),
        Doc("Channel", "Which channel is measured; the mix is their mean power.", "Try left.", more=True),
    ] = "mix"


@dataclass(frozen=True)
class SpectrumLook:
    """How the curve is drawn."""

    floor: Annotated[
        float,
        Range(-160, -20, step=1, unit="dB"),
        Doc("Floor", "The lowest level that is drawn.", "Lower it to see the noise."),
    ] = -120.0
    axis: Annotated[
        str,
        Choices(("linear", "log", "mel"), ("linear", "logarithmic", "mel")),
        Doc(
            "Axis",
            "Linear in hertz, logarithmic (an octave is everywhere as wide), or mel, as pitch is heard.",
            "Try linear to count the harmonics of a voice.",
        ),
    ] = "log"


def run_average(inputs: Inputs, params: SpectrumParams, progress: Progress) -> Iterator[PowerSpectrum]:
    """Stage: open reader -> PowerSpectrum, yielded while more windows are averaged.

    Raises
    ------
    MediaError
        The sound cannot be read.
    ParamsError
        Nothing lies between beginning and end.
    """
    sound: SoundSource = inputs.samples["sound"]
    rate_hz = sound.rate_hz
    start = round(params.begin * rate_hz)
    stop = min(round(params.end * rate_hz), sound.n_samples) if params.end else sound.n_samples
    if start < 0 or stop <= start:
        secs = sound.n_samples / rate_hz
        raise ParamsError(
            f"The stretch expects an end after its beginning, within {secs:.3f} s of sound, found {params.begin:.3f} "
            f"to {stop / rate_hz:.3f} s; choose another."
        )
    window = window_samples(params.length / 1000, rate_hz)
    averages = average_spectrum(
        sound.read, start, stop, rate_hz, window=window, kind=params.kind, channel=CHANNELS[params.channel]
    )
    for average, windows, share in averages:
        progress(share)
        yield PowerSpectrum(
            average.frequencies_hz,
            average.decibels,
            start / rate_hz,
            stop / rate_hz,
            rate_hz,
            min(window, stop - start),
            windows,
            source=inputs.source,
        )


def run_curve(inputs: Inputs, params: SpectrumLook, progress: Progress) -> Iterator[PowerSpectrum]:
    """Stage: PowerSpectrum -> the same with limits and axis of its picture."""
    yield replace(inputs.previous, floor_db=params.floor, axis=cast(Scale, params.axis))


ANALYSES.register(
    Analysis(
        key="power-spectrum",
        title="Power spectrum",
        summary="Shows how strong each frequency is in a stretch of sound.",
        action="Measure the frequencies of a sound",
        icon="activity",
        inputs=(Slot("sound", "Sound", frozenset({MediaKind.AUDIO, MediaKind.VIDEO}), streamed=True),),
        stages=(
            Stage("average", run_average, SpectrumParams),
            Stage("curve", run_curve, SpectrumLook, where="main"),
        ),
        result=PowerSpectrum,
        order=44,
        on_start_page=False,
        samples={"sound": "dialogue"},
        keywords=(
            "FFT",
            "Welch",
            "periodogram",
            "spectral density",
            "harmonics",
            "pitch",
            "note",
            "파워 스펙트럼",
            "주파수 분석",
            "배음",
        ),
    )
)
