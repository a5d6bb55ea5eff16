"""Names of the frames of a video in labels: the number of the frame from 0 on, as CVAT writes it."""

from __future__ import annotations

import re

_FRAME = re.compile(r"^(.*?)frame_(\d{6,})$", re.DOTALL)


def frame_name(prefix: str, number: int) -> str:
    """Name of the frame `number` of the video whose frames begin with `prefix`, such as "clip.mp4/frame_000012"."""
    return f"{prefix}frame_{number:06d}"


def frame_number(name: str, prefix: str) -> int | None:
    """Number of the frame of that name; None where it is none of the video whose frames begin with `prefix`."""
    found = _FRAME.match(name)
    return int(found.group(2)) if found is not None and found.group(1) == prefix else None
