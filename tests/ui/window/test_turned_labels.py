"""Labels on a turned picture and a turned video: drawn where they are seen, kept in the pixels of the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from cvstudio.data.adjustments import Adjustments
from cvstudio.data.geometry import Size
from cvstudio.session.session import State
from tests.ui.window.labelling_steps import annotations, begin, draw, editor, key, panel, settled
from ui.window.main_window import MainWindow


def test_what_is_drawn_on_a_turned_picture_lies_where_it_is_seen(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    pixels = np.full((200, 300, 3), 60, np.uint8)
    pixels[20:80, 40:140] = (200, 200, 60)
    Pillow.fromarray(pixels).save(tmp_path / "one.png")
    controller, canvas = window.controller, window.workspace.canvas
    controller.open_paths([tmp_path / "one.png"])
    window.show_panel("labels")
    qtbot.waitUntil(lambda: canvas.content_size is not None, timeout=30_000)
    begin(window, qtbot, "car, dog")
    controller.set_adjustments(Adjustments(rotate=90))
    qtbot.waitUntil(lambda: canvas._turn is not None, timeout=30_000)
    qtbot.waitUntil(lambda: editor(window).tool is not None, timeout=30_000)
    editor(window).setFocus()
    key(window, Qt.Key.Key_B)
    draw(window, (40, 20), (90, 50), (140, 80))
    assert annotations(window)[0].box == pytest.approx((40, 20, 140, 80), abs=1)
    key(window, Qt.Key.Key_Escape)
    key(window, Qt.Key.Key_M)
    draw(window, (200, 100), (260, 100), (260, 160))
    mask = annotations(window)[1].mask
    assert mask is not None
    assert mask.full(Size(300, 200))[100, 230]
    key(window, Qt.Key.Key_R)
    key(window, Qt.Key.Key_2)
    draw(window, (40, 150), (140, 150))
    label_map = controller.labelling.labels.label_map
    assert label_map is not None
    assert label_map.classes[150, 90] == 1
    qtbot.waitUntil(lambda: settled(window), timeout=60_000)
    right, below = canvas.widget_position(140, 20), canvas.widget_position(40, 80)
    corner = canvas.widget_position(40, 20)
    assert (abs(right.x() - corner.x()), abs(below.y() - corner.y())) == pytest.approx((0, 0), abs=0.5), "it is turned"
    # Its panel stands in a narrow column: no button of it is cut off.
    shown = panel(window)
    for button in (shown.edit, *shown.modes.values()):
        assert button.width() >= button.sizeHint().width()
    qtbot.waitUntil(lambda: not controller.pipeline.busy, timeout=60_000)
    controller.session.load(State())


def test_frames_of_a_turned_video_are_labelled(window: MainWindow, qtbot: QtBot, numbered_clip: Path) -> None:
    controller, canvas = window.controller, window.workspace.canvas
    controller.open_paths([numbered_clip])
    window.show_panel("labels")
    qtbot.waitUntil(lambda: canvas.content_size is not None, timeout=30_000)
    begin(window, qtbot, "car")
    controller.set_adjustments(Adjustments(rotate=90, flip="h"))
    qtbot.waitUntil(lambda: canvas._turn is not None, timeout=30_000)
    qtbot.waitUntil(lambda: editor(window).tool is not None, timeout=30_000)
    editor(window).setFocus()
    key(window, Qt.Key.Key_B)
    draw(window, (4, 8), (14, 18), (20, 24))
    assert annotations(window)[0].box == pytest.approx((4, 8, 20, 24), abs=0.5)
    for number in (1, 2):
        key(window, Qt.Key.Key_D)
        qtbot.waitUntil(lambda number=number: controller.labelling.frames.number == number, timeout=30_000)
        qtbot.waitUntil(lambda: editor(window).tool is not None, timeout=30_000)
        assert canvas._turn is not None, "the next frame is turned, too"
        assert editor(window).tool.mode == "box"
    key(window, Qt.Key.Key_T)
    assert annotations(window)[0].box == pytest.approx((4, 8, 20, 24), abs=0.5)
    controller.session.load(State())


def test_a_turned_video_plays_turned(window: MainWindow, qtbot: QtBot, numbered_clip: Path) -> None:
    controller, canvas = window.controller, window.workspace.canvas
    controller.open_paths([numbered_clip])
    qtbot.waitUntil(lambda: canvas.content_size is not None, timeout=30_000)
    controller.set_adjustments(Adjustments(rotate=90))
    qtbot.waitUntil(lambda: canvas._turn is not None, timeout=30_000)
    turns: list[bool] = []
    controller.view_changed.connect(lambda shown: turns.append(canvas._turn is not None))
    controller.playback.play()
    qtbot.waitUntil(lambda: (controller.shown.pts or 0) > 0.5, timeout=60_000)
    controller.playback.pause()
    assert turns
    assert all(turns), "no frame is shown upright in between"
    corner, right = canvas.widget_position(0, 0), canvas.widget_position(64, 0)
    assert abs(right.x() - corner.x()) < 1 < abs(right.y() - corner.y())
    qtbot.waitUntil(lambda: not controller.pipeline.busy, timeout=60_000)
    controller.session.load(State())
