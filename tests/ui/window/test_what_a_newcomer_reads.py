"""What the window says and shows where somebody looks who does not know it yet."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QPushButton
from pytestqt.qtbot import QtBot

from cvstudio.media.examples.files import sample_path
from cvstudio.models import MODELS
from cvstudio.models.terms import terms
from cvstudio.weights.store import WeightsNeededError
from ui.base.settings import first_folder
from ui.models.model_chooser import READY
from ui.widgets.elided_combo import ElidedCombo
from ui.window.command_groups.compare_commands import compare_entries
from ui.window.main_window import MainWindow
from ui.window.status import took

WAIT_MS = 60_000


@pytest.fixture
def detecting(window: MainWindow, qtbot: QtBot) -> MainWindow:
    """Face detection on a picture without a face."""
    controller = window.controller
    window.open_paths([sample_path("cat")])
    qtbot.waitUntil(lambda: controller.session.state.instance is not None, timeout=WAIT_MS)
    controller.use_analysis("detect")
    controller.set_model("haar-face")
    qtbot.waitUntil(lambda: controller.current_result() is not None and not controller.pipeline.busy, timeout=WAIT_MS)
    return window


def test_a_text_without_room_ends_with_an_ellipsis_and_one_with_room_does_not(qtbot: QtBot) -> None:
    combo = ElidedCombo()
    qtbot.addWidget(combo)
    combo.addItem("Built-in detector with masks")
    combo.resize(400, 30)
    assert combo.shown_text() == "Built-in detector with masks"
    combo.resize(120, 30)
    assert combo.shown_text().endswith("…")
    assert combo.shown_text()[:-1].rstrip() == combo.currentText()[: len(combo.shown_text()) - 1].rstrip()
    combo.setPlaceholderText("none")
    combo.setCurrentIndex(-1)
    assert combo.shown_text() == "none"


def test_before_anything_is_found_the_results_say_what_they_are_for(window: MainWindow) -> None:
    panel = window.docks["results"].widget()
    assert panel.empty.isVisible()
    assert not panel.table.isVisible()


def test_nothing_found_advises_only_what_can_be_done(detecting: MainWindow, qtbot: QtBot) -> None:
    controller, panel = detecting.controller, detecting.docks["results"].widget()
    controller.set_value("min_neighbors", 30)
    qtbot.waitUntil(lambda: controller.detections() is not None and not len(controller.detections()), timeout=WAIT_MS)
    assert controller.session.state.instance.value("score") == 0
    qtbot.waitUntil(lambda: "Try another model" in panel.table.empty_text)
    controller.set_value("score", 20)
    qtbot.waitUntil(lambda: "Lower the minimum confidence" in panel.table.empty_text)


def test_results_are_exported_from_a_floating_panel_too(
    detecting: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(detecting.exporting, "ask", lambda: asked.append(True))
    dock = detecting.docks["results"]
    dock.setFloating(True)
    button = dock.widget().findChild(QPushButton, "export-button")
    qtbot.waitUntil(lambda: dock.isFloating() and button.isEnabled())
    button.click()
    assert asked == [True]


def test_no_controls_where_no_analysis_begins(detecting: MainWindow, tmp_path: Path, qtbot: QtBot) -> None:
    panel = detecting.docks["analysis"].widget()
    assert panel.form.isVisible()
    path = tmp_path / "ball.ply"
    trimesh.creation.icosphere().export(path)
    detecting.open_paths([path])
    qtbot.waitUntil(lambda: not panel.form.isVisible(), timeout=WAIT_MS)
    assert "Choose an analysis" in panel._summary.text()
    assert panel.analysis.currentIndex() == -1
    cat = next(media for media in detecting.controller.session.state.media if media.path == sample_path("cat"))
    detecting.controller.activate(cat)
    qtbot.waitUntil(panel.form.isVisible, timeout=WAIT_MS)
    assert panel.analysis.currentData() == "detect"


def test_of_a_mesh_the_results_panel_exports_a_copy(
    window: MainWindow, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = window.docks["results"].widget()
    button = panel.findChild(QPushButton, "export-button")
    assert not button.isEnabled()
    assert "no result to export yet" in button.toolTip()
    path = tmp_path / "ball.ply"
    trimesh.creation.icosphere().export(path)
    window.open_paths([path])
    qtbot.waitUntil(button.isEnabled, timeout=WAIT_MS)
    assert "copy of the 3D file" in button.toolTip()
    assert "Choose an analysis" in panel.empty.accessibleName()
    asked: list[str] = []
    monkeypatch.setattr(window.exporting.copies, "ask", lambda media: asked.append(media.name))
    button.click()
    assert asked == ["ball.ply"]
    # A picture has a result again.
    window.open_paths([sample_path("cat")])
    qtbot.waitUntil(lambda: "Writes the result" in button.toolTip(), timeout=WAIT_MS)
    assert panel.empty.accessibleName() == "Results are listed here."


def test_what_still_lacks_an_input_says_which_and_shows_no_controls(detecting: MainWindow, qtbot: QtBot) -> None:
    panel = detecting.docks["analysis"].widget()
    detecting.controller.use_analysis("refocus")
    qtbot.waitUntil(panel._message.isVisible)
    assert (
        panel._message.text()
        == "Depth refocusing needs a depth map or depth of another analysis; open one and choose it."
    )
    assert not panel.form.isVisible()


def test_a_dialog_begins_in_a_folder_that_is_there(tmp_path: Path) -> None:
    assert first_folder("", str(tmp_path / "gone"), str(tmp_path)) == str(tmp_path)
    assert first_folder(str(tmp_path / "gone")) == str(Path.home())


def test_a_project_is_proposed_under_the_name_of_what_is_open(
    detecting: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proposed: list[str] = []
    detecting.settings.set("project-folder", str(tmp_path))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *given: (proposed.append(given[2]), ("", ""))[1])
    assert not detecting.project.save_as()
    assert proposed == [str(tmp_path / f"{sample_path('cat').stem}.cvstudio")]


def test_controls_of_what_is_not_on_the_canvas_say_so(detecting: MainWindow, tmp_path: Path, qtbot: QtBot) -> None:
    panel, controller = detecting.docks["analysis"].widget(), detecting.controller
    assert not panel._message.isVisible()
    path = tmp_path / "depth.png"
    cv2.imwrite(str(path), np.full((40, 60), 1500, np.uint16))
    detecting.open_paths([path])
    qtbot.waitUntil(lambda: len(controller.session.state.media) == 2, timeout=WAIT_MS)
    cat, depth = controller.session.state.media
    controller.activate(cat)
    controller.use_analysis("detect")
    qtbot.waitUntil(lambda: not panel._message.isVisible(), timeout=WAIT_MS)
    controller.activate(depth)
    qtbot.waitUntil(panel._message.isVisible, timeout=WAIT_MS)
    assert panel._message.text() == f"This analyses {cat.name}, which is not on the canvas."


def test_what_is_folded_away_takes_no_room_from_the_sliders(detecting: MainWindow) -> None:
    detecting.controller.set_model("pyramid-5")
    form = detecting.docks["analysis"].widget().form
    score, hidden = form.row("score"), form.row("max_count")
    assert not hidden.isVisible()
    folded = score.slider.width()
    form.set_unfolded(True)
    QTest.qWait(50)
    assert score.slider.x() == hidden.slider.x()
    assert score.slider.width() == hidden.slider.width() <= folded


def test_what_can_be_compared_at_once_stands_before_what_has_to_be_downloaded(detecting: MainWindow) -> None:
    keys = [entry.key.split("/")[-1] for entry in compare_entries(detecting) if entry.key.startswith("compare:model")]
    ready = [terms(MODELS[key]).place in READY for key in keys]
    assert ready == sorted(ready, reverse=True)
    assert any(ready)
    assert not all(ready)


def test_the_time_that_another_analysis_took_is_not_told_of_this_one(detecting: MainWindow) -> None:
    status = detecting.status
    assert status.timing.text().startswith("Object detection ")
    detecting.controller.use_analysis("hog")
    assert status.timing.text() == ""


def test_that_the_panels_are_away_is_not_told_once_they_are_back(window: MainWindow) -> None:
    window.toggle_all_panels()
    assert len(window.notices.shown) == 1
    window.toggle_all_panels()
    assert window.notices.shown == ()


def test_a_long_time_is_told_in_seconds() -> None:
    assert (took(0.0598), took(0.9994), took(4.2678)) == ("59.8 ms", "999.4 ms", "4.3 s")


def test_weights_of_a_model_that_was_left_meanwhile_are_not_asked_for(detecting: MainWindow) -> None:
    error = WeightsNeededError("SSDlite320 needs its weights.", MODELS["ssdlite"].weights[0])
    detecting.controller.pipeline.failed.emit("Object detection", error)
    assert detecting.notices.shown == ()
