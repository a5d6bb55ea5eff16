"""Where on a picture a receptive field lies."""

from __future__ import annotations

import math

from cvstudio.data.geometry import Rect, Size
from cvstudio.models.inspection.receptive_field import ReceptiveField, Span


def field_at(
    field: ReceptiveField, input_size: tuple[int, int], picture: Size, x: float, y: float, *, cropped: bool
) -> Rect:
    """What the unit sees in whose middle a place of a picture lies.

    Parameters
    ----------
    field : a local one
    input_size : (height, width) in pixels of what the network is given
    picture : size in pixels
    x, y : the place in pixels of the picture
    cropped : whether the network is given the middle of the picture, its shorter side whole; else all of the picture,
        from the left top corner on and as large as the input holds it. How a model prepares its pictures may differ
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


def _around(span: Span, place: float) -> tuple[float, float]:
    """The field of the unit whose middle is nearest to `place`."""
    unit = math.floor((place - span.start - span.size / 2) / span.stride + 0.5)
    return span.at(max(0, unit))
