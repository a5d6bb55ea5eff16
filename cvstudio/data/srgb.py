"""Linear light to sRGB: exposure and transfer function."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEPS = 1 << 16
"""Quantisation levels of linear light: 20 for the darkest step of eight-bit sRGB."""


def encode_srgb(light: NDArray[Any]) -> NDArray[Any]:
    """The sRGB opto-electronic transfer function (IEC 61966-2-1) of linear light 0..1, of any shape."""
    return np.asarray(np.where(light <= 0.0031308, light * 12.92, 1.055 * np.power(light, 1 / 2.4) - 0.055))


def decode_srgb(levels: NDArray[Any]) -> NDArray[Any]:
    """Linear light 0..1 of sRGB levels 0..1: the inverse of `encode_srgb`."""
    return np.asarray(np.where(levels <= 0.04045, levels / 12.92, np.power((levels + 0.055) / 1.055, 2.4)))


@functools.cache
def _srgb_table() -> NDArray[np.uint8]:
    """The sRGB opto-electronic transfer function (IEC 61966-2-1) for 0..1 in `STEPS` steps."""
    light = np.arange(STEPS) / (STEPS - 1)
    values = encode_srgb(light)
    table = (values * 255 + 0.5).astype(np.uint8)
    table.flags.writeable = False
    return table


def srgb8(light: NDArray[np.float32], exposure_ev: float = 0.0) -> NDArray[np.uint8]:
    """Linear light as sRGB.

    Parameters
    ----------
    light : float32, any shape; 1 is the white of the display, larger values are clipped, NaN becomes black
    exposure_ev : exposure in stops; each doubles the light

    Returns
    -------
    uint8 of the same shape, a new array
    """
    import cv2

    gain = 2.0**exposure_ev
    flat = np.ascontiguousarray(light, np.float32).reshape(-1, 1)
    # Clipped before scaling: a value that does not fit the integer would wrap. `fmax` prefers the value that is not
    # NaN, so that NaN becomes 0.
    clipped = np.fmin(np.fmax(flat, np.float32(0)), np.float32(1 / gain))
    levels = cv2.multiply(clipped, gain * (STEPS - 1), dtype=cv2.CV_16U)
    return np.asarray(_srgb_table()[levels.reshape(light.shape)])
