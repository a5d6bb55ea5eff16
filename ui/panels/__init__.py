"""The panels: one file for each dock, which registers its declaration."""

from __future__ import annotations

from cvstudio.foundation.registry import Registry
from ui.panels.base import Panel

PANELS: Registry[Panel] = Registry("panel", __name__, open_to_packages=False)
