"""What is on screen, as one value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cvstudio.session.resolve import CanvasLayer


@dataclass(frozen=True, eq=False)
class LayerOnScreen:
    """One analysis on screen: its result, whether that is out of date, and which input it still needs.

    `age_secs` is how much older the frame of the result is than the one on screen: smooth playing only.
    """

    layer: CanvasLayer
    result: Any
    stale: bool
    message: str
    age_secs: float = 0.0


@dataclass(frozen=True, eq=False)
class FrameOnScreen:
    """What is on screen: frame and results as one value, so that an overlay never sits on the wrong frame."""

    sample: Any
    pts: float | None
    layers: tuple[LayerOnScreen, ...]
