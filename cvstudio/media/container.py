"""Multimedia containers through FFmpeg's libraries, for the readers of video and of sound."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Collection, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from cvstudio.foundation.errors import MediaError
from cvstudio.media.appended import appended_fact
from cvstudio.media.base import SoundTrack
from cvstudio.media.damage.avi_index import demuxed
from cvstudio.media.file_identity import damaged, decoding, quoted
from cvstudio.media.pictures.headers import is_heif
from cvstudio.media.spliced import format_name, spliced

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

# ISO base media and QuickTime, Matroska and WebM, AVI, Ogg, FLV, ASF, MPEG program and transport streams.
# No other file is given to FFmpeg: it also opens play lists, which name other files and addresses.
_CONTAINERS = re.compile(
    rb".{4}(?:ftyp|moov|mdat|wide|free|skip)|\x1aE\xdf\xa3|RIFF.{4}AVI |OggS|FLV\x01|\x30\x26\xb2\x75\x8e\x66\xcf\x11"
    rb"|\0\0\x01[\xba\xb3]|G.{187}G.{187}G|.{4}G.{191}G.{191}G",
    re.DOTALL,
)
# Codecs of single pictures, in which players and taggers store covers.
_PICTURE_CODECS = ("mjpeg", "png", "bmp", "gif", "webp")
_MOMENT_SECS = 0.5
_EACH_SHOWN = frozenset(("av1", "vp8", "vp9", "mjpeg", "ffv1", "prores"))
"""Codecs of which each packet that is shown gives a frame; dav1d passes over zeros and says nothing."""
_PLACEHOLDER_BYTES = 8
"""Length up to which a packet of MPEG-4 only stands for the frame before it."""
_VP8_SHOWN = 0x10
"""Bit of the first byte of a frame that is shown (RFC 6386, 9.1); others only serve as references."""
_LOOKED_AT = 1 << 20
"""Bytes behind the end of a file of which is told what they are."""
_CONTENTS = frozenset((b"moov", b"moof", b"meta"))
_BOXES = _CONTENTS | {
    *(b"ftyp", b"styp", b"mdat", b"free", b"skip", b"wide", b"uuid", b"mfra", b"sidx", b"ssix", b"prft", b"emsg"),
    *(b"pdin", b"pnot", b"udta", b"imda", b"mpvd", b"sefd"),
}
"""Boxes that stand outermost; a file without one of `_CONTENTS` has nothing to read."""
_FRAGMENT = re.compile(rb"\0\0..moof\0\0..mfhd", re.DOTALL)
"""How a fragment of a recording begins."""
_ISO = re.compile(rb".{4}(?:ftyp|moov|mdat|wide|free|skip)", re.DOTALL)


def is_container(head: bytes) -> bool:
    """Whether a file that begins with `head` holds streams of video or sound."""
    return _CONTAINERS.match(head) is not None and not is_heif(head)


def open_container(path: Path) -> InputContainer:
    """Open with FFmpeg, which is allowed to read this file only; recordings one behind the other as one.

    Raises MediaError.
    """
    import av

    with decoding(path):
        # "file:" because a colon or a percent sign in a name would mean something to FFmpeg.
        container = av.open(f"file:{path}", metadata_errors="replace", options={"protocol_whitelist": "file"})
        return spliced(path, container)


def video_streams(container: InputContainer) -> list[VideoStream]:
    """The video streams; the cover picture of a sound file is none, flagged as one or not."""
    from av.stream import Disposition

    streams = (s for s in container.streams.video if not s.disposition & Disposition.attached_pic)
    return [stream for stream in streams if not _is_cover(container, stream)]


def video_stream(container: InputContainer) -> VideoStream | None:
    """The first video stream; None where there is none."""
    return next(iter(video_streams(container)), None)


def _is_cover(container: InputContainer, stream: VideoStream) -> bool:
    """Whether `stream` is a single picture beside a longer sound."""
    if not (container.streams.audio and _decodable(stream) and stream.codec_context.name in _PICTURE_CODECS):
        return False
    frame_count = stream.frames or int(stream.metadata.get("NUMBER_OF_FRAMES") == "1")
    picture_secs = _stated_secs(stream)
    if frame_count > 1 or (frame_count == 0 and not 0 < picture_secs < _MOMENT_SECS):
        return False
    sound_secs = max(_stated_secs(sound) for sound in container.streams.audio)
    return picture_secs < (sound_secs or (container.duration or 0) / 1_000_000)


def _stated_secs(stream: VideoStream | AudioStream) -> float:
    """Duration in seconds from the header or, in Matroska, from the stream's tags; 0 where there is none."""
    if stream.duration:
        return float(stream.duration * time_base(stream))
    tag = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)\0*", stream.metadata.get("DURATION", ""))
    return int(tag[1]) * 3600 + int(tag[2]) * 60 + float(tag[3]) if tag else 0.0


def audio_streams(container: InputContainer) -> list[AudioStream]:
    """The sound tracks that can be decoded, in the order of the file."""
    return [s for s in container.streams.audio if _decodable(s) and s.codec_context.sample_rate > 0]


def audio_stream(container: InputContainer, number: int = 1) -> AudioStream | None:
    """Sound track `number`, counted from 1; None where there is none."""
    tracks = audio_streams(container)
    return tracks[number - 1] if 1 <= number <= len(tracks) else None


def sound_tracks(container: InputContainer) -> tuple[SoundTrack, ...]:
    """Descriptions of the sound tracks that can be decoded, from the container's metadata."""
    return tuple(
        SoundTrack(
            number,
            stream.codec_context.name,
            stream.codec_context.sample_rate,
            stream.codec_context.layout.nb_channels,
            _metadata(stream, "language").replace("und", ""),
            _metadata(stream, "title") or _track_name(stream),
        )
        for number, stream in enumerate(audio_streams(container), 1)
    )


def _track_name(stream: AudioStream) -> str:
    """Title of a track from the handler's name, where MP4 keeps it; most programs write their own name there."""
    name = _metadata(stream, "handler_name")
    return "" if "andler" in name or name.startswith(("Core Media", "Apple")) else name


def _metadata(stream: AudioStream, key: str) -> str:
    return str(stream.metadata.get(key, "")).strip()


def _decodable(stream: VideoStream | AudioStream) -> bool:
    # Despite its type the context is None where this build of FFmpeg has no decoder.
    context: Any = stream.codec_context
    return context is not None


def check_decodable(path: Path, stream: VideoStream) -> None:
    """Raise MediaError where FFmpeg has no decoder for `stream`, also as its parameters are damaged."""
    if not _decodable(stream):
        raise MediaError(
            f"{quoted(path)} uses a video codec that is not supported, or its video track is damaged; "
            f"get a fresh copy of it, or convert it, e.g. to H.264 in MP4."
        )


def decode_video(
    container: InputContainer, stream: VideoStream, lost: Callable[[Collection[int]], None] | None = None
) -> Iterator[tuple[int, VideoFrame]]:
    """Frames in presentation order from the container's position, each with its time in ticks of `stream.time_base`.

    As in every player a damaged packet is a short flaw, not the end of the video. `lost` is told the times in ticks of
    the frames that could not be decoded.
    """
    import av

    step = round(1 / (stream.average_rate * time_base(stream))) if stream.average_rate else 1
    last = (stream.start_time or 0) - step
    waiting = _Waiting(stream.codec_context.codec.canonical_name)
    for packet in _small_packets(container, stream):
        waiting.add(packet)
        try:
            frames = stream.decode(packet)
        except av.InvalidDataError:
            waiting.note_damage()
            continue
        for frame in frames:
            last = last + step if frame.pts is None else frame.pts
            if (passed := waiting.passed(last, frame)) and lost is not None:
                lost(passed)
            yield last, frame
    if (rest := waiting.rest(last + step)) and lost is not None:
        lost(rest)


def gives_frame(packet: Packet[VideoStream], codec: str) -> bool:
    """Whether a packet of `codec`, FFmpeg's name, holds a frame of its own that is shown, if it is not damaged."""
    if not packet.size or packet.is_discard:
        return False
    if codec == "mpeg4":
        return packet.size > _PLACEHOLDER_BYTES
    return codec != "vp8" or bool(memoryview(packet)[0] & _VP8_SHOWN)


class _Waiting:
    """The times of the packets whose frames have not come yet.

    A decoder says that a packet is damaged some packets later, or not at all where a frame comes with that packet; of
    others it gives no frame, as it lacks what they refer to. So frames are lost whose time has passed since something
    was damaged, up to the second key frame: the first may have come before the damage. Without damage none is lost, but
    a packet is not shown, or is half a frame.

    Parameters
    ----------
    codec : FFmpeg's name
    """

    def __init__(self, codec: str) -> None:
        self._codec = codec
        self._begin: int | None = None
        self._times: set[int] = set()
        self._key_frames = 0  # up to which something is damaged

    def add(self, packet: Packet[VideoStream]) -> None:
        """A packet is given to the decoder. Those in front of the first key frame need frames that nobody has read."""
        time = packet.dts if packet.pts is None else packet.pts
        if time is None or not gives_frame(packet, self._codec):
            return
        if self._begin is None and packet.is_keyframe:
            self._begin = time
        if self._begin is not None and time >= self._begin:
            self._times.add(time)
        if packet.is_corrupt:
            self.note_damage()

    def note_damage(self) -> None:
        """The decoder, or the container, says that something is damaged."""
        self._key_frames = 2

    def passed(self, time: int, frame: VideoFrame) -> set[int]:
        """The times of frames that were lost before `frame`, which has come at `time`."""
        self._times.discard(time)
        if frame.is_corrupt:
            self.note_damage()
        passed = {earlier for earlier in self._times if earlier < time}
        self._times -= passed
        lost = passed if self._damaged() else set()
        if frame.key_frame and not frame.is_corrupt:
            self._key_frames = max(0, self._key_frames - 1)
        return lost

    def rest(self, following: int) -> set[int]:
        """The times of frames that were lost at the end of the video, whose next frame would be at `following`.

        A decoder with several threads does not say that the last packet is damaged.
        """
        return self._times if self._damaged() else {time for time in self._times if time >= following}

    def _damaged(self) -> bool:
        return self._key_frames > 0 or self._codec in _EACH_SHOWN


def _small_packets(container: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
    """Packets from which a decoder gets at most a few frames: all that it gets is in memory at once.

    FFmpeg's own decoders make one frame of a packet, that of VP9 up to eight. dav1d goes on to the end of the packet,
    in which thousands of frames of 70 bytes have room: they are parted.
    """
    import av

    if stream.codec_context.codec.canonical_name != "av1":
        yield from demuxed(container, stream)
        return
    parting = av.BitStreamFilterContext("av1_frame_split", stream)
    for packet in container.demux(stream):
        if not packet.size:
            yield from parting.filter(None)
            yield packet  # the end, at which the decoder gives what it holds
            return
        yield from parting.filter(packet)


def seeks_exactly(container: InputContainer) -> bool:
    """Whether time stamps after a seek equal those of decoding from the beginning.

    MPEG program and elementary streams time only some frames, and FFmpeg's guess for the others differs after a
    seek; a frame of a GIF or an animated PNG holds only the changes to the previous one. For these, going back means
    decoding from the beginning.
    """
    return format_name(container) not in ("mpeg", "mpegvideo", "gif", "apng")


def time_base(stream: VideoStream | AudioStream) -> Fraction:
    """Duration in seconds of a tick of the stream's clock."""
    return stream.time_base or Fraction(1, 1_000_000)


def first_frame(path: Path, container: InputContainer, stream: VideoStream) -> tuple[int, VideoFrame]:
    """The first frame of a newly opened container and its time in ticks, at which the video's clock begins.

    Raises
    ------
    MediaError
        No frame can be decoded.
    """
    check_decodable(path, stream)
    with decoding(path):
        frame = next(decode_video(container, stream), None)
    if frame is None:
        raise damaged(path)
    return frame


def check_whole(path: Path, head: bytes) -> None:
    """Raise MediaError where a file ends before its own structure does.

    FFmpeg would open it and then stop somewhere, which looks like a shorter video.
    """
    length = path.stat().st_size
    with decoding(path), path.open("rb") as file:
        if _ISO.match(head):
            whole = _iso_end(file, length) <= length
        elif head.startswith(b"RIFF") and head[8:12] != b"WAVE":  # a WAV is read to its end, and that is told
            # 0 and the largest value come from programs that cannot go back to fill in the size.
            (size,) = struct.unpack("<I", head[4:8])
            whole = size in (0, 0xFFFFFFFF) or size + 8 <= length
        elif head.startswith(b"OggS"):
            whole = _ogg_whole(file, length)
        else:
            whole = True
    if not whole:
        raise damaged(path)


def _iso_end(file: BinaryIO, length: int) -> int:
    """Where the outermost boxes end (ISO/IEC 14496-12, 4.2), or the first would that is no box: data are appended."""
    names: set[bytes] = set()
    position = 0
    while position + 8 <= length:
        file.seek(position)
        header = file.read(16)
        size, name = struct.unpack(">I4s", header[:8])
        if size == 1 and len(header) == 16:
            (size,) = struct.unpack(">Q", header[8:])
        if size == 0 and name in _BOXES:
            return length  # the last box extends to the end
        if size < 8 or not re.fullmatch(rb"[\w \xa9-]{4}", name):
            return position
        text = position + size > length and name not in _BOXES
        if names & _CONTENTS and (text or name == b"ftyp"):
            return position  # text that reads like a box, or another file
        names.add(name)
        position += size
    return position


def appended_to(path: Path, noun: str) -> str:
    """What is told of bytes behind the boxes of an ISO file that `noun` names; "" for none, and for other files.

    Raises
    ------
    MediaError
        The file cannot be read.
    """
    with decoding(path), path.open("rb") as file:
        if not _ISO.match(file.read(8)):
            return ""
        length = path.stat().st_size
        end = _iso_end(file, length)
        file.seek(end)
        behind = file.read(_LOOKED_AT)
        if behind[4:8] == b"ftyp" and noun == "video":
            return f"another video of {length - end:,} bytes behind it, which no player shows; cut it off to open it"
        if fragment := _FRAGMENT.search(behind):
            lost = f"{fragment.start():,} damaged bytes"
            return f"the rest of the {noun}, {length - end:,} bytes, as it begins with {lost}"
        return appended_fact(behind, noun, length - end)


def _ogg_whole(file: BinaryIO, length: int) -> bool:
    """Whether the last page is complete (RFC 3533, section 6); a page has less than 64 KiB."""
    file.seek(max(0, length - 65_536))
    tail = file.read()
    if b"OggS" not in tail:
        return True  # other bytes are appended
    page = tail[tail.rfind(b"OggS") :]
    if not page.startswith(b"OggS") or len(page) < 27 or len(page) < 27 + page[26]:
        return False
    return len(page) >= 27 + page[26] + sum(page[27 : 27 + page[26]])


def ogg_links(path: Path) -> list[int]:
    """Offsets at which the links of an Ogg file begin, ending with the length of the file (RFC 3533, section 4): a link
    is chained where a stream begins behind the data of others.

    Raises
    ------
    MediaError
        The file cannot be read.
    """
    offsets, beginning = [0], True
    with decoding(path), path.open("rb") as file:
        length, position = path.stat().st_size, 0
        while (header := file.read(27)).startswith(b"OggS") and len(header) == 27:
            begins = bool(header[5] & 2)
            if begins and not beginning:
                offsets.append(position)
            beginning = begins
            position += 27 + header[26] + sum(file.read(header[26]))
            file.seek(position)
    return [*offsets, length]
