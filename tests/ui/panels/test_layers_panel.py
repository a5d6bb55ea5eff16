"""The layers panel in the real window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from cvstudio.data.geometry import View
from cvstudio.exporters import EXPORTERS
from cvstudio.media.examples.files import sample_path
from cvstudio.results.detections import Detections
from ui.window.main_window import MainWindow


@pytest.fixture
def settle(qtbot: QtBot, window: MainWindow) -> Callable[[], None]:
    def wait() -> None:
        controller = window.controller
        qtbot.waitUntil(
            lambda: (
                not controller.pipeline.busy
                and bool(controller.shown.layers)
                and not any(layer.stale for layer in controller.shown.layers)
                and isinstance(controller.current_result(), Detections)
            ),
            timeout=60_000,
        )

    return wait


@pytest.fixture
def panel(window, settle):
    """A face and, above it, what HOG takes for people, both on the astronaut."""
    controller = window.controller
    controller.open_paths([sample_path("astronaut")])
    settle()
    controller.set_model("haar-face")
    settle()
    controller.layers.add("detect")
    controller.set_model("hog")
    controller.set_value("merge", 0)
    settle()
    return window.docks["layers"].widget()


def numbers(window: MainWindow) -> list[int]:
    return [item.id for item in window.controller.session.state.instances]


def shown(window: MainWindow) -> np.ndarray:
    return window.workspace.render_view(View.whole(window.controller.shown.sample.size)).copy()


def test_the_topmost_is_listed_first_with_its_model(window, panel):
    low, high = numbers(window)
    assert panel.list.numbers() == [high, low]
    assert panel.list.currentRow() == 0
    assert panel.row(high).title.text() == "Object detection"
    assert panel.row(high).model.text() == "HOG + SVM people"


def test_both_are_painted_and_the_eye_takes_one_away(window, panel):
    low, high = numbers(window)
    both = shown(window)
    QTest.mouseClick(panel.row(low).eye, Qt.MouseButton.LeftButton)
    one = shown(window)
    assert not np.array_equal(both, one)
    QTest.mouseClick(panel.row(high).eye, Qt.MouseButton.LeftButton)
    assert np.array_equal(shown(window), window.controller.shown.sample.rgb8)
    for _ in range(2):
        window.controller.undo()
    assert np.array_equal(shown(window), both)


def test_a_drag_of_the_opacity_is_one_undo_step(window, panel):
    low, _ = numbers(window)
    before = window.controller.session.undo_title
    slider = panel.row(low).opacity.slider
    for value in (0.8, 0.5, 0.3):
        slider.edited.emit(value, True)
    slider.released.emit(0.3)
    assert window.controller.session.state.instances[0].opacity == 0.3
    assert panel.row(low).opacity.label.marked
    window.controller.undo()
    assert window.controller.session.state.instances[0].opacity == 1.0
    assert window.controller.session.undo_title == before


def test_keys_move_hide_and_remove(window, panel, settle):
    low, high = numbers(window)
    panel.list.setFocus()
    QTest.keyClick(panel.list, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    assert numbers(window) == [high, low]
    assert panel.list.number() == high
    QTest.keyClick(panel.list, Qt.Key.Key_Space)
    assert not next(item for item in window.controller.session.state.instances if item.id == high).visible
    assert not window.controller.playback.playing
    QTest.keyClick(panel.list, Qt.Key.Key_Delete)
    assert numbers(window) == [low]
    assert window.controller.session.state.current == low


def test_choosing_a_row_shows_its_controls_and_changes_no_pixel(window, panel, settle):
    low, _ = numbers(window)
    before = shown(window)
    panel.list.setCurrentRow(1)
    settle()
    assert window.controller.session.state.current == low
    assert window.docks["analysis"].widget()._model.currentData() == "haar-face"
    assert np.array_equal(shown(window), before)


def test_dropping_between_two_rows_reorders(window, panel):
    low, high = numbers(window)
    panel.list.move_to(0, 1)
    assert numbers(window) == [high, low]
    assert panel.list.numbers() == [low, high]


def test_the_menu_offers_what_fits_and_adds_it(window, panel, settle):
    menu = panel.add.menu()
    menu.fill()
    names = [action.text() for action in menu.actions()]
    assert "Image classification" in names
    assert "Spectrogram" not in names
    next(action for action in menu.actions() if action.text() == "Image classification").trigger()
    assert [item.analysis for item in window.controller.session.state.instances] == ["detect", "detect", "classify"]
    assert all(item.visible for item in window.controller.session.state.instances)


def test_the_whole_stack_is_exported_as_it_is_seen(window, panel, settle, qtbot, tmp_path: Path):
    low, _ = numbers(window)
    window.controller.layers.set_opacity(low, 0.4)
    seen = shown(window)
    window.exporting.export(EXPORTERS["png"], tmp_path / "stack.png")
    qtbot.waitUntil(lambda: bool(window.exporting.written), timeout=60_000)
    with Pillow.open(tmp_path / "stack.png") as written:
        assert np.array_equal(np.asarray(written), seen)
