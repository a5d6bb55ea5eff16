"""What the results panel shows of every type of result: its own view, or the rows of its table."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from cvstudio.results.picture import Picture
from cvstudio.results.result import Placement
from tests.example_results import EXAMPLES
from ui.views.result_rows import named_fractions, shown_columns, table_for, table_rows_of
from ui.views.results import registry
from ui.views.results.registry import RESULT_VIEWS, view_of

SHOWN = {name: result for name, result in EXAMPLES.items() if result.placement is not Placement.INTERMEDIATE}


def test_every_view_is_found() -> None:
    assert RESULT_VIEWS.broken == ()
    assert {spec.result_type.__name__ for spec in RESULT_VIEWS} >= {
        *("Detections", "HeatMap", "Classification", "HogCells", "Neighbours", "Picture", "Proposals", "Spectrogram"),
        "Suppression",
    }
    files = {path.stem for path in Path(registry.__file__).parent.glob("*.py")} - {"__init__", "registry"}
    assert {spec.create.__module__.rpartition(".")[2] for spec in RESULT_VIEWS} == files


def test_a_picture_without_a_focus_tells_its_size(qtbot: QtBot) -> None:
    picture: Picture = EXAMPLES["picture"]
    spec = view_of(Picture)
    assert spec is not None
    view: Any = spec.create()
    qtbot.addWidget(view)
    assert view.show_result(picture, None) == ""
    assert view.text() == "50% of the visible part is in focus."
    assert view.show_result(dataclasses.replace(picture, mask=None), None) == "160 × 120"
    assert view.text() == ""


@pytest.mark.parametrize("name", SHOWN)
def test_a_type_has_a_view_or_a_table(name: str, qtbot: QtBot) -> None:
    result = SHOWN[name]
    spec = view_of(type(result))
    if spec is not None:
        view: Any = spec.create()
        qtbot.addWidget(view)
        assert isinstance(view.show_result(result, None), str)
        return
    table = result.table()
    assert table is not None


@pytest.mark.parametrize("name", [name for name, result in EXAMPLES.items() if result.table() is not None])
def test_any_table_can_be_shown(name: str, qtbot: QtBot) -> None:
    table = EXAMPLES[name].table()
    widget = table_for(table)
    qtbot.addWidget(widget)
    lines = table_rows_of(table)
    widget.set_rows(lines)
    assert widget.rows.rowCount() == len(table)
    assert all(len(line.cells) == len(shown_columns(table)) == widget.rows.columnCount() for line in lines)
    assert all(cell.share is None or 0 <= cell.share <= 1 for line in lines for cell in line.cells)


def test_rows_are_read_as_people_write_them() -> None:
    first, *_ = table_rows_of(EXAMPLES["proposals"].table())
    assert [cell.text for cell in first.cells] == [
        "0",
        "0.80",
        "10, 20 · 50 × 70",
        "person",
        "0.60",
        "12, 22 · 46 × 66",
    ]
    last = table_rows_of(EXAMPLES["suppression"].table())[-1]
    assert [cell.text for cell in last.cells][-3:] == ["–", "–", "no"]
    assert [cell.tone for cell in table_rows_of(EXAMPLES["landmarks"].table())[2].cells] == ["quiet"] * 5


def test_the_likeliest_of_any_table_are_named() -> None:
    assert named_fractions(EXAMPLES["detections"].table(), 2) == [("person", 0.93), ("person", 0.5)]
    assert named_fractions(EXAMPLES["landmarks"].table(), 1) == [("right eye", 0.95)]
    assert named_fractions(EXAMPLES["suppression"].table(), 9) == [("person", pytest.approx(0.87, abs=0.02))]
