"""Counts over time, against counting by hand."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from cvstudio.analyses.detection._tracking import Sighting, Tracking, TrackParams
from cvstudio.analyses.detection.counting import count, steps
from cvstudio.analyses.temporal import Chain, ChainEntry
from cvstudio.results.counts import write_counts

LABELS = ("person", "car", "dog")


def entry(pts, *rows, loose=False):
    """`rows` are (class, score, identity)."""
    n = len(rows)
    classes = np.array([row[0] for row in rows], np.int64)
    scores = np.array([row[1] for row in rows], np.float32)
    seen = Sighting(np.zeros((n, 4), np.float32), scores, classes, np.arange(n), scores)
    tracked = Sighting(seen.boxes, scores, classes, seen.ids, scores, np.array([row[2] for row in rows], np.int64))
    return ChainEntry(pts, seen, None if loose else tracked)


FRAMES = [
    entry(0.0, (0, 0.9, 1), (0, 0.8, 2), (1, 0.7, 3)),
    entry(0.1, (0, 0.9, 1), (0, 0.3, 2)),
    entry(0.2),
    entry(0.3, (0, 0.9, 4), (0, 0.6, -1), (2, 0.1, 5)),
]


def test_boxes_and_identities_are_counted_as_they_are_shown():
    found = count(FRAMES, LABELS, score=0.5)
    assert found.labels == ("person", "car")
    assert found.boxes.tolist() == [[2, 1, 0, 2], [1, 0, 0, 0]]
    assert found.identities.tolist() == [[2, 2, 2, 3], [1, 1, 1, 1]]
    assert found.times.tolist() == [0.0, 0.1, 0.2, 0.3]


def test_score_class_and_number_choose_as_the_canvas_does():
    assert count(FRAMES, LABELS, score=0.0).boxes.tolist() == [[2, 2, 0, 2], [1, 0, 0, 0], [0, 0, 0, 1]]
    assert count(FRAMES, LABELS, classes=("car",)).boxes.tolist() == [[1, 0, 0, 0]]
    assert count(FRAMES, LABELS, max_count=1).boxes.tolist() == [[1, 1, 0, 1]]


def test_frames_that_are_loose_count_their_boxes_and_no_identities():
    found = count([*FRAMES[:1], entry(0.1, (0, 0.9, 8), loose=True)], LABELS)
    assert found.boxes[0].tolist() == [2, 1]
    assert found.identities[0].tolist() == [2, 2]


def test_nothing_found_is_no_curve():
    found = count([entry(0.0), entry(0.1)], LABELS)
    assert found.labels == ()
    assert found.boxes.shape == (0, 2)


def test_a_curve_holds_until_the_next_frame_and_breaks_off_where_nobody_looked():
    times, values = steps(np.array([0.0, 0.1, 5.0]), np.array([1, 2, 3]), 0.5)
    assert times == pytest.approx([0.0, 0.1, 0.1, 0.2, 5.0, 5.0, 5.1])
    assert np.array_equal(values, [1, 1, 2, 2, np.nan, 3, 3], equal_nan=True)
    assert steps(np.array([0.0, 0.1]), np.array([1, 2]), 0.5)[1].tolist() == [1, 1, 2, 2]
    assert steps(np.array([2.0]), np.array([4]), 0.5)[0].tolist() == [2.0, 2.5]


def test_no_line_of_a_curve_is_oblique():
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.choice([0.04, 0.04, 0.2, 2.0], 50))
    counts = rng.integers(0, 5, 50)
    x, y = steps(times, counts, 0.5)
    known = np.isfinite(y)
    lines = known[:-1] & known[1:]
    assert np.all((np.diff(x) == 0)[lines] | (np.diff(y) == 0)[lines])
    # At each frame's time the curve has the frame's count, and nowhere between two frames another one.
    for time, number in zip(times, counts, strict=True):
        assert y[np.searchsorted(x, time, side="right") - 1] == number


def test_a_file_holds_both_counts_of_each_class(tmp_path):
    path = tmp_path / "수.csv"
    write_counts(path, count(FRAMES, LABELS, score=0.5))
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["time_secs", "person boxes", "person identities", "car boxes", "car identities"]
    assert rows[1] == ["0.000000", "2", "2", "1", "1"]
    assert rows[4] == ["0.300000", "2", "3", "0", "1"]


def test_the_slider_and_the_curve_agree(crossing):
    made = Chain(Tracking("suppress"), TrackParams(), 25.0)
    sums = []
    for time in crossing.frames(1.0):
        found, _ = crossing.seen(time)
        made.follow(time, found)
        sums.append(int((found.scores >= 0.5).sum()))
    assert count(made.entries, ("person", "car"), score=0.5).boxes.sum(axis=0).tolist() == sums
