"""Stems of a sound on one spectrogram, each in its colour."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Rect, Size, View
from cvstudio.draw.base import Emphasis, Look, paints
from cvstudio.draw.palette import RGB, class_colour
from cvstudio.draw.sound.spectrogram_levels import render_levels
from cvstudio.draw.spectrogram import extent, paint_columns
from cvstudio.results.separation import Separation


def track_colour(separation: Separation, name: str) -> RGB:
    """The colour of a stem or of the residual, as in its table."""
    return class_colour(name, separation.tracks)


def stem_picture(
    separation: Separation, times: tuple[float, float], frequencies: tuple[float, float], size: Size
) -> NDArray[np.uint8]:
    """The stems, their masks or one track within edges in seconds and Hz, uint8 RGB (h, w, 3) of `size`.

    Colours of stems add up where several are strong. A mask is the share of a stem in the power of all.
    """
    names = separation.labels if separation.show in ("stems", "masks") else (separation.show,)
    levels = np.stack(
        [render_levels(separation.spectra[separation.tracks.index(name)], times, frequencies, size) for name in names]
    )
    weights = _shares(separation, levels) if separation.show == "masks" else levels / np.float32(255)
    colours = np.array([track_colour(separation, name) for name in names], np.float32)
    picture: NDArray[np.uint8] = np.clip(np.tensordot(weights, colours, (0, 0)), 0, 255).astype(np.uint8)
    return picture


def _shares(separation: Separation, levels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Share of each stem in the power of all, float32 (stems, h, w) 0..1, from displayed levels; 0 where none has
    any."""
    spectrogram = separation.spectra[0]
    decibels = np.linspace(spectrogram.show_low_db, spectrogram.show_high_db, 256)
    power = (10 ** (decibels / 10)).astype(np.float32)
    power[0] = 0
    powers = power[levels]
    shares: NDArray[np.float32] = powers / np.maximum(powers.sum(0), np.float32(1e-20))
    return shares


def whole_separation(separation: Separation, look: Look, widest: int) -> NDArray[np.uint8]:
    """One pixel per column and bin: uint8 RGB (bins, at most `widest`, 3)."""
    size = separation.size
    whole = extent(separation.spectra[0], Rect(0, 0, size.width, size.height))
    return stem_picture(separation, *whole, Size(max(1, min(size.width, widest)), size.height))


@paints(Separation, whole=whole_separation)
def paint_separation(
    separation: Separation, canvas: NDArray[np.uint8], view: View, look: Look, emphasis: Emphasis
) -> None:
    spectrogram = separation.spectra[0]
    paint_columns(
        spectrogram,
        canvas,
        view,
        look,
        lambda rect, size: stem_picture(separation, *extent(spectrogram, rect), size),
    )
