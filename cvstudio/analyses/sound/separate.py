"""Source separation: stems of a sound by a network, and the mix of them that is heard."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import Analysis, Slot
from cvstudio.analyses.sound._chunks import SeparatorNetwork, joined, separated
from cvstudio.analyses.sound._spectrum import CHANNELS, SoundSource, stream
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.data.resample import resampled, resampled_length
from cvstudio.data.samples import Waveform
from cvstudio.foundation.errors import MediaError, ParamsError
from cvstudio.foundation.params import Choices, Doc, Range
from cvstudio.foundation.progress import PartProgress, Progress
from cvstudio.media.base import MediaKind
from cvstudio.media.stem_mix import mono
from cvstudio.results.separation import RESIDUAL, Separation
from cvstudio.results.spectrogram import Spectrogram

READ_SECS = 20.0
"""Seconds of sound that are read and resampled at once."""

MOST_BYTES = 810_000_000
"""Largest size of all stems: 3.5 hours of two voices at 8 kHz, and half of that at 16 kHz."""

WINDOW_SECS, OVERLAPS = 0.064, 4
"""Window of the spectrograms, which suits speech, and windows that each moment lies in."""

MUTED_DB = -60.0
"""Gain that stands for silence."""


@dataclass(frozen=True)
class SeparateParams:
    """Parameters of the separation itself."""

    channel: Annotated[
        str,
        Choices(tuple(CHANNELS)),
        Doc("Channel", "Which channel is separated; the mix is their mean.", "Try left for an interview.", more=True),
    ] = "mix"
    chunk: Annotated[
        float,
        Range(2, 30, step=1, unit="s"),
        Doc(
            "Chunk",
            "The network hears so much at once; a quarter of it overlaps with the next chunk, so that each voice stays "
            "on its track.",
            "Longer ones take more memory, and confuse voices less after a pause.",
            more=True,
        ),
    ] = 10.0


SHOWN = ("stems", "masks", "stem 1", "stem 2", "stem 3", RESIDUAL)


@dataclass(frozen=True)
class MixParams:
    """What of the separated sound is drawn, heard and exported."""

    show: Annotated[
        str,
        Choices(SHOWN),
        Doc(
            "Show",
            "All stems in their colours, their masks (the share of each in time and frequency), one stem, or what is "
            "in none of them.",
            "Look at the residual to see what was lost.",
        ),
    ] = "stems"
    heard: Annotated[
        tuple[str, ...],
        Choices(from_model="labels"),
        Doc(
            "Heard",
            "Only these stems are heard: one alone is solo, one that is left out is muted; none selected plays all.",
            "Try one voice.",
        ),
    ] = ()
    gain_1: Annotated[
        float,
        Range(MUTED_DB, 12, step=1, unit="dB"),
        Doc("Gain of stem 1", "How loud the first stem is; -60 dB is silence.", "Raise a quiet voice."),
    ] = 0.0
    gain_2: Annotated[
        float,
        Range(MUTED_DB, 12, step=1, unit="dB"),
        Doc("Gain of stem 2", "How loud the second stem is; -60 dB is silence.", "Raise a quiet voice."),
    ] = 0.0
    gain_3: Annotated[
        float,
        Range(MUTED_DB, 12, step=1, unit="dB"),
        Doc("Gain of stem 3", "How loud the third stem is, where there is one.", "Raise a quiet voice.", more=True),
    ] = 0.0
    gain_residual: Annotated[
        float,
        Range(MUTED_DB, 12, step=1, unit="dB"),
        Doc(
            "Gain of the residual",
            "How loud what is in no stem is; -60 dB is silence.",
            "With all at 0 dB the original sound is heard.",
            more=True,
        ),
    ] = MUTED_DB
    pan_1: Annotated[
        float,
        Range(-1, 1, step=0.05),
        Doc("Pan of stem 1", "Where the first stem is heard: -1 is left, 1 is right.", "Part two voices.", later=True),
    ] = 0.0
    pan_2: Annotated[
        float,
        Range(-1, 1, step=0.05),
        Doc("Pan of stem 2", "Where the second stem is heard: -1 is left, 1 is right.", "Part two voices.", later=True),
    ] = 0.0
    pan_3: Annotated[
        float,
        Range(-1, 1, step=0.05),
        Doc(
            "Pan of stem 3",
            "Where the third stem is heard: -1 is left, 1 is right.",
            "Part two voices.",
            later=True,
            more=True,
        ),
    ] = 0.0


class _Samples:
    """A sound in memory, as a reader: float32 (n,)."""

    channels = 1

    def __init__(self, samples: NDArray[np.float32], rate_hz: int) -> None:
        self.rate_hz, self.n_samples = rate_hz, len(samples)
        self._samples = samples[None]

    def read(self, start: int, stop: int) -> Waveform:
        return Waveform(self._samples[:, start:stop], self.rate_hz, start)


def at_rate(sound: SoundSource, rate_hz: int, channel: int | None, progress: Progress) -> NDArray[np.float32]:
    """The whole sound at `rate_hz`, float32 (n,)."""
    count = resampled_length(sound.n_samples, sound.rate_hz, rate_hz)
    samples = np.empty(count, np.float32)
    step = round(READ_SECS * rate_hz)
    for start in range(0, count, step):
        progress(start / count, "reading the sound")
        stop = min(start + step, count)
        samples[start:stop] = resampled(
            lambda low, high: mono(sound, channel, low, high), sound.n_samples, sound.rate_hz, rate_hz, start, stop
        )[0]
    return samples


def spectrum(samples: NDArray[np.float32], rate_hz: int, progress: Progress) -> Spectrogram:
    """Spectrogram of a sound float32 (n,)."""
    window = round(WINDOW_SECS * rate_hz / 2) * 2
    source = _Samples(samples, rate_hz)
    return deque(stream(source, window=window, hop=window // OVERLAPS, channel=None, progress=progress), maxlen=1)[0]


def spectra_of(
    stems: NDArray[np.float32], mixture: NDArray[np.float32], rate_hz: int, progress: Progress
) -> tuple[Spectrogram, ...]:
    """Spectrograms of stems (k, n) and of what is left of their mixture (n,)."""
    tracks = (*stems, mixture - stems.sum(0))
    ends = np.linspace(0, 1, len(tracks) + 1).tolist()
    return tuple(
        spectrum(track, rate_hz, PartProgress(progress, (begin, end)))
        for track, begin, end in zip(tracks, ends, ends[1:], strict=False)
    )


def run_separate(inputs: Inputs, params: SeparateParams, progress: Progress) -> Iterator[Separation]:
    """Stage: open reader -> Separation. Raises MediaError for a sound that is too long."""
    sound: SoundSource = inputs.samples["sound"]
    network: SeparatorNetwork = inputs.network
    secs, most_secs = sound.n_samples / sound.rate_hz, MOST_BYTES / (4 * len(network.labels) * network.rate_hz)
    if secs > most_secs:
        raise MediaError(
            f"Source separation expects at most {most_secs / 3600:.1f} hours of sound with this model, found "
            f"{secs / 3600:.1f}; cut it into parts."
        )
    rate_hz, channel = network.rate_hz, CHANNELS[params.channel]
    samples = at_rate(sound, rate_hz, channel, PartProgress(progress, (0.0, 0.05)))
    known = inputs.parts.known if inputs.parts is not None else ()
    chunk = round(params.chunk * rate_hz)
    parts: list[NDArray[np.float32]] = []
    for parts in separated(network, samples, chunk, PartProgress(progress, (0.05, 0.9)), known):
        if inputs.parts is not None:
            inputs.parts.keep(parts)
    stems = joined(parts, len(samples), chunk, ordered=network.ordered)
    spectra = spectra_of(stems, samples, rate_hz, PartProgress(progress, (0.9, 1.0)))
    if inputs.parts is not None:
        inputs.parts.drop()
    yield Separation(
        stems, rate_hz, network.labels, sound.rate_hz, sound.n_samples, spectra, channel, source=inputs.source
    )


def run_mix(inputs: Inputs, params: MixParams, progress: Progress) -> Iterator[Separation]:
    """Stage: Separation -> the same with the gains of a mix. Raises ParamsError for a stem that it does not have."""
    separation: Separation = inputs.previous
    labels = separation.labels
    unknown = [name for name in params.heard if name not in labels]
    if unknown:
        raise ParamsError(f"This separation has no stem '{unknown[0]}'; it has: {', '.join(labels)}.")
    show = params.show
    if show.startswith("stem "):
        number = int(show.removeprefix("stem ")) - 1
        if number >= len(labels):
            raise ParamsError(f"This separation has {len(labels)} stems, but {show} is to be shown; choose another.")
        show = labels[number]
    decibels = (params.gain_1, params.gain_2, params.gain_3)[: len(labels)]
    heard = [not params.heard or name in params.heard for name in labels]
    gains = [gain(value) if on else 0.0 for value, on in zip(decibels, heard, strict=True)]
    residual = 0.0 if params.heard else gain(params.gain_residual)
    pans = (params.pan_1, params.pan_2, params.pan_3)[: len(labels)]
    yield replace(separation, gains=(*gains, residual), show=show, pans=pans if any(pans) else ())


def gain(decibels: float) -> float:
    """Linear gain; `MUTED_DB` is silence."""
    return 0.0 if decibels <= MUTED_DB else float(10 ** (decibels / 20))


ANALYSES.register(
    Analysis(
        key="separate",
        title="Source separation",
        summary="Separates the voices of people who talk at once, or speech from the noise around it.",
        action="Part voices that talk at once",
        icon="audio-lines",
        inputs=(Slot("sound", "Sound", frozenset({MediaKind.AUDIO, MediaKind.VIDEO}), streamed=True),),
        stages=(
            Stage("separate", run_separate, SeparateParams, where="accelerator", uses_network=True, long=True),
            Stage("mix", run_mix, MixParams, where="main"),
        ),
        result=Separation,
        task="separate",
        default_model="conv-tasnet-small",
        order=45,
        samples={"sound": "dialogue"},
        keywords=(
            "speech separation",
            "blind source separation",
            "cocktail party",
            "speech enhancement",
            "noise suppression",
            "stems",
            "SI-SDR",
            "voices",
            "solo",
            "mute",
            "음원 분리",
            "화자 분리",
            "음성 분리",
            "음성 향상",
            "잡음 제거",
        ),
    )
)
