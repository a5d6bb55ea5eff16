"""Facts about a video beside its size and length: frame rate, rotation, pixel format, bit rate."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any

from cvstudio.media.base import Media
from cvstudio.media.container import first_frame, open_container, time_base, video_stream
from cvstudio.media.file_identity import damaged, decoding

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

TIMED_FRAMES = 300
"""Frames at the beginning whose intervals are compared."""
_REORDERED = 17
_JITTER_SECS = 0.0021
"""Spread of intervals that rounding to milliseconds causes at a constant rate, and a margin."""


def video_facts(media: Media, sample: Any) -> Iterator[tuple[str, str]]:
    """Frame rate, rotation, pixels and bit rate as (title, text). Raises MediaError."""
    with open_container(media.path) as container:
        stream = video_stream(container)
        if stream is None:
            raise damaged(media.path)
        frame = first_frame(media.path, container, stream)[1]
        pixels, rotation, bit_rate = frame.format.name, round(frame.rotation) % 360, container.bit_rate or 0
    # Opened again: decoding the first frame has used up packets.
    with open_container(media.path) as container, decoding(media.path):
        stream = video_stream(container)
        even = stream is None or _is_constant(container, stream)
    if media.frame_rate:
        yield "Frame rate", rate_text(media.frame_rate, even=even)
    if rotation:
        yield "Rotation", f"{rotation}° (shown upright)"
    yield "Pixels", pixels
    if bit_rate:
        yield "Bit rate", f"{bit_rate / 1e6:.3g} Mbit/s"


def rate_text(rate: float, *, even: bool) -> str:
    """Frame rate as text; `even` says whether it is constant."""
    return f"{rate:.5g} fps" if even else f"variable, {rate:.5g} fps on average"


def _is_constant(container: InputContainer, stream: VideoStream) -> bool:
    """Whether the first `TIMED_FRAMES` frames have a constant rate."""
    packets = (packet.pts for packet in container.demux(stream))
    # Packets come in the order of decoding.
    times = sorted(pts for pts in islice(packets, TIMED_FRAMES) if pts is not None)
    if len(times) == TIMED_FRAMES:
        del times[-_REORDERED:]  # their neighbours may not have been read
    gaps = [after - before for before, after in pairwise(times)]
    if len(gaps) < 2:
        return True
    spread = float((max(gaps) - min(gaps)) * time_base(stream))
    return spread <= _JITTER_SECS
