"""Translation of texts that the core, which knows no Qt, declares: looked up when the window shows them."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication


def translated(text: str) -> str:
    """Translation of a title or sentence of an analysis, slot or error; `text` itself where there is none."""
    return QCoreApplication.translate("core", text) if text else text
