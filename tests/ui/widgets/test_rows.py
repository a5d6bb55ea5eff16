"""Sliders and rows: what the user does comes out, what the program sets does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from cvstudio.analyses.analysis import Histogram
from cvstudio.foundation.params import Choices, Doc, Field, Pick, Range
from ui.base import theme
from ui.widgets.range_slider import RangeSlider
from ui.widgets.rows.choice_rows import BoolRow, ChoiceRow, PointRow
from ui.widgets.rows.class_picker import TALLY, ChoicesRow
from ui.widgets.rows.row import Row
from ui.widgets.rows.slider_row import IntervalRow, SliderRow
from ui.widgets.track import HANDLE_RADIUS, Scale, decimals_of, number, snapped

SCORE = Field("score", "float", 0.5, Doc("Score", "Hides what scores less.", "Try 0.3."), Range(0, 1, step=0.01))
BLUR = Field("blur", "int", 20, Doc("Blur"), Range(1, 101, step=1, unit="px"))
FOCUS = Field("focus", "interval", None, Doc("In focus"), Range(0, 10, step=0.1, unit="m"), optional=True)


def made(row: Row, value: Any, default: Any, shown: Callable[..., Any], *, bounds: Range | None = None) -> Any:
    row.configure(bounds=bounds, options=(), histogram=None)
    row.set_value(value, default)
    return shown(row, 320)


def record(row: Row) -> tuple[list[tuple[Any, bool]], list[Any]]:
    changed: list[tuple[Any, bool]] = []
    released: list[Any] = []
    row.changed.connect(lambda value, dragging: changed.append((value, dragging)))
    row.released.connect(released.append)
    return changed, released


def at(slider: QWidget, bounds: Range, value: float) -> QPoint:
    margin = HANDLE_RADIUS + 3
    x = Scale(bounds, margin, slider.width() - margin).position(value)
    return QPoint(round(x), slider.height() - 12)


def turn_wheel(widget: QWidget, notches: int) -> bool:
    centre = QPointF(widget.rect().center())
    delta = QPoint(0, 120 * notches)
    none, modifiers = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
    event = QWheelEvent(centre, centre, QPoint(), delta, none, modifiers, Qt.ScrollPhase.NoScrollPhase, False)
    event.ignore()
    QApplication.sendEvent(widget, event)
    return event.isAccepted()


# Numbers ------------------------------------------------------------------------------------------------------------


@given(
    st.floats(-1e4, 1e4), st.floats(0.01, 1e4), st.sampled_from([0.001, 0.01, 0.1, 0.25, 1, 5]), st.floats(-2e4, 2e4)
)
def test_snapping_stays_in_the_range_and_changes_nothing_twice(
    low: float, span: float, step: float, value: float
) -> None:
    bounds = Range(low, low + span, step=step)
    once = snapped(value, bounds)
    assert low - 1e-9 <= once <= low + span
    assert snapped(once, bounds) == pytest.approx(once, abs=1e-9)
    if low <= value <= low + span:
        assert abs(once - value) <= max(step, span / 100) / 2 + 1e-6 or once == bounds.high


def test_numbers_are_read_out_without_dust() -> None:
    bounds = Range(0, 1, step=0.1)
    assert [snapped(0.1 * k, bounds) for k in range(11)] == [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    assert [decimals_of(Range(0, 1000, step=step)) for step in (1, 0.5, 0.05, 0.001, 20)] == [0, 1, 2, 3, 0]
    assert number(20, Range(1, 101, step=1, unit="px")) == "20 px"


# A slider -----------------------------------------------------------------------------------------------------------


def test_dragging_emits_while_it_lasts_and_then_once(shown: Callable[..., Any], drag: Callable[..., None]) -> None:
    row = made(SliderRow(SCORE), 0.5, 0.5, shown)
    changed, released = record(row)
    slider = row.slider
    goal = SCORE.range or Range(0, 1)
    drag(slider, at(slider, goal, 0.5), at(slider, goal, 0.6), at(slider, goal, 0.8))
    assert len(changed) == 2
    assert all(dragging for _, dragging in changed)
    assert changed[-1][0] == pytest.approx(0.8, abs=0.02)
    assert released == [changed[-1][0]]
    assert row.box.value() == pytest.approx(row.value())
    assert row.label.marked


def test_taking_hold_of_the_handle_moves_nothing(shown: Callable[..., Any]) -> None:
    row = made(SliderRow(SCORE), 0.5, 0.5, shown)
    changed, released = record(row)
    place = at(row.slider, Range(0, 1), 0.5) + QPoint(4, 0)
    QTest.mouseClick(row.slider, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    assert changed == []
    assert released == [0.5]


@pytest.mark.parametrize("where", ["label", "slider"])
def test_a_double_click_resets(shown: Callable[..., Any], where: str) -> None:
    row = made(SliderRow(SCORE), 0.9, 0.4, shown)
    assert row.label.marked
    changed, _ = record(row)
    QTest.mouseDClick(getattr(row, where), Qt.MouseButton.LeftButton)
    assert changed[-1] == (0.4, False)
    assert row.value() == 0.4
    assert not row.label.marked


def test_keys_move_by_a_step_ten_steps_and_to_the_ends(shown: Callable[..., Any]) -> None:
    row = made(SliderRow(BLUR), 20, 20, shown)
    changed, _ = record(row)
    for key in (Qt.Key.Key_Right, Qt.Key.Key_PageUp, Qt.Key.Key_Left, Qt.Key.Key_Home, Qt.Key.Key_End):
        QTest.keyClick(row.slider, key)
    assert changed == [(21, False), (31, False), (30, False), (1, False), (101, False)]
    assert all(type(value) is int for value, _ in changed)
    QTest.keyClick(row.slider, Qt.Key.Key_Backspace)
    assert changed[-1] == (20, False)


def test_arrows_belong_to_the_slider_and_not_to_the_window(shown: Callable[..., Any], qtbot: Any) -> None:
    from PySide6.QtGui import QKeySequence, QShortcut

    row = made(SliderRow(BLUR), 20, 20, shown)
    stolen: list[None] = []
    shortcut = QShortcut(QKeySequence("Right"), row)
    shortcut.activated.connect(lambda: stolen.append(None))
    row.activateWindow()
    row.slider.setFocus()
    qtbot.waitUntil(row.slider.hasFocus)
    QTest.keyClick(row.windowHandle(), Qt.Key.Key_Right)
    assert (row.value(), stolen) == (21, [])


def test_the_wheel_acts_only_with_the_focus(shown: Callable[..., Any], qtbot: Any) -> None:
    row = made(SliderRow(BLUR), 20, 20, shown)
    changed, _ = record(row)
    row.label.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    row.label.setFocus()
    assert not turn_wheel(row.slider, 1)
    assert not turn_wheel(row.box, 1)
    assert changed == []
    row.activateWindow()
    row.slider.setFocus()
    qtbot.waitUntil(row.slider.hasFocus)
    assert turn_wheel(row.slider, 1)
    assert changed == [(21, False)]


def test_a_typed_value_counts_when_it_is_entered(shown: Callable[..., Any]) -> None:
    row = made(SliderRow(BLUR), 20, 20, shown)
    changed, _ = record(row)
    row.box.selectAll()
    QTest.keyClicks(row.box, "4")
    QTest.keyClicks(row.box, "5")
    assert changed == []
    QTest.keyClick(row.box, Qt.Key.Key_Return)
    assert changed == [(45, False)]
    assert row.slider.number == 45


def test_setting_from_outside_is_silent_and_keeps_a_value_between_two_steps(shown: Callable[..., Any]) -> None:
    row = made(SliderRow(SCORE), 0.5, 0.5, shown)
    changed, released = record(row)
    row.set_value(0.12345, 0.5)
    row.configure(bounds=Range(0, 2, step=0.5), options=(), histogram=None)
    row.box.setFocus()
    row.slider.setFocus()
    assert (changed, released) == ([], [])
    assert row.value() == 0.12345


def test_the_tooltip_says_what_what_to_try_and_the_default(shown: Callable[..., Any]) -> None:
    row = made(SliderRow(SCORE), 0.9, 0.4, shown)
    assert "Hides what scores less. Try 0.3." in row.toolTip()
    assert "0.40" in row.toolTip()
    assert row.slider.accessibleName() == "Score"


def test_the_value_and_its_unit_fit_into_their_box(shown: Callable[..., Any]) -> None:
    row = made(SliderRow(BLUR), 101, 20, shown)
    edit = row.box.lineEdit()
    assert edit.fontMetrics().horizontalAdvance("101 px") <= edit.width()


# An interval --------------------------------------------------------------------------------------------------------


@pytest.fixture
def interval(shown: Callable[..., Any]) -> IntervalRow:
    return made(IntervalRow(FOCUS), (2.0, 6.0), (2.0, 6.0), shown)  # type: ignore[no-any-return]


BOUNDS = Range(0, 10, step=0.1)


def test_a_range_that_is_not_known_yet_shows_no_number_and_takes_none(interval: IntervalRow) -> None:
    before = interval.low.text(), interval.high.text()
    interval.set_known(False)
    assert not interval.isEnabled()
    assert (interval.low.text(), interval.high.text()) == ("–", "–")
    interval.set_known(True)
    interval.show_value(interval.value())
    assert interval.isEnabled()
    assert (interval.low.text(), interval.high.text()) == before


def test_each_end_is_dragged(interval: IntervalRow, drag: Callable[..., None]) -> None:
    changed, released = record(interval)
    slider = interval.slider
    drag(slider, at(slider, BOUNDS, 2), at(slider, BOUNDS, 3.5))
    low, high = interval.value()
    assert (low, high) == (pytest.approx(3.5, abs=0.06), 6.0)
    drag(slider, at(slider, BOUNDS, 6), at(slider, BOUNDS, 9))
    assert interval.value() == (low, pytest.approx(9, abs=0.06))
    assert all(dragging for _, dragging in changed)
    assert len(released) == 2


def test_the_middle_moves_both_and_stops_at_the_end(interval: IntervalRow, drag: Callable[..., None]) -> None:
    slider = interval.slider
    drag(slider, at(slider, BOUNDS, 4), at(slider, BOUNDS, 5.5))
    low, high = interval.value()
    assert low == pytest.approx(3.5, abs=0.06)
    assert high - low == pytest.approx(4)
    drag(slider, at(slider, BOUNDS, 5), QPoint(2000, 10))
    assert interval.value() == (pytest.approx(6), pytest.approx(10))


def test_an_end_never_passes_the_other(interval: IntervalRow, drag: Callable[..., None]) -> None:
    slider = interval.slider
    drag(slider, at(slider, BOUNDS, 2), at(slider, BOUNDS, 9.5))
    assert interval.value() == (6.0, 6.0)


def test_a_click_outside_brings_the_nearer_end(interval: IntervalRow) -> None:
    slider = interval.slider
    place = at(slider, BOUNDS, 8.5)
    QTest.mouseClick(slider, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    assert interval.value() == (2.0, pytest.approx(8.5, abs=0.06))


def test_keys_act_on_one_end_and_tab_goes_to_the_other(interval: IntervalRow, qtbot: Any) -> None:
    changed, _ = record(interval)
    slider = interval.slider
    interval.activateWindow()
    slider.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.waitUntil(slider.hasFocus)
    QTest.keyClick(slider, Qt.Key.Key_Right)
    QTest.keyClick(slider, Qt.Key.Key_Tab)
    assert slider.hasFocus()
    QTest.keyClick(slider, Qt.Key.Key_Left)
    assert changed == [((2.1, 6.0), False), ((2.1, 5.9), False)]


def test_resetting_an_optional_interval_unsets_it(interval: IntervalRow) -> None:
    interval.set_value((1.0, 2.0), (0.0, 3.0))
    changed, _ = record(interval)
    QTest.mouseDClick(interval.label, Qt.MouseButton.LeftButton)
    assert changed == [(None, False)]
    assert interval.value() == (0.0, 3.0)


def test_typing_an_end_beyond_the_other_takes_it_along(interval: IntervalRow) -> None:
    changed, _ = record(interval)
    interval.low.selectAll()
    QTest.keyClicks(interval.low, "7.5")
    QTest.keyClick(interval.low, Qt.Key.Key_Return)
    assert changed == [((7.5, 7.5), False)]


def test_the_histogram_is_painted_behind_and_coloured_within_the_interval(shown: Callable[..., Any]) -> None:
    slider = RangeSlider(BOUNDS)
    slider.set_interval((0.0, 5.0))
    plain = slider.sizeHint().height()
    slider.set_histogram(Histogram(np.full(10, 7, np.int64), 0, 10))
    assert slider.sizeHint().height() > plain
    shown(slider, 300)
    picture = slider.grab().toImage()
    inside, outside = picture.pixelColor(80, 20), picture.pixelColor(220, 20)
    assert inside.blue() > inside.red() + 60
    assert abs(outside.blue() - outside.red()) < 30
    assert outside.name() != theme.current().panel


# The other kinds ----------------------------------------------------------------------------------------------------


def test_a_switch_is_clicked_and_pressed_with_space(shown: Callable[..., Any]) -> None:
    row = made(BoolRow(Field("each", "bool", True, Doc("Each"))), True, True, shown)
    changed, _ = record(row)
    QTest.mouseClick(row.switch, Qt.MouseButton.LeftButton)
    QTest.keyClick(row.switch, Qt.Key.Key_Space)
    assert changed == [(False, False), (True, False)]


def test_one_of_several_is_chosen(shown: Callable[..., Any]) -> None:
    row = ChoiceRow(Field("map", "choice", "viridis", Doc("Colours"), choices=Choices(("viridis", "magma"))))
    row.configure(bounds=None, options=("viridis", "magma"), histogram=None)
    row.set_value("viridis", "viridis")
    shown(row, 300)
    changed, _ = record(row)
    QTest.keyClick(row.combo, Qt.Key.Key_Down)
    assert changed == [("magma", False)]
    row.set_value("viridis", "viridis")
    assert len(changed) == 1
    assert row.value() == "viridis"


def test_a_place_is_asked_for_and_let_go(shown: Callable[..., Any], qtbot: Any) -> None:
    row = PointRow(Field("point", "point", None, Doc("Focus on"), pick=Pick(), optional=True))
    row.set_value(None, None)
    shown(row, 300)
    assert not row.clear.isVisible()
    with qtbot.waitSignal(row.pick_requested):
        QTest.mouseClick(row.button, Qt.MouseButton.LeftButton)
    row.set_value((320.4, 199.6), None)
    assert row.button.text() == "320, 200 px"
    changed, _ = record(row)
    QTest.mouseClick(row.clear, Qt.MouseButton.LeftButton)
    assert changed == [(None, False)]


@pytest.fixture
def classes(shown: Callable[..., Any]) -> ChoicesRow:
    row = ChoicesRow(Field("classes", "choices", (), Doc("Classes"), choices=Choices(from_model="labels")))
    row.configure(bounds=None, options=("person", "car", "사람", "dog"), histogram=None)
    row.set_value((), ())
    return shown(row, 300)  # type: ignore[no-any-return]


def test_classes_are_searched_and_checked(classes: ChoicesRow) -> None:
    changed, _ = record(classes)
    QTest.mouseClick(classes.picker, Qt.MouseButton.LeftButton)
    popup = classes.picker.popup
    assert popup is not None
    first = popup.list.visualRect(popup.list.model().index(0, 0)).center()
    QTest.mouseClick(popup.list.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, first)
    popup.search.insert("사")  # QTest types ASCII only
    QTest.keyClick(popup.search, Qt.Key.Key_Return)
    # All are checked at first: a click takes one away, and Enter adds what is searched for.
    popup.search.clear()
    # A search moves no row: the list is dressed as in the window.
    assert popup.list.visualRect(popup.list.model().index(0, 0)).center() == first
    QTest.mouseClick(popup.list.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, first)
    assert changed == [
        (("dog", "person", "사람"), False),
        (("dog", "person"), False),
        (("car", "dog", "person"), False),
    ]
    assert classes.label.marked
    QTest.mouseClick(popup.everything, Qt.MouseButton.LeftButton)
    assert changed[-1] == ((), False)
    QTest.keyClick(popup.search, Qt.Key.Key_Escape)
    assert not popup.isVisible()


def test_the_classes_can_be_checked_with_the_keyboard_alone(classes: ChoicesRow) -> None:
    changed, _ = record(classes)
    classes.picker.setFocus()
    QTest.keyClick(classes.picker, Qt.Key.Key_Space)
    popup = classes.picker.popup
    assert popup is not None
    QTest.keyClick(popup.search, Qt.Key.Key_Down)
    QTest.keyClick(popup.list, Qt.Key.Key_Down)
    QTest.keyClick(popup.list, Qt.Key.Key_Space)
    assert changed == [(("car", "person", "사람"), False)]
    QTest.keyClick(popup.list, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert changed[-1] == (("dog",), False)
    popup.close()


def test_one_class_alone_with_one_click_and_its_count_beside_it(classes: ChoicesRow) -> None:
    changed, _ = record(classes)
    classes.picker.tallies = lambda: {"person": "3", "dog": "1"}
    QTest.mouseClick(classes.picker, Qt.MouseButton.LeftButton)
    popup = classes.picker.popup
    assert popup is not None
    texts = [popup.list.model().index(row, 0).data() for row in range(4)]
    assert texts == ["dog", "person", "car", "사람"]  # what was found comes first
    assert [popup.list.model().index(row, 0).data(TALLY) for row in range(4)] == ["1", "3", "", ""]
    states = [popup.list.model().index(row, 0).data(Qt.ItemDataRole.CheckStateRole) for row in range(4)]
    assert all(Qt.CheckState(state) == Qt.CheckState.Checked for state in states)
    row = popup.list.visualRect(popup.list.model().index(1, 0))
    only = QPoint(row.right() - 12, row.center().y())
    QTest.mouseClick(popup.list.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, only)
    assert changed == [(("person",), False)]
    # Without the last one all are shown again: none chosen is all.
    QTest.mouseClick(popup.list.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, row.center())
    assert changed[-1] == ((), False)
    QTest.keyClicks(popup.search, "car")
    QTest.keyClick(popup.search, Qt.Key.Key_Return)
    assert changed[-1] == (("car",), False)
    popup.close()
