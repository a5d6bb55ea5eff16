"""The table of detections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from cvstudio.data.geometry import Size
from cvstudio.draw.base import Look
from cvstudio.draw.palette import row_colour
from cvstudio.results.detections import Detections
from ui.tour.input_events import move_mouse
from ui.views.results.detections import BOX, LABEL, SCORE, ResultsTable

LABELS = ("person", "car", "zebra")


def detections(n: int, *, seed: int = 0, kind: str = "probability") -> Detections:
    random = np.random.default_rng(seed)
    corners = random.uniform(0, 500, (n, 2))
    boxes = np.hstack((corners, corners + random.uniform(5, 90, (n, 2)))).astype(np.float32)
    scores = np.sort(random.uniform(0, 1, n)).astype(np.float32)[::-1].copy()
    ids = random.permutation(10 * n)[:n].astype(np.int64)
    return Detections(boxes, scores, random.integers(0, 3, n), LABELS, ids, Size(640, 480), kind)


@pytest.fixture
def table(shown: Callable[..., Any]) -> ResultsTable:
    made = ResultsTable()
    made.set_detections(detections(60))
    return shown(made, 480, 300)  # type: ignore[no-any-return]


def click_row(table: ResultsTable, row: int, modifiers: Any = Qt.KeyboardModifier.NoModifier) -> None:
    place = table.visualRect(table.model().index(row, LABEL)).center()
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, modifiers, place)


def chosen(table: ResultsTable) -> set[int]:
    return {table.row_ids()[index.row()] for index in table.selectionModel().selectedRows()}


def test_rows_show_label_score_and_box(table: ResultsTable) -> None:
    found = detections(60)
    cells = [table.model().index(0, column).data() for column in (LABEL, SCORE, BOX)]
    x1, y1, x2, y2 = (round(float(side)) for side in found.boxes[0])
    assert cells == [found.label(0), f"{found.scores[0]:.2f}", f"{x1}, {y1} · {x2 - x1} × {y2 - y1}"]


@pytest.mark.parametrize(("kind", "share"), [("probability", 0.5), ("neighbours", 1.0), ("margin", 1.0)])
def test_the_bar_is_full_at_the_largest_score_there_can_be(shown: Callable[..., Any], kind: str, share: float) -> None:
    table = ResultsTable()
    box = np.array([[0, 0, 9, 9]], np.float32)
    one = Detections(
        box, np.array([0.5], np.float32), np.zeros(1, np.int64), LABELS, np.zeros(1, np.int64), Size(9, 9), kind
    )
    table.set_detections(one)
    shown(table, 300, 200)
    assert table.model().index(0, SCORE).data(Qt.ItemDataRole.UserRole) == share


def test_a_click_tells_ids_and_shift_adds_to_them(table: ResultsTable) -> None:
    told: list[tuple[int, ...]] = []
    table.selected.connect(told.append)
    click_row(table, 2)
    click_row(table, 4, Qt.KeyboardModifier.ShiftModifier)
    ids = table.row_ids()
    assert told == [(ids[2],), tuple(sorted(ids[2:5]))]


def test_choosing_from_outside_is_silent_and_comes_into_sight(table: ResultsTable, qtbot: Any) -> None:
    last = table.row_ids()[-1]
    with qtbot.assertNotEmitted(table.selected):
        table.set_selected({last})
    assert chosen(table) == {last}
    assert table.viewport().rect().contains(table.visualRect(table.model().index(59, LABEL)).center())


def test_another_result_keeps_choice_and_scroll_position(table: ResultsTable, qtbot: Any) -> None:
    found = detections(60)
    keep = int(found.ids[20])
    table.set_selected({keep, int(found.ids[50])})
    table.verticalScrollBar().setValue(200)
    with qtbot.assertNotEmitted(table.selected):
        table.set_detections(found.take(range(40)))
    assert table.verticalScrollBar().value() == 200
    assert chosen(table) == {keep}
    table.set_detections(found)
    assert chosen(table) == {keep, int(found.ids[50])}  # it was out of sight only


@pytest.mark.parametrize(
    ("column", "key"),
    [
        (LABEL, lambda found, row: found.label(row)),
        (SCORE, lambda found, row: float(found.scores[row])),
        (BOX, lambda found, row: float(np.prod(found.boxes[row, 2:] - found.boxes[row, :2]))),
    ],
)
@pytest.mark.parametrize("order", [Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder])
def test_sorting_follows_the_column_and_keeps_the_choice(
    table: ResultsTable, column: int, key: Callable[..., Any], order: Qt.SortOrder
) -> None:
    found = detections(60)
    table.set_selected({int(found.ids[7])})
    table.sortByColumn(column, order)
    rows = {int(number): row for row, number in enumerate(found.ids)}
    keys = [key(found, rows[number]) for number in table.row_ids()]
    assert keys == sorted(keys, reverse=order == Qt.SortOrder.DescendingOrder)
    assert chosen(table) == {int(found.ids[7])}


def test_a_click_on_the_header_sorts_and_a_new_result_stays_sorted(table: ResultsTable) -> None:
    header = table.horizontalHeader()
    place = QPoint(header.sectionViewportPosition(LABEL) + 10, header.height() // 2)
    QTest.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    other = detections(30, seed=5)
    table.set_detections(other)
    names = [table.model().index(row, LABEL).data() for row in range(30)]
    assert names in (sorted(names), sorted(names, reverse=True))
    assert names != [other.label(row) for row in range(30)]


def test_hovering_tells_the_id_and_none_at_the_end(table: ResultsTable) -> None:
    told: list[int | None] = []
    table.hovered.connect(told.append)
    for row in (1, 1, 3):
        move_mouse(table.viewport(), table.visualRect(table.model().index(row, LABEL)).center())
    from PySide6.QtCore import QEvent
    from PySide6.QtWidgets import QApplication

    QApplication.sendEvent(table.viewport(), QEvent(QEvent.Type.Leave))
    ids = table.row_ids()
    assert told == [ids[1], ids[3], None]


class Counted(Detections):
    """Remembers which rows were asked for."""

    def label(self, row: int) -> str:
        asked.add(row)
        return super().label(row)


asked: set[int] = set()


def test_two_thousand_rows_ask_only_for_what_is_seen(table: ResultsTable) -> None:
    many = detections(2000)
    asked.clear()
    table.set_detections(Counted(many.boxes, many.scores, many.classes, many.labels, many.ids, many.size))
    table.grab()
    assert table.model().rowCount() == 2000
    assert 0 < len(asked) < 60


def test_nothing_found_is_said(table: ResultsTable) -> None:
    full = table.grab().toImage()
    table.set_detections(None)
    table.set_empty_text("Nothing.")
    assert table.row_ids() == ()
    empty = table.grab().toImage()
    assert empty != full
    inked = {
        empty.pixelColor(x, y).name() for x in range(160, 320) for y in range(120, 220)
    }  # text in the middle of the view
    assert len(inked) > 2


def test_a_narrow_table_leaves_out_the_box(table: ResultsTable) -> None:
    assert not table.isColumnHidden(BOX)
    table.resize(280, 300)
    assert table.isColumnHidden(BOX)
    assert "×" in table.model().index(0, LABEL).data(Qt.ItemDataRole.ToolTipRole)


def test_the_dot_beside_a_class_has_the_colour_of_its_box(shown: Callable[..., Any]) -> None:
    # Neighbours in this list would have one colour by their names alone.
    labels = ("person", "car", "cat", "bus", "train")
    boxes = np.array([[10 + 100 * row, 10, 90 + 100 * row, 90] for row in range(len(labels))], np.float32)
    scores = np.linspace(0.9, 0.5, len(labels)).astype(np.float32)
    numbers = np.arange(len(labels))
    result = Detections(boxes, scores, numbers, labels, numbers, Size(640, 480))
    table = ResultsTable()
    table.set_detections(result)
    shown(table, 480, 300)
    for row in range(len(labels)):
        dot = table.model().index(row, LABEL).data(Qt.ItemDataRole.DecorationRole).toImage()
        centre = dot.pixelColor(dot.width() // 2, dot.height() // 2).getRgb()[:3]
        assert centre == row_colour(result, row, Look()), labels[row]


def test_the_dot_of_a_selected_row_keeps_its_colour(shown: Callable[..., Any]) -> None:
    labels = ("person", "car")
    numbers = np.arange(2)
    boxes = np.array([[10, 10, 90, 90], [110, 10, 190, 90]], np.float32)
    result = Detections(boxes, np.array([0.9, 0.8], np.float32), numbers, labels, numbers, Size(640, 480))
    table = ResultsTable()
    table.set_detections(result)
    shown(table, 480, 300)
    table.selectRow(0)
    picture = table.grab().toImage()
    ratio = picture.devicePixelRatio()
    for row in range(2):
        cell = table.visualRect(table.model().index(row, LABEL))
        corner = table.viewport().mapTo(table, cell.topLeft())
        colours = {
            picture.pixelColor(round((corner.x() + x) * ratio), round((corner.y() + y) * ratio)).getRgb()[:3]
            for x in range(24)
            for y in range(cell.height())
        }
        assert row_colour(result, row, Look()) in colours, labels[row]


def test_the_dot_of_a_tracked_row_has_the_colour_of_its_track(shown: Callable[..., Any]) -> None:
    boxes = np.array([[10 + 100 * row, 10, 90 + 100 * row, 90] for row in range(3)], np.float32)
    numbers = np.arange(3)
    result = Detections(
        boxes, np.array([0.9, 0.8, 0.7], np.float32), np.zeros(3, np.int64), ("car",), numbers, Size(640, 480),
        track_ids=np.array([2, 14, -1]),
    )  # fmt: skip
    table = ResultsTable()
    shown(table, 480, 300)
    for look in (Look(), Look(colour_by="class")):
        table.look = look
        table.set_detections(result)
        colours = []
        for row in range(3):
            dot = table.model().index(row, LABEL).data(Qt.ItemDataRole.DecorationRole).toImage()
            colours.append(dot.pixelColor(dot.width() // 2, dot.height() // 2).getRgb()[:3])
        assert colours == [row_colour(result, row, look) for row in range(3)]
        assert len(set(colours)) == (3 if look.colour_by == "identity" else 1)


def test_rows_that_are_looked_at_while_a_result_is_replaced_are_those_of_before(table: ResultsTable) -> None:
    model = table.model()
    labels = [model.index(row, LABEL).data() for row in range(model.rowCount())]
    assert labels
    seen: list[list[object]] = []

    def look() -> None:
        seen.append([model.index(row, LABEL).data() for row in range(len(labels))])

    model.modelAboutToBeReset.connect(look)
    table.set_detections(None)
    assert seen == [labels]
    # A row that is gone has nothing to show; it is no error.
    assert model.data(model.createIndex(len(labels), LABEL)) is None
