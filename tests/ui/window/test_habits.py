"""What a user expects from the programs used today: each habit once, in the real window."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image as Pillow
from PySide6.QtCore import QPoint, QPointF, QRect, QSize, Qt
from PySide6.QtGui import QGuiApplication, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from cvstudio.data.geometry import View
from cvstudio.media.examples.files import sample_path
from cvstudio.results.detections import Detections
from ui.base import hold_key as hold
from ui.tour.input_events import move_mouse, pause
from ui.window.main_window import MainWindow
from ui.window.placement import rescue, rescued
from ui.window.shortcuts_sheet import ShortcutsSheet

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def portrait(window: MainWindow, qtbot: QtBot) -> MainWindow:
    """A face with its box."""
    controller = window.controller

    def settled() -> bool:
        return not controller.pipeline.busy and isinstance(controller.current_result(), Detections)

    controller.open_paths([sample_path("astronaut")])
    qtbot.waitUntil(settled, timeout=60_000)
    controller.set_model("haar-face")
    qtbot.waitUntil(settled, timeout=60_000)
    window.workspace.canvas.setFocus()
    return window


def shown(window: MainWindow) -> np.ndarray:
    return window.workspace.render_view(View.whole(window.controller.shown.sample.size)).copy()


def plain(window: MainWindow) -> bool:
    return np.array_equal(shown(window), window.controller.shown.sample.rgb8)


# Comparing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("focus", ["canvas", "media list"])
def test_c_shows_the_original_for_as_long_as_it_is_held(portrait, focus):
    if focus == "media list":
        portrait.docks["media"].widget().setFocus()
    assert not plain(portrait)
    QTest.keyPress(portrait, Qt.Key.Key_C)
    assert plain(portrait)
    QTest.keyRelease(portrait, Qt.Key.Key_C)
    assert not plain(portrait)


def test_a_tap_of_v_stays_and_a_held_v_goes_back(portrait, monkeypatch):
    QTest.keyClick(portrait, Qt.Key.Key_V)
    assert plain(portrait)
    QTest.keyClick(portrait, Qt.Key.Key_V)
    assert not plain(portrait)
    monkeypatch.setattr(hold, "HOLD_SECS", 0.0)
    QTest.keyPress(portrait, Qt.Key.Key_V)
    assert plain(portrait)
    QTest.keyRelease(portrait, Qt.Key.Key_V)
    assert not plain(portrait)


def test_what_is_held_ends_when_the_window_is_left(portrait):
    QTest.keyPress(portrait, Qt.Key.Key_C)
    assert plain(portrait)
    palette = portrait.show_palette()
    palette.search.setText("x")
    QApplication.sendEvent(portrait, _deactivation())
    assert not plain(portrait)
    palette.close()
    QTest.keyRelease(portrait, Qt.Key.Key_C)
    assert not plain(portrait)


def _deactivation() -> object:
    from PySide6.QtCore import QEvent

    return QEvent(QEvent.Type.WindowDeactivate)


def test_the_menu_line_of_comparing_goes_there_and_back(portrait):
    action = portrait.actions_by_key["compare"]
    assert action.text().endswith("\tC")
    action.trigger()
    assert plain(portrait)
    action.trigger()
    assert not plain(portrait)


def test_letters_typed_into_a_field_are_letters(portrait):
    panel = portrait.docks["analysis"].widget()
    box = panel.form.row("score").box
    box.setFocus()
    QTest.keyClick(box, Qt.Key.Key_V)
    assert not plain(portrait)


# Looking ------------------------------------------------------------------------------------------------------------


def test_fit_and_full_size_and_the_wheel_at_the_cursor(portrait):
    canvas = portrait.workspace.canvas
    QTest.keyClick(portrait, Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier)
    assert canvas.view().scale == 1
    point = QPointF(canvas.width() / 2 + 60, canvas.height() / 2 - 40)
    before = canvas.image_position(point)
    wheel = QWheelEvent(
        point,
        QPointF(canvas.mapToGlobal(point.toPoint())),
        QPoint(),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(canvas, wheel)
    assert canvas.view().scale > 1
    assert canvas.image_position(point) == pytest.approx(before, abs=0.6)
    QTest.keyClick(portrait, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    view, size = canvas.view(), portrait.controller.shown.sample.size
    assert view.rect.x <= 0
    assert view.rect.right >= size.width


@pytest.mark.parametrize("button", [Qt.MouseButton.MiddleButton, Qt.MouseButton.LeftButton])
def test_the_middle_button_and_space_move_the_picture_and_play_nothing(portrait, button):
    canvas = portrait.workspace.canvas
    canvas.zoom_to(4.0)
    before = canvas.view().rect
    space = button == Qt.MouseButton.LeftButton
    if space:
        QTest.keyPress(canvas, Qt.Key.Key_Space)
    middle = canvas.rect().center()
    QTest.mousePress(canvas, button, pos=middle)
    move_mouse(canvas, middle + QPoint(40, 20), button)
    QTest.mouseRelease(canvas, button, pos=middle + QPoint(40, 20))
    if space:
        QTest.keyRelease(canvas, Qt.Key.Key_Space)
    after = canvas.view().rect
    assert (before.x - after.x, before.y - after.y) == pytest.approx((10, 5), abs=0.5)
    assert not portrait.controller.playback.playing
    assert portrait.controller.session.state.selection == frozenset()


def test_full_screen_and_back_with_its_key_and_with_escape(window, qtbot):
    for leave in (Qt.Key.Key_F11, Qt.Key.Key_Escape):
        QTest.keyClick(window, Qt.Key.Key_F11)
        qtbot.waitUntil(window.isFullScreen)
        pause(50)
        QTest.keyClick(window, leave)
        qtbot.waitUntil(lambda: not window.isFullScreen())
        pause(50)


def test_copying_the_view_holds_what_is_seen_without_the_buttons_over_it(portrait, qtbot):
    canvas = portrait.workspace.canvas
    qtbot.waitUntil(canvas.bar.isVisible)
    QTest.keyClick(portrait, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    copied = QGuiApplication.clipboard().image()
    assert canvas.bar.isVisible()
    ratio = canvas.devicePixelRatioF()
    assert (copied.width(), copied.height()) == (round(canvas.width() * ratio), round(canvas.height() * ratio))
    corner = canvas.bar.geometry().center()
    view = canvas.view()
    pixels = portrait.workspace.render_view(view)
    expected = pixels[corner.y(), corner.x()] if corner.y() < pixels.shape[0] else None
    found = copied.pixelColor(corner)
    assert expected is None or (found.red(), found.green(), found.blue()) == tuple(int(value) for value in expected)
    portrait.notices.dismiss_newest()


# Panels -------------------------------------------------------------------------------------------------------------


def test_tab_on_the_picture_hides_all_panels_and_brings_the_same_ones_back(portrait, qtbot):
    def sizes_now() -> dict[str, QSize]:
        return {key: dock.size() for key, dock in portrait.docks.items() if not dock.isHidden()}

    portrait.toggle_panel("layers")
    pause(100)
    sizes = sizes_now()
    QTest.keyClick(portrait.workspace.canvas, Qt.Key.Key_Tab)
    assert all(dock.isHidden() for dock in portrait.docks.values())
    QTest.keyClick(portrait.workspace.canvas, Qt.Key.Key_Tab)
    qtbot.waitUntil(lambda: sizes_now() == sizes)
    assert "layers" not in sizes
    portrait.notices.dismiss_newest()


def test_tab_in_a_form_goes_to_the_next_control(portrait):
    box = portrait.docks["analysis"].widget().form.row("score").box
    box.setFocus()
    assert QApplication.focusWidget() is box
    QTest.keyClick(box, Qt.Key.Key_Tab)
    assert not portrait.docks["analysis"].isHidden()
    assert QApplication.focusWidget() is not box


def test_panels_that_are_away_are_there_at_the_next_start(qtbot):
    first = MainWindow()
    first.show()
    first.toggle_all_panels()
    first.close()
    second = MainWindow()
    second.show()
    assert not second.docks["analysis"].isHidden()
    second.close()
    for window in (first, second):
        window.deleteLater()


def test_a_floating_panel_comes_back_floating_and_from_a_lost_screen(qtbot):
    first = MainWindow()
    first.show()
    first.docks["layers"].setFloating(True)
    first.docks["layers"].move(-4000, -4000)
    first.docks["results"].setFloating(True)
    first.docks["results"].move(300, 300)
    pause(100)
    first.close()
    second = MainWindow()
    second.show()
    pause(100)
    screen = QGuiApplication.primaryScreen().availableGeometry()
    for key in ("layers", "results"):
        assert second.docks[key].isFloating()
        assert screen.intersects(second.docks[key].geometry())
    second.close()
    for window in (first, second):
        window.deleteLater()


SCREENS = [QRect(0, 0, 1920, 1080), QRect(1920, 0, 1280, 1024)]


@pytest.mark.parametrize(
    ("place", "wanted"),
    [
        (QRect(100, 100, 800, 600), QRect(100, 100, 800, 600)),
        (QRect(2000, 50, 800, 600), QRect(2000, 50, 800, 600)),
        (QRect(1800, 100, 800, 600), QRect(1800, 100, 800, 600)),
        (QRect(-5000, 100, 800, 600), QRect(560, 240, 800, 600)),
        (QRect(100, -300, 800, 600), QRect(560, 240, 800, 600)),
        (QRect(100, 1070, 800, 600), QRect(560, 240, 800, 600)),
        (QRect(9000, 0, 4000, 3000), QRect(0, 0, 1920, 1080)),
    ],
)
def test_a_window_whose_top_cannot_be_reached_is_moved(place, wanted):
    assert rescued(place, SCREENS) == wanted


def test_without_a_screen_nothing_moves():
    assert rescued(QRect(1, 2, 3, 4), []) == QRect(1, 2, 3, 4)


def test_rescuing_moves_the_widget(window):
    window.setGeometry(QRect(-9000, -9000, 800, 600))
    rescue(window)
    screens = [screen.availableGeometry() for screen in QGuiApplication.screens()]
    assert any(screen.contains(window.geometry().center()) for screen in screens)


def test_a_panel_behind_another_tab_is_brought_to_the_front_before_it_is_hidden(window):
    window.show_panel("counts")
    window.show_panel("batch")
    pause(50)
    assert window.docks["counts"] in window.tabifiedDockWidgets(window.docks["batch"])
    window.toggle_panel("counts")
    pause(50)
    assert not window.docks["counts"].visibleRegion().isEmpty()
    window.toggle_panel("counts")
    assert window.docks["counts"].isHidden()


# Sheet, device, settings --------------------------------------------------------------------------------------------


@pytest.fixture
def sheet(window: MainWindow) -> ShortcutsSheet:
    window.show_shortcuts()
    made = window.findChild(ShortcutsSheet)
    assert made is not None
    return made


def test_the_sheet_lists_every_key_and_is_searched_by_name_and_by_key(window, sheet):
    titles = sheet.shown()
    for command in window.commands:
        assert not command.shortcuts or command.title.replace(" …", "") in titles
    sheet.search.setText("full screen")
    assert sheet.shown()[0] == "Full Screen"
    sheet.search.setText("ctrl+e")
    assert sheet.shown() == ["Export"]
    sheet.search.setText("qqqq")
    assert sheet.shown() == []
    sheet.close()


def test_no_shortcut_is_given_twice(window):
    seen: dict[str, str] = {}
    for command in window.commands:
        for keys in command.shortcuts:
            assert seen.setdefault(keys, command.key) == command.key


def test_the_device_is_chosen_remembered_and_part_of_what_a_result_depends_on(portrait, qtbot):
    controller = portrait.controller
    controller.set_model("pyramid-5")
    qtbot.waitUntil(lambda: controller.current_result() is not None and not controller.pipeline.busy, timeout=60_000)
    instance = controller.session.state.instance
    before = controller.pipeline.network_key(instance)
    picker = portrait.top.findChild(type(portrait.top.device))
    picker.choose("cpu")
    assert controller.pipeline.network_key(instance) != before
    assert portrait.settings.text("device", "") == "cpu"
    assert "CPU" in picker.text()
    qtbot.waitUntil(lambda: not controller.pipeline.busy and not controller.shown.layers[0].stale, timeout=60_000)
    assert controller.detections() is not None


def test_the_menu_of_devices_fills_with_what_there_is(window, qtbot):
    menu = window.top.device.menu()
    menu.aboutToShow.emit()
    qtbot.waitUntil(lambda: all(action.isEnabled() for action in menu.actions()), timeout=60_000)
    assert [action.data() for action in menu.actions()][:2] == ["auto", "cpu"]
    assert [action.data() for action in menu.actions() if action.isChecked()] == ["auto"]


def test_a_device_that_is_not_there_is_told_and_what_is_open_stays(portrait, qtbot):
    controller = portrait.controller
    told: list[str] = []
    controller.notice.connect(lambda level, text: told.append(text))
    controller.set_model("pyramid-5")
    portrait.top.device.choose("cuda:9")
    qtbot.waitUntil(lambda: bool(told), timeout=60_000)
    assert "CUDA:9" in told[0]
    assert controller.session.state.active_media is not None
    portrait.top.device.choose("cpu")
    qtbot.waitUntil(lambda: controller.detections() is not None and not controller.pipeline.busy, timeout=60_000)
    while portrait.notices.dismiss_newest():
        pause(1)


def test_settings_that_are_a_folder_or_cannot_be_written_do_not_stop_the_start(qtbot):
    from ui.base.settings import Settings

    path = Path(Settings()._store.fileName())
    path.mkdir(parents=True)
    window = MainWindow()
    window.show()
    with qtbot.waitExposed(window):
        pass
    window.settings.add_recent("x")
    window.close()
    window.deleteLater()


# Figures of the moment ----------------------------------------------------------------------------------------------


def test_the_performance_panel_has_a_line_for_each_stage_and_rests_while_it_is_hidden(portrait, qtbot):
    panel = portrait.docks["performance"].widget()
    assert not panel._timer.isActive()
    portrait.show_panel("performance")
    qtbot.waitUntil(panel.isVisible)
    panel.refresh()
    table = panel.table
    groups = [table.topLevelItem(row) for row in range(table.topLevelItemCount())]
    assert groups[1].text(0) == "Object detection · Haar faces"
    rows = {group.child(row).text(0): group.child(row) for group in groups for row in range(group.childCount())}
    assert set(rows) >= {"decode", "draw", "paint", "predict", "suppress", "select"}
    for name in ("decode", "draw", "predict", "select"):
        assert float(rows[name].text(1).replace(",", "")) >= 0
    assert panel.facts["memory"].text().endswith("B")
    assert " of " in panel.facts["cache"].text()
    portrait.docks["performance"].hide()
    qtbot.waitUntil(lambda: not panel._timer.isActive())


def test_frames_are_told_with_their_rate(window, monkeypatch):
    from ui.panels import performance

    playback, panel = window.controller.playback, window.docks["performance"].widget()
    panel.refresh()
    assert panel.facts["frames"].text() == "—"
    monkeypatch.setattr(type(playback), "shows_frames", property(lambda _: True))
    monkeypatch.setattr(type(playback), "frames_dropped", property(lambda _: 3))
    clock = iter([10.0, 12.0])
    monkeypatch.setattr(performance, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    for shown in (100, 149):
        playback.frames_shown = shown
        panel._show_frames()
    assert panel.facts["frames"].text() == "149 shown, 3 dropped · 24.5/s"


def test_the_status_line_shows_how_far_a_job_is_and_cancels_it(window, qtbot):
    from cvstudio.foundation.lanes import Job

    def half(progress):
        while True:
            progress(0.5, "half of it")
            time.sleep(0.005)
            yield None

    status = window.status
    assert status.cancel.isHidden()
    window.controller.pipeline.submit("pool", Job("half", "Working", half))
    qtbot.waitUntil(lambda: status.cancel.isVisible() and status._bar.value() == 500, timeout=20_000)
    assert "Working" in status.cancel.toolTip()
    QTest.mouseClick(status.cancel, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: status.cancel.isHidden(), timeout=20_000)
    assert window.controller.pipeline.lanes.idle


# Dense screens ------------------------------------------------------------------------------------------------------


def test_lines_and_labels_keep_the_width_that_one_sees():
    from cvstudio.draw import Look, scaled

    look = Look(line_width=2, opacity=0.5)
    assert scaled(look, 1.0) is look
    assert (scaled(look, 2.0).line_width, scaled(look, 1.5).line_width, scaled(look, 2.0).opacity) == (4, 3, 0.5)
    assert scaled(look, 2.0).font_size == 2 * look.font_size


@pytest.mark.parametrize("scale", ["2", "1.5"])
def test_a_dense_screen_gets_all_its_pixels_and_a_click_hits_the_same_one(scale, tmp_path, qapp):
    pixels = np.random.default_rng(0).integers(0, 255, (1300, 1800, 3), np.uint8)
    path = tmp_path / "noise.png"
    Pillow.fromarray(pixels).save(path)
    environment = {**os.environ, "QT_SCALE_FACTOR": scale}
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("scaled_window.py")), str(path)],
        cwd=ROOT,
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    ratio = float(scale)
    assert found["ratio"] == ratio
    assert found["scale"] == 1
    assert found["rendered"] == [round(side * ratio) for side in found["canvas"]]
    # Where half a pixel is left over, Qt rounds up and the canvas down.
    assert found["copied"] == pytest.approx([*found["rendered"], 1.0], abs=1)
    assert found["copied"][2] == 1.0
    assert found["equal"], "the screen does not hold the rendered pixels as they are"
    column, row = (int(value) for value in found["clicked"])
    # A logical pixel is `ratio` pixels wide: the mouse does not reach every one of them.
    assert (column, row) == pytest.approx((900, 650), abs=ratio)
    # What the screen shows under the mouse, the picture's own pixel, and the read-out are the same.
    assert found["under"] == pixels[row, column].tolist()
    assert f"{column}, {row} · #{bytes(found['under']).hex()}" in found["read_out"]
    assert found["icon"] == round(16 * ratio)
    assert found["box"] == pytest.approx(found["box_wanted"])
