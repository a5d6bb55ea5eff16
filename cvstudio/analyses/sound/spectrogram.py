"""Spectrogram of a sound, shown while it is computed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import Analysis, Slot
from cvstudio.analyses.sound._spectrum import stream
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.foundation.params import Choices, Doc, Range
from cvstudio.foundation.progress import Progress
from cvstudio.media.base import MediaKind
from cvstudio.results.spectrogram import Spectrogram

HOPS = {"50 %": 2, "75 %": 4, "87.5 %": 8}
CHANNELS = {"mix": None, "left": 0, "right": 1, **{str(number): number - 1 for number in range(3, 9)}}
LEAST_SPAN_DB = 10.0


@dataclass(frozen=True)
class TransformParams:
    """Parameters of the short-time Fourier transform."""

    window: Annotated[
        str,
        Choices(("512", "1024", "2048", "4096")),
        Doc(
            "Window",
            "Samples per window: long windows separate pitches, short ones separate moments.",
            "Try 512 for a clap.",
        ),
    ] = "2048"
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


@dataclass(frozen=True)
class LevelsParams:
    """Levels that are drawn darkest and brightest, at least 10 dB apart."""

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


def run_transform(inputs: Inputs, params: TransformParams, progress: Progress) -> Iterator[Spectrogram]:
    """Stage: open reader -> Spectrogram, yielded while it is computed. Raises MediaError."""
    window = int(params.window)
    spectrograms = stream(
        inputs.samples["sound"],
        window=window,
        hop=window // HOPS[params.overlap],
        channel=CHANNELS[params.channel],
        progress=progress,
    )
    for spectrogram in spectrograms:
        yield replace(spectrogram, source=inputs.source)


def run_levels(inputs: Inputs, params: LevelsParams, progress: Progress) -> Iterator[Spectrogram]:
    """Stage: Spectrogram -> the same cells with display limits."""
    low = min(params.floor, params.ceiling - LEAST_SPAN_DB)
    yield replace(inputs.previous, show_low_db=low, show_high_db=params.ceiling)


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
