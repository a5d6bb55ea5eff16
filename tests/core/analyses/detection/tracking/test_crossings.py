"""Crossings of lines and stays in zones: by hand, in closed form, and against exact arithmetic."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cvstudio.analyses.detection import crossings
from cvstudio.analyses.detection._tracking import Sighting, TrackParams
from cvstudio.analyses.detection.crossings import CrossingCounter, Rules, places_of
from cvstudio.exporters import EXPORTERS
from cvstudio.foundation.params import fields_of
from cvstudio.foundation.progress import Progress
from cvstudio.foundation.shapes import NamedShape
from cvstudio.results.counts import write_crossings

LABELS = ("person", "car")
GATE = NamedShape(((0.0, 0.0), (0.0, 10.0)), "Gate")
"""Downwards: its right is where x is negative."""
YARD = NamedShape(((10.0, 0.0), (30.0, 0.0), (30.0, 20.0), (10.0, 20.0)), "Yard")


def sighting(*rows):
    """`rows` are (identity, x, y), and perhaps class and score."""
    rows = [(*row, 0, 0.9)[:5] if len(row) == 3 else row for row in rows]
    xy = np.array([row[1:3] for row in rows], np.float32).reshape(-1, 2)
    scores = np.array([row[4] for row in rows], np.float32)
    classes = np.array([row[3] for row in rows], np.int64)
    ids = np.array([row[0] for row in rows], np.int64)
    return Sighting(np.hstack((xy, xy)), scores, classes, np.arange(len(rows)), scores, ids)


def counted(frames, *, rate=1.0, lines=(), zones=(), block=None, **rules):
    """A counter fed with one list of rows for each frame, in blocks of `block` frames, by default all at once."""
    counter = CrossingCounter(Rules(tuple(lines), tuple(zones), "centre", labels=LABELS, **rules))
    notes = [(number / rate, sighting(*rows)) for number, rows in enumerate(frames)]
    for start in range(0, len(notes), block or len(notes)):
        counter.feed(notes[start : start + (block or len(notes))])
    return counter


def walk(*places, identity=1):
    return [[(identity, *place)] for place in places]


def ins_and_outs(frames, **rules):
    counter = counted(frames, lines=[GATE], **rules)
    tally = counter.at(np.inf).lines[0]
    return tally.ins, tally.outs


def test_direction_is_the_side_of_the_line():
    assert ins_and_outs(walk((5, 5), (-5, 5))) == (1, 0)
    assert ins_and_outs(walk((-5, 5), (5, 5))) == (0, 1)
    assert ins_and_outs(walk((-5, 5), (5, 5), (-5, 5), (5, 5))) == (1, 2)


def test_only_the_segment_counts_and_its_ends_belong_to_it():
    assert ins_and_outs(walk((5, 11), (-5, 11))) == (0, 0)
    assert ins_and_outs(walk((5, 10), (-5, 10))) == (1, 0)
    assert ins_and_outs(walk((5, 0), (-5, 0))) == (1, 0)
    # An oblique step beside the end, whose places both lie between the normals at the ends.
    assert ins_and_outs(walk((8, 9), (-2, 12))) == (0, 0)
    assert ins_and_outs(walk((8, 9), (-8, 10))) == (1, 0)
    # Out beside the line, and back through it.
    assert ins_and_outs(walk((5, 5), (5, 15), (-5, 15), (-5, 5), (5, 5))) == (0, 1)


def test_a_fast_object_passes_two_lines_in_one_step():
    second = NamedShape(((-20.0, 0.0), (-20.0, 10.0)), "Second")
    counter = counted(walk((50, 5), (-50, 5)), lines=[GATE, second])
    assert [(item.line, item.time_secs) for item in counter.at(1.0).crossings] == [("Gate", 0.5), ("Second", 0.7)]


def test_what_stops_on_the_line_counts_once_it_has_passed():
    assert ins_and_outs(walk((5, 5), (0, 5), (5, 5))) == (0, 0)
    assert ins_and_outs(walk((5, 5), (0, 5), (0, 5), (-5, 5))) == (1, 0)
    assert ins_and_outs(walk((0, 5), (-5, 5), (5, 5))) == (0, 1)


def test_jitter_within_the_tolerance_counts_no_passage_and_beyond_it_one():
    jitter = [(2 * (-1) ** number, 5) for number in range(20)]
    assert ins_and_outs(walk(*jitter)) == (10, 9)
    assert ins_and_outs(walk((9, 5), *jitter, (9, 5)), tolerance=3.0) == (0, 0)
    assert ins_and_outs(walk((9, 5), *jitter, (-9, 5)), tolerance=3.0) == (1, 0)
    counter = counted(walk((9, 5), *jitter, (-9, 5)), lines=[GATE], tolerance=3.0)
    # When it met the line for the last time, between (2, 5) and (-2, 5).
    assert counter.at(np.inf).crossings[0].time_secs == 19.5


def test_jitter_at_the_end_of_the_line_counts_by_the_sum_of_its_passages():
    # Through it, around its end back, and through it again: one passage in all, as it comes from one side to the other.
    path = [(9, 5), (-1, 5), (-1, 11), (1, 11), (1, 5), (-9, 5)]
    assert ins_and_outs(walk(*path), tolerance=2.0) == (1, 0)
    # Through it and around its end to where it was.
    assert ins_and_outs(walk((9, 5), (-1, 5), (-1, 11), (9, 11)), tolerance=2.0) == (0, 0)


def test_each_identity_counts_for_itself_and_after_a_gap_it_goes_on():
    frames = [[(1, 5, 5), (2, -5, 5)], [(2, -4, 5)], [], [(1, -5, 5), (2, 5, 5)]]
    counter = counted(frames, lines=[GATE])
    assert [(item.track_id, item.direction) for item in counter.at(9).crossings] == [(1, "in"), (2, "out")]
    assert ins_and_outs([[(1, 5, 5)], [(2, -5, 5)], [(-1, 5, 5)], [(-1, -5, 5)]]) == (0, 0)


def test_classes_and_score_choose_what_counts():
    frames = [[(1, 5, 5, 0, 0.9), (2, 5, 5, 1, 0.5)], [(1, -5, 5, 0, 0.1), (2, -5, 5, 1, 0.5)]]
    assert ins_and_outs(frames) == (2, 0)
    assert ins_and_outs(frames, classes=("car",)) == (1, 0)
    # A path begins with a box that is shown; later ones may be weak.
    assert ins_and_outs(frames, score=0.6) == (1, 0)
    assert ins_and_outs([frames[0], frames[1], *walk((5, 5), identity=2)], score=0.6) == (1, 0)
    assert counted(frames, lines=[GATE]).at(9).crossings[1].label == "car"


def test_place_of_a_box():
    boxes = np.array([[0, 0, 10, 40]], np.float32)
    assert [places_of(boxes, place).tolist() for place in ("bottom", "centre", "top")] == [
        [[5.0, 40.0]],
        [[5.0, 20.0]],
        [[5.0, 0.0]],
    ]


@pytest.mark.parametrize("block", [None, 1, 7])
@pytest.mark.parametrize("speed", [1.7, 3.0, 11.0])
def test_dwell_time_is_width_over_speed(speed, block):
    # 0.37 s between frames: the borders are met between two of them.
    rate = 1 / 0.37
    frames = walk(*((-20 + speed * number / rate, 10) for number in range(200)))
    counter = counted(frames, rate=rate, zones=[YARD], block=block)
    (stay,) = counter.at(np.inf).stays
    assert stay.entered
    assert stay.left
    # Boxes are stored in float32.
    assert stay.since_secs == pytest.approx(30 / speed, rel=1e-5)
    assert stay.dwell_secs == pytest.approx(20 / speed, rel=1e-5)


def test_what_passes_a_zone_between_two_frames_is_in_it_on_none_as_for_supervision():
    """Its zone, too, asks for each frame which objects are inside; the tooltip says so."""
    import supervision

    frames = walk((0, 10), (40, 10), (20, 10), (0, 10))
    border = np.array(YARD.points, np.int64)
    theirs = supervision.PolygonZone(border, triggering_anchors=(supervision.Position.CENTER,))
    inside = []
    for ((_, x, y),) in frames:
        box = np.array([[x - 1, y - 1, x + 1, y + 1]], np.float32)
        inside.append(int(theirs.trigger(supervision.Detections(xyxy=box)).sum()))
    assert inside == [0, 0, 1, 0]
    tally = counted(frames, zones=[YARD]).at(np.inf).zones[0]
    assert (tally.entries, tally.exits) == (1, 1), "of two passages the one that is seen inside"
    (field,) = (item for item in fields_of(TrackParams) if item.name == "zones")
    assert "between two frames" in field.doc.what


def test_a_step_through_the_whole_zone_is_no_stay_and_an_oblique_path_takes_its_chord():
    assert counted(walk((0, 10), (40, 10)), zones=[YARD]).at(9).stays == ()
    # From (0, -5), 10 px right and 10 px down each second: in at (10, 5), out at (25, 20).
    frames = walk(*((10 * number, -5 + 10 * number) for number in range(6)))
    (stay,) = counted(frames, zones=[YARD]).at(9).stays
    assert (stay.since_secs, stay.until_secs) == (1.0, 2.5)


def test_entries_exits_and_who_is_inside():
    frames = [
        [(1, 20, 10), (2, 0, 10)],  # 1 is inside from the beginning: no entry
        [(1, 20, 10), (2, 20, 10)],
        [(2, 20, 10)],  # 1 is hidden
        [(1, 20, 10), (2, 40, 10)],
        [(1, 40, 10), (2, 20, 10)],
    ]
    counter = counted(frames, zones=[YARD])
    tallies = [counter.at(number).zones[0] for number in range(5)]
    assert [(item.inside, item.entries, item.exits) for item in tallies] == [
        (1, 0, 0),
        (2, 1, 0),
        (1, 1, 0),
        (1, 1, 1),
        (1, 2, 2),
    ]
    stays = counter.at(9).stays
    assert [(item.track_id, item.since_secs, item.until_secs, item.entered, item.left) for item in stays] == [
        (2, 0.5, 2.5, True, True),
        (1, 0.0, 3.5, False, True),
        (2, 3.5, 4.0, True, False),
    ]
    # Seen from the third frame, nobody has left yet.
    assert [(item.track_id, item.dwell_secs, item.left) for item in counter.at(2).stays] == [
        (2, 1.5, False),
        (1, 2.0, False),
    ]


def test_a_place_on_the_border_leaves_when_it_leaves():
    (stay,) = counted(walk((0, 10), (10, 10), (20, 10), (30, 10), (40, 10)), zones=[YARD]).at(9).stays
    assert (stay.since_secs, stay.until_secs) == (1.0, 3.0)


coordinates = st.integers(-6, 6)
paths = st.lists(st.lists(st.tuples(coordinates, coordinates) | st.none(), min_size=3, max_size=3), max_size=14)
segments = st.tuples(coordinates, coordinates, coordinates, coordinates).filter(lambda s: s[:2] != s[2:])


def exact_count(places, segment):
    """Passages of a path through a segment by rational arithmetic, as the definition says them, one step at a time."""
    ax, ay, bx, by = segment
    side_of = [(bx - ax) * (y - ay) - (by - ay) * (x - ax) for x, y in places]
    found = [0, 0]
    side, net = 0, 0
    for number, distance in enumerate(side_of):
        if number and (side_of[number - 1] > 0) != (distance > 0):
            (x0, y0), (x1, y1) = places[number - 1 : number + 1]
            before = Fraction(side_of[number - 1])
            at = before / (before - distance)
            x, y = x0 + at * (x1 - x0), y0 + at * (y1 - y0)
            along = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / Fraction((bx - ax) ** 2 + (by - ay) ** 2)
            if 0 <= along <= 1:
                net += 1 if distance > 0 else -1
        now = (distance > 0) - (distance < 0)
        if now and now != side:
            if side and net * now > 0:
                found[0 if now > 0 else 1] += 1
            side = now
        if now:
            net = 0
    return found


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(paths, segments, st.integers(1, 5))
def test_counts_are_those_of_exact_arithmetic_in_blocks_of_any_size(frames, segment, block):
    rows = [[(number, *place) for number, place in enumerate(frame, 1) if place is not None] for frame in frames]
    line = NamedShape(((segment[0], segment[1]), (segment[2], segment[3])), "Line")
    expected = np.zeros(2, int)
    for number in range(3):
        expected += exact_count([frame[number] for frame in frames if frame[number] is not None], segment)
    for size in (block, None):
        tally = counted(rows, lines=[line], block=size or max(len(rows), 1)).at(np.inf).lines[0]
        assert [tally.ins, tally.outs] == expected.tolist()


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(paths, st.floats(0, 3), st.integers(1, 5))
def test_blocks_make_no_difference(frames, tolerance, block):
    rows = [[(number, *place) for number, place in enumerate(frame, 1) if place is not None] for frame in frames]
    zone = NamedShape(((-4.0, -4.0), (4.5, -3.0), (0.0, 0.5), (3.0, 4.0), (-5.0, 3.0)), "Zone")
    line = NamedShape(((-3.0, 1.0), (4.0, 0.0)), "Line")
    whole = counted(rows, lines=[line], zones=[zone], tolerance=tolerance, block=max(len(rows), 1))
    parts = counted(rows, lines=[line], zones=[zone], tolerance=tolerance, block=block)
    for time in range(-1, len(rows) + 1):
        assert _sorted(parts.at(time)) == _sorted(whole.at(time))
    for ours, theirs in zip(parts.series(), whole.series(), strict=True):
        assert np.array_equal(ours, theirs)


def _sorted(tallies):
    # Those of one frame are in no order.
    return dataclasses.replace(
        tallies,
        crossings=sorted(tallies.crossings, key=repr),
        stays=sorted(tallies.stays, key=repr),
    )


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(paths)
def test_entries_minus_exits_are_those_inside(frames):
    rows = [[(number, *place) for number, place in enumerate(frame, 1) if place is not None] for frame in frames]
    zone = NamedShape(((-3.5, -3.5), (3.5, -3.5), (3.5, 3.5), (-3.5, 3.5)), "Zone")
    counter = counted(rows, zones=[zone], block=max(len(rows), 1))
    times, _, zones = counter.series()
    for number, frame in enumerate(rows):
        assert zones[number, 0, 0] == sum(abs(x) < 3.5 and abs(y) < 3.5 for _, x, y in frame)
    stays = counter.at(np.inf).stays
    appeared = sum(not stay.entered for stay in stays)
    still = sum(not stay.left for stay in stays)
    if len(times):
        assert zones[-1, 0, 1] - zones[-1, 0, 2] == still - appeared


def test_an_endless_camera_is_counted_exactly_and_its_history_is_bounded(monkeypatch):
    monkeypatch.setattr(crossings, "MOST_EVENTS", 40)
    monkeypatch.setattr(crossings, "MOST_IDENTITIES", 10)
    # Each object crosses the gate, and every other one comes back and vanishes inside the yard.
    passing = [
        [[(number, 5.0, 5.0)], [(number, -5.0, 5.0)], *([[(number, 20.0, 5.0)]] if number % 2 else [])]
        for number in range(1, 501)
    ]
    counter, short = CrossingCounter(Rules((GATE,), (YARD,), "centre", labels=LABELS)), []
    frames = [frame for group in passing for frame in group]
    for number, rows in enumerate(frames):
        counter.feed([(float(number), sighting(*rows))])
        short.append(counter.at(np.inf))
    tallies = short[-1]
    assert (tallies.lines[0].ins, tallies.lines[0].outs) == (500, 250)
    assert tallies.zones[0].entries == 250
    assert tallies.earlier[0] + len(tallies.crossings) == 750
    assert tallies.earlier[1] + len(tallies.stays) == 250
    assert max(len(item.crossings) for item in short) <= 40
    assert max(len(item.stays) for item in short) <= 40 + 20
    assert len(counter._carries) <= 20
    assert tallies.crossings[-1].track_id == 500
    assert [item.until_secs for item in tallies.stays] == sorted(item.until_secs for item in tallies.stays)


def test_the_exported_crossings_of_a_long_video_are_all_of_them(monkeypatch, tmp_path):
    frames = [[(number // 2, 5.0 if number % 2 else -5.0, 5.0)] for number in range(200)]
    whole = counted(frames, lines=[GATE], block=1).at(np.inf)
    monkeypatch.setattr(crossings, "MOST_EVENTS", 10)
    counter = CrossingCounter(Rules((GATE,), (), "centre", labels=LABELS))
    moments = []
    for number, rows in enumerate(frames):
        counter.feed([(float(number), sighting(*rows))])
        moments.append(SimpleNamespace(result=SimpleNamespace(tallies=counter.at(np.inf)), pts=float(number)))
    write_crossings(tmp_path / "whole.csv", whole)
    item = SimpleNamespace(moments=lambda progress: moments)
    EXPORTERS["crossings"].write(tmp_path / "long.csv", item, Progress())
    assert moments[-1].result.tallies.earlier[0] > 50
    assert (tmp_path / "long.csv").read_text() == (tmp_path / "whole.csv").read_text()
