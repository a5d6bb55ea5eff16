"""JSON text that also holds file names that are not UTF-8."""

from __future__ import annotations

import json
import re
from typing import Any

_SURROGATE = re.compile("[\ud800-\udfff]")


def json_text(value: Any, *, indent: int | None = None) -> str:
    """`value` as JSON without NaN. Bytes of a file name that are not UTF-8, which Python keeps as lone surrogates, are
    escaped (``\\udce9``), so that the text can be encoded and reads back equal. Raises ValueError, TypeError."""
    text = json.dumps(value, ensure_ascii=False, indent=indent, allow_nan=False)
    return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def printable(text: str) -> str:
    """`text` with lone surrogates as ``\\udce9``, for formats without an escape of their own."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
