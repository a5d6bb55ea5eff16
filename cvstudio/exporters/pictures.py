"""The annotated picture at full resolution, as PNG or JPEG."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import View
from cvstudio.data.samples import Image
from cvstudio.draw import render, render_alone
from cvstudio.exporters import EXPORTERS
from cvstudio.exporters.base import Exporter, ExportItem, drawable
from cvstudio.foundation.errors import ExportError
from cvstudio.foundation.progress import Progress
from cvstudio.results.result import Placement

MAX_COLUMNS = 8000
JPEG_QUALITY = 95
JPEG_MAX_SIDE = 65_535
PNG_COMPRESSION = 3


def annotated(item: ExportItem) -> NDArray[np.uint8]:
    """The picture with its result as on screen at scale 1, uint8 RGB (H, W, 3).

    A result with a view of its own, such as a spectrogram, is rendered alone, at most `MAX_COLUMNS` pixels wide.
    """
    look = item.drawn_as()
    if item.result.placement is Placement.OWN_VIEW:
        return render_alone(item.result, look, MAX_COLUMNS)
    size = item.base.size if item.base is not None else item.result.size
    base = on_paper(item.base) if item.base is not None else None
    return render(base, [(item.shown, look)], View.whole(size), exposure_ev=look.exposure)


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
    _encode(path, ".png", annotated(item), [cv2.IMWRITE_PNG_COMPRESSION, PNG_COMPRESSION], progress)


def _write_jpeg(path: Path, item: ExportItem, progress: Progress) -> None:
    import cv2

    progress(None, "drawing")
    pixels = annotated(item)
    height, width = pixels.shape[:2]
    if max(height, width) > JPEG_MAX_SIDE:
        raise ExportError(
            f"JPEG expects at most {JPEG_MAX_SIDE} pixels a side, found {width} x {height}; export a PNG instead."
        )
    # No chroma subsampling: thin coloured lines would bleed.
    sampling = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    _encode(path, ".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY, *sampling], progress)


def _encode(path: Path, suffix: str, pixels: NDArray[np.uint8], options: list[int], progress: Progress) -> None:
    import cv2

    progress(None, "writing")
    # OpenCV releases the GIL while it encodes, so that the window stays responsive; Python opens the file, as OpenCV
    # does not support every file name.
    succeeded, encoded = cv2.imencode(suffix, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), options)
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
    "The picture with its results at full resolution, without loss.",
    preferred=True,
    keywords=("annotated image", "save picture", "screenshot", "lossless"),
)
_register(
    "jpeg",
    "JPEG picture",
    ".jpg",
    _write_jpeg,
    "The picture with its results at full resolution, in a smaller file.",
    keywords=("jpg", "annotated image", "save picture"),
)
