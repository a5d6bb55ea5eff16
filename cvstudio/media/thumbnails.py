"""Thumbnails: small pictures of media for lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cvstudio.data.geometry import Size, readonly
from cvstudio.data.samples import DepthMap, Image, PointCloud, TriangleMesh
from cvstudio.media import Media, MediaKind, open_media, open_reader
from cvstudio.media.base import PLAIN_READINGS, DraftReader
from cvstudio.media.file_identity import HEAD_BYTES, damaged, decoding, find_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

FIT = Size(192, 144)
"""Largest size of a thumbnail in pixels: a grid entry on a screen with a pixel ratio of 2."""

Stamp = tuple[int, int]
"""Size in bytes and mtime in ns of a file: they change when another picture is written under the same name."""

_JPEG = b"\xff\xd8\xff"

# How the kinds with a picture are read; for any other a list shows the icon.
Picturable = Image | DepthMap | TriangleMesh | PointCloud

_SAMPLES: Mapping[MediaKind, Callable[[Any], Picturable]] = {
    MediaKind.IMAGE: lambda reader: reader.read(),
    MediaKind.DEPTH: lambda reader: reader.read(),
    MediaKind.GEOMETRY: lambda reader: reader.read(),
    MediaKind.VIDEO: lambda reader: reader.at(0.0),
}


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """Picture and facts of one file for a list.

    Parameters
    ----------
    kind : of the file's content
    pixels : uint8 (h, w, 3) RGB within `FIT`, read-only; None for a kind that has no picture
    size : of the medium in pixels, where it has one
    duration_secs : of a video or sound, where known
    """

    kind: MediaKind
    pixels: NDArray[np.uint8] | None
    size: Size | None = None
    duration_secs: float | None = None


def has_picture(kind: str) -> bool:
    """Whether media of `kind` have pictures in their thumbnails."""
    return kind in _SAMPLES


def stamp_of(path: Path) -> Stamp:
    """The current stamp of the file at `path`. Raises MediaError where it is missing or not readable."""
    with decoding(path):
        status = path.stat()
    return status.st_size, status.st_mtime_ns


def make_thumbnail(path: Path, read_as: str = "") -> Thumbnail:
    """Recognise a file by its content and make its thumbnail. A JPEG is only decoded as far as the thumbnail needs.

    Parameters
    ----------
    read_as : key of what the file is read as, as in `open_media`; "" for the likeliest

    Raises
    ------
    MediaError
        The file is missing, damaged, of no known format, or cannot be read so.
    """
    existing = find_file(path)
    with decoding(existing), existing.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if head.startswith(_JPEG) and read_as in ("", PLAIN_READINGS[MediaKind.IMAGE]):
        return _of_jpeg(existing, head)
    media = open_media(existing, read_as=read_as)
    return Thumbnail(media.kind, _picture(media), media.size, media.duration_secs)


def fitted(sample: Picturable) -> NDArray[np.uint8]:
    """`sample` shrunk to fit into `FIT` (never enlarged), averaging over areas; uint8 (h, w, 3) RGB, read-only."""
    import cv2

    if isinstance(sample, TriangleMesh | PointCloud):
        from cvstudio.draw.spatial.scene_view import sample_picture

        return readonly(sample_picture(sample, FIT))
    if isinstance(sample, DepthMap):
        # The painters are imported when the first depth map is drawn.
        from cvstudio.draw.samples.depth import depth_picture

        pixels = depth_picture(sample)
    else:
        pixels = sample.rgb8
    scale = min(FIT.width / pixels.shape[1], FIT.height / pixels.shape[0], 1.0)
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    # A copy in any case: a view would keep the whole picture in memory.
    return readonly(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if scale < 1 else pixels.copy())


def _picture(media: Media) -> NDArray[np.uint8] | None:
    read_sample = _SAMPLES.get(media.kind)
    if read_sample is None:
        return None
    with open_reader(media) as reader:
        return fitted(reader.draft() if isinstance(reader, DraftReader) else read_sample(reader))


def _of_jpeg(path: Path, head: bytes) -> Thumbnail:
    """Thumbnail through the decoder's own reduction to 1/2, 1/4 or 1/8, which skips most of the inverse transform."""
    import cv2

    # The window imports this module before its first picture.
    from cvstudio.media.pictures.color_profile import fitting_profile, to_srgb
    from cvstudio.media.pictures.headers import read_header
    from cvstudio.media.pictures.jpeg import closed
    from cvstudio.media.pictures.opencv import imdecode

    header = read_header(path, head)
    if header is None:
        raise damaged(path)
    flag = cv2.IMREAD_COLOR
    for factor, reduced in (
        (8, cv2.IMREAD_REDUCED_COLOR_8),
        (4, cv2.IMREAD_REDUCED_COLOR_4),
        (2, cv2.IMREAD_REDUCED_COLOR_2),
    ):
        # Still at least as large as the thumbnail, to which area averaging reduces it.
        if header.size.width >= factor * FIT.width or header.size.height >= factor * FIT.height:
            flag = reduced
            break
    with decoding(path):
        bgr, _ = imdecode(closed(path.read_bytes()), flag)
    if bgr is None:
        raise damaged(path)
    profile = fitting_profile(header.profile, inks=header.inks, grey=header.channels == 1)
    image = to_srgb(Image(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)), profile)
    return Thumbnail(MediaKind.IMAGE, fitted(image), header.size)
