"""Counting in a rendered clip whose crossings are known by hand: Python, command line, picture and CSV."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cvstudio.analyses.temporal import TemporalChains
from cvstudio.cli.main import main
from cvstudio.data.geometry import View
from cvstudio.data.samples import Image
from cvstudio.draw import Look, render
from cvstudio.draw._tallies import paint_tallies
from cvstudio.foundation.params_text import text_of
from cvstudio.foundation.progress import Progress
from cvstudio.foundation.shapes import NamedShape
from cvstudio.models import MODELS
from cvstudio.results.tallies import LineTally, Tallies
from cvstudio.running.runner import Runner, make_instance

LINES = (
    NamedShape(((160.0, 220.0), (160.0, 20.0)), "Middle"),  # upwards: its right is where x is larger
    NamedShape(((240.0, 200.0), (240.0, 220.0)), "Short"),  # below all paths
)
ZONES = (NamedShape(((100.0, 0.0), (220.0, 0.0), (220.0, 240.0), (100.0, 240.0)), "Yard"),)
WALKERS = (
    # To the right with 80 px/s, from 20 to 300.
    (0, lambda secs: (20 + 80 * secs, 60) if secs < 3.5 else None),
    # To the left with 100 px/s.
    (1, lambda secs: (310 - 100 * secs, 120) if secs < 3.0 else None),
    # Over the line and back, twice: a swing around it.
    (2, lambda secs: (160 - 60 * math.cos(math.pi * secs), 180)),
)
"""By hand: red passes once to the right and green once to the left; blue, which begins left of the line, passes at 0.5,
1.5, 2.5 and 3.5 s, to the right first."""
EXPECTED = [
    (0.5, "in", "blue"),
    (1.5, "out", "blue"),
    (1.5, "out", "green"),
    (1.75, "in", "red"),
    (2.5, "in", "blue"),
    (3.5, "out", "blue"),
]


@pytest.fixture
def clip(blob_finder, tmp_path: Path) -> Iterator[Path]:
    with MODELS.lend(blob_finder.SPEC):
        yield blob_finder.write_clip(tmp_path / "clip.mp4", WALKERS, secs=4.0)


def counted(clip: Path, **values):
    instance = make_instance("detect", {"picture": clip}, model="blobs", values={"counted_at": "centre", **values})
    with Runner(device="cpu", measure=False) as runner:
        return [result for _, result in runner.frames(instance, Progress())]


def test_crossings_are_those_counted_by_hand(clip):
    results = counted(clip, lines=LINES, zones=ZONES)
    tallies = results[-1].tallies
    found = [(item.time_secs, item.direction, item.label) for item in tallies.crossings]
    # An edge lies on whole pixels, so that a place is up to half a pixel from where it is drawn.
    assert [time for time, *_ in found] == pytest.approx([time for time, *_ in EXPECTED], abs=0.02)
    assert sorted((direction, label) for _, direction, label in found) == sorted(item[1:] for item in EXPECTED)
    assert [(line.ins, line.outs) for line in tallies.lines] == [(3, 3), (0, 0)]
    stays = {stay.label: stay for stay in tallies.stays}
    # 120 px with 80 and with 100 px/s; the swing never leaves.
    assert stays["red"].dwell_secs == pytest.approx(1.5, abs=0.02)
    assert stays["red"].since_secs == pytest.approx(1.0, abs=0.02)
    assert stays["green"].dwell_secs == pytest.approx(1.2, abs=0.02)
    assert (stays["blue"].entered, stays["blue"].left) == (False, False)
    assert tallies.zones[0].inside == 1
    # Before anything has passed.
    assert [(line.ins, line.outs) for line in results[5].tallies.lines] == [(0, 0), (0, 0)]


def test_lines_that_move_follow_no_network_and_no_tracker_again(clip, blob_finder):
    followed = TemporalChains()
    with Runner(device="cpu", measure=False) as runner:
        for lines in (LINES, LINES[:1]):
            instance = make_instance("detect", {"picture": clip}, model="blobs", values={"lines": lines})
            results = [result for _, result in runner.frames(instance, Progress(), followed=followed)]
    assert len(followed.all()) == 1
    assert len(results[-1].tallies.lines) == 1
    assert len(blob_finder.SEEN) == 100


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_the_command_line_writes_counts_and_crossings(clip, tmp_path, capsys):
    drawn = ["--lines", text_of(LINES), "--zones", text_of(ZONES), "--counted-at", "centre"]
    run = ["run", "detect", str(clip), "--model", "blobs", "--device", "cpu", "-q", *drawn]
    assert main([*run, "-o", str(tmp_path / "counts.csv")]) == 0
    rows = read(tmp_path / "counts.csv")
    assert len(rows) == 100
    assert rows[-1]["Middle in"] == rows[-1]["Middle out"] == "3"
    assert rows[-1]["Short in"] == "0"
    assert [row["Yard inside"] for row in rows].count("3") > 10
    assert rows[-1]["blue identities"] == "1"
    assert main([*run, "-o", str(tmp_path / "out.crossings.csv")]) == 0
    rows = read(tmp_path / "out.crossings.csv")
    passages = [row for row in rows if row["kind"] == "line"]
    assert sorted((row["event"], row["class"]) for row in passages) == sorted(item[1:] for item in EXPECTED)
    stays = {row["class"]: row for row in rows if row["kind"] == "zone"}
    assert float(stays["red"]["dwell_secs"]) == pytest.approx(1.5, abs=0.02)
    assert (stays["blue"]["left"], stays["red"]["left"]) == ("false", "true")


def test_crossings_without_a_line_are_refused_in_one_sentence(clip, tmp_path, capsys):
    run = ["run", "detect", str(clip), "--model", "blobs", "--device", "cpu", "-q"]
    assert main([*run, "-o", str(tmp_path / "a.crossings.csv")]) != 0
    assert "counting line or zone, found none" in capsys.readouterr().err
    assert not (tmp_path / "a.crossings.csv").exists()


def test_a_line_that_reaches_far_beyond_the_view_is_drawn_where_it_is():
    canvas = np.zeros((600, 600, 3), np.uint8)
    line = NamedShape(((-60_000.0, 0.0), (500.0, 500.0)), "far")
    paint_tallies(Tallies((LineTally(line, 0, 0),)), canvas, 1.0, Look(), (0, 0))
    rows = np.flatnonzero(canvas[:, 0].any(axis=1))
    assert rows.mean() == pytest.approx(500 * 60_000 / 60_500, abs=1.0)


def test_lines_and_numbers_are_drawn_in_the_picture(clip):
    result = counted(clip, lines=LINES[:1], zones=ZONES)[-1]
    grey = Image(np.full((240, 320, 3), 60, np.uint8))
    shown = render(grey, [(result, Look())], View.whole(grey.size)).astype(int)
    amber = (shown[..., 0] > 200) & (shown[..., 1] > 150) & (shown[..., 2] < 80)
    # The line from top to bottom at x = 160, the zone's left side, and an arrow to the right of the line only.
    assert amber[30:110, 159:162].any(axis=1).all()
    assert amber[20:110, 99:102].any(axis=1).all()
    assert amber[110:130, 163:176].sum() > 10
    assert amber[110:130, 145:157].sum() == 0
