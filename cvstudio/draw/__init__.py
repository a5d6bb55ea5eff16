"""One road for the screen and for a file: the same result, the same `render`.

`render` makes a new picture of what is visible; results are painted on it by `draw`, which dispatches on their type.
"""

from __future__ import annotations

from cvstudio.draw.base import Emphasis, Look, draw
from cvstudio.draw.pair import Pair
from cvstudio.draw.render import Renderer, render
from cvstudio.draw.stack import Stack, faded

__all__ = ["Emphasis", "Look", "Pair", "Renderer", "Stack", "draw", "faded", "render"]
