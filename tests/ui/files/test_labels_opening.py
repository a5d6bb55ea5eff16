"""A labelled set is opened in the window: browsed with its truth, and what was left out is told."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from cvstudio.media.annotations import ANNOTATION_FORMATS
from cvstudio.session.project import load_project, save_project
from ui.files.left_out import LeftOutDialog
from ui.panels.analysis import AnalysisPanel
from ui.panels.results import ResultsPanel
from ui.views.results.detections import SCORE, ResultsTable
from ui.window.main_window import MainWindow


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    """Three pictures with 1, 2 and 3 boxes; one picture is not there, and one box lies outside."""
    folder = tmp_path / "set" / "images"
    folder.mkdir(parents=True)
    names = [f"{number}.png" for number in (1, 2, 3)]
    for number, name in enumerate(names):
        Image.fromarray(np.full((30, 40, 3), 60 * number, np.uint8)).save(folder / name)
    boxes = [(n, [n + 1, k, 8, 9]) for n in range(3) for k in range(n + 1)] + [(0, [90, 0, 5, 5])]
    content = {
        "images": [
            {"id": n, "file_name": name, "width": 40, "height": 30} for n, name in enumerate([*names, "gone.png"])
        ],
        "annotations": [{"id": n, "image_id": i, "category_id": 1, "bbox": box} for n, (i, box) in enumerate(boxes)],
        "categories": [{"id": 1, "name": "cat"}],
    }
    path = tmp_path / "set" / "labels.json"
    path.write_text(json.dumps(content))
    return path


def wait_for(window: MainWindow, qtbot: QtBot, name: str, count: int) -> None:
    controller = window.controller

    def arrived() -> bool:
        media, found = controller.session.state.active_media, controller.detections()
        return media is not None and media.name == name and found is not None and len(found) == count

    qtbot.waitUntil(arrived, timeout=30_000)


def test_labels_open_as_a_set_with_their_truth(window: MainWindow, qtbot: QtBot, coco: Path) -> None:
    controller = window.controller
    window.open_paths([coco])
    wait_for(window, qtbot, "1.png", 1)
    state = controller.session.state
    assert [item.analysis for item in state.instances] == ["labelled-boxes"]
    assert [file.name for file in controller.library.rows] == ["1.png", "2.png", "3.png"]
    assert controller.library.place == (0, 3)
    assert window.settings.recent[0] == str(coco)
    controller.library.step(2)
    wait_for(window, qtbot, "3.png", 3)
    assert controller.library.place == (2, 3)
    controller.session.undo()
    controller.session.undo()
    assert controller.session.state.sets == ()
    assert controller.session.state.instances == ()


def test_a_picture_without_labels_says_so(window: MainWindow, qtbot: QtBot, coco: Path) -> None:
    Image.fromarray(np.zeros((30, 40, 3), np.uint8)).save(coco.parent / "images" / "0.png")
    content = json.loads(coco.read_text())
    content["images"].append({"id": 9, "file_name": "0.png", "width": 40, "height": 30})
    coco.write_text(json.dumps(content))
    window.open_paths([coco])
    wait_for(window, qtbot, "0.png", 0)
    panel = window.dock_layout.content(ResultsPanel)
    qtbot.waitUntil(lambda: isinstance(panel.table, ResultsTable), timeout=30_000)
    table = panel.table
    assert isinstance(table, ResultsTable)
    # Nothing there has a confidence that could be lowered.
    qtbot.waitUntil(lambda: table.empty_text == "No labels on this picture.", timeout=5_000)
    assert table.isColumnHidden(SCORE)


def test_what_was_left_out_is_told_with_its_list(window: MainWindow, qtbot: QtBot, coco: Path) -> None:
    texts: list[str] = []
    post = window.notices.post
    window.notices.post = lambda level, text, **more: (texts.append(text), post(level, text, **more))  # type: ignore
    checked = []
    window.controller.library.checked.connect(checked.append)
    window.open_paths([coco])
    qtbot.waitUntil(lambda: bool(checked), timeout=30_000)
    assert texts == [
        "labels.json: 2 labels or pictures were left out, most often: The box lies outside of the picture."
    ]
    dialog = window.left_out.show(checked[0].path, checked[0].left_out)
    rows = [dialog.tree.topLevelItem(row) for row in range(dialog.tree.topLevelItemCount())]
    assert {(row.text(0), row.text(1), row.child(0).text(0)) for row in rows if row is not None} == {
        ("The box lies outside of the picture.", "1", "1.png"),
        ("The picture is not there.", "1", "gone.png"),
    }
    assert isinstance(dialog, LeftOutDialog)
    dialog.close()


def test_a_folder_of_any_form_opens_when_it_is_said_to_be_labels(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("cat/a.png", "dog/b.png"):
        (tmp_path / name).parent.mkdir()
        Image.new("RGB", (40, 30)).save(tmp_path / name)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    window.actions_by_key["open-labels-folder"].trigger()
    controller = window.controller
    qtbot.waitUntil(lambda: controller.session.state.active_media is not None, timeout=30_000)
    assert [item.analysis for item in controller.session.state.instances] == ["labelled-class"]
    assert [file.name for file in controller.library.rows] == ["cat/a.png", "dog/b.png"]


def test_what_is_no_labels_is_told(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"images": [')
    told: list[str] = []
    window.controller.notice.connect(lambda level, text: told.append(text))
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([str(path)], ""))
    window.actions_by_key["open-labels"].trigger()
    qtbot.waitUntil(lambda: bool(told), timeout=30_000)
    titles = ", ".join(entry.title for entry in ANNOTATION_FORMATS)
    assert told == [f"'a.json' holds no labels of a known form; known are: {titles}."]


def test_a_project_opens_the_set_again(window: MainWindow, qtbot: QtBot, coco: Path, tmp_path: Path) -> None:
    window.open_paths([coco])
    wait_for(window, qtbot, "1.png", 1)
    controller = window.controller
    save_project(tmp_path / "a.cvstudio", controller.session.state)
    loaded, _ = load_project(tmp_path / "a.cvstudio")
    controller.session.load(loaded)
    qtbot.waitUntil(lambda: len(controller.library.rows) == 3, timeout=30_000)
    wait_for(window, qtbot, "1.png", 1)
    controller.library.step(1)
    wait_for(window, qtbot, "2.png", 2)


def test_the_analysis_panel_offers_open_labels_and_opens_others(
    window: MainWindow, qtbot: QtBot, coco: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller = window.controller
    window.open_paths([coco.parent / "images" / "2.png"])
    qtbot.waitUntil(lambda: controller.session.state.active_media is not None, timeout=30_000)
    controller.use_analysis("labelled-boxes")
    panel = window.dock_layout.content(AnalysisPanel)
    assert panel._message.text().startswith("Labelled boxes and masks needs a labelled set (labels); open one")
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([str(coco)], ""))
    combo = panel._rows["labels"].combo
    assert combo is not None
    assert [combo.itemText(row) for row in range(combo.count())] == ["Open labels …"]
    combo.activated.emit(0)
    wait_for(window, qtbot, "1.png", 1)
    boxes = [item for item in controller.session.state.instances if item.analysis == "labelled-boxes"]
    # The layer that was waiting takes them.
    assert len(boxes) == 1
    assert panel._rows["labels"].combo.currentText() == "labels.json"
    controller.use_analysis("labelled-regions")
    regions = controller.session.state.instance
    assert regions is not None
    assert regions.bindings["labels"] == boxes[0].bindings["labels"]
