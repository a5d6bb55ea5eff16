"""The contract of a result, over every type that there is."""

from __future__ import annotations

import csv
import dataclasses
import importlib
import io
import json
import math
import pkgutil
from typing import Any

import numpy as np
import pytest

import cvstudio.results
from cvstudio.analyses import ANALYSES
from cvstudio.data.adjustments import Adjustments
from cvstudio.data.geometry import Size, View
from cvstudio.data.samples import Image
from cvstudio.draw import PAINTERS, Emphasis, Look, Pair, Stack, painter_of, render
from cvstudio.results.agreements.agreement import Agreement
from cvstudio.results.agreements.point_agreement import PointAgreement
from cvstudio.results.heat_map import HeatMap
from cvstudio.results.result import Placement, Result, Tolerance, agreement, can_be_placed, result_types
from cvstudio.results.scene3d import Scene3D
from cvstudio.results.source import Source
from cvstudio.results.tables import ABSENT, Column, Table, number
from tests.example_results import EXAMPLES, SIZE, detections, landmarks, segmentation

RESULTS: dict[str, Result] = {
    **EXAMPLES,
    "stack": Stack(((EXAMPLES["detections"], 1.0), (EXAMPLES["labels"], 0.5))),
    "pair": Pair(EXAMPLES["detections"], EXAMPLES["detections"], SIZE),
}
"""By name; a new type of the program wants an example here."""


def types_of_the_program() -> set[type[Result]]:
    # Also one that no analysis gives and nothing draws yet.
    for info in pkgutil.iter_modules(cvstudio.results.__path__, "cvstudio.results."):
        importlib.import_module(info.name)
    assert len(ANALYSES)
    assert len(PAINTERS)
    return {found for found in result_types() if found.__module__.startswith("cvstudio.")}


def test_every_type_has_an_example_and_every_analysis_a_type() -> None:
    assert types_of_the_program() == {type(result) for result in RESULTS.values()}
    for analysis in ANALYSES:
        if analysis.result.__module__.startswith("cvstudio."):
            assert issubclass(analysis.result, Result)
            assert analysis.result.placement is not Placement.INTERMEDIATE
    assert PAINTERS.broken == ()


@pytest.mark.parametrize("name", RESULTS)
def test_it_is_frozen_and_drawn_or_has_a_view_of_its_own(name: str) -> None:
    result = RESULTS[name]
    assert dataclasses.is_dataclass(result)
    field = dataclasses.fields(result)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(result, field, None)
    assert isinstance(result.size, Size)
    assert isinstance(result.source, Source)
    assert isinstance(result.headline(), str)
    painter = painter_of(type(result))
    if result.placement is Placement.INTERMEDIATE:
        assert painter is None
        return
    assert painter is not None or result.placement is Placement.OWN_VIEW
    base = Image(np.full((SIZE.height, SIZE.width, 3), 128, np.uint8))
    drawn = render(base, [(result, Look())], View.whole(SIZE))
    assert drawn.shape == (SIZE.height, SIZE.width, 3)


def read_back(column: Column, cells: list[str]) -> Any:
    """What a cell of the table was, from its cells in CSV."""
    if column.kind in ("text", "label"):
        return cells[0].removeprefix("'")
    if column.kind == "flag":
        return cells[0] == "1"
    values = [float(cell) if cell else None for cell in cells]
    return values if column.kind == "box" else values[0]


@pytest.mark.parametrize("name", RESULTS)
def test_its_table_comes_back_from_csv_and_json(name: str) -> None:
    table = RESULTS[name].table()
    assert (table is not None) == (type(RESULTS[name]).table is not Result.table)
    if table is None:
        return
    keys = [column.key for column in table.columns]
    assert len(set(keys)) == len(keys)
    assert len(set(table.csv_columns)) == len(table.csv_columns)
    file = io.StringIO(newline="")
    csv.writer(file).writerows([table.csv_columns, *table.csv_rows()])
    file.seek(0)
    rows = list(csv.DictReader(file))
    assert len(rows) == len(table)
    json_rows = json.loads(json.dumps(table.json_rows(), allow_nan=False))
    for row, cells, as_json in zip(table.rows, rows, json_rows, strict=True):
        for column, cell in zip(table.columns, row, strict=True):
            if cell is ABSENT:
                assert column.key not in as_json
                continue
            value = cell() if callable(cell) else cell
            assert as_json[column.key] == value
            if column.csv_names:
                assert read_back(column, [cells[name] for name in column.csv_names]) == value


@pytest.mark.parametrize("name", RESULTS)
@pytest.mark.parametrize("place", [(-1.0, -1.0), (-1.0, 50.0), (1e6, 50.0), (50.0, 1e6)])
def test_outside_of_the_picture_there_is_no_part(name: str, place: tuple[float, float]) -> None:
    assert RESULTS[name].part_at(*place) is None


@pytest.mark.parametrize("name", RESULTS)
def test_a_part_that_is_hit_has_its_row(name: str) -> None:
    result = RESULTS[name]
    hits = {result.part_at(x, y) for x in range(2, SIZE.width, 5) for y in range(2, SIZE.height, 5)} - {None}
    table = result.table()
    # The rows of a scene are its objects, and its parts the points of one of them.
    if hits and table is not None and type(result) is not Scene3D:
        assert hits <= set(table.ids)


@pytest.mark.parametrize("name", RESULTS)
def test_it_agrees_with_itself_and_does_not_differ_from_itself(name: str) -> None:
    result = RESULTS[name]
    found = agreement(result, result)
    if found is not None:
        assert isinstance(found, Agreement)
        assert found.degree is None or found.degree == pytest.approx(1)
        assert all(isinstance(text, str) for line in found.summary_lines() for text in line)
        assert all(len(line) == 3 for line in found.side_lines())
        for row in found.rows():
            assert row.ids[0] == row.ids[1]
            assert not row.contradicts
            if row.ids[0] is not None:
                assert found.partner_of(row.ids[0], of_left=True) == row.ids[1]
    assert result.differs_from(result, Tolerance()) == ""


def test_a_table_says_where_it_is_wrong() -> None:
    columns = (Column("a", "A"), Column("b", "B"))
    with pytest.raises(ValueError, match="expected 2 cells in each row, found 1"):
        Table("form", "rows", columns, [(1,)])
    with pytest.raises(ValueError, match="expected 1 ids or none, found 2"):
        Table("form", "rows", columns, [(1, 2)], [1, 2])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_none(value: float) -> None:
    assert number(np.float32(value)) is None


def test_the_shortest_decimal_of_a_float32() -> None:
    assert number(np.float32(0.1)) == 0.1


class TestHits:
    def test_points_are_hit_near_where_they_are_believed(self) -> None:
        result = landmarks()
        assert result.part_at(21, 19) == 4
        assert result.part_at(111, 69) == 9
        # Its third point is not believed.
        assert result.part_at(30, 60) is None
        boxed = dataclasses.replace(result, boxes=np.array([[0, 0, 60, 80], [90, 20, 130, 80]], np.float32))
        assert boxed.part_at(5, 75) == 4
        assert boxed.part_at(70, 100) is None

    def test_regions_are_hit_where_they_are_drawn(self) -> None:
        result = segmentation()
        # Cells of 40 x 40 pixels.
        assert result.part_at(90, 10) == 1
        assert result.part_at(50, 50) == 2
        assert result.part_at(10, 10) is None  # background
        assert result.part_at(90, 90) is None  # not believed

    def test_the_boxes_of_a_heat_map_are_hit(self) -> None:
        result: HeatMap = EXAMPLES["heat-map"]
        assert result.part_at(20, 40) is None
        assert dataclasses.replace(result, objects=detections()).part_at(100, 60) == 7


class TestPointAgreement:
    def moved(self, pixels: float) -> PointAgreement:
        ours = landmarks()
        points = ours.points + np.array([pixels, 0], np.float32)
        found = agreement(ours, dataclasses.replace(ours, points=points))
        assert isinstance(found, PointAgreement)
        return found

    def test_a_small_move_is_the_same_place_and_its_distance_is_told(self) -> None:
        found = self.moved(1.0)
        assert (found.pairs, found.only_left, found.only_right) == (2, 0, 0)
        assert (found.near, found.total) == (5, 5)
        assert found.mean_px == pytest.approx(1.0)
        assert dict(found.summary_lines())["Mean distance"] == "1.0 px"
        assert [row.ids for row in found.rows()] == [(4, 4)] * 2 + [(9, 9)] * 3

    def test_beyond_a_tenth_of_the_thing_it_is_another_place(self) -> None:
        # The believed points of the things span 20.5 and 40 pixels.
        found = self.moved(3.0)
        assert (found.pairs, found.only_left, found.only_right) == (1, 1, 1)
        assert (found.near, found.total) == (3, 3 + 2 + 2)
        assert math.isclose(found.degree, 3 / 7)

    def test_other_names_cannot_be_compared(self) -> None:
        ours = landmarks()
        assert agreement(ours, dataclasses.replace(ours, labels=("a", "b", "c"))) is None

    def test_things_are_paired_whatever_their_order(self) -> None:
        ours = landmarks()
        order = [1, 0]
        other = dataclasses.replace(ours, points=ours.points[order], scores=ours.scores[order], ids=ours.ids[order])
        found = agreement(ours, other)
        assert found is not None
        assert found.degree == 1
        assert found.partner_of(4, of_left=True) == 4


class TestDifferences:
    def test_class_maps_differ_from_a_hundredth_of_the_places_on(self) -> None:
        logits = np.zeros((2, 10, 20), np.float32)
        logits[0] = 1
        ours = dataclasses.replace(EXAMPLES["class-maps"], logits=logits, labels=("a", "b"))
        for places, told in ((2, ""), (3, "1.5% of the picture become another class")):
            other = logits.copy()
            other[1].ravel()[:places] = 5
            assert ours.differs_from(dataclasses.replace(ours, logits=other), Tolerance()) == told

    def test_points_differ_where_they_move_or_are_less_sure(self) -> None:
        ours = landmarks()
        assert ours.differs_from(dataclasses.replace(ours, points=ours.points + 1), Tolerance()) == ""
        assert "moves" in ours.differs_from(dataclasses.replace(ours, points=ours.points + 4), Tolerance())
        assert "score" in ours.differs_from(dataclasses.replace(ours, scores=ours.scores - 0.06), Tolerance())

    def test_a_type_that_says_nothing_of_it_is_compared_field_by_field(self) -> None:
        ours: HeatMap = EXAMPLES["heat-map"]

        def change(**fields: Any) -> str:
            return ours.differs_from(dataclasses.replace(ours, **fields), Tolerance())

        assert change(values=ours.values * np.float32(0.96)) == ""
        assert change(values=ours.values * np.float32(0.9)) == "values changes by 10%"
        assert change(values=ours.values[:2]) == "values is of another shape"
        assert change(label="dog") == "label changes"


def test_emphasis_of_a_part_changes_what_is_drawn() -> None:
    base = Image(np.full((SIZE.height, SIZE.width, 3), 128, np.uint8))
    for result in (detections(), landmarks(), segmentation()):
        table = result.table()
        assert table is not None
        plain = render(base, [(result, Look())], View.whole(SIZE))
        marked = render(base, [(result, Look())], View.whole(SIZE), emphasis=Emphasis(hovered=table.ids[-1]))
        assert not np.array_equal(plain, marked)


@pytest.mark.parametrize("name", RESULTS)
@pytest.mark.parametrize("text", ["rotate=90", "rotate=270 flip=v", "flip=h", "crop=-9,-9,999,999 rotate=180"])
def test_it_lies_on_a_turned_picture_and_comes_back_the_same_or_says_that_it_cannot(name: str, text: str) -> None:
    result, way = RESULTS[name], Adjustments.from_text(text).pixel_map(SIZE)
    if not can_be_placed(type(result)):
        with pytest.raises(NotImplementedError):
            result.placed(way)
        return
    placed = result.placed(way)
    assert type(placed) is type(result)
    assert (placed.size, placed.source) == (way.target, result.source)
    back = placed.placed(way.inverse)
    assert back.size == result.size
    assert back.differs_from(result, Tolerance(score_change=0, moved=1e-6, min_iou=1 - 1e-6, area=0)) == ""


def test_what_lies_on_pictures_can_be_placed() -> None:
    placed = {type(result).__name__ for result in RESULTS.values() if can_be_placed(type(result))}
    # Anchors and cells stand in the rows of a network's own grid; what is made of sound, plots and weights are of none.
    assert {type(result).__name__ for result in RESULTS.values()} - placed == {
        *("Proposals", "HogCells", "Stack", "Pair", "ClassMaps", "NearnessMap", "Logits"),
        *("Spectrogram", "Cepstrum", "WaveEnvelope", "PowerSpectrum", "Separation", "ScoredSeparation"),
        *("ScoreCurves", "FilterBank"),
    }
