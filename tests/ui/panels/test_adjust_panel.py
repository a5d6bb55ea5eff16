"""The adjust panel: what its controls and the tools on the canvas set, and what canvas and analysis show of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from cvstudio.data.adjustments import Adjustments
from cvstudio.data.geometry import Rect, Size, View
from cvstudio.data.samples import Image
from cvstudio.session.session import State
from ui.panels.adjust import AdjustPanel, histogram_of, preview_of
from ui.tour.input_events import move_mouse
from ui.window.main_window import MainWindow

LEFT, NO_KEYS = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


@pytest.fixture
def adjusting(window: MainWindow, qtbot: QtBot, patch_finder: Any, patch_picture: Path) -> Iterator[MainWindow]:
    """The patch is looked for, and the panel is open."""
    controller = window.controller
    controller.open_paths([patch_picture])
    qtbot.waitUntil(lambda: controller.shown.sample is not None, timeout=60_000)
    controller.use_analysis(patch_finder.FIND.key)
    window.show_panel("adjust")
    qtbot.waitUntil(lambda: controller.current_result() is not None, timeout=60_000)
    yield window
    # What is registered goes after the window, which would ask for it.
    controller.session.load(State())


def panel_of(window: MainWindow) -> AdjustPanel:
    panel = window.docks["adjust"].widget()
    assert isinstance(panel, AdjustPanel)
    return panel


def test_buttons_turn_and_flip_and_reset(adjusting: MainWindow, qtbot: QtBot) -> None:
    panel, controller = panel_of(adjusting), adjusting.controller
    panel.right.click()
    assert panel.adjustments.rotate == 90
    panel.left.click()
    panel.left.click()
    assert panel.adjustments.rotate == 270
    panel.flip_h.click()
    assert panel.flip_h.isChecked()
    # As it is seen: a turn to the right of what is mirrored is one to the left before the mirror.
    before = panel.adjustments
    panel.right.click()
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    seen, turned = (item.apply(Image(pixels)).pixels for item in (before, panel.adjustments))
    assert np.array_equal(turned, np.rot90(seen, -1))
    panel.reset.click()
    assert panel.adjustments.identity
    assert not panel.reset.isEnabled()
    controller.undo()
    assert panel.adjustments.flip == "h"
    assert panel.flip_h.isChecked()


def test_levels_gamma_and_channel_are_set_live_and_seen_on_the_canvas(adjusting: MainWindow, qtbot: QtBot) -> None:
    panel, workspace = panel_of(adjusting), adjusting.workspace
    view = View(Rect(0, 0, 100, 80), 1.0)
    plain = workspace.render_view(view)
    panel.form.edited.emit("levels", (0.0, 0.5), True)
    panel.form.edited.emit("gamma", 2.0, False)
    panel.form.edited.emit("channel", "green", False)
    assert panel.adjustments == Adjustments(levels=(0.0, 0.5, 2.0), channel="green")
    shown = workspace.render_view(view)
    file = adjusting.controller.shown.sample
    wanted = panel.adjustments.apply(file).rgb8
    # Where no box is drawn.
    assert np.array_equal(shown[60:, :], wanted[60:, :])
    assert not np.array_equal(shown, plain)
    panel.form.edited.emit("brightness", 0.25, False)
    panel.form.edited.emit("contrast", 1.5, False)
    assert (panel.adjustments.brightness, panel.adjustments.contrast) == (0.25, 1.5)


def test_equal_ends_of_the_levels_leave_a_difference(adjusting: MainWindow) -> None:
    panel = panel_of(adjusting)
    for ends in ((0.4, 0.4), (1.0, 1.0), (0.0, 0.0)):
        panel.form.edited.emit("levels", ends, False)
        black, white, _ = panel.adjustments.levels
        assert 0 <= black < white <= 1


def test_a_crop_is_drawn_with_the_mouse_in_one_step_and_shades_the_rest(adjusting: MainWindow, qtbot: QtBot) -> None:
    panel, canvas = panel_of(adjusting), adjusting.workspace.canvas
    plain = adjusting.workspace.render_view(View(Rect(0, 0, 100, 80), 1.0))
    panel.form.pick_requested.emit("crop")
    editor = panel._editor
    assert editor is not None
    QTest.mousePress(editor, LEFT, NO_KEYS, canvas.widget_position(20, 10).toPoint())
    for place in ((40, 30), (70, 50)):
        move_mouse(editor, canvas.widget_position(*place).toPoint(), LEFT)
    QTest.mouseRelease(editor, LEFT, NO_KEYS, canvas.widget_position(70, 50).toPoint())
    crop = panel.adjustments.crop
    assert crop is not None
    assert crop == pytest.approx((20, 10, 50, 40), abs=1)
    qtbot.waitUntil(lambda: not adjusting.controller.pipeline.busy, timeout=60_000)
    shown = adjusting.workspace.render_view(View(Rect(0, 0, 100, 80), 1.0))
    assert np.array_equal(shown[60:], plain[60:] // 3)
    assert np.array_equal(shown[40:48, 25:65], plain[40:48, 25:65])
    QTest.keyClick(editor, Qt.Key.Key_Escape)
    assert editor.tool is None
    adjusting.controller.undo()
    assert panel.adjustments.identity


def test_dragging_widens_the_window_and_moves_the_level(adjusting: MainWindow, qtbot: QtBot) -> None:
    panel = panel_of(adjusting)
    panel.form.edited.emit("levels", (0.25, 0.75), False)
    panel.window_drag.click()
    drag = panel._drag
    assert drag is not None
    QTest.mousePress(drag, LEFT, NO_KEYS, QPoint(300, 200))
    move_mouse(drag, QPoint(220, 200), LEFT)
    move_mouse(drag, QPoint(140, 120), LEFT)
    QTest.mouseRelease(drag, LEFT, NO_KEYS, QPoint(140, 120))
    # 160 px to the left halve the window of 0.5; 80 px up raise its middle by a quarter of it.
    assert panel.adjustments.levels == pytest.approx((0.5, 0.75, 1.0))
    QTest.keyClick(drag, Qt.Key.Key_Escape)
    assert drag.isHidden()
    assert not panel.window_drag.isChecked()
    adjusting.controller.undo()
    assert panel.adjustments.levels == (0.25, 0.75, 1.0)


def test_sixteen_bits_keep_their_precision_on_the_canvas(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    # A ramp of 64 values that are one in 8 bits.
    ramp = np.repeat(np.arange(2000, 2064, dtype=np.uint16)[None], 32, axis=0)
    cv2.imwrite(str(tmp_path / "deep.png"), np.dstack([ramp] * 3))
    controller = window.controller
    controller.open_paths([tmp_path / "deep.png"])
    qtbot.waitUntil(lambda: controller.shown.sample is not None, timeout=60_000)
    sample = controller.shown.sample
    assert isinstance(sample, Image)
    assert sample.pixels.dtype == np.uint16
    slot = controller.session.state.instance.spec.canvas_slot
    low, high = (float(sample.pixels[0, x, 0]) / 65535 for x in (0, -1))
    window.workspace.overlay = False
    controller.set_adjustments(Adjustments(levels=(low, high, 1.0)), slot=slot)
    row = window.workspace.render_view(View(Rect(0, 0, 64, 32), 1.0))[16, :, 0]
    assert len(np.unique(row)) == 64
    assert row.tolist() == pytest.approx(np.linspace(0, 255, 64).tolist(), abs=1)


def test_a_preview_is_the_adjusted_picture_and_the_histogram_that_of_the_values() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (300, 400, 3)).astype(np.uint8)
    adjustments = Adjustments.from_text("crop=100,50,200,120 rotate=90 flip=h levels=0.2,0.9,1.5")
    assert np.array_equal(preview_of(Image(pixels), adjustments, 400), adjustments.apply(Image(pixels)).rgb8)
    assert Size(*preview_of(Image(pixels), adjustments, 50).shape[1::-1]) == (30, 50)
    counts = histogram_of(Image(pixels)).counts
    assert counts.sum() == pixels.size
    assert counts.tolist() == np.bincount(pixels.ravel() // 2, minlength=128).tolist()


def test_the_histogram_is_that_of_the_frame_on_the_canvas(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    path, controller = tmp_path / "clip.avi", window.controller
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (64, 48))
    for level in (20, 20, 200, 200):
        writer.write(np.full((48, 64, 3), level, np.uint8))
    writer.release()
    controller.open_paths([path])
    qtbot.waitUntil(lambda: controller.shown.sample is not None, timeout=60_000)
    controller.use_analysis("hog")
    window.show_panel("adjust")
    panel = panel_of(window)
    for secs, level in ((0.0, 20), (0.3, 200), (0.1, 20)):
        controller.playback.seek(secs)
        qtbot.waitUntil(
            lambda level=level: (
                (sample := controller.shown.sample) is not None and abs(int(sample.rgb8[0, 0, 0]) - level) < 9
            ),
            timeout=60_000,
        )
        histogram = panel._histogram
        assert histogram is not None
        assert abs(int(histogram.counts.argmax()) / 128 - level / 255) < 0.04


def test_one_of_a_set_is_adjusted_alone_then_all_like_it(adjusting: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    panel, controller = panel_of(adjusting), adjusting.controller
    first = controller.session.state.active_media
    panel.form.edited.emit("brightness", 0.25, False)
    assert "every file" in panel.scope.text()
    panel.only_this.click()
    assert panel.scope.text() == f"For {first.name} alone."
    panel.form.edited.emit("brightness", 0.5, False)
    other = tmp_path / "other.png"
    cv2.imwrite(str(other), np.zeros((60, 90, 3), np.uint8))
    controller.open_paths([other])
    qtbot.waitUntil(lambda: controller.session.state.active_media.path == other, timeout=60_000)
    assert panel.adjustments.brightness == 0.25
    assert not panel.alone
    controller.activate(first)
    assert panel.adjustments.brightness == 0.5
    panel.apply_to_all.click()
    assert not panel.alone
    assert controller.session.state.instance.adjustments["picture"].brightness == 0.5
    controller.undo()
    assert panel.alone
    panel.like_others.click()
    assert panel.adjustments.brightness == 0.25


def test_the_canvas_is_turned_as_the_analysis_is_given_the_picture(
    adjusting: MainWindow, qtbot: QtBot, patch_finder: Any
) -> None:
    """Drawn is the turned picture with upright labels, while clicks and results stay in the pixels of the file."""
    panel, controller, workspace = panel_of(adjusting), adjusting.controller, adjusting.workspace
    canvas, sample = workspace.canvas, controller.shown.sample
    assert isinstance(sample, Image)
    panel.right.click()
    panel.flip_h.click()
    qtbot.waitUntil(lambda: not controller.pipeline.busy, timeout=60_000)
    turned = panel.adjustments.apply(sample)
    assert turned.size == Size(80, 100)
    workspace.overlay = False
    assert np.array_equal(workspace.render_view(View(Rect(0, 0, 80, 100), 1.0)), turned.rgb8)
    workspace.overlay = True
    # Its boxes are drawn around the patch where that is shown.
    result = controller.current_result()
    x1, y1, x2, y2 = patch_finder.PATCH
    assert result.boxes.tolist() == [[x1, y1, x2, y2]]
    drawn = workspace.render_view(View(Rect(0, 0, 80, 100), 1.0))
    changed = np.argwhere((drawn != turned.rgb8).any(axis=2))
    placed = panel.adjustments.pixel_map(sample.size).rect(Rect(x1, y1, x2 - x1, y2 - y1))
    assert abs(changed[:, 0].max() + 1 - placed.bottom) <= 3
    # Under the plate with its label, which is wider.
    columns = changed[changed[:, 0] >= placed.bottom - 3, 1]
    assert (columns.min(), columns.max() + 1) == pytest.approx((placed.x, placed.right), abs=3)
    # There and back, and what is under the cursor is the pixel of the file.
    assert canvas.content_size == Size(100, 80)
    for x, y in ((0.0, 0.0), (30.0, 70.0), (99.0, 10.0)):
        assert canvas.image_position(canvas.widget_position(x, y)) == pytest.approx((x, y))
    assert canvas.view().rect.width >= 100
    corner = canvas.widget_position(0, 0)
    shown_x, shown_y = panel.adjustments.pixel_map(sample.size).point(0, 0)
    other = canvas.widget_position(100, 0)
    # What was a row of the file is a column now.
    assert corner.x() == pytest.approx(other.x())
    assert (shown_x, shown_y) == (0.0, 0.0)
    canvas.clicked.emit((x1 + x2) / 2, (y1 + y2) / 2, NO_KEYS)
    assert controller.session.state.selection == frozenset(result.ids.tolist())
    # Part of the file: a rectangle is shown where it is.
    canvas.show_rect(Rect(x1, y1, x2 - x1, y2 - y1))
    middle = canvas.image_position(QPointF(canvas.width() / 2, canvas.height() / 2))
    assert middle == pytest.approx(((x1 + x2) / 2, (y1 + y2) / 2), abs=1)
    panel.reset.click()
    assert canvas.image_position(canvas.widget_position(30, 70)) == pytest.approx((30, 70))
    assert canvas.widget_position(100, 0).x() > canvas.widget_position(0, 0).x()
