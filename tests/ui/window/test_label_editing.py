"""Labels corrected in the window: canvas, panel, session, undo, project, export."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from cvstudio.analyses import ANALYSES
from cvstudio.results.detections import Detections
from cvstudio.session.label_edits import annotations_of
from cvstudio.session.layers import with_layer
from cvstudio.session.session import replace_instance
from tests.ui.window.labelling_steps import annotations, at, begin, draw, editor, key, panel, settled
from ui.panels.labels import WIDTH
from ui.panels.results import ResultsPanel
from ui.widgets.elided_combo import ElidedCombo
from ui.window.main_window import MainWindow

LEFT, NO_KEYS = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


def test_a_box_is_drawn_relabelled_moved_and_undone_step_by_step(labelling: MainWindow, qtbot: QtBot) -> None:
    controller = labelling.controller
    begin(labelling, qtbot)
    assert editor(labelling).hasFocus()
    key(labelling, Qt.Key.Key_B)
    key(labelling, Qt.Key.Key_2)
    (x0, y0), _, (x1, y1) = draw(labelling, (20, 10), (40, 30), (60, 50))
    assert annotations(labelling)[0].box == pytest.approx((x0, y0, x1, y1))
    assert annotations(labelling)[0].category == 1
    qtbot.waitUntil(lambda: settled(labelling), timeout=30_000)
    key(labelling, Qt.Key.Key_1)
    assert annotations(labelling)[0].category == 0
    picker = labelling.docks["analysis"].widget().findChild(ElidedCombo, "slot-labels")
    assert picker is not None
    assert picker.currentText() == "New labels"
    key(labelling, Qt.Key.Key_Escape)
    states: list[Any] = []
    controller.state_changed.connect(lambda old, new: states.append(new))
    (x2, y2), *_, (x3, y3) = draw(labelling, (40, 30), (42, 31), (50, 35), (60, 40))
    assert len(states) == 1, "a drag is one change of the session"
    moved = (x0 + x3 - x2, y0 + y3 - y2, x1 + x3 - x2, y1 + y3 - y2)
    assert annotations(labelling)[0].box == pytest.approx(moved)
    titles = []
    while controller.session.undo_title != "New labels":
        titles.append(controller.session.undo_title)
        controller.undo()
    assert titles == ["Move label", "Change the class", "Draw label"]
    assert annotations(labelling) == ()
    for _ in titles:
        controller.redo()
    assert annotations(labelling)[0].box == pytest.approx(moved)

    def boxes() -> list[Any]:
        detections = controller.detections()
        return [] if detections is None else detections.boxes.tolist()

    # The result of before the last step has one box, too.
    qtbot.waitUntil(lambda: boxes() == [pytest.approx(moved, abs=1e-3)], timeout=30_000)


def test_what_is_drawn_before_any_class_is_named_gets_one(labelling: MainWindow, qtbot: QtBot) -> None:
    controller = labelling.controller
    begin(labelling, qtbot, classes="")
    assert controller.labelling.categories == ()
    key(labelling, Qt.Key.Key_B)
    draw(labelling, (20, 10), (40, 30), (60, 50))
    qtbot.waitUntil(lambda: settled(labelling), timeout=30_000)
    detections = controller.detections()
    assert detections is not None
    assert [detections.label(row) for row in range(len(detections))] == ["object"]
    controller.undo()
    assert controller.labelling.categories == ()


def test_the_next_picture_has_labels_of_its_own(labelling: MainWindow, qtbot: QtBot) -> None:
    controller = labelling.controller
    begin(labelling, qtbot)
    key(labelling, Qt.Key.Key_B)
    draw(labelling, (20, 10), (60, 50))
    key(labelling, Qt.Key.Key_D)
    qtbot.waitUntil(lambda: controller.session.state.active_media.name == "two.png", timeout=30_000)
    qtbot.waitUntil(lambda: editor(labelling).tool is not None, timeout=30_000)
    assert annotations(labelling) == ()
    tool = editor(labelling).tool
    assert tool is not None
    assert tool.mode == "box", "drawing goes on"
    draw(labelling, (30, 20), (50, 40))
    assert len(annotations(labelling)) == 1
    key(labelling, Qt.Key.Key_A)
    qtbot.waitUntil(lambda: controller.session.state.active_media.name == "one.png", timeout=30_000)
    qtbot.waitUntil(lambda: editor(labelling).tool is not None, timeout=30_000)
    assert annotations(labelling)[0].box[0] == pytest.approx(20, abs=0.5)
    edits = controller.labelling.annotations
    assert edits is not None
    assert sorted(edits.edits) == ["one.png", "two.png"]


def test_a_polygon_and_a_mask_are_drawn_by_keys_and_mouse(labelling: MainWindow, qtbot: QtBot) -> None:
    begin(labelling, qtbot)
    key(labelling, Qt.Key.Key_P)
    for place in ((20, 10), (60, 10), (40, 40)):
        QTest.mouseClick(editor(labelling), LEFT, NO_KEYS, at(labelling, *place))
    key(labelling, Qt.Key.Key_Return)
    key(labelling, Qt.Key.Key_M)
    key(labelling, Qt.Key.Key_2)
    draw(labelling, (20, 60), (60, 60), (80, 70))
    first, second = annotations(labelling)
    assert len(first.polygons[0]) == 3
    assert first.mask is None
    assert second.mask is not None
    assert (first.category, second.category) == (0, 1)
    shown = panel(labelling)
    qtbot.waitUntil(lambda: len(shown.table.row_ids()) == 2)
    assert [row.cells[1].text for row in shown.table.rows.table_rows] == ["polygon", "mask"]
    assert [row.cells[2].text for row in shown.classes.rows.table_rows] == ["1", "1"]


def test_the_class_is_chosen_from_a_list_by_typing_or_added(labelling: MainWindow, qtbot: QtBot) -> None:
    controller = labelling.controller
    begin(labelling, qtbot)
    key(labelling, Qt.Key.Key_B)
    draw(labelling, (20, 10), (60, 50))
    for typed, expected in (("do", "dog"), ("zebra", "zebra")):
        key(labelling, Qt.Key.Key_C)
        chooser = labelling.workspace.labels.chooser
        assert chooser is not None
        QTest.keyClicks(chooser.search, typed)
        QTest.keyClick(chooser.search, Qt.Key.Key_Return)
        category = annotations(labelling)[0].category
        assert controller.labelling.categories[category].name == expected
        qtbot.waitUntil(editor(labelling).hasFocus)
    controller.undo()
    assert [category.name for category in controller.labelling.categories] == ["car", "dog"]
    assert annotations(labelling)[0].category == 1, "a class and its first use are one step"


def test_labels_are_selected_and_removed_in_the_panel(labelling: MainWindow, qtbot: QtBot) -> None:
    controller = labelling.controller
    begin(labelling, qtbot)
    key(labelling, Qt.Key.Key_B)
    for x in (10, 50, 90):
        draw(labelling, (x, 10), (x + 20, 30))
    table = panel(labelling).table
    qtbot.waitUntil(lambda: len(table.row_ids()) == 3)
    assert [index.row() for index in table.selectionModel().selectedRows()] == [2]
    place = table.visualRect(table.model().index(0, 0)).center()
    QTest.mouseClick(table.viewport(), LEFT, NO_KEYS, place)
    tool = editor(labelling).tool
    assert tool is not None
    assert tool.selected == controller.labelling.selected == 0
    place = table.visualRect(table.model().index(1, 0)).center()
    QTest.mouseClick(table.viewport(), LEFT, Qt.KeyboardModifier.ControlModifier, place)
    QTest.keyClick(table, Qt.Key.Key_Delete)
    assert [item.box[0] for item in annotations(labelling)] == pytest.approx([90], abs=0.5)
    controller.undo()
    assert len(annotations(labelling)) == 3


def test_a_column_of_usual_width_cuts_nothing_of_the_labels_off(labelling: MainWindow, qtbot: QtBot) -> None:
    begin(labelling, qtbot)
    qtbot.waitUntil(lambda: panel(labelling).stack.currentIndex() == 2)
    assert panel(labelling).minimumSizeHint().width() <= WIDTH


def test_what_the_tool_draws_is_hidden_beneath_it_and_is_on_a_copy_of_the_view(
    labelling: MainWindow, qtbot: QtBot
) -> None:
    begin(labelling, qtbot)
    key(labelling, Qt.Key.Key_B)
    draw(labelling, (20, 10), (60, 50))
    qtbot.waitUntil(lambda: settled(labelling), timeout=30_000)
    workspace = labelling.workspace
    assert workspace.labels.hidden == 0

    def painted() -> bool:
        pixels = workspace.render_view(workspace.canvas.view())
        assert pixels is not None
        return bool((pixels != 90).any())

    assert not painted()
    with workspace.labels.unseen():
        assert painted()
    key(labelling, Qt.Key.Key_Escape)
    key(labelling, Qt.Key.Key_Escape)
    assert workspace.labels.hidden is None
    assert painted()


def test_escape_leaves_and_the_keys_are_the_windows_again(labelling: MainWindow, qtbot: QtBot) -> None:
    begin(labelling, qtbot)
    key(labelling, Qt.Key.Key_Escape)
    assert not labelling.controller.labelling.active
    assert not editor(labelling).isVisible()
    assert not panel(labelling).edit.isChecked()
    assert labelling.workspace.canvas.hasFocus()
    key(labelling, Qt.Key.Key_L)
    assert labelling.controller.labelling.active
    assert editor(labelling).isVisible()


def test_predictions_are_accepted_above_a_score(labelling: MainWindow, qtbot: QtBot) -> None:
    controller = labelling.controller
    begin(labelling, qtbot, "dog")
    shown = panel(labelling)
    size = controller.labelling.size
    assert size is not None
    predictions = Detections(
        np.array([(10, 10, 40, 40), (50, 10, 90, 50), (20, 50, 40, 70)], np.float32),
        np.array([0.9, 0.6, 0.2], np.float32),
        np.array([0, 1, 0], np.int64),
        ("dog", "cat"),
        np.arange(3),
        size,
    )
    shown.predictions = lambda: predictions  # type: ignore[method-assign]
    shown.update_now()
    assert shown.accept.text() == "Accept 2 of 3 predictions"
    shown.score.changed.emit(0.5, False)
    shown.lists.setCurrentIndex(2)
    # A layer above it, hidden: nothing is computed for it.
    session = controller.session
    state = with_layer(session.state, ANALYSES["hog"], session.next_id)
    assert state.instance is not None
    session.change("add", replace_instance(state, dataclasses.replace(state.instance, visible=False)))
    *below, labels, other = (item.id for item in controller.layers.stack())
    assert annotations_of(controller.layers.stack()[-2]) is not None
    QTest.mouseClick(shown.accept, LEFT)
    # They are seen: above what they were predicted by.
    assert [item.id for item in controller.layers.stack()] == [*below, other, labels]
    assert [item.category for item in annotations(labelling)] == [0, 1]
    assert [category.name for category in controller.labelling.categories] == ["dog", "cat"]
    shown.update_now()
    assert not shown.accept.isEnabled()
    controller.undo()
    assert [item.id for item in controller.layers.stack()] == [*below, labels, other]
    assert annotations(labelling) == ()
    assert [category.name for category in controller.labelling.categories] == ["dog"]


def test_the_keys_of_the_label_tool_go_on_behind_a_click_on_accept(labelling: MainWindow, qtbot: QtBot) -> None:
    begin(labelling, qtbot, "dog")
    shown, size = panel(labelling), labelling.controller.labelling.size
    assert size is not None
    predictions = Detections(
        np.array([(10, 10, 40, 40), (50, 10, 90, 50)], np.float32),
        np.array([0.9, 0.6], np.float32),
        np.array([0, 0], np.int64),
        ("dog",),
        np.arange(2),
        size,
    )
    shown.predictions = lambda: predictions  # type: ignore[method-assign]
    shown.lists.setCurrentIndex(2)
    shown.score.set_value(0.8, 0.5)
    shown.update_now()
    editor(labelling).setFocus()
    QTest.mouseClick(shown.accept, LEFT)
    assert len(annotations(labelling)) == 1
    assert editor(labelling).hasFocus()
    # With the keyboard: what takes the focus then is not the button for all pictures.
    shown.score.set_value(0.5, 0.5)
    shown.update_now()
    shown.accept.setFocus()
    assert shown.accept.isEnabled()
    shown.accept.click()
    shown.update_now()
    assert len(annotations(labelling)) == 2
    assert not shown.accept.isEnabled()
    assert labelling.focusWidget() is shown.score.slider


def test_a_right_click_offers_what_can_be_done_with_a_label(labelling: MainWindow, qtbot: QtBot) -> None:
    begin(labelling, qtbot)
    key(labelling, Qt.Key.Key_B)
    for x in (10, 50):
        draw(labelling, (x, 10), (x + 20, 30))
    editing = labelling.workspace.labels
    labelling.controller.labelling.select(0)
    menu = editing.menu(QPoint(10, 10), None)
    actions = {action.text().split("\t")[0]: action for action in menu.actions()}
    assert list(actions) == ["Change the Class …", "Duplicate", "Bring to Front", "", "Delete"]
    actions["Bring to Front"].trigger()
    assert [item.box[0] for item in annotations(labelling)] == pytest.approx([50, 10], abs=0.5)
    actions = {action.text(): action for action in editing.menu(QPoint(10, 10), None).actions()}
    actions["Duplicate"].trigger()
    assert [item.box[0] for item in annotations(labelling)] == pytest.approx([50, 10, 20], abs=0.5)
    assert labelling.controller.labelling.selected == 2


def test_classes_are_added_chosen_and_renamed_in_the_panel(labelling: MainWindow, qtbot: QtBot) -> None:
    controller = labelling.controller
    begin(labelling, qtbot, "car")
    shown = panel(labelling)
    shown.lists.setCurrentIndex(1)
    qtbot.waitUntil(lambda: len(shown.classes.row_ids()) == 1)
    QTest.keyClicks(shown.new_class, "dog")
    QTest.keyClick(shown.new_class, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: len(shown.classes.row_ids()) == 2)
    assert controller.labelling.category == 1
    place = shown.classes.visualRect(shown.classes.model().index(0, 0)).center()
    QTest.mouseClick(shown.classes.viewport(), LEFT, NO_KEYS, place)
    assert controller.labelling.category == 0
    QTest.mouseDClick(shown.classes.viewport(), LEFT, NO_KEYS, place)
    assert shown.new_class.text() == "car"
    QTest.keyClicks(shown.new_class, "truck")
    QTest.keyClick(shown.new_class, Qt.Key.Key_Return)
    assert [category.name for category in controller.labelling.categories] == ["truck", "dog"]
    assert controller.session.undo_title == "Rename class car"
    notices: list[tuple[str, str]] = []
    controller.notice.connect(lambda *notice: notices.append(notice))
    controller.labelling.rename_category(0, "dog")
    assert notices == [("error", "There is a class “dog” already; choose another name.")]
    controller.undo()
    assert [category.name for category in controller.labelling.categories] == ["car", "dog"]


def test_the_picture_keeps_its_labels_while_an_edit_is_computed(labelling: MainWindow, qtbot: QtBot) -> None:
    """Without that they would vanish for a moment at each stroke."""
    begin(labelling, qtbot)
    key(labelling, Qt.Key.Key_B)
    draw(labelling, (20, 10), (60, 50))
    qtbot.waitUntil(lambda: settled(labelling), timeout=30_000)
    before = labelling.controller.detections()
    stale: list[bool] = []
    labelling.controller.view_changed.connect(lambda shown: stale.append(labelling.controller.detections() is before))
    draw(labelling, (70, 10), (100, 50))
    assert stale[0] is True
    qtbot.waitUntil(lambda: settled(labelling), timeout=30_000)
    assert stale[-1] is False


def test_what_is_selected_among_the_results_is_edited_and_removed(labelling: MainWindow, qtbot: QtBot) -> None:
    controller = labelling.controller
    begin(labelling, qtbot)
    key(labelling, Qt.Key.Key_B)
    for x in (10, 50, 90):
        draw(labelling, (x, 10), (x + 20, 30))
    controller.labelling.set_active(False)
    qtbot.waitUntil(lambda: settled(labelling), timeout=30_000)
    controller.select(frozenset({1}))
    labelling.workspace.labels.toggle()
    tool = editor(labelling).tool
    assert tool is not None
    assert tool.selected == 1
    labelling.show_panel("results")
    results = labelling.dock_layout.content(ResultsPanel)
    qtbot.waitUntil(lambda: results.table.model().rowCount() == 3, timeout=30_000)
    controller.select(frozenset({0, 2}))
    QTest.keyClick(results.table, Qt.Key.Key_Delete)
    assert [item.box[0] for item in annotations(labelling)] == pytest.approx([50], abs=0.5)
    assert controller.session.state.selection == frozenset()
    controller.undo()
    assert len(annotations(labelling)) == 3


def test_a_tool_of_an_analysis_and_the_label_tool_put_each_other_away(labelling: MainWindow, qtbot: QtBot) -> None:
    begin(labelling, qtbot)
    controller = labelling.controller
    controller.request_pick("nothing")
    assert not controller.labelling.active
    assert labelling.workspace.canvas.tool == "point"
    controller.labelling.set_active(True)
    assert labelling.workspace.canvas.tool is None
