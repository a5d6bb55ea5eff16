"""How each kind of file is shown in lists. A kind without an entry of its own gets that of any other file."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

# Icon and title by the kind's value: a list may meet a kind before anybody has drawn it.
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
    """Name of the icon for a kind; None is a file that no format claims."""
    return _KINDS.get(kind or "", _OTHER)[0]


def kind_title(kind: str | None) -> str:
    """What files of a kind are called together."""
    return QCoreApplication.translate("kinds", _KINDS.get(kind or "", _OTHER)[1])
