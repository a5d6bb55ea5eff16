"""An annotated video with its sound, every frame at its own presentation time."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.draw import Look, render
from cvstudio.errors import ExportError
from cvstudio.exporters import EXPORTERS
from cvstudio.exporters.base import Exporter, ExportItem
from cvstudio.exporters.video_sound import SoundTrack
from cvstudio.hog import HogCells
from cvstudio.media.base import Media
from cvstudio.media.container import open_container, time_base, video_stream
from cvstudio.progress import Progress
from cvstudio.results import Detections, HeatMap, Labels
from cvstudio.types import View

CRF = "18"
PRESET = "veryfast"
MAX_TICKS_PER_SEC = 1_000_000
DEFAULT_TIME_BASE = Fraction(1, 90_000)
BT709 = 1
"""The number of BT.709 in ISO/IEC 23091-2, for matrix, primaries and transfer alike."""


def write_video(path: Path, frames: Iterable[tuple[Any, Any]], look: Look, media: Media, progress: Progress) -> None:
    """Write frames with their results, and the sound of `media`, as H.264 and AAC in MP4.

    Parameters
    ----------
    path : the file to write
    frames : (Frame, result) in order of presentation; each is written at its own `pts`, however uneven they are
    look : how results are drawn
    media : the video that the frames come from
    progress : may cancel

    Raises
    ------
    ExportError
        There is no frame, or the encoder refuses them.
    OSError
        The file cannot be written.
    """
    import av

    try:
        with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as target:
            _write(target, frames, look, media, progress)
    except av.FFmpegError as error:
        if isinstance(error, OSError) and error.errno and not isinstance(error, av.error.InvalidDataError):
            raise OSError(error.errno, error.strerror) from error
        raise ExportError(
            f"{media.name} cannot be written as MP4 ({error.strerror}); export its data instead."
        ) from None


def _write(target: Any, frames: Iterable[tuple[Any, Any]], look: Look, media: Media, progress: Progress) -> None:
    stream: Any = None
    sound: SoundTrack | None = None
    tick = _tick(media)
    try:
        for frame, result in frames:
            progress.check()
            pixels = _even(render(frame, [(result, look)], View.whole(media.size or frame.size)))
            if stream is None:
                stream = _add_picture(target, pixels, tick, media)
                sound = SoundTrack.add(target, media)
            target.mux(stream.encode(_encoded_form(pixels, frame.pts, tick)))
            if sound is not None:
                # Sound goes between the frames that it belongs to, so that players can read on.
                sound.write(frame.pts, progress)
        if stream is None:
            raise ExportError(f"{media.name} expects at least one frame, found none; choose another file.")
        target.mux(stream.encode())
        if sound is not None:
            sound.write(None, progress)
    finally:
        if sound is not None:
            sound.close()


def _tick(media: Media) -> Fraction:
    """The clock of the source, on which its presentation times are whole numbers."""
    with open_container(media.path) as container:
        picture = video_stream(container)
        found = time_base(picture) if picture else DEFAULT_TIME_BASE
    # MP4 counts ticks in 32 bits: a finer clock than this would not last for a film.
    return found if found.denominator <= MAX_TICKS_PER_SEC else DEFAULT_TIME_BASE


def _add_picture(target: Any, pixels: NDArray[np.uint8], tick: Fraction, media: Media) -> Any:
    rate = Fraction(media.frame_rate or 30).limit_denominator(1001)
    stream = target.add_stream("libx264", rate=rate, options={"crf": CRF, "preset": PRESET})
    stream.height, stream.width = pixels.shape[:2]
    stream.pix_fmt = "yuv420p"
    context = stream.codec_context
    context.time_base = tick
    # Untagged, players guess the matrix by the size of the picture, and colours shift.
    context.colorspace = context.color_primaries = context.color_trc = BT709
    context.color_range = 1
    return stream


def _encoded_form(pixels: NDArray[np.uint8], pts: float, tick: Fraction) -> Any:
    """`pixels` as a YUV frame (BT.709, limited range) at `pts` seconds."""
    import av

    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
    encoded = frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
    encoded.pts = round(pts / tick)
    encoded.time_base = tick
    return encoded


def _even(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """H.264 with 4:2:0 colour wants even sides: the last row or column is repeated."""
    height, width = pixels.shape[:2]
    return np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def _write_mp4(path: Path, item: ExportItem, progress: Progress) -> None:
    assert item.frames is not None
    write_video(path, item.frames, item.drawn_as(), item.media, progress)


EXPORTERS.register(
    Exporter(
        "mp4",
        "MP4 video",
        ".mp4",
        (Detections, HeatMap, HogCells, Labels),
        _write_mp4,
        "The whole video with its results and its sound.",
        video=True,
        preferred=True,
    )
)
