"""Small pictures of media for lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size, readonly
from cvstudio.data.samples import DepthMap, Image, PointCloud, TriangleMesh
from cvstudio.draw.depth import depth_picture
from cvstudio.media import Media, MediaKind, open_media, open_reader
from cvstudio.media.file_identity import HEAD_BYTES, damaged, decoding, find_file
from cvstudio.media.headers import read_header

FIT = Size(192, 144)
"""What a thumbnail fits into: an entry of a grid on a screen with two pixels for each."""

Stamp = tuple[int, int]
"""Size in bytes and mtime in ns: what changes when another picture is written under the same name."""

_JPEG = b"\xff\xd8\xff"

# How the kinds that look like something are read; of any other a list shows the icon.
Picturable = Image | DepthMap | TriangleMesh | PointCloud

_SAMPLES: Mapping[MediaKind, Callable[[Any], Picturable]] = {
    MediaKind.IMAGE: lambda reader: reader.read(),
    MediaKind.DEPTH: lambda reader: reader.read(),
    MediaKind.GEOMETRY: lambda reader: reader.read(),
    MediaKind.VIDEO: lambda reader: reader.at(0.0),
}


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """What a list shows of one file.

    Parameters
    ----------
    kind : what the file holds
    pixels : uint8 (h, w, 3) RGB within `FIT`, read-only; None for a kind that has no picture
    size : of the medium in pixels, where it has one
    duration_secs : of a video or sound, where known
    """

    kind: MediaKind
    pixels: NDArray[np.uint8] | None
    size: Size | None = None
    duration_secs: float | None = None


def has_picture(kind: str) -> bool:
    """Whether media of a kind have thumbnails at all."""
    return kind in _SAMPLES


def stamp_of(path: Path) -> Stamp:
    """The stamp of the file that is there now. Raises MediaError where none is or it must not be read."""
    with decoding(path):
        facts = path.stat()
    return facts.st_size, facts.st_mtime_ns


def make_thumbnail(path: Path) -> Thumbnail:
    """Recognise a file by its content and make its thumbnail. A JPEG is only decoded as far as the thumbnail needs.

    Raises
    ------
    MediaError
        It is missing, damaged or of no known format.
    """
    found = find_file(path)
    with decoding(found), found.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if head.startswith(_JPEG):
        return _of_jpeg(found, head)
    media = open_media(found)
    return Thumbnail(media.kind, _picture(media), media.size, media.duration_secs)


def fitted(sample: Picturable) -> NDArray[np.uint8]:
    """`sample` shrunk to fit into `FIT` (never enlarged), averaging over areas; uint8 (h, w, 3) RGB, read-only."""
    import cv2

    if isinstance(sample, TriangleMesh | PointCloud):
        from cvstudio.draw.mesh import Preview, ViewCamera

        return readonly(Preview(sample).render(ViewCamera(), FIT))
    pixels = depth_picture(sample) if isinstance(sample, DepthMap) else sample.rgb8
    scale = min(FIT.width / pixels.shape[1], FIT.height / pixels.shape[0], 1.0)
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    # A copy in any case: a view would keep the whole picture in memory.
    return readonly(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if scale < 1 else pixels.copy())


def _picture(media: Media) -> NDArray[np.uint8] | None:
    read = _SAMPLES.get(media.kind)
    if read is None:
        return None
    with open_reader(media) as reader:
        return fitted(read(reader))


def _of_jpeg(path: Path, head: bytes) -> Thumbnail:
    """Through the decoder's own reduction to 1/2, 1/4 or 1/8, which skips most of the inverse transform."""
    import cv2

    header = read_header(path, head)
    if header is None:
        raise damaged(path)
    flag = cv2.IMREAD_COLOR
    for factor, reduced in (
        (8, cv2.IMREAD_REDUCED_COLOR_8),
        (4, cv2.IMREAD_REDUCED_COLOR_4),
        (2, cv2.IMREAD_REDUCED_COLOR_2),
    ):
        # Still at least as large as the thumbnail, which area averaging then brings to its size.
        if header.size.width >= factor * FIT.width or header.size.height >= factor * FIT.height:
            flag = reduced
            break
    with decoding(path):
        raw = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), flag)
    if raw is None:
        raise damaged(path)
    return Thumbnail(MediaKind.IMAGE, fitted(Image(cv2.cvtColor(raw, cv2.COLOR_BGR2RGB))), header.size)
