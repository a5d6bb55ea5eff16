"""An annotated video with its sound, every frame at its own presentation time."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.draw import render
from cvstudio.exporters import EXPORTERS
from cvstudio.exporters.base import Exporter, ExportItem
from cvstudio.media.base import Media
from cvstudio.progress import Progress
from cvstudio.results import Detections
from cvstudio.types import View

TIME_BASE = Fraction(1, 90_000)


def _even(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """H.264 with 4:2:0 colour wants even sides: the last row or column is repeated."""
    height, width = pixels.shape[:2]
    return np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def _write_mp4(path: Path, item: ExportItem, progress: Progress) -> None:
    import av

    assert item.frames is not None
    look = item.drawn_as()
    with av.open(str(path), "w", format="mp4") as target:
        stream: Any = None
        sound = _add_sound(target, item.media)
        for frame, result in item.frames:
            progress.check()
            pixels = _even(render(frame, [(result, look)], View.whole(frame.size)))
            if stream is None:
                rate = Fraction(item.media.frame_rate or 30).limit_denominator(1001)
                stream = target.add_stream("libx264", rate=rate, options={"crf": "18", "preset": "veryfast"})
                stream.width, stream.height = pixels.shape[1], pixels.shape[0]
                stream.pix_fmt = "yuv420p"
                stream.codec_context.time_base = TIME_BASE
            picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            picture.pts = round(frame.pts / TIME_BASE)
            picture.time_base = TIME_BASE
            target.mux(stream.encode(picture))
        if stream is not None:
            target.mux(stream.encode())
        if sound is not None:
            _write_sound(target, sound, item.media, progress)


def _add_sound(target: Any, media: Media) -> Any:
    if not media.has_sound:
        return None
    stream = target.add_stream("aac", rate=media.rate_hz)
    stream.layout = "mono" if media.channels == 1 else "stereo"
    return stream


def _write_sound(target: Any, stream: Any, media: Media, progress: Progress) -> None:
    import av

    from cvstudio.media.audio import AudioReader

    with AudioReader(media) as reader:
        block = 1024
        for start in range(0, reader.n_samples, block):
            progress.check()
            samples = reader.read(start, start + block).samples
            # More than two channels are mixed: AAC in a stereo track is what every player plays.
            mixed = samples if len(samples) <= 2 else np.repeat(samples.mean(axis=0, keepdims=True), 2, axis=0)
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(mixed), format="fltp", layout="mono" if len(mixed) == 1 else "stereo"
            )
            frame.sample_rate = reader.rate_hz
            frame.pts = start
            frame.time_base = Fraction(1, reader.rate_hz)
            target.mux(stream.encode(frame))
        target.mux(stream.encode())


EXPORTERS.register(
    Exporter(
        "mp4",
        "MP4 video",
        ".mp4",
        (Detections,),
        _write_mp4,
        "The whole video with its results and its sound.",
        video=True,
        preferred=True,
    )
)
