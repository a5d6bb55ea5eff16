"""A short video with sound in step: a slow move over a portrait, a time bar, and a click on every full second."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size
from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.paths import resource
from cvstudio.foundation.progress import Progress

SIZE = Size(1280, 720)
RATE_FPS = 30
DURATION_SECS = 6
SOUND_RATE_HZ = 48_000
CLICK_SECS = 0.008

# Left, top and width of the view on the photograph in its pixels, at the beginning and at the end.
_FROM = (20.0, 2.0, 486.0)
_TO = (72.0, 10.0, 384.0)

_ACCENT = (77, 140, 255)
_STRIP_TOP = 520
_BAR = (64, 652 - _STRIP_TOP, SIZE.width - 64, 658 - _STRIP_TOP)
"""Left, top, right and bottom within the strip of rows from `_STRIP_TOP` on; the rest of a frame is bare photograph."""
_FLASH_SECS = 0.25


def click() -> NDArray[np.float32]:
    """The sound of one click, float32 (n,): a 3 kHz burst that begins at once and dies away within 8 ms."""
    t = np.arange(round(CLICK_SECS * SOUND_RATE_HZ)) / SOUND_RATE_HZ
    return (0.7 * np.cos(2 * np.pi * 3000 * t) * np.exp(-t / 0.0012)).astype(np.float32)


def soundtrack() -> NDArray[np.float32]:
    """The sound, float32 (1, n), -1..1 at 48 kHz.

    A click begins at the sample of each full second, from 0 on, over a quiet chord of A major.
    """
    count = DURATION_SECS * SOUND_RATE_HZ
    t = np.arange(count) / SOUND_RATE_HZ
    chord = np.zeros(count)
    for number, pitch_hz in enumerate((220.0, 277.18, 329.63, 440.0)):
        swell = 0.75 + 0.25 * np.sin(2 * np.pi * (0.17 + 0.04 * number) * t + number)
        voice = np.sin(2 * np.pi * pitch_hz * t) + 0.2 * np.sin(4 * np.pi * pitch_hz * t)
        chord += 0.026 * swell * voice
    # The chord comes and goes gently; only the clicks have edges.
    chord *= np.clip(t / 0.6, 0, 1) ** 2 * np.clip((DURATION_SECS - t) / 0.8, 0, 1) ** 2
    sound = chord.astype(np.float32)
    burst = click()
    for second in range(DURATION_SECS):
        start = second * SOUND_RATE_HZ
        sound[start : start + burst.size] += burst
    return sound[None, :]


class _Painter:
    """Draws the frames: a view on the photograph and the time bar over it."""

    def __init__(self, photo: Path) -> None:
        from PIL import Image, ImageFont

        with Image.open(photo) as opened:
            self._photo = np.asarray(opened.convert("RGB"))
        font = resource("fonts", "CVStudioSans-Bold.otf")
        self._large, self._small = ImageFont.truetype(font, 34), ImageFont.truetype(font, 18)
        height = np.linspace(0, 1, SIZE.height - _STRIP_TOP, dtype=np.float32)[:, None, None]
        # Darkens the foot of the picture, so that the bar is legible on anything.
        self._shade = 1 - 0.62 * height**1.5

    def frame(self, number: int) -> NDArray[np.uint8]:
        """Frame `number`, uint8 (720, 1280, 3) RGB."""
        import cv2

        secs = number / RATE_FPS
        done = number / (DURATION_SECS * RATE_FPS - 1)
        eased = done * done * (3 - 2 * done)
        left, top, width = (a + (b - a) * eased for a, b in zip(_FROM, _TO, strict=True))
        scale = SIZE.width / width
        # Maps centres of pixels, at fractions of a pixel, so that the move has no jerks.
        matrix = np.array([[scale, 0, -left * scale + (scale - 1) / 2], [0, scale, -top * scale + (scale - 1) / 2]])
        view = cv2.warpAffine(self._photo, matrix, SIZE, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
        result = np.asarray(view, np.uint8)
        result[_STRIP_TOP:] = self._with_bar((result[_STRIP_TOP:] * self._shade).astype(np.uint8), secs)
        return result

    def _with_bar(self, pixels: NDArray[np.uint8], secs: float) -> NDArray[np.uint8]:
        """The strip of a frame with bar and time drawn over it."""
        from PIL import Image, ImageDraw

        picture = Image.fromarray(pixels)
        draw = ImageDraw.Draw(picture, "RGBA")
        left, top, right, bottom = _BAR
        at = left + (right - left) * secs / DURATION_SECS
        draw.rounded_rectangle(_BAR, 3, fill=(255, 255, 255, 70))
        draw.rounded_rectangle((left, top, max(at, left + 6), bottom), 3, fill=_ACCENT)
        since = secs % 1
        for second in range(DURATION_SECS + 1):
            x = left + (right - left) * second / DURATION_SECS
            passed = second <= secs
            sounding = second == int(secs) and since < _FLASH_SECS
            grow = 5 * (1 - since / _FLASH_SECS) if sounding else 0
            radius = 5 + grow
            middle = (top + bottom) / 2
            color = (255, 255, 255) if sounding else _ACCENT if passed else (176, 182, 192)
            draw.ellipse((x - radius, middle - radius, x + radius, middle + radius), fill=color)
            draw.text((x, bottom + 14), str(second), (235, 238, 243, 210), self._small, anchor="ma")
        draw.text((left, top - 16), f"{secs:.2f} s", "white", self._large, "ls")
        return np.asarray(picture)


def write_clip(target: Path, photo: Path, progress: Progress) -> None:
    """Make the clip: H.264 at 30 frames a second and AAC in MP4, 6 seconds, the sound starting with the picture.

    Parameters
    ----------
    photo : the portrait, at least 512 x 300 pixels
    """
    with atomic_path(target) as path:
        _encode(path, _Painter(photo), progress)


def _encode(path: Path, painter: _Painter, progress: Progress) -> None:
    import av

    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        video: Any = container.add_stream("libx264", rate=RATE_FPS)
        video.width, video.height, video.pix_fmt = SIZE.width, SIZE.height, "yuv420p"
        video.options = {"crf": "21", "preset": "veryfast", "g": "60", "colorprim": "bt709", "transfer": "bt709"}
        _mark_bt709(video.codec_context)
        audio: Any = container.add_stream("aac", rate=SOUND_RATE_HZ, layout="mono")
        audio.bit_rate = 128_000
        sound = soundtrack()
        per_frame = SOUND_RATE_HZ // RATE_FPS
        total = DURATION_SECS * RATE_FPS
        for number in range(total):
            progress(number / total, "Making the clip")
            container.mux(video.encode(_video_frame(painter.frame(number), number)))
            start = number * per_frame
            container.mux(audio.encode(_audio_frame(sound[:, start : start + per_frame], start)))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))


def _mark_bt709(context: Any) -> None:
    # Players guess the matrix of an unmarked picture by its height, and not all guess alike.
    context.color_range, context.colorspace = 1, 1
    context.color_primaries, context.color_trc = 1, 1


def _video_frame(pixels: NDArray[np.uint8], number: int) -> Any:
    import av
    from av.video.reformatter import ColorRange, Colorspace

    frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(
        format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
    )
    frame.pts, frame.time_base = number, Fraction(1, RATE_FPS)
    return frame


def _audio_frame(samples: NDArray[np.float32], start: int) -> Any:
    import av

    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", "mono")
    frame.sample_rate = SOUND_RATE_HZ
    frame.pts, frame.time_base = start, Fraction(1, SOUND_RATE_HZ)
    return frame
