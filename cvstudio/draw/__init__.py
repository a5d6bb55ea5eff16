"""Rendering of results, the same for the screen and for files.

`render` returns a new picture of the visible part; `draw` paints each result on it with the painter of its type. A
painter is one file of this package that registers itself (`paints`); nothing else refers to it.
"""

from __future__ import annotations

from cvstudio.draw.base import PAINTERS, Emphasis, Look, Painter, draw, for_export, painter_of, paints, scaled
from cvstudio.draw.pair import Pair
from cvstudio.draw.render import Renderer, render, render_alone
from cvstudio.draw.stack import Stack, faded

__all__ = [
    "PAINTERS",
    "Emphasis",
    "Look",
    "Painter",
    "Pair",
    "Renderer",
    "Stack",
    "draw",
    "faded",
    "for_export",
    "painter_of",
    "paints",
    "render",
    "render_alone",
    "scaled",
]
