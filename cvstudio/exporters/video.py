"""Annotated video with sound as MP4, each frame at its own presentation time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.exporters import EXPORTERS
from cvstudio.exporters._drawing import Scale, drawn
from cvstudio.exporters.base import Exporter, ExportItem, on_a_picture
from cvstudio.exporters.video_sound import SoundWriter
from cvstudio.foundation.errors import ExportError
from cvstudio.foundation.params import Choices, Doc
from cvstudio.foundation.progress import Progress
from cvstudio.media import open_reader
from cvstudio.media.base import Media
from cvstudio.media.container import open_container, time_base, video_stream
from cvstudio.media.damage.losses import LOSSES

CRF: Mapping[str, str] = {"high": "18", "good": "23", "small": "28"}
"""x264's constant rate factor: 18 is nearly indistinguishable from the source, 23 is its default."""

PRESET = "veryfast"
MAX_TICKS_PER_SEC = 1_000_000
DEFAULT_TIME_BASE = Fraction(1, 90_000)
LONG_LAST = 1.5
"""Duration of the last frame, as a multiple of the usual one, from which it is repeated."""
BT709 = 1
"""Code of BT.709 in ISO/IEC 23091-2, the same for matrix, primaries and transfer."""


@dataclass(frozen=True)
class VideoOptions:
    """Encoding of the video."""

    quality: Annotated[
        str,
        Choices(tuple(CRF)),
        Doc("Quality", "Picture quality.", "Small makes a file about a third of the size."),
    ] = "high"
    sound: Annotated[bool, Doc("Include sound", "Includes the sound, cut to the same range.")] = True
    scale: Scale = 1.0
    overlay_only: Annotated[
        bool, Doc("Overlay only", "Leaves the video out: the results on black.", "Blend it with another video.")
    ] = False


def _write_mp4(path: Path, item: ExportItem, progress: Progress) -> None:
    """Write the frames with their results, and the sound, as H.264 and AAC in MP4.

    Each frame keeps its presentation time (variable frame rate), relative to the first one, which is shown at the start
    of the exported part and may begin before it. The sound of a part begins and ends with its frames.

    Raises
    ------
    ExportError
        There is no frame, or the encoder rejects them.
    OSError
        The file cannot be written.
    """
    with mp4_file(path, item.name, movflags="+faststart") as target:
        _write(target, item, item.options_as(VideoOptions), progress)


@contextmanager
def mp4_file(path: Path, name: str, **options: str) -> Iterator[Any]:
    """Open a new MP4 container at `path` with the muxer's `options`; error messages use `name`.

    Raises
    ------
    ExportError
        The encoder rejects its input.
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
    assert media is not None  # frames come from a video
    stream: Any = None
    sound: SoundWriter | None = None
    tick, part = _tick(media), item.start_secs > 0 or item.stop_secs is not None
    start_secs = last_secs = 0.0
    last_pixels: Any = None
    try:
        for moment in item.moments(progress):
            assert moment.image is not None
            assert moment.pts is not None
            size = moment.result.canvas_size(media.size or moment.image.size)
            base = None if options.overlay_only else moment.image
            pixels = even_sides(drawn(base, moment.result, look, size, options.scale))
            if stream is None:
                # Without frames that refer to later ones: an MP4 is as long as its frames in the order of decoding, and
                # with uneven times and reordered frames the last ones would lie behind its end.
                encoder = {"crf": CRF[options.quality], "preset": PRESET, "bf": "0"}
                stream = add_picture(target, pixels, tick, _usual_rate(media), encoder)
                # The part begins with a frame, so that the first one lasts as long as it did.
                start_secs = moment.pts
                if options.sound:
                    sound = SoundWriter.add(target, media, start_secs=start_secs, whole=item.stop_secs is None)
            last_secs, last_pixels = moment.pts, pixels
            target.mux(stream.encode(encoded_form(pixels, last_secs - start_secs, tick)))
            if sound is not None:
                # Interleaved with the frames, so that players can read sequentially.
                sound.write(last_secs - start_secs, progress)
        if stream is None:
            raise ExportError(f"{media.name} expects at least one frame, found none; choose another part or file.")
        end_secs = _end_secs(media, last_secs, item.stop_secs)
        usual_secs = float(1 / _usual_rate(media))
        if end_secs - last_secs > LONG_LAST * usual_secs:
            # A file states the times between frames only, so a longer last frame is ended by a repetition of it.
            target.mux(stream.encode(encoded_form(last_pixels, end_secs - usual_secs - start_secs, tick)))
        target.mux(stream.encode())
        if sound is not None:
            sound.finish(end_secs - start_secs if part else None, progress)
    finally:
        if sound is not None:
            sound.close()


def _usual_rate(media: Media) -> Fraction:
    """Nominal frames per second."""
    return Fraction(media.frame_rate or 30).limit_denominator(1001)


def _end_secs(media: Media, last_secs: float, stop_secs: float | None) -> float:
    """End in seconds of the last exported frame, which begins at `last_secs`.

    It lasts as long as a frame usually does, so that a part is evenly spaced; longer where it was on screen until the
    end of the part, or of a video whose last frames are damaged.
    """
    usual_secs = float(1 / _usual_rate(media))
    if stop_secs is None and media.duration_secs and LOSSES.text(media):
        return max(last_secs + usual_secs, media.duration_secs)  # the last frames could not be decoded
    if stop_secs is None or stop_secs - last_secs <= LONG_LAST * usual_secs:
        return last_secs + usual_secs
    with open_reader(media) as reader:
        reader.at(last_secs)
        following = reader.next()
    return last_secs + usual_secs if following is None else min(following.pts, stop_secs)


def _tick(media: Media) -> Fraction:
    """Time base of the source in seconds: presentation times are integer multiples of it."""
    if media.format == "webp":
        return DEFAULT_TIME_BASE  # FFmpeg does not read its times, which are whole milliseconds
    with open_container(media.path) as container:
        picture = video_stream(container)
        tick = time_base(picture) if picture else DEFAULT_TIME_BASE
    # MP4 has 32-bit times: a finer time base would overflow within a film.
    return tick if tick.denominator <= MAX_TICKS_PER_SEC else DEFAULT_TIME_BASE


def add_picture(
    target: Any, pixels: NDArray[np.uint8], tick: Fraction, rate: Fraction, options: Mapping[str, str]
) -> Any:
    """Add an H.264 stream to the container `target`.

    Parameters
    ----------
    target : open container
    pixels : a frame of the stream, uint8 RGB (h, w, 3)
    tick : time base in seconds
    rate : nominal frames per second, written to the file and used by the encoder's rate control
    options : encoder options
    """
    stream = target.add_stream("libx264", rate=rate, options=dict(options))
    stream.height, stream.width = pixels.shape[:2]
    stream.pix_fmt = "yuv420p"
    context = stream.codec_context
    context.time_base = tick
    # Without these tags players guess the matrix from the size, and colours shift.
    context.colorspace = context.color_primaries = context.color_trc = BT709
    context.color_range = 1
    return stream


def encoded_form(pixels: NDArray[np.uint8], pts: float, tick: Fraction) -> Any:
    """`pixels`, uint8 RGB (h, w, 3), as a YUV 4:2:0 frame (BT.709, limited range) at `pts` seconds."""
    import av

    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
    encoded = frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
    encoded.pts = round(pts / tick)
    encoded.time_base = tick
    return encoded


def even_sides(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`pixels` with the last row or column repeated where needed: H.264 with 4:2:0 chroma requires even sides."""
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
        keywords=("annotated video", "H.264", "film", "movie", "동영상 저장", "비디오 내보내기"),
    )
)
