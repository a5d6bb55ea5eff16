"""Connected cameras as a format."""

from __future__ import annotations

from pathlib import Path

from cvstudio.media.base import Format, Media, MediaKind
from cvstudio.media.camera import CameraReader, DeviceSource
from cvstudio.media.formats import FORMATS


def not_a_file(path: Path, head: bytes, identity: str, forced: bool) -> Media | None:
    """The `Format.probe` of cameras, which recognises no file."""
    return None


FORMATS.register(
    Format(
        key="camera",
        kind=MediaKind.CAMERA,
        title="camera",
        suffixes=(),
        probe=not_a_file,
        reader=lambda media: CameraReader(media, DeviceSource),
        order=90,
    )
)
