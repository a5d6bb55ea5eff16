"""The depth that a phone has stored within its own photograph, as a depth map beside it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from cvstudio.data.geometry import Size
from cvstudio.data.samples import DepthMap
from cvstudio.foundation.errors import MediaError
from cvstudio.media.base import STORED_DEPTH, Format, Media, MediaKind
from cvstudio.media.file_identity import HEAD_BYTES, decoding, media_id, quoted
from cvstudio.media.formats import FORMATS
from cvstudio.media.formats._single_sample import WholeReader
from cvstudio.media.formats.image import upright
from cvstudio.media.pictures.headers import is_heif, read_header
from cvstudio.media.pictures.stored_depth import StoredDepth, may_hold_depth, read_stored_depth


def read_depth(path: Path) -> DepthMap:
    """The depth within a photograph, upright as the photograph is. Raises MediaError where there is none."""
    return _required(path).map


def stored_depth(picture: Media) -> Media | None:
    """The depth within a photograph as a medium; None where there is none, or it cannot be read."""
    if picture.kind is not MediaKind.IMAGE:
        return None
    try:
        return _described(picture.path, media_id(picture.path, MediaKind.DEPTH))
    except MediaError:
        return None


def _required(path: Path) -> StoredDepth:
    stored = _upright_depth(path)
    if stored is None:
        raise MediaError(f"{quoted(path)} was opened for the depth within it, which is not there; choose a depth map.")
    return stored


def _upright_depth(path: Path) -> StoredDepth | None:
    stored = read_stored_depth(path)
    if stored is None:
        return None
    with decoding(path), path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    header = None if is_heif(head) else read_header(path, head)
    if header is None or header.orientation == 1:
        return stored
    depth = stored.map
    turned = dataclasses.replace(
        depth, values=upright(depth.values, header.orientation), invalid=upright(depth.invalid, header.orientation)
    )
    return StoredDepth(stored.form, turned)


def _described(path: Path, identity: str) -> Media | None:
    if not may_hold_depth(path):
        return None
    stored = _upright_depth(path)
    if stored is None:
        return None
    details = {"format": "depth in a photograph", "source": stored.form, "unit": stored.map.unit}
    size = Size(*stored.map.size)
    return Media(identity, path, MediaKind.DEPTH, size, details=details, format=STORED_DEPTH)


def _probe(path: Path, head: bytes, identity: str, forced: bool) -> Media | None:
    """Only where depth is asked for: a photograph is opened as what it shows."""
    return _described(path, identity) if forced and (is_heif(head) or head.startswith(b"\xff\xd8\xff")) else None


FORMATS.register(
    Format(
        key=STORED_DEPTH,
        kind=MediaKind.DEPTH,
        title="depth map",
        suffixes=(),
        probe=_probe,
        reader=lambda media: WholeReader(media, read_depth),
        # Before the other depth maps, which take a grey JPEG for one.
        order=9,
    )
)
