"""Recording of a camera as H.264 in MP4, each frame at its own presentation time."""

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
"""The fastest preset, at the cost of file size: a camera does not wait, and network and window need the CPU, too."""
RESERVE_BYTES = 200 << 20
"""Free disk space below which a recording is ended, so that the file can be completed."""
LOOK_SECS = 0.5
"""Interval of checks of the free disk space."""

Ended = Literal["stopped", "camera", "disk"]


@dataclass(frozen=True)
class Recorded:
    """A finished recording.

    Parameters
    ----------
    path : the video
    frames : number of written frames
    dropped : number of frames that were lost: not taken from the camera in time, or not written in time
    secs : seconds from the first to the last frame
    ended : reason of the end: "stopped" by the user, "camera" (see `error`), or "disk" nearly full
    error : error of the camera; empty where there is none
    """

    path: Path
    frames: int
    dropped: int
    secs: float
    ended: Ended
    error: str = ""


def record(path: Path, tap: Tap, progress: Progress) -> Recorded:
    """Write the frames of `tap` to `path` until it ends. Frames of another size are fitted into that of the first.

    Raises
    ------
    ExportError
        The file cannot be written, or there was no frame.
    Cancelled
        `progress` was cancelled; no file is left.
    """
    with tap, writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary, mp4_file(temporary, path.name) as target:
            return _write(path, target, tap, progress)


def _write(path: Path, target: Any, tap: Tap, progress: Progress) -> Recorded:
    stream: Any = None
    size = Size(0, 0)
    start_pts, last_tick, frames, checked, short = 0.0, -1, 0, 0.0, False
    for frame in tap:
        progress.check()
        if time.monotonic() - checked > LOOK_SECS:
            checked = time.monotonic()
            # Of what is captured: frames that wait are not lost.
            captured_pts = start_pts if tap.newest_pts is None or stream is None else tap.newest_pts
            progress(None, clock(int(captured_pts - start_pts)))
            short = shutil.disk_usage(path.parent).free < RESERVE_BYTES
            if short:
                tap.close()
                break
        if frame is None:
            continue
        if stream is None:
            size, start_pts = frame.size, frame.pts
            pixels = even_sides(frame.rgb8)
            stream = add_picture(target, pixels, TICK, USUAL_RATE, ENCODER)
        ticks = round((frame.pts - start_pts) / TICK)
        if ticks <= last_tick:
            continue  # presentation times in MP4 are unique
        pixels = even_sides(fitted(frame.rgb8, size))
        target.mux(stream.encode(encoded_form(pixels, float(ticks * TICK), TICK)))
        last_tick, frames = ticks, frames + 1
    if stream is None:
        raise ExportError(_no_frame_text(tap.error, short=short))
    target.mux(stream.encode())
    ended: Ended = "disk" if short else "camera" if tap.error is not None else "stopped"
    return Recorded(path, frames, tap.dropped + tap.missed, float(last_tick * TICK), ended, str(tap.error or ""))


def clock(secs: int) -> str:
    """A duration as text: 1:05 or 1:00:05."""
    hours, minutes = divmod(secs // 60, 60)
    return f"{hours}:{minutes:02}:{secs % 60:02}" if hours else f"{minutes}:{secs % 60:02}"


def _no_frame_text(error: MediaError | None, *, short: bool) -> str:
    """Why nothing was recorded, and what to do. `short` : whether the disk is nearly full."""
    if short:
        return "Nothing was recorded: the disk is nearly full; free some space or choose another disk."
    return f"Nothing was recorded: {error or 'the camera sent no picture; press play and try again.'}"
