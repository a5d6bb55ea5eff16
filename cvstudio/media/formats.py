"""Every format that can be opened. A file of this package registers its own."""

from __future__ import annotations

from cvstudio.media.base import Format
from cvstudio.registry import Registry

FORMATS: Registry[Format] = Registry("format", "cvstudio.media", order=lambda entry: entry.order)
