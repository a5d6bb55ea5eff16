"""Safe file names, and copies of the source pictures beside annotations."""

from __future__ import annotations

import re
import unicodedata
from itertools import chain, count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.samples import Image
from cvstudio.exporters.base import ExportItem, Moment
from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.errors import ExportError
from cvstudio.media.base import PLAIN_READINGS, Media, MediaKind
from cvstudio.media.file_identity import HEAD_BYTES
from cvstudio.media.formats import FORMATS
from cvstudio.media.pictures.headers import read_header

LONGEST_BYTES = 120
UPRIGHT = (0, 1)
JPEG_QUALITY = 95
_PICTURES = (".jpg", ".png")

_FORBIDDEN = re.compile(r'[\x00-\x1f<>:"/\\|?*\s\ud800-\udfff]+')
# Windows keeps these for devices, with any ending.
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?$", re.IGNORECASE)


def safe_name(text: str) -> str:
    """`text` as a file stem valid on every system: NFC-normalised, without separators, at most `LONGEST_BYTES` long."""
    name = _FORBIDDEN.sub("_", unicodedata.normalize("NFC", text)).strip("._ ")
    name = name.encode()[:LONGEST_BYTES].decode(errors="ignore").rstrip("._ ")
    return f"_{name}" if not name or _DEVICES.match(name) else name


def label_name(item: ExportItem, moment: Moment, *, copied: bool) -> str:
    """Name of a label file without its ending: that of the picture, safe on every system where it is `copied`.

    Readers pair a picture and its labels by name, so that of a picture that stays where it is cannot be changed. Where
    two pictures of a folder differ in their ending only, the later one's labels have that in their name, as in a batch.
    """
    if copied or item.frames is not None or item.media is None:
        return safe_name(moment.name)
    return item.label or item.stem or _label_of(item.media.path)


def _label_of(path: Path) -> str:
    """The stem of a picture's file, with its ending where a file before it in the folder has the same stem."""
    endings = {ending for entry in FORMATS if entry.kind is MediaKind.IMAGE for ending in entry.suffixes}
    endings |= {ending.upper() for ending in endings}
    others = (path.with_suffix(ending) for ending in endings if ending != path.suffix)
    first = min([path.name, *(other.name for other in others if other.exists() and not other.samefile(path))])
    return path.stem if first == path.name else f"{path.stem}_{path.suffix.lstrip('.')}"


def put_picture(folder: Path, name: str, item: ExportItem, moment: Moment, *, only_jpeg: bool = False) -> str:
    """Write the source picture to `folder` and return its name without the ending, which its labels share.

    Where another picture has the name already, as after an export of a file of that name from another folder, it is
    `name` and a number from 2 on. An upright JPEG or PNG file is copied. Other pictures (frames, files rotated by EXIF
    data or read as labels, other formats) are encoded: frames, and all with `only_jpeg`, as JPEG, others as PNG.

    Raises
    ------
    ExportError
        The moment has no picture.
    OSError
        The file cannot be written.
    """
    if moment.image is None:
        raise ExportError(f"{item.name} has no picture that could be put beside; export another format.")
    copied_suffix = _copyable(item.media, ("JPEG",) if only_jpeg else ("JPEG", "PNG"))
    suffix = copied_suffix or (".jpg" if only_jpeg or moment.pts is not None else ".png")
    data = item.media.path.read_bytes() if copied_suffix and item.media else encoded(moment.image.rgb8, suffix)
    name = _name_of_its_own(folder, name, suffix, data)
    with atomic_path(folder / f"{name}{suffix}", tidy=False) as temporary:
        temporary.write_bytes(data)
    return name


def _name_of_its_own(folder: Path, name: str, suffix: str, data: bytes) -> str:
    """`name`, or with a number behind it where a picture that is not `data` has that name, with whatever ending."""
    for stem in chain((name,), (f"{name}-{number}" for number in count(2))):
        existing = [path for ending in _PICTURES if (path := folder / f"{stem}{ending}").exists()]
        if not existing or any(path.suffix == suffix and path.read_bytes() == data for path in existing):
            return stem
    raise AssertionError("numbers do not end")


def _copyable(media: Media | None, formats: tuple[str, ...]) -> str:
    """Suffix with which the file can be copied unchanged; empty where it has to be encoded."""
    if media is None or media.kind is not MediaKind.IMAGE or media.read_as != PLAIN_READINGS[media.kind]:
        return ""
    with media.path.open("rb") as file:
        header = read_header(media.path, file.read(HEAD_BYTES))
    if header is None or header.format not in formats or header.orientation not in UPRIGHT:
        return ""
    return ".jpg" if header.format == "JPEG" else ".png"


def encoded(pixels: NDArray[Any], suffix: str) -> bytes:
    """Encode RGB or RGBA `pixels`, uint8 or uint16 (H, W, 3 or 4), as ".png" or ".jpg".

    Raises
    ------
    ExportError
        The picture is too large for the format.
    """
    import cv2

    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if suffix == ".jpg" else [cv2.IMWRITE_PNG_COMPRESSION, 3]
    order = cv2.COLOR_RGBA2BGRA if pixels.shape[2] == 4 else cv2.COLOR_RGB2BGR
    succeeded, data = cv2.imencode(suffix, cv2.cvtColor(pixels, order), options)
    if not succeeded:
        raise ExportError(f"A picture of {pixels.shape[1]} x {pixels.shape[0]} cannot be encoded as {suffix}.")
    return bytes(data.data)


def opaque(image: Image) -> NDArray[Any]:
    """RGB pixels (H, W, 3) without alpha, in a depth that PNG supports: uint16 unchanged, otherwise uint8."""
    return image.pixels if image.pixels.dtype == np.uint16 else image.rgb8
