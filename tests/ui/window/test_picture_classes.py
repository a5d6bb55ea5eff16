"""Classes of whole pictures given in the window: keys, list, undo, export."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from cvstudio.foundation.progress import Progress
from cvstudio.media.annotations import ANNOTATION_FORMATS
from cvstudio.media.annotations.writing import write_labels
from cvstudio.session.session import State
from tests.ui.window.labelling_steps import begin, editor, key, panel
from ui.window.main_window import MainWindow

LEFT, NO_KEYS = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


def classes(window: MainWindow) -> tuple[int, ...]:
    return window.controller.labelling.labels.classes


def test_digits_give_the_picture_one_class_or_several(labelling: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    controller = labelling.controller
    begin(labelling, qtbot, "car, dog, cat")
    key(labelling, Qt.Key.Key_W)
    key(labelling, Qt.Key.Key_2)
    assert classes(labelling) == (1,)
    shown = {item.analysis for item in controller.session.state.instances}
    assert "labelled-class" in shown
    key(labelling, Qt.Key.Key_3)
    assert classes(labelling) == (2,), "another takes its place"
    shown_panel = panel(labelling)
    shown_panel.lists.setCurrentIndex(1)
    qtbot.waitUntil(shown_panel.class_page.several.isVisible)
    QTest.mouseClick(shown_panel.class_page.several, LEFT)
    editor(labelling).setFocus()
    key(labelling, Qt.Key.Key_1)
    assert classes(labelling) == (2, 0)
    place = shown_panel.classes.visualRect(shown_panel.classes.model().index(1, 0)).center()
    QTest.mouseClick(shown_panel.classes.viewport(), LEFT, NO_KEYS, place)
    assert classes(labelling) == (2, 0, 1)
    editor(labelling).setFocus()
    key(labelling, Qt.Key.Key_3)
    assert classes(labelling) == (0, 1), "once more takes it away"
    key(labelling, Qt.Key.Key_C)
    chooser = labelling.workspace.labels.chooser
    assert chooser is not None
    QTest.keyClicks(chooser.search, "blue")
    QTest.keyClick(chooser.search, Qt.Key.Key_Return)
    assert classes(labelling) == (0, 1, 3)
    controller.undo()
    assert classes(labelling) == (0, 1)
    assert len(controller.labelling.categories) == 3
    key(labelling, Qt.Key.Key_Delete)
    assert classes(labelling) == ()
    controller.undo()
    key(labelling, Qt.Key.Key_D)
    qtbot.waitUntil(lambda: controller.session.state.active_media.name == "two.png", timeout=30_000)
    qtbot.waitUntil(lambda: editor(labelling).tool is not None, timeout=30_000)
    current = controller.session.state.instance
    assert current is not None
    shown_class = next(item for item in controller.session.state.instances if item.analysis == "labelled-class")
    controller.layers.select(shown_class.id)
    results = labelling.docks["results"].widget()
    labelling.show_panel("results")
    qtbot.waitUntil(lambda: "no class yet" in [item.text() for item in results.findChildren(QLabel)], timeout=30_000)
    assert not controller.failures()
    controller.layers.select(current.id)
    editor(labelling).setFocus()
    key(labelling, Qt.Key.Key_3)
    assert controller.labelling.labelled is not None
    table = ANNOTATION_FORMATS["class-table"]
    assert write_labels(controller.labelling.labelled, tmp_path / "out.csv", table, Progress()) == ()
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert lines == ["picture,classes", "one.png,car;dog", "two.png,cat"]


def test_a_picture_with_several_classes_says_nothing_about_the_next(labelling: MainWindow, qtbot: QtBot) -> None:
    controller = labelling.controller
    begin(labelling, qtbot, "car, dog, cat")
    key(labelling, Qt.Key.Key_W)
    controller.labelling.edit("two", dataclasses.replace(controller.labelling.labels, classes=(0, 1)))
    shown_panel = panel(labelling)
    shown_panel.lists.setCurrentIndex(1)
    several = shown_panel.class_page.several
    qtbot.waitUntil(several.isChecked)
    editor(labelling).setFocus()
    key(labelling, Qt.Key.Key_3)
    assert classes(labelling) == (0, 1, 2), "a picture that has several gets another one beside them"
    key(labelling, Qt.Key.Key_D)
    qtbot.waitUntil(lambda: controller.session.state.active_media.name == "two.png", timeout=30_000)
    qtbot.waitUntil(lambda: editor(labelling).tool is not None, timeout=30_000)
    qtbot.waitUntil(lambda: not several.isChecked())
    key(labelling, Qt.Key.Key_1)
    key(labelling, Qt.Key.Key_2)
    assert classes(labelling) == (1,)


def test_the_chips_are_painted_on_the_picture(labelling: MainWindow, qtbot: QtBot) -> None:
    begin(labelling, qtbot, "car, dog")
    key(labelling, Qt.Key.Key_W)
    before = editor(labelling).grab().toImage()
    key(labelling, Qt.Key.Key_2)
    after = editor(labelling).grab().toImage()
    corner = labelling.workspace.canvas.widget_position(0, 0)
    left, top = int(max(corner.x(), 0)) + 6, int(max(corner.y(), 0)) + 44
    changed = [
        (x, y)
        for x in range(left, left + 60)
        for y in range(top, top + 20)
        if before.pixelColor(x, y) != after.pixelColor(x, y)
    ]
    assert len(changed) > 300


def test_a_set_of_class_folders_is_corrected_by_digits(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    for name in ("cat/one", "dog/two"):
        (tmp_path / name).parent.mkdir()
        Pillow.fromarray(np.full((80, 120, 3), 90, np.uint8)).save(tmp_path / f"{name}.png")
    window.controller.open_labels([tmp_path])
    qtbot.waitUntil(lambda: window.controller.labelling.ready and classes(window) == (0,), timeout=30_000)
    window.workspace.canvas.setFocus()
    key(window, Qt.Key.Key_L)
    qtbot.waitUntil(lambda: editor(window).tool is not None, timeout=30_000)
    assert editor(window).tool.mode == "classes", "it has classes of pictures alone"
    key(window, Qt.Key.Key_2)
    assert classes(window) == (1,)
    assert window.controller.session.undo_title == "Class of the picture"
    window.controller.session.load(State())
