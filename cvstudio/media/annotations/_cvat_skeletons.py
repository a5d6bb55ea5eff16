"""The lines between the key points of a class as CVAT has them: a drawing in SVG beside the name of the class."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Sequence
from xml.etree import ElementTree

from cvstudio.data.labels import Category

_TAG = re.compile(r"<(line|circle)\b([^>]*)>")
_ATTRIBUTE = re.compile(r"""([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_CENTRE, _RADIUS = 50.0, 40.0
"""In the units of the drawing, which is 100 wide and high."""


def skeleton_lines(label: ElementTree.Element, points: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """The lines of a class that has these `points`, as pairs of their indices.

    A node of the drawing is the point whose name it states, else the one of its number, from 1.
    """
    drawing = label.find("svg")
    if drawing is None:
        return ()
    # As text, as CVAT writes it, or as elements.
    text = html.unescape(ElementTree.tostring(drawing, encoding="unicode"))
    place_of: dict[str, int] = {str(number): number - 1 for number in range(1, len(points) + 1)}
    ends: list[tuple[str, str]] = []
    for match in _TAG.finditer(text):
        attributes = {name: html.unescape(double or single) for name, double, single in _ATTRIBUTE.findall(match[2])}
        if match[1] == "line":
            ends.append((attributes.get("data-node-from", ""), attributes.get("data-node-to", "")))
        elif attributes.get("data-label-name") in points:
            place_of[attributes.get("data-node-id", "")] = points.index(attributes["data-label-name"])
    lines = ((place_of[start], place_of[end]) for start, end in ends if start in place_of and end in place_of)
    return tuple(dict.fromkeys(line for line in lines if line[0] != line[1]))


def skeleton_drawing(category: Category) -> str:
    """The drawing of a class with key points, which stand on a circle."""
    count = len(category.keypoints)
    turns = [2 * math.pi * number / count for number in range(count)]
    places = [(_CENTRE + _RADIUS * math.sin(turn), _CENTRE - _RADIUS * math.cos(turn)) for turn in turns]
    parts = []
    for start, end in category.skeleton:
        (x1, y1), (x2, y2) = places[start], places[end]
        parts.append(
            f'<line x1="{x1:.2f}" y1="{y1:.2f}" x2="{x2:.2f}" y2="{y2:.2f}" data-type="edge" '
            f'data-node-from="{start + 1}" data-node-to="{end + 1}"></line>'
        )
    for number, (name, (x, y)) in enumerate(zip(category.keypoints, places, strict=True), 1):
        parts.append(
            f'<circle r="1.5" cx="{x:.2f}" cy="{y:.2f}" data-type="element node" data-element-id="{number}" '
            f'data-node-id="{number}" data-label-name="{html.escape(name)}"></circle>'
        )
    return "".join(parts)
