"""A power spectrum as a curve: frequency to the right, level upwards."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import View
from cvstudio.data.sound.frequency_scale import LOWEST_HZ, position
from cvstudio.draw.base import Emphasis, Look, painted_over, paints
from cvstudio.draw.palette import RGB
from cvstudio.draw.text import chip
from cvstudio.results.sound.power_spectrum import PowerSpectrum

CURVE: RGB = (76, 141, 255)
GROUND: RGB = (22, 24, 28)
GRID: RGB = (53, 58, 67)
WORDS: RGB = (154, 161, 171)
STEP_DB = 20
TICKS_HZ = (20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000)
SMALLEST_TEXT = 9
EVEN_TICKS = 6
"""Ticks of a linear axis, about."""


def ticks_hz(result: PowerSpectrum) -> tuple[float, ...]:
    """Frequencies that are marked on the axis."""
    nyquist = result.rate_hz / 2
    if result.axis != "linear":
        return tuple(float(hertz) for hertz in TICKS_HZ if hertz < nyquist)
    step = next((hertz for hertz in TICKS_HZ if hertz * EVEN_TICKS >= nyquist), TICKS_HZ[-1])
    return tuple(float(hertz) for hertz in np.arange(0, nyquist, step))


@paints(PowerSpectrum)
def paint_power_spectrum(
    result: PowerSpectrum, canvas: NDArray[np.uint8], view: View, look: Look, emphasis: Emphasis
) -> None:
    import cv2

    with painted_over(result.size, canvas, view, look) as area:
        if area is None:
            return
        area.pixels[:] = GROUND
        width, height = result.size.width * view.scale, result.size.height * view.scale
        low = position(result.axis, LOWEST_HZ if result.axis == "log" else 0.0)
        high = position(result.axis, result.rate_hz / 2)
        corner = np.array((area.left, area.top))

        def place(hertz: NDArray[np.float64], decibels: NDArray[np.floating]) -> NDArray[np.float64]:
            across = (position(result.axis, hertz) - low) / (high - low) * width
            down = np.clip(decibels / result.floor_db, -0.1, 1.1) * height
            return np.asarray(np.stack((across, down), -1) - corner, np.float64)

        thin = look.px(1)
        for level in range(0, int(result.floor_db), -STEP_DB):
            y = round(level / result.floor_db * height) - area.top
            cv2.line(area.pixels, (0, y), (area.pixels.shape[1], y), GRID, thin)
        for hertz in ticks_hz(result):
            x = round(float(place(np.array([hertz]), np.zeros(1))[0, 0]))
            cv2.line(area.pixels, (x, 0), (x, area.pixels.shape[0]), GRID, thin)
        points = place(result.frequencies_hz, result.decibels)
        if result.axis == "log":
            points = points[result.frequencies_hz >= LOWEST_HZ]
        rounded = np.rint(np.clip(points * 16, -(1 << 24), 1 << 24)).astype(np.int32)
        cv2.polylines(area.pixels, [rounded[:, None]], False, CURVE, look.line_width, cv2.LINE_AA, 4)
        size = max(SMALLEST_TEXT, look.font_size - 2)
        for level in range(-STEP_DB, int(result.floor_db), -STEP_DB):
            _word(area.pixels, f"{level} dB", 0, round(level / result.floor_db * height) - area.top, size)
        bottom = round(height) - area.top - 2 * size
        for hertz in ticks_hz(result)[1:]:
            name = f"{hertz / 1000:g} kHz" if hertz >= 1000 else f"{hertz:g} Hz"
            _word(area.pixels, name, round(float(place(np.array([hertz]), np.zeros(1))[0, 0])), bottom, size)


def _word(pixels: NDArray[np.uint8], text: str, x: int, y: int, size: int) -> None:
    """Write a text whose left upper corner is at (x, y), as far as it lies on `pixels`."""
    word = chip(text, size, WORDS, GROUND)
    rows, columns = slice(max(0, y), max(0, y + word.shape[0])), slice(max(0, x), max(0, x + word.shape[1]))
    place = pixels[rows, columns]
    place[:] = word[max(0, -y) :, max(0, -x) :][: place.shape[0], : place.shape[1]]
