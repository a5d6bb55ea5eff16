"""The result of source separation: the stems of a sound, and how they are mixed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size, readonly
from cvstudio.results.result import Placement, Result
from cvstudio.results.source import Source
from cvstudio.results.spectrogram import Spectrogram
from cvstudio.results.tables import Column, Table

RESIDUAL = "residual"
"""Name of what of the sound is in no stem."""

QUIET_DB = 25.0
"""A stem so far below the loudest one counts as silent."""

SILENCE_DB = -90.0
"""Level below which a whole sound counts as silent."""

_BLOCK = 1 << 20
"""Samples whose squares are in memory at once."""


@dataclass(frozen=True, eq=False)
class Separation(Result):
    """A sound parted into stems, and the mix of them that is heard.

    Parameters
    ----------
    stems : float32 (stems, n) at `rate_hz`, the rate of the network; they add up with the residual to the sound
    rate_hz : samples per second of the stems
    labels : names of the stems
    sound_rate_hz, sound_samples : rate and length of the sound itself
    spectra : of each stem in order, and last of the residual; all have the same size
    channel : number of the sound's channel that was parted; None for the mean of all
    gains : linear gain of each stem in order, and last of the residual, in the mix that is heard; 0 is silence
    show : what is drawn: "stems", "masks", or one of `labels` or `RESIDUAL`
    mixture : float32 (n,) at `rate_hz`, what was parted, where that is no file; its samples are counted by
        `sound_samples` then
    pans : -1 (left) to 1 (right) of each stem in the mix; empty where all are in the middle
    levels_db : root mean square of each stem in dB relative to full scale, at least `SILENCE_DB`; by default computed
    """

    placement: ClassVar[Placement] = Placement.OWN_VIEW

    stems: NDArray[np.float32]
    rate_hz: int
    labels: tuple[str, ...]
    sound_rate_hz: int
    sound_samples: int
    spectra: tuple[Spectrogram, ...]
    channel: int | None = None
    gains: tuple[float, ...] = ()
    show: str = "stems"
    source: Source = Source()
    levels_db: tuple[float, ...] = ()
    pans: tuple[float, ...] = ()
    mixture: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        if self.stems.ndim != 2 or self.stems.dtype != np.float32 or len(self.stems) != len(self.labels):
            raise ValueError(f"expected float32 ({len(self.labels)}, n), found {self.stems.dtype} {self.stems.shape}")
        if len(self.spectra) != len(self.labels) + 1:
            raise ValueError(f"expected {len(self.labels) + 1} spectra, found {len(self.spectra)}")
        object.__setattr__(self, "stems", readonly(self.stems))
        if self.mixture is not None:
            object.__setattr__(self, "mixture", readonly(self.mixture))
        if not self.gains:
            object.__setattr__(self, "gains", (*(1.0,) * len(self.labels), 0.0))
        # Hours of sound: once, and not again for each mix of the same stems.
        if not self.levels_db:
            object.__setattr__(self, "levels_db", tuple(map(_level_db, self.stems)))

    @property
    def tracks(self) -> tuple[str, ...]:
        """Names of all tracks: the stems and the residual."""
        return (*self.labels, RESIDUAL)

    @property
    def size(self) -> Size:
        """Size of the picture with one pixel per column and bin."""
        return self.spectra[0].size

    @property
    def duration_secs(self) -> float:
        return self.sound_samples / self.sound_rate_hz

    @property
    def silent(self) -> tuple[str, ...]:
        """Names of the stems that are silent, or `QUIET_DB` below the loudest one."""
        floor = max(max(self.levels_db) - QUIET_DB, SILENCE_DB)
        return tuple(name for name, level in zip(self.labels, self.levels_db, strict=True) if level <= floor)

    def headline(self) -> str:
        if not self.silent:
            return f"{len(self.labels)} stems, {self.duration_secs:.2f} s"
        if len(self.silent) == len(self.labels):
            return "silence"
        return f"silent: {', '.join(self.silent)}"

    def table(self) -> Table:
        """The tracks with their levels, their shares of the power of all stems, and their gains."""
        levels: tuple[float | None, ...] = (*self.levels_db, None)
        power = np.array([10 ** (level / 10) for level in self.levels_db])
        shares: tuple[float | None, ...] = (*(power / power.sum()).tolist(), None)
        rows = [
            (name, None if level is None else round(level, 2), share, round(gain, 4), gain > 0)
            for name, level, share, gain in zip(self.tracks, levels, shares, self.gains, strict=True)
        ]
        columns = (
            Column("track", "Track", kind="label", among=self.tracks),
            Column("level_db", "Level", unit="dB"),
            Column("share", "Share", unit="%", kind="fraction"),
            Column("gain", "Gain"),
            Column("heard", "Heard", kind="flag", shown=False),
        )
        quiet = frozenset(row for row, (name, *_) in enumerate(rows) if name in self.silent)
        return Table("cvstudio-separation", "tracks", columns, rows, quiet=quiet)


@dataclass(frozen=True)
class SourceScore:
    """How well a source was found in a mixture; decibels but for STOI.

    Parameters
    ----------
    source, stem : names of the source, and of the stem that fits it best
    si_sdr_before, si_sdr, sdr_before, sdr : of the mixture, and of the stem
    stoi_before, stoi : intelligibility, about 0 to 1; None where there is too little speech
    pesq : perceived quality, 1 to 4.6; None where it was not measured
    """

    source: str
    stem: str
    si_sdr_before: float
    si_sdr: float
    sdr_before: float
    sdr: float
    stoi_before: float | None = None
    stoi: float | None = None
    pesq: float | None = None


@dataclass(frozen=True, eq=False)
class ScoredSeparation(Separation):
    """Stems of a test mixture, whose sources are known.

    Parameters
    ----------
    scores : of each source
    pesq_missing : why the perceived quality was not measured, one sentence; empty where it was
    """

    scores: tuple[SourceScore, ...] = ()
    pesq_missing: str = ""

    def headline(self) -> str:
        gains = [score.si_sdr - score.si_sdr_before for score in self.scores]
        if not gains or not np.isfinite(gains).all():
            return super().headline()
        return f"SI-SDR improved by {np.mean(gains):.1f} dB"

    def table(self) -> Table:
        """The sources with their scores."""
        columns = (
            Column("source", "Source", kind="text"),
            Column("stem", "Stem", kind="label", among=self.tracks),
            Column("si_sdr_before_db", "Before", unit="dB"),
            Column("si_sdr_db", "SI-SDR", unit="dB"),
            Column("sdr_before_db", "SDR before", unit="dB", shown=False),
            Column("sdr_db", "SDR", unit="dB"),
            Column("stoi_before", "STOI before", shown=False),
            Column("stoi", "STOI"),
            Column("pesq", "PESQ", shown=not self.pesq_missing),
        )
        rows = [
            (
                score.source,
                score.stem,
                _rounded(score.si_sdr_before),
                _rounded(score.si_sdr),
                _rounded(score.sdr_before),
                _rounded(score.sdr),
                _rounded(score.stoi_before, 3),
                _rounded(score.stoi, 3),
                _rounded(score.pesq),
            )
            for score in self.scores
        ]
        return Table("cvstudio-separation-scores", "sources", columns, rows, note=self.pesq_missing)


def _rounded(value: float | None, digits: int = 2) -> float | None:
    return None if value is None or not np.isfinite(value) else round(value, digits)


def _level_db(stem: NDArray[np.float32]) -> float:
    """Root mean square of a stem float32 (n,) in dB relative to full scale, at least `SILENCE_DB`."""
    blocks = (stem[start : start + _BLOCK] for start in range(0, len(stem), _BLOCK))
    power = sum(float(np.square(block).sum(dtype=np.float64)) for block in blocks) / max(1, len(stem))
    return float(10 * np.log10(max(power, 10 ** (SILENCE_DB / 10))))
