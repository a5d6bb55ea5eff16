"""The waveform of a sound as an envelope, with its levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size
from cvstudio.data.sound.wave_pyramid import WavePyramid
from cvstudio.results.result import Placement, Result
from cvstudio.results.source import Source
from cvstudio.results.tables import Column, Table

WIDTH, HEIGHT = 1600, 200
"""Size of the picture of a channel."""

SILENCE_DB = -120.0
"""Lowest level that is told."""


@dataclass(frozen=True, eq=False)
class WaveEnvelope(Result):
    """Least and largest samples of a sound over time, and the levels of its channels.

    Parameters
    ----------
    pyramid : the extremes at all resolutions. Exception to the rule that data do not change: while it is computed, all
        partial results share it
    samples_done : samples of each channel that are in it
    peaks, levels, means : largest magnitude, root mean square and mean of each channel, relative to full scale
    clipped : samples at full scale of each channel
    extremes : float32 (channels, 2, cells), the finest level of `pyramid`
    """

    placement: ClassVar[Placement] = Placement.OWN_VIEW

    pyramid: WavePyramid
    samples_done: int
    peaks: tuple[float, ...]
    levels: tuple[float, ...]
    means: tuple[float, ...]
    clipped: tuple[int, ...]
    extremes: NDArray[np.float32]
    source: Source = Source()

    def __post_init__(self) -> None:
        view = self.extremes.view()
        view.flags.writeable = False
        object.__setattr__(self, "extremes", view)

    @staticmethod
    def of(pyramid: WavePyramid, source: Source = Source()) -> WaveEnvelope:
        """What is in `pyramid` so far."""
        return WaveEnvelope(
            pyramid,
            pyramid.samples_done,
            tuple(pyramid.peak().tolist()),
            tuple(pyramid.root_mean_square().tolist()),
            tuple(pyramid.mean().tolist()),
            tuple(pyramid.clipped().tolist()),
            pyramid.levels[0],
            source,
        )

    @property
    def size(self) -> Size:
        """Size of the picture, the channels one below the other."""
        return Size(WIDTH, HEIGHT * self.pyramid.channels)

    @property
    def duration_secs(self) -> float:
        return self.pyramid.n_samples / self.pyramid.rate_hz

    def headline(self) -> str:
        clipped = sum(self.clipped)
        peak = f"peak {decibels(max(self.peaks)):.1f} dB"
        return f"{peak}, {clipped:,} samples clipped" if clipped else peak

    def table(self) -> Table:
        """The levels of each channel."""
        columns = (
            Column("channel", "Channel"),
            Column("peak_db", "Peak", unit="dB"),
            Column("rms_db", "RMS", unit="dB"),
            Column("mean", "Offset"),
            Column("clipped", "Clipped"),
        )
        rows = [
            (number + 1, round(decibels(peak), 2), round(decibels(level), 2), round(mean, 6), clipped)
            for number, (peak, level, mean, clipped) in enumerate(
                zip(self.peaks, self.levels, self.means, self.clipped, strict=True)
            )
        ]
        return Table("cvstudio-levels", "channels", columns, rows)


def decibels(amplitude: float) -> float:
    """Level of an amplitude relative to 1, at least `SILENCE_DB`."""
    return float(20 * np.log10(max(amplitude, 10 ** (SILENCE_DB / 20))))
