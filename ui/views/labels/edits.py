"""Modes of the label tool, the edits that it makes, and its handles."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from cvstudio.data.labels import PictureLabels
from cvstudio.foundation.shapes import Point

BOX, KEYPOINT = -1, -2
"""`LabelHandle.part` of the handles of the box, and of key points."""


class Mode(StrEnum):
    """What a drag on the picture does."""

    SELECT = "select"
    BOX = "box"
    POLYGON = "polygon"
    BRUSH = "brush"
    KEYPOINTS = "keypoints"
    CLASSES = "classes"
    REGIONS = "regions"
    FILL = "fill"


BRUSHES = (Mode.BRUSH, Mode.REGIONS)
"""Modes in which a drag is a stroke: of the mask of an object, or of the class of each pixel."""


class Change(StrEnum):
    """What an edit did, which names its undo step."""

    DRAW = "draw"
    MOVE = "move"
    RESIZE = "resize"
    RESHAPE = "reshape"
    BRUSH = "brush"
    ERASE = "erase"
    KEYPOINTS = "keypoints"
    VISIBILITY = "visibility"
    REGIONS = "regions"
    FILL = "fill"
    DELETE = "delete"


@dataclass(frozen=True, eq=False)
class Edit:
    """Labels after an edit, and the number of the object that is selected then."""

    change: Change
    labels: PictureLabels
    selected: int | None


@dataclass(frozen=True)
class LabelHandle:
    """Draggable point of the selected object.

    Parameters
    ----------
    part : number of the polygon, or `BOX` or `KEYPOINT`
    number : of the corner or key point, or of the box's handle from the top left clockwise
    place : in image pixels
    adds : whether dragging it inserts a corner
    """

    part: int
    number: int
    place: Point
    adds: bool = False


def replace_change(edit: Edit | None, change: Change) -> Edit | None:
    """The same edit under another name."""
    return replace(edit, change=change) if edit is not None else None
