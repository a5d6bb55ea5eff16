"""Registry of the formats that can be opened. Each file of this package registers its own."""

from __future__ import annotations

from cvstudio.foundation.registry import Registry
from cvstudio.media.base import Format

FORMATS: Registry[Format] = Registry("format", __name__, group="cvstudio.media", order=lambda entry: entry.order)
