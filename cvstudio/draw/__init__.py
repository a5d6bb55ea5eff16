"""One road for the screen and for a file: the same result, the same `render`.

`render` makes a new picture of what is visible; results are painted on it by `draw`, which asks the painter of
their type. A painter is one file here that registers itself (`paints`); no other place names it.
"""

from __future__ import annotations

from cvstudio.draw.base import PAINTERS, Emphasis, Look, Painter, draw, painter_of, paints
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
    "painter_of",
    "paints",
    "render",
    "render_alone",
]
