"""A spectrogram as a picture: time to the right, frequency upwards."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from cvstudio.draw.base import Emphasis, Look, draw
from cvstudio.results import Spectrogram
from cvstudio.spectrum import render_levels
from cvstudio.types import Size, View, readonly


@functools.cache
def colour_lut(name: str) -> NDArray[np.uint8]:
    """256 RGB colours, uint8 (256, 3), perceptually even."""
    import cv2

    ramp = np.arange(256, dtype=np.uint8)
    if name == "grey":
        return readonly(np.repeat(ramp[:, None], 3, axis=1))
    code = {"viridis": cv2.COLORMAP_VIRIDIS, "magma": cv2.COLORMAP_MAGMA, "cividis": cv2.COLORMAP_CIVIDIS}[name]
    return readonly(cv2.applyColorMap(ramp[:, None], code)[:, 0, ::-1])


def spectrogram_size(result: Spectrogram) -> Size:
    """The picture's size in columns and bins."""
    return Size(result.levels.shape[1], result.levels.shape[0])


@draw.register
def _(result: Spectrogram, canvas: NDArray[np.uint8], view: View, look: Look, emphasis: Emphasis) -> None:
    size = spectrogram_size(result)
    secs = result.hop / result.rate_hz
    bin_hz = result.nyquist_hz / (size.height - 1)
    times = (view.rect.x * secs, view.rect.right * secs)
    # Row 0 of the picture is the highest frequency.
    tones = ((size.height - view.rect.bottom) * bin_hz, (size.height - view.rect.y) * bin_hz)
    levels = render_levels(result, times, tones, Size(canvas.shape[1], canvas.shape[0]))
    np.take(colour_lut(look.colour_map), levels, axis=0, out=canvas)
