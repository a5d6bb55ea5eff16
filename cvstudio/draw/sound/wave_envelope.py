"""The waveform of a sound, its channels one below the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import View
from cvstudio.draw.base import Emphasis, Look, painted_over, paints
from cvstudio.draw.palette import RGB
from cvstudio.results.sound.wave_envelope import WIDTH, WaveEnvelope

WAVE: RGB = (76, 141, 255)
GROUND: RGB = (22, 24, 28)
CLIPPED: RGB = (255, 138, 130)
FULL_SCALE = 0.9999
"""Level from which a column is drawn as clipped."""


def wave_mask(extremes: NDArray[np.float32], rows: int) -> NDArray[np.bool_]:
    """Pixels between the least and largest values, bool (`rows`, pixels), of one channel float32 (2, pixels).

    Row 0 is 1, the last row -1. A silent pixel is a line of one row; NaN is empty.
    """
    low, high = extremes
    known = np.isfinite(low)
    middle = (rows - 1) / 2
    # Rounded outwards of a half pixel, so that a curve of neighbouring pixels has no gap.
    top = np.rint(middle - np.where(known, high, 0.0) * middle)
    bottom = np.rint(middle - np.where(known, low, 0.0) * middle)
    places = np.arange(rows)[:, None]
    inside: NDArray[np.bool_] = (places >= np.clip(top, 0, rows - 1)) & (places <= np.clip(bottom, 0, rows - 1)) & known
    return inside


@paints(WaveEnvelope)
def paint_wave(result: WaveEnvelope, canvas: NDArray[np.uint8], view: View, look: Look, emphasis: Emphasis) -> None:
    with painted_over(result.size, canvas, view, look) as area:
        if area is None:
            return
        area.pixels[:] = GROUND
        samples_per_pixel = result.pyramid.n_samples / (WIDTH * view.scale)
        span = area.left * samples_per_pixel, area.right * samples_per_pixel
        extremes = result.pyramid.extremes(*span, area.right - area.left)
        lane = result.size.height * view.scale / len(extremes)
        for number, channel in enumerate(extremes):
            rows = max(1, round((number + 1) * lane) - round(number * lane))
            mask = wave_mask(channel, rows)
            first = round(number * lane) - area.top
            low, high = max(0, first), min(len(area.pixels), first + rows)
            if low >= high:
                continue
            mask = mask[low - first : high - first]
            loud = np.nan_to_num(np.abs(channel).max(0)) >= FULL_SCALE
            part = area.pixels[low:high]
            part[mask] = WAVE
            part[mask & loud] = CLIPPED
