"""Key points labelled in the window: canvas, layer, undo, project."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from cvstudio.session.project import load_project, save_project
from cvstudio.session.session import State
from tests.ui.window.labelling_steps import annotations, at, begin, draw, editor, key
from ui.views.labels.keypoints_dialog import KeypointsDialog
from ui.window.main_window import MainWindow

LEFT, NO_KEYS = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


def click(window: MainWindow, x: float, y: float) -> None:
    QTest.mouseClick(editor(window), LEFT, NO_KEYS, at(window, x, y))


def test_a_drawn_person_gets_a_skeleton_kept_in_the_project(
    labelling: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    controller = labelling.controller
    begin(labelling, qtbot, "person")
    key(labelling, Qt.Key.Key_B)
    draw(labelling, (20, 10), (60, 50))
    key(labelling, Qt.Key.Key_Escape)
    key(labelling, Qt.Key.Key_K)
    click(labelling, 30, 20)
    dialog = labelling.findChild(KeypointsDialog)
    assert dialog is not None, "the class has no key points yet"
    dialog.names.setPlainText("nose\ntail")
    dialog.lines.setText("1-2")
    dialog.buttons.accepted.emit()
    editor(labelling).setFocus()
    assert controller.labelling.categories[0].keypoints == ("nose", "tail")
    click(labelling, 30, 20)
    assert annotations(labelling)[0].keypoints == ()
    click(labelling, 50, 40)
    (x, y, seen), tail = annotations(labelling)[0].keypoints
    assert ((x, y), seen) == (pytest.approx((30, 20), abs=0.5), 2)
    assert tail[:2] == pytest.approx((50, 40), abs=0.5)
    shown = {item.analysis for item in controller.session.state.instances}
    assert shown >= {"labelled-boxes", "labelled-keypoints"}, "what was drawn is shown when it is not edited"
    menu = labelling.workspace.labels.menu(QPoint(0, 0), editor(labelling).tool.handles(9)[1])
    actions = {action.text(): action for action in menu.actions()}
    assert actions["Point Is Visible"].isChecked()
    editor(labelling).tool.point = 1
    actions["Point Is Hidden"].trigger()
    assert annotations(labelling)[0].keypoints[1][2] == 1
    saved = annotations(labelling)
    save_project(tmp_path / "posed.cvstudio", controller.session.state)
    titles = []
    while controller.session.undo_title != "New labels":
        titles.append(controller.session.undo_title)
        controller.undo()
    assert titles == ["Change the visibility of a key point", "Place key points", "Key points of person", "Draw label"]
    controller.session.load(State())
    state, _ = load_project(tmp_path / "posed.cvstudio")
    controller.load(state, 0.0)
    qtbot.waitUntil(lambda: controller.labelling.ready, timeout=30_000)
    assert annotations(labelling) == saved
    assert controller.labelling.categories[0].skeleton == ((0, 1),)
