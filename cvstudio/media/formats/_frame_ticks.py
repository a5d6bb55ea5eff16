"""Times of the frames of a video, from its packets."""

from __future__ import annotations

from pathlib import Path

from cvstudio.media.container import decode_video, gives_frame, open_container, video_stream
from cvstudio.media.damage.avi_index import demuxed
from cvstudio.media.file_identity import damaged, decoding


def frame_ticks(path: Path, origin: int) -> list[int]:
    """Times of the frames of the video at `path` in ticks of its stream, ascending and different, from `origin`, the
    first that can be shown, on.

    All packets are read and none is decoded, but where some state no time, as those of MPEG program streams do.

    Raises
    ------
    MediaError
        The file cannot be read.
    """
    ticks: set[int] = set()
    with open_container(path) as container, decoding(path):
        stream = video_stream(container)
        if stream is None:
            raise damaged(path)
        codec = stream.codec_context.codec.canonical_name
        for packet in demuxed(container, stream):
            if not gives_frame(packet, codec):
                continue
            if packet.pts is None:
                break
            ticks.add(packet.pts)
        else:
            return sorted(time for time in ticks if time >= origin)
    return _decoded_ticks(path)


def _decoded_ticks(path: Path) -> list[int]:
    ticks: list[int] = []
    with open_container(path) as container, decoding(path):
        stream = video_stream(container)
        if stream is None:
            raise damaged(path)
        stream.thread_type = "AUTO"
        for time, _ in decode_video(container, stream):
            if not ticks or time > ticks[-1]:
                ticks.append(time)
    return ticks
