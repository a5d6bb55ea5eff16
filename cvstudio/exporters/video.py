"""An annotated video with its sound, every frame at its own presentation time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import View
from cvstudio.draw import render
from cvstudio.exporters import EXPORTERS
from cvstudio.exporters.base import Exporter, ExportItem, on_a_picture
from cvstudio.exporters.video_sound import SoundWriter
from cvstudio.foundation.errors import ExportError
from cvstudio.foundation.params import Choices, Doc
from cvstudio.foundation.progress import Progress
from cvstudio.media.base import Media
from cvstudio.media.container import open_container, time_base, video_stream

CRF: Mapping[str, str] = {"high": "18", "good": "23", "small": "28"}
"""x264's constant rate factor: 18 can hardly be told from the source, 23 is its own default."""

PRESET = "veryfast"
MAX_TICKS_PER_SEC = 1_000_000
DEFAULT_TIME_BASE = Fraction(1, 90_000)
BT709 = 1
"""The number of BT.709 in ISO/IEC 23091-2, for matrix, primaries and transfer alike."""


@dataclass(frozen=True)
class VideoOptions:
    """How the video is encoded."""

    quality: Annotated[
        str,
        Choices(tuple(CRF)),
        Doc("Quality", "How much of the picture is kept.", "Small makes a file of about a third of the size."),
    ] = "high"
    sound: Annotated[bool, Doc("With sound", "Takes the sound along, cut to the same part.")] = True


def _write_mp4(path: Path, item: ExportItem, progress: Progress) -> None:
    """Frames with their results, and the sound, as H.264 and AAC in MP4.

    Every frame is at its own time from where the part begins, however uneven they are; the first one, which may have
    begun before, is at 0.

    Raises
    ------
    ExportError
        There is no frame, or the encoder refuses them.
    OSError
        The file cannot be written.
    """
    with mp4_file(path, item.name, movflags="+faststart") as target:
        _write(target, item, item.options_as(VideoOptions), progress)


@contextmanager
def mp4_file(path: Path, name: str, **options: str) -> Iterator[Any]:
    """A new MP4 at `path`; `options` are the muxer's, and `name` is what an error calls it.

    Raises
    ------
    ExportError
        The encoder refuses what it is given.
    OSError
        The file cannot be written.
    """
    import av

    try:
        with av.open(str(path), "w", format="mp4", options=options) as target:
            yield target
    except av.FFmpegError as error:
        if isinstance(error, OSError) and error.errno and not isinstance(error, av.error.InvalidDataError):
            raise OSError(error.errno, error.strerror) from error
        raise ExportError(f"{name} cannot be written as MP4 ({error.strerror}); export its data instead.") from None


def _write(target: Any, item: ExportItem, options: VideoOptions, progress: Progress) -> None:
    media, look = item.media, item.drawn_as()
    assert media is not None  # what has frames is of a video
    stream: Any = None
    sound: SoundWriter | None = None
    tick = _tick(media)
    try:
        for moment in item.moments(progress):
            assert moment.image is not None
            assert moment.pts is not None
            whole = View.whole(moment.result.canvas_size(media.size or moment.image.size))
            pixels = even_sides(render(moment.image, [(moment.result, look)], whole))
            if stream is None:
                rate = Fraction(media.frame_rate or 30).limit_denominator(1001)
                encoder = {"crf": CRF[options.quality], "preset": PRESET}
                stream = add_picture(target, pixels, tick, rate, encoder)
                if options.sound:
                    sound = SoundWriter.add(target, media, start_secs=item.start_secs, stop_secs=item.stop_secs)
            time_secs = max(0.0, moment.pts - item.start_secs)
            target.mux(stream.encode(encoded_form(pixels, time_secs, tick)))
            if sound is not None:
                # Sound goes between the frames that it belongs to, so that players can read on.
                sound.write(time_secs, progress)
        if stream is None:
            raise ExportError(f"{media.name} expects at least one frame, found none; choose another part or file.")
        target.mux(stream.encode())
        if sound is not None:
            sound.write(None, progress)
    finally:
        if sound is not None:
            sound.close()


def _tick(media: Media) -> Fraction:
    """The clock of the source, on which its presentation times are whole numbers."""
    if media.format == "webp":
        return DEFAULT_TIME_BASE  # FFmpeg does not know its times, which are whole milliseconds
    with open_container(media.path) as container:
        picture = video_stream(container)
        found = time_base(picture) if picture else DEFAULT_TIME_BASE
    # MP4 counts ticks in 32 bits: a finer clock than this would not last for a film.
    return found if found.denominator <= MAX_TICKS_PER_SEC else DEFAULT_TIME_BASE


def add_picture(
    target: Any, pixels: NDArray[np.uint8], tick: Fraction, rate: Fraction, options: Mapping[str, str]
) -> Any:
    """A stream of pictures like `pixels` in the container `target`, whose times are whole `tick` seconds.

    `rate` is what the file says, and what the encoder plans by; `options` are the encoder's.
    """
    stream = target.add_stream("libx264", rate=rate, options=dict(options))
    stream.height, stream.width = pixels.shape[:2]
    stream.pix_fmt = "yuv420p"
    context = stream.codec_context
    context.time_base = tick
    # Untagged, players guess the matrix by the size of the picture, and colours shift.
    context.colorspace = context.color_primaries = context.color_trc = BT709
    context.color_range = 1
    return stream


def encoded_form(pixels: NDArray[np.uint8], pts: float, tick: Fraction) -> Any:
    """`pixels` as a YUV frame (BT.709, limited range) at `pts` seconds."""
    import av

    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
    encoded = frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
    encoded.pts = round(pts / tick)
    encoded.time_base = tick
    return encoded


def even_sides(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """H.264 with 4:2:0 colour wants even sides: the last row or column is repeated."""
    height, width = pixels.shape[:2]
    return np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


EXPORTERS.register(
    Exporter(
        "mp4",
        "MP4 video",
        ".mp4",
        on_a_picture,
        _write_mp4,
        "The video with its results and its sound, whole or a part of it.",
        video=True,
        preferred=True,
        params=VideoOptions,
        draws=True,
        keywords=("annotated video", "H.264", "film", "movie"),
    )
)
