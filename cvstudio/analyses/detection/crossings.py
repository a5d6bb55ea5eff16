"""Line crossings and stays in zones, counted along the paths of tracked objects.

A path joins the places of an identity in consecutive frames by straight steps, from the first frame in which it is
shown (with the chosen score and class). A line counts a path that has come to its other side, by more than the
tolerance, where the steps in between have met the segment in that direction once more than in the other: each passage
once, however the boxes jitter, and none around the end of the line. A zone counts in the same way a path that has come
to the other side of its border.

`supervision`, whose boxes the tracker takes, has a LineZone and a PolygonZone; they are not used, as they look at
places, not at steps: its line asks whether a place lies in the strip between the two normals at the line's ends, so
that fast objects and oblique steps near the ends are counted wrong; its zone is a mask of whole pixels; and neither has
a tolerance in pixels, times between frames, or a stay.
"""

from __future__ import annotations

import dataclasses
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses.temporal import Total
from cvstudio.foundation.shapes import NamedShape, NamedShapes
from cvstudio.results.tallies import Crossing, LineTally, Stay, Tallies, ZoneTally

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PLACES = ("bottom", "centre", "top")
"""Where a box is: the middle of its lower edge, where an object stands on the ground, its centre, or its upper edge."""
MOST_FRAMES = 40_000
"""Frames whose numbers are stored; of a camera, which never ends, the latest ones."""
MOST_EVENTS = 20_000
"""Crossings that are listed one by one, and stays that have ended: the latest ones. Their numbers are of all."""
MOST_IDENTITIES = 5_000
"""Identities that are remembered, the last seen ones: no tracker finds one again after so many others."""


@dataclass(frozen=True)
class Rules:
    """What is counted, and how.

    Parameters
    ----------
    lines, zones : in image pixels
    place : one of `PLACES`
    tolerance : pixels by which a place has to lie beyond a line or border to be on the other side
    score : minimum score of the first box of a path
    classes : names of the counted classes; empty counts all
    labels : names of all classes by index
    """

    lines: NamedShapes
    zones: NamedShapes
    place: str = "bottom"
    tolerance: float = 0.0
    score: float = 0.0
    classes: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


def places_of(boxes: NDArray[np.floating[Any]], place: str) -> Floats:
    """Places (n, 2) in image pixels of boxes (n, 4), see `PLACES`."""
    edges = boxes.astype(np.float64)
    x = (edges[:, 0] + edges[:, 2]) / 2
    y = {"bottom": edges[:, 3], "centre": (edges[:, 1] + edges[:, 3]) / 2, "top": edges[:, 1]}[place]
    return np.stack((x, y), axis=1)


@dataclass
class _Carry:
    """State of an identity after the frames so far: its last place, and for each line and zone the side on which it
    is, the crossings since it was surely there, and the time of the last one."""

    time: float
    place: tuple[float, float]
    side: list[int]
    net: list[int]
    met: list[float]


@dataclass
class _Path:
    """Steps of a block of frames, sorted by identity and time; the first row of an identity is where it was before the
    block, or its first place.

    Parameters
    ----------
    ids, classes, frames : of each row; the frame is -1 where it is before the block
    times, places : seconds, and image pixels (n, 2)
    starts : row of the first place of the same identity
    carries : state before the block by row; None where there is none
    """

    ids: Ints
    classes: Ints
    frames: Ints
    times: Floats
    places: Floats
    starts: Ints
    carries: list[tuple[int, _Carry]]

    @property
    def steps(self) -> NDArray[np.bool_]:
        """Whether a row has one before it."""
        return np.asarray(self.starts != np.arange(len(self.ids)))


class CrossingCounter(Total):
    """Counts along the paths of frames that are fed in the order of their times.

    Parameters
    ----------
    rules : see `Rules`
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._carries: dict[int, _Carry] = {}
        self._wanted = None
        if rules.classes:
            self._wanted = np.array([index for index, name in enumerate(rules.labels) if name in rules.classes])
        self.times: list[float] = []
        self._lines: list[Ints] = []
        self._zones: list[Ints] = []
        self._line_total = np.zeros((len(rules.lines), 2), np.int64)
        self._zone_total = np.zeros((len(rules.zones), 2), np.int64)
        self._crossings: list[Crossing] = []
        self._ended: list[_Visit] = []
        self._earlier = (0, 0)
        self._inside: dict[tuple[int, int], _Visit] = {}

    @property
    def last_secs(self) -> float:
        """Time of the last frame; -inf before the first."""
        return self.times[-1] if self.times else -np.inf

    def feed(self, frames: Sequence[tuple[float, Any]]) -> None:
        """Count on through frames: (seconds, `Sighting` with identities) each, later than those before."""
        if not frames:
            return
        path = self._path(frames)
        line_counts = np.zeros((len(frames), len(self.rules.lines), 2), np.int64)
        zone_counts = np.zeros((len(frames), len(self.rules.zones), 3), np.int64)
        states = []
        n_crossings, n_ended = len(self._crossings), len(self._ended)
        if len(path.ids):
            seen_secs = [time for time, _ in frames]
            for number, line in enumerate(self.rules.lines):
                sides, met, inwards = _line_sides(path, line)
                states.append(self._follow(path, number, sides, met, inwards))
                self._add_crossings(path, line, states[-1], seen_secs, line_counts[:, number])
            # What is new is later than all before.
            self._crossings[n_crossings:] = sorted(self._crossings[n_crossings:], key=_by_frame)
            for number, zone in enumerate(self.rules.zones):
                sides, met, inwards = _zone_sides(path, zone)
                states.append(self._follow(path, len(self.rules.lines) + number, sides, met, inwards))
                self._add_stays(path, number, states[-1], seen_secs, zone_counts[:, number])
            self._ended[n_ended:] = sorted(self._ended[n_ended:], key=_by_end)
            self._store(path, states)
        self.times += [time for time, _ in frames]
        self._forget()
        line_counts = self._line_total + np.cumsum(line_counts, axis=0)
        zone_counts[..., 1:] = self._zone_total + np.cumsum(zone_counts[..., 1:], axis=0)
        self._line_total, self._zone_total = line_counts[-1], zone_counts[-1, :, 1:]
        self._lines += list(line_counts)
        self._zones += list(zone_counts)
        if len(self.times) > MOST_FRAMES:
            del self.times[: MOST_FRAMES // 2], self._lines[: MOST_FRAMES // 2], self._zones[: MOST_FRAMES // 2]

    def at(self, pts: float) -> Tallies:
        """Tallies up to the last frame at or before `pts` seconds."""
        number = bisect_right(self.times, pts) - 1
        if number < 0:
            lines, zones = np.zeros((len(self.rules.lines), 2), int), np.zeros((len(self.rules.zones), 3), int)
        else:
            lines, zones = self._lines[number], self._zones[number]
        return Tallies(
            tuple(LineTally(line, *row) for line, row in zip(self.rules.lines, lines.tolist(), strict=True)),
            tuple(ZoneTally(zone, *row) for zone, row in zip(self.rules.zones, zones.tolist(), strict=True)),
            tuple(self._crossings[: bisect_right(self._crossings, (pts, np.inf), key=_by_frame)]),
            tuple(self._stays_until(pts)),
            self._earlier,
        )

    def series(self) -> tuple[Floats, Ints, Ints]:
        """Times (n,) of the frames, crossings so far (n, lines, 2) in and out, and (n, zones, 3) of objects inside,
        entries and exits so far."""
        count, rules = len(self.times), self.rules
        lines = np.array(self._lines, np.int64).reshape(count, len(rules.lines), 2)
        zones = np.array(self._zones, np.int64).reshape(count, len(rules.zones), 3)
        return np.array(self.times, np.float64), lines, zones

    def _stays_until(self, pts: float) -> list[Stay]:
        ended = bisect_right(self._ended, pts, key=_by_end)
        under_way = [visit for visit in (*self._ended[ended:], *self._inside.values()) if visit.began_secs <= pts]
        return [
            *(visit.stay for visit in self._ended[:ended]),
            *(
                dataclasses.replace(visit.stay, until_secs=min(visit.stay.until_secs, pts), left=False)
                for visit in under_way
            ),
        ]

    # The path -------------------------------------------------------------------------------------------------------

    def _path(self, frames: Sequence[tuple[float, Any]]) -> _Path:
        sizes = [len(note.scores) for _, note in frames]
        numbers = np.repeat(np.arange(len(frames)), sizes)
        notes = [note for _, note in frames]
        ids = np.concatenate([note.track_ids for note in notes])
        classes = np.concatenate([note.classes for note in notes])
        kept = ids >= 0
        if self._wanted is not None:
            kept &= np.isin(classes, self._wanted)
        shown = np.concatenate([note.scores for note in notes]) >= self.rules.score
        kept &= self._since_shown(ids, kept & shown)
        places = places_of(np.concatenate([note.boxes for note in notes])[kept], self.rules.place)
        ids, classes, numbers = ids[kept], classes[kept], numbers[kept]
        times = np.array([time for time, _ in frames], np.float64)[numbers]
        before = [(number, self._carries[number]) for number in np.unique(ids).tolist() if number in self._carries]
        if before:
            ids = np.concatenate((np.array([number for number, _ in before]), ids))
            classes = np.concatenate((np.full(len(before), -1), classes))
            numbers = np.concatenate((np.full(len(before), -1), numbers))
            times = np.concatenate(([carry.time for _, carry in before], times))
            places = np.concatenate(([carry.place for _, carry in before], places))
        order = np.lexsort((numbers, ids))
        ids, classes, numbers = ids[order], classes[order], numbers[order]
        times, places = times[order], places[order]
        rows = np.arange(len(ids))
        first = np.diff(ids, prepend=-1) != 0
        starts = np.maximum.accumulate(np.where(first, rows, 0))
        row_of = dict(zip(ids[first].tolist(), rows[first].tolist(), strict=True))
        return _Path(
            ids, classes, numbers, times, places, starts, [(row_of[number], carry) for number, carry in before]
        )

    def _since_shown(self, ids: Ints, shown: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Whether a row, in the order of time, belongs to an identity that has been shown by then."""
        started = np.array([number in self._carries for number in ids.tolist()], bool)
        first_ids, first_rows = np.unique(ids[shown], return_index=True)
        first_rows = np.flatnonzero(shown)[first_rows]
        if not len(first_ids):
            return started
        index = np.searchsorted(first_ids, ids).clip(max=len(first_ids) - 1)
        return np.asarray(started | ((first_ids[index] == ids) & (np.arange(len(ids)) >= first_rows[index])))

    def _store(self, path: _Path, states: list[_States]) -> None:
        last = np.flatnonzero(np.diff(path.ids, append=-1) != 0)
        for row in last.tolist():
            # Those that were seen last stand at the end.
            self._carries.pop(int(path.ids[row]), None)
            self._carries[int(path.ids[row])] = _Carry(
                float(path.times[row]),
                (float(path.places[row, 0]), float(path.places[row, 1])),
                [int(state.sides[row]) for state in states],
                [int(state.net[row]) for state in states],
                [float(state.met[row]) for state in states],
            )

    def _forget(self) -> None:
        """Forget the oldest identities and events where there are too many; what they were counted for stays."""
        if len(self._carries) > 2 * MOST_IDENTITIES:
            for number in list(self._carries)[:-MOST_IDENTITIES]:
                del self._carries[number]
            for key in [key for key in self._inside if key[1] not in self._carries]:
                # Its stay ends where it was last seen, and nobody saw it leave.
                visit = self._inside.pop(key)
                self._ended.append(dataclasses.replace(visit, ended_secs=self.last_secs))
            self._ended.sort(key=_by_end)
        dropped = []
        for events in (self._crossings, self._ended):
            dropped.append(len(events) - MOST_EVENTS // 2 if len(events) > MOST_EVENTS else 0)
            del events[: dropped[-1]]
        self._earlier = (self._earlier[0] + dropped[0], self._earlier[1] + dropped[1])

    # Sides ----------------------------------------------------------------------------------------------------------

    def _follow(self, path: _Path, number: int, distances: Floats, met: Floats, inwards: Ints) -> _States:
        """Sure sides along the path, from signed distances (n,) and, for the step that leads to each row, its net
        passages `inwards` and when it `met` the line."""
        tolerance = self.rules.tolerance
        raw = np.where(np.abs(distances) > tolerance, np.sign(distances), 0).astype(np.int64)
        # A path begins on the side of its first place, however near.
        begins = ~path.steps
        raw[begins] = np.sign(distances[begins])
        inwards, met = inwards.copy(), met.copy()
        carried = np.zeros(len(raw), np.int64)
        for row, carry in path.carries:
            raw[row], inwards[row], met[row] = carry.side[number], carry.net[number], carry.met[number]
            carried[row] = carry.net[number]
        rows = np.arange(len(raw))
        sure = np.maximum.accumulate(np.where((raw != 0) | begins, rows, 0))
        sides = raw[sure]
        passed = np.cumsum(inwards)
        before = np.maximum(rows - 1, 0)
        # Up to a row that is sure the passages since the sure row before it count, else those since the last sure one.
        since = np.where(begins, rows, sure[before])
        net = passed - (passed - carried)[since]
        changed = path.steps & (sides != sides[before]) & (sides[before] != 0) & (net * sides > 0)
        last_met = met[np.maximum.accumulate(np.where((inwards != 0) | begins, rows, 0))]
        left_over = np.where(sure == rows, 0, net)
        left_over = np.where(begins, carried, left_over)
        return _States(sides, left_over, last_met, changed)

    def _add_crossings(
        self, path: _Path, line: NamedShape, state: _States, seen_secs: list[float], counts: Ints
    ) -> None:
        for row in np.flatnonzero(state.changed).tolist():
            frame, inwards = int(path.frames[row]), bool(state.sides[row] > 0)
            counts[frame, 0 if inwards else 1] += 1
            label = self._label(path, row)
            self._crossings.append(
                Crossing(
                    float(state.met[row]),
                    seen_secs[frame],
                    line.name,
                    "in" if inwards else "out",
                    int(path.ids[row]),
                    label,
                )
            )

    def _add_stays(self, path: _Path, number: int, state: _States, seen_secs: list[float], counts: Ints) -> None:
        inside = (state.sides > 0) & (path.frames >= 0)
        np.add.at(counts[:, 0], path.frames[inside], 1)
        begins = ~path.steps & inside
        for row in np.flatnonzero(begins | state.changed).tolist():
            key, frame = (number, int(path.ids[row])), int(path.frames[row])
            if inside[row]:
                entered = bool(state.changed[row])
                counts[frame, 1] += entered
                since = float(state.met[row]) if entered else float(path.times[row])
                name, label = self.rules.zones[number].name, self._label(path, row)
                stay = Stay(name, key[1], label, since, since, entered, left=False)
                self._inside[key] = _Visit(stay, seen_secs[frame], np.inf)
            elif key in self._inside:
                counts[frame, 2] += 1
                visit = self._inside.pop(key)
                stay = dataclasses.replace(visit.stay, until_secs=float(state.met[row]), left=True)
                self._ended.append(_Visit(stay, visit.began_secs, seen_secs[frame]))
        last = np.flatnonzero(np.diff(path.ids, append=-1) != 0)
        for row in last.tolist():
            key = (number, int(path.ids[row]))
            if key in self._inside:
                visit = self._inside[key]
                stay = dataclasses.replace(visit.stay, until_secs=float(path.times[row]))
                self._inside[key] = dataclasses.replace(visit, stay=stay)

    def _label(self, path: _Path, row: int) -> str:
        index = int(path.classes[row])
        return self.rules.labels[index] if 0 <= index < len(self.rules.labels) else str(index)


@dataclass(frozen=True)
class _Visit:
    """A stay, and the times of the frames in which it was seen to begin and to end; inf for one that goes on."""

    stay: Stay
    began_secs: float
    ended_secs: float


def _by_frame(crossing: Crossing) -> tuple[float, float]:
    return crossing.seen_secs, crossing.time_secs


def _by_end(visit: _Visit) -> float:
    return visit.ended_secs


@dataclass(frozen=True)
class _States:
    """Along a path: the sure `sides` (-1, 0 or 1), the `net` passages since, when the line was last `met`, and whether
    a row has `changed` sides."""

    sides: Ints
    net: Ints
    met: Floats
    changed: NDArray[np.bool_]


def _cross(a: Floats, b: Floats) -> Floats:
    return np.asarray(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0])


def _passages(path: _Path, start: Floats, end: Floats) -> tuple[Ints, Floats, Floats]:
    """Passages of each step (into a row) through the segment: 1 to its right, -1 to its left, 0 for none; the fraction
    of the step at which it meets it; and the signed distances of the places, positive to the right.

    A place on the line belongs to its left, so that no passage is missed or counted twice.
    """
    along = end - start
    distances = _cross(np.broadcast_to(along, path.places.shape), path.places - start) / np.hypot(*along)
    right = distances > 0
    before = np.maximum(np.arange(len(right)) - 1, 0)
    crosses = np.flatnonzero(path.steps & (right != right[before]))
    origins, moves = path.places[before[crosses]], path.places[crosses] - path.places[before[crosses]]
    # The ends of the segment lie on different sides of the step, or on it.
    to_start, to_end = _cross(moves, start - origins), _cross(moves, end - origins)
    hits = crosses[((to_start >= 0) != (to_end >= 0)) | (to_start == 0) | (to_end == 0)]
    passages = np.zeros(len(right), np.int64)
    passages[hits] = np.where(right[hits], 1, -1)
    fractions = np.ones(len(right))
    fractions[hits] = distances[before[hits]] / (distances[before[hits]] - distances[hits])
    return passages, fractions, distances


def _times_at(path: _Path, fractions: Floats) -> Floats:
    """Time of each row, or, on the step that leads to it, at the fraction of it."""
    before = np.maximum(np.arange(len(fractions)) - 1, 0)
    start = np.where(path.steps, path.times[before], path.times)
    return np.asarray(start + fractions * (path.times - start))


def _line_sides(path: _Path, line: NamedShape) -> tuple[Floats, Floats, Ints]:
    start, end = (np.array(point, np.float64) for point in line.points)
    passages, fractions, distances = _passages(path, start, end)
    return distances, _times_at(path, fractions), passages


def _zone_sides(path: _Path, zone: NamedShape) -> tuple[Floats, Floats, Ints]:
    """Distances from the border, positive inside; when steps pass it last on the way in, or first on the way out."""
    corners = np.array(zone.points, np.float64)
    x, y = path.places[:, 0], path.places[:, 1]
    inside = np.zeros(len(x), bool)
    nearest = np.full(len(x), np.inf)
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        along = end - start
        if start[1] != end[1]:
            # Even-odd rule: a ray to the right crosses this edge.
            inside ^= ((start[1] > y) != (end[1] > y)) & (x < start[0] + (y - start[1]) / along[1] * along[0])
        fraction = np.clip((path.places - start) @ along / max(float(along @ along), 1e-300), 0, 1)
        nearest = np.minimum(nearest, np.hypot(*(path.places - start - fraction[:, None] * along).T))
    before = np.maximum(np.arange(len(x)) - 1, 0)
    flips = path.steps & (inside != inside[before])
    fractions = np.ones(len(x))
    rows = np.flatnonzero(flips)
    if len(rows):
        fractions[rows] = _border_fractions(path.places[before[rows]], path.places[rows], corners, inside[rows])
    # On the border itself a place is at distance 0, and yet on one side.
    distances = np.where(inside, np.maximum(nearest, 1e-12), -np.maximum(nearest, 1e-12))
    return distances, _times_at(path, fractions), np.where(flips, np.where(inside, 1, -1), 0)


def _border_fractions(origins: Floats, ends: Floats, corners: Floats, inwards: NDArray[np.bool_]) -> Floats:
    """Fractions at which steps between places (n, 2) meet the border: last on the way in, first on the way out."""
    fractions = np.where(inwards, -np.inf, np.inf)
    moves = ends - origins
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        along = np.broadcast_to(end - start, moves.shape)
        d0, d1 = _cross(along, origins - start), _cross(along, ends - start)
        meets = (d0 * d1 <= 0) & (d0 != d1) & (_cross(moves, start - origins) * _cross(moves, end - origins) <= 0)
        at = np.divide(d0, d0 - d1, out=np.zeros_like(d0), where=meets)
        fractions = np.where(meets, np.where(inwards, np.maximum(fractions, at), np.minimum(fractions, at)), fractions)
    return np.where(np.isfinite(fractions), fractions, 1.0)
