"""Frame on screen together with its results, as one immutable value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cvstudio.session.resolve import CanvasLayer


@dataclass(frozen=True, eq=False)
class LayerOnScreen:
    """Result of one analysis on screen.

    Parameters
    ----------
    layer : layer that was resolved
    result : None where there is none yet
    stale : whether a newer result is being computed
    stopped : whether the user has stopped that, so that the result is what was there by then, if anything
    message : sentence on an input or model that is missing, else ""
    age_secs : time by which the frame of the result is older than the one on screen, in seconds; 0 except in smooth
        playing
    """

    layer: CanvasLayer
    result: Any
    stale: bool
    message: str
    age_secs: float = 0.0
    stopped: bool = False


@dataclass(frozen=True, eq=False)
class FrameOnScreen:
    """Frame and results on screen, as one value so that results are never painted over another frame.

    Parameters
    ----------
    sample : `Frame` or other sample of the active medium; None without one
    pts : its presentation time in seconds; None for a still picture
    layers : results in the order of the session's analyses
    """

    sample: Any
    pts: float | None
    layers: tuple[LayerOnScreen, ...]
