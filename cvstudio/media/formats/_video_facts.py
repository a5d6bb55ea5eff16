"""Facts about a video beside its size and length: frame rate, pixel aspect, other sizes, rotation, pixels, bit rate."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any

from cvstudio.data.geometry import Size
from cvstudio.media.base import Media
from cvstudio.media.container import (
    first_frame,
    open_container,
    seeks_exactly,
    time_base,
    video_stream,
)
from cvstudio.media.file_identity import damaged, decoding
from cvstudio.media.formats._video_frames import ColorTags, matrix_text, orientation

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

TIMED_FRAMES = 300
"""Frames at the beginning whose intervals are compared."""
_REORDERED = 17
_SAMPLED_KEYS = 8
_READ_BYTES = 64 << 20
"""Transport streams up to this size are read whole, to tell which frames are not shown."""
_JITTER_SECS = 0.0021
"""Spread of intervals that rounding to milliseconds causes at a constant rate, and a margin."""


def video_facts(media: Media, sample: Any) -> Iterator[tuple[str, str]]:
    """Frame rate, aspect, sizes, rotation, scan, matrix, pixels and bit rate as (title, text). Raises MediaError."""
    with open_container(media.path) as container:
        stream = video_stream(container)
        if stream is None:
            raise damaged(media.path)
        tags = ColorTags.of(stream)
        frame = first_frame(media.path, container, stream)[1]
        tags.complete(frame)
        turns, mirrored = orientation(stream.codec_context.name, frame)
        pixels, bit_rate = frame.format.name, container.bit_rate or 0
        stored, aspect = Size(frame.width, frame.height), stream.sample_aspect_ratio or 1
    # Opened again: decoding the first frame has used up packets.
    with open_container(media.path) as container, decoding(media.path):
        stream = video_stream(container)
        even = stream is None or _is_constant(container, stream)
    if repeated := _repeated_times(media):
        frames = "1 frame whose time comes" if repeated == 1 else f"{repeated:,} frames whose times come"
        yield "Not read", f"{frames} again, as of recordings put one behind the other; convert it, e.g. to MP4"
    if media.frame_rate:
        yield "Frame rate", rate_text(media.frame_rate, even=even)
    if aspect != 1:
        yield "Pixel aspect", f"{aspect.numerator}:{aspect.denominator} (stored as {_size_text(stored)})"
    if others := _other_sizes(media, stored):
        yield "Size changes", f"to {' and '.join(map(_size_text, others))} (scaled to the first one's size)"
    if turns:
        yield "Rotation", f"{turns * 90}° (shown upright)"
    if mirrored:
        yield "Mirrored", "left and right are swapped, as the file states"
    if frame.interlaced_frame:
        yield "Scan", "interlaced (a picture shows both fields)"
    if matrix := matrix_text(frame):
        yield "Matrix", matrix
    yield "Pixels", pixels
    if bit_rate:
        yield "Bit rate", f"{bit_rate / 1e6:.3g} Mbit/s"


def _repeated_times(media: Media) -> int:
    """Number of frames of a transport stream whose times are not later than all before, in the order of decoding."""
    if media.path.stat().st_size > _READ_BYTES:
        return 0
    latest, repeated = None, 0
    with open_container(media.path) as container, decoding(media.path):
        stream = video_stream(container)
        if stream is None or container.format.name != "mpegts":
            return 0
        for packet in container.demux(stream):
            if packet.dts is None:
                continue
            if latest is not None and packet.dts <= latest:
                repeated += 1
            latest = packet.dts if latest is None else max(latest, packet.dts)
    return repeated


def _size_text(size: Size) -> str:
    return f"{size.width} × {size.height}"


def _other_sizes(media: Media, first: Size) -> list[Size]:
    """Sizes other than the `first` of key frames at `_SAMPLED_KEYS` times, evenly from the beginning to the end."""
    import av

    sizes: dict[int, Size] = {}
    with open_container(media.path) as container, decoding(media.path):
        stream = video_stream(container)
        if stream is None or not media.duration_secs or not seeks_exactly(container):
            return []
        for number in range(1, _SAMPLED_KEYS + 1):
            secs = media.duration_secs * number / _SAMPLED_KEYS
            try:
                container.seek((stream.start_time or 0) + int(secs / time_base(stream)), stream=stream)
                packet = next((packet for packet in container.demux(stream) if packet.is_keyframe), None)
                if packet is None or packet.pts in sizes:
                    continue
                for frame in (*packet.decode(), *stream.codec_context.decode(None)):
                    sizes[packet.pts or 0] = Size(frame.width, frame.height)
            except av.FFmpegError:
                continue  # a file without an index, or a damaged frame
    return [size for size in dict.fromkeys(sizes.values()) if size != first]


def rate_text(rate: float, *, even: bool) -> str:
    """Frame rate as text; `even` says whether it is constant."""
    return f"{rate:.5g} fps" if even else f"variable, {rate:.5g} fps on average"


def _is_constant(container: InputContainer, stream: VideoStream) -> bool:
    """Whether the first `TIMED_FRAMES` frames have a constant rate."""
    packets = (packet.pts for packet in container.demux(stream) if not packet.is_discard)
    # Packets come in the order of decoding.
    times = sorted(pts for pts in islice(packets, TIMED_FRAMES) if pts is not None)
    if len(times) == TIMED_FRAMES:
        del times[-_REORDERED:]  # their neighbours may not have been read
    gaps = [after - before for before, after in pairwise(times)]
    if len(gaps) < 2:
        return True
    spread = float((max(gaps) - min(gaps)) * time_base(stream))
    return spread <= _JITTER_SECS
