"""The result of a spectral estimate: the level of each frequency in a stretch of sound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size, readonly
from cvstudio.data.sound.frequency_scale import Scale, note
from cvstudio.data.sound.spectra import Spectrum
from cvstudio.results.result import Placement, Result
from cvstudio.results.source import Source
from cvstudio.results.tables import Column, Table


@dataclass(frozen=True, eq=False)
class PowerSpectrum(Result):
    """Level over frequency of a stretch of sound.

    Parameters
    ----------
    frequencies_hz : float64 (bins,)
    decibels : float32 (bins,), relative to a sine of amplitude 1
    start_secs, stop_secs : the stretch
    rate_hz : sample rate
    window : samples of each window that was averaged
    windows : number of windows
    floor_db, axis : lowest level and scale of the frequency axis that it is drawn with
    """

    placement: ClassVar[Placement] = Placement.OWN_VIEW

    frequencies_hz: NDArray[np.float64]
    decibels: NDArray[np.float32]
    start_secs: float
    stop_secs: float
    rate_hz: int
    window: int
    windows: int
    floor_db: float = -120.0
    axis: Scale = "linear"
    source: Source = Source()

    def __post_init__(self) -> None:
        if self.decibels.ndim != 1 or self.decibels.shape != self.frequencies_hz.shape:
            raise ValueError(f"expected a level of each frequency, found {self.decibels.shape}")
        object.__setattr__(self, "frequencies_hz", readonly(self.frequencies_hz))
        object.__setattr__(self, "decibels", readonly(self.decibels))

    @property
    def size(self) -> Size:
        """Size of the picture."""
        return Size(960, 400)

    @property
    def spectrum(self) -> Spectrum:
        return Spectrum(self.frequencies_hz, self.decibels)

    def headline(self) -> str:
        hertz, level = self.spectrum.peak()
        name = note(hertz)
        return f"peak {hertz:,.1f} Hz{f' ({name})' if name else ''}, {level:.1f} dB"

    def table(self) -> Table:
        """All frequencies with their levels."""
        columns = (Column("frequency_hz", "Frequency", unit="Hz"), Column("level_db", "Level", unit="dB"))
        rows = [
            (round(hertz, 3), round(level, 2))
            for hertz, level in zip(self.frequencies_hz.tolist(), self.decibels.tolist(), strict=True)
        ]
        return Table("cvstudio-power-spectrum", "bins", columns, rows)
