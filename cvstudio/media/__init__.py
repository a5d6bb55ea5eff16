"""What the user opens: one file for each kind."""

from __future__ import annotations

from cvstudio.media.base import Media, MediaKind, Reader
from cvstudio.media.open import open_media, open_reader

__all__ = ["Media", "MediaKind", "Reader", "open_media", "open_reader"]
