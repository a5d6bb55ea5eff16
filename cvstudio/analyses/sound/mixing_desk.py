"""Mixing desk: a test mixture of two sounds, separated by a network and scored against them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import Analysis, Slot
from cvstudio.analyses.sound._chunks import SeparatorNetwork, joined, separated
from cvstudio.analyses.sound._spectrum import SoundSource
from cvstudio.analyses.sound.separate import MixParams, at_rate, run_mix, spectra_of
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.data.intelligibility import stoi
from cvstudio.data.sound_measures import best_assignment, sdr, si_sdr
from cvstudio.foundation.errors import MediaError, UserError
from cvstudio.foundation.params import Doc, Range
from cvstudio.foundation.progress import PartProgress, Progress
from cvstudio.media.base import MediaKind
from cvstudio.results.separation import ScoredSeparation, SourceScore

MOST_SECS = 600.0
"""Longest mixture: the measures transform it as a whole."""

PEAK = 0.9
"""Largest magnitude of a mixture, which is made quieter where it would be more."""

PESQ_MISSING = "PESQ was not measured: the package pesq is not installed (pip install pesq)."
PESQ_RATES = {8_000: "nb", 16_000: "wb"}
"""Mode of PESQ by sample rate: narrow band and wide band."""

SOUNDS = frozenset({MediaKind.AUDIO, MediaKind.VIDEO})


@dataclass(frozen=True)
class DeskParams:
    """The mixture, and how it is separated."""

    ratio: Annotated[
        float,
        Range(-20, 20, step=0.5, unit="dB"),
        Doc("Ratio", "How much louder the first sound is than the second, by their root mean square.", "0 is hardest."),
    ] = 0.0
    chunk: Annotated[
        float,
        Range(2, 30, step=1, unit="s"),
        Doc("Chunk", "The network hears so much at once.", "Longer ones take more memory.", more=True),
    ] = 10.0


def mixed(
    first: NDArray[np.float32], second: NDArray[np.float32], ratio_db: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A mixture (n,) of two sounds, as long as the shorter one, and its sources (2, n), which add up to it.

    The first keeps its level, unless the mixture would exceed `PEAK`; the second is `ratio_db` below it.

    Raises
    ------
    MediaError
        A sound is silent: there is no ratio.
    """
    count = min(len(first), len(second))
    sources = np.stack((first[:count], second[:count])).astype(np.float64)
    levels = np.sqrt(np.square(sources).mean(1))
    for number, level in enumerate(levels):
        if not level > 0:
            name = ("first", "second")[number]
            raise MediaError(f"A mixture expects two sounds, found a silent one, the {name}; choose another.")
    sources[1] *= levels[0] / levels[1] * 10 ** (-ratio_db / 20)
    sources *= min(1.0, PEAK / float(np.abs(sources.sum(0)).max()))
    return sources.sum(0).astype(np.float32), sources.astype(np.float32)


def scored(
    sources: NDArray[np.float32],
    stems: NDArray[np.float32],
    mixture: NDArray[np.float32],
    rate_hz: int,
    labels: tuple[str, ...],
) -> tuple[SourceScore, ...]:
    """Scores of each source with the stem that fits it best, by SI-SDR. Raises UserError where there are too few."""
    order = best_assignment(sources, stems).order
    scores = []
    for number, (source, stem) in enumerate(zip(sources, order, strict=True)):
        estimate = stems[stem]
        scores.append(
            SourceScore(
                ("first", "second")[number],
                labels[stem],
                si_sdr(source, mixture),
                si_sdr(source, estimate),
                sdr(source, mixture),
                sdr(source, estimate),
                _stoi(source, mixture, rate_hz),
                _stoi(source, estimate, rate_hz),
                _pesq(source, estimate, rate_hz),
            )
        )
    return tuple(scores)


def _stoi(source: NDArray[np.float32], estimate: NDArray[np.float32], rate_hz: int) -> float | None:
    try:
        return stoi(source, estimate, rate_hz)
    except UserError:  # less than 0.4 s of speech
        return None


def pesq_installed() -> bool:
    """Whether the optional package is there."""
    import importlib.util

    return importlib.util.find_spec("pesq") is not None


def _pesq(source: NDArray[np.float32], estimate: NDArray[np.float32], rate_hz: int) -> float | None:
    if rate_hz not in PESQ_RATES or not pesq_installed():
        return None
    import importlib

    module = importlib.import_module("pesq")
    try:
        return float(module.pesq(rate_hz, source, estimate, PESQ_RATES[rate_hz]))
    except (module.PesqError, ValueError):  # no utterance in it
        return None


def run_desk(inputs: Inputs, params: DeskParams, progress: Progress) -> Iterator[ScoredSeparation]:
    """Stage: two open readers -> ScoredSeparation. Raises MediaError for sounds that are silent or too long."""
    network: SeparatorNetwork = inputs.network
    rate_hz = network.rate_hz
    readers: list[SoundSource] = [inputs.samples["first"], inputs.samples["second"]]
    secs = min(reader.n_samples / reader.rate_hz for reader in readers)
    if secs > MOST_SECS:
        raise MediaError(
            f"The mixing desk expects at most {MOST_SECS / 60:.0f} minutes of sound, found {secs / 60:.0f}; cut a part "
            f"out of it."
        )
    parts = [PartProgress(progress, (0.0, 0.05)), PartProgress(progress, (0.05, 0.1))]
    first, second = (at_rate(reader, rate_hz, None, part) for reader, part in zip(readers, parts, strict=True))
    mixture, sources = mixed(first, second, params.ratio)
    chunk = round(params.chunk * rate_hz)
    chunks: list[NDArray[np.float32]] = []
    for chunks in separated(network, mixture, chunk, PartProgress(progress, (0.1, 0.8))):  # noqa: B007 (the last)
        progress.check()
    stems = joined(chunks, len(mixture), chunk, ordered=network.ordered)
    progress(0.8, "scoring")
    scores = scored(sources, stems, mixture, rate_hz, network.labels)
    spectra = spectra_of(stems, mixture, rate_hz, PartProgress(progress, (0.9, 1.0)))
    yield ScoredSeparation(
        stems,
        rate_hz,
        network.labels,
        readers[0].rate_hz,
        round(len(mixture) / rate_hz * readers[0].rate_hz),
        spectra,
        source=inputs.source,
        mixture=mixture,
        scores=scores,
        pesq_missing="" if pesq_installed() else PESQ_MISSING,
    )


ANALYSES.register(
    Analysis(
        key="mixing-desk",
        title="Mixing desk",
        summary="Mixes two sounds at a chosen ratio, separates them, and measures how well that worked.",
        action="Measure a separation",
        icon="sliders-horizontal",
        inputs=(
            Slot("first", "First sound", SOUNDS, streamed=True),
            Slot("second", "Second sound", SOUNDS, streamed=True),
        ),
        stages=(
            Stage("desk", run_desk, DeskParams, where="accelerator", uses_network=True, long=True),
            Stage("mix", run_mix, MixParams, where="main"),
        ),
        result=ScoredSeparation,
        task="separate",
        default_model="conv-tasnet-small",
        order=46,
        on_start_page=False,
        samples={"first": "voice-a", "second": "voice-b"},
        keywords=(
            "SI-SDR",
            "SDR",
            "STOI",
            "PESQ",
            "test mixture",
            "evaluate a separation",
            "signal-to-noise ratio",
            "믹싱",
            "분리 성능",
            "신호 대 잡음비",
        ),
    )
)
