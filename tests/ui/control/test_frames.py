"""What the window makes of the frames of a video beside showing them: counts, and pictures of their own."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from cvstudio.media import open_reader
from ui.control.controller import Controller
from ui.window.main_window import MainWindow


def write_clip(path: Path, level: int, count: int = 5) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (64, 48))
    for _ in range(count):
        writer.write(np.full((48, 64, 3), level, np.uint8))
    writer.release()


def shows(controller: Controller, path: Path, level: int) -> bool:
    media, frame = controller.session.state.active_media, controller.shown.sample
    # For a moment the frame of the medium before is still on screen.
    return media is not None and media.path == path and frame is not None and abs(int(frame.pixels.mean()) - level) <= 4


def test_what_is_counted_is_of_the_chosen_device_and_precision(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    write_clip(tmp_path / "clip.avi", 40, 30)
    controller = window.controller
    controller.pipeline.set_device("cpu")
    controller.pipeline.host.precision = "float32"
    controller.open_paths([tmp_path / "clip.avi"])
    qtbot.waitUntil(lambda: controller.detections() is not None, timeout=60_000)
    window.toggle_panel("counts")
    panel = window.docks["counts"].widget()
    panel.count_all()
    qtbot.waitUntil(lambda: panel._running is None, timeout=120_000)
    assert panel._counts is not None
    assert len(panel._counts.times) == 30


def test_a_frame_that_is_kept_twice_and_one_of_a_namesake_stay_what_they_are(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    controller = window.controller
    first, second = tmp_path / "a" / "clip.avi", tmp_path / "b" / "clip.avi"
    for path, level in ((first, 40), (second, 200)):
        path.parent.mkdir()
        write_clip(path, level)
    for path, level in ((first, 40), (first, 40), (second, 200)):
        controller.open_paths([path])
        qtbot.waitUntil(lambda path=path, level=level: shows(controller, path, level), timeout=30_000)
        before = window.controller.session.state.media
        window.snapshots.keep()
        QTest.qWait(300)
        qtbot.waitUntil(lambda: not controller.pipeline.busy, timeout=30_000)
        assert len(before) <= len(controller.session.state.media) <= len(before) + 1
    kept = [media for media in controller.session.state.media if media.kind == "image"]
    assert len(kept) == 2
    for media, level in zip(kept, (40, 200), strict=True):
        with open_reader(media) as reader:
            assert abs(int(reader.read().pixels.mean()) - level) <= 4
