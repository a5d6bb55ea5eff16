"""Receptive field of a unit in pixels of a picture."""

from __future__ import annotations

import math

from cvstudio.data.geometry import Rect, Size
from cvstudio.models.inspection.receptive_field import ReceptiveField, Span


def field_at(
    field: ReceptiveField, input_size: tuple[int, int], picture: Size, x: float, y: float, *, cropped: bool
) -> Rect:
    """Receptive field of the unit whose centre is nearest to a point of the picture.

    Parameters
    ----------
    field : a local one
    input_size : (height, width) of the network's input in pixels
    picture : size in pixels
    x, y : the point in pixels of the picture
    cropped : whether the input is a centre crop of the picture as large as its shorter side allows; otherwise the
        whole picture, scaled to fit into the input from the top left corner. A model's own preprocessing may differ
        from that by some pixels.

    Returns
    -------
    Rect in pixels of the picture; it may reach over its edges
    """
    height, width = input_size
    if cropped:
        scale = min(picture.width / width, picture.height / height)
        left, top = (picture.width - width * scale) / 2, (picture.height - height * scale) / 2
    else:
        scale = max(picture.width / width, picture.height / height)
        left, top = 0.0, 0.0
    begin_x, end_x = _around(field.across, (x - left) / scale)
    begin_y, end_y = _around(field.down, (y - top) / scale)
    return Rect(left + begin_x * scale, top + begin_y * scale, (end_x - begin_x) * scale, (end_y - begin_y) * scale)


def _around(span: Span, position: float) -> tuple[float, float]:
    """Begin and end of the field of the unit whose centre is nearest to `position`, in pixels of the input."""
    unit = math.floor((position - span.start - span.size / 2) / span.stride + 0.5)
    return span.at(max(0, unit))
