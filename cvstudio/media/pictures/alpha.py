"""Opacity of pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def straight(colors: NDArray[Any], alpha: NDArray[Any], top: float) -> NDArray[Any]:
    """Undo that `colors` were multiplied by their opacity.

    Parameters
    ----------
    colors : uint8, uint16 or float32 (H, W, C)
    alpha : same dtype (H, W); `top` is opaque
    top : largest value of an integer, 1 for floats

    Returns
    -------
    same dtype (H, W, C); where nothing is opaque, the colours are as they were
    """
    gain = np.divide(np.float32(top), alpha, out=np.ones(alpha.shape, np.float32), where=alpha > 0, casting="unsafe")
    values: NDArray[np.float32] = colors * gain[..., None]
    if colors.dtype.kind == "f":
        return values
    return np.asarray(np.clip(values + np.float32(0.5), 0, top).astype(colors.dtype))
