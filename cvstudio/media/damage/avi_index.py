"""Packets of an AVI at the times of its index."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

_Stream = TypeVar("_Stream", "VideoStream", "AudioStream")
_HEADER_BYTES = 8
"""Name and size in front of the data of a chunk, to which the index points."""


class IndexedTimes:
    """Corrects the times of the packets of one stream.

    An AVI states no times: FFmpeg counts packets, so that behind damage all would come too early, and sound and frames
    by different times. The index tells which ones they are.
    """

    def __init__(self, container: InputContainer, stream: VideoStream | AudioStream) -> None:
        self._entries = stream.index_entries if container.format.name == "avi" else None
        self._times: dict[int, int] = {}

    def correct(self, packet: Packet[Any]) -> None:
        """Give `packet` the time at which the index has it; other containers state their times."""
        if self._entries is None or packet.pos is None or packet.dts is None or not packet.size:
            return
        start = packet.pos - _HEADER_BYTES
        if not self._times:
            place = self._entries.search_timestamp(packet.dts, any_frame=True)
            if place >= 0 and self._entries[place].pos == start:
                return
            # Some hundred thousand, so only where something is wrong.
            self._times = {entry.pos: entry.timestamp for entry in self._entries}
        ahead = self._times.get(start, packet.dts) - packet.dts
        if ahead > 0:
            packet.dts += ahead
            if packet.pts is not None:
                packet.pts += ahead


def demuxed(container: InputContainer, stream: _Stream) -> Iterator[Packet[_Stream]]:
    """Packets of `stream` from the container's position on, at their right times."""
    times = IndexedTimes(container, stream)
    for packet in container.demux(stream):
        times.correct(packet)
        yield packet
