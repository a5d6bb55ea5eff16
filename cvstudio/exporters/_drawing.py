"""Pictures with their results as formats write them: at a scale, with lines and text of the size for files."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size, View
from cvstudio.data.samples import Image
from cvstudio.draw import Look, for_export, render
from cvstudio.foundation.params import Doc, Range

Scale = Annotated[
    float,
    Range(0.05, 2, step=0.05, unit="×"),
    Doc("Scale", "Size beside the original; lines and text keep their share of it.", "0.5 halves both sides."),
]
BLACK, WHITE = (0, 0, 0), (255, 255, 255)


def drawn(base: Image | None, result: Any, look: Look, size: Size, scale: float) -> NDArray[np.uint8]:
    """A picture of `size` with `result` on it, at `scale`: uint8 RGB (h, w, 3). Without `base` it is black."""
    view = View(View.whole(size).rect, scale)
    layers = [(result, for_export(look, view.size))]
    if base is None:
        return render(None, layers, view, background=BLACK)
    return render(base, layers, view, exposure_ev=look.exposure)


def overlay(result: Any, look: Look, size: Size, scale: float) -> NDArray[np.uint8]:
    """`result` alone on a transparent ground: uint8 RGBA (h, w, 4), straight alpha.

    What is opaque looks the same on black and on white, so opacity follows from both, whatever the painter does.
    """
    view = View(View.whole(size).rect, scale)
    layers = [(result, for_export(look, view.size))]
    on_black, on_white = (render(None, layers, view, background=ground) for ground in (BLACK, WHITE))
    through = np.clip(on_white.astype(np.float32) - on_black, 0, 255).mean(axis=2)
    alpha = np.rint(255 - through).astype(np.uint8)
    straight = on_black * np.float32(255) / np.maximum(alpha, 1)[..., None]
    return np.dstack([np.clip(np.rint(straight), 0, 255).astype(np.uint8), alpha])
