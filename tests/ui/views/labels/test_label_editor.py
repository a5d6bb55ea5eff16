"""Labels corrected on the canvas with real mouse and key events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest

from cvstudio.data.adjustments import Adjustments
from cvstudio.data.geometry import Size, View
from cvstudio.data.label_masks import pixels_in, stroked
from cvstudio.data.labels import Annotation, LabelledMask, PictureLabels
from ui.tour.input_events import move_mouse
from ui.views.canvas import Canvas
from ui.views.labels.editor import LabelEditor
from ui.views.labels.edits import Change, Edit, Mode
from ui.views.labels.tool import LabelTool

SIZE = Size(64, 40)
LEFT, NO_KEYS = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
TRIANGLE = ((40.0, 10.0), (60.0, 10.0), (40.0, 30.0))
BOXES = PictureLabels(SIZE, (Annotation(0, (5, 5, 25, 25)), Annotation(1, (10, 10, 20, 20))))
OUTLINE = PictureLabels(SIZE, (Annotation(0, (40, 10, 60, 30), (TRIANGLE,)),))


def grey(view: View) -> Any:
    return np.full((view.size.height, view.size.width, 3), 120, np.uint8)


@dataclass
class Stage:
    """An editor on a canvas of ten pixels for each image pixel, and what it told."""

    canvas: Canvas
    editor: LabelEditor
    edits: list[Edit] = field(default_factory=list)
    told: list[Any] = field(default_factory=list)

    def begin(self, labels: PictureLabels, mode: Mode = Mode.SELECT) -> Stage:
        self.editor.begin()
        self.editor.set_tool(LabelTool(labels, SIZE, category=2))
        self.editor.set_mode(mode)
        self.told.clear()
        return self

    @property
    def tool(self) -> LabelTool:
        assert self.editor.tool is not None
        return self.editor.tool

    @property
    def changes(self) -> list[Change]:
        return [edit.change for edit in self.edits]

    @property
    def last(self) -> Annotation:
        return self.edits[-1].labels.annotations[-1]

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
    made = Stage(canvas, LabelEditor(canvas))
    editor = made.editor
    editor.set_classes(("car", "dog", "cat"), (QColor("red"), QColor("lime"), QColor("blue")))
    editor.edited.connect(lambda edit, nudging: made.edits.append(edit))
    for name in ("released", "closed", "mode_changed", "class_asked"):
        getattr(editor, name).connect(lambda name=name: made.told.append(name))
    for name in ("selected", "class_chosen", "stepped"):
        getattr(editor, name).connect(lambda value, name=name: made.told.append((name, value)))
    return made


# Boxes --------------------------------------------------------------------------------------------------------------


def test_a_click_selects_the_smallest_object_and_another_beside_it_none(stage: Stage) -> None:
    stage.begin(BOXES)
    stage.click(15, 15)
    stage.click(7, 7)
    stage.click(60, 35)
    assert stage.told == [("selected", 1), ("selected", 0), ("selected", None)]
    assert stage.edits == []


def test_a_drag_moves_an_object_in_one_edit(stage: Stage) -> None:
    stage.begin(BOXES)
    stage.drag((15, 15), (20, 15), (25, 18))
    assert stage.changes == [Change.MOVE]
    assert stage.edits[0].labels.annotations[1].box == (20, 13, 30, 23)
    assert stage.edits[0].labels.annotations[0] is BOXES.annotations[0]
    assert stage.edits[0].selected == 1


def test_a_handle_resizes_and_the_canvas_hides_what_is_dragged(stage: Stage) -> None:
    stage.begin(BOXES)
    hidden: list[Any] = []
    stage.editor.hidden_changed.connect(lambda: hidden.append(stage.editor.hidden))
    stage.click(7, 7)
    stage.drag((25, 25), (30, 30), (40, 35))
    assert stage.changes == [Change.RESIZE]
    assert stage.edits[0].labels.annotations[0].box == (5, 5, 40, 35)
    assert hidden == [0]
    stage.click(60, 38)
    assert hidden == [0, None]


def test_a_box_is_drawn_in_the_chosen_class_and_a_click_only_selects(stage: Stage) -> None:
    stage.begin(BOXES, Mode.BOX)
    stage.drag((50, 30), (40, 20), (30, 15))
    assert stage.changes == [Change.DRAW]
    assert (stage.last.category, stage.last.box) == (2, (30, 15, 50, 30))
    assert stage.tool.selected == 2
    stage.click(7, 7)
    assert stage.told[-1] == ("selected", 0)
    assert stage.changes == [Change.DRAW]
    stage.drag((60, 5), (99, 99))
    assert stage.last.box == (60, 5, 64, 40)


def test_escape_calls_off_a_drag_then_leaves_the_mode_the_selection_and_the_tool(stage: Stage) -> None:
    stage.begin(BOXES, Mode.BOX)
    stage.tool.selected = 0
    stage.press(50, 30)
    stage.move(40, 20)
    stage.key(Qt.Key.Key_Escape)
    stage.let_go(40, 20)
    assert (stage.edits, stage.tool.mode) == ([], Mode.BOX)
    stage.key(Qt.Key.Key_Escape)
    assert (stage.tool.mode, stage.tool.selected) == (Mode.SELECT, 0)
    stage.key(Qt.Key.Key_Escape)
    assert stage.tool.selected is None
    stage.key(Qt.Key.Key_Escape)
    assert stage.told == ["mode_changed", ("selected", None), "closed"]


def test_a_drag_beside_every_object_moves_the_picture(stage: Stage) -> None:
    stage.begin(BOXES)
    stage.canvas.zoom_to(20.0)
    before = stage.canvas.view()
    corner = stage.canvas.image_position(QPoint(600, 350).toPointF())
    assert corner is not None
    stage.drag(corner, (corner[0] - 5, corner[1] - 3))
    assert stage.canvas.view() != before
    assert stage.edits == []


# Polygons -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["enter", "double", "first"])
def test_a_polygon_is_clicked_corner_by_corner(stage: Stage, end: str) -> None:
    stage.begin(BOXES, Mode.POLYGON)
    for place in ((40, 10), (60, 10), (50, 30)):
        stage.click(*place)
    assert stage.edits == []
    if end == "enter":
        stage.key(Qt.Key.Key_Return)
    elif end == "double":
        QTest.mouseDClick(stage.editor, LEFT, NO_KEYS, stage.at(50, 30))
    else:
        stage.click(40.3, 10.2)
    assert stage.changes == [Change.DRAW]
    assert stage.last.polygons == (((40, 10), (60, 10), (50, 30)),)
    assert (stage.last.box, stage.last.category) == ((40, 10, 60, 30), 2)


def test_corners_that_were_not_meant_are_taken_back(stage: Stage) -> None:
    stage.begin(BOXES, Mode.POLYGON)
    for place in ((40, 10), (60, 10), (50, 30)):
        stage.click(*place)
    stage.key(Qt.Key.Key_Backspace)
    assert stage.tool.corners == ((40, 10), (60, 10))
    stage.key(Qt.Key.Key_Return)
    assert stage.edits == []
    stage.key(Qt.Key.Key_Escape)
    assert (stage.tool.corners, stage.tool.mode) == ((), Mode.POLYGON)


def test_corners_are_dragged_inserted_and_removed(stage: Stage) -> None:
    stage.begin(OUTLINE)
    stage.click(43, 13)
    stage.drag((60, 10), (62, 6))
    assert stage.last.polygons == (((40, 10), (62, 6), (40, 30)),)
    assert stage.last.box == (40, 6, 62, 30)
    stage.drag((40, 20), (36, 20))
    assert stage.last.polygons == (((40, 10), (62, 6), (40, 30), (36, 20)),)
    corner = stage.tool.handle_at((62, 6), stage.editor.reach)
    assert corner is not None
    stage.editor.delete_corner(corner)
    assert stage.last.polygons == (((40, 10), (40, 30), (36, 20)),)
    assert stage.changes == [Change.RESHAPE] * 3
    corner = stage.tool.handle_at((36, 20), stage.editor.reach)
    assert corner is not None
    stage.editor.delete_corner(corner)
    assert len(stage.edits) == 3, "a polygon keeps three corners"


def test_an_outline_is_resized_by_the_handles_around_it(stage: Stage) -> None:
    stage.begin(OUTLINE)
    stage.click(43, 13)
    reach = stage.editor.reach
    stage.drag((60 + reach, 30 + reach), (50 + reach, 20 + reach))
    assert stage.changes == [Change.RESIZE]
    assert stage.last.box == pytest.approx((40, 10, 50, 20), abs=0.06)
    assert np.allclose(stage.last.polygons[0], ((40, 10), (50, 10), (40, 20)), atol=0.06)


# Masks --------------------------------------------------------------------------------------------------------------


def whole(mask: LabelledMask | None) -> Any:
    assert mask is not None
    return pixels_in(mask, (0, 0, *SIZE))


def test_the_brush_begins_a_mask_adds_to_it_and_erases(stage: Stage) -> None:
    stage.begin(BOXES, Mode.BRUSH)
    stage.tool.width = 6.0
    stage.drag((30, 20), (40, 20))
    assert stage.changes == [Change.BRUSH]
    one = stroked([(30.0, 20.0), (40.0, 20.0)], 6.0, (0, 0, *SIZE))
    assert np.array_equal(whole(stage.last.mask), one)
    assert stage.last.category == 2
    stage.click(50, 30)
    dot = stroked([(50.0, 30.0)], 6.0, (0, 0, *SIZE))
    assert np.array_equal(whole(stage.last.mask), one | dot)
    assert len(stage.edits[-1].labels.annotations) == 3
    stage.drag((30, 20), (31, 20), keys=SHIFT)
    gone = stroked([(30.0, 20.0), (31.0, 20.0)], 6.0, (0, 0, *SIZE))
    assert np.array_equal(whole(stage.last.mask), (one | dot) & ~gone)
    stage.tool.width = 500.0
    stage.drag((30, 20), (31, 20), keys=SHIFT)
    assert stage.edits[-1].labels.annotations == BOXES.annotations, "what has no pixel left is gone"
    assert stage.changes == [Change.BRUSH, Change.BRUSH, Change.ERASE, Change.ERASE]


def test_the_brush_paints_on_an_outline_and_begins_anew(stage: Stage) -> None:
    stage.begin(OUTLINE)
    stage.click(43, 13)
    stage.key(Qt.Key.Key_M)
    stage.drag((45, 15), (50, 18))
    assert len(stage.edits[-1].labels.annotations) == 1
    assert stage.last.mask is not None
    stage.key(Qt.Key.Key_M)
    assert stage.tool.selected is None
    stage.click(10, 10)
    assert len(stage.edits[-1].labels.annotations) == 2
    stage.drag((45, 20), (46, 20), keys=SHIFT)
    assert stage.edits[-1].change is Change.ERASE
    assert stage.edits[-1].selected == 1, "what is selected is erased before what is beneath"


def test_brackets_change_the_width_of_the_brush(stage: Stage) -> None:
    stage.begin(BOXES, Mode.BRUSH)
    stage.key(Qt.Key.Key_BracketRight)
    assert stage.tool.width == 25.0
    assert "25 px" in stage.editor.hint()
    stage.key(Qt.Key.Key_BracketLeft)
    assert stage.tool.width == 20.0


def test_the_brush_is_as_wide_on_the_next_picture(stage: Stage) -> None:
    stage.begin(BOXES, Mode.BRUSH)
    stage.key(Qt.Key.Key_BracketRight)
    stage.editor.set_tool(None)
    stage.begin(OUTLINE, Mode.BRUSH)
    assert stage.tool.width == 25.0


# Keys ---------------------------------------------------------------------------------------------------------------


def test_keys_choose_what_is_drawn_the_class_and_the_picture(stage: Stage) -> None:
    stage.begin(BOXES)
    for key, mode in ((Qt.Key.Key_B, Mode.BOX), (Qt.Key.Key_P, Mode.POLYGON), (Qt.Key.Key_M, Mode.BRUSH)):
        stage.key(key)
        assert stage.tool.mode is mode
    stage.told.clear()
    for key in (Qt.Key.Key_3, Qt.Key.Key_D, Qt.Key.Key_A, Qt.Key.Key_C):
        stage.key(key)
    assert stage.told == [("class_chosen", 2), ("stepped", 1), ("stepped", -1), "class_asked"]


def test_arrows_move_the_selected_object_until_they_are_released(stage: Stage) -> None:
    stage.begin(BOXES)
    stage.click(15, 15)
    stage.told.clear()
    QTest.keyPress(stage.editor, Qt.Key.Key_Right)
    QTest.keyPress(stage.editor, Qt.Key.Key_Down, SHIFT)
    assert stage.edits[-1].labels.annotations[1].box == (11, 20, 21, 30)
    assert stage.told == []
    QTest.keyRelease(stage.editor, Qt.Key.Key_Down)
    assert stage.told == ["released"]


def test_delete_removes_the_selected_object_only(stage: Stage) -> None:
    stage.begin(BOXES)
    stage.key(Qt.Key.Key_Delete)
    assert stage.edits == []
    stage.click(15, 15)
    stage.key(Qt.Key.Key_Delete)
    assert stage.edits[0].labels.annotations == BOXES.annotations[:1]
    assert (stage.edits[0].change, stage.edits[0].selected) == (Change.DELETE, None)


def test_a_double_click_asks_for_the_class(stage: Stage) -> None:
    stage.begin(BOXES)
    stage.click(15, 15)
    QTest.mouseDClick(stage.editor, LEFT, NO_KEYS, stage.at(15, 15))
    assert stage.told[-1] == "class_asked"
    assert stage.edits == []


def test_labels_that_the_program_sets_end_a_drag(stage: Stage) -> None:
    stage.begin(BOXES)
    stage.press(15, 15)
    stage.move(20, 20)
    stage.editor.set_labels(OUTLINE, None)
    stage.let_go(20, 20)
    assert stage.edits == []
    assert stage.tool.labels is OUTLINE
    assert stage.tool.selected is None


def test_without_a_picture_nothing_is_edited(stage: Stage) -> None:
    stage.begin(BOXES)
    stage.editor.set_tool(None)
    stage.drag((15, 15), (20, 20))
    stage.key(Qt.Key.Key_B)
    assert stage.edits == []
    stage.key(Qt.Key.Key_D)
    assert stage.told == [("stepped", 1)]


def test_the_selected_object_is_painted_in_the_colour_of_its_class(stage: Stage) -> None:
    stage.begin(BOXES)
    stage.click(15, 15)
    move_mouse(stage.editor, stage.at(60, 38))
    image = stage.canvas.grab().toImage()
    x, y = stage.at(20, 17.5).x(), stage.at(20, 17.5).y()
    line = [image.pixelColor(x + dx, y) for dx in range(-2, 3)]
    assert any(colour.green() > 200 and colour.red() < 100 for colour in line), [c.name() for c in line]
    stage.editor.painted = False
    image = stage.canvas.grab().toImage()
    assert image.pixelColor(x, y) == QColor(120, 120, 120)


# On a turned picture ------------------------------------------------------------------------------------------------


@pytest.fixture
def turned(stage: Stage) -> Stage:
    """The same on a picture that is shown turned by 90 degrees clockwise."""
    stage.canvas.set_orientation(Adjustments(rotate=90).pixel_map(SIZE))
    return stage


def test_boxes_are_drawn_and_dragged_on_a_turned_picture(turned: Stage) -> None:
    turned.begin(PictureLabels(), Mode.BOX)
    turned.drag((10, 10), (20, 20), (30, 25))
    assert turned.last.box == pytest.approx((10, 10, 30, 25), abs=0.2)
    turned.key(Qt.Key.Key_Escape)
    turned.drag((20, 18), (22, 20), (25, 20))
    assert turned.last.box == pytest.approx((15, 12, 35, 27), abs=0.4)
    top_left, top_right = turned.canvas.widget_position(15, 12), turned.canvas.widget_position(35, 12)
    assert abs(top_left.x() - top_right.x()) < 0.5, "what is beside each other lies one above the other"


def test_an_arrow_moves_an_object_as_it_is_seen(turned: Stage) -> None:
    turned.begin(BOXES)
    turned.click(15, 15)
    before = turned.canvas.widget_position(*turned.tool.labels.annotations[1].box[:2])
    turned.key(Qt.Key.Key_Right)
    after = turned.canvas.widget_position(*turned.tool.labels.annotations[1].box[:2])
    assert after.x() > before.x()
    assert after.y() == pytest.approx(before.y())


def test_a_mask_is_painted_turned_as_the_picture_is(turned: Stage) -> None:
    pixels = np.zeros((10, 20), bool)
    pixels[:2] = pixels[:, :2] = True
    mask = LabelledMask(pixels, 10, 10)
    turned.begin(PictureLabels(SIZE, (Annotation(0, (10, 10, 30, 20), mask=mask),)))
    turned.click(11, 15)
    turned.move(60, 38)

    def red(x: float, y: float) -> bool:
        colour = turned.canvas.grab().toImage().pixelColor(turned.at(x, y))
        return colour.red() > colour.green() + 30

    inside, outside = [(20, 11), (11, 17), (27, 11)], [(20, 15), (27, 17)]
    assert [red(*place) for place in (*inside, *outside)] == [True] * 3 + [False] * 2


def test_the_cursor_of_a_side_lies_as_the_side_does(turned: Stage) -> None:
    turned.begin(BOXES)
    turned.click(15, 15)
    turned.move(20, 15)
    assert turned.editor.cursor().shape() == Qt.CursorShape.SizeVerCursor
    turned.move(10, 10)
    assert turned.editor.cursor().shape() == Qt.CursorShape.SizeBDiagCursor
