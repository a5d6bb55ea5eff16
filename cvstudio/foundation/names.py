"""File names as they are shown: one line of text, in the order in which it is written."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Line ends and other control characters, and those that turn the direction of the text: "gnp.exe" as "exe.png"."""


def shown_name(name: str) -> str:
    """`name` in Unicode normal form C (macOS decomposes Hangul), with `�` for each control character.

    Bytes that are not UTF-8, which Python keeps as lone surrogates, stay: they are printed as they were.
    """
    return _CONTROL.sub("\ufffd", unicodedata.normalize("NFC", name))


def counted(count: int, noun: str) -> str:
    """A count with its noun, whose plural ends in "s" or "es": "1 object", "2,000 objects", "3 classes"."""
    plural = "es" if noun.endswith("s") else "s"
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}{plural}"


MOST_LISTED = 12


def listed(names: Sequence[str]) -> str:
    """`names` in one line for users: the first `MOST_LISTED`, and how many more there are."""
    shown = ", ".join(map(shown_name, names[:MOST_LISTED]))
    return shown if len(names) <= MOST_LISTED else f"{shown} and {len(names) - MOST_LISTED:,} more"
