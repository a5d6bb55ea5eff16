"""Qt's translation for texts that the core declares: it knows no Qt, so the window looks them up when it shows them."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication


def translated(text: str) -> str:
    """A title or sentence of an analysis, slot or error in the user's language; itself where there is none."""
    return QCoreApplication.translate("core", text) if text else text
