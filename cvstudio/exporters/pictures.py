"""The annotated picture at full resolution, as PNG or JPEG."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cvstudio.draw import render
from cvstudio.draw.sound import spectrogram_size
from cvstudio.exporters import EXPORTERS
from cvstudio.exporters.base import Exporter, ExportItem
from cvstudio.progress import Progress
from cvstudio.results import Detections, Picture, Spectrogram
from cvstudio.types import Rect, View

MAX_COLUMNS = 8000


def annotated(item: ExportItem) -> NDArray[np.uint8]:
    """The picture with its result, uint8 RGB (H, W, 3), drawn as on screen.

    A long spectrogram is shrunk to what other programs can open, its peaks kept.
    """
    look = item.drawn_as()
    if isinstance(item.result, Spectrogram):
        size = spectrogram_size(item.result)
        scale = min(1.0, MAX_COLUMNS / size.width)
        view = View(Rect(0, 0, size.width, size.height), scale)
        return render(None, [(item.result, look)], view)
    size = item.base.size if item.base is not None else item.result.size
    return render(item.base, [(item.result, look)], View.whole(size))


def _write_png(path: Path, item: ExportItem, progress: Progress) -> None:
    from PIL import Image

    progress(None, "drawing")
    pixels = annotated(item)
    progress(None, "writing")
    Image.fromarray(pixels).save(path, "PNG", compress_level=4)


def _write_jpeg(path: Path, item: ExportItem, progress: Progress) -> None:
    from PIL import Image

    progress(None, "drawing")
    pixels = annotated(item)
    progress(None, "writing")
    Image.fromarray(pixels).save(path, "JPEG", quality=95, subsampling=0)



EXPORTERS.register(
    Exporter(
        "png",
        "PNG picture",
        ".png",
        (Detections, Picture, Spectrogram),
        _write_png,
        "The picture with its results at full resolution, without loss.",
        preferred=True,
    )
)
EXPORTERS.register(
    Exporter(
        "jpeg",
        "JPEG picture",
        ".jpg",
        (Detections, Picture, Spectrogram),
        _write_jpeg,
        "The picture with its results at full resolution, small.",
    )
)
