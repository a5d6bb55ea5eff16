"""XML of others: parsed without entities, which could grow to any size or read other files."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from cvstudio.data.labels import LabelledSet
from cvstudio.foundation.errors import MediaError
from cvstudio.media.annotations._values import as_utf8, number
from cvstudio.media.file_identity import decoding, quoted

NOT_IN_XML = "XML holds no control characters; those in the name of a class are written as escapes."
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")


def xml_text(content: bytes) -> str:
    """The text of an XML file in the encoding that it declares, those of two bytes for a letter among them, which the
    parser does not know. Raises ValueError and LookupError."""
    content, marked = as_utf8(content), content
    declared = _DECLARED.match(content) if content == marked else None
    return content.decode(declared.group(1).decode("ascii") if declared is not None else "utf-8")


def in_xml(text: str) -> str:
    """`text` with each character that XML cannot hold, such as a lone surrogate, as ``\\u0001``: two names stay
    different."""
    return _FORBIDDEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def tell_escapes(labelled: LabelledSet, report: Callable[[str], None]) -> None:
    """Report the classes whose name XML cannot hold."""
    for category in labelled.categories:
        if any(in_xml(name) != name for name in (category.name, *category.keypoints)):
            report(NOT_IN_XML)


def read_xml(path: Path) -> Element:
    """The root element of an XML file. Raises MediaError."""
    import defusedxml
    import defusedxml.ElementTree

    with decoding(path):
        content = path.read_bytes()
    try:
        root: Element = defusedxml.ElementTree.fromstring(xml_text(content), forbid_dtd=True)
    except defusedxml.DefusedXmlException:
        raise MediaError(
            f"{quoted(path)} declares entities or a document type, which labels do not need; it is not read."
        ) from None
    except (ParseError, ValueError, LookupError, RecursionError):
        raise MediaError(f"{quoted(path)} is no valid XML; get a fresh copy of it.") from None
    return root


def text_in(element: Element | None, name: str) -> str:
    """Text of the child `name`; empty without one."""
    return ((element.findtext(name) if element is not None else "") or "").strip()


def number_in(element: Element | None, name: str) -> float | None:
    """Finite number in the child `name`."""
    return number(text_in(element, name))


def attribute(element: Element, name: str) -> float | None:
    """Finite number in the attribute `name`."""
    return number(element.get(name))
