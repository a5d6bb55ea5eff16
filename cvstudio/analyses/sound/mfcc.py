"""Mel-frequency cepstral coefficients of a sound, with their derivatives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import Analysis, Slot
from cvstudio.analyses.sound._mel import cepstra, deltas, mel_filters
from cvstudio.analyses.sound._spectrum import CHANNELS, SoundSource, check_length, power_blocks
from cvstudio.analyses.sound.spectrogram import HOPS
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.data.sound.spectra import WINDOWS, window_samples, window_values
from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.params import Choices, Doc, Range
from cvstudio.foundation.progress import Progress
from cvstudio.media.base import MediaKind
from cvstudio.results.sound.cepstrum import Cepstrum


@dataclass(frozen=True)
class CepstrumParams:
    """Parameters of the transform, the bands and the coefficients."""

    count: Annotated[
        int,
        Range(2, 40, step=1),
        Doc("Coefficients", "How many are kept, from order 0 on.", "13 and 20 are usual in recognisers."),
    ] = 13
    derivatives: Annotated[
        bool,
        Doc("Deltas", "Adds how fast each coefficient changes (Δ), and how that changes (ΔΔ)."),
    ] = True
    length: Annotated[
        float,
        Range(2, 500, step=1, unit="ms"),
        Doc("Window length", "Length of a window.", "25 to 32 ms suit speech."),
    ] = 32.0
    bands: Annotated[
        int,
        Range(8, 256, step=1),
        Doc("Bands", "Number of triangular filters, evenly spaced in mels.", "Try 128 for the figures of librosa."),
    ] = 40
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


def run_cepstrum(inputs: Inputs, params: CepstrumParams, progress: Progress) -> Iterator[Cepstrum]:
    """Stage: open reader -> Cepstrum, yielded while it is computed; the derivatives come last.

    Raises
    ------
    MediaError
        The sound cannot be read, or is too long.
    ParamsError
        More coefficients than bands are asked for, or the bands have no frequencies.
    """
    sound: SoundSource = inputs.samples["sound"]
    if params.count > params.bands:
        raise ParamsError(
            f"Coefficients expect as many bands, at least {params.count}, found {params.bands}; add some."
        )
    window = window_samples(params.length / 1000, sound.rate_hz)
    hop = window // HOPS[params.overlap]
    filters = mel_filters(sound.rate_hz, window, params.bands, params.limits).of_equal_area().astype(np.float32)
    names = tuple(
        f"{prefix}c{number}"
        for prefix in (("", "Δ", "ΔΔ") if params.derivatives else ("",))
        for number in range(params.count)
    )
    columns = check_length(sound, len(names), hop, 4)
    found = np.zeros((len(names), columns), np.float32)
    done = 0
    for first, power in power_blocks(
        sound, window_values(params.kind, window), hop, CHANNELS[params.channel], progress
    ):
        done = first + len(power)
        found[: params.count, first:done] = cepstra(power, filters, params.count).T
        if done < columns:
            yield Cepstrum(found, names, sound.rate_hz, hop, window, done, inputs.source, sound.n_samples)
    for order in (1, 2) if params.derivatives else ():
        found[order * params.count : (order + 1) * params.count] = deltas(found[: params.count], order)
    yield Cepstrum(found, names, sound.rate_hz, hop, window, done, inputs.source, sound.n_samples)


ANALYSES.register(
    Analysis(
        key="mfcc",
        title="MFCC",
        summary="Describes the timbre of a sound at each moment by mel-frequency cepstral coefficients.",
        action="Describe the timbre of a sound",
        icon="audio-lines",
        inputs=(Slot("sound", "Sound", frozenset({MediaKind.AUDIO, MediaKind.VIDEO}), streamed=True),),
        stages=(Stage("cepstrum", run_cepstrum, CepstrumParams),),
        result=Cepstrum,
        order=42,
        on_start_page=False,
        samples={"sound": "dialogue"},
        keywords=(
            "mel-frequency cepstral coefficients",
            "cepstrum",
            "timbre",
            "delta",
            "speech features",
            "멜 주파수 켑스트럼 계수",
            "켑스트럼",
            "음색",
        ),
    )
)
