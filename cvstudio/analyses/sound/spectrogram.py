"""Spectrogram of a sound, shown while it is computed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, cast

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import Analysis, Slot
from cvstudio.analyses.sound._spectrum import CHANNELS, stream
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.data.sound.frequency_scale import Scale
from cvstudio.data.sound.spectra import WINDOWS, window_samples
from cvstudio.foundation.params import Choices, Doc, Range
from cvstudio.foundation.progress import Progress
from cvstudio.media.base import MediaKind
from cvstudio.results.spectrogram import Spectrogram

HOPS = {"50 %": 2, "75 %": 4, "87.5 %": 8}
LEAST_SPAN_DB = 10.0
BY_LENGTH = "length"
"""Choice of a window whose length is given in milliseconds."""


@dataclass(frozen=True)
class TransformParams:
    """Parameters of the short-time Fourier transform."""

    window: Annotated[
        str,
        Choices((BY_LENGTH, "512", "1024", "2048", "4096"), ("by length", "512", "1024", "2048", "4096")),
        Doc(
            "Window samples",
            "Samples per window, or as many as the length in milliseconds makes at the rate of the sound.",
            "Try 512 for a clap.",
            more=True,
        ),
    ] = BY_LENGTH
    overlap: Annotated[
        str,
        Choices(tuple(HOPS)),
        Doc("Overlap", "How much consecutive windows overlap.", "A larger overlap is smoother in time.", more=True),
    ] = "75 %"
    channel: Annotated[
        str,
        Choices(tuple(CHANNELS)),
        Doc("Channel", "Which channel is shown; the mix is their mean power.", "Try left.", more=True),
    ] = "mix"
    length: Annotated[
        float,
        Range(2, 500, step=1, unit="ms"),
        Doc(
            "Window length",
            "Length of a window: long windows separate pitches, short ones separate moments.",
            "32 ms suits speech; try 5 for claps, and 100 for chords.",
            later=True,
        ),
    ] = 32.0
    kind: Annotated[
        str,
        Choices(tuple(WINDOWS), tuple(WINDOWS.values())),
        Doc(
            "Window",
            "Shape of the window: narrow peaks or low side lobes.",
            "Try rectangular to see what a window is good for.",
            later=True,
        ),
    ] = "hann"


@dataclass(frozen=True)
class LevelsParams:
    """Levels that are drawn darkest and brightest, at least 10 dB apart, and the axis."""

    floor: Annotated[
        float,
        Range(-120, -20, step=1, unit="dB"),
        Doc("Floor", "The level that is drawn darkest.", "Raise it until the noise is gone."),
    ] = -90.0
    ceiling: Annotated[
        float,
        Range(-60, 0, step=1, unit="dB"),
        Doc("Ceiling", "The level that is drawn brightest.", "Lower it for a quiet recording."),
    ] = 0.0
    axis: Annotated[
        str,
        Choices(("linear", "log", "mel"), ("linear", "logarithmic", "mel")),
        Doc(
            "Frequency axis",
            "Linear in hertz, logarithmic (an octave is everywhere as high), or mel, as pitch is heard.",
            "Try logarithmic for music.",
            later=True,
        ),
    ] = "linear"


def window_length(params: TransformParams, rate_hz: int) -> int:
    """Samples of a window."""
    return window_samples(params.length / 1000, rate_hz) if params.window == BY_LENGTH else int(params.window)


def run_transform(inputs: Inputs, params: TransformParams, progress: Progress) -> Iterator[Spectrogram]:
    """Stage: open reader -> Spectrogram, yielded while it is computed. Raises MediaError."""
    sound = inputs.samples["sound"]
    window = window_length(params, sound.rate_hz)
    spectrograms = stream(
        sound,
        window=window,
        hop=window // HOPS[params.overlap],
        channel=CHANNELS[params.channel],
        progress=progress,
        kind=params.kind,
    )
    for spectrogram in spectrograms:
        yield replace(spectrogram, source=inputs.source)


def run_levels(inputs: Inputs, params: LevelsParams, progress: Progress) -> Iterator[Spectrogram]:
    """Stage: Spectrogram -> the same cells with display limits and axis."""
    low = min(params.floor, params.ceiling - LEAST_SPAN_DB)
    yield replace(inputs.previous, show_low_db=low, show_high_db=params.ceiling, axis=cast(Scale, params.axis))


ANALYSES.register(
    Analysis(
        key="spectrogram",
        title="Spectrogram",
        summary="Shows how strong each frequency of a sound is at each moment.",
        action="Look at a sound",
        icon="audio-lines",
        inputs=(Slot("sound", "Sound", frozenset({MediaKind.AUDIO, MediaKind.VIDEO}), streamed=True),),
        stages=(
            Stage("transform", run_transform, TransformParams),
            Stage("levels", run_levels, LevelsParams, where="main"),
        ),
        result=Spectrogram,
        order=40,
        samples={"sound": "dialogue"},
        keywords=(
            "STFT",
            "short-time Fourier transform",
            "FFT",
            "Fourier",
            "frequency",
            "decibel",
            "audio",
            "sound",
            "pitch",
            "Hann window",
            "hop length",
            "waveform",
            "스펙트로그램",
            "푸리에 변환",
            "주파수",
            "소리",
            "음성",
        ),
    )
)
