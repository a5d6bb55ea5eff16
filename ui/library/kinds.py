"""Icon and title of each kind of file in lists. A kind without an entry is shown as any other file."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

# By the kind's value, as a list may contain a kind that has no icon yet.
_KINDS = {
    "image": ("file-image", "Pictures"),
    "video": ("film", "Videos"),
    "audio": ("audio-lines", "Sounds"),
    "depth": ("layers", "Depth maps"),
    "geometry": ("box", "3D models"),
    "camera": ("camera", "Cameras"),
}
_OTHER = ("file", "Other files")


def kind_icon(kind: str | None) -> str:
    """Name of the icon for a kind; None is a file of no known format."""
    return _KINDS.get(kind or "", _OTHER)[0]


def kind_title(kind: str | None) -> str:
    """Plural title of a kind."""
    return QCoreApplication.translate("kinds", _KINDS.get(kind or "", _OTHER)[1])
