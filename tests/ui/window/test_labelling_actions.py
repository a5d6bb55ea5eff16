"""How many actions common labelling takes, counted against the documented keys of X-AnyLabeling.

There a box is drawn by R or a digit that was given a class before (one key), and a drag; without that a dialog asks for
the class of each. Ten boxes on three pictures are ten times two actions, and two keys for the next picture: 22.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from cvstudio.session.session import State
from tests.ui.window.labelling_steps import annotations, begin, draw, editor, key
from ui.window.main_window import MainWindow

THEIRS = 22
# Classes of the boxes of each picture, 0 to 2.
WANTED = ((0, 0, 1, 2), (1, 1, 0), (2, 2, 0))


def test_ten_boxes_of_three_classes_on_three_pictures(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    controller = window.controller
    for number in range(3):
        Pillow.fromarray(np.full((80, 120, 3), 90 + number, np.uint8)).save(tmp_path / f"{number}.png")
    controller.open_paths([tmp_path / f"{number}.png" for number in range(3)])
    window.show_panel("labels")
    qtbot.waitUntil(lambda: window.workspace.canvas.content_size is not None, timeout=30_000)
    begin(window, qtbot, "car, dog, cat")
    key(window, Qt.Key.Key_B)
    actions, current = 1, 0
    for picture, classes in enumerate(WANTED):
        if picture:
            key(window, Qt.Key.Key_D)
            actions += 1
            media = controller.session.state.media[picture]
            qtbot.waitUntil(lambda media=media: controller.session.state.active == media.id, timeout=30_000)
            qtbot.waitUntil(lambda: editor(window).tool is not None, timeout=30_000)
        for place, category in enumerate(classes):
            draw(window, (5 + 25 * place, 10), (25 + 25 * place, 40))
            actions += 1
            if category != current:
                # The box that was just drawn is selected, and the next ones are of its class, too.
                key(window, Qt.Key(Qt.Key.Key_1.value + category))
                actions, current = actions + 1, category
        assert tuple(item.category for item in annotations(window)) == classes
    assert actions == 19 < THEIRS
    controller.session.load(State())
