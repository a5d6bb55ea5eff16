"""What passed named lines and was inside of named zones, up to a frame of a video: part of `Detections`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

from cvstudio.data.pixel_map import PixelMap
from cvstudio.foundation.shapes import NamedShape

Direction = Literal["in", "out"]


@dataclass(frozen=True)
class Crossing:
    """One object passed one line.

    Parameters
    ----------
    time_secs : when its movement met the line, in seconds of the video, between two frames
    seen_secs : time of the frame in which it was counted
    line : name of the line
    direction : "in" to the right of the line, looking from its start to its end; "out" to its left
    track_id, label : identity and class of the object
    """

    time_secs: float
    seen_secs: float
    line: str
    direction: Direction
    track_id: int
    label: str


@dataclass(frozen=True)
class Stay:
    """One object was inside of one zone, once.

    Parameters
    ----------
    zone : name of the zone
    track_id, label : identity and class of the object
    since_secs : when its movement entered the zone; where it did not, when it was first seen
    until_secs : when its movement left the zone; where it has not (yet), when it was last seen
    entered, left : whether it came from outside, and went there
    """

    zone: str
    track_id: int
    label: str
    since_secs: float
    until_secs: float
    entered: bool
    left: bool

    @property
    def dwell_secs(self) -> float:
        """Duration in seconds."""
        return self.until_secs - self.since_secs


@dataclass(frozen=True)
class LineTally:
    """Crossings of `line` so far: `ins` to the right, looking from its start to its end, `outs` to the left."""

    line: NamedShape
    ins: int
    outs: int


@dataclass(frozen=True)
class ZoneTally:
    """Objects `inside` of `zone` in this frame, and how often one has entered and left it so far."""

    zone: NamedShape
    inside: int
    entries: int
    exits: int


@dataclass(frozen=True)
class Tallies:
    """Tallies of all lines and zones up to a frame.

    Parameters
    ----------
    lines, zones : in the order in which they were drawn, in image pixels
    crossings : in the order of their frames
    stays : those that have ended, in the order of their ends, then those of objects that are still inside, up to this
        frame
    earlier : number of crossings, and of stays, before these: of what never ends the latest are listed
    """

    lines: tuple[LineTally, ...] = ()
    zones: tuple[ZoneTally, ...] = ()
    crossings: tuple[Crossing, ...] = ()
    stays: tuple[Stay, ...] = ()
    earlier: tuple[int, int] = (0, 0)

    def placed(self, pixel_map: PixelMap) -> Tallies:
        """The same with lines and zones on the picture that `pixel_map` leads to; a mirror keeps "in" and "out"."""
        lines = tuple(dataclasses.replace(item, line=_placed(item.line, pixel_map, turn=True)) for item in self.lines)
        zones = tuple(dataclasses.replace(item, zone=_placed(item.zone, pixel_map)) for item in self.zones)
        return dataclasses.replace(self, lines=lines, zones=zones)


def _placed(shape: NamedShape, pixel_map: PixelMap, *, turn: bool = False) -> NamedShape:
    points = tuple(pixel_map.point(*point) for point in shape.points)
    xx, xy, yx, yy = pixel_map.matrix
    # In a mirror right and left change places: the line is turned round, so that "in" is still to its right.
    mirrored = turn and xx * yy - xy * yx < 0
    return dataclasses.replace(shape, points=points[::-1] if mirrored else points)
