"""Preview of an export: what its file will look like, at the size of a thumbnail."""

from __future__ import annotations

import dataclasses
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size, View
from cvstudio.data.samples import Image
from cvstudio.draw import render
from cvstudio.exporters import Exporter, ExportItem, export
from cvstudio.exporters._drawing import drawn
from cvstudio.foundation.params import from_mapping, to_mapping
from cvstudio.foundation.progress import Progress

PICTURES = (".png", ".jpg")
TEXT_BYTES = 2000
MOST_LINES = 12


@dataclass(frozen=True, eq=False)
class FilePreview:
    """A preview. `picture` is for formats of pictures, `text` for others; both may be missing.

    Parameters
    ----------
    picture : reduced picture, uint8 RGB (h, w, 3); None for other formats
    size : of the whole picture in pixels; None for other formats
    text : the first lines of a text, or the names of the files in a folder
    n_bytes : size of all files; None where it is not known before the export
    """

    picture: NDArray[np.uint8] | None = None
    size: Size | None = None
    text: str = ""
    n_bytes: int | None = None


def preview(exporter: Exporter, item: ExportItem, largest: Size, progress: Progress) -> FilePreview:
    """What `exporter` makes of `item`, one picture or frame; of a video, what it makes of that frame.

    Parameters
    ----------
    item : with the options of the format
    largest : size that the reduced picture fits into

    Raises
    ------
    ExportError
        The format does not accept the item.
    Cancelled
        `progress` was cancelled.
    """
    item = dataclasses.replace(item, options=to_mapping(from_mapping(exporter.params, item.options)))
    if exporter.video:
        if not exporter.draws or item.base is None:
            return FilePreview()
        base = None if item.options.get("overlay_only") else item.base
        size = item.shown.canvas_size(item.base.size)
        pixels = drawn(base, item.shown, item.drawn_as(), size, item.options.get("scale", 1.0))
        return FilePreview(_reduced(Image(pixels), largest), Size(pixels.shape[1], pixels.shape[0]))
    with tempfile.TemporaryDirectory(prefix="cvstudio-preview-") as name:
        path = Path(name) / f"{item.file_stem}{exporter.suffix}"
        export(exporter, path, item, progress, recipe=False)
        progress.check()
        files = sorted(file for file in path.rglob("*") if file.is_file()) if exporter.folder else [path]
        n_bytes = sum(file.stat().st_size for file in files)
        if exporter.folder:
            names = [file.relative_to(path).as_posix() for file in files]
            return FilePreview(
                text="\n".join([*names[:MOST_LINES], *["…"][: len(names) > MOST_LINES]]), n_bytes=n_bytes
            )
        if exporter.suffix.endswith(PICTURES):
            image = _read(path)
            return FilePreview(_reduced(image, largest), image.size, n_bytes=n_bytes)
        return FilePreview(text=_head(path), n_bytes=n_bytes)


def _read(path: Path) -> Image:
    """A written picture; numbers of classes are shown by their colours."""
    from PIL import Image as Pillow

    with Pillow.open(path) as opened:
        pixels = np.asarray(opened.convert("RGBA" if "A" in opened.mode else "RGB"))
    return Image(pixels[..., :3].copy(), pixels[..., 3].copy() if pixels.shape[2] == 4 else None)


def _reduced(image: Image, largest: Size) -> NDArray[np.uint8]:
    """`image`, never enlarged, to fit into `largest`; what is transparent lies on a chequerboard."""
    scale = min(1.0, largest.width / image.size.width, largest.height / image.size.height)
    return render(image, [], View(View.whole(image.size).rect, scale))


def _head(path: Path) -> str:
    """The first lines of a text file; empty for other files."""
    with path.open("rb") as file:
        head = file.read(TEXT_BYTES)
    if b"\0" in head:
        return ""
    lines = head.decode("utf-8-sig", errors="replace").splitlines()
    return "\n".join([*lines[:MOST_LINES], *["…"][: len(lines) > MOST_LINES or len(head) == TEXT_BYTES]])
