"""Edited labels in projects, exports and the files that they were read from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from cvstudio.media.annotations import ANNOTATION_FORMATS
from cvstudio.session.project import load_project, save_project
from cvstudio.session.session import State
from tests.ui.window.labelling_steps import annotations, begin, draw, editor, key, panel, settled
from ui.files.label_export import LabelExportDialog, writable_formats
from ui.window.main_window import MainWindow

LEFT, NO_KEYS = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


def test_labels_are_kept_in_the_project(labelling: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    controller = labelling.controller
    begin(labelling, qtbot)
    key(labelling, Qt.Key.Key_B)
    draw(labelling, (20, 10), (60, 50))
    key(labelling, Qt.Key.Key_M)
    draw(labelling, (20, 60), (60, 60), (80, 70))
    saved = annotations(labelling)
    save_project(tmp_path / "labels.cvstudio", controller.session.state)
    assert controller.session.modified
    controller.session.load(State())
    assert not controller.labelling.active
    state, _ = load_project(tmp_path / "labels.cvstudio")
    controller.load(state, 0.0)
    qtbot.waitUntil(lambda: controller.labelling.ready, timeout=30_000)
    assert annotations(labelling) == saved
    assert [category.name for category in controller.labelling.categories] == ["car", "dog"]
    assert not controller.session.modified


def test_labels_are_exported_and_a_refusal_says_why(labelling: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    begin(labelling, qtbot)
    key(labelling, Qt.Key.Key_B)
    draw(labelling, (20, 10), (60, 50))
    QTest.mouseClick(panel(labelling).export, LEFT)
    dialog = labelling.findChild(LabelExportDialog)
    assert dialog is not None
    assert dialog.format.currentData() == "coco", "the usual form, where none was chosen"
    dialog.path.setText(str(tmp_path / "out.json"))
    QTest.mouseClick(dialog.write, LEFT)
    qtbot.waitUntil((tmp_path / "out.json").exists, timeout=30_000)
    saved = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert saved["annotations"][0]["bbox"] == pytest.approx([20, 10, 40, 40], abs=0.5)
    assert [category["name"] for category in saved["categories"]] == ["car", "dog"]
    notices: list[tuple[str, str]] = []
    labelling.controller.notice.connect(lambda *notice: notices.append(notice))
    entry = next(entry for entry in writable_formats() if entry.suffix)
    controls = labelling.controller.labelling
    assert controls.labelled is not None
    assert controls.annotations is not None
    qtbot.waitUntil(lambda: not controls.unsaved, timeout=30_000)
    labelling.label_export.export(controls.annotations, controls.labelled, entry, tmp_path / "one.png")
    qtbot.waitUntil(lambda: bool(notices), timeout=30_000)
    assert notices[0] == ("error", "'one.png' is one of the pictures; choose another name.")


def test_a_set_from_disk_is_corrected_picture_by_picture_and_its_file_stays(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        Pillow.fromarray(np.full((80, 120, 3), 90, np.uint8)).save(tmp_path / f"{name}.png")
    content = {
        "images": [
            {"id": n, "file_name": f"{name}.png", "width": 120, "height": 80} for n, name in enumerate(("one", "two"))
        ],
        "annotations": [{"id": n, "image_id": n, "category_id": 4, "bbox": [10 + n, 10, 30, 20]} for n in (0, 1)],
        "categories": [{"id": 4, "name": "cat"}],
    }
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(content))
    controller, labelling = window.controller, window.controller.labelling
    window.open_paths([path])
    qtbot.waitUntil(lambda: labelling.ready and len(annotations(window)) == 1, timeout=30_000)
    qtbot.waitUntil(lambda: settled(window), timeout=30_000)
    window.show_panel("labels")
    window.workspace.canvas.setFocus()
    key(window, Qt.Key.Key_L)
    assert not labelling.edited
    draw(window, (20, 15), (30, 25))
    assert annotations(window)[0].box == pytest.approx((20, 20, 50, 40), abs=0.6)
    assert labelling.edited
    key(window, Qt.Key.Key_D)
    active = controller.session.state
    qtbot.waitUntil(lambda: controller.session.state.active != active.active, timeout=30_000)
    qtbot.waitUntil(lambda: editor(window).tool is not None, timeout=30_000)
    assert not labelling.edited
    assert annotations(window)[0].box == (11, 10, 41, 30)
    key(window, Qt.Key.Key_B)
    draw(window, (60, 40), (90, 70))
    save_project(tmp_path / "fixed.cvstudio", controller.session.state)
    assert json.loads(path.read_text()) == content
    assert labelling.annotations is not None
    assert labelling.labelled is not None
    coco = ANNOTATION_FORMATS["coco"]
    window.label_export.export(labelling.annotations, labelling.labelled, coco, tmp_path / "fixed.json")
    qtbot.waitUntil((tmp_path / "fixed.json").exists, timeout=30_000)
    fixed = coco.read(tmp_path / "fixed.json")
    assert [len(fixed.labels(name).annotations) for name in fixed.names] == [1, 2]
    state, _ = load_project(tmp_path / "fixed.cvstudio")
    controller.load(state, 0.0)
    qtbot.waitUntil(lambda: labelling.ready and len(annotations(window)) == 2, timeout=30_000)
    controller.library.step(-1)
    qtbot.waitUntil(lambda: len(annotations(window)) == 1, timeout=30_000)
    assert annotations(window)[0].box == pytest.approx((20, 20, 50, 40), abs=0.6)
    controller.session.load(State())


def test_edited_labels_are_not_lost_without_a_question(
    labelling: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def answer(parent: Any, title: str, text: str, buttons: Any) -> QMessageBox.StandardButton:
        asked.append(text)
        return QMessageBox.StandardButton.Cancel

    monkeypatch.setattr(QMessageBox, "question", answer)
    begin(labelling, qtbot)
    assert labelling.project.may_close()
    key(labelling, Qt.Key.Key_B)
    draw(labelling, (20, 10), (60, 50))
    assert not labelling.project.may_close()
    assert asked == ["Labels were edited, but neither exported nor saved in a project."]
    labelling.project.open(Path("other.cvstudio"))
    assert len(asked) == 2
    controls = labelling.controller.labelling
    assert controls.annotations is not None
    controls.mark_exported(controls.annotations)
    assert labelling.project.may_close()
    draw(labelling, (70, 10), (100, 50))
    assert not labelling.project.may_close()
    labelling.controller.undo()
    assert labelling.project.may_close()
