"""XML of others: parsed without entities, which could grow to any size or read other files."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from cvstudio.foundation.errors import MediaError
from cvstudio.media.annotations._values import number
from cvstudio.media.file_identity import decoding, quoted


def read_xml(path: Path) -> Element:
    """The root element of an XML file. Raises MediaError."""
    import defusedxml
    import defusedxml.ElementTree

    with decoding(path):
        content = path.read_bytes()
    try:
        root: Element = defusedxml.ElementTree.fromstring(content, forbid_dtd=True)
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
