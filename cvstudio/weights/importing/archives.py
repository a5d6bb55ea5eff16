"""Refusal of malicious zip archives before they are unpacked."""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePosixPath

from cvstudio.foundation.errors import WeightsError

MOST_TIMES = 20
"""Largest ratio of unpacked to packed size: weights are stored uncompressed, or hardly compressible."""

SLACK_BYTES = 64 << 20


def check_archive(path: Path) -> None:
    """Raise WeightsError where the zip archive `path` is a zip bomb, or has outside paths or duplicate names."""
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    size = path.stat().st_size
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > MOST_TIMES * size + SLACK_BYTES:
        raise WeightsError(
            f"Expected a checkpoint, but {path.name} ({size / 1e6:.1f} MB) would unpack to {unpacked / 1e6:,.0f} MB, "
            f"as an archive that is to fill the memory does; it was not opened, get it from its publisher."
        )
    if sum(entry.compress_size for entry in entries) > size:
        raise WeightsError(
            f"Expected a checkpoint, but the entries of {path.name} lie over each other, as in an archive that is to "
            f"fill the memory; it was not opened, get it from its publisher."
        )
    names = [entry.filename for entry in entries]
    for name in names:
        parts = PurePosixPath(name.replace("\\", "/"))
        if parts.is_absolute() or ".." in parts.parts or ":" in name.partition("/")[0] or "\0" in name:
            raise WeightsError(
                f"Expected a checkpoint, but {path.name} names a place outside of itself ({name[:60]!r}); it was not "
                f"opened, get it from its publisher."
            )
    if len(set(names)) != len(names):
        raise WeightsError(
            f"Expected a checkpoint, but {path.name} holds two entries of one name, so that what is checked may not "
            f"be what is read; it was not opened, get it from its publisher."
        )
