"""Media whose content is known, made for each test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

WIDTH, HEIGHT, BITS = 160, 96, 10


def numbered(number: int) -> NDArray[np.uint8]:
    """A picture that says which one it is: `BITS` bars, white for 1, survive any lossy codec."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for bit in range(BITS):
        picture[:, bit * 16 : bit * 16 + 16] = 235 if number >> bit & 1 else 20
    return picture


def number_of(picture: NDArray[Any]) -> int:
    """The inverse of `numbered`."""
    return sum(1 << bit for bit in range(BITS) if picture[40:56, bit * 16 + 4 : bit * 16 + 12].mean() > 128)


def tone(seconds: float, rate_hz: int, channels: int = 2) -> NDArray[np.float32]:
    """A sweep with some noise, float32 (channels, n): no two pieces of it are alike."""
    n = round(seconds * rate_hz)
    time = np.arange(n) / rate_hz
    noise = np.random.default_rng(0).standard_normal((channels, n)) * 0.05
    return np.asarray(0.4 * np.sin(2 * np.pi * (300 * time + 200 * time**2)) + noise, np.float32)


def write_media(
    path: Path,
    times_ms: Sequence[int] | None = None,
    *,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    pictures: Callable[[int], NDArray[np.uint8]] = numbered,
    sound: NDArray[np.float32] | None = None,
    sound_codec: str = "aac",
    sound_start_ms: int = 0,
    sound_options: dict[str, str] | None = None,
    rate_hz: int = 48000,
    pixel_format: str = "yuv420p",
    rate: int = 25,
    **container_options: str,
) -> Path:
    """Write frames 0, 1, … at `times_ms` and `sound` (channels, n) with PyAV. Matroska keeps a start that is not 0."""
    import av

    with av.open(str(path), "w", options=container_options) as container:
        video: Any = None
        if times_ms is not None:
            video = container.add_stream(codec, rate=rate, options=options or {"g": "12", "bf": "3"})
            video.height, video.width = pictures(0).shape[:2]
            video.pix_fmt = pixel_format
            video.codec_context.time_base = (
                Fraction(1, 1000) if codec not in ("mpeg4", "mpeg2video", "wmv2") else Fraction(1, rate)
            )
        audio: Any = None
        if sound is not None:
            audio = container.add_stream(sound_codec, rate=rate_hz, layout="stereo" if len(sound) == 2 else "mono")
            audio.options = sound_options or {}
        for number, time in enumerate(times_ms or ()):
            frame = av.VideoFrame.from_ndarray(pictures(number), format="rgb24").reformat(format=pixel_format)
            frame.time_base = video.codec_context.time_base
            frame.pts = round(Fraction(time, 1000) / frame.time_base)
            container.mux(video.encode(frame))
        if video is not None:
            container.mux(video.encode(None))
        if audio is not None and sound is not None:
            size = audio.codec_context.frame_size or 1024
            for start in range(0, sound.shape[1], size):
                block = np.ascontiguousarray(sound[:, start : start + size])
                frame = av.AudioFrame.from_ndarray(block, "fltp", "stereo" if len(sound) == 2 else "mono")
                frame.sample_rate, frame.time_base = rate_hz, Fraction(1, rate_hz)
                frame.pts = start + sound_start_ms * rate_hz // 1000
                container.mux(audio.encode(frame))
            container.mux(audio.encode(None))
    return path


@pytest.fixture
def photo() -> NDArray[np.uint8]:
    """A picture of smooth shapes and a little noise, 60 x 40, so that codecs have work."""
    y, x = np.mgrid[:40, :60]
    smooth = np.stack([x * 4, y * 6, (x + y) * 2], 2) + np.random.default_rng(1).integers(0, 12, (40, 60, 3))
    return np.asarray(np.clip(smooth, 0, 255), np.uint8)
