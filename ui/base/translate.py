"""Translation of texts that the core, which knows no Qt, declares: looked up when the window shows them."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QLocale

LANGUAGE = "en_GB"
"""Language of the texts, the only one so far."""


def use_language() -> None:
    """Let Qt shape texts and format numbers for the language of the texts, whatever the system's is.

    Under a Korean locale the typeface would have colons, semicolons and dots in the middle of the line, as in Hangul.
    """
    QLocale.setDefault(QLocale(LANGUAGE))


def translated(text: str) -> str:
    """Translation of a title or sentence of an analysis, slot or error; `text` itself where there is none."""
    return QCoreApplication.translate("core", text) if text else text
