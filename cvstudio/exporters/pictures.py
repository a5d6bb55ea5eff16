"""The annotated picture as PNG or JPEG."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size, View
from cvstudio.data.samples import Image
from cvstudio.draw import render_alone
from cvstudio.exporters import EXPORTERS
from cvstudio.exporters._drawing import Scale, drawn, overlay
from cvstudio.exporters.base import Exporter, ExportItem, drawable
from cvstudio.foundation.errors import ExportError
from cvstudio.foundation.params import Doc, Range
from cvstudio.foundation.progress import Progress
from cvstudio.results.result import Placement

MAX_COLUMNS = 8000
JPEG_QUALITY = 95
JPEG_MAX_SIDE = 65_535
PNG_COMPRESSION = 3


@dataclass(frozen=True)
class PngOptions:
    """Size of the picture, and what it shows."""

    scale: Scale = 1.0
    overlay_only: Annotated[
        bool, Doc("Overlay only", "Leaves the picture out: the results on a transparent ground.", "Lay it over others.")
    ] = False


@dataclass(frozen=True)
class JpegOptions:
    """Encoding and size of the picture."""

    quality: Annotated[
        int,
        Range(1, 100, step=1),
        Doc("Quality", "How much of the picture is kept.", "80 makes a file of about a third of the size."),
    ] = JPEG_QUALITY
    scale: Scale = 1.0


def annotated(item: ExportItem, *, scale: float = 1.0, overlay_only: bool = False) -> NDArray[np.uint8]:
    """The picture with its result as in a window that shows all of it, uint8 RGB (h, w, 3).

    A result with a view of its own, such as a spectrogram, is rendered alone, at most `MAX_COLUMNS` pixels wide.

    Parameters
    ----------
    scale : output pixels for each pixel of the picture
    overlay_only : the result alone on a transparent ground, as RGBA (h, w, 4)
    """
    look = item.drawn_as()
    if item.result.placement is Placement.OWN_VIEW:
        return _resized(render_alone(item.result, look, MAX_COLUMNS), scale)
    size = item.base.size if item.base is not None else item.result.size
    if overlay_only:
        return overlay(item.shown, look, size, scale)
    return drawn(on_paper(item.base) if item.base is not None else None, item.shown, look, size, scale)


def _resized(pixels: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    import cv2

    if scale == 1:
        return pixels
    width, height = View(View.whole(Size(pixels.shape[1], pixels.shape[0])).rect, scale).size
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=way), np.uint8)


def on_paper(image: Image) -> Image:
    """`image` blended with white where it is transparent; the chequerboard is for the screen only."""
    if image.alpha is None:
        return image
    white = float(np.iinfo(image.pixels.dtype).max) if image.pixels.dtype.kind == "u" else 1.0
    opacity = image.alpha.astype(np.float32)[..., None] / white
    blended = image.pixels * opacity + white * (1 - opacity)
    blended = blended if image.pixels.dtype == np.float32 else blended + 0.5
    return Image(blended.astype(image.pixels.dtype), None, image.transfer)


def _write_png(path: Path, item: ExportItem, progress: Progress) -> None:
    import cv2

    progress(None, "drawing")
    options = item.options_as(PngOptions)
    pixels = annotated(item, scale=options.scale, overlay_only=options.overlay_only)
    _encode(path, ".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, PNG_COMPRESSION], progress)


def _write_jpeg(path: Path, item: ExportItem, progress: Progress) -> None:
    import cv2

    progress(None, "drawing")
    options = item.options_as(JpegOptions)
    pixels = annotated(item, scale=options.scale)
    height, width = pixels.shape[:2]
    if max(height, width) > JPEG_MAX_SIDE:
        raise ExportError(
            f"JPEG expects at most {JPEG_MAX_SIDE} pixels a side, found {width} x {height}; export a PNG instead."
        )
    # No chroma subsampling: thin coloured lines would bleed.
    sampling = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    _encode(path, ".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, options.quality, *sampling], progress)


def _encode(path: Path, suffix: str, pixels: NDArray[np.uint8], options: list[int], progress: Progress) -> None:
    import cv2

    progress(None, "writing")
    order = cv2.COLOR_RGBA2BGRA if pixels.shape[2] == 4 else cv2.COLOR_RGB2BGR
    # OpenCV releases the GIL while it encodes, so that the window stays responsive; Python opens the file, as OpenCV
    # does not support every file name.
    succeeded, encoded = cv2.imencode(suffix, cv2.cvtColor(pixels, order), options)
    if not succeeded:
        raise ExportError(
            f"A picture of {pixels.shape[1]} x {pixels.shape[0]} cannot be encoded; export another format."
        )
    progress.check()
    path.write_bytes(encoded.data)


def _register(
    key: str, title: str, suffix: str, write: Callable[[Path, ExportItem, Progress], None], summary: str, **more: Any
) -> None:
    EXPORTERS.register(Exporter(key, title, suffix, drawable, write, summary, draws=True, **more))


_register(
    "png",
    "PNG picture",
    ".png",
    _write_png,
    "The picture with its results, or its results alone, without loss.",
    preferred=True,
    params=PngOptions,
    keywords=("annotated image", "save picture", "screenshot", "lossless", "이미지 저장", "주석 이미지"),
)
_register(
    "jpeg",
    "JPEG picture",
    ".jpg",
    _write_jpeg,
    "The picture with its results, in a smaller file.",
    params=JpegOptions,
    keywords=("jpg", "annotated image", "save picture", "이미지 저장", "주석 이미지"),
)
