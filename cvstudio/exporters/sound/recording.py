"""Recording of a microphone as FLAC, 24 bits a sample."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cvstudio.exporters.base import writing
from cvstudio.exporters.recording import LOOK_SECS, RESERVE_BYTES, clock
from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.errors import ExportError
from cvstudio.foundation.progress import Progress
from cvstudio.media.playback.microphone import SoundTap

SUFFIX = ".flac"

Ended = Literal["stopped", "device", "disk"]


@dataclass(frozen=True)
class RecordedSound:
    """A finished recording.

    Parameters
    ----------
    path : the sound
    secs : its length
    gaps : how often sound was lost
    clipped : whether a sample was at full scale or above
    ended : reason of the end: "stopped", "device" (it was taken out), or "disk" nearly full
    """

    path: Path
    secs: float
    gaps: int
    clipped: bool
    ended: Ended


def record_sound(path: Path, tap: SoundTap, progress: Progress, *, secs: float | None = None) -> RecordedSound:
    """Write the sound of `tap` to `path` until it ends, or for `secs`; closes the tap.

    Raises
    ------
    ExportError
        The file cannot be written, or there was no sound.
    Cancelled
        `progress` was cancelled; no file is left.
    """
    import numpy as np
    import soundfile

    with tap, writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        most = None if secs is None else round(secs * tap.rate_hz)
        written, checked, clipped, short = 0, 0.0, False, False
        with atomic_path(path) as temporary:
            with soundfile.SoundFile(
                temporary, "w", tap.rate_hz, tap.channels, subtype="PCM_24", format="FLAC"
            ) as target:
                stopped = False
                for block in tap:
                    progress.check()
                    if time.monotonic() - checked > LOOK_SECS:
                        checked = time.monotonic()
                        progress(None, clock(written // tap.rate_hz))
                        short = shutil.disk_usage(path.parent).free < RESERVE_BYTES
                    if block is not None:
                        part = block[: None if most is None else most - written]
                        target.write(part)
                        written += len(part)
                        clipped = clipped or bool(np.abs(part).max(initial=0) >= 1)
                    stopped = written == most
                    if short or stopped:
                        break
            if not written:
                raise ExportError("Nothing was recorded: the microphone sent no sound; check it and try again.")
        ended: Ended = "disk" if short else "device" if tap.failed and not stopped else "stopped"
        return RecordedSound(path, written / tap.rate_hz, tap.gaps, clipped, ended)
