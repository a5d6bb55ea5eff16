"""Facts about a video beside its size and length: frame rate, pixel aspect, other sizes, rotation, pixels, bit rate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median
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
from cvstudio.media.damage.losses import LOSSES
from cvstudio.media.damage.video_losses import find_losses
from cvstudio.media.file_identity import damaged, decoding
from cvstudio.media.formats._video_frames import ColorTags, matrix_text, orientation

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

_REORDERED = 17
_SAMPLED_KEYS = 8
_READ_BYTES = 64 << 20
"""Videos up to this size are read whole, to tell how even their frames are and which are not shown."""
_JITTER_SECS = 0.0021
"""Spread of intervals that rounding to milliseconds causes at a constant rate, and a margin."""
_ANIMATIONS = ("gif", "apng")
_FEW, _LEAST_FEW = 0.01, 2
"""Share, or number, of frames that last longer or shorter up to which the rate is not called variable."""


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
        gaps = [] if stream is None else _frame_gaps(container, stream)
        if container.format.name in _ANIMATIONS and (media.duration_secs or 0) - sum(gaps) > _JITTER_SECS:
            gaps.append(
                (media.duration_secs or 0) - sum(gaps)
            )  # each picture states how long it stays, the last one, too
    if repeated := _repeated_times(media):
        frames = "1 frame whose time comes" if repeated == 1 else f"{repeated:,} frames whose times come"
        yield "Not read", f"{frames} again, as of recordings put one behind the other; convert it, e.g. to MP4"
    find_losses(media)
    if lost := LOSSES.text(media):
        yield "Damage", lost
    if media.frame_rate:
        yield "Frame rate", rate_text(media.frame_rate, gaps)
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


def rate_text(rate: float, gaps: Sequence[float]) -> str:
    """Frame rate as text.

    Parameters
    ----------
    rate : frames per second, the mean
    gaps : seconds from each frame to the next one, in their order
    """
    typical = median(gaps) if gaps else 0.0
    odd = sum(abs(gap - typical) > _JITTER_SECS / 2 for gap in gaps)
    if not odd:
        return f"{rate:.5g} fps"
    if odd <= max(_LEAST_FEW, len(gaps) * _FEW) and odd <= len(gaps) / 10:
        # A recording of one rate that lost frames here and there.
        frames = "1 frame lasts" if odd == 1 else f"{odd:,} frames last"
        return f"{1 / typical:.5g} fps; {frames} longer or shorter, up to {max(gaps):.3g} s"
    return f"variable, {1 / max(gaps):.3g} to {1 / min(gaps):.3g} fps, {rate:.4g} on average"


def _frame_gaps(container: InputContainer, stream: VideoStream) -> list[float]:
    """Seconds between the frames, of long videos between those in the first `_READ_BYTES`; nothing is decoded."""
    times, n_bytes = [], 0
    for packet in container.demux(stream):
        n_bytes += packet.size
        if packet.pts is not None and not packet.is_discard:
            times.append(packet.pts)
        if n_bytes > _READ_BYTES and len(times) > _REORDERED:
            del times[-_REORDERED:]  # their neighbours may not have been read
            break
    # Packets come in the order of decoding.
    times.sort()
    return [float((after - before) * time_base(stream)) for before, after in pairwise(times) if after > before]
