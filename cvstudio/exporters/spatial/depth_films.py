"""Films of a picture with depth: the focus goes from one place to another, or the camera moves a little aside."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.depth.iris import Iris
from cvstudio.data.depth.lens_blur import lens_blur
from cvstudio.data.depth.nearness import filled, nearness_scale
from cvstudio.data.depth.parallax import parallax_scene, parallax_view
from cvstudio.data.srgb import decode_srgb, srgb8
from cvstudio.exporters import EXPORTERS
from cvstudio.exporters.base import Exporter, ExportItem, of
from cvstudio.exporters.video import CRF, PRESET, add_picture, encoded_form, even_sides, mp4_file
from cvstudio.foundation.errors import ExportError
from cvstudio.foundation.params import Choices, Doc, Range
from cvstudio.foundation.progress import Progress
from cvstudio.results.spatial.depth import Depth

_LENGTH = Doc("Length", "Time of the film.", "Try 6 for a slow one.")
_RATE = Doc("Frame rate", "Frames in a second.", "Try 15 for a small file.")
_SIDE = Doc("Longer side", "Longer side of the film; a larger picture is scaled down.")
_QUALITY = Doc("Quality", "Picture quality.", "Small makes a file about a third of the size.")
_LENGTHS, _RATES, _SIDES = Range(0.5, 60, step=0.5, unit="s"), Range(5, 60, step=1, unit="fps"), Range(64, 3840, step=2)
_PERCENT = Range(0, 100, step=1, unit="%")
_EASINGS = Choices(("smooth", "even"), ("Slow at both ends", "Even"))


@dataclass(frozen=True)
class FocusPullOptions:
    """Ends of a focus pull, its lens, and the film."""

    from_x: Annotated[float, _PERCENT, Doc("From, across", "Where it begins, from the left of the picture.")] = 25.0
    from_y: Annotated[float, _PERCENT, Doc("From, down", "Where it begins, from the top of the picture.")] = 75.0
    to_x: Annotated[float, _PERCENT, Doc("To, across", "Where it ends, from the left of the picture.")] = 75.0
    to_y: Annotated[float, _PERCENT, Doc("To, down", "Where it ends, from the top of the picture.")] = 25.0
    easing: Annotated[str, _EASINGS, Doc("Easing", "How the focus sets off and arrives.")] = "smooth"
    aperture: Annotated[
        float,
        Range(0, 10, step=0.1, unit="%"),
        Doc("Aperture", "Diameter of the largest blur by the picture's longer side.", "Try 5."),
    ] = 2.5
    seconds: Annotated[float, _LENGTHS, _LENGTH] = 3.0
    rate: Annotated[int, _RATES, _RATE] = 25
    side: Annotated[int, _SIDES, _SIDE] = 1280
    quality: Annotated[str, Choices(tuple(CRF)), _QUALITY] = "high"


@dataclass(frozen=True)
class ParallaxOptions:
    """The move of the camera, and the film."""

    path: Annotated[
        str,
        Choices(("sway", "circle", "pass"), ("To and fro", "Circle", "Once across")),
        Doc("Move", "The way of the camera; the first two can be played in a loop."),
    ] = "sway"
    amount: Annotated[
        float,
        Range(0.1, 6, step=0.1, unit="%"),
        Doc("Amount", "By how much the nearest moves against the farthest, by the picture's longer side.", "Try 4."),
    ] = 2.0
    easing: Annotated[str, _EASINGS, Doc("Easing", "How the camera sets off and arrives, once across.")] = "smooth"
    seconds: Annotated[float, _LENGTHS, _LENGTH] = 4.0
    rate: Annotated[int, _RATES, _RATE] = 25
    side: Annotated[int, _SIDES, _SIDE] = 1280
    quality: Annotated[str, Choices(tuple(CRF)), _QUALITY] = "high"


def eased(share: float, easing: str) -> float:
    """How much of the way lies behind at a `share` of the time, both 0..1; "smooth" is half a cosine."""
    return (1 - math.cos(math.pi * share)) / 2 if easing == "smooth" else share


def _scene(item: ExportItem, side: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Picture and nearness, at most `side` long. Raises ExportError where there is no picture under the depth."""
    import cv2

    result: Depth = item.result
    if item.base is None or item.base.size != result.size or result.map.invalid.all():
        raise ExportError(
            "A film of a picture with depth expects the picture under the depth map, found none of its size; estimate "
            "the depth of a picture first."
        )
    nearness = np.clip(nearness_scale(result.map).of(filled(result.map)), 0, 1)
    scale = min(1.0, side / max(result.size))
    size = tuple(max(2, round(length * scale)) for length in result.size)
    pixels = cv2.resize(item.base.rgb8, size, interpolation=cv2.INTER_AREA) if scale < 1 else item.base.rgb8
    # A mean of two depths would be that of nothing.
    resized = cv2.resize(nearness, size, interpolation=cv2.INTER_NEAREST_EXACT) if scale < 1 else nearness
    return np.asarray(pixels, np.uint8), np.asarray(resized, np.float32)


def focus_pull(
    pixels: NDArray[np.uint8], nearness: NDArray[np.float32], options: FocusPullOptions, progress: Progress
) -> Iterator[NDArray[np.uint8]]:
    """Frames, uint8 RGB (H, W, 3), of a focus that goes from one place to another."""
    height, width = nearness.shape
    light = np.asarray(decode_srgb(pixels / 255), np.float32)
    ends = [
        float(nearness[min(int(y / 100 * height), height - 1), min(int(x / 100 * width), width - 1)])
        for x, y in ((options.from_x, options.from_y), (options.to_x, options.to_y))
    ]
    largest = options.aperture / 100 * max(height, width) / 2
    frames = max(2, round(options.seconds * options.rate))
    for number in range(frames):
        progress(number / frames, "blurring")
        focus = ends[0] + (ends[1] - ends[0]) * eased(number / (frames - 1), options.easing)
        radius = ((np.float32(focus) - nearness) * np.float32(largest)).astype(np.float32)
        yield srgb8(lens_blur(light, radius, Iris(), check=progress.check))


def parallax_move(
    pixels: NDArray[np.uint8], nearness: NDArray[np.float32], options: ParallaxOptions, progress: Progress
) -> Iterator[NDArray[np.uint8]]:
    """Frames, uint8 RGB (H, W, 3), of a camera that moves a little aside; what stays is of middle nearness."""
    import cv2

    height, width = nearness.shape
    reach = options.amount / 100 * max(height, width)
    scene = parallax_scene(pixels, nearness, reach)
    pivot = float(np.median(nearness))
    # So far nothing is missing at the edges.
    margin = min(math.ceil(reach / 2 * max(pivot, 1 - pivot)) + 1, height // 4, width // 4)
    frames = max(2, round(options.seconds * options.rate))
    for number in range(frames):
        progress(number / frames, "moving")
        if options.path == "pass":
            across, down = eased(number / (frames - 1), options.easing) - 0.5, 0.0
        else:
            turn = 2 * math.pi * number / frames
            across, down = math.sin(turn) / 2, math.cos(turn) / 2 if options.path == "circle" else 0.0
        view = parallax_view(scene, (reach * across, reach * down), pivot)
        inner = view[margin : height - margin, margin : width - margin]
        yield np.asarray(cv2.resize(inner, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _write_film(path: Path, item: ExportItem, frames: Iterator[NDArray[np.uint8]], rate: int, quality: str) -> None:
    tick = Fraction(1, rate)
    with mp4_file(path, item.name, movflags="+faststart") as target:
        stream = None
        for number, frame in enumerate(frames):
            pixels = even_sides(frame)
            if stream is None:
                encoder = {"crf": CRF[quality], "preset": PRESET, "bf": "0"}
                stream = add_picture(target, pixels, tick, Fraction(rate), encoder)
            target.mux(stream.encode(encoded_form(pixels, number / rate, tick)))
        assert stream is not None
        target.mux(stream.encode())


def _write_focus_pull(path: Path, item: ExportItem, progress: Progress) -> None:
    options = item.options_as(FocusPullOptions)
    frames = focus_pull(*_scene(item, options.side), options, progress)
    _write_film(path, item, frames, options.rate, options.quality)


def _write_parallax(path: Path, item: ExportItem, progress: Progress) -> None:
    options = item.options_as(ParallaxOptions)
    frames = parallax_move(*_scene(item, options.side), options, progress)
    _write_film(path, item, frames, options.rate, options.quality)


EXPORTERS.register(
    Exporter(
        "focus-pull",
        "Focus pull video",
        ".mp4",
        of(Depth),
        _write_focus_pull,
        "A film of the picture in which the focus goes from one place to another, as by a lens.",
        params=FocusPullOptions,
        keywords=("rack focus", "focus pull", "bokeh", "depth of field", "초점 이동", "포커스 풀"),
    )
)
EXPORTERS.register(
    Exporter(
        "parallax",
        "Parallax video",
        ".mp4",
        of(Depth),
        _write_parallax,
        "A film of the picture from a camera that moves a little aside: what is near moves more than what is far.",
        params=ParallaxOptions,
        keywords=("2.5D", "Ken Burns effect", "3D photo", "parallax", "시차", "입체 사진"),
    )
)
