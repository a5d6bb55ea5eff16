"""Boxes, polygons and strokes drawn on the canvas with real mouse and key events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest

from cvstudio.data.geometry import Size, View
from cvstudio.foundation.params import Doc, Field, Pick
from cvstudio.foundation.shapes import NamedShape, Stroke
from ui.tour.input_events import move_mouse
from ui.views.canvas import Canvas
from ui.views.shape_editor import ShapeEditor, tool_for
from ui.views.shape_tools import PolygonTool, StrokesTool

SIZE = Size(64, 40)
LEFT, NO_KEYS = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
BOX = Field("frame", "box", None, Doc("Frame"), pick=Pick("box"), optional=True)
POLYGON = Field("region", "polygon", None, Doc("Region"), pick=Pick("polygon"), optional=True)
STROKES = Field("marks", "strokes", (), Doc("Marks"), pick=Pick("strokes", labels=("ground", "thing")))
LINES = Field("lines", "lines", (), Doc("Lines"), pick=Pick("lines"))
ZONES = Field("zones", "zones", (), Doc("Zones"), pick=Pick("zones"))
SQUARE = ((10.0, 10.0), (30.0, 10.0), (30.0, 30.0), (10.0, 30.0))


def grey(view: View) -> Any:
    return np.full((view.size.height, view.size.width, 3), 120, np.uint8)


@dataclass
class Stage:
    """An editor on a canvas of ten pixels for each image pixel, and what it told."""

    canvas: Canvas
    editor: ShapeEditor
    told: list[Any] = field(default_factory=list)

    def begin(self, declared: Field, value: Any) -> Stage:
        self.editor.begin(tool_for(declared, value, SIZE))
        return self

    @property
    def value(self) -> Any:
        assert self.editor.tool is not None
        return self.editor.tool.value

    def at(self, x: float, y: float) -> QPoint:
        return self.canvas.widget_position(x, y).toPoint()

    def press(self, x: float, y: float, keys: Qt.KeyboardModifier = NO_KEYS) -> None:
        QTest.mousePress(self.editor, LEFT, keys, self.at(x, y))

    def move(self, x: float, y: float) -> None:
        move_mouse(self.editor, self.at(x, y), LEFT)

    def let_go(self, x: float, y: float) -> None:
        QTest.mouseRelease(self.editor, LEFT, NO_KEYS, self.at(x, y))

    def drag(self, *places: tuple[float, float], keys: Qt.KeyboardModifier = NO_KEYS) -> None:
        self.press(*places[0], keys)
        for place in places[1:]:
            self.move(*place)
        self.let_go(*places[-1])

    def click(self, x: float, y: float) -> None:
        QTest.mouseClick(self.editor, LEFT, NO_KEYS, self.at(x, y))

    def key(self, key: Qt.Key, keys: Qt.KeyboardModifier = NO_KEYS) -> None:
        QTest.keyClick(self.editor, key, keys)


@pytest.fixture
def stage(shown: Callable[..., Any]) -> Stage:
    canvas = Canvas()
    canvas.set_renderer(grey)
    canvas.set_content_size(SIZE)
    shown(canvas, 640, 400)
    made = Stage(canvas, ShapeEditor(canvas))
    editor = made.editor
    editor.edited.connect(made.told.append)
    for name in ("released", "dropped", "closed"):
        getattr(editor, name).connect(lambda name=name: made.told.append(name))
    return made


# A box --------------------------------------------------------------------------------------------------------------


def test_a_box_is_drawn_live_and_told_to_its_end(stage: Stage) -> None:
    stage.begin(BOX, None)
    stage.drag((30, 25), (20, 20), (10, 5))
    assert stage.told == [(20, 20, 30, 25), (10, 5, 30, 25), "released"]


def test_a_click_draws_no_box_and_a_drag_beside_makes_a_new_one(stage: Stage) -> None:
    stage.begin(BOX, (10.0, 10.0, 20.0, 20.0))
    stage.click(50, 30)
    assert stage.told == ["released"]
    stage.drag((40, 20), (50, 35))
    assert stage.value == (40, 20, 50, 35)


def test_a_box_is_moved_and_stops_at_the_edge_of_the_picture(stage: Stage) -> None:
    stage.begin(BOX, (10.0, 10.0, 30.0, 20.0))
    stage.drag((20, 15), (25, 12))
    assert stage.value == (15, 7, 35, 17)
    stage.drag((25, 12), (63, 39), (90, 60))
    assert stage.value == (44, 30, 64, 40)


@pytest.mark.parametrize(
    ("handle", "to", "wanted"),
    [
        ((10, 10), (5, 6), (5, 6, 30, 20)),
        ((20, 10), (25, 4), (10, 4, 30, 20)),
        ((30, 15), (40, 1), (10, 10, 40, 20)),
        ((30, 20), (31, 33), (10, 10, 31, 33)),
        ((20, 20), (1, 25), (10, 10, 30, 25)),
        ((10, 15), (35, 15), (30, 10, 35, 20)),  # turned over
    ],
)
def test_each_handle_moves_its_edges(stage: Stage, handle: Any, to: Any, wanted: Any) -> None:
    stage.begin(BOX, (10.0, 10.0, 30.0, 20.0))
    stage.drag(handle, to)
    assert stage.value == wanted
    assert stage.told == [wanted, "released"]


def test_taking_hold_beside_the_middle_of_a_handle_makes_no_jump(stage: Stage) -> None:
    stage.begin(BOX, (10.0, 10.0, 30.0, 20.0))
    stage.drag((30.5, 20.4), (31.5, 21.4))
    assert stage.value == pytest.approx((10, 10, 31, 21))


def test_escape_calls_a_drag_off_and_then_puts_the_tool_away(stage: Stage) -> None:
    stage.begin(BOX, (10.0, 10.0, 30.0, 20.0))
    stage.press(20, 15)
    stage.move(25, 18)
    stage.key(Qt.Key.Key_Escape)
    assert stage.value == (10, 10, 30, 20)
    assert stage.told == [(15, 13, 35, 23), "dropped"]
    stage.move(40, 18)
    stage.let_go(40, 18)
    assert stage.value == (10, 10, 30, 20)
    stage.key(Qt.Key.Key_Escape)
    assert stage.told[-1] == "closed"


def test_arrows_nudge_the_selected_handle_else_the_box_and_delete_removes_it(stage: Stage) -> None:
    stage.begin(BOX, (10.0, 10.0, 30.0, 20.0))
    stage.key(Qt.Key.Key_Right)
    assert stage.told == [(11, 10, 31, 20), "released"]
    stage.click(31, 20)
    stage.key(Qt.Key.Key_Down, SHIFT)
    assert stage.value == (11, 10, 31, 30)
    stage.key(Qt.Key.Key_Delete)
    assert stage.value is None
    assert stage.told[-2:] == [None, "released"]


@pytest.mark.parametrize("scale", [3.0, 23.7])
def test_places_are_right_when_zoomed_and_panned(stage: Stage, scale: float) -> None:
    stage.begin(BOX, None)
    stage.canvas.zoom_to(scale, QPointF(120, 90))
    first, last = QPoint(200, 150), QPoint(300, 230)
    expected = [stage.canvas.image_position(QPointF(place)) for place in (first, last)]
    QTest.mousePress(stage.editor, LEFT, NO_KEYS, first)
    move_mouse(stage.editor, last, LEFT)
    QTest.mouseRelease(stage.editor, LEFT, NO_KEYS, last)
    (x0, y0), (x1, y1) = expected
    wanted = (max(x0, 0), max(y0, 0), min(x1, 64), min(y1, 40))
    assert stage.value == pytest.approx(wanted)
    # The way back leads to the same pixel of the widget.
    assert stage.canvas.widget_position(x0, y0).x() == pytest.approx(200)


def test_the_wheel_the_middle_button_and_space_belong_to_the_canvas(stage: Stage) -> None:
    stage.begin(BOX, (10.0, 10.0, 30.0, 20.0))
    stage.canvas.zoom_to(20, QPointF(320, 200))
    before = stage.canvas.view().rect
    QTest.mousePress(stage.editor, Qt.MouseButton.MiddleButton, NO_KEYS, QPoint(300, 200))
    move_mouse(stage.editor, QPoint(340, 200), Qt.MouseButton.MiddleButton)
    QTest.mouseRelease(stage.editor, Qt.MouseButton.MiddleButton, NO_KEYS, QPoint(340, 200))
    assert stage.canvas.view().rect.x == pytest.approx(before.x - 2)
    QTest.keyPress(stage.editor, Qt.Key.Key_Space)
    assert stage.canvas.space_held
    QTest.mousePress(stage.editor, LEFT, NO_KEYS, QPoint(300, 200))
    move_mouse(stage.editor, QPoint(320, 200), LEFT)
    QTest.mouseRelease(stage.editor, LEFT, NO_KEYS, QPoint(320, 200))
    QTest.keyRelease(stage.editor, Qt.Key.Key_Space)
    assert stage.canvas.view().rect.x == pytest.approx(before.x - 3)
    assert stage.told == []


# A polygon ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["enter", "double-click", "first corner"])
def test_a_polygon_is_clicked_and_ended(stage: Stage, ending: str) -> None:
    stage.begin(POLYGON, None)
    for corner in ((10, 10), (40, 10), (40, 30)):
        stage.click(*corner)
    assert stage.value is None
    if ending == "enter":
        stage.key(Qt.Key.Key_Return)
    elif ending == "double-click":
        QTest.mouseDClick(stage.editor, LEFT, NO_KEYS, stage.at(40, 30))
    else:
        stage.click(10.3, 10.3)
    assert stage.value == ((10, 10), (40, 10), (40, 30))
    assert [item for item in stage.told if item != "released"] == [stage.value]


def test_two_corners_are_no_polygon_and_escape_takes_the_draft_back(stage: Stage) -> None:
    stage.begin(POLYGON, SQUARE)
    stage.click(50, 20)
    stage.click(60, 20)
    stage.key(Qt.Key.Key_Return)
    tool = stage.editor.tool
    assert isinstance(tool, PolygonTool)
    assert tool.draft == ((50, 20), (60, 20))
    stage.key(Qt.Key.Key_Backspace)
    assert tool.draft == ((50, 20),)
    stage.key(Qt.Key.Key_Escape)
    assert tool.draft == ()
    assert stage.value == SQUARE
    assert set(stage.told) == {"released"}


def test_corners_are_moved_added_and_removed(stage: Stage) -> None:
    stage.begin(POLYGON, SQUARE)
    stage.drag((30, 10), (35, 5))
    assert stage.value == ((10, 10), (35, 5), (30, 30), (10, 30))
    stage.drag((20, 30), (20, 38))  # the middle of the lower side
    assert stage.value == ((10, 10), (35, 5), (30, 30), (20, 38), (10, 30))
    stage.key(Qt.Key.Key_Up)
    assert stage.value[3] == (20, 37)
    stage.key(Qt.Key.Key_Delete)
    assert stage.value == ((10, 10), (35, 5), (30, 30), (10, 30))


def test_a_polygon_keeps_three_corners_and_is_removed_as_a_whole(stage: Stage) -> None:
    stage.begin(POLYGON, SQUARE[:3])
    stage.click(10, 10)
    stage.key(Qt.Key.Key_Delete)
    assert stage.value == SQUARE[:3]
    stage.click(25, 15)  # inside: nothing is selected
    stage.key(Qt.Key.Key_Delete)
    assert stage.value is None


def test_a_polygon_is_moved_within_the_picture(stage: Stage) -> None:
    stage.begin(POLYGON, SQUARE)
    stage.drag((15, 25), (17, 26), (80, 26))
    assert stage.value == tuple((x + 34, y + 1) for x, y in SQUARE)


# Strokes ------------------------------------------------------------------------------------------------------------


def test_strokes_are_drawn_with_label_and_width(stage: Stage) -> None:
    stage.begin(STROKES, ())
    stage.drag((10, 10), (20, 10), (30, 12))
    stage.key(Qt.Key.Key_2)
    stage.key(Qt.Key.Key_BracketRight)
    stage.click(50, 30)
    assert stage.value == (
        Stroke(((10, 10), (20, 10), (30, 12)), 8.0, "ground"),
        Stroke(((50, 30),), 10.0, "thing"),
    )
    assert len([item for item in stage.told if item != "released"]) == 3


def test_strokes_are_selected_moved_labelled_and_removed(stage: Stage) -> None:
    line = Stroke(((10.0, 10.0), (30.0, 10.0)), 4.0, "ground")
    stage.begin(STROKES, (line, Stroke(((50.0, 30.0),), 4.0, "ground")))
    stage.click(20, 11)
    stage.key(Qt.Key.Key_Down)
    stage.key(Qt.Key.Key_2)
    assert stage.value[0] == Stroke(((10, 11), (30, 11)), 4.0, "thing")
    stage.key(Qt.Key.Key_Delete)
    assert stage.value == (Stroke(((50, 30),), 4.0, "ground"),)
    stage.key(Qt.Key.Key_Delete)
    assert stage.value == ()


def test_shift_wipes_out_what_is_touched_in_one_step(stage: Stage) -> None:
    lines = tuple(Stroke(((x, 10.0), (x, 30.0)), 2.0, "ground") for x in (10.0, 20.0, 30.0))
    stage.begin(STROKES, lines)
    stage.drag((5, 20), (10, 20), (15, 20), (20, 20), (25, 20), keys=SHIFT)
    assert stage.value == lines[2:]
    assert stage.told[-1] == "released"
    assert stage.told.count("released") == 1


def test_a_stroke_that_is_called_off_leaves_nothing(stage: Stage) -> None:
    stage.begin(STROKES, ())
    stage.press(10, 10)
    stage.move(30, 10)
    stage.key(Qt.Key.Key_Escape)
    assert stage.value == ()
    assert stage.told[-1] == "dropped"


# All ----------------------------------------------------------------------------------------------------------------


def test_a_value_from_outside_is_shown_but_never_during_a_drag(stage: Stage) -> None:
    stage.begin(BOX, (10.0, 10.0, 30.0, 20.0))
    stage.editor.set_value((1.0, 1.0, 9.0, 9.0))
    assert stage.value == (1, 1, 9, 9)
    stage.press(5, 5)
    stage.move(6, 6)
    stage.editor.set_value(None)
    assert stage.value == (2, 2, 10, 10)
    stage.let_go(6, 6)
    assert stage.told == [(2, 2, 10, 10), "released"]


@pytest.mark.parametrize(
    ("declared", "value", "place"),
    [
        (BOX, (10.0, 10.0, 30.0, 20.0), (15, 10)),
        (POLYGON, SQUARE, (15, 10)),
        (STROKES, (Stroke(((10.0, 10.0), (30.0, 10.0)), 2.0, "thing"),), (15, 10)),
    ],
)
@pytest.mark.parametrize("ground", [0, 255])
def test_the_shape_is_seen_on_black_and_white(
    stage: Stage, declared: Field, value: Any, place: tuple[int, int], ground: int
) -> None:
    stage.canvas.set_renderer(lambda view: np.full((view.size.height, view.size.width, 3), ground, np.uint8))
    where = stage.at(*place)

    def column() -> list[int]:
        picture = stage.canvas.grab().toImage()
        return [QColor(picture.pixel(where.x(), y)).lightness() for y in range(where.y() - 12, where.y() + 12)]

    assert set(column()) == {ground}
    stage.begin(declared, value)
    assert max(abs(pixel - ground) for pixel in column()) > 90


def test_the_hint_names_the_label_and_every_tool_has_one(stage: Stage) -> None:
    for declared in (BOX, POLYGON, STROKES):
        assert "Esc" in stage.begin(declared, None).editor.hint()
    tool = stage.editor.tool
    assert isinstance(tool, StrokesTool)
    stage.key(Qt.Key.Key_2)
    assert "thing" in stage.editor.hint()
    stage.editor.end()
    assert not stage.editor.isVisible()


# Named lines and zones ------------------------------------------------------------------------------------------------


def test_lines_are_drawn_by_a_drag_or_two_clicks_and_get_names(stage: Stage) -> None:
    stage.begin(LINES, ())
    stage.drag((10, 10), (20, 15), (30, 20))
    assert stage.told == [(NamedShape(((10, 10), (30, 20)), "Line 1"),), "released"]
    stage.click(40, 5)
    stage.click(40, 35)
    assert stage.value[1] == NamedShape(((40, 5), (40, 35)), "Line 2")


def test_a_line_is_changed_at_its_ends_and_its_middle_turned_round_and_removed(stage: Stage) -> None:
    first, second = NamedShape(((10.0, 10.0), (30.0, 10.0)), "A"), NamedShape(((40.0, 5.0), (40.0, 35.0)), "B")
    stage.begin(LINES, (first, second))
    stage.drag((30, 10), (30, 20))
    assert stage.value[0].points == ((10, 10), (30, 20))
    stage.drag((20, 15), (24, 15))
    assert stage.value == (NamedShape(((14, 10), (34, 20)), "A"), second)
    stage.key(Qt.Key.Key_R)
    assert stage.value[0].points == ((34, 20), (14, 10))
    stage.key(Qt.Key.Key_Down, SHIFT)
    assert stage.value[0].points == ((34, 30), (14, 20))
    stage.key(Qt.Key.Key_Delete)
    assert stage.value == (second,)
    stage.key(Qt.Key.Key_Delete)
    assert stage.value == (second,)


def test_zones_are_drawn_corner_by_corner_moved_and_given_corners(stage: Stage) -> None:
    stage.begin(ZONES, ())
    for corner in SQUARE:
        stage.click(*corner)
    assert stage.told == ["released"] * 4
    stage.key(Qt.Key.Key_Return)
    assert stage.value == (NamedShape(SQUARE, "Zone 1"),)
    stage.drag((20, 20), (22, 20))
    assert stage.value[0].points[0] == (12, 10)
    # The middle of the upper side becomes a corner.
    stage.drag((22, 10), (22, 5))
    assert stage.value[0].points[:3] == ((12, 10), (22, 5), (32, 10))
    stage.key(Qt.Key.Key_Delete)
    assert len(stage.value[0].points) == 4
    stage.key(Qt.Key.Key_Delete)
    assert stage.value == ()


def test_an_unfinished_zone_is_given_up_with_escape(stage: Stage) -> None:
    stage.begin(ZONES, ())
    stage.click(10, 10)
    stage.click(30, 10)
    stage.key(Qt.Key.Key_Escape)
    assert stage.value == ()
    assert "closed" not in stage.told
    stage.key(Qt.Key.Key_Escape)
    assert stage.told[-1] == "closed"


def test_a_double_click_renames_and_a_taken_name_is_refused(stage: Stage) -> None:
    first, second = NamedShape(((10.0, 10.0), (30.0, 10.0)), "A"), NamedShape(((40.0, 5.0), (40.0, 35.0)), "B")
    stage.begin(LINES, (first, second))
    QTest.mouseDClick(stage.editor, LEFT, NO_KEYS, stage.at(20, 10))
    field = stage.editor.name_field
    assert field is not None
    assert field.text() == "A"
    QTest.keyClicks(field, "B")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert stage.value == (first, second)
    field.selectAll()
    QTest.keyClicks(field, "Door 3")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert stage.value[0].name == "Door 3"
    assert stage.editor.name_field is None
    stage.key(Qt.Key.Key_F2)
    field = stage.editor.name_field
    assert field is not None
    QTest.keyClicks(field, "lost")
    QTest.keyClick(field, Qt.Key.Key_Escape)
    assert stage.value[0].name == "Door 3"
    assert stage.editor.name_field is None
    assert "closed" not in stage.told
