"""What the large plot of a sound shows: a spectrogram, separated stems, or cepstral coefficients."""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Hashable

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size
from cvstudio.data.sound.frequency_scale import Scale, frequency, note
from cvstudio.draw.sound.cepstrum import cepstrum_levels
from cvstudio.draw.sound.separation import stem_picture
from cvstudio.draw.sound.spectrogram_levels import render_levels
from cvstudio.results.separation import Separation
from cvstudio.results.sound.cepstrum import Cepstrum
from cvstudio.results.source import Source
from cvstudio.results.spectrogram import Spectrogram

NARROWEST_HZ = 50.0
"""Least height of the view, where it is linear."""

HeatResult = Spectrogram | Separation | Cepstrum


class Content(ABC):
    """A result as a picture over time; the upward axis has places of its own.

    Attributes
    ----------
    source : the sound
    scale : of the places; `names` of rows in its place, where the axis is none of frequencies
    levels_db : levels of the darkest and brightest colour; None where colours mean something else
    """

    source: Source
    scale: Scale = "linear"
    names: tuple[str, ...] = ()
    levels_db: tuple[float, float] | None = None

    @property
    @abstractmethod
    def key(self) -> Hashable:
        """What the view is kept for while it is the same."""

    @property
    @abstractmethod
    def duration_secs(self) -> float: ...

    @property
    @abstractmethod
    def computed_secs(self) -> float: ...

    @property
    @abstractmethod
    def axis_range(self) -> tuple[float, float]:
        """Lowest and highest place."""

    @property
    def narrowest(self) -> float:
        """Least height of the view."""
        low, high = self.axis_range
        return min(NARROWEST_HZ if self.scale == "linear" and not self.names else (high - low) / 20, high - low)

    @abstractmethod
    def picture(self, times: tuple[float, float], places: tuple[float, float], size: Size) -> NDArray[np.uint8]:
        """The part within edges in seconds and places: levels uint8 (h, w), or RGB (h, w, 3), the highest row first."""

    @abstractmethod
    def read_out(self, secs: float, place: float) -> str:
        """What is at a point, for the status line."""

    def value(self, secs: float, place: float) -> tuple[float, float]:
        """Frequency in hertz and level in decibels at a point; NaN where there is none."""
        return math.nan, math.nan


class SpectrogramContent(Content):
    """A spectrogram, in levels."""

    def __init__(self, result: Spectrogram) -> None:
        self.result = result
        self.source = result.source
        self.scale = result.axis
        self.levels_db = (result.show_low_db, result.show_high_db)

    @property
    def key(self) -> Hashable:
        # Another window changes the duration by less than its length.
        return self.source, round(self.duration_secs), self.axis_range

    @property
    def duration_secs(self) -> float:
        return self.result.duration_secs

    @property
    def computed_secs(self) -> float:
        return self.result.columns_done * self.result.hop / self.result.rate_hz

    @property
    def axis_range(self) -> tuple[float, float]:
        return self.result.axis_range

    def picture(self, times: tuple[float, float], places: tuple[float, float], size: Size) -> NDArray[np.uint8]:
        return render_levels(self.result, times, places, size)

    def value(self, secs: float, place: float) -> tuple[float, float]:
        return frequency(self.scale, place), decibels_at(self.result, secs, place)

    def read_out(self, secs: float, place: float) -> str:
        hertz, decibels = self.value(secs, place)
        parts = (
            f"{secs:.3f} s",
            f"{hertz:,.0f} Hz",
            note(hertz),
            "—" if math.isnan(decibels) else f"{decibels:.1f} dB",
        )
        return " · ".join(part for part in parts if part)


class SeparationContent(SpectrogramContent):
    """Stems in their colours."""

    def __init__(self, result: Separation) -> None:
        super().__init__(dataclasses.replace(result.spectra[0], source=result.source))
        self.separation = result
        self.levels_db = None

    def picture(self, times: tuple[float, float], places: tuple[float, float], size: Size) -> NDArray[np.uint8]:
        return stem_picture(self.separation, times, places, size)

    def value(self, secs: float, place: float) -> tuple[float, float]:
        levels = (decibels_at(item, secs, place) for item in self.separation.spectra)
        return frequency(self.scale, place), max(levels)


class CepstrumContent(Content):
    """Coefficients, one above the other."""

    def __init__(self, result: Cepstrum) -> None:
        self.result = result
        self.source = result.source
        self.names = result.names

    @property
    def key(self) -> Hashable:
        return self.source, round(self.duration_secs), self.names

    @property
    def duration_secs(self) -> float:
        return self.result.duration_secs

    @property
    def computed_secs(self) -> float:
        return self.result.columns_done * self.result.hop / self.result.rate_hz

    @property
    def axis_range(self) -> tuple[float, float]:
        return -0.5, len(self.names) - 0.5

    def picture(self, times: tuple[float, float], places: tuple[float, float], size: Size) -> NDArray[np.uint8]:
        return cepstrum_levels(self.result, times, places, size)

    def read_out(self, secs: float, place: float) -> str:
        row, column = round(place), round(secs * self.result.rate_hz / self.result.hop)
        if not (0 <= row < len(self.names) and 0 <= column < self.result.columns_done):
            return ""
        return f"{secs:.3f} s · {self.names[row]} · {self.result.coefficients[row, column]:.2f}"


def content_of(result: HeatResult) -> Content:
    """The content that shows a result."""
    if isinstance(result, Separation):
        return SeparationContent(result)
    return CepstrumContent(result) if isinstance(result, Cepstrum) else SpectrogramContent(result)


def decibels_at(spectrogram: Spectrogram, secs: float, place: float) -> float:
    """Level in dB relative to full scale at a time and a place of the axis, which is hertz on a linear one; NaN where
    nothing is computed."""
    column = round(secs * spectrogram.rate_hz / spectrogram.hop)
    row = round(float(spectrogram.row_at(np.array([place], np.float64))[0]))
    if not (0 <= column < spectrogram.columns_done and 0 <= row < spectrogram.levels.shape[0]):
        return float("nan")
    span = spectrogram.high_db - spectrogram.low_db
    return spectrogram.low_db + float(spectrogram.levels[row, column]) / 255 * span
