"""Inputs that are no single file, in the window: what is chosen and typed, and what is seen then."""

from __future__ import annotations

import dataclasses
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QLineEdit, QPlainTextEdit

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.binding import MediaList, ResultOf, TextInput
from cvstudio.data.geometry import Size
from cvstudio.exporters import EXPORTERS
from cvstudio.media import open_media
from cvstudio.media.examples.files import sample_path
from cvstudio.results.classification import Classification
from cvstudio.results.picture import Picture
from cvstudio.running.runner import Runner
from ui.window.main_window import MainWindow

TIMEOUT = 60_000


@pytest.fixture(autouse=True)
def analyses(new_inputs: ModuleType) -> ModuleType:
    return new_inputs


def result(window: MainWindow) -> Any:
    return window.controller.current_result()


def settled(window: MainWindow) -> bool:
    layers = window.controller.shown.layers
    current = window.controller.session.state.current
    return not window.controller.pipeline.busy and all(
        item.result is not None and not item.stale for item in layers if item.layer.instance.id == current
    )


def wait(qtbot, window: MainWindow, kind: type[Any]) -> Any:
    qtbot.waitUntil(lambda: settled(window) and isinstance(result(window), kind), timeout=TIMEOUT)
    return result(window)


def control(window: MainWindow, kind: type[Any], name: str) -> Any:
    found = window.findChild(kind, name)
    assert found is not None
    return found


def choose(combo: QComboBox, text: str) -> None:
    place = next(place for place in range(combo.count()) if combo.itemText(place).startswith(text))
    combo.setCurrentIndex(place)
    combo.activated.emit(place)


def message(window: MainWindow) -> str:
    layers = window.controller.shown.layers
    current = window.controller.session.state.current
    return next(item.message for item in layers if item.layer.instance.id == current)


def test_a_prompt_is_typed_and_its_picture_has_a_canvas_of_its_own(window, qtbot, tmp_path):
    window.controller.use_analysis("paint")
    assert window.workspace.isVisible()
    qtbot.waitUntil(lambda: message(window) == "Paint needs a prompt (text); type it.", timeout=TIMEOUT)
    prompt = control(window, QPlainTextEdit, "text-prompt")
    prompt.setFocus()
    qtbot.keyClicks(prompt, "red")
    painted = wait(qtbot, window, Picture)
    assert painted.pixels[0, 0].tolist() == [255, 0, 0]
    assert window.workspace.canvas.content_size == Size(64, 64)
    picture = window.workspace.render_view(window.workspace.canvas.view())
    assert picture is not None
    assert [255, 0, 0] in picture.reshape(-1, 3)[:: len(picture)].tolist() + picture[len(picture) // 2].tolist()
    # A larger picture takes a larger canvas.
    window.controller.set_value("side", 100)
    qtbot.waitUntil(lambda: window.workspace.canvas.content_size == Size(100, 100), timeout=TIMEOUT)
    # Its file is called after the analysis.
    window.exporting.export(EXPORTERS["png"], tmp_path / "paint.png")
    qtbot.waitUntil(lambda: (tmp_path / "paint.png.recipe.json").is_file(), timeout=TIMEOUT)
    dialog = window.exporting.ask()
    assert dialog is not None
    dialog.close()
    # One step of undo takes back what was typed in one go.
    window.controller.undo()
    window.controller.undo()
    assert window.controller.session.state.instance.bindings == {}
    assert prompt.toPlainText() == "" or window.findChild(QPlainTextEdit, "text-prompt").toPlainText() == ""


def test_a_question_is_asked_of_the_picture_on_the_canvas(window, qtbot, pictures):
    window.controller.open_paths([pictures / "2.png"])
    qtbot.waitUntil(lambda: window.controller.shown.sample is not None, timeout=TIMEOUT)
    window.controller.use_analysis("ask")
    question = control(window, QLineEdit, "text-question")
    question.setFocus()
    qtbot.keyClicks(question, "Which colour?")
    qtbot.keyClick(question, Qt.Key.Key_Return)
    assert wait(qtbot, window, Classification).label(0) == "green"
    # The question stays for the next picture.
    window.controller.open_paths([pictures / "1.png"])
    qtbot.waitUntil(lambda: settled(window) and result(window).label(0) == "red", timeout=TIMEOUT)
    window.controller.bind("question", TextInput("Why?"))
    qtbot.waitUntil(lambda: settled(window) and result(window).label(0) == "4 characters", timeout=TIMEOUT)
    assert control(window, QLineEdit, "text-question").text() == "Why?"


@pytest.fixture
def cropped(window, qtbot, analyses) -> MainWindow:
    """Faces are looked for on the astronaut, and a crop takes them."""
    controller = window.controller
    controller.open_paths([sample_path("astronaut")])
    qtbot.waitUntil(lambda: controller.shown.sample is not None, timeout=TIMEOUT)
    controller.use_analysis("detect")
    controller.set_model(analyses.MODEL)
    wait(qtbot, window, ANALYSES["detect"].result)
    controller.use_analysis("crop")
    return window


def test_a_crop_follows_the_slider_of_what_it_crops(cropped, qtbot, analyses):
    controller = cropped.controller
    found = wait(qtbot, cropped, Picture)
    assert np.array_equal(found.pixels, analyses.face_pixels())
    state = controller.session.state
    detect = next(item for item in state.instances if item.analysis == "detect")
    crop = state.instance
    assert crop.bindings["detections"] == ResultOf(detect.id)
    # Its controls are shown while the crop is seen, too.
    controller.layers.select(detect.id)
    bounds = ANALYSES["detect"].bounds(
        next(field for field in _fields(detect) if field.name == "score").range, detect.model_spec
    )
    controller.set_value("score", bounds.high)
    controller.layers.select(crop.id)
    qtbot.waitUntil(lambda: settled(cropped) and result(cropped).pixels.shape == (1, 1, 3), timeout=TIMEOUT)
    controller.undo()
    controller.layers.select(crop.id)
    qtbot.waitUntil(lambda: settled(cropped) and result(cropped).pixels.shape == found.pixels.shape, timeout=TIMEOUT)


def _fields(instance) -> list[Any]:
    from cvstudio.foundation.params import fields_of

    return [field for params in instance.spec.params_types(instance.model_spec) for field in fields_of(params)]


def test_a_crop_is_of_the_frame_that_is_shown(window, qtbot, analyses):
    controller = window.controller
    controller.open_paths([sample_path("clip")])
    qtbot.waitUntil(lambda: controller.shown.sample is not None, timeout=TIMEOUT)
    controller.use_analysis("detect")
    controller.set_model(analyses.MODEL)
    controller.use_analysis("crop")
    wait(qtbot, window, Picture)
    controller.playback.seek(0.5)
    qtbot.waitUntil(lambda: (controller.shown.pts or 0) > 0.4 and settled(window), timeout=TIMEOUT)
    instance = controller.session.state.linked(controller.session.state.instance)
    with Runner() as runner:
        alone = runner.result(instance, pts=controller.shown.pts)
    assert np.array_equal(result(window).pixels, alone.pixels)


def test_what_a_crop_takes_is_chosen_and_may_be_gone(cropped, qtbot):
    controller = cropped.controller
    wait(qtbot, cropped, Picture)
    chooser = control(cropped, QComboBox, "slot-detections")
    assert [chooser.itemText(place) for place in range(chooser.count())] == [chooser.currentText()]
    assert chooser.currentText().startswith(ANALYSES["detect"].title)
    detect = next(item for item in controller.session.state.instances if item.analysis == "detect")
    controller.layers.remove(detect.id)
    qtbot.waitUntil(lambda: "an analysis that was removed" in message(cropped), timeout=TIMEOUT)
    chooser = control(cropped, QComboBox, "slot-detections")
    assert (chooser.count(), chooser.currentIndex(), chooser.placeholderText()) == (0, -1, "Detections: none yet")
    controller.undo()
    wait(qtbot, cropped, Picture)
    assert control(cropped, QComboBox, "slot-detections").currentIndex() == 0


def test_a_crop_is_exported_with_what_it_takes(cropped, qtbot, tmp_path):
    wait(qtbot, cropped, Picture)
    cropped.exporting.export(EXPORTERS["png"], tmp_path / "a.png")
    qtbot.waitUntil(lambda: (tmp_path / "a.png.recipe.json").is_file(), timeout=TIMEOUT)
    from cvstudio.running.recipe import load_recipe

    instance = load_recipe(tmp_path / "a.png.recipe.json")[0]
    assert [item.analysis for item in instance.lineage] == ["detect", "crop"]


def test_a_refusal_is_told(window, analyses):
    slot = analyses.PAINT.inputs[0]
    slot = dataclasses.replace(slot, accepts=frozenset({*slot.accepts, Picture}))
    with ANALYSES.lend(dataclasses.replace(analyses.PAINT, inputs=(slot,))):
        window.controller.use_analysis("paint")
        told = []
        window.controller.notice.connect(lambda level, text: told.append(text))
        number = window.controller.session.state.current
        window.controller.bind("prompt", ResultOf(number))
        assert told == ["Paint would depend on its own result; choose another analysis."]
        assert window.controller.session.state.instance.bindings == {}


def test_a_folder_that_is_open_is_laid_out(window, qtbot, pictures):
    window.controller.open_paths([pictures])
    # Its first picture comes onto the canvas by itself.
    qtbot.waitUntil(lambda: window.controller.shown.sample is not None, timeout=TIMEOUT)
    window.controller.use_analysis("sheet")
    choose(control(window, QComboBox, "slot-pictures"), pictures.name)
    sheet = wait(qtbot, window, Picture)
    assert sheet.pixels.shape == (64, 64, 3)
    bound = window.controller.session.state.instance.bindings["pictures"]
    assert isinstance(bound, MediaList)
    assert [media.name for media in bound.media] == ["1.png", "2.png", "10.png"]
    assert control(window, QComboBox, "slot-pictures").currentText() == pictures.name
    # A picture of the folder comes back to a canvas with a picture.
    window.controller.activate(open_media(pictures / "1.png"))
    qtbot.waitUntil(lambda: window.workspace.canvas.content_size == Size(40, 24), timeout=TIMEOUT)
    assert window.controller.session.state.instance.spec.shows(open_media(pictures / "1.png"))


def test_a_project_brings_all_of_it_back(cropped, qtbot, tmp_path):
    from cvstudio.session.project import load_project, save_project

    wait(qtbot, cropped, Picture)
    cropped.controller.use_analysis("paint")
    cropped.controller.bind("prompt", TextInput("blue"))
    wait(qtbot, cropped, Picture)
    state = cropped.controller.session.state
    save_project(tmp_path / "a.json", state)
    cropped.controller.session.load(load_project(tmp_path / "a.json")[0])
    assert cropped.controller.session.state.instances == state.instances
    assert wait(qtbot, cropped, Picture).pixels[0, 0].tolist() == [0, 0, 255]
    assert control(cropped, QPlainTextEdit, "text-prompt").toPlainText() == "blue"
