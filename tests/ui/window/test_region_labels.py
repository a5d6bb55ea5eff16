"""Classes of pixels labelled in the window: canvas, layer, undo, project, indexed PNG."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pillow
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from cvstudio.data.labels import NO_CLASS
from cvstudio.foundation.progress import Progress
from cvstudio.media.annotations import ANNOTATION_FORMATS
from cvstudio.media.annotations.writing import write_labels
from cvstudio.results.segmentation import Segmentation
from cvstudio.session.project import load_project, save_project
from cvstudio.session.session import State
from tests.ui.window.labelling_steps import begin, draw, editor, key
from ui.window.main_window import MainWindow


def test_regions_are_brushed_shown_undone_saved_and_exported(
    labelling: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    controller = labelling.controller
    begin(labelling, qtbot, "road, sky")
    key(labelling, Qt.Key.Key_R)
    draw(labelling, (20, 20), (60, 20))
    key(labelling, Qt.Key.Key_2)
    draw(labelling, (20, 60), (60, 60))
    label_map = controller.labelling.labels.label_map
    assert label_map is not None
    assert label_map.classes[20, 40] == 0
    assert label_map.classes[60, 40] == 1
    assert label_map.classes[40, 110] == NO_CLASS

    def shown() -> list[np.ndarray]:
        results = [item.result for item in controller.shown.layers if isinstance(item.result, Segmentation)]
        return [np.asarray(result.classes) for result in results]

    qtbot.waitUntil(lambda: any((item == 1).any() for item in shown()), timeout=30_000)
    assert np.array_equal(shown()[0], label_map.classes)
    save_project(tmp_path / "regions.cvstudio", controller.session.state)
    masks = ANNOTATION_FORMATS["class-masks"]
    assert controller.labelling.labelled is not None
    assert write_labels(controller.labelling.labelled, tmp_path / "out", masks, Progress()) == ()
    with Pillow.open(tmp_path / "out" / "masks" / "one.png") as picture:
        assert picture.mode == "P"
        values = np.asarray(picture)
    assert np.array_equal(values, np.where(label_map.classes < 0, 255, label_map.classes))
    assert cv2.imread(str(tmp_path / "out" / "masks" / "one.png")) is not None
    controller.undo()
    before = controller.labelling.labels.label_map
    assert before is not None
    assert not (before.classes == 1).any()
    controller.session.load(State())
    state, _ = load_project(tmp_path / "regions.cvstudio")
    controller.load(state, 0.0)
    qtbot.waitUntil(lambda: controller.labelling.ready, timeout=30_000)
    assert controller.labelling.labels.label_map == label_map
    # The detector of the project's other layer may still be loading.
    qtbot.waitUntil(lambda: not controller.pipeline.busy, timeout=120_000)


def test_a_set_of_masks_is_corrected_with_the_brush_at_once(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    Pillow.fromarray(np.full((80, 120, 3), 90, np.uint8)).save(tmp_path / "images" / "one.png")
    Pillow.fromarray(np.ones((80, 120), np.uint8)).save(tmp_path / "masks" / "one.png")
    (tmp_path / "classes.txt").write_text("road\nsky\n")
    window.controller.open_labels([tmp_path])
    qtbot.waitUntil(lambda: window.controller.labelling.ready, timeout=30_000)
    qtbot.waitUntil(lambda: window.workspace.canvas.content_size is not None, timeout=30_000)
    window.workspace.canvas.setFocus()
    key(window, Qt.Key.Key_L)
    qtbot.waitUntil(lambda: editor(window).tool is not None, timeout=30_000)
    assert editor(window).tool.mode == "regions"
    draw(window, (20, 20), (60, 20))
    label_map = window.controller.labelling.labels.label_map
    assert label_map is not None
    assert (label_map.classes[20, 40], label_map.classes[70, 40]) == (0, 1)
    window.controller.session.load(State())
