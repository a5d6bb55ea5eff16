"""The colour of a row of detections, the same for its box, label, mask and trail."""

from __future__ import annotations

from cvstudio.draw.base import Look
from cvstudio.draw.palette import RGB, class_colour, identity_colour
from cvstudio.results import Detections


def row_colour(result: Detections, row: int, look: Look) -> RGB:
    """The colour of the class or, where the look says so, of the identity if there is one."""
    number = result.identity(row) if look.colour_by == "identity" else None
    return class_colour(result.label(row)) if number is None else identity_colour(number)
