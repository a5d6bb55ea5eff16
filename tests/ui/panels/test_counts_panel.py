"""The counts panel with counting lines and zones: curves, the table of crossings and stays, and their files."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from cvstudio.foundation.shapes import NamedShape
from cvstudio.models import MODELS
from cvstudio.session.project import load_project, save_project
from cvstudio.session.session import State
from ui.window.main_window import MainWindow
from ui.window.panel_dock import PanelScroll

LINE = NamedShape(((160.0, 220.0), (160.0, 20.0)), "Middle")
ZONE = NamedShape(((100.0, 0.0), (220.0, 0.0), (220.0, 240.0), (100.0, 240.0)), "Yard")


@pytest.fixture
def counting(window: MainWindow, qtbot: QtBot, blob_finder: Any, tmp_path: Path) -> Iterator[Any]:
    """The window with a clip of one walker, its line and zone, and the panel."""
    clip = blob_finder.write_clip(tmp_path / "clip.mp4", [(0, lambda secs: (20 + 160 * secs, 60))], secs=1.6)
    controller = window.controller
    with MODELS.lend(blob_finder.SPEC):
        controller.open_paths([clip])
        qtbot.waitUntil(lambda: controller.session.state.instance is not None, timeout=30_000)
        controller.set_model("blobs")
        for name, value in (("lines", (LINE,)), ("zones", (ZONE,)), ("counted_at", "centre")):
            controller.set_value(name, value)
        window.show_panel("counts")
        panel = window.docks["counts"].widget()
        qtbot.waitUntil(panel.compute.isEnabled, timeout=30_000)
        panel.count_all()
        qtbot.waitUntil(lambda: panel._running is None and panel._tallies is not None, timeout=120_000)
        yield window
        controller.session.load(State())


def choose(panel: Any, what: str) -> None:
    panel.what.setCurrentIndex(panel.what.findData(what))
    panel.what.activated.emit(panel.what.currentIndex())


def test_lines_zones_and_dwell_times_are_shown_and_saved(counting: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    panel = counting.docks["counts"].widget()
    choose(panel, "passed")
    curves = panel.plot._curves
    assert curves.names == ("Middle in", "Middle out")
    assert curves.values[:, -1].tolist() == [1, 0]
    choose(panel, "stayed")
    assert panel.plot._curves.values.max() == 1
    # The plot takes the room that the panel has: its axis is seen without scrolling.
    scroll = counting.docks["counts"].findChild(PanelScroll)
    scroll.resize(700, 160)
    assert scroll.verticalScrollBar().maximum() == 0
    choose(panel, "events")
    texts = [[cell.text for cell in row.cells] for row in panel.events.rows.table_rows]
    # In at x = 100, past the line at 160 and out at 220, with 160 px/s.
    assert [(row[1], row[2]) for row in texts] == [("Yard", "inside"), ("Middle", "in")]
    assert texts[0][4].startswith("0.7") or texts[0][4].startswith("0.8")
    panel.events.selected.emit((1,))
    playback = counting.controller.playback
    qtbot.waitUntil(lambda: playback.position_secs == pytest.approx(140 / 160, abs=0.05), timeout=30_000)
    panel.write(tmp_path / "events.csv")
    choose(panel, "boxes")
    panel.write(tmp_path / "counts.csv")
    qtbot.waitUntil(lambda: all((tmp_path / name).exists() for name in ("events.csv", "counts.csv")), timeout=10_000)
    heads = []
    for name in ("events.csv", "counts.csv"):
        with (tmp_path / name).open(encoding="utf-8-sig", newline="") as file:
            heads.append(next(csv.reader(file)))
    assert "dwell_secs" in heads[0]
    assert "Middle in" in heads[1]


def test_lines_are_undone_and_kept_in_the_project(counting: MainWindow, tmp_path: Path) -> None:
    controller = counting.controller
    save_project(tmp_path / "p.cvstudio", controller.session.state)
    state, _ = load_project(tmp_path / "p.cvstudio")
    assert state.instance.value("lines") == (LINE,)
    controller.set_value("lines", ())
    assert controller.session.state.instance.value("lines") == ()
    controller.undo()
    assert controller.session.state.instance.value("lines") == (LINE,)
