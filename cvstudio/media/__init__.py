"""What the user opens: one file for each kind."""

from __future__ import annotations

from cvstudio.media.base import BaseReader, Media, MediaKind
from cvstudio.media.open import open_media, open_reader

__all__ = ["BaseReader", "Media", "MediaKind", "open_media", "open_reader"]
