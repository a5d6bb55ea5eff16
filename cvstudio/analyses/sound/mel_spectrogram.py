"""Mel spectrogram of a sound, shown while it is computed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import Analysis, Slot
from cvstudio.analyses.sound._mel import mel_filters
from cvstudio.analyses.sound._spectrum import CHANNELS, stream
from cvstudio.analyses.sound.spectrogram import HOPS, LEAST_SPAN_DB
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.data.sound.spectra import WINDOWS, window_samples
from cvstudio.foundation.params import Choices, Doc, Range
from cvstudio.foundation.progress import Progress
from cvstudio.media.base import MediaKind
from cvstudio.results.spectrogram import Spectrogram


@dataclass(frozen=True)
class MelParams:
    """Parameters of the transform and of the bands."""

    length: Annotated[
        float,
        Range(2, 500, step=1, unit="ms"),
        Doc(
            "Window length",
            "Length of a window: long windows separate pitches, short ones separate moments.",
            "32 ms suits speech; try 100 for chords.",
        ),
    ] = 32.0
    bands: Annotated[
        int,
        Range(8, 256, step=1),
        Doc("Bands", "Number of triangular filters, evenly spaced in mels.", "40 and 80 are usual in recognisers."),
    ] = 80
    limits: Annotated[
        tuple[float, float],
        Range(0, 24_000, step=50, unit="Hz"),
        Doc("Frequencies", "Lower limit of the first band and upper limit of the last.", "Try 300 to 3,400 Hz."),
    ] = (0.0, 8_000.0)
    kind: Annotated[
        str,
        Choices(tuple(WINDOWS), tuple(WINDOWS.values())),
        Doc("Window", "Shape of the window: narrow peaks or low side lobes.", "Hann suits most sounds.", more=True),
    ] = "hann"
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
class MelLevelsParams:
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


def run_bands(inputs: Inputs, params: MelParams, progress: Progress) -> Iterator[Spectrogram]:
    """Stage: open reader -> Spectrogram of mel bands, yielded while it is computed. Raises MediaError, ParamsError."""
    sound = inputs.samples["sound"]
    window = window_samples(params.length / 1000, sound.rate_hz)
    spectrograms = stream(
        sound,
        window=window,
        hop=window // HOPS[params.overlap],
        channel=CHANNELS[params.channel],
        progress=progress,
        kind=params.kind,
        filters=mel_filters(sound.rate_hz, window, params.bands, params.limits),
    )
    for spectrogram in spectrograms:
        yield replace(spectrogram, source=inputs.source)


def run_mel_levels(inputs: Inputs, params: MelLevelsParams, progress: Progress) -> Iterator[Spectrogram]:
    """Stage: Spectrogram -> the same cells with display limits."""
    low = min(params.floor, params.ceiling - LEAST_SPAN_DB)
    yield replace(inputs.previous, show_low_db=low, show_high_db=params.ceiling)


ANALYSES.register(
    Analysis(
        key="mel-spectrogram",
        title="Mel spectrogram",
        summary="Shows how strong each band of a sound is at each moment, in bands spaced as the ear hears them.",
        action="Look at a sound as it is heard",
        icon="audio-lines",
        inputs=(Slot("sound", "Sound", frozenset({MediaKind.AUDIO, MediaKind.VIDEO}), streamed=True),),
        stages=(
            Stage("bands", run_bands, MelParams),
            Stage("levels", run_mel_levels, MelLevelsParams, where="main"),
        ),
        result=Spectrogram,
        order=41,
        on_start_page=False,
        samples={"sound": "dialogue"},
        keywords=(
            "mel scale",
            "mel bands",
            "filter bank",
            "log-mel",
            "pitch",
            "멜 스펙트로그램",
            "멜 척도",
            "필터 뱅크",
        ),
    )
)
