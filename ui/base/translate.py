"""Translation of texts that the core, which knows no Qt, declares: looked up when the window shows them."""

from __future__ import annotations

import itertools
import re

from PySide6.QtCore import QCoreApplication, QLocale

LANGUAGE = "en_GB"
"""Language of the texts, the only one so far."""


def use_language() -> None:
    """Let Qt shape texts and format numbers for the language of the texts, whatever the system's is.

    Under a Korean locale the typeface would have colons, semicolons and dots in the middle of the line, as in Hangul.
    """
    QLocale.setDefault(QLocale(LANGUAGE))


_SURROGATE = re.compile("[\ud800-\udfff]")
_NUMBER = re.compile(r"\d(?:[\d.,]*\d)?")
_WORD = re.compile(r"[^\W\d_]+(?![\w\ufffd-]|[./\\]\w)")


def translated(text: str) -> str:
    """Translation of a title or sentence of the core; `text` itself where there is none.

    What the core says with numbers in it is looked up with "{0}", "{1}" … in their places. Qt looks up no text with
    bytes of a file name that are not UTF-8, which Python has as lone surrogates: a sign stands for each.
    """
    text = _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)
    told = QCoreApplication.translate("core", text) if text else text
    if told != text or not _NUMBER.search(text):
        return told
    places = itertools.count()
    pattern = _NUMBER.sub(lambda _: f"{{{next(places)}}}", text)
    told = QCoreApplication.translate("core", pattern)
    return text if told == pattern else told.format(*_NUMBER.findall(text))


def counted(count: int, one: str, many: str, **values: object) -> str:
    """`one` where `count` is 1, else `many`, with "{count}" and the placeholders of `values` filled in.

    Both are translated texts: "{count} picture" and "{count} pictures".
    """
    return (one if count == 1 else many).format(count=f"{count:,}", **values)


def as_line(text: str) -> str:
    """A message of the core, such as its progress, translated and as a line of its own: it begins with a capital.

    The name of a file, such as "dog.jpg", stays as it is.
    """
    text = translated(text)
    return text[:1].upper() + text[1:] if _WORD.match(text) else text
