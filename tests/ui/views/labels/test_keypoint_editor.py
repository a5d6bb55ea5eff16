"""Key points placed and corrected on the canvas with real mouse and key events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QKeySequence, QShortcut
from PySide6.QtTest import QTest

from cvstudio.data.labels import Annotation, Category, PictureLabels
from tests.ui.views.labels.test_label_editor import SIZE, Stage, grey
from ui.views.canvas import Canvas
from ui.views.labels.editor import LabelEditor
from ui.views.labels.edits import Change, Mode
from ui.views.labels.keypoints_dialog import KeypointsDialog
from ui.views.labels.tool import LabelTool

SHIFT = Qt.KeyboardModifier.ShiftModifier
CLASSES = (Category("car"), Category("person", keypoints=("nose", "left hand", "right hand"), skeleton=((0, 1),)))
PEOPLE = PictureLabels(
    SIZE, (Annotation(1, (5, 5, 25, 25)), Annotation(1, (30, 5, 50, 25)), Annotation(0, (52, 5, 60, 9)))
)
POSED = PictureLabels(SIZE, (Annotation(1, (5, 5, 25, 25), keypoints=((10, 10, 2), (20, 10, 1), (0, 0, 0))),))


@pytest.fixture
def stage(shown: Callable[..., Any]) -> Stage:
    canvas = Canvas()
    canvas.set_renderer(grey)
    canvas.set_content_size(SIZE)
    shown(canvas, 640, 400)
    made = Stage(canvas, LabelEditor(canvas))
    editor = made.editor
    editor.set_classes(("car", "person"), (QColor("red"), QColor("lime")), CLASSES)
    editor.edited.connect(lambda edit, nudging: made.edits.append(edit))
    editor.keypoints_asked.connect(lambda: made.told.append("keypoints_asked"))
    editor.selected.connect(lambda value: made.told.append(("selected", value)))
    return made


def begin(stage: Stage, labels: PictureLabels, category: int = 1, mode: Mode = Mode.KEYPOINTS) -> None:
    stage.editor.begin()
    stage.editor.set_tool(LabelTool(labels, SIZE, category))
    stage.editor.set_mode(mode)
    stage.told.clear()


def test_a_box_gets_its_points_in_order_in_one_edit(stage: Stage) -> None:
    begin(stage, PEOPLE)
    stage.click(15, 15)
    assert stage.told == [("selected", 0)]
    assert "nose" in stage.editor.hint()
    stage.click(10, 10)
    assert "left hand (2 of 3)" in stage.editor.hint()
    stage.press(8, 20, SHIFT)
    stage.let_go(8, 20)
    assert stage.edits == []
    stage.click(22, 20)
    assert stage.changes == [Change.KEYPOINTS]
    assert stage.edits[0].labels.annotations[0].keypoints == ((10, 10, 2), (8, 20, 1), (22, 20, 2))
    assert stage.edits[0].labels.annotations[0].box == (5, 5, 25, 25)
    stage.click(40, 15)
    stage.click(35, 10)
    stage.key(Qt.Key.Key_N)
    stage.key(Qt.Key.Key_Return)
    assert stage.edits[1].labels.annotations[1].keypoints == ((35, 10, 2), (0, 0, 0), (0, 0, 0))
    assert stage.edits[1].selected is None, "the next click is about another object"


def test_points_beside_all_objects_are_a_new_one_around_them(stage: Stage) -> None:
    begin(stage, PEOPLE)
    stage.click(30, 35)
    stage.click(40, 30)
    stage.key(Qt.Key.Key_Backspace)
    stage.click(42, 32)
    stage.key(Qt.Key.Key_Return)
    assert stage.changes == [Change.KEYPOINTS]
    assert (stage.last.category, stage.last.box) == (1, (30, 32, 42, 35))
    assert stage.last.keypoints == ((30, 35, 2), (42, 32, 2), (0, 0, 0))


def test_a_point_of_any_object_is_dragged_while_points_are_placed(stage: Stage) -> None:
    begin(stage, POSED)
    stage.drag((10, 10), (14, 12), (16, 14))
    assert stage.changes == [Change.KEYPOINTS]
    assert stage.last.keypoints == ((16, 14, 2), (20, 10, 1), (0, 0, 0))
    assert len(stage.edits[-1].labels.annotations) == 1, "no other object begins there"


def test_escape_drops_points_and_another_mode_keeps_them(stage: Stage) -> None:
    begin(stage, PEOPLE)
    stage.click(30, 35)
    stage.key(Qt.Key.Key_Escape)
    assert stage.edits == []
    stage.click(30, 35)
    stage.key(Qt.Key.Key_B)
    assert stage.changes == [Change.KEYPOINTS]
    assert stage.tool.mode is Mode.BOX


def test_undo_takes_the_last_point_back_and_is_the_windows_again_behind_the_first(
    stage: Stage, shown: Callable[..., Any]
) -> None:
    undone: list[bool] = []
    QShortcut(QKeySequence.StandardKey.Undo, stage.canvas.window(), lambda: undone.append(True))

    def undo() -> None:
        QTest.keyClick(stage.editor, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)

    begin(stage, PEOPLE)
    stage.click(15, 15)
    stage.click(10, 10)
    stage.click(20, 10)
    undo()
    assert "left hand (2 of 3)" in stage.editor.hint()
    undo()
    assert stage.tool.skeleton is None
    assert (undone, stage.edits) == ([], [])
    undo()
    assert undone == [True]
    begin(stage, PEOPLE, mode=Mode.POLYGON)
    for place in ((40, 30), (50, 30)):
        stage.click(*place)
    undo()
    assert stage.tool.corners == ((40, 30),)
    assert undone == [True]


def test_a_point_is_dragged_toggled_nudged_and_removed(stage: Stage) -> None:
    begin(stage, POSED, mode=Mode.SELECT)
    stage.click(15, 18)
    stage.drag((10, 10), (14, 12), (16, 14))
    assert stage.changes == [Change.KEYPOINTS]
    assert stage.edits[-1].labels.annotations[0].keypoints == ((16, 14, 2), (20, 10, 1), (0, 0, 0))
    assert stage.edits[-1].labels.annotations[0].box == (5, 5, 25, 25)
    stage.key(Qt.Key.Key_V)
    assert stage.edits[-1].labels.annotations[0].keypoints[0] == (16, 14, 1)
    stage.key(Qt.Key.Key_V)
    assert stage.edits[-1].labels.annotations[0].keypoints[0] == (16, 14, 2)
    stage.key(Qt.Key.Key_Left)
    assert stage.edits[-1].labels.annotations[0].keypoints[0] == (15, 14, 2)
    stage.key(Qt.Key.Key_Delete)
    assert stage.edits[-1].labels.annotations[0].keypoints == ((0, 0, 0), (20, 10, 1), (0, 0, 0))
    assert stage.changes[-1] is Change.DELETE
    stage.key(Qt.Key.Key_Delete)
    assert stage.edits[-1].labels.annotations == (), "without a point, the object itself"


def test_a_class_without_points_asks_for_them(stage: Stage) -> None:
    begin(stage, PEOPLE, category=0)
    stage.click(30, 35)
    stage.click(55, 7)
    assert stage.told == ["keypoints_asked", "keypoints_asked"]
    stage.click(15, 15)
    assert stage.told[-1] == ("selected", 0)


def test_hidden_points_and_lines_are_painted(stage: Stage) -> None:
    begin(stage, POSED, mode=Mode.SELECT)
    stage.click(15, 18)

    def green(x: float, y: float) -> int:
        place = stage.at(x, y)
        return int(stage.canvas.grab().toImage().pixelColor(place).green())

    stage.move(60, 38)
    assert green(10, 10) > 240, "visible: filled"
    assert green(20, 10) < 60, "hidden: a ring"
    assert green(15, 10) > 200, "the line between"


def test_the_dialog_has_usual_sets_and_says_what_is_wrong(shown: Callable[..., Any]) -> None:
    window = Canvas()
    shown(window, 300, 300)
    dialog = KeypointsDialog(window, Category("person"))
    chosen: list[Any] = []
    dialog.chosen.connect(chosen.append)
    assert len(dialog.skeleton().keypoints) == 17
    assert (0, 1) in dialog.skeleton().lines
    names = dialog.names.toPlainText()
    QTest.keyClick(dialog.names, Qt.Key.Key_Tab)
    assert dialog.names.toPlainText() == names, "Tab goes to the next control"
    dialog.names.setPlainText("top\n\n tip  end \n")
    dialog.lines.setText("1-3")
    dialog.buttons.accepted.emit()
    assert "numbers up to 2" in dialog.problem.text()
    assert chosen == []
    dialog.lines.setText("1-2")
    dialog.buttons.accepted.emit()
    assert (chosen[0].keypoints, chosen[0].lines) == (("top", "tip end"), ((0, 1),))
