"""Recording a camera: every frame that it sends, at its own time, as H.264 in MP4."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from cvstudio.data.geometry import Size
from cvstudio.exporters.base import writing
from cvstudio.exporters.video import CRF, add_picture, encoded_form, even_sides, mp4_file
from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.errors import ExportError, MediaError
from cvstudio.foundation.progress import Progress
from cvstudio.media.camera import fitted
from cvstudio.media.camera_tap import Tap

TICK = Fraction(1, 90_000)
USUAL_RATE = Fraction(30)
ENCODER = {"crf": CRF["high"], "preset": "ultrafast"}
"""A larger file, and room for a network and the window beside it: a camera does not wait."""
RESERVE_BYTES = 200 << 20
"""Room on the disk that is left: recording ends before, so that what was recorded can be finished."""
LOOK_SECS = 0.5

Ended = Literal["stopped", "camera", "disk"]


@dataclass(frozen=True)
class Recorded:
    """What was recorded.

    Parameters
    ----------
    path : the video
    frames, dropped : written, and left out as the camera was too fast for the encoder
    secs : from the first frame to the last one
    ended : "stopped" by the user, by the "camera" (see `error`), or as the "disk" is nearly full
    error : why the camera stopped; empty where it was told to
    """

    path: Path
    frames: int
    dropped: int
    secs: float
    ended: Ended
    error: str = ""


def record(path: Path, tap: Tap, progress: Progress) -> Recorded:
    """Write what `tap` gives to `path` until it ends. Frames of another size than the first are fitted into it.

    Raises
    ------
    ExportError
        The file cannot be written, or there was no frame.
    Cancelled
        `progress` was told to stop; nothing is left.
    """
    with tap, writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary, mp4_file(temporary, path.name) as target:
            return _write(path, target, tap, progress)


def _write(path: Path, target: Any, tap: Tap, progress: Progress) -> Recorded:
    stream: Any = None
    size = Size(0, 0)
    began, last, frames, looked, short = 0.0, -1, 0, 0.0, False
    for frame in tap:
        progress.check()
        if time.monotonic() - looked > LOOK_SECS:
            looked = time.monotonic()
            progress(None, _clock(int(max(0, last) * TICK)))
            short = shutil.disk_usage(path.parent).free < RESERVE_BYTES
            if short:
                tap.close()
                break
        if frame is None:
            continue
        if stream is None:
            size, began = frame.size, frame.pts
            pixels = even_sides(frame.rgb8)
            stream = add_picture(target, pixels, TICK, USUAL_RATE, ENCODER)
        ticks = round((frame.pts - began) / TICK)
        if ticks <= last:
            continue  # MP4 has one frame at a time
        pixels = even_sides(fitted(frame.rgb8, size))
        target.mux(stream.encode(encoded_form(pixels, float(ticks * TICK), TICK)))
        last, frames = ticks, frames + 1
    if stream is None:
        raise ExportError(_nothing(tap.error, short=short))
    target.mux(stream.encode())
    ended: Ended = "disk" if short else "camera" if tap.error is not None else "stopped"
    return Recorded(path, frames, tap.dropped, float(last * TICK), ended, str(tap.error or ""))


def _clock(secs: int) -> str:
    """1:05 or 1:00:05"""
    hours, minutes = divmod(secs // 60, 60)
    return f"{hours}:{minutes:02}:{secs % 60:02}" if hours else f"{minutes}:{secs % 60:02}"


def _nothing(error: MediaError | None, *, short: bool) -> str:
    if short:
        return "Nothing was recorded: the disk is nearly full; free some space or choose another disk."
    return f"Nothing was recorded: {error or 'the camera sent no picture; press play and try again.'}"
