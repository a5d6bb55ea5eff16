"""Rows for texts, lists, colours and shapes: what the user does comes out, what the program sets does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QMenu, QStyleOptionButton, QWidget
from pytestqt.qtbot import QtBot

from cvstudio.foundation.params import Doc, Field, Items, Pick, Range, Text
from cvstudio.foundation.shapes import Stroke
from ui.base import theme
from ui.widgets.elided_combo import ElidedCombo
from ui.widgets.menu_button import MenuButton
from ui.widgets.rows.colour_row import ColourRow
from ui.widgets.rows.row import Row
from ui.widgets.rows.shape_row import ShapeRow
from ui.widgets.rows.text_rows import ListRow, TextRow

PROMPT = Field("prompt", "text", "a cat", Doc("Prompt", "What to make."), text=Text(longest=12, example="a dog"))
STORY = Field("story", "text", "", Doc("Story"), text=Text(several_lines=True))
NAMES = Field("names", "list", (), Doc("Names"), items=Items(most=3))
SIZES = Field("sizes", "list", (1.0,), Doc("Sizes"), Range(0, 10), items=Items(), element="float")
TINT = Field("tint", "colour", "#ff8800", Doc("Tint"))
FRAME = Field("frame", "box", None, Doc("Frame"), pick=Pick("box"), optional=True)
MARKS = Field("marks", "strokes", (), Doc("Marks"), pick=Pick("strokes"))
LEFT = Qt.MouseButton.LeftButton


def made(row: Row, value: Any, shown: Callable[..., Any], *, bounds: Range | None = None) -> Any:
    row.configure(bounds=bounds, options=(), histogram=None)
    row.set_value(value, row.field.default)
    return shown(row, 320)


def record(row: Row) -> list[tuple[Any, bool]]:
    changed: list[tuple[Any, bool]] = []
    row.changed.connect(lambda value, dragging: changed.append((value, dragging)))
    return changed


def typed(row: Any, text: str) -> None:
    row.editor.selectAll()
    row.editor.insert(text) if isinstance(row.editor, QLineEdit) else row.editor.insertPlainText(text)


def test_a_text_counts_when_it_is_entered_and_not_before(shown: Callable[..., Any]) -> None:
    row = made(TextRow(PROMPT), "a cat", shown)
    changed = record(row)
    row.editor.selectAll()
    QTest.keyClicks(row.editor, "two dogs")
    assert changed == []
    QTest.keyClick(row.editor, Qt.Key.Key_Return)
    assert changed == [("two dogs", False)]
    assert row.label.marked
    assert row.editor.placeholderText() == "a dog"
    QTest.keyClick(row.editor, Qt.Key.Key_Return)
    assert len(changed) == 1


def test_what_is_typed_survives_a_refresh_and_escape_takes_it_back(shown: Callable[..., Any]) -> None:
    row = made(TextRow(PROMPT), "a cat", shown)
    changed = record(row)
    typed(row, "half")
    row.set_value("a cat", "a cat")
    assert row.editor.text() == "half"
    row.set_value("a cow", "a cat")
    assert row.editor.text() == "a cow"
    typed(row, "half")
    QTest.keyClick(row.editor, Qt.Key.Key_Escape)
    assert row.editor.text() == "a cow"
    assert changed == []


def test_what_is_not_allowed_stays_and_tells_why(shown: Callable[..., Any]) -> None:
    row = made(TextRow(PROMPT), "a cat", shown)
    changed = record(row)
    typed(row, "a very long prompt")
    QTest.keyClick(row.editor, Qt.Key.Key_Return)
    assert changed == []
    assert row.editor.text() == "a very long prompt"
    assert row.editor.toolTip() == "Prompt expects at most 12 characters, found 18."
    assert row.editor.property("wrong")
    typed(row, "shorter")
    QTest.keyClick(row.editor, Qt.Key.Key_Return)
    assert changed == [("shorter", False)]
    assert not row.editor.property("wrong")


@pytest.mark.parametrize("row_type", [TextRow, ListRow, ColourRow, ShapeRow])
def test_a_double_click_on_the_title_resets(shown: Callable[..., Any], row_type: type[Any]) -> None:
    field, value = {
        TextRow: (PROMPT, "other"),
        ListRow: (SIZES, (2.0, 3.0)),
        ColourRow: (TINT, "#000000"),
        ShapeRow: (MARKS, (Stroke(((1.0, 1.0),)),)),
    }[row_type]
    row = made(row_type(field), value, shown)
    assert row.label.marked
    changed = record(row)
    QTest.mouseDClick(row.label, LEFT)
    assert changed == [(field.default, False)]
    assert row.value() == field.default
    assert not row.label.marked


def test_several_lines_are_entered_with_control_and_when_left(shown: Callable[..., Any], qtbot: Any) -> None:
    row = made(TextRow(STORY), "", shown)
    changed = record(row)
    QTest.keyClicks(row.editor, "one")
    QTest.keyClick(row.editor, Qt.Key.Key_Return)
    QTest.keyClicks(row.editor, "two")
    assert changed == []
    QTest.keyClick(row.editor, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert changed == [("one\ntwo", False)]
    row.activateWindow()
    row.editor.setFocus()
    qtbot.waitUntil(row.editor.hasFocus)
    row.editor.moveCursor(row.editor.textCursor().MoveOperation.End)
    QTest.keyClicks(row.editor, "!")
    row.editor.clearFocus()
    assert changed[-1] == ("one\ntwo!", False)


def test_a_list_is_typed_with_commas(shown: Callable[..., Any]) -> None:
    row = made(ListRow(NAMES), (), shown)
    changed = record(row)
    typed(row, ' a,"b, c" , d')
    QTest.keyClick(row.editor, Qt.Key.Key_Return)
    assert changed == [(("a", "b, c", "d"), False)]
    assert row.editor.text() == 'a,"b, c",d'
    typed(row, "a,b,c,d")
    QTest.keyClick(row.editor, Qt.Key.Key_Return)
    assert row.editor.toolTip() == "Names expects at most 3 entries, found 4."
    assert len(changed) == 1


def test_a_list_of_numbers_keeps_to_the_bounds_of_the_model(shown: Callable[..., Any]) -> None:
    row = made(ListRow(SIZES), (1.0,), shown, bounds=Range(0, 5))
    changed = record(row)
    for text, reason in (("1,x", "NUMBER"), ("1,7", "0 to 5"), ("2, 3.5", "")):
        typed(row, text)
        QTest.keyClick(row.editor, Qt.Key.Key_Return)
        assert reason in row.editor.toolTip()
    assert changed == [((2.0, 3.5), False)]


@pytest.mark.parametrize("accepted", [True, False])
def test_a_colour_counts_when_the_dialog_is_accepted(shown: Callable[..., Any], qtbot: Any, accepted: bool) -> None:
    row = made(ColourRow(TINT), "#ff8800", shown)
    changed = record(row)
    QTest.mouseClick(row.button, LEFT)
    dialog = row.dialog
    assert dialog is not None
    assert dialog.currentColor().name() == "#ff8800"
    dialog.setCurrentColor(QColor(0, 0x66, 0xCC))
    assert changed == []
    (dialog.accept if accepted else dialog.reject)()
    assert changed == ([("#0066cc", False)] if accepted else [])
    assert row.button.text() == ("#0066cc" if accepted else "#ff8800")
    qtbot.waitUntil(lambda: row.dialog is None)


@pytest.mark.parametrize("name", ["dark", "light"])
def test_the_colour_is_seen_on_its_button(shown: Callable[..., Any], qapp: Any, name: Any) -> None:
    before = theme.current().name
    theme.apply_theme(qapp, name)
    try:
        row = made(ColourRow(TINT), "#ff8800", shown)
        picture = row.button.grab().toImage()
        seen = {picture.pixelColor(x, picture.height() // 2).name() for x in range(picture.width())}
        assert "#ff8800" in seen
    finally:
        theme.apply_theme(qapp, before)


def test_a_shape_is_told_in_short_and_let_go(shown: Callable[..., Any], qtbot: Any) -> None:
    row = made(ShapeRow(FRAME), None, shown)
    assert row.button.text() == "Draw on picture"
    assert not row.clear.isVisible()
    with qtbot.waitSignal(row.pick_requested):
        QTest.mouseClick(row.button, LEFT)
    row.set_value((10.0, 20.0, 110.4, 70.0), None)
    assert row.button.text() == "10, 20 · 100 × 50 px"
    # A longer text makes no panel wider: it is elided, and all of it is painted where there is room.
    narrow = row.minimumSizeHint().width()
    row.set_value((1000.0, 2000.0, 11000.4, 7000.0), None)
    assert row.minimumSizeHint().width() == narrow
    for width, whole in ((120, False), (400, True)):
        row.button.setFixedWidth(width)
        option = QStyleOptionButton()
        row.button.initStyleOption(option)
        assert (option.text == row.button.text()) == whole
        assert whole or option.text.endswith("…")
    changed = record(row)
    QTest.mouseClick(row.clear, LEFT)
    assert changed == [(None, False)]
    marks = made(ShapeRow(MARKS), (Stroke(((1.0, 1.0),)),), shown)
    assert marks.button.text() == "1 stroke"


def test_the_text_of_a_button_with_a_menu_begins_where_that_of_a_combo_box_does(qtbot: QtBot) -> None:
    def begins(widget: QWidget) -> int:
        """Column of the first bright pixel inside of the frame, on the dark theme."""
        picture = widget.grab().toImage()
        columns = range(3, picture.width() - 40)
        return next(
            x
            for x in columns
            if any(picture.pixelColor(x, y).lightness() > 120 for y in range(3, picture.height() - 3))
        )

    combo, button = ElidedCombo(), MenuButton()
    combo.addItem("Miles")
    button.setText("Miles")
    button.setMenu(QMenu(button))
    for widget in (combo, button):
        qtbot.addWidget(widget)
        widget.resize(200, 28)
        widget.clearFocus()
    assert abs(begins(button) - begins(combo)) <= 1
    assert begins(button) >= 8
